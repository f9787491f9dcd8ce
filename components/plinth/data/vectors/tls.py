"""Certificates of stores on the cluster: one authority for all of them, made from a seed in the stack's state."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from plinth import naming
from plinth.base import Component
from plinth.data.vectors.built import VectorPlatform
from plinth.security import authority
from plinth.security.secrets import RemoteSecret, external_secret, managed_secret
from plinth.spec.environment import Environment

FILES = {"tls.crt": "certificate", "tls.key": "key", "ca.crt": "authority"}
"""Files of the Kubernetes Secret of a store's certificate -> property of the secret in Secrets Manager."""

AUTHORITY_FILE = "ca.crt"


class StoreAuthority(Component):
    """The authority that certifies the environment's stores on the cluster.

    Its key is nowhere but in the stack's state. Another `generation` makes a new authority and new certificates.
    """

    certificate: pulumi.Output[str]
    """What clients trust (PEM). Public."""

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        generation: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("StoreAuthority", name, {"generation": generation}, environment=environment, opts=opts)
        self._called = f"Plinth {environment.name} stores"
        seed = random.RandomBytes(
            f"{name}-seed",
            length=authority.SEED_BYTES,
            keepers={"generation": str(generation)},
            opts=self.options(random.RandomBytes),
        )
        self._seed = pulumi.Output.secret(seed.hex)
        self.certificate = pulumi.Output.unsecret(
            self._seed.apply(lambda text: authority.authority(bytes.fromhex(text), self._called))
        )
        self.register_outputs({"certificate": self.certificate})

    def issue(self, hosts: Sequence[str]) -> pulumi.Output[authority.Certificate]:
        """The certificate of a server that answers as `hosts`. Secret."""
        return self._seed.apply(lambda text: authority.issue(bytes.fromhex(text), self._called, hosts))


def certificate_secret(
    component: Component,
    name: str,
    hosts: Sequence[str],
    *,
    store: str,
    target: str,
    environment: Environment,
    issuer: StoreAuthority,
    platform: VectorPlatform,
) -> pulumi.Resource:
    """A store's certificate in Secrets Manager, and in the Kubernetes Secret `target`, as children of `component`."""
    made = issuer.issue(hosts)
    secret_name = naming.vector_secret(environment, store, "tls")
    written = managed_secret(
        component,
        f"{name}-tls",
        environment=environment,
        secret_name=secret_name,
        value=pulumi.Output.json_dumps(
            {
                "certificate": made.apply(lambda pair: pair.certificate),
                "key": made.apply(lambda pair: pair.key),
                "authority": issuer.certificate,
            }
        ),
        key_arn=platform.secrets_key_arn,
        description=f"Certificate of the vector store {store}",
    )
    return mounted(component, f"{name}-tls", secret_name, written, target, FILES, platform)


def mounted(
    component: Component,
    name: str,
    secret_name: str,
    written: pulumi.Output[str],
    target: str,
    fields: Mapping[str, str],
    platform: VectorPlatform,
) -> pulumi.Resource:
    """Properties of a secret as fields of the Kubernetes Secret `target`, once it is written: field -> property."""
    source = written.apply(lambda _: secret_name)
    return external_secret(
        f"{name}-mounted",
        namespace=platform.namespace,
        target=target,
        entries={field: RemoteSecret(source, part) for field, part in fields.items()},
        store_name=platform.bridge.store_name,
        opts=component.options(k8s.apiextensions.CustomResource),
    )

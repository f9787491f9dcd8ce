"""GPUs outside AWS as a backend of the gateway: an instance of Lambda Cloud, or an endpoint that is there already."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random
from pulumi_kubernetes import core, discovery, meta

from plinth import naming, pods
from plinth.base import Component
from plinth.security.secrets import RemoteSecret, managed_secret
from plinth.serving.remote import certificate, cloud_init, plan
from plinth.serving.remote.instance import LambdaInstance
from plinth.spec.environment import Environment
from plinth.spec.remote import AnyRemoteGpu, LambdaGpu


class RemoteGpu(Component):
    """One backend on GPUs outside AWS.

    An instance gets an address inside the cluster, by a Service without pods that leads to it: its own may change,
    and the gateway's configuration does not.
    """

    mounts: dict[str, RemoteSecret]
    """File in the gateway's folder for this backend -> where its contents come from."""

    ip: pulumi.Output[str] | None
    """Public address of the instance; None for an endpoint."""

    def __init__(
        self,
        name: str,
        section: AnyRemoteGpu,
        *,
        environment: Environment,
        namespace: pulumi.Input[str],
        sources: Sequence[pulumi.Input[str]],
        secrets_key_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("RemoteGpu", name, section, environment=environment, opts=opts)
        self._name, self._namespace = name, namespace
        self.ip = None
        if isinstance(section, LambdaGpu):
            self._instance(section, environment, sources, secrets_key_arn)
        else:
            self.mounts = {file: RemoteSecret(secret) for file, secret in plan.secrets(section).items()}
        self.register_outputs({"ip": self.ip})

    def _instance(
        self,
        section: LambdaGpu,
        environment: Environment,
        sources: Sequence[pulumi.Input[str]],
        secrets_key_arn: pulumi.Input[str],
    ) -> None:
        name, host = self._name, plan.host(section)
        seed = random.RandomBytes(f"{name}-seed", length=certificate.SEED_BYTES, opts=self.options(random.RandomBytes))
        token = random.RandomPassword(
            f"{name}-token", length=48, special=False, opts=self.options(random.RandomPassword)
        )
        user_data = pulumi.Output.secret(
            pulumi.Output.all(seed.hex, token.result).apply(
                lambda parts: cloud_init.user_data(
                    section, certificate.make(bytes.fromhex(parts[0]), host), str(parts[1])
                )
            )
        )
        instance = LambdaInstance(
            f"{name}-instance",
            {
                "owner": f"{environment.account_id}/{environment.name}/{section.name}",
                "region": section.region,
                "instanceType": section.instance_type,
                "imageFamily": section.image_family,
                "sshKey": section.ssh_key,
                "instanceName": f"plinth-{environment.name}-{section.name}",
                "userData": user_data,
                "sources": list(sources),
                "maxCentsPerHour": plan.fuse_in_cents(section),
                "startMinutes": section.start_minutes,
            },
            # Also where a person asks for its replacement: the new one would otherwise take itself for the old one.
            self.options(LambdaInstance, delete_before_replace=True, additional_secret_outputs=["userData"]),
        )
        self.ip = instance.ip
        self._address(section, instance.ip)
        self.mounts = {
            plan.TOKEN_FILE: RemoteSecret(
                self._secret("token", section, environment, token.result, secrets_key_arn, "Token of the model server")
            ),
            plan.CERTIFICATE_FILE: RemoteSecret(
                self._secret(
                    "certificate",
                    section,
                    environment,
                    seed.hex.apply(lambda text: certificate.make(bytes.fromhex(text), host).certificate),
                    secrets_key_arn,
                    "Certificate of the model server",
                )
            ),
        }

    def _secret(
        self,
        what: str,
        section: LambdaGpu,
        environment: Environment,
        value: pulumi.Output[str],
        key_arn: pulumi.Input[str],
        description: str,
    ) -> pulumi.Output[str]:
        """A secret that the gateway mounts; gives its name, known once it has its value."""
        secret_name = naming.remote_gpu_secret(environment, section.name, what)
        written = managed_secret(
            self,
            f"{self._name}-{what}-secret",
            environment=environment,
            secret_name=secret_name,
            value=value,
            key_arn=key_arn,
            description=f"{description} {section.name}",
        )
        return written.apply(lambda _: secret_name)

    def _address(self, section: LambdaGpu, ip: pulumi.Output[str]) -> None:
        """A Service without pods, and the instance as its only end."""
        service, labels = plan.service(section), pods.labels("remote-gpu", section.name)
        core.v1.Service(
            f"{self._name}-service",
            metadata=meta.v1.ObjectMetaArgs(name=service, namespace=self._namespace, labels=labels),
            spec=core.v1.ServiceSpecArgs(ports=[core.v1.ServicePortArgs(name="https", port=plan.PORT)]),
            # There are no pods to wait for.
            opts=self.options(core.v1.Service),
        )
        discovery.v1.EndpointSlice(
            f"{self._name}-address",
            metadata=meta.v1.ObjectMetaArgs(
                name=f"{service}-instance",
                namespace=self._namespace,
                labels={
                    **labels,
                    "kubernetes.io/service-name": service,
                    "endpointslice.kubernetes.io/managed-by": "pulumi",
                },
            ),
            address_type="IPv4",
            endpoints=[
                discovery.v1.EndpointArgs(addresses=[ip], conditions=discovery.v1.EndpointConditionsArgs(ready=True))
            ],
            ports=[discovery.v1.EndpointPortArgs(name="https", port=plan.PORT, protocol="TCP")],
            opts=self.options(k8s.discovery.v1.EndpointSlice),
        )

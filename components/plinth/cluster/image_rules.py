"""Which images may run, held against every pod at admission."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s

from plinth import versions
from plinth.base import Component
from plinth.cluster import image_policy
from plinth.security import documents
from plinth.security.identity import WorkloadIdentity
from plinth.spec.environment import Environment
from plinth.spec.images import ImageRules as ImageRulesSection
from plinth.spec.images import KmsSignature


class ImageRules(Component):
    """Kyverno, and what it holds the images of model servers and tenants against: digest, registry, signature."""

    ready: list[pulumi.Resource]
    """The rules: a pod that is made after them was held against them."""

    def __init__(
        self,
        name: str,
        section: ImageRulesSection,
        *,
        environment: Environment,
        cluster_name: pulumi.Input[str],
        namespace: pulumi.Input[str],
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Install Kyverno after what brings the definitions of its kinds, and give it the rules."""
        super().__init__("ImageRules", name, section, environment=environment, opts=opts)
        first = list(after)
        if section.signatures:
            first.append(self._access(name, section, cluster_name, namespace))
        chart = versions.KYVERNO
        release = k8s.helm.v3.Release(
            f"{name}-kyverno",
            name="kyverno",
            namespace=namespace,
            chart=chart.name,
            version=chart.version,
            repository_opts=k8s.helm.v3.RepositoryOptsArgs(repo=chart.repository),
            values=image_policy.chart_values(environment),
            skip_crds=True,
            atomic=True,
            cleanup_on_fail=True,
            max_history=5,
            timeout=600,
            opts=self.options(k8s.helm.v3.Release, depends_on=first),
        )
        options = self.options(k8s.apiextensions.CustomResource, depends_on=[release])
        self.ready = [
            image_policy.origin(section, environment).register(f"{name}-origin", name="image-origin", opts=options),
            *(
                image_policy.signed(signature, section, environment).register(
                    f"{name}-signed-{signature.name}", name=f"image-signed-{signature.name}", opts=options
                )
                for signature in section.signatures
            ),
        ]
        self.register_outputs({"rules": len(self.ready)})

    def _access(
        self, name: str, section: ImageRulesSection, cluster_name: pulumi.Input[str], namespace: pulumi.Input[str]
    ) -> WorkloadIdentity:
        """Signatures of private images are in the account's registry, and keys in KMS."""
        keys = signing_keys(section, self._environment)
        return WorkloadIdentity(
            f"{name}-identity",
            environment=self._environment,
            cluster_name=cluster_name,
            namespace=namespace,
            service_account=image_policy.SERVICE_ACCOUNT,
            policies={"pull": registry_policy(self._environment), **({"keys": key_policy(keys)} if keys else {})},
            opts=pulumi.ResourceOptions(parent=self),
        )


def signing_keys(section: ImageRulesSection, environment: Environment) -> list[str]:
    """ARNs of the KMS keys that images are signed with."""
    signatures = [signature for signature in section.signatures if isinstance(signature, KmsSignature)]
    return list(dict.fromkeys(signature.key_in(environment.region) for signature in signatures))


def key_policy(keys: Sequence[str]) -> documents.Document:
    """IAM policy: read the public halves of these keys; signatures are checked without KMS."""
    return documents.document(documents.allow(["kms:DescribeKey", "kms:GetPublicKey"], list(keys), sid="PublicKeys"))


def registry_policy(environment: Environment) -> documents.Document:
    """IAM policy: read images and signatures of the account's registry. Signing in to it knows no resource."""
    region, account = environment.region, environment.account_id
    repositories = f"arn:{documents.partition(region)}:ecr:{region}:{account}:repository/*"
    here = {"StringEquals": {"aws:RequestedRegion": region}}
    return documents.document(
        documents.allow(
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            [repositories],
            sid="Pull",
        ),
        documents.allow(["ecr:GetAuthorizationToken"], ["*"], condition=here, sid="SignIn"),
    )

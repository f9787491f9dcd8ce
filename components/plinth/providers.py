"""The providers: the only place that builds any.

Default providers are disabled in Pulumi.yaml, so that a resource that is not handed one of these fails instead of
landing in whatever account the shell happens to be signed in to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pulumi_random as random
import pulumi_snowflake as snowflake

from plinth.serving.remote.instance import LambdaCloud
from plinth.snowflake.previews import previews
from plinth.spec.environment import Environment
from plinth.spec.snowflake import Snowflake

LOCAL_SERVICES = (
    "budgets",
    "cloudwatchevents",
    "cloudwatchlogs",
    "ec2",
    "eks",
    "elasticache",
    "iam",
    "kms",
    "rds",
    "opensearch",
    "s3",
    "s3vectors",
    "secretsmanager",
    "sns",
    "sqs",
    "sts",
)
"""AWS services that the platform uses, as the provider's `endpoints` name them."""

LOCAL_MANIFESTS = ".plinth/local/manifests"
"""Where Kubernetes objects of the laptop go: there is no cluster to send them to."""


@dataclass(frozen=True)
class Providers:
    """The providers of one environment, handed to every component at the top."""

    aws: aws.Provider
    random: random.Provider
    kubernetes: k8s.Provider | None = None
    """Known once there is a cluster."""
    within: pulumi.Resource | None = None
    """The region that everything belongs to; None for the environment's own."""
    label: str = ""
    """What the names of this region's providers end with."""

    @property
    def home(self) -> bool:
        """Whether this is the environment's own region, which also makes what an account has once."""
        return self.within is None

    def options(self, *further: pulumi.ProviderResource, **more: Any) -> pulumi.ResourceOptions:
        """Options of a component at the top of a region, with `further` providers, and `more` `ResourceOptions`."""
        everything: list[pulumi.ProviderResource] = [self.aws, self.random, *further]
        if self.kubernetes:
            everything.append(self.kubernetes)
        return pulumi.ResourceOptions(parent=self.within, providers=everything, **more)

    def with_kubernetes(self, provider: k8s.Provider) -> "Providers":
        """The same, with a cluster."""
        return replace(self, kubernetes=provider)


def base_providers(
    environment: Environment, local_endpoint: pulumi.Input[str] | None, more_tags: Mapping[str, str] | None = None
) -> Providers:
    """AWS and random. `local_endpoint` is the address of the laptop's stand-in for AWS."""
    tags = {**environment.all_tags, **(more_tags or {})}
    return Providers(
        aws=aws.Provider(
            "aws",
            region=environment.region,
            allowed_account_ids=[environment.account_id] if local_endpoint is None else None,
            default_tags=aws.ProviderDefaultTagsArgs(tags=tags),
            **(_local_aws(local_endpoint) if local_endpoint is not None else {}),
        ),
        random=random.Provider("random"),
    )


def further_region(given: Providers, environment: Environment, within: pulumi.Resource) -> Providers:
    """The providers of a further region; everything that they make lies `within`, so that names need not differ.

    Args:
        given: the providers of the environment's own region.
        environment: the environment as the further region sees it.
        within: the component of that region.
    """
    return Providers(
        aws=aws.Provider(
            f"aws-{environment.region}",
            region=environment.region,
            allowed_account_ids=[environment.account_id],
            default_tags=aws.ProviderDefaultTagsArgs(tags=environment.all_tags),
        ),
        random=given.random,
        within=within,
        label=f"-{environment.region}",
    )


def _local_aws(endpoint: pulumi.Input[str]) -> dict[str, Any]:
    """What sends the AWS provider to the laptop's stand-in, which knows every account and checks no signature."""
    return {
        "endpoints": [aws.ProviderEndpointArgs(**dict.fromkeys(LOCAL_SERVICES, endpoint))],
        "access_key": "local",
        "secret_key": "local",
        "s3_use_path_style": True,
        "skip_credentials_validation": True,
        "skip_metadata_api_check": True,
        "skip_region_validation": True,
        "skip_requesting_account_id": True,
    }


def cluster_provider(
    environment: Environment,
    *,
    kubeconfig: pulumi.Input[str],
    identifier: pulumi.Input[str],
    label: str = "",
    ready: Sequence[pulumi.Resource] = (),
) -> k8s.Provider:
    """Kubernetes, through the cluster's own kubeconfig; on the laptop, into files.

    Args:
        environment: decides between cluster and files.
        kubeconfig: how to reach and sign in to the cluster.
        identifier: what the provider is replaced for when it changes; nothing else replaces it.
        label: end of the provider's name, for a cluster in a further region.
        ready: what must exist before anything can run in the cluster.
    """
    where: dict[str, Any] = (
        {"render_yaml_to_directory": LOCAL_MANIFESTS}
        if environment.stage == "local"
        else {"kubeconfig": kubeconfig, "cluster_identifier": identifier}
    )
    return k8s.Provider(
        f"kubernetes{label}",
        # A changed ConfigMap is updated in place; pods restart by the checksum in their annotations.
        enable_config_map_mutable=True,
        enable_server_side_apply=True,
        opts=pulumi.ResourceOptions(depends_on=list(ready)),
        **where,
    )


def lambda_provider(api_key: pulumi.Input[str] | None) -> LambdaCloud:
    """Lambda Cloud. Without a key nothing can be launched, and an error says how to set it."""
    return LambdaCloud("lambda-cloud", api_key)


def snowflake_provider(section: Snowflake, private_key: pulumi.Input[str] | None) -> snowflake.Provider:
    """Snowflake, signed in as a service user with its key pair.

    `private_key` is PEM text; without it the provider takes SNOWFLAKE_PRIVATE_KEY from the environment.
    """
    return snowflake.Provider(
        "snowflake",
        organization_name=section.organization,
        account_name=section.account,
        user=section.user,
        authenticator="SNOWFLAKE_JWT",
        private_key=private_key,
        preview_features_enabled=previews(section) or None,
    )

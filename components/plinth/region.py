"""A platform in one region: every layer, on top of its keys and object storage."""

from dataclasses import dataclass

import pulumi

from plinth import layers
from plinth.data.cache import FollowsCache
from plinth.data.postgres import Follows, Leads
from plinth.gateway.entry import Part
from plinth.layers.governance import governance
from plinth.observability.monitoring import Monitoring
from plinth.providers import Providers
from plinth.security.secrets import SecretCopies
from plinth.serving.model_deployment import ModelDeployment
from plinth.spec.platform import PlatformSpec


@dataclass(frozen=True)
class Platform:
    """What was built in one region."""

    foundation: layers.Foundation
    cluster: layers.ClusterLayer
    data: layers.Data
    models: dict[str, ModelDeployment]
    access: layers.Access
    monitoring: Monitoring


def build_region(
    spec: PlatformSpec,
    given: Providers,
    stores: layers.Stores,
    *,
    snowflake_key: pulumi.Input[str] | None = None,
    lambda_key: pulumi.Input[str] | None = None,
    copies: SecretCopies | None = None,
    copied: pulumi.Output[str] | None = None,
    part: Part = "only",
    postgres: Leads | Follows | None = None,
    cache: FollowsCache | None = None,
) -> Platform:
    """Build every layer.

    Args:
        spec: the environment, as the region sees it.
        given: the region's providers.
        stores: what was made before.
        snowflake_key: how Snowflake is signed in to.
        lambda_key: API key of Lambda Cloud.
        copies: the second region, which gets copies of the gateway's keys.
        copied: in that region: known once the keys are there.
        part: what the region is to the gateway's DNS name.
        postgres: what PostgreSQL is to that of another region, where a global database joins the two.
        cache: what the cache there follows; None: it stands alone.
    """
    foundation = layers.foundation(spec, given, stores)
    cluster = layers.cluster(spec, foundation, given)
    data = layers.data(spec, foundation, cluster, snowflake_key, postgres, cache)
    models = layers.serving(spec, foundation, cluster)
    access = layers.gateway(spec, foundation, cluster, copies, copied, part, lambda_key, layers.grants(spec, data))
    layers.warehouse(spec, cluster, data, access)
    monitoring = layers.observability(spec, foundation, cluster)
    layers.store_watch(spec, cluster, data, monitoring)
    governance(spec, foundation, cluster, data)
    return Platform(foundation, cluster, data, models, access, monitoring)

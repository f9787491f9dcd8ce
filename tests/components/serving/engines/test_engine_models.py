"""Any model on any engine is either a spec error that says what to do, or objects that Kubernetes takes."""

from types import SimpleNamespace
from typing import Any

import pulumi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.engines import ENGINES, model, spec_of
from support.recorder import record
from support.worlds import environment

from plinth.serving.model_deployment import ModelDeployment
from plinth.serving.platform import ServingPlatform
from plinth.spec import PlatformSpec
from plinth.spec.problem import SpecError
from plinth_cli.rehearsal.kubernetes.validate import validate_object

replicas = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda pair: {"min": pair[0], "max": pair[1]})

models = st.fixed_dictionaries(
    {
        "parallelism": st.fixed_dictionaries({"tensor": st.sampled_from([1, 2, 3, 4, 8])}),
        "precision": st.sampled_from(["bf16", "fp16", "fp8", "int8", "int4"]),
        "kv_cache_precision": st.sampled_from(["auto", "fp8"]),
        "prefix_caching": st.booleans(),
        "max_context_tokens": st.sampled_from([512, 8192, 131_072]),
        "concurrent_requests": st.sampled_from([1, 8, 200]),
        "kv_offload_gib": st.sampled_from([0, 16]),
        "start_minutes": st.integers(1, 60),
        "replicas": replicas,
    }
)


def rendered(spec: PlatformSpec) -> list[Any]:
    """What the only model of a spec registers, on a platform of which everything else is made up."""
    (found,) = spec.models
    (pool,) = spec.gpu_pools

    def program() -> None:
        nodes = pulumi.ComponentResource("test:index:Nodes", "nodes")
        platform = ServingPlatform(
            namespace="plinth-serving",
            cluster_name="plinth-staging",
            priority_class="plinth-serving",
            runtime_image=spec.gateway.image,
            longest_request_seconds=spec.gateway.request_timeout_seconds,
            weights=SimpleNamespace(arns={"models": "arn:aws:s3:::models"}, names={"models": "models"}),
            data_key_arn="arn:aws:kms:us-east-1:123456789012:key/1",
            pools={pool.name: pool},
            nodes={pool.name: nodes},
            mirrors={},
            self_hosted=[found],
            controllers={},
            groups=None,
            autoscaler=None,
        )
        ModelDeployment("model-a", found, environment=environment("staging"), port=8000, platform=platform)

    return record(program).resources


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(engine=st.sampled_from(list(ENGINES)), fields=models, max_gpus=st.sampled_from([1, 8, 64]))
def test_a_model_is_refused_or_rendered(engine, fields, max_gpus):
    try:
        spec = spec_of([model(engine, **fields)], max_gpus=max_gpus)
    except SpecError as error:
        assert "models[0]" in str(error) or "gpu_pools[0]" in str(error)
        return
    objects = [found for found in rendered(spec) if "apiVersion" in found.inputs]
    assert objects
    for found in objects:
        assert [f"{found.name}: {problem}" for problem in validate_object(found.inputs)] == []

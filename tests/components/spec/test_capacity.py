"""What models take of a pool: canaries count, and so does what a rollout starts first."""

import copy

import pytest
from support.models import IMAGE, self_hosted
from support.worlds import document

from plinth.spec import SpecError, load_spec
from plinth.spec.capacity import pool_capacity, starting_gpus
from plinth.spec.fitting import MOST_GPUS, at_least
from plinth.spec.gpu import GpuPool

RAY = {"kind": "ray", "image": IMAGE, "ray_version": "2.54.0"}
OTHER = {"kind": "s3", "path": "acme/n"}


def pool(**changes):
    return GpuPool.model_validate({"name": "pool", "instance_types": ["p5.48xlarge"], "max_gpus": 8, **changes})


def test_a_canary_holds_gpus_that_jobs_cannot_have():
    models = [
        self_hosted(replicas={"min": 2, "max": 4}, parallelism={"tensor": 2}, canary={"weight": 5, "source": OTHER})
    ]
    found = pool_capacity([pool(max_gpus=16)], models)["pool"]
    assert (found.least_served, found.most_served) == (6, 10)
    assert (found.guaranteeable, found.lendable) == (6, 10)


def test_models_elsewhere_hold_nothing():
    found = pool_capacity([pool(max_gpus=16)], [self_hosted(pool="other")])["pool"]
    assert (found.least_served, found.most_served) == (0, 0)


def test_a_second_ray_cluster_starts_before_the_first_goes():
    model = self_hosted(engine=RAY, replicas={"min": 1, "max": 3}, parallelism={"tensor": 2})
    assert starting_gpus(model) == 6
    assert starting_gpus(self_hosted()) == 0


def test_more_than_a_pool_may_have_is_no_advice():
    assert at_least(MOST_GPUS, "so it is").startswith(f"at least {MOST_GPUS}:")
    assert at_least(MOST_GPUS + 1, "so it is").startswith(f"at most {MOST_GPUS}, and fewer replicas")


def problems(data):
    try:
        load_spec(data)
    except SpecError as error:
        return [str(problem) for problem in error.problems]
    return []


def world(**model):
    data = document("prod")
    image = data["gateway"]["image"].partition("/")[0] + "/" + IMAGE.partition("/")[2]
    data["gpu_pools"] = [{"name": "pool", "instance_types": ["p5.48xlarge"], "max_gpus": 1024}]
    facts = self_hosted().model_dump(exclude_none=True, include={"kind", "name", "source", "pool", "architecture"})
    data["models"] = [{**facts, "engine": {"kind": "vllm", "image": image}, **model}]
    data["gateway"]["routes"] = [{"name": "chat", "targets": [{"model": "m1"}]}]
    for tenant in data["tenants"]:
        tenant["routes"] = ["chat"]
        tenant.pop("batch", None)
    for section in ("recovery", "batch"):
        data.pop(section, None)
    return data


def test_an_error_never_advises_what_the_spec_refuses():
    data = world(replicas={"min": 1, "max": 512}, parallelism={"tensor": 4})
    (found,) = [problem for problem in problems(data) if "max_gpus" in problem]
    assert f"at most {MOST_GPUS}, and fewer replicas" in found
    assert "its models may want 2048 GPUs" in found


@pytest.mark.parametrize("kind", ["ray", "vllm"])
def test_advice_leaves_room_for_the_rollout_of_an_engine(kind):
    """A model too large for one GPU: whoever follows the advice on tensor gets a spec that loads."""
    data = world(precision="bf16", max_context_tokens=131072, concurrent_requests=8, replicas={"min": 2, "max": 2})
    data["gpu_pools"][0]["max_gpus"] = 8
    if kind == "ray":
        data["models"][0]["engine"] |= {"kind": "ray", "ray_version": "2.54.0"}
    found = next(problem for problem in problems(data) if "what would fit" in problem)
    advice = found.partition("parallelism.tensor ")[2]
    assert advice, found
    tensor, _, rest = advice.partition(" with max_gpus ")
    followed = copy.deepcopy(data)
    followed["models"][0]["parallelism"] = {"tensor": int(tensor.split(";")[0].split(".")[0])}
    if rest:
        followed["gpu_pools"][0]["max_gpus"] = int(rest.split(" ")[0])
    assert problems(followed) == []

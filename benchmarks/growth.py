"""How a spec grows: time and memory to load it and to make every plan, from 10 tenants to 1,000.

Each size is a process of its own, so that its peak of memory is its own. No engine: the program's registrations are
what `python -m benchmarks` measures elsewhere.
"""

import copy
import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SIZES = ((10, 1), (100, 10), (300, 30), (1000, 50))
"""Tenants and self-hosted models."""


def document(tenants: int, models: int) -> dict[str, Any]:
    """Production's spec with more of both. Every third tenant has a queue."""
    import yaml

    data: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())["config"]["plinth:platform"]
    model = next(item for item in data["models"] if item["kind"] == "self_hosted")
    data["models"] += [{**copy.deepcopy(model), "name": f"copy-{number}"} for number in range(models - 1)]
    for pool in data["gpu_pools"]:
        pool["max_gpus"] = 1024
    for item in data["models"]:
        if item["kind"] == "self_hosted":
            item["replicas"] = {"min": 1, "max": 1}
    (queued,) = [item for item in data["tenants"] if item["name"] == "analytics"]
    plain = {"batch": None, "quota": {"cpus": 16, "memory_gib": 64, "pods": 50}}
    data["tenants"] = []
    for number in range(tenants):
        tenant = {**copy.deepcopy(queued), "name": f"team-{number}", "team_roles": [_role(number)]}
        shares = tenant["batch"]["gpus"]
        tenant["batch"]["gpus"] = [{**share, "guaranteed_gpus": 0} for share in shares]
        data["tenants"].append(tenant if number % 3 == 0 else {**tenant, **plain})
    return data


def _role(number: int) -> str:
    return f"arn:aws:iam::777788889999:role/team-{number}"


def plans() -> dict[str, Callable[[Any], object]]:
    """Every plan whose work depends on how many tenants or models there are."""
    from plinth.batch import plan as batch_plan
    from plinth.cluster import flows
    from plinth.gateway import plan as gateway_plan
    from plinth.observability import alerts
    from plinth.tenancy import plan as tenancy_plan

    def queues(spec: Any) -> object:
        made = batch_plan.plan(spec.batch, spec.gpu_pools, spec.cluster.general_pools, spec.models, spec.tenants)
        return [batch_plan.cluster_queue(made, name).to_object() for name in made.queues]

    def tenancy(spec: Any) -> object:
        return [
            (
                tenancy_plan.namespace_labels(tenant),
                tenancy_plan.quota(tenant.quota),
                tenancy_plan.team_rules(tenant),
                tenancy_plan.telemetry(tenant, spec.environment),
            )
            for tenant in spec.tenants
        ]

    return {
        "gateway": lambda spec: gateway_plan.render(gateway_plan.runtime_config(spec)),
        "queues": queues,
        "tenancy": tenancy,
        "flows": flows.flows,
        "alerts": lambda spec: list(alerts.alerts(spec)),
    }


def measure(tenants: int, models: int) -> dict[str, float]:
    """Processor seconds of loading and of each plan, and the peak of memory in MiB, of this process."""
    from plinth.spec import load_spec

    data = document(tenants, models)
    steps: dict[str, Callable[[Any], object]] = plans()
    small = load_spec(document(3, 1))
    for step in steps.values():  # what is imported and compiled once is not growth
        step(small)
    started = time.process_time()
    spec = load_spec(data)
    result = {"load": time.process_time() - started}
    for name, step in steps.items():
        started = time.process_time()
        step(spec)
        result[name] = time.process_time() - started
    tracemalloc.start()
    kept: list[object] = [load_spec(data)]
    kept += [step(kept[0]) for step in steps.values()]
    return {**result, "peak_mib": tracemalloc.get_traced_memory()[1] / 2**20}


def growth() -> None:
    """One line for each size, with the time and the memory for one tenant."""
    print("The spec grows: load it, and make every plan (processor seconds)")
    print(f"{'tenants':>8}{'models':>8}{'load s':>9}{'plans s':>9}{'ms/tenant':>11}{'peak MiB':>10}{'KiB/tenant':>12}")
    for tenants, models in SIZES:
        command = [sys.executable, "-m", "benchmarks.growth", str(tenants), str(models)]
        output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
        found: dict[str, float] = json.loads(output)
        peak = found.pop("peak_mib")
        load, total = found.pop("load"), sum(found.values())
        print(
            f"{tenants:>8}{models:>8}{load:>9.3f}{total:>9.3f}{(load + total) / tenants * 1000:>11.2f}"
            f"{peak:>10.1f}{peak / tenants * 1024:>12.0f}",
            flush=True,
        )
    print()


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))

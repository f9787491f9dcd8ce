"""The pack under the real engine: a mandatory violation stops the preview, and a good stack passes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
from policy_cases import DIGEST
from pulumi import automation
from pulumi.automation.events import PolicyEvent

from plinth_cli.console import Console
from plinth_cli.toolchain import ensure_pulumi

Preview = Callable[..., list[PolicyEvent]]


class Component(pulumi.ComponentResource):
    """As Plinth's own components: its part of the spec is given to the engine as inputs."""

    def __init__(self, kind: str, name: str, props: dict[str, Any]) -> None:
        super().__init__(f"plinth:index:{kind}", name, props)
        self.register_outputs({})


@pytest.fixture(params=["folder", "executable"])
def preview(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy_env: Any
) -> Preview:
    """Preview a program of components with the pack; gives the violations, and fails as the engine fails.

    As a folder the pack is started by the analyzer on PATH, as an executable by the engine itself.
    """
    toolchain = ensure_pulumi(Console())
    folder = request.param == "folder"
    pack = policy_env.pack if folder else policy_env.pack / "analyzer"
    launcher = [str(policy_env.bin_dir)] if folder else []
    monkeypatch.setenv("PATH", ":".join([*launcher, str(toolchain.pulumi.parent), "/usr/bin", "/bin"]))
    environment = {
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_BACKEND_URL": (tmp_path / "state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "only for this test",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
    }
    (tmp_path / "state").mkdir()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*components: tuple[str, str, dict[str, Any]], stack: str = "prod", stage: str = "production") -> Any:
        def program() -> None:
            for kind, name, props in components:
                Component(kind, name, {**props, "environment": {"name": stack, "stage": stage}})

        found: list[PolicyEvent] = []
        created = automation.create_or_select_stack(stack_name=stack, project_name="plinth", program=program)
        config = policy_env.pack / "config" / f"{stage}.json"
        try:
            created.preview(
                policy_packs=[str(pack)],
                policy_pack_configs=[str(config)],
                on_event=lambda event: found.append(event.policy_event) if event.policy_event else None,
            )
        except automation.CommandError as error:
            if not found:
                raise
            assert "preview failed" in str(error)
            return found
        assert not any(event.enforcement_level == "mandatory" for event in found), found
        return found

    return run


POOL = ("GpuNodePool", "h100-reserved", {"name": "h100-reserved", "maxGpus": 32})
GATEWAY = ("Gateway", "gateway", {"image": "registry.acme.example.com/plinth-runtime" + DIGEST})


def test_a_good_stack_passes(preview: Preview):
    assert preview(POOL, GATEWAY) == []


def test_a_mandatory_violation_stops_the_preview(preview: Preview):
    found = preview(("GpuNodePool", "h100-reserved", {"name": "h100-reserved", "maxGpus": 5000}), GATEWAY)
    assert [(event.policy_name, event.enforcement_level, event.policy_pack_name) for event in found] == [
        ("gpu-pools-bounded", "mandatory", "plinth")
    ]
    assert found[0].resource_urn == "urn:pulumi:prod::plinth::plinth:index:GpuNodePool::h100-reserved"
    assert "maxGpus is 5000" in found[0].message
    assert "gpu_pools[].max_gpus" in found[0].message


def test_a_rule_over_the_whole_stack_stops_it_too(preview: Preview):
    tenant = {
        "name": "search",
        "costCenter": "CC-2100",
        "monthlyBudgetUsd": 500,
        "quota": {"cpus": 8, "memoryGib": 32, "gpus": 0, "pods": 30},
    }
    found = preview(("Tenant", "search", tenant), stack="dev", stage="development")
    assert [event.policy_name for event in found] == ["tenant-has-budget-and-quota-complete"] * 2
    assert "tenant search has no namespace" in found[0].message
    assert "tenant search has no budget" in found[1].message

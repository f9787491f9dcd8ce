"""The versions of the release train go together, and a set that does not is refused with the reason."""

from dataclasses import replace
from pathlib import Path

import pytest

from plinth import definitions, train, versions

ROOT = Path(__file__).resolve().parents[2]


def found(kubernetes: str = versions.KUBERNETES, **releases: str) -> list[str]:
    changed = {name.replace("_", "-"): release for name, release in releases.items()}
    return list(train.problems(train.facts(), train.pinned() | changed, kubernetes))


def test_the_train_is_compatible():
    assert found() == []


def test_the_page_is_fresh():
    assert (ROOT / train.PATH).read_text() == train.render(), "run `plinth schema --write`"


def test_another_kubernetes_is_refused_by_each_that_does_not_know_it():
    told = found(kubernetes="1.37")
    assert "karpenter 1.14.1 is for Kubernetes 1.26 to 1.36, not 1.37" in told
    assert len(told) == len(train.facts().kubernetes)


def test_an_upgrade_makes_its_rows_out_of_date():
    told = found(kueue="0.20.0")
    assert [line.split(":")[0] for line in told] == ["kueue is at 0.20.0, and tables/train.json speaks of 0.19.2"] * 5


@pytest.mark.parametrize(
    ("project", "release", "complaint"),
    [
        ("gateway-api", "1.5.0", "kserve-llm 0.20.0 is made with gateway-api 1.5.1, not 1.5.0"),
        ("inference-extension", "2.0.0", "kserve-llm 0.20.0 is made with inference-extension 1.5.0, not 2.0.0"),
        ("llm-d", "0.10.0", "kserve-llm 0.20.0 is made with llm-d 0.9.0, not 0.10.0"),
    ],
)
def test_a_release_that_leaves_its_range_is_named(project: str, release: str, complaint: str):
    assert found(**{project: release}) == [complaint]


def test_a_newer_release_that_keeps_its_promises_is_taken():
    assert found(**{"gateway-api": "1.6.0", "llm-d": "0.9.4"}) == []


def test_what_is_taken_beyond_a_range_is_that_version_alone():
    bare = replace(train.facts(), pins=tuple(replace(pin, beyond={}) for pin in train.facts().pins))
    told = list(train.problems(bare, train.pinned(), versions.KUBERNETES))
    assert told == [
        "kserve-llm 0.20.0 is made with lws 0.8.0, not 0.9.0",
        "kueue 0.19.2 is made with jobset 0.12.0, not 0.11.0",
    ]


@pytest.mark.parametrize(
    "project", ["karpenter", "keda", "kserve-llm", "kuberay", "lws", "trainer", "kyverno", "kueue"]
)
def test_definitions_are_those_of_the_controller(project: str):
    assert definitions.of_project(project)[0].release.removeprefix("v") == train.pinned()[project]

"""The definitions of custom kinds are installed once, and before whoever works on them."""

import pytest
from support.platforms import recorded_platform
from support.recorder import record
from support.worlds import environment, spec

from plinth import definitions
from plinth.cluster import crds
from plinth.cluster.crds import CrdBundle
from plinth_cli.rehearsal.kubernetes import crds as rehearsed

RELEASE = "kubernetes:helm.sh/v3:Release"
ENVIRONMENTS = ("local", "dev", "staging", "prod")


def bundle(**more):
    recorded = record(lambda: CrdBundle("crds", environment=environment(), projects=["keda", "karpenter"], **more))
    return {release.name: release.inputs for release in recorded.of(RELEASE)}


def test_each_project_is_one_release_of_a_chart_that_ships_with_the_platform():
    releases = bundle()
    assert sorted(releases) == ["crds-karpenter", "crds-keda"]
    inputs = releases["crds-karpenter"]
    assert inputs["chart"] == "./.plinth/charts/karpenter-1.14.1.tgz"
    assert inputs["version"] == "1.14.1"
    assert not inputs.get("values")


def test_what_something_else_installs_is_left_out():
    releases = bundle(without=["nodepools.karpenter.sh"])
    assert releases["crds-karpenter"]["values"] == {"without": ["nodepools.karpenter.sh"]}
    assert not releases["crds-keda"].get("values")


def test_the_chart_lies_at_one_place_wherever_the_program_was_started(tmp_path, monkeypatch):
    (tmp_path / "Pulumi.yaml").write_text("name: plinth\n")
    below = tmp_path / "docs" / "how-to"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    address = bundle()["crds-keda"]["chart"]
    assert (tmp_path / address).read_bytes() == definitions.chart("keda").read_bytes()
    assert list(below.iterdir()) == []
    (tmp_path / address).write_bytes(b"cut off")
    assert bundle()["crds-keda"]["chart"] == address
    assert (tmp_path / address).read_bytes() == definitions.chart("keda").read_bytes()


def test_a_project_that_nobody_knows_is_refused():
    with pytest.raises(KeyError, match="no definitions of project karpentr"):
        record(lambda: CrdBundle("crds", environment=environment(), projects=["karpentr"]))


def test_the_charts_that_install_their_own_are_those_without_a_choice():
    for project in crds.BY_CHART:
        chart = rehearsed.CHARTS[project]
        assert chart.switch is None or not any(each.complete for each in definitions.of_project(project))
    assert crds.BY_CHART.isdisjoint(crds.NEEDS)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_no_definition_is_installed_twice(name):
    recorded = recorded_platform(name)
    by_bundle = {each.group for project in crds.projects(spec(name)) for each in definitions.of_project(project)}
    for release in recorded.of(RELEASE):
        chart = release.inputs["chart"].rpartition("/")[2]
        values = release.inputs.get("values") or {}
        for group in by_bundle:
            assert not rehearsed.brings(chart, group, release.inputs.get("skipCrds") is True, values), release.name


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_controller_comes_after_its_definitions(name):
    """Of every chart that could bring definitions, those that the bundle has are there first."""
    recorded = recorded_platform(name)
    for release in recorded.of(RELEASE):
        known = rehearsed.CHARTS.get(release.inputs["chart"].rpartition("/")[2])
        projects = {
            each.project for each in definitions.index().values() if known and each.group in known.groups
        } & set(crds.projects(spec(name)))
        assert {f"crds-{project}" for project in projects} <= release.depends_on, release.name

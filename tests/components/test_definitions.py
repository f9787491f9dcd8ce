"""The CustomResourceDefinitions that ship with the platform."""

import dataclasses
import json
from importlib import resources

import pytest

from plinth import definitions

FOLDER = resources.files("plinth") / "tables" / "crds"
ALL = sorted(definitions.index().values(), key=lambda each: each.name)
LARGEST = 1_000_000
"""Bytes. An API server takes objects of up to 1.5 MiB."""


def test_every_file_is_listed():
    listed = {each.file for each in ALL}
    assert {path.name for path in FOLDER.iterdir()} == {*listed, "index.json"}


@pytest.mark.parametrize("definition", ALL, ids=lambda each: each.name)
def test_every_row_tells_the_truth_about_its_file(definition):
    crd = definitions.read(definition)
    assert crd["metadata"]["name"] == definition.name == f"{crd['spec']['names']['plural']}.{definition.group}"
    assert crd["spec"]["names"]["kind"] == definition.kind
    assert crd["spec"]["scope"] == definition.scope
    assert tuple(each["name"] for each in crd["spec"]["versions"] if each["served"]) == definition.versions
    assert sum(each["storage"] for each in crd["spec"]["versions"]) == 1
    assert len(json.dumps(crd)) < LARGEST
    assert definition.licence == "Apache-2.0"
    assert definition.source
    assert len(definition.as_of) == 10


def test_a_file_that_was_changed_is_refused():
    definition = dataclasses.replace(definitions.index()["nodepools.karpenter.sh"], sha256="0" * 64)
    with pytest.raises(ValueError, match=r"karpenter-1\.14\.1\.tgz was changed; run tools/crds/fetch\.py"):
        definitions.read(definition)


def test_an_unknown_project_is_named():
    with pytest.raises(KeyError, match=r"no definitions of project karpentr; there are .*karpenter"):
        definitions.of_project("karpentr")

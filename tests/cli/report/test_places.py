"""A resource leads back to its line of YAML."""

import pytest
from support.results import YAML

from plinth.spec import PlatformSpec
from plinth_cli.report.places import SECTIONS, Place, Places

PLACES = Places("Pulumi.dev.yaml", YAML)


@pytest.mark.parametrize(
    ("component", "name", "path", "expected"),
    [
        ("Postgres", "postgres", "", Place("Pulumi.dev.yaml", 6, "postgres")),
        ("Postgres", "postgres", "maxAcu", Place("Pulumi.dev.yaml", 7, "postgres.max_acu")),
        ("Tenant", "tenant-search", "monthlyBudgetUsd", Place("Pulumi.dev.yaml", 10, "tenants[0].monthly_budget_usd")),
        ("Tenant", "tenant-re-search", "", Place("Pulumi.dev.yaml", 11, "tenants[1]")),
        ("ObjectStore", "storage", "buckets[0].name", Place("Pulumi.dev.yaml", 5, "storage.buckets.0.name")),
        ("Tenant", "tenant-other", "", None),
        ("Cache", "cache", "", None),
        ("Unheard", "of", "", None),
    ],
)
def test_places(component, name, path, expected):
    assert PLACES.find(component, name, path) == expected


@pytest.mark.parametrize("text", ["", "[", "config: 3", "config: {plinth:platform: [1]}", "\t- x"])
def test_a_file_without_a_spec_has_no_places(text):
    assert Places("x", text).find("Postgres", "postgres") is None


def test_a_file_that_is_not_there_has_no_places(tmp_path):
    assert Places.of_file(tmp_path / "Pulumi.dev.yaml").find("Postgres", "postgres") is None


def test_every_section_is_one_of_the_spec():
    assert set(SECTIONS.values()) <= set(PlatformSpec.model_fields)

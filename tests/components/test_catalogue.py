"""The table agrees with itself: families scale, memory sums, and nothing has a number without a source."""

import json
from importlib.resources import files
from itertools import groupby, pairwise

import pytest

from plinth import catalogue

INSTANCES = list(catalogue.instances().values())
DATA = json.loads(files("plinth").joinpath("tables/instances.json").read_text())


def family(instance):
    return instance.name.partition(".")[0]


FAMILIES = {name: list(group) for name, group in groupby(sorted(INSTANCES, key=family), family)}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_has_one_kind_of_device_and_memory_in_proportion_to_processors(name):
    members = FAMILIES[name]
    assert len({member.gpu for member in members}) == 1
    ratios = {member.memory_gib / member.vcpus for member in members}
    # G7e doubles its memory from 12xlarge on; P4 and P5 each have one proportion.
    assert len(ratios) <= 2
    assert max(ratios) <= 2 * min(ratios)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_larger_size_never_has_less(name):
    members = sorted(FAMILIES[name], key=lambda member: (member.gpus, member.vcpus))
    for small, large in pairwise(members):
        if large.gpus > small.gpus:
            assert large.efa >= small.efa
            assert large.local_nvme_gb >= small.local_nvme_gb
        if large.vcpus >= small.vcpus and large.gpus >= small.gpus:
            for region, price in small.usd_per_hour.items():
                assert large.usd_per_hour.get(region, price) >= price


@pytest.mark.parametrize("instance", INSTANCES, ids=lambda instance: instance.name)
def test_facts_of_an_instance_are_possible(instance):
    assert instance.gpus in (1, 2, 4, 6, 8, 12, 16)
    assert instance.memory_gib >= 2 * instance.vcpus
    assert instance.gpu_memory_gib > 8
    if instance.network_cards is not None:
        # One interface for EFA on a card; a card for the rest alone is possible (P6-B300).
        assert instance.efa <= instance.network_cards
        assert instance.network_cards - instance.efa <= 1
    for price in instance.usd_per_hour.values():
        assert 0.1 < price / instance.gpus < 30
    assert bool(instance.mig) == (instance.bottlerocket_name is not None)


@pytest.mark.parametrize("instance", INSTANCES, ids=lambda instance: instance.name)
def test_parts_of_a_gpu_are_no_larger_than_the_gpu(instance):
    for profile in instance.mig:
        slices = int(profile.name.partition("g.")[0])
        assert slices * profile.per_gpu <= 7
        assert profile.per_gpu * profile.memory_gib <= instance.gpu_memory_gib * 1.05
        assert instance.mig_profile(profile.name) is profile
    assert instance.mig_profile("9g.1gb") is None


def test_every_group_of_facts_has_a_date_and_a_source():
    assert all(group["as_of"] and group["source"] for group in DATA["sources"].values())
    assert {facts["accelerator"] for facts in DATA["instances"].values()} == set(DATA["accelerators"])


def test_an_unknown_instance_is_named_with_its_nearest():
    with pytest.raises(ValueError, match=r"did you mean .*p5\.48xlarge"):
        catalogue.instance("p5.48xlrge")


def test_the_field_is_covered():
    families = "g4dn g5 g6 g6e gr6 g7 g7e p4d p4de p5 p5e p5en p6-b200 p6-b300 trn1 trn1n trn2 inf2"
    assert set(FAMILIES) == set(families.split())
    assert {i.name for i in INSTANCES if not i.usd_per_hour} == {"p5e.48xlarge", "trn2.48xlarge"}

"""A Pulumi CLI that is already there: named by the user, on PATH, or in the cache."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plinth_cli.errors import PlinthError
from plinth_cli.toolchain import PULUMI_VERSION, ensure_pulumi, find_pulumi
from plinth_cli.toolchain.model import good_enough, parse_version

PINNED = parse_version(PULUMI_VERSION)
MAJOR, MINOR, _ = PINNED
versions = st.tuples(st.integers(0, 6), st.integers(0, 400), st.integers(0, 20))


@given(versions)
def test_good_enough_means_same_major_and_not_older(found):
    assert good_enough(found, PINNED) == (found[0] == MAJOR and found >= PINNED)


@given(versions, st.sampled_from(["v{}", "{}", "v{}-alpha.1+dirty", "pulumi {}\n"]))
def test_versions_are_read_from_what_programs_say(version, form):
    assert parse_version(form.format("{}.{}.{}".format(*version))) == version


@pytest.mark.parametrize("version", [PULUMI_VERSION, f"{MAJOR}.{MINOR + 1}.0", f"{MAJOR}.{MINOR + 40}.2"])
def test_a_good_one_on_path_is_taken(machine, said, version):
    program = machine.pulumi(f"v{version}")
    found = ensure_pulumi(said)
    assert (found.pulumi, found.version, found.origin) == (program, version, "path")
    assert said.text == ""


@pytest.mark.parametrize("version", [f"v{MAJOR}.{MINOR - 1}.0", f"v{MAJOR + 1}.0.0", "v2.256.0", "gibberish"])
def test_another_one_on_path_is_not(machine, version):
    machine.pulumi(version)
    assert find_pulumi() is None


def test_the_cache_is_used_before_anything_is_fetched(machine, said, releases):
    program = machine.pulumi(f"v{PULUMI_VERSION}", machine.release)
    found = ensure_pulumi(said)
    assert (found.pulumi, found.origin) == (program, "cache")
    assert releases.asked == []


def test_the_users_choice_wins(machine, monkeypatch, tmp_path):
    machine.pulumi(f"v{MAJOR}.{MINOR + 3}.0")
    chosen = machine.pulumi(f"v{PULUMI_VERSION}", tmp_path / "mine")
    monkeypatch.setenv("PLINTH_PULUMI", str(chosen))
    assert find_pulumi().pulumi == chosen


@pytest.mark.parametrize(("version", "why"), [("v3.1.0", "3.1.0"), ("nonsense", "nonsense"), (None, "cannot be run")])
def test_a_choice_that_does_not_work_is_an_error_and_not_replaced(machine, monkeypatch, tmp_path, version, why):
    chosen = tmp_path / "mine" / "pulumi"
    if version:
        machine.pulumi(version, chosen.parent)
    machine.pulumi(f"v{PULUMI_VERSION}")
    monkeypatch.setenv("PLINTH_PULUMI", str(chosen))
    with pytest.raises(PlinthError) as failed:
        find_pulumi()
    assert why in failed.value.what
    assert str(chosen) in failed.value.where
    assert "unset it" in failed.value.fix

"""Where things are."""

import stat
from pathlib import Path

import pytest

from plinth_cli import paths
from plinth_cli.errors import PlinthError

ROOT = Path(__file__).resolve().parents[2]


def test_the_project_is_the_nearest_folder_with_a_pulumi_file(tmp_path):
    inner = tmp_path / "stacks" / "search" / "deep"
    inner.mkdir(parents=True)
    (tmp_path / "Pulumi.yaml").touch()
    assert paths.repo_root(inner) == tmp_path
    (tmp_path / "stacks" / "search" / "Pulumi.yaml").touch()
    assert paths.repo_root(inner) == tmp_path / "stacks" / "search"


def test_outside_of_a_project_it_says_where_and_what_to_do(tmp_path):
    with pytest.raises(PlinthError) as failed:
        paths.repo_root(tmp_path)
    assert failed.value.where == str(tmp_path)
    assert "clone of Plinth" in failed.value.fix


def test_the_checkout_is_found_from_a_team_stack_and_from_anywhere(tmp_path):
    clone = tmp_path / "clone"
    (clone / "tools" / "pulumi").mkdir(parents=True)
    (clone / "tools" / "pulumi" / "go.mod").touch()
    stack = clone / "stacks" / "search"
    stack.mkdir(parents=True)
    (stack / "Pulumi.yaml").touch()
    assert paths.checkout_root(stack) == clone
    assert paths.checkout_root(tmp_path) == ROOT


def test_the_cache_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PLINTH_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert paths.cache_dir() == tmp_path / ".cache" / "plinth"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert paths.cache_dir() == tmp_path / ".cache" / "plinth"
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/me")
    assert paths.cache_dir() == Path("/var/cache/me/plinth")
    monkeypatch.setenv("PLINTH_CACHE", "~/mine")
    assert paths.cache_dir() == tmp_path / "mine"


def test_the_folders_of_an_environment_are_private(tmp_path):
    dirs = paths.EnvDirs(tmp_path, "dev").create()
    folders = (dirs.base, dirs.project, dirs.state, dirs.manifests, dirs.cloud, dirs.run, dirs.logs)
    for folder in folders:
        assert folder.is_relative_to(tmp_path / ".plinth" / "dev")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert dirs.passphrase.parent == dirs.base
    dirs.create()

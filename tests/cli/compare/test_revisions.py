"""Commits as folders, on a real git repository."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plinth_cli.compare.revisions import Git, Revision, affected
from plinth_cli.engine.project import Project
from plinth_cli.errors import PlinthError

ENVIRONMENTS = ["dev", "prod", "staging"]


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    root = tmp_path / "platform"
    root.mkdir()

    def git(*arguments):
        identity = ["-c", "user.name=Acme", "-c", "user.email=ci@acme.example.com"]
        ran = subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True)
        return ran.stdout.strip()

    git("init", "-q", "-b", "main")
    (root / ".gitignore").write_text("*.secret\n")
    (root / "Pulumi.dev.yaml").write_text("a: 1\n")
    (root / "link").symlink_to("Pulumi.dev.yaml")
    git("add", "-A")
    git("commit", "-qm", "first")
    return root, git


def test_a_commit_is_exported_as_it_was(repository, tmp_path):
    root, _ = repository
    git = Git(root)
    (root / "Pulumi.dev.yaml").write_text("a: 2\n")
    git.export(git.revision("HEAD"), tmp_path / "out")
    assert (tmp_path / "out" / "Pulumi.dev.yaml").read_text() == "a: 1\n"
    assert (tmp_path / "out" / "link").is_symlink()


def test_the_working_tree_is_exported_as_it_is_without_what_git_ignores(repository, tmp_path):
    root, _ = repository
    git = Git(root)
    (root / "Pulumi.dev.yaml").write_text("a: 2\n")
    (root / "new file.yaml").write_text("b")
    (root / "key.secret").write_text("hidden")
    (root / ".gitignore").unlink()
    (root / ".gitignore").write_text("*.secret\n")
    git.export(git.revision(None), tmp_path / "out")
    assert (tmp_path / "out" / "Pulumi.dev.yaml").read_text() == "a: 2\n"
    assert (tmp_path / "out" / "new file.yaml").exists()
    assert not (tmp_path / "out" / "key.secret").exists()


def test_a_link_that_leads_out_of_a_commit_is_refused_in_a_sentence(repository, tmp_path):
    root, run = repository
    (root / "out").symlink_to("/etc/passwd")
    run("add", "-A")
    run("commit", "-qm", "leads out")
    git = Git(root)
    with pytest.raises(PlinthError, match=r"could not be exported: .*absolute"):
        git.export(git.revision("HEAD"), tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


def test_a_file_that_was_deleted_is_not_exported(repository, tmp_path):
    root, _ = repository
    (root / "Pulumi.dev.yaml").unlink()
    git = Git(root)
    git.export(git.revision(None), tmp_path / "out")
    assert not (tmp_path / "out" / "Pulumi.dev.yaml").exists()


def test_what_the_base_gained_meanwhile_is_not_the_others_doing(repository):
    root, run = repository
    first = run("rev-parse", "HEAD")
    run("checkout", "-qb", "feature")
    (root / "Pulumi.prod.yaml").write_text("x: 1\n")
    run("add", "-A")
    run("commit", "-qm", "feature")
    run("checkout", "-q", "main")
    (root / "main-only").write_text("")
    run("add", "-A")
    run("commit", "-qm", "main moves")
    git = Git(root)
    head = git.revision("feature")
    base = git.merge_base(git.revision("main"), head)
    assert base.commit == first
    assert git.changed(base, head) == ["Pulumi.prod.yaml"]


def test_changes_of_the_working_tree_include_new_files(repository):
    root, _ = repository
    (root / "Pulumi.prod.yaml").write_text("")
    git = Git(root)
    assert git.changed(git.revision("HEAD"), git.revision(None)) == ["Pulumi.prod.yaml"]


@pytest.mark.parametrize("name", ["no-such-branch", "--help", "-x", "HEAD:Pulumi.dev.yaml", ""])
def test_what_git_does_not_know_is_said(repository, name):
    with pytest.raises(PlinthError, match="git knows no commit"):
        Git(repository[0]).revision(name)


def test_outside_of_git_it_says_so(tmp_path):
    with pytest.raises(PlinthError, match="not a git repository"):
        Git(tmp_path)


def test_the_platform_must_be_the_root_of_the_repository(repository):
    (repository[0] / "below").mkdir()
    with pytest.raises(PlinthError, match="not the root"):
        Git(repository[0] / "below")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ([], []),
        (["Pulumi.prod.yaml"], ["prod"]),
        (["Pulumi.prod.yaml", "docs/index.md", "tests/x.py", "README.md"], ["prod"]),
        (["components/plinth/base.py"], ENVIRONMENTS),
        (["Pulumi.yaml"], ENVIRONMENTS),
        (["Pulumi.gone.yaml"], ENVIRONMENTS),
        (["examples/Pulumi.prod.yaml"], ENVIRONMENTS),
    ],
)
def test_a_change_touches_what_it_can_touch(changed, expected):
    assert affected(changed, ENVIRONMENTS) == expected


@given(st.lists(st.sampled_from(["Pulumi.dev.yaml", "Pulumi.prod.yaml", "docs/x", "cli/x.py", "a.md"])))
def test_more_changes_never_touch_less(changed):
    assert set(affected(changed[:-1], ENVIRONMENTS)) <= set(affected(changed, ENVIRONMENTS))


def test_a_revision_without_a_commit_is_the_working_tree():
    assert Revision("x", "").short == "the working tree"


def test_an_unknown_environment_is_refused_before_anything_is_exported(repository, monkeypatch):
    from plinth_cli.compare import run

    root, _ = repository
    (root / "Pulumi.yaml").write_text("name: plinth\nruntime: python\n")
    with pytest.raises(PlinthError, match="no environment 'pord'"):
        run.plan(Project.load(root), "HEAD", None, ["pord"])

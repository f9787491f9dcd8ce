"""`plinth diff` on a real repository: the base is rehearsed, the change previewed on top of it."""

import json
import shutil
import subprocess

import pytest
from acceptance.checkout import ROOT, Checkout

IGNORED = (
    ".venv",
    "__pycache__",
    ".plinth",
    ".git",
    ".pytest_cache",
    ".hypothesis",
    ".ruff_cache",
    "site",
    "node_modules",
)


@pytest.fixture(scope="module")
def repository(make_checkout) -> Checkout:
    checkout = make_checkout("diff")
    # All of it as files of its own: commits are exported, and links would lead out of them.
    shutil.rmtree(checkout.root)
    shutil.copytree(ROOT, checkout.root, ignore=shutil.ignore_patterns(*IGNORED), symlinks=True)
    (checkout.root / "policies" / ".venv").symlink_to(ROOT / "policies" / ".venv")
    git(checkout, "init", "-q", "-b", "main")
    (checkout.root / ".git" / "info" / "exclude").write_text("/policies/.venv\n")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "base")
    return checkout


def git(checkout: Checkout, *arguments: str) -> None:
    identity = ["-c", "user.name=Acme", "-c", "user.email=ci@acme.example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=checkout.root, check=True, capture_output=True)


def test_one_changed_line_is_reported_for_its_environment_alone(repository):
    repository.edit_line("dev", "max_acu: 2,", "max_acu: 4,")
    # Beside the repository: a new file in it would be a change of its own.
    files = ("--markdown", "../comment.md", "--html", "../report.html")
    ran = repository.plinth("diff", "main", "--json", *files).ok()
    (result,) = ran.doc["environments"]
    assert result["environment"] == "dev" and result["counts"]["update"] == 2 and "create" not in result["counts"]
    comment = (repository.root.parent / "comment.md").read_text()
    assert "serverlessv2ScalingConfiguration.maxCapacity: 2 → 4" in comment
    assert '["cluster", "network"]' in (repository.root.parent / "report.html").read_text()
    assert not (repository.root / ".plinth" / "dev").exists(), "the person's own rehearsal is left alone"


def test_a_commit_is_previewed_with_its_own_code(repository):
    git(repository, "checkout", "-qb", "feature")
    program = repository.root / "components" / "plinth" / "naming.py"
    program.write_text(program.read_text() + "\nraise RuntimeError('of the feature branch')\n")
    git(repository, "commit", "-qam", "broken")
    git(repository, "checkout", "-q", "main")
    ran = repository.plinth("diff", "main", "feature", "--env", "dev", "--json")
    assert ran.code == 1 and "of the feature branch" in ran.said and "Traceback" not in ran.said


def test_documentation_touches_no_environment(repository):
    (repository.root / "docs" / "index.md").write_text("words")
    ran = repository.plinth("diff", "main").ok()
    assert "No environment is touched" in ran.out


def test_what_git_does_not_know_ends_with_a_sentence(repository):
    ran = repository.plinth("diff", "mian", "--json")
    assert ran.code == 1 and "git knows no commit 'mian'" in json.loads(ran.out)["error"]["what"]

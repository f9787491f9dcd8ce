"""tools/bootstrap.py: environments from hashed locks, offline, from a folder of wheels."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).parent / "uv"


def wheel(folder: Path, name: str, version: str) -> str:
    """Write the smallest valid wheel; return its sha256."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(text)}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    target = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return hashlib.sha256(target.read_bytes()).hexdigest()


class Place:
    """A folder with wheels and a lock, and pip's settings that point to it and to no index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        self.lock = folder / "some.lock"
        self.venv = folder / "env"
        self.write("1.0")

    def write(self, version: str, digest: str | None = None) -> None:
        actual = wheel(self.wheels, "plinthprobe", version)
        self.lock.write_text(f"plinthprobe=={version} \\\n    --hash=sha256:{digest or actual}\n")

    def run(self, *arguments: str, uv: Path = UV) -> subprocess.CompletedProcess[str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_"))}
        return subprocess.run(
            [
                sys.executable,
                str(ROOT / "tools" / "bootstrap.py"),
                str(self.venv),
                str(self.lock),
                "--uv",
                str(uv),
                *arguments,
            ],
            env={**clean, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels)},
            capture_output=True,
            text=True,
            check=False,
        )

    def installed(self) -> str:
        command = [str(self.venv / "bin" / "python"), "-c", "import plinthprobe; print(plinthprobe.VERSION)"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def place(tmp_path) -> Place:
    return Place(tmp_path)


def test_made_once_then_silent(place):
    first = place.run()
    assert first.returncode == 0, first.stderr
    assert "is ready" in first.stdout
    assert place.installed() == "1.0"
    second = place.run()
    assert (second.returncode, second.stdout) == (0, "")
    assert place.run("--check").returncode == 0


def test_follows_the_lock(place):
    place.run()
    place.write("2.0")
    assert place.run("--check").returncode == 1
    assert place.run().returncode == 0
    assert place.installed() == "2.0"


def test_a_wrong_hash_is_refused(place):
    place.write("1.0", digest="0" * 64)
    failed = place.run()
    assert failed.returncode == 1
    assert "hash" in failed.stderr.lower()
    assert "Traceback" not in failed.stderr
    assert place.run("--check").returncode == 1
    place.write("1.0")
    assert place.run().returncode == 0


def test_a_moved_environment_is_made_again(place, tmp_path):
    place.run()
    moved = tmp_path / "elsewhere"
    shutil.move(place.venv, moved)
    place.venv = moved
    assert place.run("--check").returncode == 1
    assert place.run().returncode == 0
    assert place.installed() == "1.0"
    assert str(moved) in (moved / "bin" / "activate").read_text()


def test_pip_does_it_where_uv_cannot(place):
    made = place.run(uv=Path("/bin/false"))
    assert made.returncode == 0, made.stderr
    assert "pip does" in made.stdout
    assert place.installed() == "1.0"


def test_two_at_once_make_it_once(place):
    command = [sys.executable, str(ROOT / "tools" / "bootstrap.py"), str(place.venv), str(place.lock), "--uv", str(UV)]
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(place.wheels)}
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("is ready" in text for text in said) == 1

import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from plinth_cli.console import Console
from plinth_cli.toolchain.model import PULUMI_VERSION, platform_name


class Said(Console):
    """A console that remembers what it said."""

    def __init__(self) -> None:
        self.buffer = io.StringIO()
        super().__init__(stdout=self.buffer, stderr=self.buffer)

    @property
    def text(self) -> str:
        return self.buffer.getvalue()


def script(file: Path, body: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return file


class Releases:
    """A web server with a release of the Pulumi CLI, or what is left of it."""

    archive = f"pulumi-v{PULUMI_VERSION}-{platform_name()}.tar.gz"
    checksums = f"pulumi-{PULUMI_VERSION}-checksums.txt"

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()
        self.asked: list[str] = []
        self.publish(
            {"pulumi/pulumi": f"#!/bin/sh\necho v{PULUMI_VERSION}\n", "pulumi/pulumi-language-python": "#!/bin/sh\n"}
        )

    def publish(self, members: dict[str, str], algorithm: str = "sha256") -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for name, text in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(text)
                member.mode = 0o755
                tar.addfile(member, io.BytesIO(text.encode()))
        self.files[self.archive] = buffer.getvalue()
        digest = hashlib.new(algorithm, buffer.getvalue()).hexdigest()
        self.files[self.checksums] = f"{'0' * 64}  another.tar.gz\n{digest}  {self.archive}\n".encode()


@pytest.fixture
def releases(monkeypatch: pytest.MonkeyPatch) -> Iterator[Releases]:
    content = Releases()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            content.asked.append(name)
            body = content.files.get(name)
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if name in content.cut else body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("PLINTH_PULUMI_RELEASES", f"http://127.0.0.1:{server.server_port}/sdk")
    yield content
    server.shutdown()
    server.server_close()


@pytest.fixture
def said() -> Said:
    return Said()


class Machine:
    """A PATH with only what a test puts there, and a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.cache = folder / "cache"
        self.built = folder / "built"
        self.sdk = folder / "sdk"
        self.release = self.cache / "pulumi" / f"{PULUMI_VERSION}-{platform_name()}"

    def pulumi(self, version: str, folder: Path | None = None) -> Path:
        return script((folder or self.bin) / "pulumi", f"echo {version}")

    def go(self, version: str = "go1.26.0", *, build: str = "", seconds: float = 0) -> Path:
        """A Go that answers what the toolchain asks, and builds a program that says the pinned version."""
        program = f"#!/bin/sh\\necho v{PULUMI_VERSION}\\n"
        body = f"""
case "$1" in
env) echo {version} ;;
list) if [ "$2" = -m ]; then echo {self.sdk}; else printf 'one\\ntwo\\nthree\\n'; fi ;;
build)
  {build or ":"}
  sleep {seconds}
  echo built >> {self.built}
  echo 'go: downloading example.com/one v1.0.0' >&2
  echo one >&2; echo two >&2
  while [ "$1" != -o ]; do shift; done
  printf '{program}' > "$2"; chmod +x "$2" ;;
esac"""
        return script(self.bin / "go", body)

    @property
    def builds(self) -> int:
        return len(self.built.read_text().splitlines()) if self.built.exists() else 0


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    for tool in ("sh", "sleep", "chmod"):
        (made.bin / tool).symlink_to(f"/bin/{tool}")
    monkeypatch.setenv("PATH", str(made.bin))
    monkeypatch.setenv("PLINTH_CACHE", str(made.cache))
    monkeypatch.delenv("PLINTH_PULUMI", raising=False)
    # Whatever is not there must not be fetched from a package index either.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "no-wheels"))
    return made

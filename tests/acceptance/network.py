"""Who tries to leave this machine: a proxy that only takes notes, an audit hook in every Python, a look at sockets."""

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

from acceptance.checkout import Checkout
from acceptance.observe import processes

AUDIT = dedent(
    '''
    """Notes what this process connects to or looks up (PEP 578)."""
    import os, sys

    NOTES = os.path.join(os.path.dirname(__file__), "connections.txt")

    def note(event, args):
        if event == "socket.getaddrinfo":
            target = str(args[0])
        elif event in ("socket.connect", "socket.sendto") and isinstance(args[1], tuple):
            target = str(args[1][0])
        else:
            return
        with open(NOTES, "a") as file:
            file.write(target + " " + " ".join(sys.orig_argv[:4]).replace("\\n", " ") + "\\n")

    sys.addaudithook(note)
    '''
)
INTERVAL_SECONDS = 0.05


@dataclass
class Watch:
    """What was seen.

    Attributes:
        proxied: First line of each request that was sent to the proxy.
        looked_at: Programs that had sockets when they were looked at.
        remote: `address program` of sockets whose other end is not this machine.
    """

    folder: Path
    proxied: list[str] = field(default_factory=list)
    looked_at: set[str] = field(default_factory=set)
    remote: set[str] = field(default_factory=set)

    @property
    def audited(self) -> list[str]:
        """`address command` of everything that Python connected to or looked up."""
        notes = self.folder / "connections.txt"
        return notes.read_text().splitlines() if notes.exists() else []

    @property
    def audited_remote(self) -> list[str]:
        return [line for line in self.audited if not is_here(line.partition(" ")[0])]


def is_here(host: str) -> bool:
    """Whether a name or address is this machine's own."""
    if host in ("localhost", "None", ""):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


@contextlib.contextmanager
def watched(checkout: Checkout, folder: Path) -> Iterator[Watch]:
    """Watch the commands of a checkout until the block ends."""
    watch = Watch(folder)
    (folder / "sitecustomize.py").write_text(AUDIT)
    stop = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))
    proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
    checkout.environ |= {name: proxy for name in checkout.environ if name.lower().endswith("_proxy")}
    checkout.environ["PYTHONPATH"] = str(folder)
    threads = [
        threading.Thread(target=_take_notes, args=(server, watch), daemon=True),
        threading.Thread(target=_look, args=(checkout, watch, stop), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        stop.set()
        server.close()
        threads[1].join()


def _take_notes(server: socket.socket, watch: Watch) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(2)
                watch.proxied.append(connection.recv(4096).partition(b"\r\n")[0].decode(errors="replace"))


def _look(checkout: Checkout, watch: Watch, stop: threading.Event) -> None:
    while not stop.wait(INTERVAL_SECONDS):
        owners = {inode: name for pid, name in processes(checkout).items() for inode in _sockets(pid)}
        for inode, address in _connections():
            if inode in owners:
                program = Path(owners[inode].split()[0]).name
                watch.looked_at.add(program)
                if not is_here(address):
                    watch.remote.add(f"{address} {owners[inode]}")


def _sockets(pid: int) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(descriptor.readlink())
                if target.startswith("socket:["):
                    yield target[8:-1]


def _connections() -> Iterator[tuple[str, str]]:
    """Inode and remote address of every connected socket of this network namespace."""
    for table in ("tcp", "tcp6", "udp", "udp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                address, _, port = fields[2].partition(":")
                if port != "0000":
                    yield fields[9], _readable(address)


def _readable(address: str) -> str:
    """An address of /proc/net, whose 32-bit words are in the machine's byte order."""
    words = [bytes.fromhex(address[start : start + 8])[::-1] for start in range(0, len(address), 8)]
    return str(ipaddress.ip_address(b"".join(words)))

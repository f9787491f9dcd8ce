"""Certificates of in-cluster servers, on a real TLS connection."""

import contextlib
import socket
import ssl
import threading

import pytest

from plinth.security import authority

SEED = b"s" * 32
HOSTS = ["store.plinth-system.svc.cluster.local", "store-0.store-headless", "localhost"]


def server_context(tmp_path, seed=SEED):
    made = authority.issue(seed, "stores", HOSTS)
    (tmp_path / "tls.crt").write_text(made.certificate)
    (tmp_path / "tls.key").write_text(made.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    return context


def shake(context, trusted, host):
    """One handshake; the server's half runs in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            connection, _ = listening.accept()
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True):
                pass

        thread = threading.Thread(target=serve)
        thread.start()
        client = ssl.create_default_context(cadata=trusted)
        try:
            with socket.create_connection(listening.getsockname(), timeout=10) as plain:
                client.wrap_socket(plain, server_hostname=host).close()
        finally:
            thread.join(10)


@pytest.mark.parametrize("host", HOSTS)
def test_a_client_that_trusts_the_authority_reaches_the_server_under_each_of_its_names(tmp_path, host):
    shake(server_context(tmp_path), authority.authority(SEED, "stores"), host)


def test_a_server_of_another_authority_or_under_another_name_is_refused(tmp_path):
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(server_context(tmp_path, b"o" * 32), authority.authority(SEED, "stores"), HOSTS[0])
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(server_context(tmp_path), authority.authority(SEED, "stores"), "other.example.com")


def test_the_same_seed_gives_the_same_certificates_and_another_seed_others():
    assert authority.authority(SEED, "stores") == authority.authority(SEED, "stores")
    assert authority.issue(SEED, "stores", HOSTS) == authority.issue(SEED, "stores", HOSTS)
    assert authority.issue(SEED, "stores", HOSTS).key != authority.issue(b"o" * 32, "stores", HOSTS).key


def test_a_seed_of_another_length_and_a_server_without_a_name_are_refused():
    with pytest.raises(ValueError, match="not 32"):
        authority.authority(b"short", "stores")
    with pytest.raises(ValueError, match="host"):
        authority.issue(SEED, "stores", [])

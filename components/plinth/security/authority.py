"""A certificate authority for servers inside one cluster, made from a random seed: the same seed, the same one. Pure.

Keys are on P-256, which every client of the stores takes: gRPC's does not take Ed25519.
"""

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BEGIN = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
END = datetime.datetime(2045, 1, 1, tzinfo=datetime.UTC)
"""Certificates end with their seed, not with a date: nobody outside trusts them, and a new seed makes all anew."""

SEED_BYTES = 32
"""Length of the seed, in bytes."""

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of P-256 (FIPS 186-5): private keys are from 1 to one below it."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's certificate and its key, in PEM."""

    certificate: str
    key: str


def authority(seed: bytes, name: str) -> str:
    """The authority's own certificate, in PEM: what clients trust.

    Args:
        seed: `SEED_BYTES` random bytes, kept secret.
        name: what the authority is called.

    Raises:
        ValueError: The seed has another length.
    """
    return _pem(_authority(seed, name))


def issue(seed: bytes, name: str, hosts: Sequence[str]) -> Certificate:
    """The certificate of a server that answers as `hosts`; the first is its name.

    It also proves the server's identity to its own replicas, which some engines ask for.

    Raises:
        ValueError: The seed has another length, or there is no host.
    """
    if not hosts:
        raise ValueError("a certificate needs a host")
    key = _key(seed, f"server {hosts[0]}")
    signed = (
        _builder(seed, hosts[0][:64], f"server {' '.join(hosts)}", name)
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(_key(seed, "authority").public_key()), critical=False
        )
        .sign(_key(seed, "authority"), hashes.SHA256(), ecdsa_deterministic=True)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Certificate(_pem(signed), private.decode())


def _authority(seed: bytes, name: str) -> x509.Certificate:
    key = _key(seed, "authority")
    return (
        _builder(seed, name, "authority", name)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )


def _builder(seed: bytes, subject: str, what: str, issuer: str) -> x509.CertificateBuilder:
    serial = int.from_bytes(hashlib.sha256(b"serial" + seed + what.encode()).digest()[:19])
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .serial_number(serial)
        .not_valid_before(BEGIN)
        .not_valid_after(END)
    )


def _key(seed: bytes, what: str) -> ec.EllipticCurvePrivateKey:
    if len(seed) != SEED_BYTES:
        raise ValueError(f"the seed has {len(seed)} bytes, not {SEED_BYTES}")
    # Twice the length of the order, so that the remainder favors no key.
    number = int.from_bytes(hashlib.sha512(b"key" + seed + what.encode()).digest())
    return ec.derive_private_key(1 + number % (_ORDER - 1), ec.SECP256R1())


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()

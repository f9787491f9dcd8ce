"""The beginning of Snowpipe Streaming's protocol with TLS, for the real SDK.

`python streaming_server.py FOLDER` writes `ca.pem` there, prints its port, then each request's line as JSON.
"""

import base64
import datetime
import ipaddress
import json
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def certificates(folder: Path) -> None:
    """An authority and a certificate from it: the SDK's TLS takes no certificate that is its own authority."""
    now, made = datetime.datetime.now(datetime.UTC), {}
    for name, signer in (("ca", "ca"), ("leaf", "ca")):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"plinth test {name}")])
        issuer, issuer_key = made.get(signer, (subject, key))
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=name == "ca", path_length=None), critical=True)
        )
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        signed = builder.add_extension(address, critical=False).sign(issuer_key, hashes.SHA256())
        made[name] = (subject, key)
        (folder / f"{name}.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        (folder / f"{name}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )


def scoped_token() -> bytes:
    now = int(time.time())
    parts = [{"alg": "HS256"}, {"iss": "x", "sub": "x", "scope": "127.0.0.1", "iat": now, "exp": now + 3600}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return b".".join([*encoded, b"c2lnbmF0dXJl"])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.partition("?")[0]
        kind = self.headers.get("x-snowflake-authorization-token-type")
        print(json.dumps({"path": path, "kind": kind, "body": body.decode(errors="replace")}), flush=True)
        status, out = 403, b'{"code": "390400", "message": "the pipe is not there"}'
        if path.endswith("/hostname"):
            status, out = 200, b"127.0.0.1"
        elif path.endswith("/oauth/token"):
            status, out = 200, scoped_token()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)

    do_GET = do_POST = do_PUT = do_DELETE = answer


if __name__ == "__main__":
    place = Path(sys.argv[1])
    certificates(place)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(place / "leaf.pem", place / "leaf.key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    server.serve_forever()

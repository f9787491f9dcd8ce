"""What an instance does at its boot, its certificate, and how the gateway reaches it."""

import json
import shlex
import socket
import ssl
import threading

import pytest

from plinth.serving.remote import certificate, cloud_init, plan
from plinth.spec.remote import EndpointGpu, LambdaGpu

SEED = bytes(range(32))


def gpu(**changes: object) -> LambdaGpu:
    return LambdaGpu.model_validate(
        {
            "kind": "lambda",
            "name": "h100-lambda",
            "instance_type": "gpu_1x_h100_sxm5",
            "region": "us-east-3",
            "max_hourly_usd": 4.0,
            "ssh_key": "platform",
            "image": "registry.example.com/vllm/vllm-openai@sha256:" + "a" * 64,
            "repository": "Qwen/Qwen3-32B",
            "revision": "b" * 40,
            **changes,
        }
    )


def test_the_same_seed_gives_the_same_certificate_and_another_another():
    assert certificate.make(SEED, "h") == certificate.make(SEED, "h")
    assert certificate.make(SEED[::-1], "h") != certificate.make(SEED, "h")


@pytest.mark.parametrize(
    ("trusted", "name", "good"),
    [(SEED, "gpu.local", True), (SEED, "other.local", False), (SEED[::-1], "gpu.local", False)],
)
def test_a_client_that_trusts_the_certificate_trusts_no_other_and_no_other_name(tmp_path, trusted, name, good):
    made = certificate.make(SEED, "gpu.local")
    (tmp_path / "c.pem").write_text(made.certificate)
    (tmp_path / "k.pem").write_text(made.key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "c.pem", tmp_path / "k.pem")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cadata=certificate.make(trusted, "gpu.local").certificate)
    ours, theirs = socket.socketpair()

    def answer() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        client.wrap_socket(ours, server_hostname=name).close()
        worked = True
    except ssl.SSLError:
        worked = False
        ours.close()
    thread.join(10)
    assert worked is good


def test_the_boot_runs_the_model_with_tls_and_keeps_the_token_out_of_sight():
    made = certificate.make(SEED, "h")
    text = cloud_init.user_data(gpu(tensor_parallel=1), made, "token-canary")
    head, _, body = text.partition("\n")
    assert head == "#cloud-config"
    data = json.loads(body)
    files = {item["path"]: item for item in data["write_files"]}
    assert files["/etc/plinth/tls/key.pem"]["permissions"] == "0600"
    assert files["/etc/plinth/model.env"] == {
        "path": "/etc/plinth/model.env",
        "permissions": "0600",
        "owner": "root:root",
        "content": "VLLM_API_KEY=token-canary\n",
    }
    unit = files["/etc/systemd/system/plinth-model.service"]["content"]
    assert "token-canary" not in unit
    command = shlex.split(next(line for line in unit.splitlines() if line.startswith("ExecStart=")))
    for part in ("--revision=" + "b" * 40, "--ssl-keyfile=/tls/key.pem", "--served-model-name=h100-lambda"):
        assert part in command
    assert "--publish=443:8000" in command
    assert data["runcmd"][-1] == ["systemctl", "enable", "--now", "plinth-model.service"]


def test_the_gateway_trusts_the_instances_own_certificate_and_no_other():
    backend = plan.backend(gpu())
    assert backend.base_url == "https://remote-gpu-h100-lambda.plinth-system.svc.cluster.local/v1"
    assert backend.ca_file == "/etc/plinth/providers/h100-lambda/ca.pem"
    assert backend.probe == "models"
    assert plan.model(gpu()) == "h100-lambda"


def test_an_endpoint_is_trusted_by_public_authorities_unless_it_has_its_own():
    fields = {"kind": "endpoint", "name": "euw", "base_url": "https://g.example.com/v1", "model": "m"}
    public = EndpointGpu.model_validate({**fields, "api_key_secret": "s"})
    own = EndpointGpu.model_validate({**fields, "api_key_secret": "s", "ca_secret": "c"})
    assert plan.backend(public).ca_file is None
    assert plan.secrets(public) == {"api-key": "s"}
    assert plan.backend(own).ca_file == "/etc/plinth/providers/euw/ca.pem"
    assert plan.secrets(own) == {"api-key": "s", "ca.pem": "c"}


@pytest.mark.parametrize(("dollars", "cents"), [(3.29, 329), (4.0, 400), (0.29, 29), (3.999, 399)])
def test_the_fuse_in_cents_never_allows_more(dollars, cents):
    assert plan.fuse_in_cents(gpu(max_hourly_usd=dollars)) == cents

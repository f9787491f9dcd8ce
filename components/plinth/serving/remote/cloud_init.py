"""What a Lambda Cloud instance does at its first boot: run the model server, with TLS and a token. Pure."""

import json
import shlex

from plinth.serving.remote.certificate import Certificate
from plinth.spec.remote import LambdaGpu

FOLDER = "/etc/plinth"
SERVER_PORT = 8000
"""Port of vLLM inside its container; the instance shows it as 443."""

UNIT = "plinth-model.service"


def user_data(gpu: LambdaGpu, certificate: Certificate, token: str) -> str:
    """The cloud-init configuration. It holds the key of the certificate and the token: treat it as a secret."""
    files = [
        _file(f"{FOLDER}/tls/certificate.pem", certificate.certificate),
        _file(f"{FOLDER}/tls/key.pem", certificate.key),
        # By a file, because arguments of processes can be read by everybody on the machine.
        _file(f"{FOLDER}/model.env", f"VLLM_API_KEY={token}\n"),
        _file(f"/etc/systemd/system/{UNIT}", _unit(gpu), mode="0644"),
    ]
    commands = [["systemctl", "daemon-reload"], ["systemctl", "enable", "--now", UNIT]]
    # JSON is YAML, and has no surprises.
    return "#cloud-config\n" + json.dumps({"write_files": files, "runcmd": commands}, indent=1) + "\n"


def _file(path: str, content: str, mode: str = "0600") -> dict[str, str]:
    return {"path": path, "permissions": mode, "owner": "root:root", "content": content}


def _unit(gpu: LambdaGpu) -> str:
    return f"""[Unit]
Description=Model server {gpu.name}
Requires=docker.service
After=docker.service network-online.target
Wants=network-online.target

[Service]
ExecStartPre=-/usr/bin/docker rm --force plinth-model
ExecStartPre=/usr/bin/docker pull {gpu.image}
ExecStart={shlex.join(_command(gpu))}
Restart=always
RestartSec=10
TimeoutStartSec=0

[Install]
WantedBy=multi-user.target
"""


def _command(gpu: LambdaGpu) -> list[str]:
    container = ["--rm", "--name=plinth-model", "--gpus=all", "--ipc=host", f"--publish=443:{SERVER_PORT}"]
    mounts = [f"--volume={FOLDER}/tls:/tls:ro", "--volume=/var/lib/plinth/huggingface:/root/.cache/huggingface"]
    server = [
        f"--model={gpu.repository}",
        f"--revision={gpu.revision}",
        f"--served-model-name={gpu.name}",
        f"--port={SERVER_PORT}",
        "--ssl-certfile=/tls/certificate.pem",
        "--ssl-keyfile=/tls/key.pem",
        f"--tensor-parallel-size={gpu.tensor_parallel}",
        f"--max-model-len={gpu.max_context_tokens}",
    ]
    return ["/usr/bin/docker", "run", *container, *mounts, f"--env-file={FOLDER}/model.env", gpu.image, *server]

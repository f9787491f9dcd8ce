"""The platform on this machine, as its users see it."""

import json
from dataclasses import dataclass
from typing import Any

import openai
from acceptance.checkout import Checkout, Ran, free_ports
from acceptance.observe import Cloud
from acceptance.provider import Provider

QUESTION: Any = [{"role": "user", "content": "What is a plinth?"}]


@dataclass(frozen=True)
class Local:
    """A laptop.

    Attributes:
        checkout: Where its files are.
        ports: `laptop.ports` of its spec.
        preview: The preview before the first update.
        up: The first update.
        provider: Where hosted models are, as far as this laptop knows.
    """

    checkout: Checkout
    ports: dict[str, Any]
    preview: Ran
    up: Ran
    provider: Provider

    @classmethod
    def bring_up(cls, checkout: Checkout, provider: Provider) -> "Local":
        """Preview and update, on ports that are free."""
        checkout.environ["SSL_CERT_FILE"] = str(provider.certificate)
        ports = choose_ports(checkout)
        preview = checkout.plinth("preview", "local", "--json")
        return cls(checkout, ports, preview, checkout.plinth("up", "local", "--json"), provider)

    @property
    def url(self) -> str:
        """The gateway, without a path."""
        return f"http://127.0.0.1:{self.ports['gateway']}"

    @property
    def cloud(self) -> Cloud:
        """What stands in for AWS; only while the laptop runs."""
        account = self.checkout.spec("local")["environment"]["account_id"]
        return Cloud(f"http://127.0.0.1:{self.ports['aws']}", account)

    def key(self, tenant: str) -> str:
        """A tenant's key."""
        return self.checkout.plinth("key", "local", tenant).ok().out.strip()

    def client(self, key: str) -> openai.OpenAI:
        """The official client."""
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=20)

    def running(self) -> dict[str, int]:
        """Process id of each process that is ready, by name."""
        told = json.loads(self.checkout.plinth("status", "local", "--json").out)
        return {item["name"]: item["pid"] for item in told if item["state"] == "ready"}


def choose_ports(checkout: Checkout) -> dict[str, Any]:
    """Write free ports into the spec of a checkout."""
    names = [model["name"] for model in checkout.spec("local")["models"]]
    gateway, aws, *models = free_ports(2 + len(names))
    ports: dict[str, Any] = {"gateway": gateway, "aws": aws, "models": dict(zip(names, models, strict=True))}
    checkout.edit_spec("local", lambda spec: spec.update(laptop={"ports": ports}))
    return ports

"""A Lambda Cloud instance as a Pulumi resource, by a dynamic provider.

The provider holds nothing: Pulumi pickles it into the state, by the name of its class. What it needs to know arrives as
properties; the API key as configuration of the provider, which Pulumi keeps encrypted.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pulumi
from pulumi.dynamic import (
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from plinth.serving.remote.api import (
    ENDED,
    ENDPOINT,
    Instance,
    LambdaClient,
    LambdaError,
    Launch,
    NoCapacityError,
    UnclearError,
)

IDENTITY_TAG = "plinth-identity"
"""Tag by which an instance is found again that was launched, and not recorded."""

KEY_CONFIG = "lambda:apiKey"
"""Where the provider's configuration holds the API key."""

REPLACES = ("endpoint", "region", "instanceType", "imageFamily", "sshKey", "instanceName", "userData")
"""Properties that an instance has from its launch on."""

LOOKS = 5
"""How often an instance is looked for after a launch without an answer."""

POLL_SECONDS = 10.0
"""Time between looks at a booting or ending instance, in seconds."""

END_SECONDS = 900.0
"""Longest time for an instance to end, in seconds."""


class InstanceProvider(ResourceProvider):
    """Launches, finds again, watches and ends one instance."""

    def configure(self, req: ConfigureRequest) -> None:
        """Take the API key."""
        self._key = str(req.config.get(KEY_CONFIG) or "")

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Another machine, image or start needs another instance; who may reach it, and the fuse, do not."""
        replaces = [name for name in REPLACES if _olds.get(name) != _news.get(name)]
        changes = any(_olds.get(name) != _news.get(name) for name in ("sources", "maxCentsPerHour", "startMinutes"))
        # Both at once would be paid twice, and where GPUs are scarce the second is not to be had.
        return DiffResult(changes=bool(replaces) or changes, replaces=replaces, delete_before_replace=True)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Launch an instance, unless one of an earlier, killed attempt runs already; wait until it is up."""
        client = self._client(props)
        identity = identity_of(props)
        ruleset = _ruleset(client, props)
        found = _find(client, identity)
        id = found.id if found else self._launch(client, props, identity, ruleset)
        ready = self._wait_until_up(client, id, float(props["startMinutes"]) * 60)
        return CreateResult(id, {**props, "ip": ready.ip, "firewallRuleset": ruleset, "identity": identity})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Say what there is; an instance that ended by itself counts as gone."""
        found = self._client(props).instance(id_)
        if found is None or found.status in ENDED:
            return ReadResult("", {})
        return ReadResult(id_, {**props, "ip": found.ip or props.get("ip")})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Change who may reach it."""
        client = self._client(_news)
        if _olds.get("sources") != _news.get("sources"):
            client.change_ruleset(str(_olds["firewallRuleset"]), _news["sources"])
        kept = {name: _olds.get(name) for name in ("ip", "firewallRuleset", "identity")}
        return UpdateResult({**_news, **kept})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """End the instance, and wait until it costs nothing; then its firewall ruleset, which it holds until then."""
        client = self._client(_props)
        client.terminate(_id)
        self._wait_until_gone(client, _id)
        if ruleset := _props.get("firewallRuleset"):
            client.delete_ruleset(str(ruleset))

    def pause(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def _client(self, props: Mapping[str, Any]) -> LambdaClient:
        return LambdaClient(getattr(self, "_key", ""), str(props.get("endpoint") or ENDPOINT), self.pause)

    def _launch(self, client: LambdaClient, props: Mapping[str, Any], identity: str, ruleset: str) -> str:
        """Launch, once: where no answer comes, look for what may have been launched."""
        _check_offer(client, props)
        wanted = Launch(
            region=str(props["region"]),
            instance_type=str(props["instanceType"]),
            image_family=str(props["imageFamily"]),
            ssh_key=str(props["sshKey"]),
            name=str(props["instanceName"]),
            user_data=str(props["userData"]),
            tags={IDENTITY_TAG: identity},
            firewall_ruleset=ruleset,
        )
        try:
            return client.launch(wanted)
        except UnclearError as unclear:
            for _ in range(LOOKS):
                self.pause(POLL_SECONDS)
                if found := _find(client, identity):
                    return found.id
            raise LambdaError(
                f"{unclear}. No instance with the tag {IDENTITY_TAG}={identity} is there: "
                "nothing seems to have been launched; the next update looks again before it launches"
            ) from None

    def _wait_until_up(self, client: LambdaClient, id: str, seconds: float) -> Instance:
        """Wait for an address. What does not come up is ended: nothing that is not recorded goes on costing."""
        found: Instance | None = None
        for _ in self._polls(seconds):
            found = client.instance(id)
            if found is None or found.status in ENDED or found.status == "unhealthy":
                break
            if found.status == "active" and found.ip:
                return found
        state = found.status if found else "gone"
        try:
            client.terminate(id)
        except LambdaError as error:
            raise LambdaError(
                f"instance {id} is {state} after {seconds / 60:g} minutes and could not be ended: {error}. It goes on "
                "costing; the next update takes it over, or end it in Lambda's console"
            ) from None
        raise LambdaError(f"instance {id} was {state} within {seconds / 60:g} minutes of its launch, and was ended")

    def _wait_until_gone(self, client: LambdaClient, id: str) -> None:
        for _ in self._polls(END_SECONDS):
            found = client.instance(id)
            if found is None or found.status == "terminated":
                return
        raise LambdaError(f"instance {id} has not ended within {END_SECONDS / 60:g} minutes; look at Lambda's console")

    def _polls(self, seconds: float) -> Iterator[int]:
        """Now, and every POLL_SECONDS until `seconds` have passed."""
        for number in range(int(seconds / POLL_SECONDS) + 1):
            if number:
                self.pause(POLL_SECONDS)
            yield number


def identity_of(props: Mapping[str, Any]) -> str:
    """What tells this very instance from others: the same for the same properties, however often it is asked."""
    text = json.dumps([props.get("owner"), *(props.get(name) for name in REPLACES)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _find(client: LambdaClient, identity: str) -> Instance | None:
    """The instance with this identity.

    Raises:
        LambdaError: There are several, or they cannot be listed.
    """
    found = [it for it in client.instances() if it.tags.get(IDENTITY_TAG) == identity and it.status not in ENDED]
    if len(found) > 1:
        names = ", ".join(it.id for it in found)
        raise LambdaError(
            f"instances {names} all have the tag {IDENTITY_TAG}={identity}: end all but one in the console"
        )
    return found[0] if found else None


def _ruleset(client: LambdaClient, props: Mapping[str, Any]) -> str:
    """The firewall ruleset of this instance, made or brought up to date."""
    name, sources = str(props["instanceName"]), list(props["sources"])
    if known := client.rulesets().get(name):
        client.change_ruleset(known, sources)
        return known
    try:
        return client.make_ruleset(name, str(props["region"]), sources)
    except UnclearError:
        if known := client.rulesets().get(name):
            return known
        raise


def _check_offer(client: LambdaClient, props: Mapping[str, Any]) -> None:
    """Make sure that the instance costs no more than allowed, and is to be had.

    Raises:
        LambdaError: It costs more, or is not offered.
        NoCapacityError: It is not to be had in this region now; the message says where it is.
    """
    kind, region, most = str(props["instanceType"]), str(props["region"]), int(props["maxCentsPerHour"])
    offers = client.offers()
    offer = offers.get(kind)
    if offer is None:
        raise LambdaError(f"Lambda Cloud offers no instance type {kind}; it offers {', '.join(sorted(offers))}")
    if offer.cents_per_hour > most:
        raise LambdaError(
            f"{kind} costs {offer.cents_per_hour / 100:.2f} USD an hour now, more than the {most / 100:.2f} USD that "
            "max_hourly_usd allows: nothing was launched"
        )
    if region not in offer.regions:
        where = f"it is in {', '.join(offer.regions)}" if offer.regions else "it is nowhere"
        raise NoCapacityError(f"Lambda Cloud has no {kind} in {region} now; {where}. Nothing was launched")


class LambdaInstance(Resource, module="lambda", name="Instance"):
    """An instance of Lambda Cloud."""

    ip: pulumi.Output[str]
    """Public IPv4 address."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(
            InstanceProvider(), name, {**props, "ip": None, "firewallRuleset": None, "identity": None}, opts
        )


class LambdaCloud(pulumi.ProviderResource):
    """The dynamic provider, with the API key in its configuration: default providers are disabled."""

    def __init__(
        self, name: str, api_key: pulumi.Input[str] | None, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("pulumi-python", name, {KEY_CONFIG: pulumi.Output.secret(api_key)} if api_key else {}, opts)

"""A client of the Lambda Cloud API: typed answers, typed errors, retries only where nothing is paid twice.

Source: Lambda Cloud API 1.8, the OpenAPI document of cloud.lambda.ai. Standard library only, because Pulumi runs it in
the process of its dynamic provider.
"""

import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.parse import urlsplit

ENDPOINT = "https://cloud.lambda.ai"

ANSWER_SECONDS = 60.0
"""Longest time for one answer, in seconds."""

ATTEMPTS = 6
"""How often a request that changes nothing, or nothing more than once, is sent at most."""

PAUSE_SECONDS = 2.0
"""Pause before the second attempt, in seconds; it doubles. The API allows a request a second, a launch every twelve."""

LAUNCH_PAUSE_SECONDS = 12.0


class LambdaError(Exception):
    """Lambda Cloud refused or failed; the message is for a person and never holds the API key."""


class BadKeyError(LambdaError):
    """The API key is missing, wrong or revoked, or its account is not active."""


class QuotaError(LambdaError):
    """The account may not have more."""


class NoCapacityError(LambdaError):
    """There is no such instance to be had in that region now."""


class NotFoundError(LambdaError):
    """What was asked for does not exist."""


class UnclearError(LambdaError):
    """No answer came: whether the request was carried out is not known."""


_CODES: dict[str, type[LambdaError]] = {
    "global/invalid-api-key": BadKeyError,
    "global/account-inactive": BadKeyError,
    "global/quota-exceeded": QuotaError,
    "instance-operations/launch/insufficient-capacity": NoCapacityError,
    "global/object-does-not-exist": NotFoundError,
}

Status = Literal["booting", "active", "unhealthy", "terminated", "terminating", "preempted"]

ENDED = ("terminated", "terminating", "preempted")
"""States in which an instance costs nothing, or is about to."""


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance, as far as it matters here."""

    id: str
    status: Status
    ip: str | None
    """Public IPv4 address; absent until late in the boot."""
    tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class Offer:
    """An instance type, and where it is to be had now."""

    cents_per_hour: int
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Launch:
    """What is launched."""

    region: str
    instance_type: str
    image_family: str
    ssh_key: str
    name: str
    user_data: str
    tags: Mapping[str, str]
    firewall_ruleset: str


class LambdaClient:
    """Calls the API. `pause` waits between attempts: tests pass one that does not."""

    def __init__(self, key: str, endpoint: str = ENDPOINT, pause: Callable[[float], None] = time.sleep) -> None:
        self._key, self._pause = key, pause
        self._where = urlsplit(endpoint)
        if self._where.scheme != "https" and self._where.hostname != "127.0.0.1":
            raise LambdaError("the endpoint of the Lambda Cloud API must be an https address")

    def instances(self) -> list[Instance]:
        """Every instance of the account that is not gone.

        Raises:
            LambdaError: They cannot be listed.
        """
        return [_instance(item) for item in cast(Sequence[Any], self._again("GET", "/instances"))]

    def instance(self, id: str) -> Instance | None:
        """One instance; None where it is not known, or gone.

        Raises:
            LambdaError: It cannot be read.
        """
        try:
            found = _instance(self._again("GET", f"/instances/{id}"))
        except NotFoundError:
            return None
        return None if found.status == "terminated" else found

    def offers(self) -> dict[str, Offer]:
        """Instance types by name.

        Raises:
            LambdaError: They cannot be listed.
        """
        listed = cast(Mapping[str, Any], self._again("GET", "/instance-types"))
        return {
            name: Offer(
                int(item["instance_type"]["price_cents_per_hour"]),
                tuple(str(region["name"]) for region in item["regions_with_capacity_available"]),
            )
            for name, item in listed.items()
        }

    def launch(self, wanted: Launch) -> str:
        """Launch one instance and give its ID.

        Sent once: only a refusal for haste, which says that nothing was launched, is followed by another attempt.

        Raises:
            UnclearError: No answer came: it may have been launched.
            LambdaError: It was refused.
        """
        body = {
            "region_name": wanted.region,
            "instance_type_name": wanted.instance_type,
            "ssh_key_names": [wanted.ssh_key],
            "name": wanted.name,
            "image": {"family": wanted.image_family},
            "user_data": wanted.user_data,
            "tags": [{"key": key, "value": value} for key, value in wanted.tags.items()],
            "firewall_rulesets": [{"id": wanted.firewall_ruleset}],
        }
        for attempt in range(ATTEMPTS):
            try:
                return str(self._send("POST", "/instance-operations/launch", body)["instance_ids"][0])
            except _HasteError as error:
                if attempt == ATTEMPTS - 1:
                    raise LambdaError(f"Lambda Cloud still refuses to launch for haste: {error}") from None
                self._pause(max(error.seconds, LAUNCH_PAUSE_SECONDS))
        raise AssertionError("the loop returns or raises")

    def terminate(self, id: str) -> None:
        """End an instance; that it is gone already is no error.

        Raises:
            LambdaError: It could not be ended.
        """
        try:
            self._again("POST", "/instance-operations/terminate", {"instance_ids": [id]})
        except NotFoundError:
            return

    def rulesets(self) -> dict[str, str]:
        """Firewall rulesets: name -> ID.

        Raises:
            LambdaError: They cannot be listed.
        """
        listed = cast(Sequence[Any], self._again("GET", "/firewall-rulesets"))
        return {str(item["name"]): str(item["id"]) for item in listed}

    def make_ruleset(self, name: str, region: str, sources: Sequence[str]) -> str:
        """Make a ruleset that lets `sources` (CIDRs) reach port 443, and give its ID.

        Sent once; a ruleset costs nothing, and is found by its name if no answer came.

        Raises:
            LambdaError: It was not made.
        """
        body = {"name": name, "region": region, "rules": _rules(sources)}
        return str(self._send("POST", "/firewall-rulesets", body)["id"])

    def change_ruleset(self, id: str, sources: Sequence[str]) -> None:
        """Let these sources in, and no others.

        Raises:
            LambdaError: It could not be changed.
        """
        self._again("PATCH", f"/firewall-rulesets/{id}", {"rules": _rules(sources)})

    def delete_ruleset(self, id: str) -> None:
        """Delete a ruleset; that it is gone already is no error.

        Raises:
            LambdaError: It could not be deleted.
        """
        try:
            self._again("DELETE", f"/firewall-rulesets/{id}")
        except NotFoundError:
            return

    def _again(self, method: str, path: str, body: object = None) -> Any:
        """Send a request that may safely arrive more than once, until there is an answer."""
        seconds = PAUSE_SECONDS
        for attempt in range(ATTEMPTS):
            try:
                return self._send(method, path, body)
            except (UnclearError, _HasteError) as error:
                if attempt == ATTEMPTS - 1:
                    raise LambdaError(str(error)) from None
                self._pause(max(seconds, getattr(error, "seconds", 0.0)))
                seconds *= 2
        raise AssertionError("the loop returns or raises")

    def _send(self, method: str, path: str, body: object = None) -> Any:
        what = f"{method} {path}"
        if not self._key:
            raise BadKeyError("there is no API key for Lambda Cloud: set the secret plinth:lambdaApiKey of this stack")
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        connection = self._connection()
        try:
            connection.request(method, f"{self._where.path}/api/v1{path}", data, headers)
            answer = connection.getresponse()
            status, text, wait = answer.status, answer.read(), answer.headers.get("retry-after", "0")
        except (OSError, http.client.HTTPException) as error:
            raise UnclearError(f"Lambda Cloud gave no answer to {what} ({type(error).__name__})") from None
        finally:
            connection.close()
        return _payload(what, status, text, float(wait) if wait.isdigit() else 0.0)

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._where.hostname or "", self._where.port
        if self._where.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
        return http.client.HTTPSConnection(host, port, timeout=ANSWER_SECONDS, context=ssl.create_default_context())


class _HasteError(LambdaError):
    """Too many requests: this one was not carried out."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


def _payload(what: str, status: int, text: bytes, wait: float) -> Any:
    """The payload of an answer.

    Raises:
        LambdaError: It is an error, in Lambda's own words.
    """
    try:
        fields: dict[str, Any] = json.loads(text)
        error = cast(dict[str, Any], fields.get("error") or {})
        code, words = str(error.get("code", "")), f"{error.get('message', '')} {error.get('suggestion') or ''}".strip()
    except (ValueError, AttributeError):
        raise UnclearError(f"Lambda Cloud's answer to {what} ({status}) is not understood") from None
    if status == 429:
        raise _HasteError(f"Lambda Cloud wants {what} less often", wait)
    if status >= 500:
        raise UnclearError(f"Lambda Cloud failed on {what} ({status} {code}): {words}")
    if status >= 300 or "data" not in fields:
        kind = _CODES.get(code, BadKeyError if status == 401 else LambdaError)
        raise kind(f"Lambda Cloud refuses {what} ({code or status}): {words}")
    return fields["data"]


def _instance(item: Any) -> Instance:
    tagged = cast(Sequence[Any], item.get("tags") or [])
    tags = {str(tag["key"]): str(tag["value"]) for tag in tagged}
    return Instance(str(item["id"]), item["status"], item.get("ip"), tags)


def _rules(sources: Sequence[str]) -> list[dict[str, object]]:
    return [
        {
            "protocol": "tcp",
            "port_range": [443, 443],
            "source_network": source,
            "description": "The platform's gateway",
        }
        for source in sources
    ]

"""The reference page of network flows: the table, for people. Pure."""

from plinth.cluster.flows import Addresses, End, Flow, flows
from plinth.spec import PlatformSpec

PATH = "docs/reference/network-flows.md"
"""Where the page is kept."""

_HEAD = """# Network flows

Who opens connections to whom in the platform's namespaces, as environment `{environment}` has it. Everything else is
refused: each namespace denies by default, and every policy in it has a row here (`components/plinth/cluster/flows.py`;
a test holds both against each other). Tenants' namespaces are closed too, except for names, the gateway and their own
pods.

Generated from the table by `plinth schema --write`.

| from | to | port | why |
|---|---|---|---|
"""


def render(spec: PlatformSpec) -> str:
    """The page of an environment."""
    return _HEAD.format(environment=spec.environment.name) + "".join(f"{_row(flow)}\n" for flow in flows(spec))


def _row(flow: Flow) -> str:
    ports = ", ".join(str(port) for port in flow.ports) or "every"
    return f"| {_end(flow.source)} | {_end(flow.destination)} | {ports} {flow.protocol} | {flow.reason} |"


def _end(end: End) -> str:
    if isinstance(end, Addresses):
        return f"{end.what} (`{end.cidr}`)"
    where = f"`{end.namespace}`" if end.namespace else "`tenant-*`"
    return f"{end.what} in {where}"

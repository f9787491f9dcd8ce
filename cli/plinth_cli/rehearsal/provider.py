"""A Pulumi resource provider over gRPC that asks a `Package` for everything that differs between packages.

The engine attaches to it through `PULUMI_DEBUG_PROVIDERS`. Each provider instance of the program (default or explicit)
opens a connection of its own, so the connection tells whose configuration a call belongs to.
Source of the protocol: pulumi/pulumi, proto/pulumi/provider.proto and pkg/resource/plugin/provider_plugin.go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc
from typing_extensions import override

from plinth_cli.rehearsal import values
from plinth_cli.rehearsal.ledger import Entry, Ledger
from plinth_cli.rehearsal.package import (
    Call,
    Change,
    Checked,
    Difference,
    Failure,
    Naming,
    Package,
    Refusal,
    Unsure,
    Urn,
)
from plinth_cli.rehearsal.sealing import scrub, seal
from plinth_cli.rehearsal.values import Props

Context = grpc.ServicerContext
_Method = TypeVar("_Method", bound=Callable[..., Any])

_KINDS = {
    (Change.ADD, False): provider_pb2.PropertyDiff.ADD,
    (Change.ADD, True): provider_pb2.PropertyDiff.ADD_REPLACE,
    (Change.DELETE, False): provider_pb2.PropertyDiff.DELETE,
    (Change.DELETE, True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    (Change.UPDATE, False): provider_pb2.PropertyDiff.UPDATE,
    (Change.UPDATE, True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}
_MODES = {0: "propose", 1: "enforce", 2: "disable"}


def _clean_failures(method: _Method) -> _Method:
    """A refusal ends the call with its message; anything else with the kind of error, never with a traceback."""

    @wraps(method)
    def guarded(self: StandIn, request: Any, context: Context) -> Any:
        try:
            return method(self, request, context)
        except Refusal as refusal:
            where = f"property {refusal.path}: " if refusal.path else ""
            _abort(context, f"{_name(request)}{where}{_scrubbed(str(refusal), request)}")
        except Exception as error:  # noqa: BLE001  whatever fails, the engine gets a message and the server lives on
            context.set_trailing_metadata(())
            text = _scrubbed(f"{type(error).__name__}: {error}", request)
            _abort(context, f"{_name(request)}the rehearsal's {self.package.name} provider failed: {text}")

    return guarded  # type: ignore[return-value]  # a wrapper of the same signature


def _abort(context: Context, message: str) -> NoReturn:
    context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError("abort raises")


def _name(request: Any) -> str:
    """The engine prefixes the URN, but not for functions."""
    return f"{request.tok}: " if hasattr(request, "tok") else ""


def _scrubbed(message: str, request: Any) -> str:
    bags = [
        getattr(request, name)
        for name in ("news", "olds", "properties", "inputs", "old_inputs", "args")
        if hasattr(request, name)
    ]
    return scrub(message, *(values.decode(bag) for bag in bags))


class StandIn(provider_pb2_grpc.ResourceProviderServicer):
    """The provider of one package.

    Args:
        package: what is particular to the package.
        ledger: where creations are noted, shared by all packages.
        adopt: URNs whose creation a killed update had begun; creating one of them takes over what exists.
    """

    def __init__(self, package: Package, ledger: Ledger, adopt: frozenset[str] = frozenset()) -> None:
        self.package = package
        self._ledger = ledger
        self._adopt = set(adopt)
        self._in_state: set[tuple[str, str]] = set()
        self._configs: dict[str, Mapping[str, Any]] = {}
        self._last_config: Mapping[str, Any] = {}
        self._lock = threading.Lock()

    # --- the connection ----------------------------------------------------------------------------------------

    @override
    def Handshake(self, request: Any, context: Context) -> Any:
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=True, accept_outputs=False, supports_autonaming_configuration=True
        )

    @override
    def Attach(self, request: Any, context: Context) -> Any:
        return empty_pb2.Empty()

    @override
    def GetPluginInfo(self, request: Any, context: Context) -> Any:
        return plugin_pb2.PluginInfo(version=self.package.version)

    @override
    def Cancel(self, request: Any, context: Context) -> Any:
        return empty_pb2.Empty()

    # --- configuration -----------------------------------------------------------------------------------------

    @override
    @_clean_failures
    def CheckConfig(self, request: Any, context: Context) -> Any:
        call = Call(Urn.parse(request.urn))
        return _check_response(self.package.check_config(call, values.decode(request.news)))

    @override
    @_clean_failures
    def DiffConfig(self, request: Any, context: Context) -> Any:
        return _diff_response(_config_difference(values.decode(request.old_inputs), values.decode(request.news)))

    @override
    @_clean_failures
    def Configure(self, request: Any, context: Context) -> Any:
        config = self.package.read_config(values.decode(request.args))
        with self._lock:
            self._configs[context.peer()] = config
            self._last_config = config
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True,
            supportsPreview=True,
            acceptResources=True,
            acceptOutputs=False,
            supports_autonaming_configuration=True,
        )

    def _call(self, request: Any, context: Context, incarnation: int = 0) -> Call:
        with self._lock:
            config = self._configs.get(context.peer(), self._last_config)
        preview = bool(getattr(request, "preview", False))
        return Call(Urn.parse(request.urn), config, preview, incarnation)

    def _call_for_id(self, request: Any, context: Context) -> Call:
        with self._lock:
            self._in_state.add((request.urn, request.id))  # the engine asks about what its state holds
        entry = self._ledger.find(request.urn, request.id)
        return self._call(request, context, entry.incarnation if entry else 0)

    # --- resources ---------------------------------------------------------------------------------------------

    @override
    @_clean_failures
    def Check(self, request: Any, context: Context) -> Any:
        call = self._call(request, context, self._coming_incarnation(request.urn))
        auto = request.autonaming
        naming = Naming(auto.proposed_name or None, _MODES[auto.mode]) if request.HasField("autonaming") else Naming()
        inputs, old_inputs = values.decode(request.news), values.decode(request.olds)
        return _check_response(self.package.check(call, inputs, old_inputs, naming))

    def _coming_incarnation(self, urn: str) -> int:
        pending = self._pending(urn)
        return pending.incarnation if pending else self._ledger.next_incarnation(urn)

    def _pending(self, urn: str) -> Entry | None:
        """What an update that was killed left of this name: begun and not finished, or not recorded by the engine."""
        latest = self._ledger.latest(urn)
        if latest is None or latest.id is None:
            return latest
        with self._lock:
            lost = urn in self._adopt and (urn, latest.id) not in self._in_state
        return latest if lost else None

    @override
    @_clean_failures
    def Diff(self, request: Any, context: Context) -> Any:
        found = self.package.diff(
            self._call_for_id(request, context),
            request.id,
            values.decode(request.old_inputs),
            values.decode(request.olds),
            values.decode(request.news),
        )
        return _diff_response(found)

    @override
    @_clean_failures
    def Create(self, request: Any, context: Context) -> Any:
        inputs = values.decode(request.properties)
        if request.preview:
            call = self._call(request, context, self._coming_incarnation(request.urn))
            created = self.package.create(call, inputs)
        else:
            created = self._create(request, context, inputs)
        return provider_pb2.CreateResponse(id=created.id, properties=values.encode(seal(created.outputs, inputs)))

    def _create(self, request: Any, context: Context, inputs: Props) -> Any:
        call = self._call(request, context)
        pending = self._pending(request.urn)
        incarnation = pending.incarnation if pending else self._ledger.begin(request.urn, call.urn.type)
        call = Call(call.urn, call.config, incarnation=incarnation, resumed=pending is not None)
        try:
            found = pending.id if pending else None
            created = self.package.adopt(call, found, inputs) if found else self.package.create(call, inputs)
        except Unsure:
            raise  # the entry without an id tells the next update that something may be there
        except Exception:
            if pending is None:
                self._ledger.abandon(request.urn, incarnation)
            raise
        self._ledger.finish(request.urn, incarnation, created.id)
        with self._lock:
            self._adopt.discard(request.urn)
        return created

    @override
    @_clean_failures
    def Read(self, request: Any, context: Context) -> Any:
        inputs, outputs = values.decode(request.inputs), values.decode(request.properties)
        found = self.package.read(self._call_for_id(request, context), request.id, inputs, outputs)
        if found is None:
            return provider_pb2.ReadResponse(id="")
        return provider_pb2.ReadResponse(
            id=found.id,
            inputs=values.encode(seal(found.inputs, inputs)),
            properties=values.encode(seal(found.outputs, inputs, outputs)),
        )

    @override
    @_clean_failures
    def Update(self, request: Any, context: Context) -> Any:
        inputs, old_outputs = values.decode(request.news), values.decode(request.olds)
        outputs = self.package.update(
            self._call_for_id(request, context), request.id, values.decode(request.old_inputs), old_outputs, inputs
        )
        return provider_pb2.UpdateResponse(properties=values.encode(seal(outputs, inputs, old_outputs)))

    @override
    @_clean_failures
    def Delete(self, request: Any, context: Context) -> Any:
        inputs, outputs = values.decode(request.old_inputs), values.decode(request.properties)
        self.package.delete(self._call_for_id(request, context), request.id, inputs, outputs)
        self._ledger.forget(request.urn, request.id)
        return empty_pb2.Empty()

    @_clean_failures
    @override
    def Construct(self, request: Any, context: Context) -> Any:
        raise Refusal(f"a rehearsal cannot run {request.type}: components of other languages need their own plugin")

    @_clean_failures
    @override
    def Call(self, request: Any, context: Context) -> Any:
        raise Refusal("a rehearsal cannot call methods of components of other languages")

    # --- functions ---------------------------------------------------------------------------------------------

    @override
    @_clean_failures
    def Invoke(self, request: Any, context: Context) -> Any:
        with self._lock:
            config = self._configs.get(context.peer(), self._last_config)
        args = values.decode(request.args)
        call = Call(Urn(request.tok, request.tok, request.tok.rpartition(":")[2]), config)
        answer = self.package.invoke(call, request.tok, args)
        failures = [_failure(failure) for failure in answer.failures]
        return provider_pb2.InvokeResponse(**{"return": values.encode(seal(answer.result, args))}, failures=failures)


def _config_difference(old: Props, new: Props) -> Difference:
    """A change of a provider's configuration never replaces its resources in a rehearsal; it is an update."""
    changed = {name for name in old.keys() | new.keys() if values.reveal(old.get(name)) != values.reveal(new.get(name))}
    return Difference(dict.fromkeys(changed - {"version"}, Change.UPDATE))


def _failure(failure: Failure) -> Any:
    """The path stands in the text: the engine would print the whole value of a property it is told, secrets too."""
    reason = f"property {failure.path} {failure.reason}" if failure.path else failure.reason
    return provider_pb2.CheckFailure(reason=reason)


def _check_response(checked: Checked) -> Any:
    failures = [_failure(failure) for failure in checked.failures]
    return provider_pb2.CheckResponse(inputs=values.encode(checked.inputs), failures=failures)


def _diff_response(found: Difference) -> Any:
    response = provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if found.changes else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=sorted({_top(path) for path in found.changes}),
        replaces=sorted({_top(path) for path in found.replaces}),
        deleteBeforeReplace=found.delete_before_replace,
        hasDetailedDiff=True,
    )
    for path, change in found.changes.items():
        detail = response.detailedDiff[path]
        detail.kind = _KINDS[change, path in found.replaces]
        detail.inputDiff = True
    return response


def _top(path: str) -> str:
    return path.split(".", 1)[0].split("[", 1)[0]

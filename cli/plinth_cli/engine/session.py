"""One operation of Pulumi's engine, from the user's files to a `Result`."""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from plinth_cli.console import Console
from plinth_cli.engine import checkpoint, failure, guard, plan, recovery, sdk
from plinth_cli.engine.lock import Marker, Running, environment_lock
from plinth_cli.engine.project import LOCAL, Project
from plinth_cli.engine.result import Operation, Result
from plinth_cli.engine.verdict import verdict
from plinth_cli.policyenv import PolicyEnv
from plinth_cli.toolchain import Toolchain

if TYPE_CHECKING:  # the SDK takes a fifth of a second to import, which a misspelt name need not wait for
    from pulumi.automation import Stack

    from plinth_cli.engine.command import EngineCommand
    from plinth_cli.engine.events import Collector
    from plinth_cli.engine.workspace import Scratch

PARALLEL = 16
"""Resource operations at a time: the engine's default is unbounded, which swamps a laptop."""
REAL_GRACE_SECONDS = 900.0
"""How long an engine that works on a real cloud may finish what is in flight when the CLI dies."""

_DOING: dict[Operation, str] = {
    "up": "Updating",
    "preview": "Previewing",
    "destroy": "Destroying",
    "refresh": "Refreshing",
}


@dataclass(frozen=True)
class Options:
    """Choices of one run.

    Attributes:
        aws_endpoint: Address of a moto server that already runs (the laptop's); None starts one for the run.
        toolchain: The Pulumi CLI; None finds or builds it.
        policies: The policy pack and its interpreter; None uses the project's pack, else the platform's.
        message: Note kept in the stack's history.
        with_needs: Find out who needs whom (`Result.needs`), which only a preview can.
    """

    aws_endpoint: str | None = None
    toolchain: Toolchain | None = None
    policies: PolicyEnv | None = None
    message: str | None = None
    with_needs: bool = False


@dataclass
class _Run:
    """What the steps of one run share."""

    operation: Operation
    env: str
    project: Project
    rehearse: bool
    console: Console
    options: Options
    toolchain: Toolchain
    policies: PolicyEnv | None
    result: Result
    secrets: list[str] = field(default_factory=list[str])
    expected: int = 0
    """How many resources there were last time; 0 when that is not known."""


def run(
    operation: Operation,
    env: str,
    *,
    project: Project,
    rehearse: bool,
    console: Console,
    options: Options | None = None,
) -> Result:
    """Run one operation to its end.

    Args:
        operation: up, preview, destroy or refresh.
        env: The environment, as in Pulumi.<env>.yaml.
        project: The platform or a team's stack.
        rehearse: Use stand-in providers and a state of its own; `local` always does.
        console: Where progress is told.
        options: See `Options`.

    Returns:
        What happened; also when the update failed, a policy stopped it, or Ctrl-C did.

    Raises:
        PlinthError: It could not even begin.
    """
    from plinth_cli.policyenv import ensure_policy_env
    from plinth_cli.toolchain import ensure_pulumi

    options = options or Options()
    rehearse = rehearse or env == LOCAL
    project.stack_file(env)
    if not rehearse:
        project.require_own(env)
    begun = time.monotonic()
    result = Result(operation, env, project.name, rehearse)
    with contextlib.ExitStack() as locks:
        # A team's stack works in the platform's cloud and cluster, which one rehearsal at a time may hold.
        for dirs in dict.fromkeys((project.shared_dirs(env), project.dirs(env))):
            locks.enter_context(environment_lock(dirs, f"{operation} {env}"))
        policies = options.policies
        if policies is None and operation in ("up", "preview"):
            policies = _own_pack(project, ensure_policy_env(console))
        toolchain = options.toolchain or ensure_pulumi(console)
        state = _Run(operation, env, project, rehearse, console, options, toolchain, policies, result)
        try:
            if rehearse:
                _rehearse(state)
            else:
                _really(state)
        except KeyboardInterrupt:
            result.interrupted = True
    result.seconds = time.monotonic() - begun
    return result


def _own_pack(project: Project, policies: PolicyEnv) -> PolicyEnv:
    """A project may bring its own rules; most use the platform's."""
    for root in (project.root, project.platform_root):
        if (root / "policies" / "PulumiPolicy.yaml").is_file():
            return PolicyEnv(pack=root / "policies", bin_dir=policies.bin_dir)
    return policies


def _rehearse(state: _Run) -> None:
    from plinth_cli.engine import workspace
    from plinth_cli.engine.command import EngineCommand
    from plinth_cli.rehearsal import Rehearsal

    project, env = state.project, state.env
    sdk.warm_up(project)
    dirs, shared = project.dirs(env), project.shared_dirs(env)
    marker = Marker(dirs)
    scratch = workspace.prepare(project, env)
    state.secrets.append(scratch.passphrase)
    for key in scratch.placeholders:
        state.console.warn(f"{key} is a secret of the real {env}; the rehearsal uses a placeholder.")
    found = recovery.recover(scratch.files, dirs, recovery.read_ledger(shared))
    state.expected = len(scratch.files.resources())
    running = Running(f"{state.operation} {env}", os.getpid(), time.time())

    def note_keeper(pid: int) -> None:
        marker.write(replace(running, keeper=pid, keeper_since=time.time()))

    protected = guard.protected(scratch.files.latest()) if state.operation == "destroy" else []
    if protected:
        state.console.warn(guard.in_rehearsal(protected, env))
    command = EngineCommand(
        state.toolchain,
        isolated=True,
        unprotected=bool(protected),
        on_start=note_keeper,
        on_interrupt=_interruption(state.console),
    )
    _repair(state, found, scratch, command)
    marker.write(running)
    try:
        with Rehearsal(shared.base, state.options.aws_endpoint, scratch.passphrase, found.adopt) as rehearsal:
            stack = workspace.open_rehearsal(scratch, command, project.program, _environ(state, rehearsal.environ))
            _execute(state, stack, command)
        scratch.files.prune()
        if state.operation == "destroy" and env != LOCAL and not checkpoint.holds_anything(shared.state, env):
            # What production keeps on purpose, or for a recovery window, would block the next rehearsal.
            for name in ("journal", "ledger.sqlite"):
                (shared.base / "cloud" / name).unlink(missing_ok=True)
    finally:
        marker.write(replace(running, ended=True))
    if state.result.ok:
        marker.clear()


def _repair(state: _Run, found: recovery.Recovered, scratch: "Scratch", command: "EngineCommand") -> None:
    """Clear cut-off operations from the state with the engine's own means, and say what was found."""
    from plinth_cli.engine import workspace

    if found.clear:
        stack = workspace.open_rehearsal(scratch, command, state.project.program, {})
        # `pulumi stack import` drops pending operations: that is what Pulumi documents for clearing them.
        stack.import_stack(stack.export_stack())
    state.result.recovered = list(found.notes)
    for line in found.notes:
        state.console.warn(line)


def _really(state: _Run) -> None:
    from plinth_cli.engine import workspace
    from plinth_cli.engine.command import EngineCommand

    command = EngineCommand(state.toolchain, grace=REAL_GRACE_SECONDS, on_interrupt=_interruption(state.console))
    stack = workspace.open_real(state.project, state.env, state.operation, command, _environ(state, {}))
    # The engine would delete everything else before it came to the first protected resource.
    if state.operation == "destroy" and (protected := guard.protected(stack.export_stack().deployment)):
        raise guard.refusal(protected, state.env)
    _execute(state, stack, command)


def _environ(state: _Run, extra: dict[str, str]) -> dict[str, str]:
    """The engine's environment: the policy interpreter must be found on PATH."""
    from plinth_cli.engine.workspace import path_with

    folders = [state.policies.bin_dir] if state.policies else []
    return {"PATH": path_with(*folders, state.toolchain.pulumi.parent), "PULUMI_SKIP_UPDATE_CHECK": "true", **extra}


def _interruption(console: Console) -> Callable[[int], None]:
    def tell(presses: int) -> None:
        if presses == 1:
            console.warn("Stopping: what is in flight is finished first. Ctrl-C again stops at once.")

    return tell


def _execute(state: _Run, stack: "Stack", command: "EngineCommand") -> None:
    """Let the engine do it. An update comes after a preview: what policy forbids is found before anything is made."""
    result = state.result
    if state.operation == "up" and state.policies:
        _engine(state, stack, command, "preview", f"Checking {state.env}")
        if not result.ok:
            result.changes, result.counts, result.outputs = [], {}, {}
            return
    _engine(state, stack, command, state.operation, f"{_DOING[state.operation]} {state.env}")


def _engine(state: _Run, stack: "Stack", command: "EngineCommand", operation: Operation, doing: str) -> None:
    """Run one command of the engine, and put what it said into the result."""
    from pulumi.automation.errors import CommandError

    from plinth_cli.engine.events import Collector

    title = doing + (" (rehearsal)" if state.rehearse else "")
    command_error: CommandError | None = None
    collector = Collector()
    with sdk.quiet(), failure.captured() as kept, sdk.program_output(state.console):
        try:
            with state.console.task(title) as task:
                task.update("loading program, providers and policies")
                collector.on_step = lambda done, doing: task.update(_progress(done, state.expected, doing))
                _operate(state, stack, collector, operation)
        except CommandError as error:
            command_error = error
    result = state.result
    result.changes = list(collector.changes.values())
    result.counts = collector.tally()
    result.violations, result.problems = collector.violations, collector.problems
    result.outputs = collector.outputs
    result.policies = collector.policies if state.policies else None
    result.interrupted = command.interrupted
    if command_error and not result.interrupted:
        result.error = verdict(result, state.project, kept, command_error, state.secrets)


def _progress(done: int, expected: int, doing: str) -> str:
    total = f" of {expected}" if done <= expected else ""
    return f"{done}{total} done" + (f", {doing}" if doing else "")


def _operate(state: _Run, stack: "Stack", collector: "Collector", operation: Operation) -> None:
    message = state.options.message
    common: dict[str, Any] = {"on_event": collector, "parallel": PARALLEL, "color": "never", "message": message}
    packs = [str(state.policies.pack)] if state.policies else []
    if operation == "preview" and state.options.with_needs:
        with plan.plan_file() as file:
            stack.preview(policy_packs=packs, suppress_outputs=True, plan=str(file), **common)
            state.result.needs = plan.needs(file)
    elif operation in ("up", "preview"):
        getattr(stack, operation)(policy_packs=packs, suppress_outputs=True, **common)
    else:
        getattr(stack, operation)(**common)

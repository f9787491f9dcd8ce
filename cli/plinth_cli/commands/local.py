"""`plinth up | status | logs | down local`: the platform on this machine."""

import json
import shutil
import sys
from pathlib import Path

from rich.text import Text

from plinth_cli.commands.specs import platform, read_spec
from plinth_cli.console import Console
from plinth_cli.engine.project import LOCAL, Project, UnknownEnvironment
from plinth_cli.engine.result import EXIT_ERROR, Result
from plinth_cli.errors import PlinthError
from plinth_cli.laptop import Laptop, ProcessStatus


def up(project: Project, console: Console) -> Result:
    """Bring the platform up here: the cloud, then the engine, then the workloads that it rendered.

    Everything dies with this command until the workloads are healthy; from then on it outlives it.

    Raises:
        PlinthError: A port is busy, or a workload does not become healthy.
    """
    from plinth_cli.engine import session
    from plinth_cli.engine.workspace import passphrase

    spec = read_spec(project, LOCAL)
    if spec.laptop is None:
        where = str(project.stack_file(LOCAL))
        raise PlinthError("The local environment has no `laptop` section.", where, "Add `laptop: {}` to the spec.")
    dirs = project.dirs(LOCAL).create()
    laptop = Laptop(dirs)
    with console.task("Starting the local cloud") as task:
        endpoint = laptop.start_cloud(spec.laptop.ports.aws, passphrase(project.shared_dirs(LOCAL)))
        # Not after half a minute of work.
        laptop.check_ports(spec.laptop.ports.gateway, spec.laptop.ports.models)
        task.finish(f"Local cloud at {endpoint}")
    options = session.Options(aws_endpoint=endpoint)
    result = session.run("up", LOCAL, project=project, rehearse=True, console=console, options=options)
    if not result.ok:
        return result
    with console.task("Starting the workloads") as task:
        statuses = laptop.start_workloads(task.update)
        task.finish(f"{len(statuses)} processes running")
    laptop.keep()
    result.processes = [_document(status) for status in statuses]
    return result


def tell(project: Project, console: Console) -> None:
    """Print the address, how to get a key, and a request to paste."""
    spec = read_spec(project, LOCAL)
    if spec.laptop is None or not spec.tenants:
        return
    tenant, plinth = spec.tenants[0], invocation()
    address = f"http://127.0.0.1:{spec.laptop.ports.gateway}"
    request = json.dumps({"model": tenant.routes[0], "messages": [{"role": "user", "content": "Hello!"}]})
    lines = [
        ("", ""),
        ("Gateway     ", f"{address}/v1   (the OpenAI API)"),
        ("A key       ", f"export PLINTH_KEY=$({plinth} key {LOCAL} {tenant.name})"),
        ("A request   ", f"curl -s {address}/v1/chat/completions \\"),
        ("            ", '  -H "Authorization: Bearer $PLINTH_KEY" \\'),
        ("            ", '  -H "Content-Type: application/json" \\'),
        ("            ", f"  -d '{request}'"),
        ("Afterwards  ", f"{plinth} status {LOCAL} · logs {LOCAL} gateway · down {LOCAL}"),
    ]
    for label, value in lines:
        console.out.print(Text.assemble((label, "bold"), value))


def destroy(project: Project, console: Console) -> Result:
    """Delete what the engine made here, then stop everything.

    Raises:
        PlinthError: It could not begin.
    """
    from plinth_cli.engine import session

    laptop = Laptop(project.dirs(LOCAL))
    options = session.Options(aws_endpoint=laptop.endpoint())
    result = session.run("destroy", LOCAL, project=project, rehearse=True, console=console, options=options)
    if result.ok and laptop.stop():
        console.done("Stopped what ran on this machine")
    return result


def status(env: str, *, as_json: bool) -> int:
    """Print what runs here; 1 when something that should is not ready.

    Raises:
        PlinthError: The environment is not the local one.
    """
    console = Console()
    statuses = _laptop(env).status()
    if as_json:
        console.say(json.dumps([_document(found) for found in statuses], indent=2))
    elif not statuses:
        console.say("Nothing is running here.")
        console.warn("The laptop is down.", fix=f"{invocation()} up {LOCAL}")
    else:
        _table(statuses, console)
    return 0 if statuses and all(found.state == "ready" for found in statuses) else EXIT_ERROR


def logs(env: str, workload: str | None, *, follow: bool) -> int:
    """Print one log, or the end of each.

    Raises:
        PlinthError: No such log, or the environment is not the local one.
    """
    if workload is None:
        _not_a_workload(env)
    laptop = _laptop(env)
    console = Console()
    if workload is None and not follow:
        for found in laptop.status():
            for line in list(laptop.logs(found.name))[-10:]:
                console.say(f"{found.name}  {line}")
        return 0
    try:
        for line in laptop.logs(workload or "gateway", follow=follow):
            console.say(line)
    except KeyboardInterrupt:
        return 0  # how one ends following
    return 0


def down(env: str) -> int:
    """Stop everything that runs here; what was deployed is kept and comes back with the next `up`.

    Raises:
        PlinthError: The environment is not the local one.
    """
    laptop = _laptop(env)
    console = Console()
    with console.task("Stopping") as task:
        stopped = laptop.stop()
        task.finish("Stopped; state is kept" if stopped else "Nothing was running")
    return 0


def endpoint(project: Project) -> str | None:
    """Return the address of the laptop's cloud when it runs."""
    return Laptop(project.shared_dirs(LOCAL)).endpoint()


def invocation() -> str:
    """How the person called us, so that what we print can be pasted."""
    own = Path(sys.argv[0])
    if own.name != "plinth":
        return "python -m plinth_cli"
    found = shutil.which("plinth")
    if found and Path(found).resolve() == own.resolve():
        return "plinth"
    absolute = own.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)


def _laptop(env: str) -> Laptop:
    project = platform()
    project.stack_file(env)
    if env != LOCAL:
        raise UnknownEnvironment(f"{env} does not run on this machine.", fix=f"Only `{LOCAL}` does.")
    return Laptop(project.dirs(LOCAL))


def _not_a_workload(env: str) -> None:
    """Refuse `plinth logs gateway` with the command that was meant."""
    project = platform()
    if env in project.environments():
        return
    if any(found.name == env for found in Laptop(project.dirs(LOCAL)).status()):
        raise UnknownEnvironment(
            f"'{env}' is a workload; the environment comes first.", fix=f"{invocation()} logs {LOCAL} {env}"
        )


def _table(statuses: list[ProcessStatus], console: Console) -> None:
    width = max(len(found.name) for found in statuses)
    for found in statuses:
        mark, style = ("✓", "green") if found.state == "ready" else ("✗", "red")
        restarts = f"  {found.restarts} restarts" if found.restarts else ""
        detail = f"  {found.detail}" if found.detail else ""
        line = f" {found.name:<{width}}  {found.state:<10}  {found.address or ''}{restarts}{detail}"
        console.out.print(Text.assemble((mark, style), line))


def _document(found: ProcessStatus) -> dict[str, object]:
    return {
        "name": found.name,
        "state": found.state,
        "pid": found.pid,
        "address": found.address,
        "restarts": found.restarts,
        "detail": found.detail,
    }

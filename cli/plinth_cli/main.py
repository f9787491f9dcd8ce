"""The `plinth` command line. Imports nothing heavy: a subcommand imports what it needs when it runs."""

import difflib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup


class Commands(TyperGroup):
    """Names the nearest command when one is misspelt, also for two letters the wrong way round."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command, or end with a usage error that names the nearest one."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            known = self.list_commands(ctx)
            close = difflib.get_close_matches(args[0].lower(), known, n=1, cutoff=0.5)
            hint = f"Did you mean '{close[0]}'?" if close else f"Commands: {', '.join(known)}."
            ctx.fail(f"There is no command '{args[0]}'. {hint}")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="plinth",
    cls=Commands,
    help="Bring an AI platform up, preview it, and rehearse it without a cloud account.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)

Env = Annotated[str, typer.Argument(metavar="ENV", help="An environment: the ENV of a Pulumi.ENV.yaml.")]
Rehearse = Annotated[bool, typer.Option("--rehearse", help="On stand-in providers, with no cloud account.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before changing a real environment.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Markdown = Annotated[
    Path | None, typer.Option("--markdown", metavar="FILE", help="Write the report as a pull request's comment.")
]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the report as one web page.")]
Stack = Annotated[Path | None, typer.Option("--stack", metavar="DIR", help="A team stack, such as stacks/search.")]


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the versions and exit.")] = False,
) -> None:
    """Bring an AI platform up, preview it, and rehearse it without a cloud account."""
    if version:
        from plinth_cli.commands import about

        _call(about.version)
    if context.invoked_subcommand is None:
        raise typer.Exit(0)


@app.command()
def up(env: Env, rehearse: Rehearse = False, yes: Yes = False, as_json: Json = False, stack: Stack = None) -> None:
    """Create or update an environment; `plinth up local` runs it here."""
    from plinth_cli.commands import deploy

    _call(lambda: deploy.deploy("up", env, rehearse=rehearse, yes=yes, as_json=as_json, stack=stack), as_json)


@app.command()
def preview(
    env: Env,
    rehearse: Rehearse = False,
    as_json: Json = False,
    stack: Stack = None,
    markdown: Markdown = None,
    html: Html = None,
) -> None:
    """Show what `up` would change, and whether policy allows it."""
    from plinth_cli.commands import deploy
    from plinth_cli.commands.reports import Files

    files = Files(markdown, html)
    _call(
        lambda: deploy.deploy("preview", env, rehearse=rehearse, yes=True, as_json=as_json, stack=stack, files=files),
        as_json,
    )


@app.command()
def diff(
    ref: Annotated[str, typer.Argument(metavar="REF", help="A commit, branch or tag: what is there.")],
    ref2: Annotated[
        str | None, typer.Argument(metavar="[REF2]", help="What would change it. Default: the files as they are now.")
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option("--env", metavar="ENV", help="May be given again. Default: every one that it can touch."),
    ] = None,
    as_json: Json = False,
    markdown: Markdown = None,
    html: Html = None,
) -> None:
    """Show what a change of the repository would do to environments: rehearsed, with no credentials."""
    from plinth_cli.commands import compare
    from plinth_cli.commands.reports import Files

    files = Files(markdown, html)
    _call(lambda: compare.diff(ref, ref2, env or [], as_json=as_json, files=files), as_json)


@app.command()
def destroy(env: Env, rehearse: Rehearse = False, yes: Yes = False, as_json: Json = False, stack: Stack = None) -> None:
    """Delete everything in an environment."""
    from plinth_cli.commands import deploy

    _call(lambda: deploy.deploy("destroy", env, rehearse=rehearse, yes=yes, as_json=as_json, stack=stack), as_json)


@app.command()
def refresh(env: Env, rehearse: Rehearse = False, yes: Yes = False, as_json: Json = False, stack: Stack = None) -> None:
    """Bring the state up to what really exists."""
    from plinth_cli.commands import deploy

    _call(lambda: deploy.deploy("refresh", env, rehearse=rehearse, yes=yes, as_json=as_json, stack=stack), as_json)


@app.command()
def validate(
    envs: Annotated[list[str] | None, typer.Argument(metavar="ENV", help="Default: all of them.")] = None,
) -> None:
    """Check the specs and print every mistake; needs no engine."""
    from plinth_cli.commands import specs

    _call(lambda: specs.validate(envs or []))


@app.command()
def schema(
    write: Annotated[bool, typer.Option("--write", help="Write it to where editors look for it.")] = False,
) -> None:
    """Print the JSON Schema of Pulumi.ENV.yaml."""
    from plinth_cli.commands import specs

    _call(lambda: specs.schema(write=write))


@app.command()
def envs(as_json: Json = False, stack: Stack = None) -> None:
    """List the environments and how far each has come here."""
    from plinth_cli.commands import specs

    _call(lambda: specs.environments(as_json=as_json, stack=stack), as_json)


@app.command()
def key(env: Env, tenant: Annotated[str, typer.Argument(metavar="TENANT", help="A tenant of the spec.")]) -> None:
    """Print a tenant's gateway key, as the rehearsal made it."""
    from plinth_cli.commands import keys

    _call(lambda: keys.show(env, tenant))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what is here, what is missing and what to do."""
    from plinth_cli.commands import about

    _call(lambda: about.doctor(as_json=as_json), as_json)


@app.command()
def status(env: Env = "local", as_json: Json = False) -> None:
    """Show what runs on this machine."""
    from plinth_cli.commands import local

    _call(lambda: local.status(env, as_json=as_json), as_json)


@app.command()
def logs(
    env: Env = "local",
    workload: Annotated[str | None, typer.Argument(metavar="WORKLOAD", help="Default: all of them.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing until Ctrl-C.")] = False,
) -> None:
    """Print the logs of what runs on this machine."""
    from plinth_cli.commands import local

    _call(lambda: local.logs(env, workload, follow=follow))


@app.command()
def down(env: Env = "local") -> None:
    """Stop what runs on this machine; its state is kept."""
    from plinth_cli.commands import local

    _call(lambda: local.down(env))


def _call(command: Callable[[], int], as_json: bool = False) -> NoReturn:
    """Run a command and end with its exit code; whatever goes wrong is told in a sentence, not in a traceback."""
    from plinth_cli.commands.deploy import Unconfirmed
    from plinth_cli.console import Console
    from plinth_cli.engine.failure import unexpected
    from plinth_cli.engine.project import UnknownEnvironment
    from plinth_cli.engine.result import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_USAGE, error_document
    from plinth_cli.errors import PlinthError

    try:
        code = command()
    except PlinthError as error:
        code = EXIT_USAGE if isinstance(error, (UnknownEnvironment, Unconfirmed)) else EXIT_ERROR
        _tell(error, code, error_document, as_json)
    except KeyboardInterrupt:
        Console().warn("Stopped.")
        code = EXIT_INTERRUPTED
    except BrokenPipeError:  # `plinth envs | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_ERROR
    except Exception as error:  # noqa: BLE001 - the last line of defense: a person never sees a traceback
        code = EXIT_ERROR
        _tell(unexpected(error), code, error_document, as_json)
    sys.stdout.flush()
    sys.stderr.flush()
    if code == EXIT_INTERRUPTED:
        os._exit(code)  # a program that was cut off may still have threads at work; nothing is left to say
    raise typer.Exit(code)


def _tell(error: Exception, code: int, document: Callable[..., object], as_json: bool) -> None:
    import json

    from plinth_cli.console import Console
    from plinth_cli.errors import PlinthError

    assert isinstance(error, PlinthError)
    Console().error(error)
    if as_json:
        failed = {"version": "v1", "ok": False, "exitCode": code, "error": document(error)}
        Console().say(json.dumps(failed, indent=2, ensure_ascii=False))


def main() -> None:
    """Entry point of the `plinth` command."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)  # a canceled CI job ends like Ctrl-C does
    _keep_loopback_off_the_proxy()
    app(prog_name="plinth")


def _keep_loopback_off_the_proxy() -> None:
    """Engine, providers and the stand-in cloud talk over 127.0.0.1, which a company's proxy cannot reach.

    gRPC and botocore, unlike most, ask the proxy even for the loopback address.
    """
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return
    for name in ("no_proxy", "NO_PROXY"):
        listed = os.environ.get(name, "")
        if listed != "*":
            os.environ[name] = ",".join(filter(None, [listed, "127.0.0.1", "localhost"]))

"""Where the engine works: a scratch project for rehearsals, the user's own folder for real environments."""

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import yaml
from pulumi.automation import ConfigValue, LocalWorkspace, OpMap, OutputMap, Stack, UpdateSummary
from pulumi.automation.errors import CommandError, StackNotFoundError

from plinth_cli.engine import redact
from plinth_cli.engine.checkpoint import StackFiles
from plinth_cli.engine.command import EngineCommand
from plinth_cli.engine.lock import write_atomically
from plinth_cli.engine.project import Project, read_yaml
from plinth_cli.errors import PlinthError
from plinth_cli.paths import EnvDirs, cache_dir

PLACEHOLDER = "rehearsal-placeholder"
"""What stands in, in a rehearsal, for a secret of the real environment's configuration."""

_OWN_ENCRYPTION = ("secretsprovider", "encryptedkey", "encryptionsalt")
_KEPT_SETTINGS = ("name", "description", "config", "requiredPulumiVersion")


class EngineStack(Stack):
    """A stack that does not start the CLI again after an update, to ask for what the events have said already.

    The Automation API would fetch the outputs a second time with every secret in plaintext.
    """

    def outputs(self) -> OutputMap:
        """Return nothing: outputs come from the events, with secrets blinded."""
        return {}

    def info(self, show_secrets: bool = True) -> UpdateSummary:
        """Return a summary without content: the events hold a better one."""
        nothing: OpMap = {}
        return UpdateSummary("update", datetime.now(UTC), "", {}, {}, "succeeded", resource_changes=nothing)


@dataclass
class Scratch:
    """A rehearsal's project on disk.

    Attributes:
        files: The stack's files in the rehearsal's backend.
        folder: The generated project.
        environ: What the engine needs in its environment.
        passphrase: The key of the stack's secrets. Never on a command line.
        placeholders: Paths of configuration values that were replaced: those that are encrypted, and those whose key
            names a secret. Written in plaintext, they would go into the copy of the file, and into Pulumi's history.
    """

    files: StackFiles
    folder: Path
    environ: dict[str, str]
    passphrase: str = field(repr=False)
    placeholders: list[str]


def prepare(project: Project, env: str) -> Scratch:
    """Generate the scratch project of a rehearsal from the user's files, which stay untouched.

    Args:
        project: The user's project.
        env: The environment.

    Raises:
        PlinthError: A file is not what it should be, or the passphrase of an existing state is gone.
    """
    dirs, shared = project.dirs(env).create(), project.shared_dirs(env).create()
    files = StackFiles(shared.state, project.name, env)
    phrase = passphrase(shared)
    settings = {key: project.settings[key] for key in _KEPT_SETTINGS if key in project.settings}
    write_atomically(dirs.project / "Pulumi.yaml", yaml.safe_dump({**settings, "runtime": "python"}, sort_keys=False))
    stack_file = dirs.project / f"Pulumi.{env}.yaml"
    salt = files.salt() or _previous_salt(stack_file)
    content = {key: value for key, value in read_yaml(project.stack_file(env)).items() if key not in _OWN_ENCRYPTION}
    replaced: list[str] = []
    config = project.config(env)
    content["config"] = {key: _without_secrets(value, key, replaced) for key, value in config.items()}
    content.pop("environment", None)  # Pulumi ESC cannot be reached from a rehearsal
    if salt:
        content["encryptionsalt"] = salt
    write_atomically(stack_file, yaml.safe_dump(content, sort_keys=False))
    environ = {
        "PULUMI_BACKEND_URL": shared.state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": phrase,
        "PULUMI_HOME": str(_pulumi_home()),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",  # .bak and the history are enough
        # The CLI keeps an encrypted debug log of every run, a megabyte each.
        "PULUMI_LOG_ROTATION_MAX_TOTAL_MB": "20",
        "PULUMI_LOG_ROTATION_MAX_AGE_DAYS": "1",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",  # a rehearsal downloads nothing
    }
    return Scratch(files, dirs.project, environ, phrase, replaced)


def open_rehearsal(
    scratch: Scratch, command: EngineCommand, program: Callable[[], Any], env: Mapping[str, str]
) -> Stack:
    """Select the rehearsal's stack, and make it the first time."""
    workspace = LocalWorkspace(
        work_dir=str(scratch.folder),
        program=program,
        env_vars={**scratch.environ, **env},
        secrets_provider="passphrase",
        pulumi_command=command,
    )
    name = scratch.files.stack
    if scratch.files.state.exists():
        # Saves one start of the CLI: every command names its stack anyway.
        workspace.select_stack = lambda stack_name: None
        stack = EngineStack.select(name, workspace)
    else:
        stack = EngineStack.create_or_select(name, workspace)
    if scratch.placeholders:
        values = {path: ConfigValue(PLACEHOLDER, secret=True) for path in scratch.placeholders}
        stack.set_all_config(values, path=True)
    return stack


def open_real(project: Project, env: str, operation: str, command: EngineCommand, environ: Mapping[str, str]) -> Stack:
    """Select the stack of a real environment in the user's own backend.

    Raises:
        PlinthError: There is no backend to log in to, or no such stack; says how to rehearse instead.
    """
    workspace = LocalWorkspace(
        work_dir=str(project.root), program=project.program, env_vars=dict(environ), pulumi_command=command
    )
    rehearse = f"To try it without any account: plinth {operation} {env} --rehearse"
    try:
        return EngineStack.select(env, workspace)
    except StackNotFoundError as error:
        raise PlinthError(
            f"The backend that pulumi is logged in to has no stack '{env}'.",
            str(project.root),
            f"Make it once: pulumi stack init {env}\n{rehearse}",
        ) from error
    except CommandError as error:
        raise PlinthError(
            f"The stack '{env}' cannot be opened: {last_words(error)}.",
            str(project.root),
            f"Log in to where its state is: pulumi login URL (or set PULUMI_BACKEND_URL).\n{rehearse}",
        ) from error


def passphrase(shared: EnvDirs) -> str:
    """Return the rehearsal's passphrase, made the first time it is asked for.

    Raises:
        PlinthError: It is gone although there is state that needs it.
    """
    path = shared.passphrase
    if not path.exists():
        if any(shared.state.glob(".pulumi/stacks/*/*.json")):
            raise PlinthError(
                f"The passphrase of the rehearsal of {shared.env} is gone, so its state cannot be read.",
                str(path),
                f"Put the file back, or start afresh: rm -r {shared.base}",
            )
        shared.create()
        write_atomically(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="utf-8").strip()


def _pulumi_home() -> Path:
    home = cache_dir() / "pulumi-home"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home


def _previous_salt(stack_file: Path) -> str | None:
    """The salt of a stack that has no state yet."""
    return read_yaml(stack_file).get("encryptionsalt") if stack_file.exists() else None


def _without_secrets(value: Any, key: str, replaced: list[str]) -> Any:
    """Copy the value of a configuration key, with placeholders for what is secret."""
    if isinstance(value, str) and redact.names_a_secret(key):
        replaced.append(key)
        return PLACEHOLDER
    return _without_ciphertext(value, key, replaced)


def _without_ciphertext(value: Any, path: str, replaced: list[str]) -> Any:
    """Copy a configuration value; `{secure: ...}` becomes a placeholder, and its path is noted."""
    if isinstance(value, dict):
        mapping = cast(dict[str, Any], value)
        if set(mapping) == {"secure"}:
            replaced.append(path)
            return PLACEHOLDER
        return {key: _without_ciphertext(item, f"{path}.{key}", replaced) for key, item in mapping.items()}
    if isinstance(value, list):
        items = cast(list[Any], value)
        return [_without_ciphertext(item, f"{path}[{index}]", replaced) for index, item in enumerate(items)]
    return value


def last_words(error: CommandError) -> str:
    """The error line of a failed command."""
    lines = [line for line in str(error).splitlines() if "error:" in line]
    return lines[-1].split("error:", 1)[1].strip().rstrip(".") if lines else "pulumi gave no reason"


def path_with(*folders: Path | str) -> str:
    """PATH with folders put first."""
    return os.pathsep.join([*(str(folder) for folder in folders), os.environ.get("PATH", os.defpath)])

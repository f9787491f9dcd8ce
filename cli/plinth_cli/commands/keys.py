"""`plinth key`: a tenant's gateway key, out of the rehearsal's Secrets Manager."""

import contextlib
import difflib
from collections.abc import Generator
from typing import Any, cast

from plinth.spec import PlatformSpec
from plinth_cli.commands.specs import platform, read_spec
from plinth_cli.engine.project import LOCAL, Project
from plinth_cli.errors import PlinthError


def show(env: str, tenant: str) -> int:
    """Print the key, and nothing else, on stdout.

    Raises:
        PlinthError: No such environment or tenant, or it has not been brought up.
    """
    project = platform()
    spec = read_spec(project, env)
    names = [item.name for item in spec.tenants]
    if tenant not in names:
        close = difflib.get_close_matches(tenant, names, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        where = str(project.stack_file(env))
        raise PlinthError(f"{env} has no tenant '{tenant}'.{hint}", where, f"Use one of: {', '.join(names)}.")
    with cloud(project, env) as endpoint:
        print(fetch(endpoint, spec, f"plinth/{env}/tenants/{tenant}/gateway-key", env), flush=True)  # noqa: T201 - the result
    return 0


def fetch(endpoint: str, spec: PlatformSpec, name: str, env: str) -> str:
    """Return a secret's value from the stand-in cloud.

    Raises:
        PlinthError: It is not there.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    client: Any = cast(Any, boto3).client(
        "secretsmanager",
        endpoint_url=endpoint,
        region_name=spec.environment.region,
        aws_access_key_id="rehearsal",
        aws_secret_access_key="rehearsal",  # noqa: S106 - the stand-in cloud has no accounts to protect
        config=Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 1}),
    )
    if spec.laptop is None:  # whose secrets need no account: the laptop has one only

        def as_account(request: Any, **_: object) -> None:
            request.headers["x-moto-account-id"] = spec.environment.account_id

        client.meta.events.register("before-sign.*.*", as_account)
    try:
        return str(client.get_secret_value(SecretId=name)["SecretString"])
    except (ClientError, BotoCoreError) as error:
        rehearse = "" if env == LOCAL else " --rehearse"
        raise PlinthError(
            f"The rehearsal of {env} has no secret {name}.", endpoint, f"Bring it up first: plinth up {env}{rehearse}"
        ) from error


@contextlib.contextmanager
def cloud(project: Project, env: str) -> Generator[str]:
    """The address of the environment's stand-in cloud: the laptop's when it runs, else one started for the purpose.

    Raises:
        PlinthError: The environment has not been rehearsed.
    """
    from plinth_cli.commands import local
    from plinth_cli.engine.workspace import passphrase
    from plinth_cli.rehearsal.children import Child

    running = local.endpoint(project) if env == LOCAL else None
    if running:
        yield running
        return
    dirs = project.dirs(env)
    journal = dirs.cloud / "journal"
    if not journal.exists():
        rehearse = "" if env == LOCAL else " --rehearse"
        raise PlinthError(
            f"{env} has not been brought up here.", str(dirs.base), f"Bring it up first: plinth up {env}{rehearse}"
        )
    child = Child(
        "plinth_cli.rehearsal.cloud",
        ["--journal", str(journal)],
        log=dirs.cloud / "cloud.log",
        environ={"PLINTH_JOURNAL_KEY": passphrase(project.shared_dirs(env))},
    )
    try:
        yield f"http://127.0.0.1:{child.ready['port']}"
    finally:
        child.stop()

"""`plinth --version` and `plinth doctor`."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

from plinth_cli.console import Console


def version() -> int:
    """Print the versions of Plinth, of the engine it is pinned to and of Python."""
    import platform

    from plinth_cli.toolchain import PULUMI_VERSION

    try:
        own = installed("plinth-cli")
    except PackageNotFoundError:
        own = "from a checkout"
    Console().say(f"plinth {own} (Pulumi {PULUMI_VERSION}, Python {platform.python_version()})")
    return 0


def doctor(*, as_json: bool) -> int:
    """Print what is there, what is missing and what to do; 1 when something needed is missing."""
    from plinth_cli import doctor as checkup

    found = checkup.checks()
    console = Console()
    if as_json:
        console.say(checkup.as_json(found))
    else:
        console.show(checkup.render(found))
    return 0 if checkup.healthy(found) else 1

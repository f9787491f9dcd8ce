"""The parts of `plinth-runtime` that govern data. Each loads only what it needs."""

import argparse
from typing import Any

from plinth_runtime.errors import StartupError

PARTS = ("ingest", "quarantine", "watch-tables", "erase", "retain", "verify-receipt", "backup", "drill")


def add_parts(parts: Any) -> None:
    """Add the parts to the command line; `parts` are the subparsers of `plinth-runtime`."""
    ingest = _part(parts, "ingest", "write rows to a table through its contract; what breaks it goes into quarantine")
    ingest.add_argument("--table", required=True, metavar="NAME", help="name of the table")
    ingest.add_argument(
        "--from", required=True, dest="source", metavar="FILE", help="one JSON object a line; - is stdin"
    )
    held = _part(parts, "quarantine", "show the rows that break a contract, or try them again")
    held.add_argument("action", choices=["list", "replay"], help="list: say why each is held; replay: try again")
    held.add_argument("--table", metavar="NAME", help="one table only")
    _part(parts, "watch-tables", "measure freshness, volume and quarantine for Prometheus")
    erase = _part(parts, "erase", "delete a person's data from every store, and sign a receipt")
    who = erase.add_mutually_exclusive_group(required=True)
    who.add_argument("--subject", metavar="ID", help="the person's id, as the stores know it")
    who.add_argument("--requests", action="store_true", help="everybody for whom there is a request")
    erase.add_argument("--dry-run", action="store_true", help="with --subject: say what would go, and delete nothing")
    _part(parts, "retain", "delete what is older than its class lets it be")
    verify = _part(parts, "verify-receipt", "check the signatures and the chain of the receipts")
    verify.add_argument("--public-key", metavar="FILE", help="the published key (PEM); else the signer's own")
    backup = _part(parts, "backup", "copy the embedded stores, each consistently, with digests")
    backup.add_argument("--to", required=True, metavar="FOLDER", help="where sets of backups are")
    drill = _part(parts, "drill", "restore the newest backup into a scratch folder, and check every row and file")
    drill.add_argument("--from", required=True, dest="source", metavar="FOLDER", help="where sets of backups are")
    drill.add_argument("--report", required=True, metavar="FILE", help="where the report goes (JSON)")
    drill.add_argument("--rpo-minutes", type=float, default=1500, metavar="N", help="oldest backup (default 1500)")
    drill.add_argument("--rto-minutes", type=float, default=60, metavar="N", help="longest restore (default 60)")


def _part(parts: Any, name: str, what: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = parts.add_parser(name, help=what)
    made.add_argument("--config", required=True, metavar="PATH", help="configuration (JSON, GovernanceConfig)")
    return made


def run(chosen: argparse.Namespace) -> int:
    """Run the chosen part; return the exit status."""
    if chosen.part == "watch-tables":
        from plinth_runtime.governance import watch

        return watch.run(chosen.config)

    if chosen.part == "erase":
        from plinth_runtime.governance import erase

        if not chosen.requests:
            return erase.run(chosen.config, chosen.subject, dry_run=chosen.dry_run)
        if chosen.dry_run:
            raise StartupError("--dry-run goes with --subject: say whom it is about")
        return erase.run_requests(chosen.config)

    if chosen.part == "retain":
        from plinth_runtime.governance import retain

        return retain.run(chosen.config)

    if chosen.part == "verify-receipt":
        from plinth_runtime.governance import verify

        return verify.run(chosen.config, chosen.public_key)

    if chosen.part == "backup":
        from plinth_runtime.governance import backup

        return backup.run(chosen.config, chosen.to)

    if chosen.part == "drill":
        from plinth_runtime.governance import drill

        limits = {"rpo_minutes": chosen.rpo_minutes, "rto_minutes": chosen.rto_minutes}
        return drill.run(chosen.config, chosen.source, chosen.report, **limits)

    from plinth_runtime.governance import ingest

    if chosen.part == "ingest":
        return ingest.run(chosen.config, chosen.table, chosen.source)
    return (
        ingest.replay(chosen.config, chosen.table)
        if chosen.action == "replay"
        else ingest.show(chosen.config, chosen.table)
    )

"""`deployer logs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.shared import CliContext, common, epilog, pass_asked, service_names
from reconciler.errors import ConfigError, Refused
from reconciler.exit_codes import Exit

if TYPE_CHECKING:
    from reconciler.model.journal.entry import Entry
    from reconciler.ports.journal.store import JournalStore


@click.command(
    epilog=epilog(
        """deployer logs shop
        deployer logs shop/20261123T031502Z-7kq2m
        deployer logs shop --json""",
        (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.REFUSED, Exit.ACCESS),
    )
)
@click.argument("service", metavar="SERVICE|ID", shell_complete=service_names)
@common
@pass_asked
def logs(asked: CliContext, service: str) -> None:
    """Show the log of a finished release.

    As it was printed, with the last log lines of what failed, from the journal: also when its
    machines are long gone. SERVICE: of its newest release or rollback.
    """
    from deployer.output.journal.archived import archived, entry_lines, run_lines
    from reconciler.model.deploy_id import DeployId
    from reconciler.model.journal.codec import EVENTS, key

    deploy = DeployId.maybe(service)
    name = deploy.service if deploy else service
    store = _store(asked, name)
    entry = _entry(store, name, service if deploy else "")
    found = store.get(key(entry.id, EVENTS))
    stream = found.body.decode(errors="replace") if found else ""
    answer: dict[str, Any] = {"id": str(entry.id), "outcome": entry.outcome, "why": entry.why}
    # Some line of it must be known: a corrupt stream tells nothing.
    lines = run_lines(stream) if any(archived(stream)) else entry_lines(entry)
    asked.answer(
        "deployer.logs/1",
        answer | {"detail": entry.detail, "lines": lines},
        lambda: "\n".join(lines),
    )


def _store(asked: CliContext, name: str) -> JournalStore:
    from reconciler.util import log
    from reconciler.wiring.edges import Edges
    from reconciler.wiring.journal_store import journal_store

    log.set_up(verbose=asked.verbose)
    settings = asked.settings()
    store = journal_store(settings, Edges(settings), settings.service(name))
    if store is None:
        raise ConfigError(
            f"{name} has no journal: what a release has printed is kept nowhere",
            cure='For the next one      journal = "s3://bucket/prefix" in reconciler.toml',
        )
    return store


def _entry(store: JournalStore, service: str, id_: str) -> Entry:
    """The entry of this id, or of the newest release. Raises Refused if there is none."""
    from reconciler.model.journal.entry import RELEASE, ROLLBACK
    from reconciler.ports.journal.reader import read

    journal = read(store, service)
    if id_:
        own = [entry for entry in journal.entries if str(entry.id) == id_]
        found = own or [entry for entry in journal.entries if entry.deploy == id_]
    else:
        found = [entry for entry in journal.entries if entry.kind in (RELEASE, ROLLBACK)]
    if found:
        return found[0]
    raise Refused(
        f"the journal tells of no {f'{id_}' if id_ else f'release of {service}'}",
        detail="\n".join(journal.problems),
        cure=f"To see what it tells   deployer history {service}",
    )

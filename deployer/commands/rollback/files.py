"""The files of a rollback: counts what only the machines that are left have, as with rows."""

from __future__ import annotations

from dataclasses import dataclass

from deployer.commands.rollback.context import RollbackContext
from deployer.release.live.carried_files import MARKER, mark
from reconciler.errors import Refused, ToolError
from reconciler.machine.files.listing import newer_script
from reconciler.machine.shell import Command, Shell, read_from
from reconciler.model.resource import INSTANCE, Resource
from reconciler.util.concurrency import side_by_side
from reconciler.util.humanize import count

_SECONDS = 120.0
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class FileChanges:
    """Files that changed since their machine went live; `unknown` is why some are not counted."""

    number: int = 0
    unknown: str = ""

    def __str__(self) -> str:
        counted = f"{count(self.number, 'file')} written or deleted"
        if not self.unknown:
            return counted
        return f"{counted}, and more that cannot be counted ({self.unknown})"

    @property
    def any(self) -> bool:
        """Whether something would be left behind; what is not known counts as some."""
        return bool(self.number or self.unknown)


def refuse_early(run: RollbackContext) -> None:
    """Count before anything is changed. Raises Refused where files would be left behind."""
    _refuse_losses(run, _changes(run))


def leave_files(run: RollbackContext) -> str:
    """Count again once writes are refused; from here on the target's own files count."""
    if not run.ports.service.carry:
        return ""
    changes = _changes(run)
    _refuse_losses(run, changes)
    shells = side_by_side(run.machines, run.ports.managed.reach.shell)
    try:
        mark(run.ports, shells)
    finally:
        for shell in shells:
            shell.close()
    if changes.any:
        run.lost = f"{run.lost}; {changes}" if run.lost else str(changes)
    return f"; files: {changes}"


def _changes(run: RollbackContext) -> FileChanges:
    folders = run.ports.service.carry
    if not folders:
        return FileChanges()
    machines = [one for one in run.seen.machines(run.live.id) if one.kind == INSTANCE]
    found = side_by_side(machines, lambda machine: _count(run, machine, folders))
    unknown = [changes.unknown for changes in found if changes.unknown]
    if not machines:
        unknown = ["no machine is left"]
    return FileChanges(sum(changes.number for changes in found), "; ".join(unknown))


def _count(run: RollbackContext, machine: Resource, folders: tuple[str, ...]) -> FileChanges:
    """A machine that hangs is the usual reason for a rollback: it does not end it."""
    command = Command(
        newer_script(folders, MARKER), "count changed files", sudo=True, timeout=_SECONDS
    )

    def printed(shell: Shell) -> str:
        return shell.run(command).text

    if machine.state != "running":
        return FileChanges(unknown=f"{machine.id} is {machine.state}")
    try:
        text = read_from(lambda: run.ports.managed.reach.shell(machine), printed)
    except ToolError as error:
        return FileChanges(unknown=f"{machine.id}: {error.message}")
    if text == _UNKNOWN:
        return FileChanges(unknown=f"{machine.id} does not know since when it is live")
    files = sum(kind in "fl" for kind in text)
    return FileChanges(files or text.count("d"))


def _refuse_losses(run: RollbackContext, changes: FileChanges) -> None:
    if run.discard_writes or not changes.any:
        return
    service = run.ports.service.name
    to = "" if run.rejects else f" --to {run.target.id}"
    raise Refused(
        f"{run.release(run.live.id)} has {changes}, which the machines of "
        f"{run.release(run.target.id)} do not have",
        detail=f"In {', '.join(run.ports.service.carry)}; they stay on the machines that are left.",
        cure=f"To go back without them:  deployer rollback {service}{to} --discard-writes",
    )

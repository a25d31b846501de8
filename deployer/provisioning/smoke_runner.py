"""Runs the configured smoke checks against machines: for `up` and for `rollback`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from deployer.ports import Ports
from deployer.provisioning.smoke_checks import Asking, Subject, smoke
from reconciler.model.resource import Resource
from reconciler.util import humanize
from reconciler.wiring.service_access import reached_at

if TYPE_CHECKING:
    from reconciler.machine.shell import Shell


def smoke_subjects(
    ports: Ports, subjects: Sequence[Subject], sleep: Callable[[float], None]
) -> str:
    """Check every machine at its own address, with the record's Host. Raises SmokeFailed.

    `sleep` is called between two tries; an exception from it ends the tries.
    """
    checks = ports.service.smoke
    smoke(
        checks,
        subjects,
        Asking(ports.service.record, sleep=sleep, direct=ports.service.ssh.via == "direct"),
    )
    names = ", ".join(check.http or check.command or "" for check in checks)
    return f"{names} on {humanize.count(len(subjects), 'machine')}"


def _asked(ports: Ports, at: Sequence[str], machine: Resource) -> str:
    """Where a machine is asked: as the record will name it.

    Where clients come by an address that moves, the machine's own is asked, as SSH reaches it.
    """
    if ports.managed.traffic.addresses:
        return reached_at(ports.service, machine).host
    return next((one for one in machine.addresses if one in at), machine.addresses[0])


def smoke_all(
    ports: Ports,
    at: Sequence[str],
    machines: Sequence[Resource],
    sleep: Callable[[float], None],
) -> str:
    """Like `smoke_subjects`, for machines without an open session."""
    opened: list[Shell] = []
    subjects = []
    try:
        for machine in machines:
            shell = ports.managed.reach.shell(machine)
            opened.append(shell)
            subjects.append(Subject(_asked(ports, at, machine), shell, ports.service.app.units))
        return smoke_subjects(ports, subjects, sleep)
    finally:
        for shell in opened:
            shell.close()

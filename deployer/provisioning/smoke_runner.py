"""Runs the configured smoke checks against machines: for `up` and for `rollback`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from deployer.ports import Ports
from deployer.provisioning.smoke_checks import (
    Asking,
    Check,
    SmokeCommand,
    SmokeHttp,
    SmokePatience,
    Subject,
    smoke,
)
from reconciler.config.service import Smoke
from reconciler.model.resource import Resource

if TYPE_CHECKING:
    from reconciler.machine.shell import Shell


def checks(said: Sequence[Smoke]) -> list[Check]:
    """The checks from the configuration."""
    return [_check(one) for one in said]


def _check(said: Smoke) -> Check:
    patience = SmokePatience(said.tries, said.every.total_seconds(), said.timeout.total_seconds())
    if said.command is not None:
        return SmokeCommand(said.command, said.contains or "", patience)
    return SmokeHttp(
        path=said.http or "/",
        expect=said.expect,
        contains=said.contains or "",
        port=said.target_port,
        tls=said.tls,
        verify=said.verify,
        patience=patience,
    )


def smoke_subjects(
    ports: Ports, subjects: Sequence[Subject], sleep: Callable[[float], None]
) -> str:
    """Check every machine at its own address, with the record's Host. Raises SmokeFailed.

    `sleep` is called between two tries; an exception from it ends the tries.
    """
    said = ports.service.smoke
    smoke(checks(said), subjects, Asking(ports.service.record, sleep=sleep))
    names = ", ".join(one.http or one.command or "" for one in said)
    return f"{names} on {len(subjects)} machine{'s' if len(subjects) > 1 else ''}"


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
            address = next((one for one in machine.addresses if one in at), machine.addresses[0])
            subjects.append(Subject(address, shell, ports.service.app.units))
        return smoke_subjects(ports, subjects, sleep)
    finally:
        for shell in opened:
            shell.close()

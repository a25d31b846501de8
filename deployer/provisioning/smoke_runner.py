"""Runs the configured smoke checks against machines: for `up` and for `rollback`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from deployer.ports import Ports
from deployer.provisioning.smoke_checks import (
    Asking,
    Check,
    SmokeCommand,
    SmokeHttp,
    Subject,
    smoke,
)
from reconciler.config.service import Smoke
from reconciler.model.resource import Resource
from reconciler.util.backoff import Backoff

if TYPE_CHECKING:
    from reconciler.machine.shell import Shell


def _check(configured: Smoke, sleep: Callable[[float], None], *, direct: bool) -> Check:
    """A check from the configuration; `direct`: machines can be reached from here."""
    every, timeout = configured.every.total_seconds(), configured.timeout.total_seconds()
    backoff = Backoff(every, every, deadline=math.inf, tries=configured.tries, sleep=sleep)
    if configured.command is not None:
        return SmokeCommand(configured.command, configured.contains or "", timeout, backoff)
    return SmokeHttp(
        path=configured.http or "/",
        expect=configured.expect,
        contains=configured.contains or "",
        port=configured.target_port,
        tls=configured.tls,
        verify=configured.verify,
        from_machine=(configured.from_ or ("here" if direct else "machine")) == "machine",
        timeout=timeout,
        backoff=backoff,
    )


def smoke_subjects(
    ports: Ports, subjects: Sequence[Subject], sleep: Callable[[float], None]
) -> str:
    """Check every machine at its own address, with the record's Host. Raises SmokeFailed.

    `sleep` is called between two tries; an exception from it ends the tries.
    """
    configured = ports.service.smoke
    direct = ports.service.ssh.via == "direct"
    checks = [_check(check, sleep, direct=direct) for check in configured]
    smoke(checks, subjects, Asking(ports.service.record))
    names = ", ".join(check.http or check.command or "" for check in configured)
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

"""`deployer ssh`: a person's session on a machine, by the way and the host key of a release."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.checks.service_state import ServiceState, survey
from deployer.ports import Ports
from reconciler.errors import Refused
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import Resource


def ssh(ports: Ports, deploy: DeployId | None, machine: str, command: str) -> int:
    """Run `command`, or a shell, on a machine of `deploy`, or of live; returns its exit code.

    Raises Refused if it is not clear which machine, ShellError if it cannot be reached.
    """
    seen = survey(ports)
    chosen = _machine(ports.managed.name, _of(seen, deploy), machine)
    terminal = ports.managed.reach.terminal(chosen)
    try:
        return terminal.attend(command)
    finally:
        terminal.close()


def _of(seen: ServiceState, deploy: DeployId | None) -> Sequence[Resource]:
    """Also of a failed release that is kept as evidence, and of one whose ledger is unknown."""
    if deploy is not None:
        return seen.machines(deploy)
    _, ledger = seen.known()
    return seen.machines(ledger.live.id) if ledger.live else ()


def _machine(service: str, machines: Sequence[Resource], wanted: str) -> Resource:
    running = [one for one in machines if one.state == "running"]
    found = [one for one in running if wanted in ("", one.id)]
    if len(found) == 1:
        return found[0]
    listed = [f"{one.id}  {one.state}  {', '.join(one.addresses)}" for one in machines]
    if found:
        first = min(one.id for one in found)
        raise Refused(
            f"{service} has {len(found)} machines: say which",
            detail="\n".join(listed),
            cure=f"To choose one         deployer ssh {service} --machine {first}",
        )
    raise Refused(
        f"{service}: {wanted} is no running machine of it"
        if wanted
        else f"{service}: no machine runs",
        detail="\n".join(listed),
        cure=f"To see what there is  deployer status {service}",
    )

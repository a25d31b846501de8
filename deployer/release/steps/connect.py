"""Connect: a pinned session on every new machine, and the proof that none acts as production."""

from __future__ import annotations

from deployer.compute import InstanceFacts
from deployer.provisioning.smoke_ports import refuse_closed_ports
from deployer.release.context import NewMachine, ReleaseContext
from deployer.release.live.cloud_init_check import inherited_key, no_cloud_init
from deployer.release.live.fresh_host_key import fresh_host_keys
from deployer.release.live.settle_clone import settle
from reconciler.errors import CannotConnect, CommandFailed, ToolError
from reconciler.machine.clone_check import verify_quarantine
from reconciler.machine.shell import Command, Shell
from reconciler.model.ledger import Via
from reconciler.util.concurrency import side_by_side
from reconciler.wiring.service_access import ssh_address


def connect(run: ReleaseContext) -> str:
    """Open a session on every machine, in parallel; check sudo and the gate; end the first boot."""
    opened: list[NewMachine] = []
    try:
        side_by_side(run.created.facts, lambda fact: opened.append(_machine(run, fact)))
    finally:
        # Also the sessions of a failed step: the undo closes them.
        run.created.machines = tuple(sorted(opened, key=lambda one: one.id))
    side_by_side(run.created.machines, lambda machine: _check(run, machine.shell))
    fresh_host_keys(run)
    addresses = [machine.address for machine in run.created.machines]
    direct = run.ports.service.ssh.via == "direct"
    refuse_closed_ports(run.ports.service.smoke, addresses, direct=direct)
    return "host keys made there, tagged and pinned; no unit has run"


def _machine(run: ReleaseContext, facts: InstanceFacts) -> NewMachine:
    service = run.ports.service
    reached = ssh_address(service, facts.id, facts.private_address, facts.public_address)
    address = facts.public_address if run.created.public else facts.private_address
    if run.ports.managed.traffic.addresses:
        address = reached.host  # clients come by another address, which this machine gets last
    at = facts.public_address if run.via is Via.PUBLIC else facts.private_address
    key = run.created.host_key.public
    deadline = service.limits.connect.total_seconds()
    try:
        shell = run.ports.connector.connect(reached, key, deadline, run.held.sleep)
    except CannotConnect as error:
        error.detail = f"{error.detail}\n{_console(run, facts)}".strip()
        source = inherited_key(run, error)
        if source is not None:
            raise no_cloud_init(run, facts, (reached, source)) from error
        raise
    return NewMachine(facts.id, address, shell, at)


def _console(run: ReleaseContext, facts: InstanceFacts) -> str:
    """The last lines of the console: the machine's own report of its boot."""
    try:
        lines = run.ports.compute.console(facts.id).splitlines()[-40:]
    except ToolError as error:
        return f"(no console output: {error})"
    return "\n".join([f"last lines of the console of {facts.id}:", *lines])


def _check(run: ReleaseContext, shell: Shell) -> None:
    try:
        shell.run(Command("true", "sudo -n", sudo=True, timeout=30))
    except CommandFailed as error:
        raise ToolError(
            f"{run.ports.service.ssh.user} may not `sudo -n` on {shell.host}",
            detail=error.detail,
            cure="give the login user sudo without a password in the image",
        ) from error
    verify_quarantine(shell, run.gate)
    settle(run, shell)

"""Checks of the live machine: SSH, sudo, its system, its units, and the app itself."""

from __future__ import annotations

from deployer.checks.live_units import check_live
from deployer.checks.ssh_route import check_route
from deployer.commands.doctor import machine_survey
from deployer.commands.doctor.check import Found, Skipped
from deployer.commands.doctor.readings import ServiceReadings
from deployer.provisioning.live_check import ask_live
from deployer.provisioning.smoke_ports import refuse_closed_ports
from reconciler.errors import Refused, SmokeFailed
from reconciler.model.resource import INSTANCE
from reconciler.util import humanize


def ssh_key(readings: ServiceReadings) -> str:
    """Whether the client key can be resolved."""
    ports = readings.ports
    key = ports.service.ssh.stored_key
    if key is None:
        said = ports.service.ssh.key
        return f"{said}: made for each session" if said else "the agent is asked"
    ports.resolve(key)
    return f"{key} is there"


def ssh_via(readings: ServiceReadings) -> str:
    """Whether the tools of the way to the machines are here."""
    return check_route(readings.ports)


def running(readings: ServiceReadings) -> str:
    """Whether the live machines run where the record says."""
    _, ledger = readings.known()
    if ledger.live is None:
        raise Skipped("nobody is live yet")
    found = readings.ports.compute.find_instances_at(ledger.live.at)
    down = [one for one in found if one.state != "running"]
    if not found or down:
        what = f"{down[0].id} is {down[0].state}" if down else "no machine"
        raise Refused(
            f"{what} at {', '.join(ledger.live.at)}",
            cure=f"To see what serves   deployer status {readings.ports.service.name}",
        )
    return f"{humanize.count(len(found), 'machine')} running"


def ssh(readings: ServiceReadings) -> str:
    """Whether SSH and `sudo -n` work on the machine that a release would clone."""
    found = readings.machine()
    if found.values.get("sudo") != "0":
        raise Refused(
            f"sudo on {found.machine} does not act as root",
            cure=f"On live   let {readings.ports.service.ssh.user} run every command as root, "
            "without a password (sudoers: NOPASSWD: ALL)",
        )
    return f"{found.machine} answers {readings.ports.service.ssh.user}, who is root by sudo -n"


def systemd(readings: ServiceReadings) -> str:
    """The version of systemd."""
    return machine_survey.systemd(readings.machine())


def cloud_init(readings: ServiceReadings) -> str:
    """Whether cloud-init would apply a clone's user data."""
    return machine_survey.cloud_init(readings.machine())


def disk(readings: ServiceReadings) -> str:
    """Whether there is room for the code on what a clone copies."""
    return machine_survey.disk(readings.machine())


def tools(readings: ServiceReadings) -> str:
    """Whether the programs that a release runs on a clone are there."""
    return machine_survey.tools(readings.machine())


def identity(readings: ServiceReadings) -> Found:
    """By what others tell live from its clones, and whether a clone gets that anew."""
    service = readings.ports.service
    text, warnings = machine_survey.identity(readings.machine(), service.image.clean)
    lines = ", ".join(f'"rm -rf {warning.partition(" on ")[0]}"' for warning in warnings)
    return Found(
        text, warnings, cure=f"Below [image] in services/{service.name}.toml   clean = [{lines}]"
    )


def units(readings: ServiceReadings) -> Found:
    """Whether systemd knows every configured unit on live, and what else acts on a clone."""
    readings.known()
    acting = check_live(readings.ports, readings.state().service_plan)
    app = readings.ports.service.app
    count = humanize.count(len(app.units) + len(app.jobs), "unit")
    return Found(f"{count} looked up on live", acting)


def smoke(readings: ServiceReadings) -> str:
    """The smoke tests must pass on live: what fails there fails on every release."""
    _, ledger = readings.known()
    live = ledger.live
    if live is None:
        raise Skipped("nobody is live yet")
    found = [one for one in readings.state().machines(live.id) if one.kind == INSTANCE]
    machines = [one for one in found if one.state == "running"]
    answer = ask_live(readings.ports, live.at, machines)
    if answer.unasked:
        raise Skipped(answer.unasked)
    if answer.trouble:
        service = readings.ports.service
        # A port that nobody lets us in to is another cause than an app that does not answer.
        refuse_closed_ports(service.smoke, live.at, direct=service.ssh.via == "direct")
        name = service.name
        raise SmokeFailed(
            f"{answer.trouble}, on live: every release would be given up",
            cure=f"If live serves, correct [[smoke]] of services/{name}.toml (path, port, "
            "expect), or open\nthe port to this computer in live's security group",
        )
    return answer.text

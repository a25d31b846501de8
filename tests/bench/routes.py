"""The ways to a machine (`[ssh] via`) beside the direct one: commands, and a large copy."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deployer.sandbox.company import configuration
from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.environment import BASTION
from deployer.sandbox.control.options import PRIVATE, Options
from reconciler.machine import ssh
from reconciler.machine.host_key import PublicHostKey
from reconciler.machine.shell import Command
from reconciler.machine.ssh import ClientKey, SshTarget
from reconciler.machine.ssh.route import DIRECT, SshRoute
from reconciler.machine.ssh.via.bastion import BastionRoute, Hop
from reconciler.machine.ssh.via.proxy_command import (
    INSTANCE_CONNECT_ENDPOINT,
    SSM,
    ProxyCommandRoute,
)
from tests.bench.page import table
from tests.e2e.probes import live_instance
from tests.support import proxy_commands
from tests.support.company import Company, Json

PAIRS = 3
COMMANDS = 100
SIZE = 200_000_000
_UPLOAD = "/tmp/upload"
_NOTHING = Command("true", "do nothing")

_WORDS = f"""\
A session through each way, {COMMANDS} commands on it one after the other, then a copy of
{SIZE // 1_000_000} MB by SFTP; medians of {PAIRS} pairs of a way and the direct one, in turn, on
the machines of `deployer sandbox up --shape private`. The ratios are the pairs' medians.

A route costs a release the time that it takes to open, once for each machine, and the copy's
slower pace. Everything is on one computer here: no network's delay is in it, and all ends of a way
share its processors. So the ratios are the price of what our side and the hops compute; a real
network adds its own round trips, and AWS's tunnels have limits of their own. Two bastions are the
one of the sandbox, entered twice. `ssm` and `instance-connect-endpoint` run our commands for them
with a stand-in for the AWS CLI, which starts a Python; its time to open says nothing about AWS's.
Behind both is the same program: what differs between their rows is the noise of a shared computer.
"""

Ways = dict[str, Callable[[], SshRoute]]


@dataclass(frozen=True)
class Machine:
    """A machine as a client knows it."""

    target: SshTarget
    host_key: PublicHostKey
    client: ClientKey

    @property
    def hop(self) -> Hop:
        """It as a bastion."""
        return Hop(self.target, self.host_key, self.client)


@dataclass(frozen=True)
class Figures:
    """Seconds: until the session was open, of all commands, of the copy."""

    opened: float
    commands: float
    copy: float


@dataclass(frozen=True)
class Pair:
    """A way, and the direct one beside it."""

    way: Figures
    direct: Figures


def measure(folder: Path) -> Iterator[str]:
    """Every way, each time beside the direct one."""
    yield _WORDS
    source = folder / "release"
    with source.open("wb") as file:
        file.truncate(SIZE)
    box = Sandbox.at(folder / "box")
    box.up(Options(shape=PRIVATE, owner=os.getpid()))
    try:
        company = Company(box)
        machine, ways = machine_of(company, live_instance(company)), _ways(company, folder)
        found: dict[str, list[Pair]] = {name: [] for name in ways}
        for number in range(PAIRS):
            for name, route in ways.items():
                found[name].append(_pair(machine, route, source, direct_first=number % 2 == 0))
    finally:
        box.down()
    yield from _table(found)


def _ways(company: Company, folder: Path) -> Ways:
    (instance,) = (
        one for one in company.instances() if {"Key": "Name", "Value": BASTION} in one["Tags"]
    )
    hop = machine_of(company, instance).hop
    program = str(proxy_commands.aws(folder, company.sandbox.places.root))
    commands = {
        "command": proxy_commands.pump(),
        "ssm": SSM.replace("aws", program, 1),
        "instance-connect-endpoint": INSTANCE_CONNECT_ENDPOINT.replace("aws", program, 1),
    }
    return {
        "bastion": partial(BastionRoute, [hop]),
        "two bastions": partial(BastionRoute, [hop, hop]),
        **{name: partial(ProxyCommandRoute, text, name) for name, text in commands.items()},
    }


def machine_of(company: Company, instance: Json) -> Machine:
    """The machine of an instance, by the company's key."""
    target = SshTarget(
        instance["PrivateIpAddress"],
        configuration.SSH_PORT,
        configuration.LOGIN_USER,
        instance["InstanceId"],
    )
    client = ClientKey(configuration.key_path(company.sandbox.places).read_text())
    return Machine(target, ssh.seen_host_key(target), client)


def _pair(
    machine: Machine, route: Callable[[], SshRoute], source: Path, *, direct_first: bool
) -> Pair:
    if direct_first:
        direct = _run(machine, DIRECT, source)
        return Pair(_run(machine, route(), source), direct)
    way = _run(machine, route(), source)
    return Pair(way, _run(machine, DIRECT, source))


def _run(machine: Machine, route: SshRoute, source: Path) -> Figures:
    began = time.perf_counter()
    session = ssh.connect(machine.target, machine.host_key, machine.client, route=route)
    with closing(session):
        opened = time.perf_counter()
        for _ in range(COMMANDS):
            session.run(_NOTHING)
        asked = time.perf_counter()
        session.put(source, _UPLOAD)
        copied = time.perf_counter()
        session.run(Command(f"rm {_UPLOAD}", "remove the copy"))
    return Figures(opened - began, asked - opened, copied - asked)


def _table(found: dict[str, list[Pair]]) -> Iterator[str]:
    direct = [pair.direct for pairs in found.values() for pair in pairs]
    rows = [f"direct | {_figures(direct)} | 1.0 × | 1.0 ×"]
    for name, pairs in found.items():
        slower = statistics.median(pair.way.commands / pair.direct.commands for pair in pairs)
        longer = statistics.median(pair.way.copy / pair.direct.copy for pair in pairs)
        figures = _figures([pair.way for pair in pairs])
        rows.append(f"{name} | {figures} | {slower:.1f} × | {longer:.1f} ×")
    head = "via | opened ms | a command, ms | copy MB/s"
    yield from table(f"{head} | commands / direct | copy's time / direct", rows)


def _figures(runs: Sequence[Figures]) -> str:
    opened = 1000 * statistics.median(run.opened for run in runs)
    command = 1000 * statistics.median(run.commands for run in runs) / COMMANDS
    speed = SIZE / 1_000_000 / statistics.median(run.copy for run in runs)
    return f"{opened:.0f} | {command:.1f} | {speed:.1f}"

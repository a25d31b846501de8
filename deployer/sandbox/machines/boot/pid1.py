"""Pid 1 of a machine: enters its namespaces, boots, serves SSH, reaps, halts."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import asyncssh

from deployer.sandbox.machines.boot import cloud_init
from deployer.sandbox.machines.boot import sequence as boot
from deployer.sandbox.machines.boot.cloud_init import UserData
from deployer.sandbox.machines.boot.control_pipe import Control
from deployer.sandbox.machines.boot.sequence import Boot, Identity
from deployer.sandbox.machines.isolation import chown_filter, linux, namespaces, wildcard_binds
from deployer.sandbox.machines.isolation.namespaces import FileTree
from deployer.sandbox.machines.messages import BootOrders
from deployer.sandbox.machines.process import groups
from deployer.sandbox.machines.process.journal import Journal
from deployer.sandbox.machines.process.spawner import PATH, Children, Start
from deployer.sandbox.machines.ssh import server as sshd
from deployer.sandbox.machines.ssh.command_hook import CommandHook
from deployer.sandbox.machines.systemd.execution import Tools
from deployer.sandbox.machines.systemd.manager import Manager

_SETTLE_SECONDS = 1.0
HALT, REBOOT = 10, 11
"""Exit codes by which pid 1 reports to its monitor why it ended."""


@dataclass(frozen=True)
class PipeEnds:
    """A machine's pipe ends: console and words are outputs; lifeline closes with the monitor.

    `listeners` are sockets of its SSH server on ports that only the host may open.
    """

    console: int
    words: int
    lifeline: int
    listeners: tuple[int, ...] = ()


def main(orders: BootOrders, room: FileTree, ends: PipeEnds) -> NoReturn:
    """Run pid 1, from the fork to the end."""
    code = 1
    try:
        _detach(ends)
        identity = _identity(orders)
        user_data = cloud_init.parse(orders.spec.user_data)
        # The host name can be set only while the process may still change its namespaces.
        namespaces.move_in(room, user_data.hostname or identity.hostname)
        linux.die_with_parent()  # after the last change of credentials, which clears it
        chown_filter.pretend()
        code = asyncio.run(_Machine(orders, identity, user_data, ends).live())
    except OSError as error:
        sys.stderr.write(f"init: {error}\n")
    finally:
        sys.stderr.flush()
        os._exit(code)


def _detach(ends: PipeEnds) -> None:
    """Drop everything of the host: descriptors, environment, signals, session."""
    os.setsid()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # no effect for pid 1; children inherit it
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(ends.console, 1)
    os.dup2(ends.console, 2)
    last = 2
    for kept in sorted((ends.words, ends.lifeline, *ends.listeners)):
        os.closerange(last + 1, kept)
        last = kept
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    os.closerange(last + 1, highest + 1)
    os.environ.clear()
    os.environ["PATH"] = PATH
    os.umask(0o022)
    gc.freeze()


def _identity(orders: BootOrders) -> Identity:
    spec = orders.spec
    return Identity(
        spec.instance_id, spec.image_id, spec.address, orders.login, spec.authorized_keys
    )


class _Machine:
    """The running machine."""

    def __init__(
        self, orders: BootOrders, identity: Identity, user_data: UserData, ends: PipeEnds
    ) -> None:
        self._orders, self._identity, self._ends = orders, identity, ends
        self._user_data = user_data
        self._children = Children()
        self._server = sshd.Server(
            self._children, CommandHook(orders.ssh_hook, identity.instance_id)
        )
        self._manager = Manager(Tools(self._children, Journal()), self._power)
        self._ending: asyncio.Task[None] | None = None

    async def live(self) -> int:
        """Boot, then run until halted from inside; the exit code."""
        logging.getLogger("asyncssh").setLevel(logging.CRITICAL)
        loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = loop.create_future()
        loop.add_reader(self._ends.lifeline, os._exit, 1)
        self._children.install()
        booting = asyncio.ensure_future(self._boot())
        await asyncio.wait((booting, self._ended), return_when=asyncio.FIRST_COMPLETED)
        if booting.done():
            booting.result()
        return await self._ended

    async def _boot(self) -> None:
        """As on a real host: bootcmd, then sshd and the units, then runcmd."""
        Control(self._manager, reload_sshd=self._server.reload).listen()
        self._manager.tools.journal.begin_boot()
        await self._manager.reload_units()  # first of all, as a real pid 1 does
        first = boot.is_first(self._identity)
        plan = Boot(self._identity, self._user_data, self._run_script, self._say, first)
        if first and not plan.disabled:
            boot.forget_previous()
        self._say(f"booting {self._identity.instance_id} from {self._identity.image_id}")
        await plan.before_ssh()
        await self._listen()
        await self._manager.boot()
        await plan.after_ssh()

    async def _listen(self) -> None:
        address, port = self._identity.address, self._orders.ssh_port
        try:
            await self._server.listen(address, port)
            for fd in self._ends.listeners:
                await self._server.listen_at(socket.socket(fileno=fd))
        except (OSError, asyncssh.Error, ValueError) as error:
            self._say(f"sshd: {error}")
        else:
            self._say(f"sshd: listening on {address}:{port}")
            os.write(self._ends.words, b"up\n")
        wildcard_binds.lead_to(address)  # after our own: from here on a bind waits for our answer

    def _power(self, act: str) -> None:
        if self._ending is None:
            self._ending = asyncio.ensure_future(self._end(REBOOT if act == "reboot" else HALT))

    async def _end(self, code: int) -> None:
        """Answer the client first; then stop the units, every other process, and pid 1."""
        self._say("rebooting" if code == REBOOT else "halting")
        await self._server.settle(_SETTLE_SECONDS)
        await self._manager.end()
        await self._server.close()
        groups.signal_all(groups.everyone(), signal.SIGTERM)
        self._ended.set_result(code)

    def _say(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    async def _run_script(self, name: str, path: str, more: dict[str, str]) -> int:
        """Run a boot script as root, its output on the console."""
        env = {"PATH": PATH, "HOME": "/root", "USER": "root", "LOGNAME": "root"} | more
        try:
            _, ended = self._children.start(Start([path], env, "/", None, 1, 2))
        except OSError as error:
            self._say(f"cloud-init: {name}: {error}")
            return 126
        return await ended

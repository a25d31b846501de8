"""What every route promises: a pinned session, copies, forwards, and clear failures."""

from __future__ import annotations

import shlex
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import CannotConnect
from reconciler.machine import ssh
from reconciler.machine.host_key import make_host_key
from reconciler.machine.shell import Command
from reconciler.machine.ssh import SshTarget
from reconciler.machine.ssh.client import RemoteShell
from reconciler.machine.ssh.route import DIRECT, SshRoute
from reconciler.machine.ssh.via.bastion import BastionRoute, Hop
from reconciler.machine.ssh.via.proxy_command import ProxyCommandRoute
from reconciler.util.backoff import Backoff
from tests.support.proxy_commands import pump
from tests.support.ssh_server import SshServer, serving

pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")

PATIENT = Backoff(deadline=60.0)
ONCE = Backoff(deadline=0.0)


def hop(server: SshServer) -> Hop:
    """The server as a bastion."""
    return Hop(server.target, server.host_key.public, server.client)


@contextmanager
def direct(_: Path) -> Iterator[SshRoute]:
    """No hop."""
    yield DIRECT


@contextmanager
def one_bastion(home: Path) -> Iterator[SshRoute]:
    """One hop."""
    with serving(home / "bastion") as bastion:
        yield BastionRoute([hop(bastion)])


@contextmanager
def two_bastions(home: Path) -> Iterator[SshRoute]:
    """A bastion that only another one reaches."""
    with serving(home / "outer") as outer, serving(home / "inner") as inner:
        yield BastionRoute([hop(outer), hop(inner)])


@contextmanager
def command(_: Path) -> Iterator[SshRoute]:
    """Any program that connects its input and output."""
    yield ProxyCommandRoute(pump())


@pytest.fixture(params=[direct, one_bastion, two_bastions, command])
def route(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SshRoute]:
    """Each route in turn."""
    with request.param(tmp_path) as opened:
        yield opened


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[SshServer]:
    """The machine at the end of the route."""
    with serving(tmp_path / "machine") as server:
        yield server


def closed_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_session_a_copy_and_a_forward(
    route: SshRoute, machine: SshServer, tmp_path: Path
) -> None:
    """All that a release does on a machine works over every route."""
    session = ssh.connect(machine.target, machine.host_key.public, machine.client, PATIENT, route)
    assert session.run(Command("pwd", "where")).text == str(machine.home)
    (tmp_path / "code").write_bytes(b"x" * 3_000_000)
    session.put(tmp_path / "code", str(machine.home / "code"))
    assert (machine.home / "code").stat().st_size == 3_000_000
    with socket.create_server(("127.0.0.1", 0)) as service:
        port = service.getsockname()[1]
        with (
            session.forward("127.0.0.1", port) as near,
            socket.create_connection(near, timeout=10) as peer,
        ):
            accepted, _ = service.accept()
            with accepted:
                peer.sendall(b"hello")
                assert accepted.recv(100) == b"hello"
    session.close()


def test_the_machines_key_is_pinned_on_every_route(route: SshRoute, machine: SshServer) -> None:
    """Whoever controls the route cannot put another machine at its end."""
    with pytest.raises(CannotConnect) as caught:
        ssh.connect(machine.target, make_host_key().public, machine.client, PATIENT, route)
    assert caught.value.kind == "host-key-mismatch"
    assert ssh.seen_host_key(machine.target, PATIENT, route) == machine.host_key.public


def test_a_machine_that_does_not_answer_yet(route: SshRoute) -> None:
    """A machine that boots is tried again: the kind of failure says so, on every route."""
    target = SshTarget("127.0.0.1", closed_port(), "tester")
    key = make_host_key()
    waits: list[float] = []
    backoff = Backoff(first=0.01, longest=0.01, deadline=60.0, tries=3, sleep=waits.append)
    with pytest.raises(CannotConnect) as caught:
        ssh.connect(target, key.public, ssh.ClientKey(key.private), backoff, route)
    assert caught.value.kind in {"refused", "closed", "no-route"}
    assert len(waits) == 2


def test_a_machine_without_an_address(route: SshRoute, machine: SshServer) -> None:
    """It is named, whatever the route."""
    nowhere = replace(machine.target, host="")
    with pytest.raises(CannotConnect, match="no address"):
        ssh.connect(nowhere, machine.host_key.public, machine.client, ONCE, route)


def test_the_hop_that_failed_is_named(machine: SshServer, tmp_path: Path) -> None:
    """Another key on the inner bastion: the error names that bastion, not the machine."""
    with serving(tmp_path / "outer") as outer, serving(tmp_path / "inner") as inner:
        wrong = replace(hop(inner), host_key=make_host_key().public)
        route = BastionRoute([hop(outer), wrong])
        with pytest.raises(CannotConnect, match=rf"bastion .*:{inner.port}: ") as caught:
            ssh.connect(machine.target, machine.host_key.public, machine.client, ONCE, route)
        assert caught.value.kind == "host-key-mismatch"
        assert caught.value.seen == ""  # it is no key of the machine


def test_a_lost_bastion_is_opened_again(machine: SshServer, tmp_path: Path) -> None:
    """A bastion that restarts costs one try, not the release."""
    with serving(tmp_path / "bastion") as bastion:
        route = BastionRoute([hop(bastion)])

        def session() -> RemoteShell:
            return ssh.connect(
                machine.target, machine.host_key.public, machine.client, PATIENT, route
            )

        session()
        bastion.drop_all()
        assert session().run(Command("pwd", "where")).text == str(machine.home)
        assert len(bastion.logins) == 2


def test_sessions_end_quietly_where_the_bastion_does_not_answer_any_more(
    machine: SshServer, tmp_path: Path
) -> None:
    """A channel's end cannot be told to its peer: no clean-up, and no thread, fails for that."""
    held = threading.Event()
    with serving(tmp_path / "bastion") as bastion:
        route = BastionRoute([hop(bastion)])
        session = ssh.connect(
            machine.target, machine.host_key.public, machine.client, PATIENT, route
        )
        # It neither reads nor hangs up, so the bastion's session is not known to be lost.
        bastion.loop.call_soon_threadsafe(held.wait, 60)
        try:
            refuse_to_send(route.session())
            assert route.session().alive
            session.close()
        finally:
            held.set()


def refuse_to_send(session: RemoteShell) -> None:
    """The connection of a session takes nothing any more, as after a reset."""
    session._transport.sock.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(
    ("text", "kind", "detail"),
    [
        ("echo 'i-0 is not connected' >&2; exit 255 # %i", "closed", "i-0 is not connected"),
        ("no-such-program-here %i", "route", "not found"),
        ("true %i", "closed", ""),
    ],
)
def test_a_command_that_ends(machine: SshServer, text: str, kind: str, detail: str) -> None:
    """Its exit code and its last lines are shown; a missing program is not tried again."""
    target = replace(machine.target, instance="i-0d41")
    with pytest.raises(
        CannotConnect, match=r"ended with exit code|has brought no answer"
    ) as caught:
        ssh.connect(
            target, machine.host_key.public, machine.client, ONCE, ProxyCommandRoute(text, "ssm")
        )
    assert caught.value.kind == kind
    assert detail in caught.value.detail
    assert "ssh.via = 'ssm'" in caught.value.message


def test_the_command_gets_the_instance_id(machine: SshServer, tmp_path: Path) -> None:
    """%i is what the ways of AWS need; %% stays a percent sign; nothing else is replaced."""
    noted = tmp_path / "noted"
    text = f"echo %i %% %x > {shlex.quote(str(noted))}; {pump()}"
    target = replace(machine.target, instance="i-0d41")
    route = ProxyCommandRoute(f"sh -c {shlex.quote(text)}")
    ssh.connect(target, machine.host_key.public, machine.client, PATIENT, route).close()
    assert noted.read_text() == "i-0d41 % %x\n"


def test_no_command_stays_behind(machine: SshServer, tmp_path: Path) -> None:
    """The command ends with its session, also one that ignores the end of its input."""
    pid = tmp_path / "pid"
    stubborn = f"echo $$ > {shlex.quote(str(pid))}; {pump()}; exec sleep 600"
    route = ProxyCommandRoute(f"sh -c {shlex.quote(stubborn)}")
    session = ssh.connect(machine.target, machine.host_key.public, machine.client, PATIENT, route)
    session.close()
    process = Path("/proc") / pid.read_text().strip()
    wait = Backoff(first=0.05, longest=0.05, deadline=10.0)
    assert any(not process.exists() for _ in wait.attempts())

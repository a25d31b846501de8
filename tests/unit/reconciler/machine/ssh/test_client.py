"""SSH against a real server on loopback: pinning, draining, limits, loss, copies, forwarding."""

from __future__ import annotations

import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from reconciler.errors import (
    CannotConnect,
    CommandFailed,
    CommandTimedOut,
    ConfigError,
    ConnectionLost,
    ShellError,
)
from reconciler.machine import ssh
from reconciler.machine.host_key import make_host_key
from reconciler.machine.shell import Command
from reconciler.machine.ssh import ClientKey, SshTarget
from reconciler.machine.ssh.client import RemoteShell
from reconciler.util import log
from reconciler.util.backoff import Backoff
from tests.support.ssh_server import SshServer, serving

pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")

PATIENT = Backoff(deadline=60.0)
"""A single try may take ten seconds of it; without a deadline one, which a busy machine exceeds."""

ONCE = Backoff(deadline=0.0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    """A server of this test's own."""
    with serving(tmp_path / "home") as listening:
        yield listening


@pytest.fixture
def shell(server: SshServer) -> Iterator[RemoteShell]:
    """A session on it."""
    session = ssh.connect(server.target, server.host_key.public, server.client, PATIENT)
    yield session
    session.close()


def refusal(server: SshServer, **changed: object) -> CannotConnect:
    """The error of connecting with something changed."""
    asked = {
        "target": server.target,
        "host_key": server.host_key.public,
        "client": server.client,
        "backoff": PATIENT,
    }
    with pytest.raises(CannotConnect) as caught:
        ssh.connect(**(asked | changed))  # type: ignore[arg-type]
    return caught.value


class Clock:
    """A clock that only sleeping moves, and a server change to make while it sleeps."""

    def __init__(self) -> None:
        self.time = 0.0
        self.sleeps = 0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.sleeps += 1


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_the_output_of_a_command_comes_back(shell: RemoteShell) -> None:
    """stdout and stderr arrive apart, stdin is read to its end."""
    result = shell.run(Command("cat; echo oops >&2", "echo", stdin=b"secret\n"))
    assert (result.stdout, result.stderr, result.text) == (b"secret\n", b"oops\n", "secret")


def test_a_cipher_is_chosen_that_is_one_pass_over_the_bytes(shell: RemoteShell) -> None:
    """Paramiko would take AES-CTR and a MAC first: a copy of a release takes longer so."""
    assert shell._transport.local_cipher == "aes128-gcm@openssh.com"


def test_sudo_never_asks(server: SshServer, shell: RemoteShell) -> None:
    """`sudo` means `sudo -n`, and stdin is not on the command line."""
    shell.run(Command("cat >/dev/null", "read", sudo=True, stdin=b"hunter2"))
    assert server.commands[-1].startswith("sudo -n timeout")
    assert "hunter2" not in server.commands[-1]


def test_a_wrong_host_key_names_both_fingerprints(server: SshServer) -> None:
    """Another key than the pinned one ends it at once, and the error shows what differs."""
    other = make_host_key().public
    error = refusal(server, host_key=other)
    assert error.kind == "host-key-mismatch"
    assert other.fingerprint in error.message
    assert server.host_key.public.fingerprint in error.message


def test_nobody_logs_in_to_an_unknown_machine(server: SshServer) -> None:
    """The host key is judged before the login begins."""
    refusal(server, host_key=make_host_key().public)
    assert len(server.connections) == 1
    assert server.logins == []


def test_an_unknown_client_key_is_refused_at_once(server: SshServer) -> None:
    """A refused key is no matter of waiting, and the message says which key it was."""
    key = ClientKey(make_host_key().private, "file:~/.ssh/shop")
    error = refusal(server, client=key)
    assert error.kind == "key-refused"
    assert "file:~/.ssh/shop" in error.message


def test_an_empty_agent_is_a_refused_key(
    server: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an agent and without a key nobody can log in; it says so."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert refusal(server, client=ClientKey()).kind == "key-refused"


def test_a_client_key_that_is_none_is_a_matter_of_configuration(server: SshServer) -> None:
    """Garbage for a key is named by its reference; its text is not shown."""
    with pytest.raises(ConfigError) as caught:
        refusal(server, client=ClientKey("not a key", "env:KEY"))
    assert "env:KEY" in caught.value.message
    assert "not a key" not in str(caught.value)


def test_nobody_listening_is_refused_and_waited_for(server: SshServer) -> None:
    """Refused is what booting looks like: tried until the deadline, and the cause is named."""
    clock = Clock()
    error = refusal(
        server,
        target=SshTarget("127.0.0.1", closed_port(), "tester"),
        backoff=Backoff(1.0, 1.0, deadline=3.0, sleep=clock.sleep, now=clock.now),
    )
    assert error.kind == "refused"
    assert clock.sleeps == 3
    assert "tried for 3s" in error.message


def test_a_machine_that_comes_up_meanwhile_is_reached(server: SshServer) -> None:
    """Connecting goes on as soon as the server is there."""
    server.port = closed_port()
    backoff = Backoff(0.1, 0.1, 30.0, sleep=lambda _: server.call(server.listen))
    session = ssh.connect(server.target, server.host_key.public, server.client, backoff)
    assert session.run(Command("echo up", "greet")).text == "up"
    session.close()


@contextmanager
def hanging_up() -> Iterator[SshTarget]:
    """A port that accepts and closes at once, as one does whose sshd does not listen yet."""
    with socket.create_server(("127.0.0.1", 0)) as rude:

        def hang_up() -> None:
            with suppress(OSError):  # the test is over
                while True:
                    rude.accept()[0].close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        yield SshTarget("127.0.0.1", rude.getsockname()[1], "tester")
        rude.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_a_port_that_hangs_up_is_closed(server: SshServer) -> None:
    """Something listens but speaks no SSH: another kind than refused."""
    with hanging_up() as target:
        assert refusal(server, target=target, backoff=ONCE).kind == "closed"


def test_what_paramiko_logs_is_not_shown(
    server: SshServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every connection that is closed early would be a traceback on stderr; our error says it."""
    clock = Clock()
    log.set_up(verbose=False)
    try:
        with hanging_up() as target:
            backoff = Backoff(1.0, 1.0, deadline=3.0, sleep=clock.sleep, now=clock.now)
            error = refusal(server, target=target, backoff=backoff)
    finally:
        log.tear_down()
    assert clock.sleeps == 3
    assert "closed the connection before it had shown its host key" in error.message
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("host", ["", "nowhere.invalid"])
def test_no_address_fails_at_once(server: SshServer, host: str) -> None:
    """An empty or unknown name is not waited for."""
    error = refusal(server, target=SshTarget(host))
    assert error.kind == "no-address"


def test_the_host_key_can_be_looked_at(server: SshServer) -> None:
    """`adopt` shows a person the key that the machine shows."""
    assert ssh.seen_host_key(server.target, PATIENT) == server.host_key.public


def test_a_failure_has_its_status_and_last_lines(shell: RemoteShell) -> None:
    """The last 40 lines are in the detail, the status in the message."""
    script = "i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); done; exit 3"
    with pytest.raises(CommandFailed, match=r"install on 127.0.0.1 ended with 3") as caught:
        shell.run(Command(script, "install"))
    assert caught.value.status == 3
    assert caught.value.detail.splitlines() == [f"line {number}" for number in range(60, 100)]


def test_a_failure_shows_both_streams(shell: RemoteShell) -> None:
    """In the order in which they arrive, which SSH does not promise to be that of the writing."""
    with pytest.raises(CommandFailed) as caught:
        shell.run(Command("echo began; echo broken >&2; exit 1", "install"))
    assert sorted(caught.value.detail.splitlines()) == ["began", "broken"]


def test_a_death_by_signal_is_said(shell: RemoteShell) -> None:
    """Killed is not the same as failed."""
    with pytest.raises(CommandFailed, match="was killed by SIGKILL") as caught:
        shell.run(Command("kill -9 $$", "dump"))
    assert caught.value.status == 137


def test_much_stderr_first_does_not_deadlock(shell: RemoteShell) -> None:
    """More than a window of stderr before the first byte of stdout."""
    script = "head -c 12000000 /dev/zero >&2; echo done"
    result = shell.run(Command(script, "noise"))
    assert result.text == "done"
    assert len(result.stderr) == 1 << 20


def test_a_flood_does_not_grow_memory(shell: RemoteShell) -> None:
    """100 MB of output leave its last MiB, and no more in memory than window and tails."""
    tracemalloc.start()
    try:
        result = shell.run(Command("head -c 100000000 /dev/zero; echo end", "flood"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(result.stdout) == 1 << 20
    assert result.stdout.endswith(b"end\n")
    assert peak < 50_000_000


def test_a_hanging_command_is_given_up_and_ended(server: SshServer, shell: RemoteShell) -> None:
    """The wall clock counts, not silence; and the session can be used afterwards."""
    with pytest.raises(CommandTimedOut, match=r"given up after 2s") as caught:
        shell.run(Command("echo started; sleep 60", "hang", timeout=2))
    assert caught.value.detail == "started"
    assert "timeout -k 10 7 sh -c" in server.commands[-1]
    assert shell.run(Command("echo alive", "greet")).text == "alive"


def test_a_left_over_background_child_is_named(shell: RemoteShell) -> None:
    """A daemon that keeps the output open is a common mistake of install commands: said."""
    with pytest.raises(CommandTimedOut, match="given up"):
        shell.run(Command("sleep 30 & echo started", "install", timeout=1))


def test_a_lost_session_is_not_a_failure(server: SshServer, shell: RemoteShell) -> None:
    """When the machine goes away mid-command nobody knows whether it finished."""
    cut = threading.Event()

    def on_output(_data: bytes) -> None:
        cut.set()
        server.drop_all()

    with pytest.raises(ConnectionLost, match="died during: restore"):
        shell.run(Command("echo begun; sleep 60", "restore", timeout=30), on_output)
    assert cut.is_set()
    with pytest.raises(ConnectionLost):
        shell.run(Command("true", "again"))


def test_input_larger_than_a_window_goes_through(shell: RemoteShell) -> None:
    """Megabytes of stdin, while the command answers."""
    data = b"x" * 5_000_000
    assert shell.run(Command("wc -c", "count", stdin=data)).text.strip() == "5000000"


def test_input_that_nobody_reads_is_no_error(shell: RemoteShell) -> None:
    """A command may end without having read its stdin: its status decides."""
    assert shell.run(Command("echo no", "deaf", stdin=b"x" * 9_000_000)).text == "no"


def test_threads_share_a_session(shell: RemoteShell) -> None:
    """Commands side by side on one session do not mix."""
    seen: dict[int, str] = {}

    def ask(number: int) -> None:
        seen[number] = shell.run(Command(f"echo {number}; sleep 0.1", "ask")).text

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {n: str(n) for n in range(8)}


def test_a_file_arrives_whole_with_its_mode(shell: RemoteShell, tmp_path: Path) -> None:
    """Copied aside and renamed; progress ends at the size; nothing else is left."""
    source, folder = tmp_path / "code.tar", tmp_path / "there"
    folder.mkdir()
    source.write_bytes(b"0123456789" * 100_000)
    steps: list[tuple[int, int]] = []
    shell.put(source, f"{folder}/x", mode=0o600, on_bytes=lambda *step: steps.append(step))
    assert (folder / "x").read_bytes() == source.read_bytes()
    assert (folder / "x").stat().st_mode & 0o777 == 0o600
    assert steps[-1] == (1_000_000, 1_000_000)
    assert [entry.name for entry in folder.iterdir()] == ["x"]


def test_an_interrupted_copy_leaves_the_old_file(shell: RemoteShell, tmp_path: Path) -> None:
    """Whole or not at all: what was there stays, and no part of the new remains."""
    source, target = tmp_path / "new", tmp_path / "there" / "x"
    target.parent.mkdir()
    target.write_text("old")
    source.write_bytes(b"n" * 1_000_000)

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shell.put(source, str(target), on_bytes=stop)
    assert target.read_text() == "old"
    assert [entry.name for entry in target.parent.iterdir()] == ["x"]


def test_a_place_that_cannot_be_written_is_named(shell: RemoteShell, tmp_path: Path) -> None:
    """The machine's own reason is in the message."""
    source = tmp_path / "f"
    source.write_text("x")
    with pytest.raises(ShellError, match="No such file"):
        shell.put(source, f"{tmp_path}/missing/f")


def test_a_forwarded_port_leads_to_the_machine(shell: RemoteShell) -> None:
    """Bytes go both ways, the half-closed end included, and the port is gone afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as service:

        def answer() -> None:
            with service.accept()[0] as peer:
                heard = b""
                while data := peer.recv(100):
                    heard += data
                peer.sendall(heard.upper())

        threading.Thread(target=answer, daemon=True).start()
        with (
            shell.forward("127.0.0.1", service.getsockname()[1]) as here,
            socket.create_connection(here, timeout=10) as peer,
        ):
            peer.sendall(b"hello")
            peer.shutdown(socket.SHUT_WR)
            assert peer.recv(100) == b"HELLO"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(here, timeout=5)


def test_a_forwarded_port_that_nobody_serves_just_closes(shell: RemoteShell) -> None:
    """The client sees the end of its connection, not a hang."""
    with (
        shell.forward("127.0.0.1", closed_port()) as here,
        socket.create_connection(here, timeout=10) as peer,
    ):
        assert peer.recv(1) == b""


def test_closing_twice_is_harmless(shell: RemoteShell) -> None:
    """Clean-up code need not know whether the session is still open."""
    shell.close()
    shell.close()

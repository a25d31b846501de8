"""Commands whose stdin and stdout flow while they run, against a real server on loopback."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import CommandFailed
from reconciler.machine import ssh
from reconciler.machine.shell import Command, Pipes
from reconciler.machine.ssh.client import RemoteShell
from reconciler.util.backoff import Backoff
from tests.support.ssh_server import serving

pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[RemoteShell]:
    """A session on a server of this test's own."""
    with serving(tmp_path / "home") as server:
        session = ssh.connect(
            server.target, server.host_key.public, server.client, Backoff(deadline=60.0)
        )
        yield session
        session.close()


def test_more_than_any_window_holds_flows_both_ways(shell: RemoteShell) -> None:
    """Neither side waits for the other's end; what is empty for now is no end."""
    piece = b"0123456789abcdef" * 4096
    pieces: list[bytes | None] = [b"", *([piece, b""] * 300), None]
    given, taken = iter(pieces), hashlib.sha256()
    shell.stream(Command("cat", "copy"), Pipes(lambda: next(given), taken.update))
    assert taken.hexdigest() == hashlib.sha256(piece * 300).hexdigest()


def test_a_reader_that_waits_holds_the_command_up(shell: RemoteShell) -> None:
    """No more than the windows hold is read ahead, and nothing is lost."""
    free, taken = threading.Event(), 0

    def write(data: bytes) -> None:
        nonlocal taken
        free.wait(30)
        taken += len(data)

    threading.Timer(0.3, free.set).start()
    script = "head -c 30000000 /dev/zero"
    shell.stream(Command(script, "zeroes"), Pipes(lambda: None, write))
    assert taken == 30_000_000


def test_a_command_that_ends_early_is_judged_by_its_status(shell: RemoteShell) -> None:
    """It need not read its input; what it says on stderr is the detail, and no output."""
    taken: list[bytes] = []
    endless = Pipes(lambda: b"x" * 65536, taken.append)
    with pytest.raises(CommandFailed) as failed:
        shell.stream(Command("echo full >&2; exit 3", "fill"), endless)
    assert (failed.value.status, failed.value.detail) == (3, "full")
    assert taken == []

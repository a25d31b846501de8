"""The door before the machines' SSH: whoever stands there is asked, and is obeyed."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
import pytest

from deployer.sandbox.machines import Machines
from tests.sandbox.machines.lab import BASE, Client, Key, Lab


@dataclass
class Keeper:
    """Stands at the door: notes what is asked, and answers with the next word."""

    words: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)

    @contextmanager
    def standing(self) -> Iterator[str]:
        """At an address, while the body runs."""
        keeper = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                question = json.loads(self.rfile.readline())
                keeper.asked.append((question["when"], question["what"]))
                word = keeper.words.pop(0) if keeper.words else "go"
                self.wfile.write(f"{word}\n".encode())

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            yield f"127.0.0.1:{server.server_address[1]}"
            server.shutdown()
            thread.join()


@pytest.fixture
def keeper() -> Keeper:
    """Somebody who lets everything pass unless told otherwise."""
    return Keeper()


@pytest.fixture
def client(directory: Path, key: Key, keeper: Keeper) -> Iterator[Client]:
    """A session with a machine that has somebody at its door."""
    with keeper.standing() as address:
        host = Machines(directory, ssh_hook=address)
        host.create_base_image(BASE)
        lab = Lab(host, key)
        try:
            yield lab.connect(lab.boot())
        finally:
            lab.end()
            host.shutdown()


def _count(client: Client, keeper: Keeper) -> str:
    keeper.words.clear()
    return client("cat said")


def test_every_command_is_asked_about_twice(client: Client, keeper: Keeper) -> None:
    """Before it runs and when it has; what it reads, prints and returns is its own."""
    done = client.run("cat; exit 3", b"heard")
    assert (done.code, done.out) == (3, "heard")
    assert keeper.asked == [("before", "cat; exit 3"), ("after", "cat; exit 3")]


def test_a_command_is_run_twice_with_the_same_input(client: Client, keeper: Keeper) -> None:
    """And only what the first said is heard."""
    keeper.words = ["twice"]
    assert client.run("cat >> said; echo once", b"x").out == "once\n"
    assert _count(client, keeper) == "xx"


@pytest.mark.parametrize(("words", "done"), [(["cut"], 0), (["go", "cut"], 1)])
def test_a_connection_is_cut(
    client: Client, keeper: Keeper, directory: Path, words: list[str], done: int
) -> None:
    """Before the command: it never ran. After it: it did, and nobody hears of it."""
    keeper.words = words
    with pytest.raises((paramiko.SSHException, EOFError, OSError, AssertionError)):
        client("echo here > said")
    found = list(directory.glob("instances/*/disk/home/ubuntu/said"))
    assert len(found) == done


def test_a_file_is_asked_about_when_it_takes_its_name(client: Client, keeper: Keeper) -> None:
    """The rename is the act; a cut before it leaves no file of that name."""
    with client.ssh.open_sftp() as sftp:
        with sftp.open("aside", "w") as file:
            file.write("text")
        sftp.posix_rename("aside", "there")
    what = "sftp: put there"
    assert keeper.asked == [("before", what), ("after", what)]
    assert client("cat there") == "text"

"""From `up` to `down`, through the command line, as people use it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from deployer.sandbox import env, state
from deployer.sandbox.client import Sandbox
from deployer.sandbox.network import GUARD_PORT
from deployer.sandbox.state import MARK, Places, State


def _run(*arguments: str, directory: Path | None = None) -> subprocess.CompletedProcess[str]:
    variables = {k: v for k, v in os.environ.items() if k != "SANDBOX_DIR"}
    if directory:
        variables["SANDBOX_DIR"] = str(directory)
    return subprocess.run(
        [sys.executable, "-m", "deployer.sandbox", *arguments],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def _ok(*arguments: str, directory: Path) -> str:
    done = _run(*arguments, directory=directory)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _state(directory: Path) -> State:
    found = state.load(Places(directory))
    assert found is not None
    return found


def _processes(run: str) -> list[psutil.Process]:
    """Every process with the mark of that run, whoever its parent is now."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == run:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def _listeners(network: int) -> list[str]:
    """The addresses of 127.N.0.0/16 on which somebody listens."""
    listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    heard = [c.laddr.ip for c in listening if c.laddr]
    return [address for address in heard if address.startswith(f"127.{network}.")]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Path]:
    """A directory for a sandbox that is gone after the test, whatever happens."""
    yield tmp_path / "box"
    Sandbox.at(tmp_path / "box").down()


def test_up_twice_is_harmless_and_down_leaves_nothing(box: Path) -> None:
    """The second up changes nothing; after down no process, file or port is left."""
    _ok("up", directory=box)
    first = _state(box)
    _ok("up", directory=box)
    assert _state(box) == first
    assert len(_processes(first.run)) >= 2
    assert len(_listeners(first.network)) >= 4  # a machine's two, database, guard
    _ok("down", directory=box)
    assert not box.exists()
    assert _processes(first.run) == []
    assert _listeners(first.network) == []
    port = urlsplit(first.endpoint).port
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port or 0)) != 0


def test_down_of_nothing_is_harmless(box: Path) -> None:
    """There is no sandbox, and down says so and makes none."""
    assert "no sandbox" in _run("down", directory=box).stderr
    assert not box.exists()


def test_commands_without_a_sandbox_name_the_cure(box: Path) -> None:
    """Refused, exit 3, with the next command."""
    for command in ("env", "status", "reset", "logs"):
        done = _run(command, directory=box)
        assert done.returncode == 3
        assert "deployer sandbox up" in done.stderr


def test_two_sandboxes_stand_side_by_side(box: Path, tmp_path: Path) -> None:
    """Each its own endpoint and range; what happens in one is not seen in the other."""
    other = tmp_path / "other"
    _ok("up", "--empty", directory=box)
    try:
        _ok("up", "--empty", directory=other)
        mine, theirs = _state(box), _state(other)
        assert mine.endpoint != theirs.endpoint
        assert mine.network != theirs.network
        Sandbox.at(other).down()
        assert _status(box)["phase"] == "ready"
    finally:
        Sandbox.at(other).down()


def test_a_killed_sandbox_is_cleaned_up_by_the_next_up(box: Path) -> None:
    """After kill -9 its machines and database are gone, and up starts anew."""
    _ok("up", directory=box)
    first = _state(box)
    marked = _processes(first.run)
    os.kill(first.pid, signal.SIGKILL)
    assert _run("status", directory=box).returncode == 3
    _ok("up", "--empty", directory=box)
    psutil.wait_procs(marked, timeout=10)
    assert _processes(first.run) == []
    assert _state(box).run != first.run
    assert _status(box)["instances"] == []


def test_a_killed_sandbox_is_cleaned_up_by_down(box: Path) -> None:
    """Down works on what a killed one left, too."""
    _ok("up", "--empty", directory=box)
    first = _state(box)
    os.kill(first.pid, signal.SIGKILL)
    _ok("down", directory=box)
    assert not box.exists()
    assert _listeners(first.network) == []


def test_an_empty_one_is_a_bare_account(box: Path) -> None:
    """Nothing but the base image."""
    _ok("up", "--empty", directory=box)
    report = _status(box)
    assert (report["instances"], report["records"], report["databases"]) == ([], [], [])
    assert report["base_image"].startswith("ami-")
    assert not Places(box).sources.exists()


def test_another_kind_is_refused(box: Path) -> None:
    """up does not pretend that what runs is what was asked for."""
    _ok("up", "--empty", directory=box)
    done = _run("up", directory=box)
    assert done.returncode == 3
    assert "another kind" in done.stderr


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """Neither up nor down touches a directory with other things in it."""
    (tmp_path / "thesis.tex").touch()
    assert _run("up", "--dir", str(tmp_path)).returncode == 2
    assert _run("down", "--dir", str(tmp_path)).returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_failed_start_says_why_and_leaves_nothing(box: Path) -> None:
    """Here the port is taken: exit 1, the reason, no process, no state."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = _run("up", "--empty", "--port", str(taken.getsockname()[1]), directory=box)
    assert done.returncode == 1
    assert "did not come up" in done.stderr
    assert "in use" in done.stderr
    assert state.load(Places(box)) is None


def test_it_ends_with_its_owner(box: Path) -> None:
    """A test run that is killed leaves no sandbox behind."""
    script = (
        "import os, sys, time\n"
        "from deployer.sandbox.client import Sandbox\n"
        "from deployer.sandbox.options import Options\n"
        "Sandbox.at(sys.argv[1]).up(Options(empty=True, owner=os.getpid()))\n"
    )
    subprocess.run([sys.executable, "-c", script, str(box)], check=True, timeout=60)
    pid = _state(box).pid
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _state(box).is_alive()


def test_the_port_asked_for_is_the_port(box: Path) -> None:
    """--port is for people who want to write the endpoint down."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    _ok("up", "--empty", "--port", str(port), directory=box)
    assert _state(box).endpoint == f"http://127.0.0.1:{port}"


def test_the_door_opens_to_the_token_alone(box: Path) -> None:
    """Another user of this host finds the guard port, and nothing behind it."""
    _ok("up", "--empty", directory=box)
    found = _state(box)
    assert found.door.endswith(f":{GUARD_PORT}")
    bare = found.with_(token="guessed")
    bare.save(Places(box))
    done = _run("reset", directory=box)
    assert done.returncode == 1
    assert "not for you" in done.stderr


def test_env_is_all_that_a_plain_boto3_needs(box: Path) -> None:
    """The exports of `env`, eval'd by a shell that has somebody's AWS profile set."""
    _ok("up", "--empty", directory=box)
    exports = _ok("env", directory=box)
    program = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    shell = f'{exports}\nexec "$0" -c "$1"'
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable, program],
        env={**os.environ, "AWS_PROFILE": "somebody"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{env.ACCOUNT}\n", done.stderr


def _status(directory: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(_ok("status", "--json", directory=directory))
    return report

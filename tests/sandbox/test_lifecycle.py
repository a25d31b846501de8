"""From `up` to `down`, through the command line, as people use it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import psycopg
import pytest

from deployer.sandbox.company.bare_account import ADMIN_URL
from deployer.sandbox.control import environment, state
from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.server import ask
from deployer.sandbox.control.state import Places, SandboxState
from deployer.sandbox.network.loopback_range import GUARD_PORT
from reconciler.config.loader import load
from reconciler.errors import ToolError


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


def _state(directory: Path) -> SandboxState:
    found = state.load(Places(directory))
    assert found is not None
    return found


def _family(found: SandboxState) -> list[psutil.Process]:
    """The daemon and everything below it: machines, database, whatever they started."""
    daemon = psutil.Process(found.pid)
    return [daemon, *daemon.children(recursive=True)]


def _alive(family: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; a port that one of them listened on is free when it does not."""
    return [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def _listening(family: list[psutil.Process]) -> set[str]:
    """The loopback addresses that these processes listen on."""
    pids = {one.pid for one in family}
    found = psutil.net_connections("tcp")
    return {
        c.laddr.ip for c in found if c.status == psutil.CONN_LISTEN and c.pid in pids and c.laddr
    }


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Path]:
    """A directory for a sandbox that is gone after the test, whatever happens."""
    yield tmp_path / "box"
    Sandbox.at(tmp_path / "box").down()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of an empty sandbox that several tests look at and none changes."""
    directory = tmp_path_factory.mktemp("bare") / "box"
    _ok("up", "--empty", directory=directory)
    yield directory
    Sandbox.at(directory).down()


def test_up_twice_is_harmless_and_down_leaves_nothing(box: Path) -> None:
    """The second up changes nothing; after down no process, file or port is left."""
    _ok("up", directory=box)
    first = _state(box)
    _ok("up", directory=box)
    assert _state(box) == first
    family = _family(first)
    machine, database = f"127.{first.network}.0.4", f"127.{first.network}.250.9"
    assert {"127.0.0.1", machine, database} <= _listening(family)
    _ok("down", directory=box)
    assert not box.exists()
    assert _alive(family) == []


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


def test_two_sandboxes_stand_side_by_side(bare: Path, box: Path) -> None:
    """Each its own endpoint and range; what happens in one is not seen in the other.

    --port is for people who want to write the endpoint down: the port asked for is the port.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    _ok("up", "--empty", "--port", str(port), directory=box)
    mine, theirs = _state(bare), _state(box)
    assert theirs.endpoint == f"http://127.0.0.1:{port}" != mine.endpoint
    assert mine.network != theirs.network
    Sandbox.at(box).down()
    assert _status(bare)["phase"] == "ready"


def test_a_killed_sandbox_is_cleaned_up_by_the_next_up_or_down(box: Path) -> None:
    """After kill -9 its machines and database are gone, and up starts anew; down works, too."""
    _ok("up", directory=box)
    first = _state(box)
    family = _family(first)
    os.kill(first.pid, signal.SIGKILL)
    assert _run("status", directory=box).returncode == 3
    _ok("up", "--empty", directory=box)
    assert _alive(family) == []
    second = _state(box)
    assert second.run != first.run
    assert _status(box)["instances"] == []
    family = _family(second)
    os.kill(second.pid, signal.SIGKILL)
    _ok("down", directory=box)
    assert not box.exists()
    assert _alive(family) == []


def test_an_empty_one_is_a_bare_account(bare: Path) -> None:
    """Nothing but the base image."""
    report = _status(bare)
    assert (report["instances"], report["records"], report["databases"]) == ([], [], [])
    assert report["base_image"].startswith("ami-")
    assert not Places(bare).sources.exists()


def test_an_empty_one_has_a_server_and_a_configuration(bare: Path) -> None:
    """For a service of one's own: DEPLOY_CONFIG is there, and an admin who may make databases."""
    folder = Path(Sandbox.at(bare).environment()["DEPLOY_CONFIG"])
    assert load(folder).services == {}
    assert (folder / "ssh" / "id_ed25519").stat().st_mode & 0o777 == 0o600
    ssm = _client(bare, "ssm")
    found = ssm.get_parameter(Name=ADMIN_URL, WithDecryption=True)["Parameter"]["Value"]
    with psycopg.connect(found, autocommit=True) as session:
        may = session.execute("SELECT rolcreatedb, rolsuper FROM pg_roles WHERE rolname = USER")
        assert may.fetchone() == (True, False)


def test_the_id_of_a_zone_begins_with_z(bare: Path) -> None:
    """As on Route 53: other tools tell an id from a name by it."""
    route53 = _client(bare, "route53")
    made = route53.create_hosted_zone(Name="own.test", CallerReference="z")["HostedZone"]["Id"]
    assert made.removeprefix("/hostedzone/").startswith("Z")
    route53.delete_hosted_zone(Id=made)


def _client(directory: Path, service: str) -> Any:
    """A client of the sandbox there."""
    variables = Sandbox.at(directory).environment()
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        region_name=variables["AWS_REGION"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    )


def test_another_kind_is_refused(bare: Path) -> None:
    """up does not pretend that what runs is what was asked for."""
    for options in ((), ("--empty", "--shape", "balancer")):
        done = _run("up", *options, directory=bare)
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
        "from deployer.sandbox.control.client import Sandbox\n"
        "from deployer.sandbox.control.options import Options\n"
        "Sandbox.at(sys.argv[1]).up(Options(empty=True, owner=os.getpid()))\n"
    )
    subprocess.run([sys.executable, "-c", script, str(box)], check=True, timeout=60)
    pid = _state(box).pid
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _state(box).is_alive()


def test_the_door_opens_to_the_token_alone(bare: Path) -> None:
    """Another user of this host finds the guard port, and nothing behind it."""
    found = _state(bare)
    assert found.control_url.endswith(f":{GUARD_PORT}")
    with pytest.raises(ToolError, match="not for you"):
        ask(found.control_url, "guessed", "/reset")


def test_env_is_all_that_a_plain_boto3_needs(bare: Path) -> None:
    """The exports of `env`, eval'd by a shell that has somebody's AWS profile set."""
    exports = _ok("env", directory=bare)
    program = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    shell = f'{exports}\nexec "$0" -c "$1"'
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable, program],
        env={**os.environ, "AWS_PROFILE": "somebody"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{environment.ACCOUNT}\n", done.stderr


def test_after_env_the_commands_of_the_sandbox_find_it(bare: Path) -> None:
    """Wherever it lives: the demo ends with `env` of its own directory, then `fault`."""
    exports = _ok("env", directory=bare)
    program = Path(sys.executable).parent / "deployer"
    done = subprocess.run(
        ["sh", "-c", f'{exports}\n"$0" sandbox fault list', program],
        env={key: value for key, value in os.environ.items() if key != "SANDBOX_DIR"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) is not None


def _status(directory: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(_ok("status", "--json", directory=directory))
    return report


def _in_small(mount: str, size: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """A command that sees a file system of this size at `mount`."""
    script = f'mount -t tmpfs -o size={size} tmpfs "{mount}" && exec "$@"'
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", *argv],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a file system")
def test_a_full_disk_is_named(box: Path) -> None:
    """Not only what it broke: which command shows the disk that is full."""
    box.mkdir()
    up = (sys.executable, "-m", "deployer.sandbox", "up", "--empty", "--dir", str(box))
    failed = _in_small(str(box), "64k", *up)
    assert failed.returncode == 1, failed
    assert "did not come up: a disk is full" in failed.stderr, failed
    assert f"df -h {box}" in failed.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a file system")
def test_a_container_with_little_shared_memory_is_enough() -> None:
    """PostgreSQL wants a megabyte of /dev/shm where nobody tells it not to: many have less."""
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from deployer.sandbox.network import loopback_range\n"
        "from deployer.sandbox.postgres.server import Postgres\n"
        "server = Postgres(Path(sys.argv[1]), loopback_range.claim().database_host)\n"
        "server.begin()\ntry:\n    server.start()\nfinally:\n    server.stop()\n"
    )
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:  # tmp_path may be in /dev/shm
        server = f"{directory}/server"
        done = _in_small("/dev/shm", "1m", sys.executable, "-c", script, server)
    assert done.returncode == 0, done.stderr

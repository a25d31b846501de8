"""Asks another emulator what it thinks of the contract, and writes docs/second-opinion.md.

    .venv/bin/python scripts/second_opinion.py .second-opinion .clients

Then sends other people's clients of AWS against our own sandbox (tests/contract/test_clients.py).

The emulator gets a virtual environment of its own (it pins botocore) and listens on loopback only.
It is no dependency of the project. A rule it breaks that is not listed, or obeys though it is
listed (tests/contract/known.py), makes this exit with 1.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-second-opinion.lock"
CLIENTS = ROOT / "requirements-clients.lock"
SESSIONS = "tests/unit/reconciler/machine/ssh/via/test_session_manager.py"
"""Asks the AWS CLI, too."""
PAGE = ROOT / "docs" / "second-opinion.md"
PATIENCE = 120.0
"""Seconds that it may take to answer for the first time."""


def install(folder: Path, lock: Path = LOCK) -> Path:
    """The emulator's command, in an environment that holds exactly what its lock says.

    Of another lock the folder of its programs is the result's.
    """
    stamp = folder / lock.name
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        venv.create(folder, clear=True, with_pip=True)
        pip = [
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
        ]
        subprocess.run([*pip, "-r", str(lock)], check=True)
        stamp.write_bytes(lock.read_bytes())
    return folder / "bin" / "ministack"


def version() -> str:
    """What is locked."""
    named = (line for line in LOCK.read_text().splitlines() if line.startswith("ministack=="))
    return next(named).partition("==")[2].split()[0]


def free_port() -> int:
    """A port on loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@contextmanager
def serving(command: Path) -> Iterator[str]:
    """The emulator while it runs; its endpoint."""
    port = free_port()
    with tempfile.TemporaryDirectory() as home, (Path(home) / "log").open("wb") as log:
        keep = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
        env = keep | {"HOME": home, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
        with subprocess.Popen([command], cwd=home, env=env, stdout=log, stderr=log) as server:
            try:
                endpoint = f"http://127.0.0.1:{port}"
                wait_for(endpoint, server)
                yield endpoint
            finally:
                server.terminate()


def wait_for(endpoint: str, server: subprocess.Popen[bytes]) -> None:
    """Until it answers. Raises SystemExit when it ends or takes too long."""
    deadline = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=5):  # noqa: S310  # a constant scheme
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the emulator did not come up")


def ask(endpoint: str, more: list[str]) -> int:
    """Run the contract against it; the page is written by the plugin."""
    asked = ["-p", "tests.contract.opinion_plugin", "--opinion-of", "ministack"]
    asked += ["--opinion-version", version(), "--opinion-to", str(PAGE)]
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *asked, *more]
    env = {**os.environ, "CONTRACT_ENDPOINT": endpoint}
    return subprocess.run([*argv, "tests/contract"], cwd=ROOT, env=env, check=False).returncode


def ask_clients(folder: Path) -> int:
    """Send other people's clients of AWS against our own sandbox."""
    programs = install(folder, CLIENTS).parent
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    env = {**os.environ, "CLIENTS_BIN": str(programs)}
    argv += ["tests/contract/test_clients.py", SESSIONS]
    return subprocess.run(argv, cwd=ROOT, env=env, check=False).returncode


def main() -> None:
    """Install, start, ask."""
    folders = [Path(one).absolute() for one in sys.argv[1:3]]
    command = install(folders[0])
    with serving(command) as endpoint:
        opinion = ask(endpoint, sys.argv[3:])
    raise SystemExit(ask_clients(folders[1]) or opinion)


if __name__ == "__main__":
    main()

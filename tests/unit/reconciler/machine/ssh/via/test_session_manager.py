"""The route `ssm` by Amazon's own AWS CLI: only the API and the Session Manager plugin stand in.

Skipped where no AWS CLI is found: `CLIENTS_BIN` (`make second-opinion`), else the PATH. How the CLI
calls its plugin is the CLI's own code; what the plugin does with it is ours here: it connects.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reconciler.errors import CannotConnect
from reconciler.machine import ssh
from reconciler.machine.shell import Command
from reconciler.machine.ssh.via.proxy_command import SSM, ProxyCommandRoute
from reconciler.util.backoff import Backoff
from tests.support.proxy_commands import PUMP
from tests.support.ssh_server import SshServer, serving

AWS = shutil.which("aws", path=f"{os.environ.get('CLIENTS_BIN', '')}:{os.environ['PATH']}")
INSTANCE = "i-0d41aa07"
TOKEN = "the token of the session"
PATIENT = Backoff(deadline=60.0)
PLUGIN = (
    """\
#!{python}
import json, os, select, socket, sys
if sys.argv[1:] == ["--version"]:
    sys.exit(print("{version}"))
answer, region, action, profile, parameters, endpoint = sys.argv[1:]
session = json.loads(os.environ.get(answer, answer))
asked = json.loads(parameters)
assert (session["TokenValue"], action, region) == ("{token}", "StartSession", "eu-west-1")
open("{noted}", "w").write(str(os.getpid()))
far = socket.create_connection(("127.0.0.1", int(asked["Parameters"]["portNumber"][0])))
"""
    + PUMP
)

pytestmark = pytest.mark.skipif(AWS is None, reason="no AWS CLI is installed: make second-opinion")


@dataclass
class SessionManager:
    """Systems Manager's API: it begins a session, or says that the machine is not connected."""

    connected: bool = True
    asked: list[dict[str, object]] = field(default_factory=list)

    def answer(self, action: str, body: dict[str, object]) -> tuple[int, dict[str, str]]:
        """Status and body of one request."""
        assert action == "AmazonSSM.StartSession"
        self.asked.append(body)
        if not self.connected:
            return 400, {"__type": "TargetNotConnected", "message": f"{INSTANCE} is not connected."}
        return 200, {"SessionId": "me-1", "TokenValue": TOKEN, "StreamUrl": "wss://127.0.0.1/"}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[SshServer]:
    """The machine at the end of the route."""
    with serving(tmp_path / "machine") as server:
        yield server


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SessionManager]:
    """The API on loopback, and an environment in which the CLI finds it and nobody's account."""
    one = SessionManager()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = one.answer(self.headers["X-Amz-Target"], body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Silent."""

    assert AWS is not None
    monkeypatch.setenv("PATH", f"{tmp_path}:{Path(AWS).parent}:/usr/bin:/bin")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nobody")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", f"http://127.0.0.1:{server.server_port}")
        yield one
        server.shutdown()


def install_plugin(folder: Path, version: str) -> Path:
    """A plugin of this version; the file in which it notes its process id."""
    noted, path = folder / "pid", folder / "session-manager-plugin"
    path.write_text(PLUGIN.format(python=sys.executable, version=version, token=TOKEN, noted=noted))
    path.chmod(0o755)
    return noted


def route() -> ProxyCommandRoute:
    """As the configuration's preset makes it."""
    return ProxyCommandRoute(f"{SSM} --region eu-west-1", "ssm", "deployer doctor")


@pytest.mark.parametrize(
    "version", ["1.2.497.0", "1.2.707.0"]
)  # the answer as a word, or a variable
def test_a_session_and_a_copy(
    manager: SessionManager, machine: SshServer, tmp_path: Path, version: str
) -> None:
    """The CLI asks for the SSH document, this machine and this port; SSH inside stays pinned."""
    noted = install_plugin(tmp_path, version)
    target = replace(machine.target, host="10.0.1.9", instance=INSTANCE)
    session = ssh.connect(target, machine.host_key.public, machine.client, PATIENT, route())
    assert session.run(Command("pwd", "where")).text == str(machine.home)
    (tmp_path / "code").write_bytes(b"x" * 300_000)
    session.put(tmp_path / "code", str(machine.home / "code"))
    session.close()
    assert (machine.home / "code").stat().st_size == 300_000
    assert manager.asked == [
        {
            "Target": INSTANCE,
            "DocumentName": "AWS-StartSSHSession",
            "Parameters": {"portNumber": [str(target.port)]},
        }
    ]
    wait = Backoff(first=0.05, longest=0.05, deadline=10.0)
    assert any(not (Path("/proc") / noted.read_text()).exists() for _ in wait.attempts())


def test_a_machine_whose_agent_is_not_connected(
    manager: SessionManager, machine: SshServer, tmp_path: Path
) -> None:
    """The CLI's words are shown, with its exit code."""
    manager.connected = False
    install_plugin(tmp_path, "1.2.707.0")
    target = replace(machine.target, host="10.0.1.9", instance=INSTANCE)
    with pytest.raises(CannotConnect) as caught:
        ssh.connect(target, machine.host_key.public, machine.client, Backoff(deadline=0.0), route())
    assert "ended with exit code 25" in caught.value.message  # 255 by version 1, 254 by version 2
    assert f"(TargetNotConnected) when calling the StartSession operation: {INSTANCE}" in (
        caught.value.detail
    )

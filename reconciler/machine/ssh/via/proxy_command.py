"""The route through a command that connects its standard input and output to the machine.

As OpenSSH's ProxyCommand (ssh_config(5)). The command runs in a session of its own: Ctrl-C on the
terminal must not end it, because the undo that follows still needs the machines.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from typing import IO

from reconciler.errors import CannotConnect
from reconciler.machine.ssh.route import Stream
from reconciler.machine.ssh.target import SshTarget

ENDING_SECONDS = 2.0
"""How long a command may take to end after its connection was closed."""

SHOWN_LINES = 10
NOT_RUN = (126, 127)
"""Exit codes of sh for a command that cannot be executed, or is not found."""

SSM = (
    "aws ssm start-session --target %i --document-name AWS-StartSSHSession "
    "--parameters portNumber=%p"
)
"""Systems Manager: needs the AWS CLI, the Session Manager plugin, and the agent on the machine."""

INSTANCE_CONNECT_ENDPOINT = "aws ec2-instance-connect open-tunnel --instance-id %i --remote-port %p"
"""An EC2 Instance Connect Endpoint in the machine's VPC: needs the AWS CLI 2.12.0."""


@dataclass(frozen=True)
class ProxyCommandRoute:
    """Implements `SshRoute`. `name` is what the configuration calls it, for messages.

    In `command`, %h is the address, %p the port, %i the instance id, %% a percent sign.
    """

    command: str
    name: str = "command"
    cure: str = "run the command of ssh.command by hand"

    def open(self, target: SshTarget, seconds: float) -> ProxyStream:
        """See `SshRoute.open`."""
        del seconds  # the handshake that follows has the time limit
        return ProxyStream.started(self._filled(target))

    def _filled(self, target: SshTarget) -> str:
        values = {"%h": target.host, "%p": str(target.port), "%i": target.instance}

        def value(found: re.Match[str]) -> str:
            if found[0] == "%%":
                return "%"
            if not values[found[0]]:
                what = "address" if found[0] == "%h" else "instance id"
                raise CannotConnect(f"the machine has no {what}", kind="no-address")
            return shlex.quote(values[found[0]])

        return re.sub("%[hpi%]", value, self.command)

    def failure(self, stream: Stream, target: SshTarget) -> CannotConnect | None:
        """See `SshRoute.failure`: the command's exit code and its last lines."""
        if not isinstance(stream, ProxyStream):
            return None
        code, said = stream.ended()
        how = "has brought no answer" if code is None else f"ended with exit code {code}"
        return CannotConnect(
            f"{target}: the command of ssh.via = {self.name!r} {how}",
            kind="route" if code in NOT_RUN else "closed",
            detail=said,
            cure=self.cure,
        )


class ProxyStream(socket.socket):
    """The socket whose other end is a command's standard input and output."""

    _process: subprocess.Popen[bytes]
    _errors: IO[bytes]
    _lock: threading.Lock
    _end: tuple[int, str] | None = None

    @classmethod
    def started(cls, command: str) -> ProxyStream:
        """Run `command`. Raises OSError."""
        near, far = socket.socketpair()
        errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the stream
        with far:
            process = _begun(command, far.fileno(), errors)
        stream = cls(near.family, near.type, near.proto, near.detach())
        stream._process, stream._errors, stream._lock = process, errors, threading.Lock()
        return stream

    def ended(self) -> tuple[int | None, str]:
        """The command's exit code (None: it runs) and the last lines of its standard error."""
        with self._lock:
            if self._end is not None:
                return self._end
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(ENDING_SECONDS)
            return self._process.returncode, self._last_lines()

    def _last_lines(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return "\n".join(lines[-SHOWN_LINES:])

    def close(self) -> None:
        """Close the connection, which ends the command; one that goes on is killed.

        paramiko closes it in a thread of its own when the command ends early.
        """
        super().close()
        with self._lock:
            if self._end is not None:
                return
            try:
                code = self._process.wait(ENDING_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)  # it leads its own group
                code = self._process.wait()
            self._end = code, self._last_lines()
            self._errors.close()


def _begun(command: str, stream: int, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S602  the user's own command, as ssh runs it
        command, shell=True, stdin=stream, stdout=stream, stderr=errors, start_new_session=True
    )

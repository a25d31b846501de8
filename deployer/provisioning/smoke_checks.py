"""Checks before the cutover that the new machines answer correctly at their own addresses.

The request is what a client would send after the cutover: the record's name in Host and SNI, but
sent to the new address; from here, or from the machine itself, through its SSH session. Proxies of
the environment are not used: they would reach the old machine.
"""

from __future__ import annotations

import contextlib
import http.client
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.config.service import Smoke
from reconciler.errors import CommandFailed, CommandTimedOut, ShellError, SmokeFailed
from reconciler.machine.shell import Command, Shell
from reconciler.machine.unit_control import last_lines
from reconciler.util.backoff import Backoff
from reconciler.util.concurrency import side_by_side
from reconciler.util.humanize import count, span

BODY_LIMIT = 1 << 20
SHOWN_BODY = 5
_WIDTH = 300


@dataclass(frozen=True)
class Subject:
    """A machine to be checked; a failure shows the last log lines of `units`."""

    address: str
    shell: Shell
    units: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asking:
    """The host name to request (the record); `trust` replaces the system's CAs.

    `direct`: machines can be reached from here; else checks without `from` start on the machine:
    over its session, so that security groups and routes are not checked. `sleep` is called between
    two tries; an exception from it ends the tries.
    """

    host: str
    trust: ssl.SSLContext | None = None
    direct: bool = True
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class SmokeVerdict:
    """The result of one try: `fault` is '' on success; `shown` is printed below the message."""

    fault: str = ""
    shown: str = ""


def smoke(checks: Sequence[Smoke], subjects: Sequence[Subject], asking: Asking) -> None:
    """Run every check on every machine: machines in parallel, checks in order.

    A GET of `http` must answer `expect`, with `contains` in the body; with `tls` the certificate
    must be good for the record's name, unless `verify` is false. A command on the machine (as root)
    must exit with 0, with `contains` in its output. One try may take `timeout`.

    Raises SmokeFailed with the request, the response and the expected response, the body's first
    lines and the last lines of the machine's units; ConnectionLost if a machine disappeared.
    """

    def on_one(subject: Subject) -> None:
        for check in checks:
            _insist(check, subject, asking)

    side_by_side(subjects, on_one)


def _insist(check: Smoke, subject: Subject, asking: Asking) -> None:
    """Try until the check succeeds or the tries are used up."""
    every = check.every.total_seconds()
    backoff = Backoff(every, every, math.inf, check.tries, sleep=asking.sleep, now=asking.now)
    began = asking.now()
    verdict = SmokeVerdict()
    for _ in backoff.attempts():
        verdict = _try(check, subject, asking)
        if not verdict.fault:
            return
    raise SmokeFailed(
        f"{verdict.fault} ({count(check.tries, 'try')}, {span(asking.now() - began)})",
        detail="\n".join(part for part in (verdict.shown, _last_lines(subject)) if part),
    )


def _try(check: Smoke, subject: Subject, asking: Asking) -> SmokeVerdict:
    if check.command is not None:
        return _try_command(check, check.command, subject)
    return _try_http(check, subject, asking)


def _try_command(check: Smoke, line: str, subject: Subject) -> SmokeVerdict:
    command = Command(line, f"check `{line}`", sudo=True, timeout=check.timeout.total_seconds())
    try:
        said = subject.shell.run(command).text
    except (CommandFailed, CommandTimedOut) as error:
        return SmokeVerdict(error.message, error.detail)
    if (check.contains or "") not in said:
        wanted = f"{line} on {subject.address} did not say {check.contains!r}"
        return SmokeVerdict(wanted, _first_lines(said))
    return SmokeVerdict()


def _try_http(check: Smoke, subject: Subject, asking: Asking) -> SmokeVerdict:
    usual = check.target_port == (443 if check.tls else 80)
    inside = _from_machine(check, asking)
    address = subject.shell.host if inside else subject.address
    asked = f"GET {check.http} on {address}{'' if usual else f':{check.target_port}'}"
    asked += " from the machine" if inside else ""
    try:
        with _reached(check, subject, asking) as near:
            status, body = _get(check, near, asking)
    except (OSError, http.client.HTTPException) as error:
        return SmokeVerdict(f"{asked} {_reason(error, check, asking)}")
    if status != check.expect:
        return SmokeVerdict(f"{asked} answered {status}, wanted {check.expect}", _first_lines(body))
    if (check.contains or "") not in body:
        without = f"{asked} answered {status}, but without {check.contains!r}"
        return SmokeVerdict(without, _first_lines(body))
    return SmokeVerdict()


def _from_machine(check: Smoke, asking: Asking) -> bool:
    return (check.from_ or ("here" if asking.direct else "machine")) == "machine"


def _reached(
    check: Smoke, subject: Subject, asking: Asking
) -> contextlib.AbstractContextManager[tuple[str, int]]:
    """The (host, port) to connect to from here."""
    if _from_machine(check, asking):
        return subject.shell.forward(subject.shell.host, check.target_port)
    return contextlib.nullcontext((subject.address, check.target_port))


def _get(check: Smoke, near: tuple[str, int], asking: Asking) -> tuple[int, str]:
    """Status and body (its first MiB). Redirects are not followed: a redirect is a response."""
    timeout, port = check.timeout.total_seconds(), check.target_port
    plain = socket.create_connection(near, timeout)
    sock = _wrapped(plain, check, asking) if check.tls else plain
    connection = http.client.HTTPConnection(asking.host, port, timeout=timeout)
    connection.sock = sock
    with contextlib.closing(connection), contextlib.closing(sock), _ending(sock, timeout):
        if isinstance(sock, ssl.SSLSocket):
            sock.do_handshake()
        headers = {"Host": asking.host, "User-Agent": "deployer-smoke", "Connection": "close"}
        connection.request("GET", check.http or "/", headers=headers)
        with contextlib.closing(connection.getresponse()) as response:
            return response.status, response.read(BODY_LIMIT).decode("utf-8", "replace")


def _wrapped(plain: socket.socket, check: Smoke, asking: Asking) -> ssl.SSLSocket:
    """A TLS socket before its handshake: the handshake is under the time limit too."""
    return _context(check, asking).wrap_socket(
        plain, server_hostname=asking.host, do_handshake_on_connect=False
    )


def _context(check: Smoke, asking: Asking) -> ssl.SSLContext:
    if check.verify:
        return asking.trust or ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextlib.contextmanager
def _ending(sock: socket.socket, seconds: float) -> Iterator[None]:
    """Close the connection after `seconds` in all: a server may send single bytes forever.

    Raises TimeoutError if the limit was reached.
    """
    cut = threading.Event()

    def end() -> None:
        cut.set()
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        if cut.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()


def _reason(error: Exception, check: Smoke, asking: Asking) -> str:
    """The cause as text, most specific first."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"shows a certificate that is not good for {asking.host}: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return f"did not answer within {span(check.timeout.total_seconds())}"
    if isinstance(error, ConnectionRefusedError):
        return "was refused: nothing listens there"
    if isinstance(error, (ConnectionError, http.client.RemoteDisconnected)):
        closed = "was cut off without an answer"
        return f"{closed}, or nothing listens there" if _from_machine(check, asking) else closed
    return f"failed: {error}"


def _first_lines(body: str) -> str:
    lines = [line[:_WIDTH] for line in body.strip().splitlines()]
    return "\n".join(lines[:SHOWN_BODY])


def _last_lines(subject: Subject) -> str:
    """The journal of the machine's units; an error in reading it must not hide the failure."""
    parts = []
    for unit in subject.units:
        try:
            said = last_lines(subject.shell, unit)
        except ShellError as error:
            said = f"(cannot be read: {error})"
        parts.append(f"last lines of unit {unit} on {subject.address}:\n{said}")
    return "\n".join(parts)

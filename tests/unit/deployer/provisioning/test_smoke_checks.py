"""Smoke checks against real HTTP and HTTPS servers on loopback."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deployer.provisioning.smoke_checks import Asking, Subject, smoke
from reconciler.config.service import Smoke
from reconciler.errors import SmokeFailed
from tests.fakes.machine import FakeMachine

RECORD = "shop.example.test"
HERE = "127.0.0.1"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers from the server's table, and remembers the Host that was asked for."""

    server: Server

    def do_GET(self) -> None:
        self.server.hosts.append(self.headers["Host"])
        status, body = self.server.answers.get(self.path, (404, "none"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: Any) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    """A server of a test."""

    def __init__(self) -> None:
        super().__init__((HERE, 0), Handler)
        self.hosts: list[str] = []
        self.answers = {"/healthz": (200, "fine"), "/broken": (500, "line 1\nline 2")}

    @property
    def port(self) -> int:
        return int(self.server_address[1])


@pytest.fixture
def server() -> Iterator[Server]:
    """An HTTP server."""
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """The machine behind it, whose unit has said something."""
    machine = FakeMachine(tmp_path / "root")
    machine.flag("shop.service", "broken", "psycopg.errors.UndefinedTable")
    return machine


class Clock:
    """Time that only sleeping moves; `on_sleep` may mend the service."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def failure(check: Smoke, machine: FakeMachine, asking: Asking | None = None) -> SmokeFailed:
    """The error of a check that must fail."""
    with pytest.raises(SmokeFailed) as caught:
        smoke([check], [Subject(HERE, machine, ("shop",))], asking or Asking(RECORD))
    return caught.value


def test_a_good_answer_is_asked_in_the_records_name(server: Server, machine: FakeMachine) -> None:
    """The address is the machine's, the Host is the record's."""
    check = Smoke(http="/healthz", tries=1, contains="fine", port=server.port)
    smoke([check], [Subject(HERE, machine)], Asking(RECORD))
    assert server.hosts == [RECORD]


def test_proxies_of_the_environment_are_not_used(
    server: Server, machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would ask whom the name leads to: the old machine."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    smoke(
        [Smoke(http="/healthz", tries=1, port=server.port)],
        [Subject(HERE, machine)],
        Asking(RECORD),
    )
    assert len(server.hosts) == 1


def test_a_wrong_status_says_all_there_is_to_know(server: Server, machine: FakeMachine) -> None:
    """What was asked, what came, what was wanted, how often; the body and the unit's last lines."""
    clock = Clock()
    check = Smoke(http="/broken", port=server.port, tries=5, every=dt.timedelta(seconds=7.5))
    error = failure(check, machine, Asking(RECORD, sleep=clock.sleep, now=clock.now))
    asked = f"GET /broken on {HERE}:{server.port}"
    assert error.message == f"{asked} answered 500, wanted 200 (5 tries, 30s)"
    assert error.detail == (
        f"line 1\nline 2\nlast lines of unit shop on {HERE}:\npsycopg.errors.UndefinedTable"
    )
    assert clock.slept == [7.5] * 4


def test_an_answer_that_comes_good_is_good(server: Server, machine: FakeMachine) -> None:
    """Starting takes its time: a later try counts."""

    def mend(_seconds: float) -> None:
        server.answers["/late"] = (204, "")

    check = Smoke(http="/late", expect=204, port=server.port)
    smoke([check], [Subject(HERE, machine)], Asking(RECORD, sleep=mend))
    assert len(server.hosts) == 2


def test_a_missing_word_fails_a_good_status(server: Server, machine: FakeMachine) -> None:
    """200 with the wrong page is a failure."""
    check = Smoke(http="/healthz", tries=1, contains="v1.5.0", port=server.port)
    assert "answered 200, but without 'v1.5.0' (1 try" in failure(check, machine).message


def test_nobody_listening_is_said(machine: FakeMachine) -> None:
    """Refused is not a time-out."""
    with socket.create_server((HERE, 0)) as probe:
        port = probe.getsockname()[1]
    check = Smoke(http="/", tries=1, port=port)
    assert "was refused: nothing listens there" in failure(check, machine).message


@pytest.mark.parametrize("drip", [b"", b"H"])
def test_a_try_ends_by_the_wall_clock(machine: FakeMachine, drip: bytes) -> None:
    """Silence, and a server that says a byte now and then: given up after the time-out."""
    stop = threading.Event()
    with socket.create_server((HERE, 0)) as slow:

        def serve() -> None:
            with slow.accept()[0] as peer:
                while not stop.wait(0.05):
                    try:
                        peer.sendall(drip)
                    except OSError:
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        error = failure(
            Smoke(http="/", tries=1, port=slow.getsockname()[1], timeout=dt.timedelta(seconds=0.4)),
            machine,
        )
        stop.set()
        thread.join(5)
    assert "did not answer within 0.4s" in error.message


def test_a_command_must_end_well(machine: FakeMachine) -> None:
    """Its status, or a word it must say; the message has the command."""
    good = Smoke(command="echo ready", tries=1, contains="ready")
    smoke([good], [Subject(HERE, machine)], Asking(RECORD))
    assert "ended with 3" in failure(Smoke(command="exit 3", tries=1), machine).message
    silent = Smoke(command="echo no", tries=1, contains="ready")
    assert "did not say 'ready'" in failure(silent, machine).message


def test_every_machine_is_checked(server: Server, machine: FakeMachine, tmp_path: Path) -> None:
    """One good machine does not speak for the other."""
    other = FakeMachine(tmp_path / "other", host="10.0.1.18")
    machine.write("/etc/ready", "")
    with pytest.raises(SmokeFailed) as caught:
        smoke(
            [
                Smoke(http="/healthz", tries=1, port=server.port),
                Smoke(command="test -e /etc/ready", tries=1),
            ],
            [Subject(HERE, machine), Subject(HERE, other)],
            Asking(RECORD),
        )
    assert "check `test -e /etc/ready` on 10.0.1.18" in caught.value.message
    assert len(server.hosts) == 2


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for `name`, on any day, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(9999, 12, 31, tzinfo=dt.UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, private = folder / f"{name}.crt", folder / f"{name}.key"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert, private


@pytest.mark.parametrize(
    ("certified", "verify", "why"),
    [
        (RECORD, True, ""),
        ("other.example.test", True, f"not good for {RECORD}"),
        ("other.example.test", False, ""),
    ],
)
def test_tls_is_checked_against_the_records_name(
    server: Server, machine: FakeMachine, tmp_path: Path, certified: str, verify: bool, why: str
) -> None:
    """SNI and certificate are the record's, although the address is asked."""
    cert, key = certificate(tmp_path, certified)
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.sni_callback = lambda _sock, name, _context: names.append(name)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    trust = ssl.create_default_context(cafile=str(cert))
    check = Smoke(http="/healthz", tries=1, port=server.port, tls=True, verify=verify)
    if why:
        assert why in failure(check, machine, Asking(RECORD, trust)).message
    else:
        smoke([check], [Subject(HERE, machine)], Asking(RECORD, trust))
    assert names == [RECORD]


class Forwarding(FakeMachine):
    """A machine whose own address is reached through its session alone."""

    def forward(self, host: str, port: int) -> contextlib.AbstractContextManager[tuple[str, int]]:
        self.asked = (host, port)
        return contextlib.nullcontext((HERE, self.leads_to))

    leads_to = 0
    asked = ("", 0)


def from_machine(path: str) -> Smoke:
    """A check that says so itself."""
    return Smoke.model_validate({"http": path, "port": 8080, "tries": 1, "from": "machine"})


def test_from_the_machine_itself(server: Server, tmp_path: Path) -> None:
    """The request passes through the session, to the machine's own address, with the same Host."""
    machine = Forwarding(tmp_path)
    machine.leads_to = server.port
    check = Smoke(http="/healthz", port=8080, tries=1)
    smoke([check], [Subject("203.0.113.9", machine)], Asking(RECORD, direct=False))
    assert machine.asked == (machine.host, 8080)
    assert server.hosts == [RECORD]
    with pytest.raises(SmokeFailed, match="from the machine answered 500"):
        smoke([from_machine("/broken")], [Subject("", machine)], Asking(RECORD))


def test_nothing_listens_on_the_machine(tmp_path: Path) -> None:
    """A forward that leads nowhere is closed at once: the message says what that may mean."""
    with socket.create_server((HERE, 0)) as closing:
        machine = Forwarding(tmp_path)
        machine.leads_to = closing.getsockname()[1]

        def hang_up() -> None:
            closing.accept()[0].close()

        accepted = threading.Thread(target=hang_up)
        accepted.start()
        with pytest.raises(SmokeFailed, match="or nothing listens there"):
            smoke([from_machine("/")], [Subject("", machine)], Asking(RECORD))
        accepted.join()

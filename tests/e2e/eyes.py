"""What the end-to-end tests look at beyond `tests.company`: machines, roles, DNS, requests, argv.

Independent of the product's inside, as `tests.company` is: paramiko with the key from the tag, a
role's own INSERT, a DNS question, the sandbox's journal of requests, `/proc`.
"""

from __future__ import annotations

import base64
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import paramiko
import psycopg
from dnslib import DNSRecord

from deployer.sandbox.faults import FaultClient
from tests.company import RECORD, Company, Json, ask

SSH_PORT = 2222
_TIME = "%Y%m%dT%H%M%SZ"
LEDGER_NAME = "shop._deploy.example.test"


# The ledger, as anybody with `dig` may read it.


def ask_dns(company: Company, name: str, kind: str) -> tuple[str, ...]:
    """The answers of the sandbox's name server, in zone file form."""
    host, _, port = str(company.sandbox.status()["dns"]).partition(":")
    reply = DNSRecord.question(name, kind).send(host, int(port), timeout=10)
    return tuple(str(one.rdata) for one in DNSRecord.parse(reply).rr)


@dataclass(frozen=True)
class Said:
    """The words of a ledger, parsed by its published form alone."""

    gen: int
    live: str = ""
    at: tuple[str, ...] = ()
    previous: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    lease: str = ""


def read_ledger(text: str) -> Said:
    """Parse `"v=1 gen=41" "live=<id> at=…" …`. Fails for anything else."""
    strings = re.findall(r'"([^"]*)"', text)
    head = re.fullmatch(r"v=1 gen=(\d+)", strings[0])
    assert head, text
    rows = [one.split(" ") for one in strings[1:]]
    named = [(row[0].partition("=")[0], row[0].partition("=")[2], row[1:]) for row in rows]
    assert {word for word, _, _ in named} <= {"live", "previous", "kept", "lease"}, text
    live, rest = next(((id_, more) for word, id_, more in named if word == "live"), ("", [""]))
    at = next((one.removeprefix("at=") for one in rest if one.startswith("at=")), "")
    return Said(
        gen=int(head[1]),
        live=live,
        at=tuple(at.split(",")) if at else (),
        previous=tuple(id_ for word, id_, _ in named if word == "previous"),
        rejected=tuple(id_ for word, id_, more in named if "rejected" in more),
        kept=tuple(id_ for word, id_, _ in named if word == "kept"),
        lease=next((id_ for word, id_, _ in named if word == "lease"), ""),
    )


def said(company: Company) -> Said:
    """The ledger as it stands."""
    return read_ledger(company.ledger())


def change_record(company: Company, name: str, kind: str, values: list[str], ttl: int = 60) -> None:
    """UPSERT a record set as people do in the console."""
    _change(company, "UPSERT", name, kind, values, ttl)


def delete_record(company: Company, name: str, kind: str, ttl: int = 60) -> None:
    """Delete a record set."""
    _change(company, "DELETE", name, kind, list(company.records()[name, kind]), ttl)


def _change(
    company: Company, action: str, name: str, kind: str, values: list[str], ttl: int
) -> None:
    route53 = company.aws("route53")
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    records = [{"Value": one} for one in values]
    record = {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": records}
    route53.change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]},
    )


def let_time_pass(company: Company, words: str = "retired", minutes: int = 60) -> None:
    """Make what the ledger dates (`retired=`, or `until=`) so much older, as a later day would.

    The rules about time stay as they are; only the night that a test cannot wait for is made up.
    The generation rises, as with every change.
    """

    def older(found: re.Match[str]) -> str:
        when = datetime.strptime(found[2], _TIME) - timedelta(minutes=minutes)  # noqa: DTZ007
        return f"{found[1]}={when.strftime(_TIME)}"

    text = company.ledger()
    aged = re.sub(rf"\b({words})=(\d{{8}}T\d{{6}}Z)", older, text)
    assert aged != text, text
    gen = int(re.findall(r"gen=(\d+)", text)[0])
    aged = aged.replace(f"gen={gen}", f"gen={gen + 1}")
    change_record(company, LEDGER_NAME, "TXT", [aged])


_STUCK = {
    "code": ("^install = .*", 'install = ["sleep 300"]'),
    "migrate": ("^migrate  = .*", 'migrate = ["sleep 300"]'),
}
"""What keeps a release in a step: a moment later its deployer is in no other one."""


def die_in(company: Company, step: str, ref: str = "v1.5.0") -> str:
    """A release whose deployer is killed in `step`; returns the id that still holds the lease.

    In `code` there are machines and an image; in `migrate` also a database, and live's is shut.
    """
    before = company.service_file().read_text()
    company.configure(*_STUCK[step])
    with company.releasing(ref) as release:
        release.wait_for_step(step)
        release.send(signal.SIGKILL)
        release.finish()
    company.service_file().write_text(before)
    dead = said(company).lease
    assert dead
    return dead


def resources_of(company: Company, deploy: str) -> set[str]:
    """Ids of the resources that carry a deploy's id."""
    named = [{"Name": "tag:deploy-id", "Values": [deploy]}]
    return {one["ResourceId"] for one in company.aws("ec2").describe_tags(Filters=named)["Tags"]}


# Databases, as the service's own role meets them.


def takes_writes(company: Company, database: str, role: str = "shop") -> bool:
    """Whether the application's role may place orders there.

    An INSERT of no rows is refused all the same, and leaves no trace in the statistics.
    """
    with psycopg.connect(company.admin_url(database)) as connection:
        try:
            connection.execute(f"SET ROLE {role}")
            connection.execute("INSERT INTO orders (item) SELECT 'try' WHERE false")
        except psycopg.errors.InsufficientPrivilege:
            return False
        finally:
            connection.rollback()
    return True


def writable(company: Company) -> list[str]:
    """The databases that take writes."""
    return [one for one in company.databases() if takes_writes(company, one)]


def beats(company: Company, database: str) -> dict[str, int]:
    """How often the worker of each machine has written: host → number."""
    with psycopg.connect(company.admin_url(database)) as connection:
        rows = connection.execute("SELECT host, count(*) FROM worker_beats GROUP BY host")
        return {str(host): int(number) for host, number in rows.fetchall()}


def fill(company: Company, rows: int, database: str = "shop") -> None:
    """Orders enough that a copy takes its time."""
    with psycopg.connect(company.admin_url(database)) as connection:
        connection.execute(
            "INSERT INTO orders (item, quantity) "
            "SELECT repeat('tea', 20), 1 FROM generate_series(1, %s::int)",
            [rows],
        )


def place_order(company: Company) -> int:
    """Place an order as a client does; returns its number once it is acknowledged."""
    status, answer = ask(company.pointed_at()[0], "/orders", b"{}")
    assert status == 201, answer
    return int(answer["id"])


# Machines.


def instance_at(company: Company, address: str) -> Json:
    """The machine that holds an address."""
    [found] = [one for one in company.instances() if one["PrivateIpAddress"] == address]
    return found


def live_instance(company: Company) -> Json:
    """The machine at the record's address."""
    [address] = company.pointed_at()
    return instance_at(company, address)


def on_machine(company: Company, instance: Json, command: str) -> str:
    """What a command prints on a machine, asked over SSH with its pinned host key."""
    key_type, public = _host_key(company, instance)
    address = instance["PrivateIpAddress"]
    with paramiko.SSHClient() as client:
        client.get_host_keys().add(f"[{address}]:{SSH_PORT}", key_type, public)
        client.connect(
            address,
            SSH_PORT,
            "ubuntu",
            key_filename=str(company.service_file().parent.parent / "ssh" / "id_ed25519"),
            look_for_keys=False,
            allow_agent=False,
        )
        _, out, err = client.exec_command(command, timeout=60)
        text = out.read().decode() + err.read().decode()
        assert out.channel.recv_exit_status() == 0, (command, text)
        return text


def _host_key(company: Company, instance: Json) -> tuple[str, paramiko.PKey]:
    """From the tag of a deploy's machine, else from the console of one that was there before."""
    text = company.tags(instance["InstanceId"]).get("deploy-host-key", "")
    if not text:
        output = company.sandbox.logs(instance["InstanceId"])
        found = re.search(r"^ssh-ed25519 \S+", output, re.MULTILINE)
        assert found, output
        text = found.group()
    kind, public = text.split()[:2]
    return kind, paramiko.Ed25519Key(data=base64.b64decode(public))


def is_active(company: Company, instance: Json, unit: str) -> bool:
    """Whether a unit runs on a machine."""
    return on_machine(company, instance, f"systemctl is-active {unit} || true").strip() == "active"


# What was asked of the cloud.


@dataclass
class Journal:
    """The requests since it was begun."""

    company: Company
    _from: int = 0

    def __post_init__(self) -> None:
        entries = self._client.requests()
        self._from = entries[-1]["seq"] if entries else 0

    @property
    def _client(self) -> FaultClient:
        return FaultClient(self.company.sandbox.endpoint)

    def actions(self) -> list[str]:
        """The actions that were asked for, in order."""
        return [one["action"] for one in self._client.requests(self._from)]

    def mutations(self) -> list[str]:
        """Those that change something."""
        return [one["action"] for one in self._client.requests(self._from) if one["mutating"]]


# What can be seen of a process from outside.


@dataclass
class Argv:
    """The command lines of every process on this host while `watching`."""

    seen: set[str] = field(default_factory=set)

    @contextmanager
    def watching(self) -> Iterator[Argv]:
        """Look through /proc all the time while the body runs."""
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(stop,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            thread.join()

    def _watch(self, stop: threading.Event) -> None:
        while not stop.wait(0.005):
            for one in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(one.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue  # it has ended

    def with_word(self, word: str) -> list[str]:
        """The command lines that contain a word."""
        return [one for one in self.seen if word in one]


def wait_for(condition: Callable[[], bool], what: str, limit: float = 60) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"waited {limit} s: {what}"
        time.sleep(0.1)


def record_ttl(company: Company) -> int:
    """The TTL of the A record."""
    route53 = company.aws("route53")
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    sets = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    [ttl] = [one["TTL"] for one in sets if one["Name"] == f"{RECORD}." and one["Type"] == "A"]
    return int(ttl)

"""The company of the sandbox as a test drives it: its commands, its traffic, and what is left.

Everything goes through the real door: the installed commands in processes of their own, HTTP to
the address the record names, boto3 and psycopg for what is there. Nothing here knows the product's
inside, so that what it finds is what a sceptical user would find.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Protocol, Self

import boto3
import psycopg
import psycopg.sql
from dnslib import DNSRecord

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.network import name_server
from tests.support.answers import OTHER_GRAMMAR, check_output

RECORD = "shop.example.test"
LEDGER = "shop._deploy.example.test"
LEDGER_TIME = "%Y%m%dT%H%M%SZ"
PORT = 8080

Json = dict[str, Any]

OTHER_PRODUCT = os.environ.get("PRODUCT_BIN", "")
"""The folder of the commands to test where they are another version's (CONTRIBUTING); else ''."""

TRUSTING = ("--yes",) if OTHER_PRODUCT else ("--yes", "--trust-shown-key")
"""How a test adopts: nobody else answers at a sandbox's addresses. Older versions never asked."""


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[Json]:
        """The lines of a `--json` stream."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]

    def __str__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


@dataclass(frozen=True)
class Change:
    """CREATE, DELETE or UPSERT a record set; the ledger's unless it is said."""

    action: str
    values: Sequence[str]
    name: str = LEDGER
    kind: str = "TXT"
    ttl: int = 60

    @property
    def as_aws(self) -> Json:
        """As Route 53 wants it."""
        values = [{"Value": one} for one in self.values]
        record = {"Name": self.name, "Type": self.kind, "TTL": self.ttl, "ResourceRecords": values}
        return {"Action": self.action, "ResourceRecordSet": record}


class Process(Protocol):
    """What is used of a `subprocess.Popen[str]`."""

    @property
    def stdout(self) -> IO[str] | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def communicate(
        self,
        input: None = None,  # noqa: A002 -- the name it has there
        timeout: float | None = None,
    ) -> tuple[str, str]: ...
    def send_signal(self, sig: int) -> None: ...
    def kill(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *error: Any) -> None: ...


@dataclass
class Running:
    """A command under way whose JSON events are read as they come."""

    process: Process
    events: list[Json] = field(default_factory=list)

    def wait_for_step(self, step: str, kind: str = "step-began") -> None:
        """Read until `step` has begun (or ended: `kind`). Fails if the command ends before."""
        self.wait_for(kind, step=step)

    def wait_for(self, kind: str, **values: str) -> None:
        """Read until an event of that kind with these values. Fails if the command ends before."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            self.events.append(event)
            if event["type"] == kind and values.items() <= event.items():
                return
        raise AssertionError(f"ended before {kind} {values}: {self.finish()}")

    def send(self, signum: signal.Signals) -> None:
        """Send a signal to the command alone."""
        self.process.send_signal(signum)

    def finish(self, timeout: float = 120) -> Done:
        """Read to its end. The result holds the whole stream, what was read before too."""
        assert self.process.stdout is not None
        self.events += [json.loads(line) for line in self.process.stdout]
        _, err = self.process.communicate(timeout=timeout)
        return Done(
            self.process.wait(), "".join(f"{json.dumps(one)}\n" for one in self.events), err
        )


@dataclass
class Company:
    """The sandbox's company, driven as its people would."""

    sandbox: Sandbox

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a client of the sandbox."""
        return self.sandbox.process_environment()

    def command(self, tool: str, *words: str) -> list[str]:
        """The command line of `deployer` or `reconciler`."""
        return [str(Path(OTHER_PRODUCT or Path(sys.executable).parent) / tool), *words]

    def run(self, tool: str, *words: str, env: Mapping[str, str] | None = None) -> Done:
        """Run a command to its end."""
        with self.start(self.command(tool, *words), {**self.environment, **(env or {})}) as process:
            try:
                out, err = process.communicate(timeout=170)
            finally:
                if process.poll() is None:
                    process.kill()
        done = Done(process.wait(), out, err)
        if done.code >= 0 and "--json" in words and not OTHER_PRODUCT:
            _check_answers(words, out)
        return done

    def start(self, command: Sequence[str], env: Mapping[str, str]) -> Process:
        """Begin a command."""
        return subprocess.Popen(
            command,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def deployer(self, *words: str) -> Done:
        """`deployer …`."""
        return self.run("deployer", *words)

    def reconciler(self, *words: str) -> Done:
        """`reconciler …`."""
        return self.run("reconciler", *words)

    def ok(self, tool: str, *words: str) -> Done:
        """A command that must succeed."""
        done = self.run(tool, *words)
        assert done.code == 0, done
        return done

    def adopt(self) -> None:
        """Bring the live v1 under a ledger."""
        self.ok("deployer", "adopt", "shop", *TRUSTING, "--release", "v1.4.2")

    def up(self, ref: str = "v1.5.0", *words: str) -> Done:
        """Release, successfully."""
        return self.ok("deployer", "up", "shop", "--ref", ref, *words)

    @contextmanager
    def releasing(self, ref: str = "v1.5.0", *words: str) -> Iterator[Running]:
        """`deployer up --json` in the background; killed at the end if it still runs."""
        command = self.command("deployer", "up", "shop", "--ref", ref, "--json", *words)
        process = self.start(command, self.environment)
        with process:  # closes its streams, also those of a killed one
            try:
                yield Running(process)
            finally:
                if process.poll() is None:
                    process.kill()

    def configure(self, change: str, to: str, service: str = "shop") -> None:
        """Replace a line of the service's configuration; `change` must match exactly once."""
        path = self.service_file(service)
        text, count = re.subn(change, to, path.read_text(), flags=re.MULTILINE)
        assert count == 1, (change, count)
        tomllib.loads(text)
        path.write_text(text)

    def look_often(self, tries: int) -> None:
        """Let the smoke test look five times a second, and at most so often."""
        self.configure(r"^tries  = 5$", f"tries  = {tries}")
        self.configure(r'^every  = "1s"$', 'every  = "200ms"')

    def append(self, text: str, service: str = "shop") -> None:
        """Add to the end of the service's configuration."""
        path = self.service_file(service)
        path.write_text(f"{path.read_text()}\n{text}\n")

    def service_file(self, service: str = "shop") -> Path:
        """The service's configuration file."""
        return Path(self.environment["DEPLOY_CONFIG"]) / "services" / f"{service}.toml"

    # What is there, by plain boto3 and psycopg.

    def aws(self, service: str) -> Any:
        """A plain boto3 client of the sandbox."""
        env = self.sandbox.environment()
        return _client(
            service,
            env["AWS_ENDPOINT_URL"],
            env["AWS_REGION"],
            env["AWS_ACCESS_KEY_ID"],
            env["AWS_SECRET_ACCESS_KEY"],
        )

    def zone_id(self) -> str:
        """The id of the company's hosted zone."""
        return str(self.aws("route53").list_hosted_zones()["HostedZones"][0]["Id"])

    def change_records(self, *changes: Change) -> None:
        """Change record sets as anybody with the console may: in one batch, all or none."""
        batch = [one.as_aws for one in changes]
        self.aws("route53").change_resource_record_sets(
            HostedZoneId=self.zone_id(), ChangeBatch={"Changes": batch}
        )

    def records(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """The zone's records: (name, type) → values."""
        answer = self.aws("route53").list_resource_record_sets(HostedZoneId=self.zone_id())
        sets = answer["ResourceRecordSets"]
        return {
            (one["Name"].rstrip("."), one["Type"]): tuple(
                value["Value"] for value in one.get("ResourceRecords", ())
            )
            for one in sets
        }

    def pointed_at(self) -> tuple[str, ...]:
        """The addresses in the A record."""
        return self.records()[RECORD, "A"]

    def ledger(self) -> str:
        """The ledger's text; '' where there is none."""
        return next(iter(self.records().get((LEDGER, "TXT"), ())), "")

    def instances(self) -> list[Json]:
        """The instances that are not terminated."""
        found = self.aws("ec2").describe_instances()["Reservations"]
        every = [one for reservation in found for one in reservation["Instances"]]
        return [one for one in every if one["State"]["Name"] != "terminated"]

    def resources(self) -> dict[str, set[str]]:
        """Ids of everything that could leak, by kind; base images and their snapshots too."""
        ec2 = self.aws("ec2")
        owned = {"Owners": ["self"]}
        return {
            "instance": {one["InstanceId"] for one in self.instances()},
            "volume": {one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]},
            "network-interface": {
                one["NetworkInterfaceId"]
                for one in ec2.describe_network_interfaces()["NetworkInterfaces"]
            },
            "image": {one["ImageId"] for one in ec2.describe_images(**owned)["Images"]},
            "snapshot": {
                one["SnapshotId"] for one in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
            },
            "database": set(self.databases()),
        }

    def tags(self, id_: str) -> dict[str, str]:
        """The tags of a thing."""
        found = self.aws("ec2").describe_tags(Filters=[{"Name": "resource-id", "Values": [id_]}])
        return {one["Key"]: one["Value"] for one in found["Tags"]}

    def admin_url(self, database: str = "") -> str:
        """The admin's URL of the database server, for one database."""
        parameter = self.aws("ssm").get_parameter(Name="/shop/db-admin-url", WithDecryption=True)
        url: str = parameter["Parameter"]["Value"]
        return re.sub(r"/[^/]*$", f"/{database}", url) if database else url

    def databases(self) -> list[str]:
        """The shop's databases on the server."""
        with psycopg.connect(self.admin_url()) as connection:
            rows = connection.execute(
                "SELECT datname FROM pg_database "
                "WHERE datname LIKE 'shop%' AND datallowconn ORDER BY 1"
            )
            return [row[0] for row in rows]

    def rows(self, database: str, table: str = "orders") -> set[int]:
        """The ids in a table."""
        with psycopg.connect(self.admin_url(database)) as connection:
            query = psycopg.sql.SQL("SELECT id FROM {}").format(psycopg.sql.Identifier(table))
            return {row[0] for row in connection.execute(query).fetchall()}

    def get(self, path: str = "/healthz", address: str = "", body: bytes | None = None) -> Json:
        """Ask the shop at the record's address (or another); with a body it is a POST."""
        status, answer = ask(address or self.pointed_at()[0], path, body)
        assert status == 200, (status, answer)
        return answer

    def version(self) -> str:
        """The version that serves at the record's address."""
        return str(self.get()["version"])


def older(text: str, words: str = "retired", by: timedelta = timedelta(hours=1)) -> str:
    """A ledger's text with the times after `words` so much earlier."""

    def earlier(found: re.Match[str]) -> str:
        when = datetime.strptime(found[2], LEDGER_TIME) - by  # noqa: DTZ007
        return f"{found[1]}={when.strftime(LEDGER_TIME)}"

    return re.sub(rf"\b({words})=(\d{{8}}T\d{{6}}Z)", earlier, text)


@lru_cache(maxsize=32)
def _client(service: str, endpoint: str, region: str, key: str, secret: str) -> Any:
    """Made once: a client is safe for threads, and making one costs more than most calls."""
    session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region)
    return session.client(service, endpoint_url=endpoint)  # type: ignore[call-overload]


def ask(address: str, path: str, body: bytes | None = None) -> tuple[int, Json]:
    """Status and JSON of an answer; status 0 if nobody answers."""
    url = f"http://{address}:{PORT}{path}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, data=body, timeout=10) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read() or b"{}")
    except OSError as error:
        return 0, {"error": str(error)}


@dataclass
class Witness:
    """Clients of the service: one asks all the time, one places orders and remembers the answers.

    They look the record up anew for every request, as a client with a very short cache would, and
    wait `every` seconds between two.
    """

    company: Company
    every: float = 0.1
    asked: int = 0
    errors: list[str] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)
    refused: int = 0

    @contextmanager
    def watching(self, *, writing: bool = True) -> Iterator[Witness]:
        """Clients run while the body does."""
        stop = threading.Event()
        works = [self._read, self._write] if writing else [self._read]
        threads = [
            threading.Thread(target=self._loop, args=(work, stop), daemon=True) for work in works
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _loop(self, work: Any, stop: threading.Event) -> None:
        while not stop.wait(self.every):
            try:
                work()
            except Exception as error:  # noqa: BLE001  a witness reports, whatever it was
                self.errors.append(f"witness: {error!r}")

    def _address(self) -> str:
        """By the name server, which costs less than the API and uses up no fault."""
        host = self.company.sandbox.state().dns
        reply = DNSRecord.parse(
            DNSRecord.question(RECORD, "A").send(host, name_server.PORT, timeout=10)
        )
        return str(reply.rr[0].rdata)

    def _read(self) -> None:
        address = self._address()
        status, answer = ask(address, "/healthz")
        self.asked += 1
        if status != 200:
            self.errors.append(f"{time.strftime('%X')} {address} {status} {answer}")

    def _write(self) -> None:
        status, answer = ask(self._address(), "/orders", b"{}")
        if status == 201:
            self.acknowledged.add(int(answer["id"]))
        else:
            self.refused += 1


def kill_group(processes: Sequence[subprocess.Popen[str]]) -> None:
    """SIGKILL, for what must not survive a test."""
    for one in processes:
        if one.poll() is None:
            os.kill(one.pid, signal.SIGKILL)


def _check_answers(words: Sequence[str], out: str) -> None:
    """Whatever a test asks for, and in whichever state: the answer is as its schema says."""
    if not set(words) & set(OTHER_GRAMMAR):
        check_output(out)

"""What end-to-end tests look at beyond `tests.support.company`: machines, roles, requests, argv.

Independent of the product's inside, as `tests.support.company` is: paramiko with the key from the
tag, a role's own statement, the sandbox's journal of requests, `/proc`.
"""

from __future__ import annotations

import base64
import json
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paramiko
import psycopg

from deployer.sandbox.faults import FaultClient
from tests.e2e.zone import said
from tests.support.company import Company, Json, ask

SSH_PORT = 2222


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


def instance_at(company: Company, address: str) -> Json:
    """The machine that holds an address, private or public."""
    keys = ("PrivateIpAddress", "PublicIpAddress")
    [found] = [one for one in company.instances() if address in map(one.get, keys)]
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
    """From the tag of a deploy's machine, else from the console of one that was there before.

    A test notes the tag as `HostKey` where it goes meanwhile.
    """
    noted = instance.get("HostKey", "")
    text = noted or company.tags(instance["InstanceId"]).get("deploy-host-key", "")
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
        return self.company.sandbox.faults()

    def actions(self) -> list[str]:
        """The actions that were asked for, in order."""
        return [one["action"] for one in self._client.requests(self._from)]

    def mutations(self) -> list[str]:
        """Those that change something."""
        return [one["action"] for one in self._client.requests(self._from) if one["mutating"]]


def wait_for(condition: Callable[[], bool], what: str, limit: float = 60) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"waited {limit} s: {what}"
        time.sleep(0.1)


def has(text: str, *words: str) -> None:
    """Every word stands in the text."""
    missing = [one for one in words if one not in text]
    assert not missing, f"missing {missing} in:\n{text}"


def answer_of(company: Company, code: int, tool: str, *words: str) -> Any:
    """The one JSON object a command answers with."""
    done = company.run(tool, *words, "--json")
    assert done.code == code, done
    return json.loads(done.out)

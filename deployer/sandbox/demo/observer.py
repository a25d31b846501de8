"""The actual state, read from the cloud and the database directly, not from our own commands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
import psycopg

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.demo.clients import ServiceAddress, ask
from deployer.sandbox.demo.stage import SERVICE

_PREVIOUS = re.compile(r'"previous=(\S+) ')
_LEASE = re.compile(r'"lease=(\S+) until=(\S+) step=(\S+)"')


@dataclass(frozen=True)
class Observer:
    """The sandbox as an outside observer sees it."""

    sandbox: Sandbox

    def where(self) -> ServiceAddress:
        """How clients find the service."""
        host, _, port = str(self.sandbox.status()["dns"]).partition(":")
        return ServiceAddress(f"{SERVICE}.example.test", host, int(port))

    @property
    def balanced(self) -> bool:
        """Whether the service is behind a load balancer."""
        return bool(self.sandbox.status()["balancers"])

    def led_to(self) -> str:
        """The address in the record, or the target groups that get the balancer's requests."""
        weights = self._weights()
        found = [name for name, weight in weights.items() if weight]
        return ", ".join(found) if weights else self.where().address()

    def drained(self) -> bool:
        """Whether the balancer names no group but those that get requests."""
        return all(self._weights().values())

    def _weights(self) -> dict[str, int]:
        """Weight by target group."""
        listeners = (one for b in self.sandbox.status()["balancers"] for one in b["listeners"])
        return {name: n for one in listeners for name, n in one["weights"].items()}

    def lease(self) -> tuple[datetime, str] | None:
        """The end of the present lease, and its step; None without a lease."""
        found = _LEASE.search(self._ledger())
        if found is None:
            return None
        until = datetime.strptime(found[2], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return until, found[3]

    def lease_has_run_out(self) -> bool:
        """Whether no unexpired lease exists."""
        lease = self.lease()
        return lease is None or datetime.now(UTC) > lease[0]

    def newest_previous(self) -> str:
        """The deploy that was replaced last."""
        found = _PREVIOUS.search(self._ledger())
        return found[1] if found else ""

    def live_database(self) -> str:
        """The database that the machine at the record's address uses."""
        _, answer = ask(self.where().address(), "GET", "/healthz")
        return str(answer["database"])

    def counts(self) -> dict[str, int]:
        """The number of resources of each kind."""
        ec2 = self._client("ec2")
        instances = [
            one
            for reservation in ec2.describe_instances()["Reservations"]
            for one in reservation["Instances"]
            if one["State"]["Name"] != "terminated"
        ]
        groups = self._client("elbv2").describe_target_groups()["TargetGroups"]
        return {
            "instances": len(instances),
            "volumes": len(ec2.describe_volumes()["Volumes"]),
            "images": len(ec2.describe_images(Owners=["self"])["Images"]),
            "snapshots": len(ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]),
            "databases": len(self.databases()),
            **({"target groups": len(groups)} if groups else {}),
        }

    def databases(self) -> list[str]:
        """The service's databases on the server."""
        with psycopg.connect(self._admin()) as connection:
            query = (
                "SELECT datname FROM pg_database WHERE datname LIKE %s AND datallowconn ORDER BY 1"
            )
            return [str(row[0]) for row in connection.execute(query, (f"{SERVICE}%",))]

    def writable(self, database: str) -> bool:
        """Whether the application may write orders in `database`."""
        with psycopg.connect(self._admin(database)) as connection:
            query = "SELECT has_table_privilege(%s, 'orders', 'INSERT')"
            row = connection.execute(query, (SERVICE,)).fetchone()
            return bool(row and row[0])

    def orders(self, database: str) -> set[int]:
        """The orders in a database."""
        with psycopg.connect(self._admin(database)) as connection:
            return {int(row[0]) for row in connection.execute("SELECT id FROM orders")}

    def _ledger(self) -> str:
        texts = [
            value
            for record in self.sandbox.status()["records"]
            if record["type"] == "TXT" and record["name"].startswith(f"{SERVICE}._deploy.")
            for value in record["values"]
        ]
        return texts[0] if texts else ""

    def _admin(self, database: str = "") -> str:
        name = f"/{SERVICE}/db-admin-url"
        answer = self._client("ssm").get_parameter(Name=name, WithDecryption=True)
        url = str(answer["Parameter"]["Value"])
        return re.sub(r"/[^/]*$", f"/{database}", url) if database else url

    def _client(self, service: str) -> Any:
        env = self.sandbox.environment()
        session = boto3.Session(
            aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
            region_name=env["AWS_REGION"],
        )
        return session.client(service, endpoint_url=env["AWS_ENDPOINT_URL"])  # type: ignore[call-overload]

"""The company that is soaked, and what is really there, asked of AWS and PostgreSQL alone.

What we ask for ourselves goes by the sandbox's operator: it meets no fault and uses none up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import boto3
import psycopg
from botocore.config import Config

from deployer.sandbox.aws.http.wsgi_middleware import OPERATOR
from reconciler.exit_codes import Exit
from tests.crash.invariants import Shop
from tests.e2e.in_bucket import LedgerInBucket
from tests.soak.evidence import Rest
from tests.support.company import Done

MARK = "soak-"
"""How the names of the orders begin that the witness places."""

SETTINGS = '[lease]\nlength = "20s"\nlimit = "2m"\n'
EACH = ("instance", "volume", "network-interface", "image", "snapshot", "database")
_ROOTED = re.compile(r"\b(?:live|previous|kept|lease)=(\S+?)[\s\"]")


class Ground(Shop):
    """The shop of a sandbox, adopted; leases are short, and smoke tests patient."""

    def prepare(self) -> None:
        """As before the first act."""
        self.look_often(50)
        self.append(SETTINGS)
        self.adopt()
        self.at_first = self.resources()

    def aws(self, service: str) -> Any:
        """A client that meets no fault."""
        return self._clients[service]

    @cached_property
    def _clients(self) -> Mapping[str, Any]:
        env = self.sandbox.environment()
        session = boto3.Session(
            aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
            region_name=env["AWS_REGION"],
        )
        at, seen_as = env["AWS_ENDPOINT_URL"], Config(user_agent_extra=OPERATOR)
        return {
            name: session.client(name, endpoint_url=at, config=seen_as)
            for name in ("ec2", "route53", "s3", "ssm")
        }

    @cached_property
    def _server(self) -> str:
        return super().admin_url()

    def admin_url(self, database: str = "") -> str:
        """Asked for once: it does not change."""
        return re.sub(r"/[^/]*$", f"/{database}", self._server) if database else self._server

    def orders(self, database: str) -> frozenset[str]:
        """The witness's orders in a database. Raises psycopg.Error."""
        with psycopg.connect(self.admin_url(database), connect_timeout=10) as connection:
            rows = connection.execute("SELECT item FROM orders WHERE item LIKE %s", (f"{MARK}%",))
            return frozenset(str(row[0]) for row in rows)

    def takes_writes(self, database: str) -> bool:
        """Whether the shop may place orders there."""
        with psycopg.connect(self.admin_url(database), connect_timeout=10) as connection:
            asked = "SELECT has_table_privilege('shop', 'orders', 'INSERT')"
            row = connection.execute(asked).fetchone()
            return bool(row and row[0])

    def unrooted(self, rooted: frozenset[str]) -> dict[str, frozenset[str]]:
        """What is there beside what was there at first and what these deploys have, by kind."""
        found: dict[str, frozenset[str]] = {}
        for kind, ids in self.resources().items():
            new = ids - self.at_first[kind]
            left = frozenset(one for one in new if self._deploy_of(kind, one) not in rooted)
            found |= {kind: left} if left else {}
        return found

    def missing(self, rooted: frozenset[str]) -> tuple[str, ...]:
        """What a rooted deploy has none of; the adopted one has what it was found with."""
        resources = self.resources()
        have = {
            (kind, self._deploy_of(kind, one)) for kind, ids in resources.items() for one in ids
        }
        gone = [
            f"{kind} {one}" for kind, ids in self.at_first.items() for one in ids - resources[kind]
        ]
        made = {one for one in rooted if ("image", one) in have or ("database", one) in have}
        return (
            *(f"no {kind} of {one}" for one in made for kind in EACH if (kind, one) not in have),
            *(f"{one}, which no deploy of ours had made" for one in gone),
        )

    def _deploy_of(self, kind: str, id_: str) -> str:
        """The deploy that a thing says it is of; '' for none."""
        if kind != "database":
            return self.tags(id_).get("deploy-id", "")
        found = re.match(r"(\w+?)_(\d{8})t(\d{6})z_(\w{5})_", id_)
        return f"{found[1]}/{found[2]}T{found[3]}Z-{found[4]}" if found else ""


class GroundInBucket(LedgerInBucket, Ground):
    """The same with its ledger in S3: the record follows (docs/adr/0030)."""

    def prepare(self) -> None:
        """As before the first act."""
        self.keep_ledger_in_bucket_of_record()
        super().prepare()

    def ledger(self) -> str:
        """The object's text."""
        return self.text()


def rooted(ledger: str) -> frozenset[str]:
    """The deploys that a ledger's text names."""
    return frozenset(_ROOTED.findall(ledger))


def _swept(ground: Ground) -> tuple[Done, Done]:
    """A sweep, and a plan right after it."""
    return ground.reconciler("sweep"), ground.reconciler("plan", "--exit-code")


def _clean(done: tuple[Done, Done]) -> bool:
    return all(one.code == Exit.DONE for one in done)


def at_rest(ground: Ground, rounds: int = 6) -> Rest:
    """Sweep until a sweep is clean and a plan after it is empty, then look what there is.

    A drain or a `kept` may come due between the two: so more than one round.
    """
    ground.wait_for_lease_end()
    done = [_swept(ground)]
    while not _clean(done[-1]) and len(done) < rounds:
        done.append(_swept(ground))
    swept, planned = done[-1]
    ledger, live = ground.ledger(), str(ground.get()["database"])
    ids = rooted(ledger)
    return Rest(
        sweeps=tuple(sweep.code for sweep, _ in done),
        plan=planned.code,
        planned="" if _clean(done[-1]) else f"{swept}\n{planned}",
        ledger=ledger,
        unrooted=ground.unrooted(ids),
        missing=ground.missing(ids),
        live=live,
        writable=tuple(one for one in ground.databases() if ground.takes_writes(one)),
    )

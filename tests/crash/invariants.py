"""What every crash is measured by: the shop as it was before, and what must be true after.

"Nothing behind" is said by AWS and PostgreSQL themselves, "serving and writable" by the shop's own
answers at the address in DNS. None of it asks the product.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import LiteralString

import psycopg

from deployer.sandbox.faults import FaultClient
from tests.support.company import LEDGER, Change, Done, Json, ask, older
from tests.support.warm_company import WarmCompany

STEPS = (
    "guard",
    "lease",
    "image",
    "launch",
    "connect",
    "code",
    "database",
    "migrate",
    "start",
    "smoke",
    "commit",
    "follow-up",
)
BEFORE_COMMIT = STEPS[:-2]
MAY_COMMIT = STEPS[-2:]
RENEWALS = len(STEPS) - 3 + 1
"""Every step under the lease begins with a renewal: all but guard, lease and follow-up.

One more makes the lease short before the live database is shut.
"""

COMMIT = 1 + RENEWALS
"""So many swaps of the ledger come before the commit: one takes the lease, the rest renew it."""

OLD = "v1.4.2"
NEW = "v1.5.0"
LIVE_DATABASE = "shop"
SWAP = "ChangeResourceRecordSets"


@dataclass(frozen=True)
class Before:
    """How the shop stood before."""

    resources: dict[str, set[str]]
    pointed_at: tuple[str, ...]
    version: str
    live: str


class Shop(WarmCompany):
    """The company, and the questions asked of it after every crash."""

    @cached_property
    def faults(self) -> FaultClient:
        """The one door to bad days."""
        return self.sandbox.faults()

    def before(self) -> Before:
        """How it stands now."""
        return Before(self.resources(), self.pointed_at(), self.version(), self.live_id())

    def live_id(self) -> str:
        """The deploy that the ledger says is live."""
        found = re.search(r"\blive=(\S+)", self.ledger())
        return found[1] if found else ""

    def lease_until(self) -> datetime | None:
        """Until when the lease in the ledger lasts; None for no lease."""
        found = re.search(r"\blease=\S+ until=(\d{8}T\d{6})Z", self.ledger())
        return datetime.strptime(f"{found[1]}Z", "%Y%m%dT%H%M%S%z") if found else None

    def let_lease_end(self) -> None:
        """As if the lease's time had passed: it is moved back, if there is one.

        By a swap of just what was read, so that whatever a dead process still has under way may
        arrive at any moment.
        """

        def ended() -> bool:
            seen = self.ledger()
            text = older(seen, r"lease=\S+ until")
            return text == seen or _swapped(self, seen, text)

        wait_for(ended)

    def wait_for_lease_end(self, seconds: float = 60) -> None:
        """Wait until no lease stands in the ledger, or its time has passed by AWS's clock."""

        def over() -> bool:
            until = self.lease_until()
            return until is None or datetime.now(UTC) > until + timedelta(seconds=1)

        wait_for(over, seconds)

    def let_addresses_drain(self) -> None:
        """As if an hour had passed since every retirement: the ledger's times are moved back."""
        swap_record(self, LEDGER, "TXT", (older(self.ledger()),))

    def shorten_lease(self) -> None:
        """Leases as short as they may be, from now on."""
        self.append('[lease]\nlength = "3s"')

    def wait_until_struck(self) -> None:
        """Wait until every fault asked for has met a call."""
        wait_for(lambda: not self.faults.list()["rules"])

    def order(self) -> int:
        """Place an order, as a customer does; it must be taken. Its id."""
        status, answer = ask(self.pointed_at()[0], "/orders", b'{"item": "after the crash"}')
        assert status == 201, (status, answer)
        return int(answer["id"])

    def assert_as_before(self, before: Before) -> None:
        """The same deploy serves and takes writes at the same place; nothing more is there."""
        assert self.pointed_at() == before.pointed_at
        assert self.live_id() == before.live
        assert "lease=" not in self.ledger()
        assert self.version() == before.version
        assert self.order() in self.rows(str(self.get()["database"]))
        assert self.resources() == before.resources

    def assert_released(self, version: str = NEW) -> None:
        """`version` is live, takes writes into a database of its own, and the old one is shut."""
        assert "lease=" not in self.ledger()
        answer = self.get()
        assert answer["version"] == version
        assert answer["database"] != LIVE_DATABASE
        assert self.order() in self.rows(str(answer["database"]))
        may = query(self, LIVE_DATABASE, "SELECT has_table_privilege('shop', 'orders', 'INSERT')")
        assert may == [(False,)]

    def assert_one_release_more(self, before: Before, machines: int = 1) -> None:
        """Beside what was there: machines with disk and interface, image, snapshot, database."""
        more = {kind: len(ids - before.resources[kind]) for kind, ids in self.resources().items()}
        each = ("instance", "volume", "network-interface")
        assert more == {kind: machines if kind in each else 1 for kind in before.resources}
        assert all(before.resources[kind] <= ids for kind, ids in self.resources().items())

    def assert_clean(self) -> None:
        """Both commands say that there is nothing to do, by their exit codes."""
        self.ok("deployer", "status", "shop", "--exit-code")
        self.ok("reconciler", "plan", "--exit-code")

    def plan(self) -> Json:
        """What a sweep would do to the shop now."""
        found: Json = json.loads(self.reconciler("plan", "--json").out)["services"][0]
        return found

    @contextmanager
    def open_writer(self) -> Iterator[None]:
        """A client in the middle of a write to the live database, for as long as the body runs."""
        with psycopg.connect(self.admin_url(LIVE_DATABASE)) as connection:
            connection.execute("LOCK TABLE orders IN ROW EXCLUSIVE MODE")
            yield


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until the condition holds. Fails if it does not in that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


def query(shop: Shop, database: str, statement: LiteralString) -> list[tuple[object, ...]]:
    """What a statement of the database's administrator answers."""
    with psycopg.connect(shop.admin_url(database), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def swap_record(shop: Shop, name: str, kind: str, values: tuple[str, ...]) -> None:
    """Put a record as somebody would by hand or from a backup: UPSERT, no questions asked."""
    shop.change_records(Change("UPSERT", values, name, kind))


def _swapped(shop: Shop, old: str, new: str) -> bool:
    """Whether the ledger was `old`, and is `new` now."""
    try:
        shop.change_records(Change("DELETE", [old]), Change("CREATE", [new]))
    except shop.aws("route53").exceptions.InvalidChangeBatch:
        return False
    return True


def remove_record(shop: Shop, name: str, kind: str) -> None:
    """Remove a record."""
    shop.change_records(Change("DELETE", shop.records()[name, kind], name, kind))


def release_id(done: Done) -> str:
    """The deploy-id that a release gave itself."""
    return next(str(one["deploy"]) for one in done.events if one["type"] == "release-began")


def failed_step(done: Done) -> str:
    """The step in which a release failed, as its events say; '' if none did."""
    failed = [one["step"] for one in done.events if one["type"] == "step-failed"]
    return failed[-1] if failed else ""

"""The way to a database server that only the service's network reaches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from reconciler.errors import CannotConnect
from reconciler.gc.ownership import ServiceLocation
from reconciler.model import tags as t
from reconciler.model.resource import INSTANCE, Resource
from reconciler.model.tags import AccountRegion
from reconciler.wiring.database_tunnel import DatabaseTunnel, machine_to_go_through

PLACE = AccountRegion("123456789012", "eu-west-1")
HOME = ServiceLocation("shop", "Z1/shop._deploy.example.com", PLACE)


@dataclass
class FakeSession:
    """A session that forwards, until it is lost."""

    alive: bool = True
    forwarded: list[tuple[str, int]] = field(default_factory=list)
    closed: int = 0

    @contextmanager
    def forward(self, host: str, port: int) -> Iterator[tuple[str, int]]:
        self.forwarded.append((host, port))
        yield "127.0.0.1", 50_000 + len(self.forwarded)
        self.closed += 1


def machine(label: str, id_: str = "i-1", **changed: object) -> Resource:
    """An adopted machine of the service."""
    tags = {
        t.ID: "shop/20261123T031502Z-7kq2m",
        t.STATE: label,
        t.LEDGER: HOME.ledger,
        t.PART: t.part(INSTANCE, PLACE),
        t.HOLD: t.HELD_BY_ADOPTION,
    }
    resource = Resource(INSTANCE, id_, PLACE, tags, state="running")
    return replace(resource, **changed)  # type: ignore[arg-type]


def test_one_session_serves_until_it_is_lost() -> None:
    """The forward is kept; a lost session is closed, and both are opened again."""
    sessions = [FakeSession(), FakeSession()]
    left = iter(sessions)
    tunnel = DatabaseTunnel(lambda: next(left))  # type: ignore[arg-type,return-value]
    assert tunnel("db", 5432) == tunnel("db", 5432)
    assert sessions[0].forwarded == [("db", 5432)]
    sessions[0].alive = False
    tunnel("db", 5432)
    assert sessions[1].forwarded == [("db", 5432)]
    assert sessions[0].closed == 1


def test_the_live_release_is_gone_through_first() -> None:
    """Then one that served, then one that is being made; the smallest id among equals."""
    found = [machine("pending", "i-0"), machine("live", "i-2"), machine("retired", "i-1")]
    assert machine_to_go_through(found, HOME).id == "i-2"
    assert machine_to_go_through(found[::2], HOME).id == "i-1"


@pytest.mark.parametrize(
    "other",
    [
        machine("live", state="stopped"),
        machine("left"),
        machine("live", tags={**machine("live").tags, t.PART: "instance@999999999999/eu-west-1"}),
        machine("live", tags={**machine("live").tags, t.HOLD: "mine"}),
        machine("live", tags={**machine("live").tags, t.ID: "blog/20261123T031502Z-7kq2m"}),
    ],
    ids=["stopped", "left", "copied tags", "no proof of birth", "another service"],
)
def test_the_login_passes_through_no_other_machine(other: Resource) -> None:
    """Whoever copies tags onto a machine of his must not see the administrator's traffic."""
    with pytest.raises(CannotConnect, match="no machine of shop runs") as caught:
        machine_to_go_through([other], HOME)
    assert "database.via" in caught.value.cure

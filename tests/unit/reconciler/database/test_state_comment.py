"""The memory in a database's comment: its text, and what acts make of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.database import grants as g
from reconciler.database import state_comment as m
from reconciler.database.grants import Grant, On
from reconciler.database.state_comment import Baseline, ForeignComment, Memory, State
from reconciler.errors import Refused, StaleAct
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct

SHOP = DeployId.parse("shop/20261123T031502Z-7kq2m")
LEDGER = "Z123/shop._deploy.example.com"
AT = datetime(2026, 11, 23, 3, 20, tzinfo=UTC)
names = st.text(min_size=1, max_size=8)
grants = st.builds(
    Grant,
    st.sampled_from(On),
    st.lists(names, max_size=3).map(tuple),
    st.text(max_size=8),
    st.sampled_from(["INSERT", "UPDATE", "CREATE"]),
    st.booleans(),
)
memories = st.builds(
    Memory,
    deploy=st.just(SHOP),
    ledger=st.just(LEDGER),
    at=st.just(AT),
    generation=st.integers(min_value=0),
    state=st.sampled_from(State),
    acls=st.frozensets(grants, max_size=12).map(g.normal),
    baseline=st.none()
    | st.builds(
        Baseline, names, st.dictionaries(names, st.tuples(st.integers(), st.integers()), max_size=4)
    ),
    note=st.text(max_size=20),
) | st.builds(
    Memory,
    deploy=st.just(SHOP),
    ledger=st.just(LEDGER),
    at=st.just(AT),
    name=names,
    oid=st.integers(min_value=0),
)


def memory(**more: object) -> Memory:
    """A memory with what a test cares about."""
    return Memory(**{"deploy": SHOP, "ledger": LEDGER, "at": AT} | more)  # type: ignore[arg-type]


@given(memories)
def test_round_trip(one: Memory) -> None:
    """What is written is what is read."""
    assert one == m.parse(m.encode(one))


def test_text() -> None:
    """The text is JSON that people can read in psql; tables with equal privileges share a line."""
    acls = {
        Grant(On.TABLE, ("public", table), "app", may)
        for table in ("a", "b")
        for may in ("INSERT", "UPDATE")
    }
    text = m.encode(memory(generation=41, state=State.SHUT, acls=frozenset(acls)))
    assert json.loads(text) == {
        "v": 1,
        "deploy": "shop/20261123T031502Z-7kq2m",
        "ledger": "Z123/shop._deploy.example.com",
        "generation": 41,
        "state": "shut",
        "at": "20261123T032000Z",
        "acls": [
            {
                "on": "table",
                "to": "app",
                "may": ["INSERT", "UPDATE"],
                "grant": False,
                "of": [["public", "a"], ["public", "b"]],
            }
        ],
    }


def test_a_thousand_tables_stay_small() -> None:
    """Saved privileges cost little more than the names of the tables."""
    words = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
    tables = [("public", f"some_table_{n}") for n in range(1000)]
    acls = frozenset(Grant(On.TABLE, one, "app", may) for one in tables for may in words)
    assert len(m.encode(memory(acls=acls))) < 40_000


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"surprise": 1},
        {"state": "ajar"},
        {"deploy": "not an id"},
        {"generation": "41"},
        {"generation": True},
        {"at": "yesterday"},
        {"acls": [{"on": "table"}]},
        {"acls": [{"on": "table", "to": "app", "may": "INSERT", "grant": False, "of": []}]},
        {"baseline": {"epoch": "x"}},
        {"baseline": {"epoch": "x", "tables": {"t": [1]}}},
    ],
)
def test_what_is_not_understood_is_foreign(change: dict[str, object]) -> None:
    """An unknown version, an unknown field or a value of another kind: nothing is assumed."""
    value = json.loads(m.encode(memory())) | change
    with pytest.raises(ForeignComment):
        m.parse(json.dumps(value))


@pytest.mark.parametrize("comment", ["", "ask Ann", "[1]", "7", "null", '{"v":1}', "{"])
def test_comments_of_people_are_foreign(comment: str) -> None:
    """What people write is no memory, whatever it looks like."""
    with pytest.raises(ForeignComment):
        m.parse(comment)


def test_birth_is_proved_by_the_name() -> None:
    """The name leads back to the deploy, under the very ledger it was made for."""
    name = DeployId.parse("web-shop/20261123T031502Z-7kq2m").database_name(LEDGER)
    assert str(m.born_as(name, LEDGER)) == "web-shop/20261123T031502Z-7kq2m"
    assert m.born_as(name, "Z999/shop._deploy.example.com") is None
    assert m.born_as(name[:-1], LEDGER) is None
    assert m.born_as("shop", LEDGER) is None


def test_an_act_moves_the_fence() -> None:
    """An admitted act is remembered; an older one, or one of another ledger, is not admitted."""
    now = m.admitted(memory(generation=5), FencedAct(7, SHOP, LEDGER), "shop")
    assert now.generation == 7
    with pytest.raises(StaleAct):
        m.admitted(now, FencedAct(6, SHOP, LEDGER), "shop")
    with pytest.raises(Refused):
        m.admitted(now, FencedAct(8, SHOP, "Z999/shop._deploy.example.com"), "shop")


def test_shutting_twice_keeps_what_the_first_took() -> None:
    """The second freeze finds nothing to take and must not forget what the first one did."""
    one, two = (Grant(On.TABLE, ("public", "a"), "app", may) for may in ("INSERT", "UPDATE"))
    again = m.shut(m.shut(memory(), [one], AT), [two], AT)
    assert again.acls == {one, two}
    assert m.opened(again, AT) == memory()


def test_a_new_freeze_forgets_an_old_one() -> None:
    """What was saved before a thaw has no part in the next freeze."""
    one, two = (Grant(On.TABLE, ("public", "a"), "app", may) for may in ("INSERT", "UPDATE"))
    thawed = m.opened(m.shut(memory(), [one], AT), AT)
    assert m.shut(thawed, [two], AT).acls == {two}


def test_the_wider_of_two_privileges_counts() -> None:
    """A privilege that two grantors gave, one with the grant option, is that one."""
    plain = Grant(On.TABLE, ("public", "a"), "app", "INSERT")
    wide = Grant(On.TABLE, ("public", "a"), "app", "INSERT", grantable=True)
    assert g.normal([plain, wide]) == {wide}


def test_a_newer_versions_memory_is_not_overwritten() -> None:
    """A comment that looks like a memory, but is none that we know, stops the act."""
    newer = m.encode(memory()).replace('"v":1', '"v":9')
    with pytest.raises(Refused, match="does not understand"):
        m.first(newer, FencedAct(1, SHOP, LEDGER), "shop", AT)
    assert m.first("ask Ann", FencedAct(1, SHOP, LEDGER), "shop", AT).note == "ask Ann"

"""Thaw: the live database opens again, by the ledger, or by an operator's word without it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from deployer.commands.thaw import thaw
from reconciler.errors import (
    CloudError,
    DatabaseError,
    LedgerUnknown,
    NoDatabase,
    Refused,
    StaleAct,
)
from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import FencedAct
from reconciler.model.ledger import Lease
from tests.fakes.database import FakePreparedThaw
from tests.fakes.scene import ROLE, Scene
from tests.support.shop_world import CLEAN, DEAD, LEDGER, LIVE, NOW, OLD, deploy

LIVE_DB, OLD_DB = (one.database_name(LEDGER) for one in (LIVE, OLD))
RUNNING = Lease(DEAD, NOW + timedelta(minutes=8), "database")
DEAD_LEASE = replace(RUNNING, until=NOW - timedelta(minutes=1))


@pytest.fixture(autouse=True)
def frozen(scene: Scene) -> None:
    """A deployer has shut the live database."""
    scene.server.shut(LIVE_DB, FencedAct(CLEAN.gen, LIVE, LEDGER), (ROLE,), 1.0)
    scene.acts.clear()


def test_it_opens_the_live_database(scene: Scene) -> None:
    """And no other one."""
    assert thaw(scene.ports()) == LIVE_DB
    assert not scene.server.is_shut(LIVE_DB)
    assert scene.server.is_shut(OLD_DB)


def test_an_expired_lease_is_ended_first(scene: Scene) -> None:
    """Its holder's commit can then no longer succeed; the thaw carries the new generation."""
    scene.ledger = replace(CLEAN, lease=DEAD_LEASE)
    scene.acts.clear()
    thaw(scene.ports())
    assert [one.split()[0] for one in scene.did("swap", "thaw")] == ["swap", "thaw"]
    with pytest.raises(StaleAct):
        scene.server.shut(LIVE_DB, FencedAct(CLEAN.gen, LIVE, LEDGER), (ROLE,), 1.0)


def test_rule_10_not_under_somebodys_lease(scene: Scene) -> None:
    """Its holder is copying: unless an operator knows that it is dead."""
    scene.ledger = replace(CLEAN, lease=RUNNING)
    with pytest.raises(Refused, match="is being changed"):
        thaw(scene.ports())
    assert scene.server.is_shut(LIVE_DB)
    assert thaw(scene.ports(), deployer_is_dead=True) == LIVE_DB
    assert scene.ledger.lease is None


def test_a_lost_swap_opens_nothing(scene: Scene) -> None:
    """Somebody changed the ledger in that moment."""
    scene.ledger = replace(CLEAN, lease=DEAD_LEASE)
    scene.ledgers.meddlers.append(lambda: setattr(scene, "ledger", replace(CLEAN, gen=90)))
    with pytest.raises(Exception, match="changed by somebody else"):
        thaw(scene.ports())
    assert scene.server.is_shut(LIVE_DB)


def test_without_the_ledger_an_operators_word_is_wanted(scene: Scene) -> None:
    """Only a person can know that no commit is on its way."""
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")
    with pytest.raises(LedgerUnknown) as refused:
        thaw(scene.ports())
    assert "--deployer-is-dead" in refused.value.cure
    assert scene.server.is_shut(LIVE_DB)
    assert thaw(scene.ports(), deployer_is_dead=True) == LIVE_DB
    assert not scene.server.is_shut(LIVE_DB)


def test_without_the_ledger_two_lives_are_none(scene: Scene) -> None:
    """The labels do not say which: nothing is opened."""
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")
    scene.heap.change("i-9", tags={"deploy-state": "live"})
    with pytest.raises(Refused, match="2 deploys are labelled live"):
        thaw(scene.ports(), deployer_is_dead=True)


def test_without_the_ledger_an_open_one_is_said_to_be_open(scene: Scene) -> None:
    """There is nothing to do, and it is no success either."""
    scene.server.thaw(LIVE_DB, FencedAct(CLEAN.gen, LIVE, LEDGER))
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")
    with pytest.raises(Refused, match="takes writes already"):
        thaw(scene.ports(), deployer_is_dead=True)


def test_without_the_ledger_a_commit_that_may_be_made_stops_it(scene: Scene) -> None:
    """A newer release had come to its commit: labels come last, and may be behind."""
    newer = deploy(1, "eeeee")
    name = scene.add_database(newer)
    scene.server.record_baseline(name, FencedAct(CLEAN.gen, newer, LEDGER))
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")
    with pytest.raises(Refused, match="had come to its commit"):
        thaw(scene.ports(), deployer_is_dead=True)
    assert scene.server.is_shut(LIVE_DB)


def test_rule_6_a_contradiction_opens_nothing(scene: Scene) -> None:
    """A ledger that is older than it should be says nothing about who is live."""
    scene.ledger = replace(CLEAN, gen=1)
    with pytest.raises(Refused, match="has been obeyed"):
        thaw(scene.ports())
    assert scene.server.is_shut(LIVE_DB)


def test_a_service_without_a_database(scene: Scene) -> None:
    """Nothing to thaw."""
    scene.reach.server = None
    with pytest.raises(NoDatabase):
        thaw(scene.ports())


def test_without_the_ledger_a_rollback_that_has_begun_stops_it(scene: Scene) -> None:
    """It may have been committed: then the newer database must stay shut."""
    scene.heap.change("i-9", tags={"deploy-state": "pending"})
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")
    with pytest.raises(Refused, match="was being rolled back"):
        thaw(scene.ports(), deployer_is_dead=True)
    assert scene.server.is_shut(LIVE_DB)


def test_without_the_ledger_a_rollback_is_known_by_what_its_target_obeyed(scene: Scene) -> None:
    """Its label may be missing, and no label of the target opens live: the cure names none."""
    scene.server.shut(OLD_DB, FencedAct(CLEAN.gen, OLD, LEDGER), (ROLE,), 1.0)
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")
    with pytest.raises(Refused, match="was being rolled back") as refused:
        thaw(scene.ports(), deployer_is_dead=True)
    assert "deploy-state" not in refused.value.cure
    assert scene.server.is_shut(LIVE_DB)


def test_without_the_ledger_a_way_forward_again_is_known_too(scene: Scene) -> None:
    """The target is newer than live, and shut as no new release's database ever is."""
    newer = deploy(1, "eeeee")
    name = scene.add_database(newer)
    scene.server.shut(name, FencedAct(CLEAN.gen, newer, LEDGER), (ROLE,), 1.0)
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")
    with pytest.raises(Refused, match="was being rolled back"):
        thaw(scene.ports(), deployer_is_dead=True)
    assert scene.server.is_shut(LIVE_DB)


@pytest.mark.parametrize(
    ("now", "why"), [(LedgerUnknown("not a ledger"), "not a ledger"), (None, "can be read again")]
)
def test_a_ledger_that_answers_is_not_out_of_reach(
    scene: Scene, now: LedgerUnknown | None, why: str
) -> None:
    """Damaged, another's, or there again: an operator's word is about a ledger that is silent."""
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")

    reads: list[str] = []

    def answers(act: str) -> None:
        reads.extend([act] if act.startswith("read") else [])
        if now is not None:
            scene.ledgers.unreadable["shop"] = now
        elif len(reads) > 1:
            scene.ledgers.unreadable.pop("shop", None)

    ports = scene.ports()
    scene.acts.then = answers
    with pytest.raises((Refused, LedgerUnknown), match=why):
        thaw(ports, deployer_is_dead=True)
    assert scene.server.is_shut(LIVE_DB)


@pytest.fixture
def killed_rollback(scene: Scene) -> None:
    """A rollback to OLD has shut live's database and died; the ledger is out of reach."""
    scene.server.shut(OLD_DB, FencedAct(CLEAN.gen, OLD, LEDGER), (ROLE,), 1.0)
    scene.heap.change("i-9", tags={"deploy-state": "pending"})
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")


@pytest.mark.usefixtures("killed_rollback")
def test_who_has_seen_that_clients_were_not_moved_opens_live(scene: Scene) -> None:
    """The refusal says which word is wanted; with it live opens, and the older stays shut."""
    with pytest.raises(Refused, match="was being rolled back") as refused:
        thaw(scene.ports(), deployer_is_dead=True)
    assert f"deployer thaw shop --deployer-is-dead --not-moved {LIVE}" in refused.value.cure
    assert thaw(scene.ports(), deployer_is_dead=True, not_moved=LIVE) == LIVE_DB
    assert not scene.server.is_shut(LIVE_DB)
    assert scene.server.is_shut(OLD_DB)


@pytest.mark.usefixtures("killed_rollback")
def test_that_word_alone_is_not_enough(scene: Scene) -> None:
    """A commit may be on its way: the deployer must be dead as well."""
    with pytest.raises(LedgerUnknown, match="cannot be read"):
        thaw(scene.ports(), not_moved=LIVE)
    assert scene.server.is_shut(LIVE_DB)


@pytest.mark.usefixtures("killed_rollback")
@pytest.mark.parametrize("named", [OLD, DEAD])
def test_it_must_name_who_is_labelled_live(scene: Scene, named: DeployId) -> None:
    """Anybody else's name is a mistake, or means that clients were moved."""
    with pytest.raises(Refused, match="is labelled live"):
        thaw(scene.ports(), deployer_is_dead=True, not_moved=named)
    assert scene.server.is_shut(LIVE_DB)
    assert scene.server.is_shut(OLD_DB)


@pytest.mark.usefixtures("killed_rollback")
def test_no_word_opens_a_second_database(scene: Scene) -> None:
    """The older one takes writes, which the rollback begins only after its commit."""
    scene.server.thaw(OLD_DB, FencedAct(CLEAN.gen, OLD, LEDGER))
    with pytest.raises(Refused, match="takes writes: only the ledger says"):
        thaw(scene.ports(), deployer_is_dead=True, not_moved=LIVE)
    assert scene.server.is_shut(LIVE_DB)


@pytest.mark.usefixtures("killed_rollback")
def test_one_that_opens_meanwhile_is_seen(scene: Scene) -> None:
    """Between the look and the thaw: the thaw's own transaction looks again."""
    server, ports = scene.server, scene.ports()
    prepare = server.prepare_thaw

    def opened(name: str, act: FencedAct) -> FakePreparedThaw:
        prepared = prepare(name, act)
        server.thaw(OLD_DB, FencedAct(CLEAN.gen, OLD, LEDGER))
        return prepared

    server.prepare_thaw = opened  # type: ignore[method-assign]
    with pytest.raises(DatabaseError, match="takes writes again"):
        thaw(ports, deployer_is_dead=True, not_moved=LIVE)
    assert server.is_shut(LIVE_DB)


def test_a_ledger_that_can_be_read_knows_better(scene: Scene) -> None:
    """The word must agree with it."""
    with pytest.raises(Refused, match="is live by the ledger"):
        thaw(scene.ports(), not_moved=OLD)
    assert scene.server.is_shut(LIVE_DB)
    assert thaw(scene.ports(), not_moved=LIVE) == LIVE_DB

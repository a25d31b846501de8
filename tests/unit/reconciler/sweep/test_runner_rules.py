"""The sweep, rule by rule: unknown scopes, unfinished commits, fences, people's records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.errors import AccessDenied, CannotConnect, CloudError, DatabaseError
from reconciler.gc.ownership import ServiceLocation
from reconciler.machine.unit_control import Act, obey
from reconciler.model import ledger as led
from reconciler.model import tags as t
from reconciler.model.fencing import FencedAct
from reconciler.model.outcome import OutcomeStatus
from reconciler.model.resource import DATABASE, VOLUME, Gap
from reconciler.model.tags import Label
from reconciler.output.sweep import left_lines
from reconciler.ports.fleet import Fleet
from reconciler.sweep.runner import sweep
from tests.fakes.scene import ROLE, Scene
from tests.support.shop_world import CLEAN, DEAD, DIED, GATE, LEDGER, LIVE, OLD, PLACE, resources
from tests.support.sweeps import (
    BUSY,
    CHANGING,
    DEAD_DB,
    DEAD_IDS,
    LIVE_DB,
    OLD_DB,
    ONE_KEPT,
    fates,
    only_live,
)

# Rule 6: unknown is not empty.


def _no_answer(scene: Scene) -> None:
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")


def _denied(scene: Scene) -> None:
    scene.ledgers.unreadable["shop"] = AccessDenied("route53:ListResourceRecordSets is denied")


def _gap(scene: Scene) -> None:
    scene.heap.gaps.append(Gap(PLACE, VOLUME, "throttled"))


def _scan_fails(scene: Scene) -> None:
    scene.heap.failing["scan"] = CloudError("ec2: no answer")


def _nonsense(scene: Scene) -> None:
    scene.ledgers.zone.texts[scene.address.name] = ('"v=2 gen=99"', 60)


def _restored_zone_file(scene: Scene) -> None:
    scene.ledger = replace(CLEAN, gen=1)


def _deleted_record(scene: Scene) -> None:
    del scene.ledgers.zone.texts[scene.address.name]


def _lost_deploy(scene: Scene) -> None:
    scene.ledger = replace(CLEAN, previous=())


def _moved_to_another(scene: Scene) -> None:
    scene.ledgers.point(scene.address, "10.0.1.9")


@pytest.mark.parametrize(
    "strike",
    [
        _no_answer,
        _denied,
        _gap,
        _scan_fails,
        _nonsense,
        _restored_zone_file,
        _deleted_record,
        _lost_deploy,
        _moved_to_another,
    ],
)
def test_rule_6_nothing_of_an_unknown_service_is_touched(scene: Scene, strike: Any) -> None:
    """No swap, no repair, no deletion; and it does not count as clean."""
    scene.heap.change("i-17", tags={t.STATE: "pending"})
    scene.ledger = DIED
    strike(scene)
    scene.acts.clear()
    result = scene.sweep()
    assert scene.did(*CHANGING) == []
    assert not result.clean
    assert result.left.unknown


def test_rule_6_a_service_we_may_not_read_does_not_stop_the_others(scene: Scene) -> None:
    """Another zone, another policy: that service is unknown, this one is swept."""
    place = scene.managed.home.place
    address = replace(scene.address, service="blog", record="blog.example.com")
    blog = replace(
        scene.managed, home=ServiceLocation("blog", str(address), place), address=address
    )
    scene.ledgers.unreadable["blog"] = AccessDenied("route53:ListResourceRecordSets is denied")
    result = sweep(Fleet((blog, scene.managed)))
    assert [one.service for one in result.left.unknown] == ["blog"]
    assert "denied" in result.left.unknown[0].problem
    assert not result.clean
    assert not scene.heap.ids & DEAD_IDS


def test_rule_6_a_server_out_of_reach_hides_databases_only(scene: Scene) -> None:
    """The machines go, the database is not said to be gone, and the sweep is not clean."""
    scene.reach.server_down = DatabaseError("connection refused")
    result = scene.sweep()
    assert not scene.heap.ids & DEAD_IDS
    assert DATABASE not in {one.resource.kind for one in result.gone}
    assert [gap.kind for gap in result.gaps] == [DATABASE]
    assert not result.clean


def test_rule_6_a_server_lost_on_the_way_is_no_proof_that_a_database_is_gone(
    scene: Scene,
) -> None:
    """It was listed when the plan was made; what cannot be listed now is not gone."""

    def server_dies(act: str) -> None:
        if act == "delete ami-41":
            scene.reach.server_down = DatabaseError("connection refused")

    scene.acts.then = server_dies
    result = scene.sweep()
    assert fates(result)[DEAD_DB] is OutcomeStatus.FAILED
    assert DEAD_DB in scene.databases
    assert not result.clean
    assert not scene.heap.ids & DEAD_IDS


# Rule 7 and the table: a commit is finished by whoever comes next.


def crossed(scene: Scene) -> None:
    """As after a commit whose deployer died: nothing has changed sides yet."""
    only_live(scene)
    act = FencedAct(3, LIVE, LEDGER)
    scene.server.shut(LIVE_DB, act, (ROLE,), 1.0)
    scene.server.thaw(OLD_DB, FencedAct(3, OLD, LEDGER))
    for number in ("9", "17"):
        label = "pending" if number == "17" else "live"
        for kind in ("i", "vol", "eni", "ami", "snap"):
            scene.heap.change(f"{kind}-{number}", tags={t.STATE: label})
    scene.acts.clear()


def test_rule_7_a_commit_is_finished_by_whoever_comes_next(scene: Scene) -> None:
    """Databases, jobs and labels change sides."""
    crossed(scene)
    assert scene.sweep().clean
    assert scene.server.is_shut(OLD_DB)
    assert not scene.server.is_shut(LIVE_DB)
    assert scene.reach.machine("i-17").active() == {"shop.service", "shop-worker.service"}
    assert scene.reach.machine("i-9").active() == {"shop.service"}
    labels = scene.heap.labels()
    assert {labels["i-17"], labels["vol-17"], labels["snap-17"]} == {"live"}
    assert {labels["i-9"], labels["vol-9"], labels["snap-9"]} == {"retired"}


def test_rule_7_what_was_left_gives_up_before_the_live_one_takes(scene: Scene) -> None:
    """Shut before open, jobs stopped before they start; the labels of both last."""
    crossed(scene)
    scene.sweep()
    did = [one.split(" ami-")[0] for one in scene.did(*CHANGING)]
    assert did == [
        f"shut {OLD_DB}",
        "run the app, stop the jobs on i-9",
        f"thaw {LIVE_DB}",
        "run the app, run the jobs on i-17",
        "label retired",
        "label live",
    ]


def test_rule_7_no_label_where_something_failed(scene: Scene) -> None:
    """The label says that all is done: the next sweep sees that it is not, and the reason."""
    crossed(scene)
    scene.reach.down["i-17"] = CannotConnect("i-17 does not answer", kind="no-route")
    result = scene.sweep()
    assert not result.clean
    assert scene.heap.at("i-17").label is Label.PENDING
    assert scene.heap.at("i-9").label is Label.RETIRED
    assert fates(result)["i-17"] is OutcomeStatus.FAILED
    del scene.reach.down["i-17"]
    assert scene.sweep().clean
    assert scene.heap.at("i-17").label is Label.LIVE


def test_rule_7_a_database_that_cannot_be_shut_is_reported(scene: Scene) -> None:
    """Its label is not written; what can be done for the others is done."""
    crossed(scene)
    scene.server.failing["shut"] = DatabaseError("writers still open after 1 s")
    result = scene.sweep()
    assert fates(result)[OLD_DB] is OutcomeStatus.FAILED
    assert scene.heap.at("i-9").label is Label.LIVE
    assert scene.heap.at("i-17").label is Label.LIVE


# Rule 9 is in test_mark and test_planner. Rule 10: what can be undone is fenced.


def test_rule_10_a_machine_that_obeyed_a_newer_generation_refuses(scene: Scene) -> None:
    """Somebody newer is at work: the act is reported, nothing is switched, nothing labelled."""
    crossed(scene)
    machine = scene.reach.machine("i-9")
    obey(machine, GATE, Act(99, str(OLD), app="run", jobs="run"))
    result = scene.sweep()
    outcome = next(one for one in result.outcomes if one.resource.id == "i-9")
    assert outcome.status is OutcomeStatus.FAILED
    assert "obeyed a newer generation" in outcome.text
    assert "shop-worker.service" in machine.active()
    assert scene.heap.at("i-9").label is Label.LIVE


def test_rule_10_acts_carry_the_generation_that_was_read(scene: Scene) -> None:
    """Machines and databases remember the ledger's generation, not an earlier one."""
    crossed(scene)
    scene.sweep()
    assert f"generation={CLEAN.gen}" in scene.reach.machine("i-17").read("/etc/deployer/state")
    fences = {one.name: one.memory.generation for one in scene.server.databases() if one.memory}
    assert fences == {LIVE_DB: CLEAN.gen, OLD_DB: CLEAN.gen}


def test_rule_10_nothing_reversible_while_anybody_holds_the_lease(scene: Scene) -> None:
    """Jobs, writes, labels and the record are left alone; garbage still goes."""
    crossed(scene)
    scene.heap.add(resources(DEAD, "v1.4.9", Label.PENDING, 41)[:-1])
    scene.ledger = BUSY
    result = scene.sweep(ONE_KEPT)
    assert [one.split()[0] for one in scene.did(*CHANGING)] == ["delete", "delete", "delete"]
    assert result.clean
    assert not scene.heap.ids & DEAD_IDS


# Rule 11: people win.


def test_rule_11_a_record_moved_by_people_stays_moved(scene: Scene) -> None:
    """It is noted; what is dead goes all the same, and nothing is swapped."""
    scene.ledgers.point(scene.address, "203.0.113.5")
    result = scene.sweep()
    assert scene.ledgers.pointed_at(scene.address) == ("203.0.113.5",)
    assert scene.did("swap") == []
    assert result.clean
    [said] = result.left.contradictions
    assert "203.0.113.5" in said
    assert "deployer adopt shop" in "\n".join(left_lines(result))


def test_rule_11_a_machine_started_again_is_followed(scene: Scene) -> None:
    """The record and the ledger are swapped together, without a lease."""
    scene.heap.change("i-17", addresses=("10.0.1.99",), public=("10.0.1.99",))
    assert scene.sweep().clean
    assert scene.ledgers.pointed_at(scene.address) == ("10.0.1.99",)
    assert scene.ledger.live == led.Live(LIVE, ("10.0.1.99",), via=led.Via.PRIVATE)


def test_rule_11_a_record_moved_in_that_moment_is_not_overwritten(scene: Scene) -> None:
    """The swap has the old record in it, and fails."""
    scene.heap.change("i-17", addresses=("10.0.1.99",), public=("10.0.1.99",))
    scene.ledgers.meddlers.append(lambda: scene.ledgers.point(scene.address, "203.0.113.5"))
    result = scene.sweep()
    assert scene.ledgers.pointed_at(scene.address) == ("203.0.113.5",)
    assert result.trouble
    assert scene.ledger == CLEAN

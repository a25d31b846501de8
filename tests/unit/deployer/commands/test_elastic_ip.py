"""A service whose Elastic IP follows the ledger: sweep, release, rollback, people, on fakes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.commands.move.command import move
from deployer.commands.rollback.command import rollback
from deployer.commands.traffic import follow, show
from deployer.release.context import NewMachine, ReleaseInputs, ReleaseOptions
from deployer.release.inferred_settings import Inferred, client_addresses, shape
from deployer.release.preview import preview
from deployer.release.steps.guard import guard
from deployer.release.traffic_switch import refuse_moved, switch
from reconciler.errors import CloudError, FollowUpFailed, Refused, ToolError
from reconciler.gc.verdict import Reason
from reconciler.model import tags as t
from reconciler.model.ledger import Ledger, LedgerHome, Live, Previous, Via
from reconciler.model.resource import INSTANCE, Resource
from reconciler.traffic.port import JoinOrder
from tests.fakes.elastic_ip import ADDRESS, ALLOCATION, FakeElasticIp
from tests.fakes.scene import Scene, service
from tests.support.guarded import leased
from tests.support.shop_world import CLEAN, LIVE, OLD, PLACE
from tests.unit.reconciler.sweep.test_traffic import OURS

STRANGER = Resource(INSTANCE, "i-x", PLACE, state="running", addresses=("10.0.1.99",))


class Moving(Scene):
    """Shop, of which one machine has the address; `pending`: its last commit is not finished."""

    def __init__(
        self,
        root: Path,
        holder: str = "i-17",
        *,
        ledger: Ledger = CLEAN,
        pending: bool = False,
        resources: Iterable[Resource] = (*OURS, STRANGER),
    ) -> None:
        super().__init__(root, resources, ledger)
        self.traffic = FakeElasticIp(self.heap, [holder], self.acts)
        address = replace(self.managed.address, traffic=(ALLOCATION,))
        self.managed = replace(self.managed, traffic=self.traffic, address=address)
        if pending:
            self.heap.change("i-17", tags={t.STATE: "pending"})
        self.acts.clear()

    @property
    def holder(self) -> str:
        """Who has the address."""
        return "".join(self.traffic.at)

    def guarded(self) -> None:
        """A release up to its guard."""
        guard(ReleaseInputs(self.ports(), ReleaseOptions(), lambda _: None))


@pytest.mark.parametrize("young", [False, True])
def test_a_move_is_rolled_forward_in_every_round(tmp_path: Path, young: bool) -> None:
    """Before anything else, and before writes are taken: a young sweep does not skip it."""
    shop = Moving(tmp_path, "i-9", pending=True)
    result = shop.sweep(unfinished_only=young)
    assert shop.holder == "i-17"
    assert not result.trouble
    moved = shop.acts.index("switch i-17")
    told = [shop.acts.index(one) for one in shop.did("label", "run", "app", "thaw", "shut")]
    assert all(moved < one for one in told)
    assert young or shop.heap.labels()["i-17"] == "live"


def test_everything_waits_for_a_move_that_fails(tmp_path: Path) -> None:
    """No label, no job; the next sweep tries again."""
    shop = Moving(tmp_path, "i-9", pending=True)
    shop.traffic.failing["switch"] = CloudError("no answer")
    assert "no answer" in shop.sweep().trouble[0]
    assert not shop.did("label", "delete")
    shop.traffic.failing.clear()
    shop.sweep()
    assert (shop.holder, shop.heap.labels()["i-17"]) == ("i-17", "live")


@pytest.mark.parametrize("who", ["i-x", ""], ids=["a stranger", "nobody"])
def test_rule_11_what_no_move_of_ours_leaves_is_not_changed(tmp_path: Path, who: str) -> None:
    """Also before the label: it is reported, all that would follow waits, a person gets out."""
    shop = Moving(tmp_path, "i-9", pending=True)
    shop.traffic.at[:] = [who] if who else []
    shop.traffic.odd[:] = [] if who else ["is associated with nothing"]
    result = shop.sweep()
    assert any("traffic cannot follow the ledger" in one for one in result.left.contradictions)
    assert not shop.did("switch", "label", "run", "app")
    follow(shop.ports(), lambda _: None)
    assert shop.holder == "i-17"
    shop.sweep()
    assert shop.heap.labels()["i-17"] == "live"


def test_rule_11_after_the_label_only_people_move_it(tmp_path: Path) -> None:
    """Reported by every sweep, refused by a release, and one command leads out."""
    shop = Moving(tmp_path, "i-9")
    result = shop.sweep()
    assert f"a route sends requests to {OLD}" in result.left.unknown[0].problem
    for refused in (shop.guarded, lambda: rollback(shop.ports(), discard_writes=True)):
        with pytest.raises(Refused) as error:
            refused()
        assert "deployer traffic shop --follow" in error.value.cure
    assert not shop.did("switch")
    assert [one.group for one in show(shop.ports()).changes] == ["i-17"]
    follow(shop.ports(), lambda _: None)
    assert shop.holder == "i-17"


def test_rule_9_who_has_the_address_is_kept(tmp_path: Path) -> None:
    """Somebody gave it back to a release that the ledger does not name any more."""
    shop = Moving(tmp_path, "i-9", ledger=replace(CLEAN, previous=()))
    for one in list(shop.heap.held.values()):
        if one.deploy == OLD:
            shop.heap.change(one.id, tags={t.STATE: "left"})
    shop.sweep()
    assert shop.did("delete") == []
    verdicts = {one.resource.id: one.reason for one in shop.plan().services[0].verdicts}
    assert verdicts["i-9"] in (Reason.WITNESSED, Reason.UNKNOWN)


def test_no_machine_to_move_it_to_is_said(tmp_path: Path) -> None:
    """Live stands still: the address stays where it answers."""
    shop = Moving(tmp_path, "i-9")
    shop.heap.change("i-17", state="stopped")
    with pytest.raises(Refused, match="no running machine") as refused:
        show(shop.ports())
    assert "deployer status shop" in refused.value.cure


def test_rule_15_a_copy_of_live_is_not_moved_to(tmp_path: Path) -> None:
    """It runs, and live stands still: no command takes the one for the other."""
    ledger = replace(CLEAN, live=Live(LIVE, ("10.0.1.17",), ("i-17",)))
    shop = Moving(tmp_path, "i-9", ledger=ledger)
    shop.heap.change("i-17", tags={t.HOLD: t.HELD_BY_ADOPTION})
    shop.heap.change("i-x", tags=dict(shop.heap.at("i-17").tags))
    assert [one.group for one in show(shop.ports()).changes] == ["i-17"]
    shop.heap.change("i-17", state="stopped")
    with pytest.raises(Refused, match="no running machine"):
        show(shop.ports())


def test_a_rollback_moves_it_back(tmp_path: Path) -> None:
    """One call, right after the commit; nothing is made for it."""
    shop = Moving(tmp_path)
    rollback(shop.ports(), discard_writes=True)
    assert shop.ledger.live is not None
    assert (shop.ledger.live.id, shop.holder) == (OLD, "i-9")
    commit = max(n for n, act in enumerate(shop.acts) if act.startswith("swap"))
    assert shop.acts.index("switch i-9") > commit


def test_a_rollback_whose_move_fails_is_finished_by_a_young_sweep(tmp_path: Path) -> None:
    """Exit 5; writes wait for the move, and so do the jobs."""
    shop = Moving(tmp_path)
    shop.traffic.failing["switch"] = CloudError("no answer")
    with pytest.raises(FollowUpFailed):
        rollback(shop.ports(), discard_writes=True)
    assert shop.holder == "i-17"
    shop.traffic.failing.clear()
    shop.sweep(unfinished_only=True)
    assert shop.holder == "i-9"


def test_people_win_right_before_the_commit(tmp_path: Path) -> None:
    """A copy of the adopted live machine is nobody that is known, whatever its tags say."""
    adopted = {t.HOLD: t.HELD_BY_ADOPTION}
    ledger = replace(CLEAN, live=Live(LIVE, ("10.0.1.17",), ("i-17",)))
    shop = Moving(tmp_path, ledger=ledger)
    shop.heap.change("i-17", tags=adopted)
    order = JoinOrder(OLD, ("i-9",), {})
    refuse_moved(shop.managed, order, ledger)
    shop.heap.change("i-x", tags=dict(shop.heap.at("i-17").tags))
    shop.traffic.at[:] = ["i-x"]
    with pytest.raises(ToolError, match="somebody changed traffic meanwhile"):
        refuse_moved(shop.managed, order, ledger)


def test_a_deployer_that_slept_moves_nothing(tmp_path: Path) -> None:
    """Its commit was followed by another: AssociateAddress compares nothing, so it is not sent."""
    shop = Moving(tmp_path)
    order = JoinOrder(OLD, ("i-9",), {})
    before = refuse_moved(shop.managed, order, CLEAN)
    (line,) = switch(shop.managed, order, CLEAN.gen - 1, before)
    assert "the ledger has changed" in line
    assert shop.holder == "i-17"


def test_the_ledger_names_the_private_address(tmp_path: Path) -> None:
    """A public one proves nothing: the new machine loses it when the Elastic IP comes."""
    shop = Moving(tmp_path)
    run = leased(shop)
    run.created.public = True
    shell = shop.reach.machine("i-9")
    run.created.machines = (NewMachine("i-9", "198.51.100.9", shell, "10.0.1.9"),)
    assert (run.addresses, run.via) == (("10.0.1.9",), Via.PRIVATE)


def test_a_name_of_the_address_goes_along(tmp_path: Path) -> None:
    """Rule 13 is for names that a release leaves behind; one of live's own address still is."""
    shop = Moving(tmp_path)
    www = replace(shop.address, record="www.example.com")
    shop.ledgers.point(www, ADDRESS)
    shop.heap.change("i-17", addresses=("10.0.1.17", ADDRESS), public=(ADDRESS,))
    shop.guarded()
    shop.ledgers.point(www, ADDRESS, "10.0.1.17")
    with pytest.raises(Refused, match=r"www\.example\.com"):
        shop.guarded()


def test_new_machines_get_a_public_address_as_clients_have_one(tmp_path: Path) -> None:
    """The ledger has the private one, which stays; the new machine is asked at its public one."""
    shop = Moving(tmp_path)
    (live,) = shop.compute.instances(["i-17"])
    at = client_addresses(shop.managed, CLEAN)
    assert at == (ADDRESS,)
    assert shape(service(), live, at).public
    assert not shape(service(), live, CLEAN.live_addresses).public


def test_plan_says_what_moves(tmp_path: Path) -> None:
    """The address and where it was found; no record changes, and nothing is refused."""
    shop = Moving(tmp_path)
    found = preview(shop.ports())
    assert found.refusal is None
    assert ("commit", "the ledger; then the address moves") in found.steps
    assert Inferred("traffic", ALLOCATION, "the record leads to it") in found.values
    assert Inferred("address", "public", "as the record holds i-17") in found.values
    shop.traffic.at[:] = ["i-x"]
    refusal = preview(shop.ports()).refusal
    assert refusal is not None
    assert "deployer traffic shop --follow" in refusal.cure


def test_a_record_that_names_one_leads_here(tmp_path: Path) -> None:
    """What `up` refuses, `move` solves: the same machine, found by its private address."""
    home = LedgerHome("shop.example.com", PLACE.account, PLACE.region)
    (old,) = CLEAN.previous
    before = replace(
        CLEAN,
        home=home,
        live=Live(LIVE, (ADDRESS,), via=Via.ELASTIC),
        previous=(Previous(old.id, old.retired, (), count=1, via=Via.PUBLIC),),
    )
    shop = Moving(tmp_path, ledger=before)
    at = ("10.0.1.17", ADDRESS)
    shop.heap.change("i-17", addresses=at, public=(ADDRESS,), elastic=(ADDRESS,))
    done = move(shop.ports(), lambda _: None)
    assert shop.ledger.home == done.home == replace(home, traffic=(ALLOCATION,))
    assert shop.ledger.live == Live(LIVE, ("10.0.1.17",), via=Via.PRIVATE)
    assert [one.via for one in shop.ledger.previous] == [Via.PRIVATE]
    assert not shop.did("switch")


def test_a_record_that_names_one_leads_to_nobody_else(tmp_path: Path) -> None:
    """The address is a stranger's: whoever moved it has to say so first."""
    home = LedgerHome("shop.example.com", PLACE.account, PLACE.region)
    live = Live(LIVE, ("10.0.1.17",), via=Via.PRIVATE)
    shop = Moving(tmp_path, "i-x", ledger=replace(CLEAN, home=home, live=live))
    with pytest.raises(Refused, match="serves somebody else"):
        move(shop.ports(), lambda _: None)
    assert shop.ledger.home == home

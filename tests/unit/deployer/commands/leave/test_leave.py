"""Leave: what is live serves on and is nobody's, wherever the command is killed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.checks.service_state import survey
from deployer.commands.adopt import AdoptOptions, adopt
from deployer.commands.leave.command import LeaveOptions, Leaving, leave
from deployer.commands.move.command import move
from deployer.commands.recover.command import recover
from deployer.commands.status import status
from deployer.release.steps.guard import look
from reconciler.errors import DirtRemains, Refused, ToolError
from reconciler.gc.retention import Retention
from reconciler.machine.activation_gate import GENERATOR, LIST, STATE
from reconciler.machine.gate_placement import place_open
from reconciler.model import tags as t
from reconciler.model.ledger import Lease, Previous
from reconciler.plan.service_plan import SweepRequest
from tests.fakes.scene import Scene
from tests.support.gated_live import KEY, UNITS, gated
from tests.support.shop_world import ALL, CLEAN, DEAD, GATE, LEDGER, LIVE, NOW, OLD

LIVE_DB = LIVE.database_name(LEDGER)
OLD_DB = OLD.database_name(LEDGER)
LIVES = {"i-17", "vol-17", "eni-17", "ami-17", "snap-17"}


class Killed(BaseException):
    """kill -9: no handler of the product sees it."""


def yes(_: object) -> bool:
    """A person who has looked."""
    return True


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """The shop: live has its gate, and its units are enabled and run."""
    one = Scene(tmp_path, [each for each in ALL if each.deploy != DEAD])
    gated(one)
    one.acts.clear()
    return one


def broad_sweep(scene: Scene) -> None:
    """A month later, with a configuration that keeps as little as possible."""
    scene.ledgers.now = NOW + timedelta(days=30)
    ask = SweepRequest(Retention(keep=0, keep_rejected=timedelta(0)), 0)
    for _ in range(2):
        scene.sweep(ask)
    scene.ledgers.now = NOW


def serves_after_a_boot(scene: Scene) -> bool:
    """Whether live's units run after a reboot, cloud-init's boot command included."""
    from reconciler.machine.activation_gate import boot_script

    machine = scene.reach.machine("i-17")
    machine.boot(boot_script(GATE))
    return machine.active() >= set(UNITS)


def marks(scene: Scene) -> list[str]:
    """What of live still carries our tags."""
    return [id_ for id_ in sorted(LIVES) if any(k.startswith("deploy-") for k in tags(scene, id_))]


def tags(scene: Scene, id_: str) -> dict[str, str]:
    """The tags of a resource."""
    return dict(scene.heap.at(id_).tags)


def test_live_serves_on_and_nothing_of_it_is_ours(scene: Scene) -> None:
    """No tag, no gate, no memory; the ledger is a tombstone that roots it still."""
    done = leave(scene.ports(), yes)
    assert done.result.clean
    assert done.checked == "true on 1 machine"
    assert scene.ledger.live is None
    assert scene.ledger.left
    assert (scene.ledger.left.id, scene.ledger.left.ids) == (LIVE, ("i-17",))
    assert marks(scene) == []
    assert tags(scene, "i-17")["Name"]
    assert scene.server.held[LIVE_DB].comment == ""
    machine = scene.reach.machine("i-17")
    assert not machine.path(GENERATOR).exists()
    assert not machine.path(LIST).exists()
    assert machine.active() == set(UNITS)
    assert serves_after_a_boot(scene)


def test_the_note_of_people_comes_back(scene: Scene) -> None:
    """What stood in the comment before us stands there again."""
    memory = next(one.memory for one in scene.server.databases() if one.name == LIVE_DB)
    assert memory
    info = next(one for one in scene.server.databases() if one.name == LIVE_DB)
    scene.server.remember(info, replace(memory, note="orders since 2019"))
    leave(scene.ports(), yes)
    assert scene.server.held[LIVE_DB].comment == "orders since 2019"


def test_older_releases_become_garbage_when_their_time_has_come(scene: Scene) -> None:
    """Kept for `--keep`; then an ordinary sweep deletes them, and live is untouched."""
    done = leave(scene.ports(), yes, LeaveOptions(timedelta(hours=2)))
    assert OLD in done.leaving.kept
    assert OLD_DB in scene.databases
    scene.ledgers.now = NOW + timedelta(hours=1)
    scene.sweep()
    assert OLD_DB in scene.databases
    scene.ledgers.now = NOW + timedelta(hours=3)
    assert scene.sweep().clean
    assert OLD_DB not in scene.databases
    assert {one for one in scene.heap.ids if one.endswith("-17")} == LIVES
    assert LIVE_DB in scene.databases
    assert scene.ledger.rooted == {LIVE}


def _cuts(tmp_path: Path) -> range:
    """From the swap, before which nothing is changed, to the first act of the last sweep."""
    scene = _scene_of(tmp_path / "counted")
    leave(scene.ports(), yes)
    untagged = scene.acts.index("untag i-17")
    return range(scene.acts.index(scene.did("swap")[0]), untagged + 3)


def _scene_of(root: Path) -> Scene:
    root.mkdir(parents=True)
    return scene.__wrapped__(root)  # type: ignore[attr-defined,no-any-return]


def test_rule_1_wherever_it_is_killed_live_is_safe_and_it_is_finished_by_running_again(
    tmp_path: Path,
) -> None:
    """kill -9 before every act, then a broad sweep and a reboot of live; then `leave` again."""
    for cut in _cuts(tmp_path):
        scene = _scene_of(tmp_path / f"cut-{cut}")
        counted = iter(range(10_000))

        def kill(_: str, at: int = cut, counted: object = counted) -> None:
            if next(counted) == at:  # type: ignore[call-overload]
                raise Killed

        scene.acts.then = kill
        with pytest.raises(Killed):
            leave(scene.ports(), yes)
        scene.acts.then = lambda _: None
        act = scene.acts[-1]
        broad_sweep(scene)
        assert scene.heap.ids >= LIVES, f"killed at {act}: something of live is gone"
        assert LIVE_DB in scene.databases, act
        assert not scene.server.is_shut(LIVE_DB), act
        assert serves_after_a_boot(scene), f"killed at {act}: live does not serve after a reboot"
        _flag_enabled(scene)
        leave(scene.ports(), yes)
        assert marks(scene) == [], f"killed at {act}: not finished by running again"
        assert scene.server.held[LIVE_DB].comment == "", act
        assert not scene.reach.machine("i-17").path(GENERATOR).exists(), act


def _flag_enabled(scene: Scene) -> None:
    """The fake machine forgets at a boot which units are enabled."""
    for unit in UNITS:
        scene.reach.machine("i-17").flag(unit, "enabled")


def test_every_other_command_refuses_in_words(scene: Scene) -> None:
    """Each names `adopt`; status says it as well, and a sweep has nothing to do."""
    leave(scene.ports(), yes)
    for command in (
        lambda: look(scene.ports()),
        lambda: recover(scene.ports(), yes),
        lambda: move(scene.ports(), yes),
        lambda: survey(scene.ports()).known(),
    ):
        with pytest.raises(Refused, match="shop has left") as refused:
            command()
        assert "deployer adopt shop" in refused.value.cure
    shown = status(scene.ports())
    assert not shown.problem
    assert any("deployer adopt shop" in note for note in shown.notes)
    assert next(line.state for line in shown.deploys) == "left"
    assert scene.sweep().clean


def test_adopt_brings_it_back_under_its_own_id(scene: Scene) -> None:
    """It never lost its root: so its database, which is named after it, is its own again."""
    leave(scene.ports(), yes)
    scene.connector.keys["10.0.1.17"] = KEY
    scene.connector.at["10.0.1.17"] = scene.reach.machine("i-17")
    done = adopt(scene.ports(), yes, AdoptOptions(host_key=KEY.tag_value))
    assert done.deploy == LIVE
    assert scene.ledger.left is None
    assert scene.ledger.live
    assert (scene.ledger.live.id, scene.ledger.live.ids) == (LIVE, ("i-17",))
    assert tags(scene, "i-17")[t.HOLD] == t.HELD_BY_ADOPTION
    assert not survey(scene.ports()).service_plan.problem
    database = survey(scene.ports()).database(LIVE)
    assert database
    assert database.name == LIVE_DB
    assert scene.sweep().clean
    assert not scene.server.is_shut(LIVE_DB)


def test_adopt_waits_until_it_has_left(scene: Scene) -> None:
    """An interrupted `leave` is finished first: tags that it would take off must not come back."""
    scene.compute.failing["untag"] = ToolError("denied")
    with pytest.raises(
        DirtRemains, match="has left, but not everything followed: denied"
    ) as failed:
        leave(scene.ports(), yes)
    assert "deployer leave shop" in failed.value.cure
    scene.compute.failing.clear()
    scene.connector.at["10.0.1.17"] = scene.reach.machine("i-17")
    with pytest.raises(Refused, match="still leaving") as refused:
        adopt(scene.ports(), yes)
    assert "deployer leave shop" in refused.value.cure
    leave(scene.ports(), yes)
    assert marks(scene) == []


def test_a_no_changes_nothing(scene: Scene) -> None:
    """What becomes of it is shown before anything is written."""
    shown: list[Leaving] = []

    def no(wanted: Leaving) -> None:
        shown.append(wanted)
        raise Refused("a no")

    with pytest.raises(Refused, match="a no"):
        leave(scene.ports(), no)
    assert shown[0].until == NOW.replace(microsecond=0) + timedelta(hours=24)
    assert {one.id for one in shown[0].resources if one.kind != "database"} == LIVES
    assert scene.ledger == CLEAN
    assert scene.did("swap", "untag", "remove") == []


def _lease(scene: Scene) -> None:
    scene.ledger = replace(CLEAN, lease=Lease(DEAD, NOW + timedelta(minutes=1), "copy"))


def _asleep(scene: Scene) -> None:
    scene.reach.machine("i-17").path("/units/shop.service.enabled").unlink()


def _stopped(scene: Scene) -> None:
    scene.heap.change("i-17", state="stopped")


def _moved(scene: Scene) -> None:
    scene.ledgers.point(scene.address, "10.9.9.9")


def _other(scene: Scene) -> None:
    machine = scene.reach.machine("i-17")
    machine.write(LIST, machine.path(LIST).read_text() + "other crm.service\n")
    machine.write("/etc/systemd/system/crm.service", "[Service]\n")


def _shut(scene: Scene) -> None:
    act = scene.managed.fenced_act(CLEAN.gen, LIVE, ())
    scene.server.shut(LIVE_DB, act, ("shop_app",), 1.0)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_lease, "is being changed"),
        (_asleep, "after a reboot nothing would start it"),
        (_stopped, "i-17 is stopped"),
        (_moved, "somebody moved it"),
        (_other, "of another service"),
        (_shut, "is not finished"),
    ],
)
def test_what_is_not_well_is_refused_before_anything_changes(
    scene: Scene, make: object, said: str
) -> None:
    """A service that is being changed, or would not serve after a reboot, stays as it is."""
    make(scene)  # type: ignore[operator]
    before = scene.ledger
    with pytest.raises(Refused, match=said) as refused:
        leave(scene.ports(), yes)
    assert refused.value.cure
    assert scene.ledger == before
    assert scene.reach.machine("i-17").path(GENERATOR).exists()
    assert scene.did("swap", "untag") == []


def test_smoke_that_fails_is_refused_before_anything_changes(scene: Scene) -> None:
    """What does not serve now cannot be shown to serve afterwards."""
    ports = scene.ports(smoke=[{"command": "false", "tries": 1}])
    with pytest.raises(Refused, match="does not pass its own smoke checks"):
        leave(ports, yes)
    assert scene.ledger == CLEAN


def test_a_unit_that_need_not_start_is_named(scene: Scene) -> None:
    """`--despite` accepts it; `.service` may be left out."""
    _asleep(scene)
    leave(scene.ports(), yes, LeaveOptions(despite=("shop",)))
    assert scene.ledger.left


def test_a_late_order_of_an_older_generation_is_still_older(scene: Scene) -> None:
    """A machine that has obeyed something newer keeps its gate: this run is the late one."""
    place_open(scene.reach.machine("i-17"), GATE, CLEAN.gen + 50, str(LIVE))
    with pytest.raises(DirtRemains, match="newer generation"):
        leave(scene.ports(), yes)
    assert scene.reach.machine("i-17").path(GENERATOR).exists()


def test_the_files_are_gone_but_one_line_where_cloud_init_would_shut_it(scene: Scene) -> None:
    """A machine of a release keeps its own id in the state; an adopted one keeps nothing."""
    leave(scene.ports(), yes)
    assert scene.reach.machine("i-17").read(STATE) == "instance=i-17\n"


def test_previous_entries_need_room(scene: Scene) -> None:
    """A ledger that would not fit is refused before anything changes."""
    suffixes = (f"{number:05d}".replace("0", "x").replace("1", "y") for number in range(40))
    many = tuple(Previous(replace(OLD, suffix=suffix), NOW) for suffix in suffixes)
    scene.ledger = replace(CLEAN, previous=many)
    with pytest.raises(ToolError):
        leave(scene.ports(), yes)
    assert scene.ledger.live


def test_a_shared_database_leaves_and_comes_back_with_live(scene: Scene) -> None:
    """Live uses the database of an older release: no sweep drops it, and it is live's again."""
    assert CLEAN.live is not None
    scene.ledger = replace(CLEAN, live=replace(CLEAN.live, db=OLD))
    del scene.server.held[LIVE_DB]
    scene.sweep()  # opens it for live
    leave(scene.ports(), yes, LeaveOptions(keep=timedelta(0)))
    broad_sweep(scene)
    assert OLD_DB in scene.databases
    assert not scene.server.is_shut(OLD_DB)
    scene.connector.at["10.0.1.17"] = scene.reach.machine("i-17")
    adopt(scene.ports(), yes, AdoptOptions(host_key=KEY.tag_value))
    assert scene.ledger.live is not None
    assert (scene.ledger.live.id, scene.ledger.live.db) == (LIVE, OLD)
    info = next(one for one in scene.server.databases() if one.name == OLD_DB)
    assert info.memory is not None
    assert info.memory.deploy == OLD
    assert scene.plan().unknown == ()


def test_a_held_lease_offers_the_same_command_again(scene: Scene) -> None:
    """Not a release: whoever wants to leave does not want one."""
    _lease(scene)
    with pytest.raises(Refused, match="is being changed") as refused:
        leave(scene.ports(), yes)
    assert "deployer leave shop" in refused.value.cure
    assert "deployer up" not in refused.value.cure


def test_a_tag_of_other_people_stays(scene: Scene) -> None:
    """`deploy-window` looks like one of ours, and is another tool's: foreign things stay."""
    scene.heap.change("i-17", tags={"deploy-window": "sunday", t.SHARES: str(OLD)})
    leave(scene.ports(), yes)
    assert tags(scene, "i-17").get("deploy-window") == "sunday"
    assert not set(tags(scene, "i-17")) & set(t.OWN)

"""The guard: looks at everything, and refuses what is not clean, with the next command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from deployer import events as e
from deployer.release.context import ReleaseInputs, ReleaseOptions
from deployer.release.steps.guard import guard
from reconciler.cost.price_list import Prices
from reconciler.errors import (
    AccessDenied,
    CloudError,
    ConfigError,
    DatabaseError,
    LedgerUnknown,
    Refused,
    ToolError,
)
from reconciler.model.ledger import Kept, Lease, Previous
from reconciler.model.ledger_codec import LedgerTooLong, encode
from reconciler.model.resource import INSTANCE, Gap
from reconciler.model.tags import Label
from reconciler.plan.circuit_breaker import Cap
from reconciler.util.backoff import Backoff
from reconciler.util.secret import Reference, Secret
from tests.fakes.scene import READ_LOGIN, Scene
from tests.support.shop_world import CLEAN, DEAD, DIED, NOW, PLACE, deploy, resources

OTHER = deploy(3, "bbbbb")
HELD = replace(CLEAN, lease=Lease(OTHER, NOW + timedelta(minutes=8), "database"))
CHANGING = ("swap", "label", "delete", "drop", "shut", "thaw", "run", "stop", "create", "tag")


def run(scene: Scene, options: ReleaseOptions | None = None, **configured: object) -> ReleaseInputs:
    """A release that has not looked yet."""
    return ReleaseInputs(scene.ports(**configured), options or ReleaseOptions(), lambda _: None)


def leave_dirt(scene: Scene) -> None:
    """What a dead release left."""
    scene.heap.add(resources(DEAD, "v1.4.9", Label.PENDING, 41)[:-1])


def test_a_clean_service_passes(scene: Scene) -> None:
    """The id is born at AWS's time, whatever the local clock says; nothing was changed."""
    start = guard(run(scene))
    assert start.text == "clean"
    assert (start.deploy.service, start.deploy.born) == ("shop", NOW.replace(microsecond=0))
    assert (start.was, start.reading.drain_ttl) == ("v1.5.0", 60)
    assert scene.did(*CHANGING) == []


def test_two_ids_of_one_second_differ(scene: Scene) -> None:
    """The suffix is random."""
    assert len({guard(run(scene)).deploy for _ in range(5)}) == 5


def test_rule_2_the_guard_reads_the_ledger_last(scene: Scene) -> None:
    """The very reading that the lease is taken against is younger than the inventory.

    The other names come after it: they decide nothing but whether to go on.
    """
    guard(run(scene))
    assert scene.acts[:2] == ["scan", "read shop"]
    asked = {"look the units up on i-17", "read the asset tag on i-17", *READ_LOGIN}
    assert set(scene.acts[2:]) == {"names shop", *asked}


def test_what_retention_is_about_to_forget_is_no_dirt(scene: Scene) -> None:
    """Evidence whose time is over is still rooted: a release is not kept waiting for a sweep."""
    over = NOW - timedelta(minutes=10)
    scene.ledger = replace(CLEAN, kept=(Kept(DEAD, over),))
    scene.heap.add(resources(DEAD, "v1.4.9", Label.FAILED, 41)[:-1])
    assert guard(run(scene)).text == "clean"


def _lease(scene: Scene) -> None:
    scene.ledger = HELD


def _died(scene: Scene) -> None:
    scene.ledger = DIED
    leave_dirt(scene)


def _unfinished(scene: Scene) -> None:
    scene.heap.change("i-17", tags={"deploy-state": "pending"})


def _moved(scene: Scene) -> None:
    scene.ledgers.point(scene.address, "203.0.113.5")


def _no_ledger(scene: Scene) -> None:
    scene.ledgers.zone.texts.clear()
    scene.heap.held.clear()
    scene.server.held.clear()


def _lost_ledger(scene: Scene) -> None:
    scene.ledgers.zone.texts.clear()


def _unreadable(scene: Scene) -> None:
    scene.ledgers.unreadable["shop"] = LedgerUnknown("not a ledger")


def _no_answer(scene: Scene) -> None:
    scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")


def _gap(scene: Scene) -> None:
    scene.heap.gaps.append(Gap(PLACE, INSTANCE, "throttled"))


def _server_down(scene: Scene) -> None:
    scene.reach.server_down = DatabaseError("connection refused")


def _untagged(scene: Scene) -> None:
    scene.heap.change("i-17", tags={"deploy-part": "potato"})


def _stopped(scene: Scene) -> None:
    scene.heap.change("i-17", state="stopped")


def _full(scene: Scene) -> None:
    """As many previous deploys as fit: one more would not."""
    fits = CLEAN
    for n in range(60):
        one = Previous(deploy(9000 + n, "ccccc"), NOW, ("10.0.1.2", "10.0.1.3"))
        more = replace(fits, previous=(*fits.previous, one))
        try:
            encode(more)
        except LedgerTooLong:
            break
        fits = more
    scene.ledger = fits


REFUSED: dict[str, tuple[Callable[[Scene], None], str, str]] = {
    "somebody holds the lease": (_lease, "in `database`", "--wait"),
    "a dead release's things": (leave_dirt, "is not clean", "--sweep-first"),
    "a dead release's lease": (_died, "died in `migrate`", "reconciler sweep"),
    "a commit that is not finished": (_unfinished, "was not finished", "reconciler sweep"),
    "people moved the record": (_moved, "somebody moved it", "deployer adopt"),
    "nothing is adopted yet": (_no_ledger, "not under a ledger", "deployer adopt"),
    "the ledger is gone": (_lost_ledger, "the ledger is gone", "deployer recover"),
    "the ledger cannot be understood": (_unreadable, "not a ledger", "deployer recover"),
    "the ledger cannot be reached": (_no_answer, "no answer", "deployer status"),
    "a page could not be read": (_gap, "throttled", "deployer status"),
    "the database server is out of reach": (_server_down, "connection refused", "database.admin"),
    "the ledger would not fit": (_full, "characters", "keep"),
    "live's tags say nothing": (_untagged, "is not proved to be its machine", "explain i-17"),
    "live does not run": (_stopped, "there is nothing to clone", "deployer status"),
}


@pytest.mark.parametrize(("strike", "says", "cure"), list(REFUSED.values()), ids=list(REFUSED))
def test_what_is_not_clean_is_refused(
    scene: Scene, strike: Callable[[Scene], None], says: str, cure: str
) -> None:
    """In words, with the command that cures it; and nothing was changed."""
    strike(scene)
    scene.acts.clear()
    with pytest.raises(Refused) as refused:
        guard(run(scene))
    assert says in str(refused.value)
    assert cure in refused.value.cure
    assert scene.did(*CHANGING) == []


DENIED = AccessDenied("ec2:DescribeTags is denied: no", cure="allow ec2:DescribeTags")
CONFIGURED = ConfigError("env:ADMIN_URL is empty")


@pytest.mark.parametrize("error", [DENIED, CONFIGURED], ids=["denied", "configured"])
@pytest.mark.parametrize("where", ["ledger", "heap", "databases"])
def test_what_may_not_be_seen_keeps_its_exit_code(
    scene: Scene, where: str, error: ToolError
) -> None:
    """Access is access (6), configuration configuration (2): neither is an unknown service (3)."""
    if where == "ledger":
        scene.ledgers.unreadable["shop"] = error
    elif where == "heap":
        scene.heap.gaps.append(Gap.of(PLACE, INSTANCE, error))
    else:
        scene.reach.server_down = error
    with pytest.raises(type(error)) as refused:
        guard(run(scene))
    assert error.message in str(refused.value)
    assert error.cure in refused.value.cure
    assert scene.did(*CHANGING) == []


def test_a_key_that_is_not_there_is_missed_before_anything_is_made(scene: Scene) -> None:
    """The first machine would have been launched for nothing."""
    ports = scene.ports(ssh={"user": "admin", "key": "file:/nowhere"})
    missing = ConfigError("file:/nowhere cannot be read")

    def resolve(_: Reference) -> Secret:
        raise missing

    with pytest.raises(ConfigError, match="cannot be read"):
        guard(ReleaseInputs(replace(ports, resolve=resolve), ReleaseOptions(), lambda _: None))
    assert scene.did(*CHANGING) == []


def test_dirt_is_listed_with_what_it_costs(scene: Scene) -> None:
    """What, of which release, whose, since when, and dollars an hour."""
    leave_dirt(scene)
    with pytest.raises(Refused) as refused:
        guard(run(scene))
    assert "of v1.4.9 by ci@build-8812" in str(refused.value)
    assert "$0.0293/h" in str(refused.value)
    assert "i-41" in refused.value.detail
    assert "45m ago" in refused.value.detail


def test_dirt_costs_what_the_ports_say(scene: Scene) -> None:
    """Fetched prices go before the table, in the sum and in each line."""
    leave_dirt(scene)
    fetched = Prices("2026-11-23", {PLACE.region: {"t3.small": Decimal(7)}})
    ports = replace(scene.ports(), prices=fetched)
    with pytest.raises(Refused) as refused:
        guard(ReleaseInputs(ports, ReleaseOptions(), lambda _: None))
    assert "$7.0" in str(refused.value)
    assert "$7.0" in refused.value.detail


def test_a_named_item_is_no_hindrance(scene: Scene) -> None:
    """`--despite ID`: for what cannot be deleted; every other thing still is one."""
    leave_dirt(scene)
    ids = {one.id for one in scene.heap.held.values() if one.deploy == DEAD}
    guard(run(scene, ReleaseOptions(despite=frozenset(ids))))
    with pytest.raises(Refused, match="is not clean"):
        guard(run(scene, ReleaseOptions(despite=frozenset(ids - {"i-41"}))))


def test_sweep_first_cures_and_goes_on(scene: Scene) -> None:
    """A dead release's lease is ended, its things go, and the release begins."""
    _died(scene)
    one = run(scene, ReleaseOptions(sweep_first=True))
    assert guard(one).text == "clean"
    assert "i-41" not in scene.heap.ids
    assert scene.ledger.lease is None


def test_sweep_first_does_not_touch_a_release_under_way(scene: Scene) -> None:
    """A lease that runs is no dirt."""
    scene.ledger = HELD
    with pytest.raises(Refused, match="is being changed"):
        guard(run(scene, ReleaseOptions(sweep_first=True)))
    assert scene.ledger == HELD


def test_sweep_first_that_does_not_help_is_refused(scene: Scene) -> None:
    """A protected machine stays dirt."""
    leave_dirt(scene)
    scene.heap.protected["i-41"] = "termination protection"
    with pytest.raises(Refused, match="is not clean"):
        guard(run(scene, ReleaseOptions(sweep_first=True)))


def test_sweep_first_deletes_no_more_than_the_cap(scene: Scene) -> None:
    """A clean start is asked for, not the deletion of all that a mistake may call garbage."""
    leave_dirt(scene)
    scene.managed = replace(scene.managed, cap=Cap(count=1, share=0.0))
    with pytest.raises(Refused, match="too much to delete at once"):
        guard(run(scene, ReleaseOptions(sweep_first=True)))
    assert scene.did(*CHANGING) == []


@pytest.fixture
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow each other without a pause."""
    monkeypatch.setattr(Backoff, "attempts", lambda _: range(5))


@pytest.mark.usefixtures("haste")
def test_waiting_ends_when_the_other_release_has(scene: Scene) -> None:
    """`--wait`: whoever holds the lease is named while one waits."""
    scene.ledger = HELD
    notes: list[str] = []

    def told(event: e.Event) -> None:
        if isinstance(event, e.StepNote):
            notes.append(event.text)
            scene.ledger = replace(CLEAN, gen=HELD.gen + 1)

    one = ReleaseInputs(scene.ports(), ReleaseOptions(wait=timedelta(minutes=15)), told)
    assert guard(one).text == "clean"
    assert str(OTHER) in notes[0]


@pytest.mark.usefixtures("haste")
def test_waiting_in_vain_is_refused(scene: Scene) -> None:
    """The deadline came first."""
    scene.ledger = HELD
    with pytest.raises(Refused, match="is being changed"):
        guard(run(scene, ReleaseOptions(wait=timedelta(seconds=1))))


@pytest.mark.usefixtures("haste")
def test_nobody_waits_for_the_dead(scene: Scene) -> None:
    """A lease that has run out is dirt, at once."""
    _died(scene)
    with pytest.raises(Refused, match="died in"):
        guard(run(scene, ReleaseOptions(wait=timedelta(minutes=15))))
    assert scene.acts.count("scan") == 1


def test_a_first_release_wants_an_image(scene: Scene) -> None:
    """Nothing serves yet: the configuration says what to begin from."""
    _no_ledger(scene)
    scene.ledgers.zone.records.clear()
    with pytest.raises(ConfigError, match="no image to begin from"):
        guard(run(scene))
    assert guard(run(scene, instance={"image": "ami-0123abcd"})).text == "a first release"


@pytest.mark.parametrize("word", ["nope", "i-99"])
def test_despite_of_nothing_is_refused(scene: Scene, word: str) -> None:
    """A typing mistake is no consent: nothing is called so."""
    with pytest.raises(Refused, match=f"--despite {word}: no resource") as refused:
        guard(run(scene, ReleaseOptions(despite=frozenset({word, "i-17"}))))
    assert "deployer status shop" in refused.value.cure
    assert scene.did(*CHANGING) == []

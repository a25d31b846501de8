"""The ledger or the record is not what it should be: lost, restored, moved, another's."""

from __future__ import annotations

from dataclasses import replace

from deployer.ports import Ports
from reconciler.aws.s3 import ledger_store
from reconciler.database.state_comment import Memory
from reconciler.errors import AccessDenied, CloudError
from reconciler.model import tags as t
from reconciler.model.ledger import Lease, LedgerHome
from reconciler.model.reading import LedgerAddress, Reading
from reconciler.model.resource import INSTANCE, Resource
from reconciler.model.tags import AccountRegion
from tests.cures.case import Case
from tests.cures.desk import Desk, www_gone, www_names
from tests.cures.lease import RUNS, counted, shut
from tests.fakes.scene import ROLE
from tests.support.gated_live import KEY
from tests.support.shop_world import CLEAN, DEAD, LEDGER, LIVE, NOW, OLD, PLACE

HOME = LedgerHome("shop.example.com", PLACE.account, PLACE.region)
THERE = LedgerAddress("shop", "Z2", "example.org", "shop.example.org", PLACE.account, PLACE.region)
LIVE_AT, OLD_AT = "10.0.1.17", "10.0.1.9"
RETIRE = f"deployer retire shop --nobody-live {LIVE}"


def lost(desk: Desk) -> None:
    """Somebody has deleted the ledger's record."""
    counted(desk)
    desk.scene.ledgers.zone.texts.clear()


def marked_deleted(desk: Desk) -> None:
    """The ledger is an object in a bucket, on which somebody has put the mark of a deletion."""
    lost(desk)
    ledgers = desk.scene.ledgers
    read, bucket = ledgers.read, LedgerAddress.in_bucket("s3://ledgers", "shop", HOME.record)

    def read_marked(address: LedgerAddress) -> Reading:
        if address.name not in ledgers.zone.texts:
            raise ledger_store._deleted(bucket)
        return read(address)

    desk.patch.setattr(ledgers, "read", read_marked)


def garbled(desk: Desk) -> None:
    """Somebody has written something else there."""
    counted(desk)
    desk.scene.ledgers.zone.texts[desk.scene.address.name] = ('"hello world"', 60)


def restored(desk: Desk) -> None:
    """The zone was restored from a backup: the ledger is older than what has been obeyed."""
    counted(desk)
    desk.scene.ledger = replace(CLEAN, gen=1)


def moved(desk: Desk) -> None:
    """Somebody has pointed the record at a machine that they set up by hand."""
    counted(desk)
    desk.scene.ledger = replace(CLEAN, home=HOME)
    desk.scene.ledgers.point(desk.scene.address, STRANGE)
    by_hand(desk)


def by_hand(desk: Desk) -> None:
    """A machine that no deploy made, and that answers SSH."""
    scene = desk.scene
    scene.heap.add([MACHINE])
    scene.connector.keys[STRANGE] = KEY
    scene.server.create("shop", ROLE, Memory(LIVE, LEDGER, NOW))
    scene.server.held["shop"].comment = ""
    machine = scene.connector.at[STRANGE] = scene.reach.machine(MACHINE.id, STRANGE)
    machine.write("/etc/shop/env", f"DATABASE_URL=postgresql://{ROLE}:pw@db:5432/shop\n")


def put_back(desk: Desk) -> None:
    """It is pointed back to live."""
    desk.scene.ledgers.point(desk.scene.address, LIVE_AT)


def put_back_and_recovered(desk: Desk) -> None:
    """And the ledger is written anew."""
    put_back(desk)
    assert desk.types("deployer recover shop").code == 0


def removed(desk: Desk) -> None:
    """Somebody has deleted the A record."""
    counted(desk)
    desk.scene.ledger = replace(CLEAN, home=HOME)
    desk.scene.ledgers.point(desk.scene.address)


def lost_and_removed(desk: Desk) -> None:
    """Both records are gone: whoever is labelled live may serve."""
    lost(desk)
    unpointed(desk)


def lost_and_moved(desk: Desk) -> None:
    """The ledger is lost, and the record names the release before."""
    lost(desk)
    desk.scene.ledgers.point(desk.scene.address, OLD_AT)


def lost_and_elsewhere(desk: Desk) -> None:
    """The ledger is lost, and the record names a machine of nobody."""
    lost(desk)
    desk.scene.ledgers.point(desk.scene.address, "10.0.9.9")


def held(desk: Desk) -> None:
    """A release is at work, and the zone was restored meanwhile."""
    counted(desk)
    desk.scene.ledger = replace(CLEAN, gen=1, lease=Lease(DEAD, RUNS, "launch"))


def homeless(desk: Desk) -> None:
    """A ledger of an older version in the wrong region: nothing that it names is here."""
    counted(desk)
    desk.scene.heap.held.clear()


def unpointed(desk: Desk) -> None:
    """The A record is deleted by whoever knows that nobody serves there."""
    desk.scene.ledgers.point(desk.scene.address)


def renamed(desk: Desk) -> None:
    """The configuration names another record of the same zone."""
    counted(desk)
    desk.scene.ledger = replace(CLEAN, home=HOME)
    placed(desk, "www.example.com")


def other_zone(desk: Desk) -> None:
    """The configuration names a record of another zone."""
    counted(desk)
    desk.scene.ledger = replace(CLEAN, home=HOME)
    placed(desk, THERE)


def placed(desk: Desk, place: str | LedgerAddress) -> None:
    """The configuration names this record, or this place."""

    def at(ports: Ports) -> Ports:
        old = ports.managed.address
        address = replace(old, record=place) if isinstance(place, str) else place
        there = AccountRegion(address.account, address.region)
        home = replace(ports.managed.home, ledger=str(address), place=there)
        return replace(ports, managed=replace(ports.managed, address=address, home=home))

    desk.placed = at


def here(desk: Desk) -> None:
    """The configuration that it has had is used again."""
    desk.placed = lambda ports: ports


def went_away(desk: Desk) -> None:
    """It was moved to another zone, and this configuration is the old one."""
    other_zone(desk)
    assert desk.types("deployer move shop").code == 0
    here(desk)


def there(desk: Desk) -> None:
    """The configuration of the new zone."""
    placed(desk, THERE)


def lost_and_named(desk: Desk) -> None:
    """The ledger is lost, and another name leads to live."""
    lost(desk)
    www_names(desk, LIVE_AT)


def lost_and_denied(desk: Desk) -> None:
    """The ledger is lost, and tags may not be written."""
    lost(desk)
    desk.scene.ledger = replace(CLEAN, gen=1)
    placed(desk, "shop.example.com")
    for one in [one for one in desk.scene.heap.held.values() if one.deploy == LIVE]:
        desk.scene.heap.change(one.id, tags={t.LEDGER: "Z0/shop._deploy.example.com"})
    desk.scene.compute.failing["tag"] = AccessDenied("ec2:CreateTags is denied")


def allowed(desk: Desk) -> None:
    """They may."""
    desk.scene.compute.failing.clear()


def never_there(desk: Desk) -> None:
    """Nothing of the service is found under this record: it is live under another."""
    other_zone(desk)
    desk.scene.heap.held.clear()


def moving_denied(desk: Desk) -> None:
    """It goes to another zone, and tags may not be written."""
    other_zone(desk)
    desk.scene.compute.failing["tag"] = AccessDenied("ec2:CreateTags is denied")


def rolled_back(desk: Desk) -> None:
    """The same while a rollback had begun."""
    unreachable(desk)
    desk.scene.heap.change("i-9", tags={t.STATE: "pending"})


def comes_back(desk: Desk) -> None:
    """It is out of reach for the first read alone."""
    unreachable(desk)
    reads: list[str] = []

    def then(act: str) -> None:
        if act == "read shop":
            reads.append(act)
            if len(reads) == 3:  # status, and the first of thaw
                desk.scene.ledgers.unreadable.clear()

    desk.scene.acts.then = then


def unreachable(desk: Desk) -> None:
    """Route 53 gives no answer, while live is shut."""
    shut(desk)
    desk.scene.ledgers.unreadable["shop"] = CloudError("route53: no answer")


def answers(desk: Desk) -> None:
    """It answers again."""
    desk.scene.ledgers.unreadable.clear()


STRANGE = "10.0.0.5"
MACHINE = Resource(
    INSTANCE,
    "i-0b17be44",
    PLACE,
    state="running",
    token="by-hand",
    type="t3.micro",
    addresses=(STRANGE,),
)
UP, RECOVER = "deployer up shop", "deployer recover shop"
WHO, DRIFT = "deployer/commands/recover/who_is_live.py::", "reconciler/plan/record_drift.py::"
HOMES = "reconciler/model/ledger_home.py::"
CASES = (
    Case("deployer/checks/refusals.py::unknown", lost, UP, RECOVER),
    Case("reconciler/aws/s3/ledger_store.py::_deleted", marked_deleted, UP, RECOVER),
    Case("deployer/output/status.py::unknown_cure", restored, "deployer status shop", RECOVER),
    Case("deployer/commands/recover/command.py::_held", held, RECOVER, f"{RECOVER} --end-lease"),
    Case(f"{DRIFT}_cure_of_moved", moved, UP, RECOVER, put_back),
    Case(f"{DRIFT}_cure_of_moved", moved, UP, f"deployer adopt shop --replace {LIVE}"),
    Case(f"{DRIFT}_cure_of_moved", removed, UP, RETIRE),
    Case(f"{WHO}_refuse_unnamed", lost_and_moved, RECOVER, f"{RECOVER} --replace {LIVE}"),
    Case(f"{WHO}_absent", removed, RECOVER, RETIRE),
    Case(f"{WHO}_absent", lost_and_removed, RECOVER, f"{RECOVER} --nobody-live"),
    Case(f"{WHO}_refuse_unnamed", lost_and_moved, RECOVER, RECOVER, put_back),
    Case(f"{WHO}_undecided", lost_and_elsewhere, RECOVER, RECOVER, put_back),
    Case("reconciler/gc/misplaced_ledger.py::in_sight", homeless, UP, RECOVER, unpointed),
    Case(
        "deployer/commands/adopt.py::_refuse_unnamed",
        moved,
        "deployer adopt shop",
        f"deployer adopt shop --replace {LIVE}",
    ),
    Case(
        "deployer/commands/recover/command.py::_refuse_led_to",
        lost_and_named,
        RECOVER,
        RECOVER,
        www_gone,
    ),
    Case(
        "deployer/commands/recover/command.py::recover", lost_and_denied, RECOVER, RECOVER, allowed
    ),
    Case(
        f"{WHO}_refuse_unnamed",
        lost_and_moved,
        RECOVER,
        f"deployer rollback shop --to {OLD}",
        put_back_and_recovered,
    ),
    Case(
        "deployer/commands/move/command.py::move",
        moving_denied,
        "deployer move shop",
        "deployer move shop",
        allowed,
    ),
    Case(
        "deployer/commands/thaw.py::_rolled_back",
        rolled_back,
        "deployer thaw shop --deployer-is-dead",
        f"deployer thaw shop --deployer-is-dead --not-moved {LIVE}",
        later=answers,
    ),
    Case(
        "deployer/commands/thaw.py::_refuse_said",
        comes_back,
        "deployer thaw shop",
        "deployer thaw shop",
    ),
    Case(f"{HOMES}_of_another", renamed, UP, "deployer move shop"),
    Case(f"{HOMES}_moved", went_away, UP, "deployer move shop", there),
    Case(
        "deployer/commands/thaw.py::_without_ledger",
        unreachable,
        "deployer thaw shop",
        "deployer thaw shop --deployer-is-dead",
        later=answers,
    ),
)

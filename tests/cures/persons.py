"""What a person does before the pasted command: edits a file, changes a record or a machine."""

from __future__ import annotations

from dataclasses import replace

from reconciler.model import ledger_transitions
from reconciler.model import tags as t
from reconciler.model.ledger import Previous, Via
from reconciler.model.reading import LedgerAddress
from reconciler.model.resource import TARGET_GROUP, Resource
from tests.cures.case import Case
from tests.cures.desk import Desk
from tests.cures.homes import IMAGE, MOVE, UP, adopted, interrupted
from tests.cures.lease import counted
from tests.cures.ledger import (
    HOME,
    LIVE_AT,
    MACHINE,
    RETIRE,
    THERE,
    here,
    other_zone,
    placed,
    there,
    unpointed,
)
from tests.cures.sweeps import SWEEP
from tests.fakes.traffic import FakeTraffic
from tests.support.shop_world import CLEAN, LISTENER, NOW, PLACE, deploy

MOVING, ADOPT = "deployer move shop", "deployer adopt shop"
OTHER_REGION = LedgerAddress(
    "shop", "Z1", "example.com", "shop.example.com", PLACE.account, "eu-north-1"
)
THIRD = LedgerAddress("shop", "Z3", "example.net", "shop.example.net", PLACE.account, PLACE.region)


def unheld(desk: Desk) -> None:
    """The hold of the adopted machine was taken off."""
    adopted(desk)
    desk.scene.heap.untag(MACHINE.id, [t.HOLD])


def other_region(desk: Desk) -> None:
    """The configuration names another region."""
    counted(desk)
    desk.scene.ledger = replace(CLEAN, home=HOME)
    placed(desk, OTHER_REGION)


def closing(desk: Desk) -> None:
    """The configuration that it has had, and its record is gone."""
    here(desk)
    unpointed(desk)


def renamed_file(desk: Desk) -> None:
    """The service's file has got another name; the record is the same."""
    counted(desk)
    desk.scene.ledger = replace(CLEAN, home=HOME)
    desk.named = "site"


def old_name(desk: Desk) -> None:
    """The file's name is what it was."""
    desk.named = "shop"


def old_name_closed(desk: Desk) -> None:
    """And people have removed the record, since nobody is to serve."""
    desk.named = "shop"
    unpointed(desk)


def new_name(desk: Desk) -> None:
    """The service begins under its new name."""
    desk.named = "site"


def elsewhere_twice(desk: Desk) -> None:
    """A move to another zone was interrupted, and the configuration names a third."""
    other_zone(desk)
    desk.scene.ledger = ledger_transitions.close(desk.scene.ledger, str(THERE))
    placed(desk, THIRD)


def closed_and_elsewhere(desk: Desk) -> None:
    """It was closed, its labels were not finished, and the configuration names another zone."""
    interrupted(desk)
    desk.scene.ledger = replace(desk.scene.ledger, home=HOME)
    unpointed(desk)
    assert desk.types(RETIRE).code != 0
    there(desk)
    desk.changes["instance"] = {"image": IMAGE, "type": "t3.small", "subnets": ["subnet-1"]}


def full(desk: Desk) -> None:
    """So many releases of so many machines are kept that a rollback would have no room."""
    counted(desk)
    desk.changes["keep"] = 20
    many = [
        Previous(deploy(60 * 24 * day, "ccccc"), NOW, count=150, via=Via.PRIVATE)
        for day in range(2, 21)
    ]
    desk.scene.ledger = replace(CLEAN, previous=(*CLEAN.previous, *many))


def keeps_less(desk: Desk) -> None:
    """A lower `keep`."""
    desk.changes["keep"] = 1


def new_record(desk: Desk) -> None:
    """The configuration names another zone, where people have made the record."""
    other_zone(desk)
    desk.scene.ledgers.point(THERE, LIVE_AT)


def two_moves(desk: Desk) -> None:
    """The configuration names a bucket for the ledger and a listener for traffic, both new."""
    counted(desk)
    desk.scene.ledger = replace(CLEAN, home=HOME)
    bucket = LedgerAddress.in_bucket("s3://company-ledgers/ledgers", "shop", "shop.example.com")
    placed(
        desk,
        replace(bucket, account=PLACE.account, region=PLACE.region, traffic=(LISTENER,)),
    )


def one_move(desk: Desk) -> None:
    """The ledger stays where it is; the listener forwards to a group that holds live's machine."""
    scene = desk.scene
    traffic = FakeTraffic(scene.heap)
    group = Resource(TARGET_GROUP, "targetgroup/made/1", PLACE, name="made", uses=("i-17",))
    traffic.add(group, 1)
    scene.managed = replace(scene.managed, traffic=traffic)
    placed(desk, replace(scene.managed.address, traffic=(LISTENER,)))


CASES = (
    Case(f"{MOVE}_refuse_other_traffic", two_moves, MOVING, MOVING, one_move),
    Case("deployer/commands/adopt.py::_refuse_another", new_record, ADOPT, MOVING),
    Case(
        "deployer/commands/adopt.py::_refuse_born",
        unheld,
        ADOPT,
        f"reconciler hold {MACHINE.id} adopted",
    ),
    Case("reconciler/model/ledger_home.py::_of_another", other_region, UP, RETIRE, closing),
    Case(f"{MOVE}_refuse_other_place", other_region, MOVING, RETIRE, closing),
    Case("reconciler/model/ledger_home.py::_taken", renamed_file, "deployer up site", UP, old_name),
    Case(
        "reconciler/model/ledger_home.py::_taken",
        renamed_file,
        "deployer up site",
        RETIRE,
        old_name_closed,
        new_name,
    ),
    Case(f"{MOVE}_on_its_way", elsewhere_twice, MOVING, MOVING, there),
    Case(f"{MOVE}_live", closed_and_elsewhere, MOVING, UP),
    Case("deployer/checks/ledger_room.py::_full", full, UP, SWEEP, keeps_less),
)

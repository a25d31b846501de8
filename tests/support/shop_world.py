"""A small world of one service, as values: live, previous, rejected, kept, and a dead release."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.gc.ownership import ServiceLocation
from reconciler.gc.verdict import Root
from reconciler.machine.activation_gate import ActivationGate
from reconciler.machine.unit_state import digest
from reconciler.model import tags as t
from reconciler.model.coverage import INDEX, Read
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Kept, Lease, Ledger, Live, Previous, Via
from reconciler.model.resource import (
    ADDRESS,
    DATABASE,
    GROUP,
    IMAGE,
    INSTANCE,
    INTERFACE,
    KEY_PAIR,
    RDS_INSTANCE,
    RDS_SNAPSHOT,
    SNAPSHOT,
    TARGET_GROUP,
    TEMPLATE,
    VOLUME,
    Gap,
    Inventory,
    Resource,
)
from reconciler.model.tags import AccountRegion, BirthTags, Label
from reconciler.plan.planner import plan
from reconciler.plan.service_plan import Plan, SweepRequest

PLACE = AccountRegion("123456789012", "eu-west-1")
LEDGER = "Z1/shop._deploy.example.com"
HOME = ServiceLocation("shop", LEDGER, PLACE)
NOW = datetime(2026, 11, 23, 3, 29, 52, tzinfo=UTC)
ZONE = "eu-west-1a"
LISTENER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/a1/b2"
GATE = ActivationGate(("shop",), ("shop-worker",))
UNITS = digest(GATE)


def deploy(minutes: int, suffix: str) -> DeployId:
    """A deploy of shop, born so many minutes before NOW."""
    return DeployId("shop", (NOW - timedelta(minutes=minutes)).replace(second=2), suffix)


LIVE = deploy(72, "7kq2m")
OLD = deploy(60 * 24 * 11, "p0d3e".replace("0", "9"))
DEAD = deploy(45, "x9f4c")


def resources(one: DeployId, release: str, label: Label, number: int) -> list[Resource]:
    """A whole deploy: machine, disk, interface, image, snapshot, database."""
    born = BirthTags(one, LEDGER, PLACE, release, "ci@build-8812")
    machine, image, disk = f"i-{number}", f"ami-{number}", f"vol-{number}"

    def resource(kind: str, id_: str, **facts: Any) -> Resource:
        tags = born.of(kind) | {"deploy-state": label.value}
        return replace(Resource(kind, id_, PLACE, tags, created=one.born), **facts)

    return [
        resource(
            INSTANCE,
            machine,
            tags=born.of(INSTANCE) | {"deploy-state": label.value, t.UNITS: UNITS},
            state="running",
            type="t3.small",
            zone=ZONE,
            token=one.client_token(ZONE),
            addresses=(f"10.0.1.{number}",),
            uses=(disk, f"eni-{number}"),
            public_ips=1,
        ),
        resource(VOLUME, disk, state="in-use", type="gp3", size_gb=8, used_by=(machine,)),
        resource(INTERFACE, f"eni-{number}", state="in-use", used_by=(machine,)),
        resource(IMAGE, image, state="available", name=one.image_name, uses=(f"snap-{number}",)),
        resource(SNAPSHOT, f"snap-{number}", source=image, size_gb=8, used_by=(image,)),
        resource(DATABASE, f"db-{number}", name=one.database_name(LEDGER), state="open"),
    ]


def more_things(one: DeployId, release: str, label: Label, number: int) -> list[Resource]:
    """What a deploy's hooks may have made with its tags; the deployer itself makes none of it."""
    born = BirthTags(one, LEDGER, PLACE, release, "ci@build-8812")

    def resource(kind: str, id_: str, **facts: Any) -> Resource:
        tags = born.of(kind) | {"deploy-state": label.value}
        return replace(Resource(kind, id_, PLACE, tags, created=one.born), **facts)

    group = f"sg-{number}"
    return [
        resource(ADDRESS, f"eipalloc-{number}", created=None, state="idle", public_ips=1),
        resource(KEY_PAIR, f"key-{number}", name=one.stem),
        resource(TEMPLATE, f"lt-{number}", name=one.stem, uses=(f"ami-{number}", group)),
        resource(GROUP, group, name=one.stem, created=None),
        resource(
            RDS_INSTANCE,
            f"db:{one.stem}",
            name=one.rds_identifier,
            state="available",
            type="db.t3.micro",
            size_gb=20,
            uses=(group,),
        ),
        resource(RDS_SNAPSHOT, f"snapshot:{one.stem}", name=one.stem, type="manual", size_gb=20),
        target_group(one, label, number),
    ]


def target_group(
    behind: DeployId, label: Label, number: int, *, lease: DeployId | None = None, **tags: str
) -> Resource:
    """The target group that `lease` (the deploy itself unless given) made for its machine."""
    maker, born = lease or behind, BirthTags(behind, LEDGER, PLACE, "v1", "ci@build-8812")
    more = {t.STATE: label.value, t.LEASE: str(maker), t.LISTENER: LISTENER, **tags}
    name = maker.target_group_name(LISTENER)
    return Resource(
        TARGET_GROUP,
        f"targetgroup/{name}/{number:016x}",
        PLACE,
        {**born.of(TARGET_GROUP), **more},
        name=name,
        uses=(f"i-{number}",),
    )


ALL = (
    *resources(LIVE, "v1.5.0", Label.LIVE, 17),
    *(
        replace(one, state="shut" if one.kind == DATABASE else one.state)
        for one in resources(OLD, "v1.4.2", Label.RETIRED, 9)
    ),
    *resources(DEAD, "v1.4.9", Label.PENDING, 41),
)

CLEAN = Ledger(
    gen=44,
    live=Live(LIVE, ("10.0.1.17",), via=Via.PRIVATE),
    previous=(Previous(OLD, NOW - timedelta(minutes=70), count=1, via=Via.PRIVATE),),
)
DIED = replace(CLEAN, lease=Lease(DEAD, NOW - timedelta(minutes=4), "migrate"))
EVIDENCE = replace(CLEAN, kept=(Kept(DEAD, NOW + timedelta(hours=1)),))


def root(ledger: Ledger = CLEAN, problem: str = "") -> Root:
    """Shop's root set, its record as the ledger wrote it."""
    record = ledger.live.at if ledger.live else ()
    return Root(HOME, NOW, ledger=ledger, record=record, problem=problem)


def planned(
    ledger: Ledger = CLEAN,
    resources: Iterable[Resource] = ALL,
    problem: str = "",
    gaps: tuple[Gap, ...] = (),
) -> Plan:
    """What a sweep of that world would do."""
    inventory = Inventory(tuple(resources), gaps, (Read(PLACE, INDEX, pages=4, calls=4),))
    return plan(inventory, {"shop": root(ledger, problem)}, {"shop": SweepRequest()})

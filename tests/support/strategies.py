"""Worlds for property tests: heaps and ledgers that fit together, mostly, and strangers among them.

Built of whole deploys, each thing then mishandled as clouds and people do: tags copied, labels
changed, holds set, machines stopped, things missing. The ledger names some of the deploys.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from hypothesis import strategies as st

from reconciler.gc.other_names import OtherNames
from reconciler.gc.retention import Retention, StandbyPolicy
from reconciler.gc.verdict import Root
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Kept, Lease, Ledger, Live, Previous, Via
from reconciler.model.resource import DATABASE, INSTANCE, Gap, Inventory, Resource
from reconciler.model.tags import HELD_BY_ADOPTION, AccountRegion, Label
from reconciler.plan.planner import plan
from reconciler.plan.service_plan import ServicePlan, SweepRequest
from tests.support.shared_databases import shared
from tests.support.shop_world import HOME, NOW, PLACE, UNITS, deploy, more_things, resources

RESTING = StandbyPolicy(timedelta(minutes=10), "stop", timedelta(hours=1))
SUFFIXES = ("aaaaa", "bbbbb", "ccccc", "ddddd", "eeeee")
ROLES = ("live", "previous", "rejected", "kept", "lease", "nobody", "nobody")
LABELS = {
    "live": Label.LIVE,
    "previous": Label.RETIRED,
    "rejected": Label.RETIRED,
    "kept": Label.FAILED,
    "lease": Label.PENDING,
    "nobody": Label.PENDING,
}
NAMES = (
    *(OtherNames(),) * 6,
    *(
        OtherNames({"www.example.com": (f"10.0.1.{number}", "203.0.113.5")})
        for number in range(1, 6)
    ),
    OtherNames(problem="route53: no answer"),
)
"""What other names lead to: mostly nothing, else the machine of one deploy or another."""

ELSEWHERE = AccountRegion(PLACE.account, "us-east-1")


@dataclass(frozen=True)
class World:
    """A heap, the root set read after it, and what is asked of the sweep."""

    inventory: Inventory
    root: Root
    ask: SweepRequest

    @cached_property
    def plan(self) -> ServicePlan:
        """What a sweep would do to `shop`."""
        whole = plan(self.inventory, {"shop": self.root}, {"shop": self.ask})
        return whole.services[0]

    @property
    def deleted(self) -> set[tuple[str, str, str]]:
        """Keys of what the plan deletes."""
        return {one.resource.key for one in self.plan.deletes}

    def holding(self, resources: tuple[Resource, ...], *gaps: Gap) -> World:
        """The same with other things in the heap."""
        return replace(self, inventory=Inventory(resources, (*self.inventory.gaps, *gaps)))


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """`usual` far more often than any of the others."""
    return st.sampled_from((usual,) * 19 + others)


_TAGGED: tuple[dict[str, str], ...] = (
    {t.HOLD: "look at it"},
    {t.HOLD: ""},
    {t.HOLD: HELD_BY_ADOPTION},
    {t.PART: "instance@123456789012/us-east-1"},
    {t.LEDGER: "Z2/shop._deploy.example.net"},
    {"aws:backup:source-resource": "arn"},
    {t.STATE: "live"},
    {t.STATE: "left"},
    {t.STATE: "nonsense"},
    {t.ID: "blog/20261123T031502Z-7kq2m"},
    {t.ID: "no id"},
)
_CHANGED: tuple[dict[str, Any], ...] = (
    *({"tags": one} for one in _TAGGED),
    {"token": "", "name": "copy", "source": "copied"},
    {"state": "stopped"},
    {"state": "shut"},
    {"shared": True},
    {"place": ELSEWHERE},
    {"created": NOW - timedelta(days=900)},
    {"addresses": ("10.9.9.9",)},
    {"used_by": ("i-stranger",)},
    {"used_by": (), "uses": ()},
)
GONE = {"state": "gone"}
FATES = (*_CHANGED, *(GONE,) * 4)
_FATES = st.sampled_from(({},) * 160 + _CHANGED + (GONE,) * 4)


@st.composite
def _deploy(draw: st.DrawFn, one: DeployId, role: str, number: int) -> list[Resource]:
    """A deploy's things in this role, some of them mishandled or missing."""
    whole = resources(one, f"v{number}", LABELS[role], number)
    if draw(st.booleans()):
        whole += more_things(one, f"v{number}", LABELS[role], number)
    fates = draw(st.lists(_FATES, min_size=len(whole), max_size=len(whole)))
    return [
        suffer(resource, status)
        for resource, status in zip(whole, fates, strict=True)
        if status != GONE
    ]


def suffer(resource: Resource, status: dict[str, Any]) -> Resource:
    """The thing after what befell it; its tags are changed one by one.

    A database has no label that anybody could change: its fence speaks for it
    (`reconciler.database.inventory`).
    """
    tags = {**resource.tags, **status.get("tags", {})}
    if resource.kind == DATABASE:
        tags[t.STATE] = resource.tags[t.STATE]
    return replace(resource, **{**status, "tags": tags})


def previous_at(
    one: DeployId, retired: datetime, at: tuple[str, ...], *, rejected: bool
) -> st.SearchStrategy[Previous]:
    """A previous deploy as this version writes it; now and then as an older one did."""
    described = Previous(one, retired, rejected=rejected, count=len(at), via=Via.PRIVATE)
    return mostly(described, Previous(one, retired, at, rejected))


@st.composite
def _ledger(draw: st.DrawFn, roles: list[tuple[DeployId, str]]) -> Ledger:
    """The ledger that gives these deploys these roles; of those that exclude, the first wins."""
    ago = st.integers(0, 20 * 86400).map(lambda n: NOW - timedelta(seconds=n))
    around = st.integers(-86400, 86400).map(lambda n: NOW + timedelta(seconds=n))
    at = {one: (f"10.0.1.{number}",) for number, (one, _) in enumerate(roles, 1)}
    live = next((one for one, role in roles if role == "live"), None)
    lease = next((one for one, role in roles if role == "lease"), None)
    back = ("previous", "rejected")
    return Ledger(
        gen=draw(st.integers(1, 50)),
        live=Live(live, at[live], via=Via.PRIVATE) if live else None,
        previous=tuple(
            draw(previous_at(one, draw(ago), at[one], rejected=role == "rejected"))
            for one, role in roles
            if role in back
        ),
        kept=tuple(Kept(one, draw(around)) for one, role in roles if role == "kept"),
        lease=Lease(lease, draw(around), "image") if lease else None,
    )


@st.composite
def strangers(draw: st.DrawFn) -> tuple[Resource, ...]:
    """Things of other services and other ledgers, none of which uses anything of ours."""
    kind = st.sampled_from((INSTANCE, DATABASE, "volume", "image", "snapshot", "nat-gateway"))
    tags = st.sampled_from(
        (
            {},
            {t.ID: "blog/20261123T031502Z-7kq2m", t.LEDGER: HOME.ledger, t.STATE: "pending"},
            {
                t.ID: str(deploy(3, "zzzzz")),
                t.LEDGER: "Z2/shop._deploy.example.net",
                t.STATE: "pending",
            },
            {t.ID: "rubbish", t.LEDGER: HOME.ledger, t.STATE: "live"},
        )
    )
    one = st.builds(
        Resource,
        kind=kind,
        id=st.integers(1, 99).map(lambda n: f"x-{n}"),
        place=st.sampled_from((PLACE, ELSEWHERE)),
        tags=tags,
        addresses=st.sampled_from(((), ("10.0.1.1",), ("10.8.8.8",))),
        uses=st.sampled_from(((), ("x-1",))),
    )
    # AWS gives no id twice, whatever the kind: EC2's begin with it, RDS's with `db:`, `snapshot:`.
    return tuple(draw(st.lists(one, max_size=3, unique_by=lambda each: each.id)))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A heap with up to five deploys, the ledger that roots some of them, and strangers."""
    count = draw(st.integers(0, 5))
    roles: list[tuple[DeployId, str]] = []
    found: list[Resource] = []
    for number, suffix in enumerate(SUFFIXES[:count], 1):
        one = deploy(draw(st.integers(2, 30_000)), suffix)
        role = draw(st.sampled_from(ROLES))
        taken = role in ("live", "lease") and role in (known for _, known in roles)
        roles.append((one, "nobody" if taken else role))
        found += draw(_deploy(one, roles[-1][1], number))
    deploys = [one for one, _ in roles]
    of = st.sampled_from(deploys or [deploy(2, "zzzzz")])
    ledger = shared(draw(_ledger(roles)), draw(st.dictionaries(of, of, max_size=3)))
    live = ledger.live.at if ledger.live else ()
    root = Root(
        HOME,
        NOW,
        ledger=draw(mostly(ledger, Ledger(0))),
        record=draw(mostly(live, (), ("10.0.1.2",), ("203.0.113.5",))),
        names=draw(st.sampled_from(NAMES)),
        problem=draw(mostly("", "no answer")),
        fence=draw(mostly(0, ledger.gen, ledger.gen + 1)),
        min_age=draw(mostly(timedelta(0), timedelta(days=1))),
        units=draw(mostly(UNITS, "", "another set")),
    )
    retention = Retention(
        draw(st.integers(1, 3)),
        draw(mostly(None, timedelta(days=3))),
        standby=draw(mostly(StandbyPolicy(), RESTING, replace(RESTING, park="terminate"))),
    )
    gaps = draw(mostly((), (Gap(PLACE, "volume", "x"),), (Gap(PLACE, DATABASE, "x"),)))
    inventory = Inventory((*found, *draw(strangers())), gaps)
    return World(inventory, root, SweepRequest(retention, 60))

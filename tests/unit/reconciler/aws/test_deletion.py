"""Deletions that fail in part, by a whole sweep on the strict API: each converges.

Every item's outcome is right, and nothing is said to be gone that still is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from deployer.sandbox.aws.state.termination import bury, forget_instance
from reconciler.aws.deletion import judged
from reconciler.aws.inventory import Ec2Inventory
from reconciler.aws.route53.ledger_store import Route53Ledgers
from reconciler.errors import CloudError
from reconciler.gc.ownership import ServiceLocation
from reconciler.model import ledger as led
from reconciler.model.deploy_id import DeployId
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import INSTANCE, Resource
from reconciler.model.tags import BirthTags
from reconciler.ports.fleet import Fleet
from reconciler.ports.service import ManagedService
from reconciler.sweep import absence as gone
from reconciler.sweep.deletion import Collector
from reconciler.sweep.result import SweepResult
from reconciler.sweep.runner import make_plan, sweep
from reconciler.util.backoff import Backoff
from tests.fakes.service_access import FakeReach
from tests.support.aws_api import HASTE, PLACE, Api, begun_now

ZONES = tuple(f"{PLACE.region}{letter}" for letter in "abc")
TERMINATE = "TerminateInstances"


@dataclass(frozen=True)
class Meddled(Ec2Inventory):
    """Somebody is a moment faster with every deletion."""

    meddle: Callable[[], object] = lambda: None

    def delete(self, resources: Sequence[Resource]) -> tuple[Outcome, ...]:
        """See `Heap.delete`."""
        self.meddle()
        return super().delete(resources)


@dataclass(frozen=True)
class Yard:
    """A service without a living deploy, and the machines of one that failed just now."""

    api: Api
    managed: ManagedService
    deploy: DeployId
    machines: Mapping[str, str]

    def sweep(self) -> SweepResult:
        """A whole sweep."""
        return sweep(Fleet.of(self.managed))

    def standing(self) -> set[str]:
        """Ids of the machines that are not terminated, as EC2 says without any filter."""
        pages = self.api.aws.ec2.describe_instances()["Reservations"]
        found = [one for page in pages for one in page["Instances"]]
        return {one["InstanceId"] for one in found if one["State"]["Name"] != "terminated"}

    def fates(self, result: SweepResult) -> dict[str, OutcomeStatus]:
        """The machines' fates by id."""
        return {
            one.resource.id: one.status for one in result.outcomes if one.resource.kind == INSTANCE
        }

    def check(self, result: SweepResult) -> None:
        """What is said to be gone is gone, and what stands is said to stand."""
        said = {one for one, status in self.fates(result).items() if status is OutcomeStatus.GONE}
        assert said == set(self.machines) - self.standing()


@pytest.fixture
def yard(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    """Six machines, two in each of three zones."""
    monkeypatch.setattr(gone, "AGREED", 0.3)
    api.aws.route53_once.create_hosted_zone(Name="example.com", CallerReference="one")
    ledgers = Route53Ledgers(api.aws, HASTE)
    address = ledgers.locate("shop", "shop.example.com")
    ledgers.swap(ledgers.read(address), led.Ledger(gen=1))
    managed = ManagedService(
        ServiceLocation("shop", str(address), PLACE),
        address,
        Ec2Inventory(api.aws, HASTE),
        ledgers,
        FakeReach(tmp_path, []),
    )
    deploy = begun_now("7kq2m")
    birth = BirthTags(deploy, str(address), PLACE, "v1", "me@here")
    image = api.image()
    machines: dict[str, str] = {}
    for zone in ZONES:
        more: dict[str, Any] = {
            "ClientToken": deploy.client_token(zone),
            "Placement": {"AvailabilityZone": zone},
        }
        machines |= dict.fromkeys(api.machines(2, birth=birth, image=image, **more), zone)
    return Yard(api, managed, deploy, machines)


def test_all_of_it_goes(yard: Yard) -> None:
    """A good day."""
    result = yard.sweep()
    assert result.clean
    assert set(yard.fates(result).values()) == {OutcomeStatus.GONE}
    assert yard.standing() == set()


def test_one_bad_id(yard: Yard) -> None:
    """Somebody's machine vanishes under the call: it fails as a whole, and is split around it."""
    cloud = yard.api.server.cloud

    def vanish() -> None:
        region = cloud.regions[PLACE.account, PLACE.region]
        instance = region.instances.get(min(yard.machines))
        if instance is not None:
            bury(cloud, region, instance)
            forget_instance(region, instance)

    heap = Meddled(yard.api.aws, HASTE, vanish)
    result = sweep(Fleet.of(replace(yard.managed, heap=heap)))
    assert result.clean
    assert yard.standing() == set()
    assert yard.fates(result) == dict.fromkeys(yard.machines, OutcomeStatus.GONE)


def test_one_protected_machine_in_one_zone_of_three(yard: Yard) -> None:
    """Its zone's share of the call fails, the others' does not; in the end it alone stands."""
    kept = next(one for one, zone in yard.machines.items() if zone == ZONES[1])
    off = {"Value": True}
    yard.api.ec2.modify_instance_attribute(InstanceId=kept, DisableApiTermination=off)
    result = yard.sweep()
    assert not result.clean
    assert yard.standing() == {kept}
    assert yard.fates(result) == {
        **dict.fromkeys(yard.machines, OutcomeStatus.GONE),
        kept: OutcomeStatus.BLOCKED,
    }
    _lift(yard, kept)
    assert yard.sweep().clean
    assert yard.standing() == set()


def _lift(yard: Yard, id_: str) -> None:
    on = {"Value": False}
    yard.api.ec2.modify_instance_attribute(InstanceId=id_, DisableApiTermination=on)


@pytest.mark.parametrize("kind", ["throttle", "drop_reply", "error500", "duplicate"])
def test_a_bad_call(yard: Yard, kind: str) -> None:
    """Put off, unanswered, broken or delivered twice: asked again until it is true."""
    yard.api.fault(TERMINATE, kind)
    result = yard.sweep()
    yard.check(result)
    assert result.clean


@pytest.mark.parametrize("kind", ["throttle", "drop_reply", "error500"])
def test_a_call_that_is_bad_for_long(yard: Yard, kind: str) -> None:
    """Out of patience it says what stands; the next sweep converges."""
    yard.api.fault(TERMINATE, kind, times=0)
    yard.check(yard.sweep())
    yard.api.server.faults.clear()
    result = yard.sweep()
    assert result.clean
    assert yard.standing() == set()


def test_not_found_after_terminate(yard: Yard) -> None:
    """EC2 does not find what runs: it is neither gone nor forgotten, but asked for again."""
    for _ in range(3):
        yard.api.fault(TERMINATE, "error", code="InvalidInstanceID.NotFound")
    result = yard.sweep()
    yard.check(result)
    assert yard.sweep().clean
    assert yard.standing() == set()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("InvalidInstanceID.NotFound", OutcomeStatus.UNSEEN),
        ("InvalidGroup.InUse", OutcomeStatus.BLOCKED),
        ("InternalError", OutcomeStatus.FAILED),
    ],
)
def test_no_refusal_says_that_a_thing_is_gone(code: str, status: OutcomeStatus) -> None:
    """EC2 does not find what runs, for a while: only a later look tells what is gone."""
    machine = Resource(INSTANCE, "i-1", PLACE, {})
    assert judged(machine, CloudError("refused", code=code)).status is status


def test_a_listing_that_forgets(yard: Yard) -> None:
    """Planned, and then not listed: of machines that young it is not believed."""
    garbage = make_plan(Fleet.of(yard.managed)).services[0].deletes
    told: list[Outcome] = []
    yard.api.server.faults.lag = 3600.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gone, "AGREED", 60.0)
        Collector(yard.managed, told.append, Backoff(0.01, 0.05, 0.2)).collect(garbage)
    yard.api.server.faults.lag = 0.0
    assert yard.standing() == set(yard.machines)
    assert {one.status for one in told} == {OutcomeStatus.UNSEEN}
    assert yard.sweep().clean

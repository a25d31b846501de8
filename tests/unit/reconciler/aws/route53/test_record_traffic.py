"""An A record that follows a ledger in S3, on the strict API (docs/adr/0030)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from reconciler.aws.client.query import Reads
from reconciler.aws.route53 import record_traffic
from reconciler.errors import CloudError, Refused, SwapLost
from reconciler.model import ledger as led
from reconciler.model.ledger import NO_LEDGER
from reconciler.traffic.port import JoinOrder
from reconciler.traffic.reading import TrafficReading
from reconciler.traffic.record_claim import RecordClaim
from tests.support.aws_api import DEPLOY, Api
from tests.support.record_stage import CLAIM, RECORD, RecordStage

CHANGE = "ChangeResourceRecordSets"


@pytest.fixture
def stage(api: Api) -> RecordStage:
    """Live's machine is in the record, a release's runs."""
    return RecordStage(api)


def order(stage: RecordStage) -> JoinOrder:
    """The release's machine takes over."""
    return JoinOrder(DEPLOY, (stage.new,), {})


def released(stage: RecordStage) -> None:
    """Joined, committed, switched."""
    stage.traffic.join(order(stage))
    stage.commit()
    stage.traffic.switch("the record", stage.new, None)


def route_of(reading: TrafficReading | None) -> str:
    """Why the one route may not be changed."""
    assert reading is not None
    return reading.blocked


def test_record_and_claim_change_together(stage: RecordStage) -> None:
    """The claim is made before the commit, and says afterwards who pointed the record, whereto."""
    stage.traffic.join(order(stage))
    before = RecordClaim.parse(stage.value(CLAIM))
    assert (before.gen, before.at) == (stage.ledger.gen, (stage.address(stage.live),))
    stage.commit()
    stage.traffic.switch("the record", stage.new, None)
    after = RecordClaim.parse(stage.value(CLAIM))
    assert (after.gen, after.at) == (stage.ledger.gen, (stage.address(stage.new),))
    assert stage.value() == stage.address(stage.new)
    assert after.gen > before.gen


def test_a_change_that_was_decided_earlier_is_refused(stage: RecordStage) -> None:
    """Also where the address is the same again: the claim is another."""
    traffic, seen = stage.traffic, stage.traffic.record.read()
    stage.traffic.join(order(stage))
    late = RecordClaim(str(traffic.ledger), 99, (stage.address(stage.new),))
    with pytest.raises(SwapLost, match="somebody else"):
        traffic.record.swap(seen, late.at, late)
    assert stage.value() == stage.address(stage.live)


@pytest.mark.parametrize("kind", ["drop_reply", "error500"])
def test_a_lost_reply_is_answered_by_reading(stage: RecordStage, kind: str) -> None:
    """Done or not done: the claim tells, and what was not done is sent again."""
    stage.traffic.join(order(stage))
    stage.commit()
    stage.api.fault(CHANGE, kind)
    stage.traffic.switch("the record", stage.new, None)
    assert stage.value() == stage.address(stage.new)


def test_the_ledger_says_whereto_whoever_asks(stage: RecordStage) -> None:
    """A process that has slept names its own machine: it leads nobody there any more."""
    stage.traffic.join(order(stage))
    stage.traffic.switch("the record", stage.new, None)  # it is as the ledger says already
    assert stage.value() == stage.address(stage.live)
    stage.ledger = led.next_generation(stage.ledger)
    with pytest.raises(CloudError, match="is not switched"):
        stage.traffic.switch("the record", stage.new, None)
    assert stage.value() == stage.address(stage.live)
    stage.ledger = replace(NO_LEDGER, gen=stage.ledger.gen)
    with pytest.raises(Refused, match="nobody is live"):
        stage.traffic.switch("the record", stage.live, None)


def test_no_client_is_led_to_a_stranger(stage: RecordStage) -> None:
    """One of two machines has lost its address to somebody else's: the record stays."""
    stage.traffic.join(order(stage))
    at = tuple(sorted((stage.address(stage.new), stage.address(stage.stranger))))
    stage.ledger = led.next_generation(stage.ledger, live=led.Live(DEPLOY, at))
    with pytest.raises(CloudError, match=f"not the addresses of running machines of {DEPLOY}"):
        stage.traffic.switch("the record", stage.new, None)
    assert stage.value() == stage.address(stage.live)


def test_a_stranger_with_the_same_private_address_is_not_meant(
    stage: RecordStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Networks of one account may use the same addresses: the release's switch goes through."""

    class Shared(Reads):
        def by_filter(
            self, operation: str, name: str, values: Sequence[str], **request: Any
        ) -> Iterator[dict[str, Any]]:
            for page in super().by_filter(operation, name, values, **request):
                yield page
                for one in page["Reservations"]:
                    found = [{**m, "InstanceId": "i-0f", "Tags": []} for m in one["Instances"]]
                    yield {"Reservations": [{"Instances": found}]}

    monkeypatch.setattr(record_traffic, "Reads", Shared)
    released(stage)
    assert stage.value() == stage.address(stage.new)


def test_a_record_moved_by_a_person_is_blocked(stage: RecordStage) -> None:
    """Also to a machine of ours; the act of a person makes it the ledger's again."""
    released(stage)
    stage.give(stage.live)
    assert "somebody moved it" in route_of(stage.traffic.read())
    with pytest.raises(Refused, match="somebody moved it"):
        stage.traffic.join(order(stage))
    holders = stage.traffic.read().routes[0].holders
    with pytest.raises(Refused, match="it is not switched"):
        stage.traffic.switch("the record", stage.new, holders)
    stage.change(("UPSERT", CLAIM, "TXT", stage.value(CLAIM)))
    stage.give(stage.new)
    stage.traffic.acknowledge()
    assert "somebody moved it" not in route_of(stage.traffic.read())


def test_the_ledger_of_a_claim_is_the_only_one(stage: RecordStage) -> None:
    """Another one's claim refuses a release, before anything is made."""
    other = RecordClaim("s3://other/shop", 3, (stage.address(stage.live),))
    stage.change(("CREATE", CLAIM, "TXT", other.text))
    with pytest.raises(Refused, match=r"is claimed by the ledger s3://other/shop"):
        stage.traffic.check()
    with pytest.raises(Refused, match="no release can switch it"):
        stage.traffic.join(order(stage))
    assert stage.value(CLAIM) == other.text


def test_a_claim_is_a_fence(stage: RecordStage) -> None:
    """A ledger that is older than its claim was brought back by somebody: nothing is switched."""
    before = stage.ledger
    released(stage)
    assert stage.traffic.read().fence == stage.ledger.gen
    stage.ledger = before
    with pytest.raises(Refused, match="older than it should be"):
        stage.traffic.switch("the record", stage.live, None)
    assert stage.value() == stage.address(stage.new)


def test_what_is_no_claim_is_not_overwritten(stage: RecordStage) -> None:
    """Unknown is not empty."""
    stage.change(("CREATE", CLAIM, "TXT", '"v=spf1 -all"'))
    with pytest.raises(Refused, match="a claim that cannot be read"):
        stage.traffic.check()


def test_a_long_ttl_is_refused(stage: RecordStage) -> None:
    """What is retired is let drain for a minute."""
    stage.change(("UPSERT", RECORD, "A", stage.address(stage.live)), ttl=300)
    with pytest.raises(Refused, match="60 at most"):
        stage.traffic.check()


def test_machines_that_do_not_run_are_waited_for(stage: RecordStage) -> None:
    """The smoke test has asked the rest."""
    assert stage.traffic.waiting(order(stage)) == ()
    stage.api.ec2.stop_instances(InstanceIds=[stage.new])
    (why,) = stage.traffic.waiting(order(stage))
    assert why.startswith(f"{stage.new} is stop")

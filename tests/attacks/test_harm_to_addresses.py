"""An Elastic IP that people moved between two looks: it is theirs, whatever its machine's tags say.

AssociateAddress compares nothing. The plan, and the check before a commit, know by the ledger who
is a copy; the look right before the call knows who they found, and takes the address from no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from reconciler.aws.elastic_ip_traffic import elastic_ip
from reconciler.errors import CloudError, ConfigError, Refused
from reconciler.model import tags as t
from tests.support.aws_api import HASTE, pairs, serving
from tests.support.elastic_stage import ADOPTED, ElasticStage


@pytest.fixture
def stage() -> Iterator[ElasticStage]:
    """Live has the address; a new machine and a stranger's run."""
    with serving() as api:
        yield ElasticStage(api)


def copied(**changed: str) -> dict[str, str]:
    """The tags of the adopted live machine, on another one."""
    return {**ADOPTED, **changed}


@pytest.mark.parametrize(
    "tags",
    [{}, copied(), copied(**{t.LEDGER: "Z9/shop._deploy.staging.example"})],
    ids=["a stranger", "a copy", "a namesake"],
)
def test_who_got_it_right_before_the_move_keeps_it(
    stage: ElasticStage, tags: dict[str, str]
) -> None:
    """A person moved it after the plan was made, and the machine's tags may be ours by a copy."""
    stage.api.ec2.create_tags(Resources=[stage.stranger], Tags=pairs({"by": "hand", **tags}))
    stage.give(stage.stranger)
    with pytest.raises(Refused, match="was given it after the move was decided") as refused:
        stage.traffic.switch(stage.allocation, stage.new, stage.holders)
    assert "deployer traffic shop --follow" in refused.value.cure
    assert stage.holder == stage.stranger


def test_who_got_it_back_right_before_the_move_keeps_it(stage: ElasticStage) -> None:
    """The very machine that had it when the move was decided: a person undid what had been done."""
    stage.give(stage.new)
    stage.give(stage.live)
    with pytest.raises(Refused):
        stage.traffic.switch(stage.allocation, stage.new, stage.holders)
    assert stage.holder == stage.live


def test_it_is_asked_before_each_try(stage: ElasticStage) -> None:
    """AWS was busy, and a person was faster than the second try."""
    stage.api.fault("AssociateAddress", "throttle")
    traffic = replace(
        stage.traffic,
        backoff=replace(HASTE, sleep=lambda _: stage.give(stage.stranger)),
    )
    with pytest.raises(Refused):
        traffic.switch(stage.allocation, stage.new, stage.holders)
    assert stage.holder == stage.stranger


def test_released_and_allocated_again(stage: ElasticStage) -> None:
    """The same service, another allocation: nothing is read as if it were the one that is gone."""
    traffic = stage.traffic
    stage.take()
    stage.api.ec2.release_address(AllocationId=stage.allocation)
    stage.api.ec2.allocate_address(Domain="vpc")
    with pytest.raises(CloudError, match="does not exist any more"):
        traffic.read()
    with pytest.raises(CloudError, match="does not exist any more"):
        traffic.switch(stage.allocation, stage.new, None)
    with pytest.raises(ConfigError, match="there is no Elastic IP"):
        elastic_ip(stage.api.aws, "shop", stage.allocation)

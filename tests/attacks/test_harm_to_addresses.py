"""An Elastic IP that people moved between two looks: it is theirs, whatever its machine's tags say.

AssociateAddress compares nothing. The plan, and the check before a commit, know by the ledger who
is a copy; the look right before the call knows the tags and the token of birth alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.aws.elastic_ip_traffic import elastic_ip
from reconciler.errors import CloudError, ConfigError, Refused
from reconciler.model import tags as t
from tests.support.aws_api import pairs, serving
from tests.support.elastic_stage import ADOPTED, ElasticStage


@pytest.fixture
def stage() -> Iterator[ElasticStage]:
    """Live has the address; a new machine and a stranger's run."""
    with serving() as api:
        yield ElasticStage(api)


def test_a_stranger_right_before_the_move_keeps_it(stage: ElasticStage) -> None:
    """A person moved it after the plan was made: the look before the call sees that."""
    stage.give(stage.stranger)
    with pytest.raises(Refused, match="not a machine of shop"):
        stage.traffic.switch(stage.allocation, stage.new)
    assert stage.holder == stage.stranger


@pytest.mark.xfail(
    strict=True,
    raises=pytest.fail.Exception,
    reason="the look right before AssociateAddress has no ledger: a copy of an adopted machine "
    "passes for it if a person moves the address there between the plan and the call",
)
def test_a_copy_right_before_the_move_keeps_it(stage: ElasticStage) -> None:
    """`launch more like this` of the adopted machine took the address after the plan was made."""
    stage.api.ec2.create_tags(Resources=[stage.stranger], Tags=pairs(ADOPTED))
    stage.give(stage.stranger)
    with pytest.raises(Refused):
        stage.traffic.switch(stage.allocation, stage.new)


@pytest.mark.xfail(
    strict=True,
    raises=pytest.fail.Exception,
    reason="the look right before AssociateAddress compares the service's name, not its ledger",
)
def test_a_namesake_right_before_the_move_keeps_it(stage: ElasticStage) -> None:
    """Another ledger of this account has a service `shop`, and a person gave it the address."""
    theirs = {**ADOPTED, t.LEDGER: "Z9/shop._deploy.staging.example"}
    stage.api.ec2.create_tags(Resources=[stage.stranger], Tags=pairs(theirs))
    stage.give(stage.stranger)
    with pytest.raises(Refused):
        stage.traffic.switch(stage.allocation, stage.new)


def test_released_and_allocated_again(stage: ElasticStage) -> None:
    """The same service, another allocation: nothing is read as if it were the one that is gone."""
    traffic = stage.traffic
    stage.take()
    stage.api.ec2.release_address(AllocationId=stage.allocation)
    stage.api.ec2.allocate_address(Domain="vpc")
    with pytest.raises(CloudError, match="does not exist any more"):
        traffic.read()
    with pytest.raises(CloudError, match="does not exist any more"):
        traffic.switch(stage.allocation, stage.new, forced=True)
    with pytest.raises(ConfigError, match="there is no Elastic IP"):
        elastic_ip(stage.api.aws, "shop", stage.allocation)

"""The way to a real account, rehearsed on the sandbox: opt-in, budget, tags, clean-up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.aws.client.query import Reads
from reconciler.util.backoff import Backoff
from tests.contract import account
from tests.contract.account import A_LAUNCH, MOST, THE_REST, Run
from tests.contract.helpers import RUN, as_dict, describe
from tests.support.aws_api import Api, serving

HASTE = Backoff(first=0.02, longest=0.1, deadline=10)


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """An account that costs nothing."""
    with serving() as one:
        yield one


@pytest.fixture
def run(api: Api) -> Run:
    """A run that may launch five instances, on the account's client."""
    api.reset()
    return Run(budget=THE_REST + 5 * A_LAUNCH)


def client(api: Api, run: Run) -> Any:
    """A client of its own: its hooks must not outlive the test."""
    made = type(api.aws)(api.aws.place).ec2_once
    run.watch(made)
    return made


def launch(ec2: Any, image: str, count: int = 1, **more: Any) -> list[str]:
    """Ids of new instances."""
    made = ec2.run_instances(ImageId=image, MinCount=count, MaxCount=count, **more)
    return [one["InstanceId"] for one in made["Instances"]]


@pytest.mark.parametrize("spend", ["", "much", "0", "0.11", "-1"])
def test_nothing_is_asked_before_somebody_allows_its_cost(spend: str) -> None:
    """Without a sum, or with one beyond what the contract is worth, the run does not begin."""
    with pytest.raises(pytest.UsageError, match="CONTRACT_SPEND"):
        account.allowed(spend)


def test_the_cost_is_stated_first() -> None:
    """Profile, what is created, what each launch may cost, and the limit."""
    said = account.statement("scratch", "0.05")
    assert "'scratch'" in said
    assert f"{A_LAUNCH:.4f} $" in said
    assert "it is 0.05" in said
    assert account.allowed("0.05") == 0.05
    assert MOST == 0.10


def test_a_launch_beyond_the_budget_is_not_sent(api: Api, run: Run) -> None:
    """The budget is kept launch by launch, whatever a rule asks for."""
    ec2, image = client(api, run), api.image()
    launch(ec2, image, 3)
    with pytest.raises(pytest.skip.Exception, match="beyond"):
        launch(ec2, image, 3)
    assert len(launch(ec2, image, 2)) == 2
    assert run.spent <= run.budget


def test_whatever_is_created_is_born_with_the_runs_tag(api: Api, run: Run) -> None:
    """In the create call, beside the tags that the rule itself gives."""
    ec2 = client(api, run)
    own = [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}]
    (made,) = launch(ec2, api.image(), TagSpecifications=own)
    assert as_dict(describe(api.ec2, made)["Tags"]) == {"a": "b", RUN: run.id}
    assert as_dict(describe(ec2, made)["Tags"]) == {"a": "b"}, "a rule sees its own tags alone"
    kinds = {one.kind for one in account.tagged(Reads(api.aws), run.id)}
    assert kinds == {"instance", "volume", "network-interface"}


def test_the_product_cleans_up_what_a_rule_left(api: Api, run: Run) -> None:
    """Instances, images with their snapshots, volumes: by the product's kinds, in their order."""
    ec2, image = client(api, run), api.image()
    (made,) = launch(ec2, image)
    ec2.get_waiter("instance_running").wait(InstanceIds=[made], WaiterConfig={"Delay": 0.02})
    ec2.create_image(InstanceId=made, Name="left")
    ec2.create_volume(AvailabilityZone=f"{api.aws.place.region}a", Size=1)
    foreign = api.machines(birth=None, image=image)
    assert account.clean(api.aws, run.id, HASTE) == ()
    assert account.tagged(Reads(api.aws), run.id) == []
    assert describe(ec2, foreign[0])["State"]["Name"] == "running"


def test_what_cannot_be_cleaned_up_is_told(api: Api, run: Run) -> None:
    """A protected instance stays, and the run says so instead of going green."""
    ec2 = client(api, run)
    (made,) = launch(ec2, api.image())
    ec2.modify_instance_attribute(InstanceId=made, DisableApiTermination={"Value": True})
    left = account.clean(api.aws, run.id, Backoff(first=0.02, longest=0.1, deadline=0.3))
    assert any(made in one for one in left)

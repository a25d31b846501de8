"""EC2's token buckets on our side, on a clock of the test's own."""

from __future__ import annotations

import threading

import pytest
from botocore.exceptions import ClientError

from deployer.sandbox.aws.http import rate_limits
from reconciler.aws.client.throttle import (
    CAUTION,
    MACHINES,
    READING,
    SIZES,
    WRITING,
    CallRate,
    Size,
    TokenBuckets,
    class_of,
)
from tests.support.aws_api import Api


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def sleep(self, seconds: float) -> None:
        """Time goes by."""
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    """A clock that stands."""
    return Clock()


@pytest.fixture
def buckets(clock: Clock) -> TokenBuckets:
    """Full buckets."""
    return TokenBuckets(lambda: clock.now, clock.sleep)


def test_a_full_bucket_lets_its_tokens_through_at_once(buckets: TokenBuckets, clock: Clock) -> None:
    """As many calls as it holds; the one after waits for a token, no longer."""
    for _ in range(100):
        buckets.wait("DescribeTags")
    assert clock.now == 1000.0
    buckets.wait("DescribeVolumes")  # of the same class, hence the same bucket
    assert 0 < clock.now - 1000.0 <= 1 / (20 * 0.9)


def test_each_class_has_its_own_bucket(buckets: TokenBuckets, clock: Clock) -> None:
    """Reads that have used theirs up do not hold up a termination."""
    for _ in range(100):
        buckets.wait("DescribeTags")
    buckets.wait("TerminateInstances", 10)
    buckets.wait("CreateTags")
    buckets.wait("CreateImage")
    assert clock.now == 1000.0


def test_a_call_pays_for_every_machine(buckets: TokenBuckets, clock: Clock) -> None:
    """1,000 machines at once, and then 20 a second (aws.md §1): 10,000 in 450 s."""
    for _ in range(10):
        buckets.wait("TerminateInstances", 1000)
    assert 450 <= clock.now - 1000.0 <= 450 * 1.05


def test_what_is_refused_empties_the_bucket(buckets: TokenBuckets, clock: Clock) -> None:
    """Somebody else has drunk from it: the next call waits for its token."""
    buckets.wait("DescribeTags")
    buckets.refused("DescribeTags")
    buckets.wait("DescribeTags")
    assert clock.now > 1000.0


def test_threads_share_a_bucket(buckets: TokenBuckets, clock: Clock) -> None:
    """Side by side they take no more than one after another."""
    lock = threading.Lock()

    def sleep(seconds: float) -> None:
        with lock:
            clock.sleep(seconds)

    buckets.sleep = sleep
    each = [threading.Thread(target=buckets.wait, args=("CopyImage",)) for _ in range(110)]
    for one in each:
        one.start()
    for one in each:
        one.join()
    assert clock.now - 1000.0 >= 9  # 100 at once, a second for every other at least


def test_the_figures_are_those_of_the_sandbox() -> None:
    """Written down twice, from the same source, so that a slip of one is noticed."""
    named = {name: Size(*size) for name, size in rate_limits.CALLS.items()}
    assert named.items() >= {k: v for k, v in SIZES.items() if k not in (READING, WRITING)}.items()
    assert {name: Size(*size) for name, size in rate_limits.MACHINES.items()} == MACHINES
    assert SIZES[READING] == Size(*rate_limits.READ)
    assert SIZES[WRITING] == Size(*rate_limits.WRITE)
    assert {class_of(name) for name in rate_limits.COSTLY_WHEN_WHOLE} == {READING}


def test_a_client_paces_itself(api: Api) -> None:
    """The edge's own clients: every call takes a token, and a termination one for each machine."""
    asked: list[tuple[str, int]] = []
    api.aws.buckets.wait = lambda action, machines=0: asked.append((action, machines))  # type: ignore[method-assign]
    ids = api.machines(2)
    api.ec2.terminate_instances(InstanceIds=ids)
    api.aws.ec2.describe_tags()
    assert ("RunInstances", 2) in asked
    assert asked[-2:] == [("TerminateInstances", 2), ("DescribeTags", 0)]


def test_a_client_hears_that_it_was_refused(api: Api) -> None:
    """AWS's word empties the bucket, whoever has used it up."""
    told: list[str] = []
    api.aws.buckets.refused = told.append  # type: ignore[method-assign, assignment]
    api.fault("DescribeTags", "throttle")
    api.aws.ec2.describe_tags()
    assert told == ["DescribeTags"]


def test_the_sandbox_refuses_whoever_does_not_wait(api: Api) -> None:
    """With its limits on, in EC2's own words. They fill slowly here, for busy machines."""
    api.server.faults.limits = 0.001
    api.aws.buckets.sleep = lambda _: None
    request = {"ImageId": api.image(), "MinCount": 1, "MaxCount": 1}
    for _ in range(5):
        api.ec2.run_instances(**request)
    with pytest.raises(ClientError) as caught:
        api.ec2.run_instances(**request)
    assert caught.value.response["Error"]["Code"] == "RequestLimitExceeded"


def test_a_call_rate_spreads_calls() -> None:
    """The first few at once, then so many a second."""
    waits: list[float] = []
    rate = CallRate(4.0, clock=lambda: 0.0, sleep=waits.append)
    for _ in range(6):
        rate.wait(request=None)
    assert waits == pytest.approx([1 / (4 * CAUTION), 2 / (4 * CAUTION)])

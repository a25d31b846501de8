"""What calls, images and machines take on AWS, where the sandbox is asked to let them take it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner

from deployer.sandbox.aws.http.admin_api import answer_control
from deployer.sandbox.aws.http.request_log import RequestLog
from deployer.sandbox.aws.latency import ANY, FIGURES, IMAGE, ROUND_TRIP, RUNNING, figure
from deployer.sandbox.fault_cli import fault
from deployer.sandbox.faults import FaultBook
from tests.support.aws_api import Api, serving


@pytest.fixture
def api() -> Iterator[Api]:
    """A server without machines."""
    with serving() as one:
        yield one


def _said(api: Api, *words: str) -> FaultBook:
    """What is in force after `deployer sandbox fault latency …`."""
    argv = ["--endpoint", api.server.endpoint, "latency", *words]
    done = CliRunner().invoke(fault, argv, env={"AWS_ACCESS_KEY_ID": "test"})
    assert done.exit_code == 0, done.output
    return api.server.faults


def _seen_for(seconds: float, state: Callable[[], str]) -> set[str]:
    """The states that showed in so many seconds; without `pace` 0.05 are enough to be ready."""
    until = time.monotonic() + seconds
    found = {state()}
    while time.monotonic() < until:
        found.add(state())
    return found


def test_a_call_takes_what_its_figure_says_and_others_what_any_takes() -> None:
    """By service and action."""
    assert figure("ec2", "RunInstances") is FIGURES["ec2:RunInstances"]
    assert figure("s3", "RunInstances") is ANY


def test_every_figure_says_where_it_is_from() -> None:
    """Published ones name the page and the day, the others that they are assumed, and why."""
    for one in (ANY, IMAGE, RUNNING, ROUND_TRIP, *FIGURES.values()):
        assert ": " in one.source
        assert "20" in one.source or one.source.startswith("assumed: ")


def test_latency_is_set_and_cleared_through_the_door() -> None:
    """`deployer sandbox fault latency aws`, and `clear`."""
    faults, log = FaultBook(), RequestLog()

    def asked(method: str, body: bytes = b"") -> None:
        door = {"REQUEST_METHOD": method, "PATH_INFO": "/_sandbox/faults"}
        assert answer_control(door, body, faults, log).status_code == 200

    asked("POST", b'{"latency": 1.0}')
    asked("POST", b'{"pace": 0.1}')
    asked("POST", b'{"distance": 2.0}')
    assert (faults.latency, faults.pace, faults.distance) == (1.0, 0.1, 2.0)
    asked("DELETE")
    assert (faults.latency, faults.pace, faults.distance) == (0.0, 0.0, 0.0)


def test_images_and_machines_take_their_time_where_a_speed_is_given(api: Api) -> None:
    """So many times less than on AWS; without a speed they are ready as fast as ever."""
    faults = _said(api, "aws", "--speed", "20")
    assert (faults.latency, faults.pace) == (1.0, 0.05)
    faults = _said(api, "2")
    assert (faults.latency, faults.pace, faults.distance) == (2.0, 0.0, 2.0)


def test_a_machine_is_pending_for_as_long_as_on_aws(api: Api) -> None:
    """At AWS's own pace: seconds after it was asked for, it does not run."""
    api.server.faults.pace = 1.0
    answer = api.ec2.run_instances(MinCount=1, MaxCount=1, ImageId=api.image())
    [machine] = [one["InstanceId"] for one in answer["Instances"]]

    def state() -> str:
        found = api.ec2.describe_instances(InstanceIds=[machine])["Reservations"]
        return str(found[0]["Instances"][0]["State"]["Name"])

    assert _seen_for(0.3, state) == {"pending"}
    api.server.faults.pace = 0.0
    api.ec2.get_waiter("instance_running").wait(
        InstanceIds=[machine], WaiterConfig={"Delay": 0.02, "MaxAttempts": 200}
    )
    assert state() == "running"


def test_an_image_is_pending_for_as_long_as_on_aws(api: Api) -> None:
    """The same for what a release waits longest for."""
    [machine] = api.machines(birth=None)
    api.server.faults.pace = 1.0
    image = api.ec2.create_image(InstanceId=machine, Name="later", NoReboot=True)["ImageId"]

    def state() -> str:
        return str(api.ec2.describe_images(ImageIds=[image])["Images"][0]["State"])

    assert _seen_for(0.3, state) == {"pending"}
    api.server.faults.pace = 0.0
    waiter = api.ec2.get_waiter("image_available")
    waiter.wait(ImageIds=[image], WaiterConfig={"Delay": 0.02, "MaxAttempts": 200})

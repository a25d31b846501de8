"""What calls take on AWS, where the sandbox is asked to let them take it."""

from __future__ import annotations

import pytest

from deployer.sandbox.aws.http.admin_api import answer_control
from deployer.sandbox.aws.http.latency import ANY, RUN_INSTANCES, seconds
from deployer.sandbox.aws.http.request import ApiCall
from deployer.sandbox.aws.http.request_log import RequestLog
from deployer.sandbox.faults import FaultBook


def _call(action: str) -> ApiCall:
    return ApiCall("ec2", action, True, "ec2")


@pytest.mark.parametrize(
    ("action", "scale", "takes"),
    [
        ("RunInstances", 1.0, RUN_INSTANCES.seconds),
        ("DescribeInstances", 1.0, ANY.seconds),
        ("DescribeInstances", 2.0, 2 * ANY.seconds),
        ("RunInstances", 0.0, 0.0),
    ],
)
def test_a_call_takes_so_long(action: str, scale: float, takes: float) -> None:
    """The figures of one client in one region, times the scale; none unless it is asked for."""
    assert seconds(_call(action), scale) == takes


def test_latency_is_set_and_cleared_through_the_door() -> None:
    """`deployer sandbox fault latency aws`, and `clear`."""
    faults, log = FaultBook(), RequestLog()

    def asked(method: str, body: bytes = b"") -> None:
        door = {"REQUEST_METHOD": method, "PATH_INFO": "/_sandbox/faults"}
        assert answer_control(door, body, faults, log).status_code == 200

    asked("POST", b'{"latency": 1.0}')
    assert faults.latency == 1.0
    asked("DELETE")
    assert faults.latency == 0.0

"""The ports of the smoke tests, before anything is frozen for them."""

from __future__ import annotations

import socket

import pytest

from deployer.provisioning.smoke_ports import refuse_closed_ports
from reconciler.config.service import Smoke
from reconciler.errors import ToolError


def smoke(**said: object) -> Smoke:
    """A configured check."""
    return Smoke.model_validate(said)


def silent(address: tuple[str, int], timeout: float) -> None:
    """A security group lets nobody in."""
    raise TimeoutError(f"{address} {timeout}")


def test_a_silent_port_is_refused_with_the_way_to_open_it() -> None:
    """Before the freeze; a check on the machine itself needs no port."""
    checks = [smoke(http="/healthz", port=8080), smoke(command="true")]
    with pytest.raises(
        ToolError, match=r"port 8080 of 10\.0\.2\.101 from here.* within 5s"
    ) as caught:
        refuse_closed_ports(checks, ["10.0.2.101"], direct=True, connect=silent)
    assert 'from = "machine"' in caught.value.cure
    refuse_closed_ports(checks, ["10.0.2.101"], direct=False, connect=silent)
    inside = [smoke(http="/", **{"from": "machine"})]
    refuse_closed_ports(inside, ["10.0.2.101"], direct=True, connect=silent)


def test_no_route_is_refused() -> None:
    """Whatever the reason is, the smoke test would have it, too."""

    def unreachable(address: tuple[str, int], timeout: float) -> None:
        raise OSError(113, f"No route to {address} in {timeout}")

    with pytest.raises(ToolError, match=r"cannot be reached: .*No route"):
        refuse_closed_ports([smoke(http="/")], ["10.0.2.101"], direct=True, connect=unreachable)


@pytest.mark.parametrize("listens", [True, False])
def test_a_port_that_answers_is_open(*, listens: bool) -> None:
    """Refused is an answer: the app is not there yet."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        port = server.getsockname()[1]
        refuse_closed_ports([smoke(http="/", port=port)], ["127.0.0.1"], direct=True)

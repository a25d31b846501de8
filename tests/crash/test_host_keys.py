"""SIGKILL at every request by which a new machine gets a host key of its own."""

from __future__ import annotations

import base64
import signal
from collections.abc import Callable

import paramiko
import pytest

from reconciler.machine.host_key import ALGORITHM
from tests.crash.invariants import Shop, wait_for
from tests.e2e.probes import live_instance
from tests.support.company import Json

pytestmark = pytest.mark.timeout(300)

SSH_PORT = 2222
TAGGED = "CreateTags"


def _new_machine(shop: Shop) -> Json:
    """The machine of the release that died."""
    live = live_instance(shop)["InstanceId"]
    [found] = [one for one in shop.instances() if one["InstanceId"] != live]
    return found


def _pinned(shop: Shop, instance: str) -> list[str]:
    """The keys in its tag."""
    words = shop.tags(instance)["deploy-host-key"].split(" ")
    assert set(words[::2]) == {ALGORITHM}
    return words[1::2]


def _shown(machine: Json) -> str:
    """The host key that it shows."""
    with paramiko.Transport((machine["PrivateIpAddress"], SSH_PORT)) as transport:
        transport.start_client(timeout=30)
        return base64.b64encode(transport.get_remote_server_key().asbytes()).decode()


def _first_tag_lost(shop: Shop) -> None:
    shop.faults.set(TAGGED, "delay", seconds=10)


def _second_tag_lost(shop: Shop) -> None:
    shop.faults.set(TAGGED, "delay", skip=1, seconds=10)


@pytest.mark.parametrize(
    ("strike", "keys"), [(_first_tag_lost, 1), (_second_tag_lost, 2)], ids=["first", "second"]
)
def test_killed_while_a_key_is_tagged(
    shop: Shop, strike: Callable[[Shop], None], keys: int
) -> None:
    """Before the request has landed and after it: the tag has the key that the machine shows."""
    before = shop.before()
    strike(shop)
    with shop.releasing() as release:
        shop.wait_until_struck()
        release.send(signal.SIGKILL)
        release.process.wait(timeout=30)
    machine = _new_machine(shop)
    pinned = _pinned(shop, machine["InstanceId"])
    assert len(pinned) == keys
    assert _shown(machine) in pinned
    wait_for(lambda: _pinned(shop, machine["InstanceId"]) != pinned)  # it lands, its sender dead
    assert _shown(machine) in _pinned(shop, machine["InstanceId"])
    shop.let_lease_end()
    shop.ok("reconciler", "sweep")
    shop.assert_as_before(before)
    shop.assert_clean()


def test_a_release_leaves_one_key_that_its_user_data_has_not(shop: Shop) -> None:
    """And everybody who comes later pins it: a sweep, the next release, a rollback."""
    shop.up()
    machine = live_instance(shop)
    [pinned] = _pinned(shop, machine["InstanceId"])
    assert _shown(machine) == pinned
    value = shop.aws("ec2").describe_instance_attribute(
        InstanceId=machine["InstanceId"], Attribute="userData"
    )["UserData"]["Value"]
    assert ALGORITHM in base64.b64decode(value).decode()
    assert pinned not in base64.b64decode(value).decode()
    shop.ok("reconciler", "sweep")
    shop.ok("deployer", "rollback", "shop", "--discard-writes")
    shop.assert_clean()

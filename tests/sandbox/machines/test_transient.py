"""systemd-run on a machine: transient timers fire once, and not when they were stopped."""

from __future__ import annotations

import pytest

from tests.sandbox.machines.lab import Client, wait_for

pytestmark = pytest.mark.timeout(60)

_RUN = "sudo systemd-run --quiet --property=Type=oneshot"


def test_a_transient_timer_fires_once(client: Client) -> None:
    """It is active until then, and its unit's name is free again afterwards."""
    client(f"{_RUN} --unit=end --on-active=1s /bin/sh -c 'echo fired >> /tmp/told'")
    assert client("systemctl is-active end.timer") == "active"
    assert client.run(f"{_RUN} --unit=end --on-active=1s /bin/true").code == 1
    wait_for(lambda: client.run("cat /tmp/told").out == "fired\n")
    wait_for(lambda: client.run("systemctl is-active end.timer").out == "inactive\n")
    client(f"{_RUN} --unit=end --on-active=1h /bin/true")


def test_a_stopped_timer_does_not_fire(client: Client) -> None:
    """Another one, armed later, shows that the first one's time is over."""
    client(f"{_RUN} --unit=never --on-active=3s /bin/sh -c 'echo never >> /tmp/told'")
    client("sudo systemctl stop never.timer")
    client(f"{_RUN} --unit=later --on-active=3s /bin/sh -c 'echo later >> /tmp/told'")
    wait_for(lambda: client.run("cat /tmp/told").out != "")
    assert client("cat /tmp/told") == "later"


def test_a_command_alone_runs_at_once(client: Client) -> None:
    """And what the sandbox does not know is refused."""
    client(f"{_RUN} /bin/sh -c 'echo now > /tmp/told'")
    assert client("cat /tmp/told") == "now"
    assert client.run("sudo systemd-run --on-calendar=daily /bin/true").code == 1
    assert client.run("sudo systemd-run --quiet").code == 1

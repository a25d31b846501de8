"""The gate on the company's machines: the first clone of an adopted machine, and live's reboot."""

from __future__ import annotations

from paramiko import SSHException

from reconciler.exit_codes import Exit
from tests.e2e.probes import is_active, live_instance, on_machine
from tests.sandbox.machines.lab import wait_for
from tests.support.company import Company, Json, ask

UNITS = ("shop", "shop-worker", "shop-cron")


def started(company: Company, live: Json) -> list[str]:
    """When live's units came up: a restart would show."""
    script = "systemctl show --value -p ActiveEnterTimestampMonotonic " + " ".join(UNITS)
    return on_machine(company, live, script).split()


def test_a_clone_on_which_cloud_init_does_not_act(adopted: Company) -> None:
    """It is shut by its disk alone, told as what it is, and undone; live's units run on.

    And live, gated by now, comes back from a reboot with everything that ran.
    """
    live = live_instance(adopted)
    on_machine(adopted, live, "sudo -n touch /etc/cloud/cloud-init.disabled")
    before = started(adopted, live)
    done = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    said = done.out + done.err
    assert done.code == Exit.FAILED, done
    assert f"still shows the host key of {live['InstanceId']}" in said
    assert "/etc/cloud/cloud-init.disabled stands there" in said
    assert started(adopted, live) == before
    assert adopted.version() == "v1.4.2"
    # The shop learns the address to listen on from cloud-init.
    on_machine(adopted, live, "sudo -n rm /etc/cloud/cloud-init.disabled")
    adopted.aws("ec2").reboot_instances(InstanceIds=[live["InstanceId"]])
    wait_for(lambda: started_anew(adopted, live, before))
    wait_for(lambda: ask(live["PrivateIpAddress"], "/healthz")[0] == 200)
    assert all(is_active(adopted, live, unit) for unit in UNITS)
    assert adopted.version() == "v1.4.2"


def started_anew(company: Company, live: Json, before: list[str]) -> bool:
    """Whether live has come up again; a machine that is down does not answer yet."""
    try:
        return started(company, live) != before
    except (OSError, EOFError, AssertionError, SSHException):  # it may go down while it greets
        return False

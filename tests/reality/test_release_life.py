"""A release's whole life on machines with a real systemd, cloud-init and OpenSSH."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import paramiko
import pytest

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import Options
from deployer.sandbox.machines.container.host import ContainerMachines
from reconciler.exit_codes import Exit
from tests.attacks import test_harm_by_clones
from tests.e2e.probes import (
    die_in,
    instance_at,
    is_active,
    live_instance,
    on_machine,
    wait_for,
)
from tests.e2e.zone import let_time_pass, said
from tests.support.company import Company, Json, ask

pytestmark = pytest.mark.timeout(900)
_BUSY = 240.0
_LATE_SSH = """\
sudo -n mkdir -p /etc/systemd/system/ssh.service.d
printf '[Service]\\nExecStartPre=/bin/sleep 75\\n' |
  sudo -n tee /etc/systemd/system/ssh.service.d/late.conf"""
"""From the next boot on: app and jobs run while nobody can reach the machine yet."""


@pytest.fixture(scope="module")
def running(
    container_host: ContainerMachines,  # noqa: ARG001 -- skips where none can run, and builds
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Sandbox]:
    """A sandbox of container machines."""
    box = Sandbox.at(tmp_path_factory.mktemp("containers") / "box")
    box.up(Options(owner=os.getpid(), machines="container"))
    yield box
    box.down()


@pytest.fixture
def company(running: Sandbox) -> Company:
    """The company with its live v1 under a ledger."""
    running.reset()
    made = Company(running)
    made.look_often(25)
    made.adopt()
    return made


def test_up_fail_die_and_roll_back(company: Company) -> None:
    """Released; a release that fails and one that is killed leave nothing; and back again."""
    company.up("v1.5.0")
    assert company.version() == "v1.5.0"
    released, ledger = company.resources(), said(company)

    usual = company.service_file().read_text()
    company.configure("^install = .*", 'install = ["false"]')
    failed = company.deployer("up", "shop", "--ref", "v1.6.0")
    assert failed.code == Exit.FAILED, failed
    company.service_file().write_text(usual)
    assert (company.resources(), company.version()) == (released, "v1.5.0")

    dead = die_in(company, "code", "v1.6.0")
    assert company.resources() != released
    let_time_pass(company, "until")
    company.ok("reconciler", "sweep")
    assert (company.resources(), company.version()) == (released, "v1.5.0")
    assert dead not in company.ledger()

    new = live_instance(company)
    company.ok("deployer", "rollback", "shop", "--discard-writes")
    assert company.version() == "v1.4.2"
    assert said(company).previous == (ledger.live,)
    _works_alone(company, live_instance(company), new)
    company.ok("reconciler", "plan", "--exit-code")


def test_machines_that_reboot_during_the_follow_up(company: Company) -> None:
    """The retired one, then the new one: a sweep later each does what its release has to do."""
    old = live_instance(company)
    with company.releasing("v1.5.0") as release:
        release.wait_for_step("follow-up")
        company.aws("ec2").reboot_instances(InstanceIds=[old["InstanceId"]])
        done = release.finish(_BUSY)
    assert done.code in (Exit.DONE, Exit.UNFINISHED), done
    _until_it_serves(old)
    company.ok("reconciler", "sweep")
    new = live_instance(company)
    assert company.version() == "v1.5.0"
    _works_alone(company, new, old)

    company.aws("ec2").reboot_instances(InstanceIds=[new["InstanceId"]])
    wait_for(lambda: ask(new["PrivateIpAddress"], "/healthz")[0] != 200, "it goes down", _BUSY)
    _until_it_serves(new)
    _works_alone(company, new, old)


def test_a_rollback_while_live_reboots(company: Company) -> None:
    """No job runs on two machines when it comes back; a sweep later it runs on the new live one."""
    before = live_instance(company)
    company.up("v1.5.0")
    after = live_instance(company)
    company.append('[limits]\nconnect = "5s"')
    on_machine(company, after, _LATE_SSH)
    company.aws("ec2").reboot_instances(InstanceIds=[after["InstanceId"]])
    wait_for(lambda: ask(after["PrivateIpAddress"], "/healthz")[0] != 200, "it goes down", _BUSY)
    company.deployer("rollback", "shop", "--discard-writes")
    _until_it_serves(after)
    wait_for(lambda: _answers(company, after), "its SSH server listens", _BUSY)
    pair = [is_active(company, machine, "shop-worker") for machine in (before, after)]
    assert pair != [True, True]
    company.ok("reconciler", "sweep")
    assert company.version() == "v1.4.2"
    _works_alone(company, live_instance(company), after)


def test_cloud_init_is_disabled(company: Company) -> None:
    """The first clone of an adopted machine: it writes nothing, nobody is sent for an intruder."""
    test_harm_by_clones.test_cloud_init_is_disabled(company)


def _answers(company: Company, machine: Json) -> bool:
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        on_machine(company, machine, "systemctl is-system-running --wait || :")
        return True
    return False


def _until_it_serves(machine: Json) -> None:
    address = machine["PrivateIpAddress"]
    wait_for(lambda: ask(address, "/healthz")[0] == 200, f"{address} serves", _BUSY)


def _works_alone(company: Company, live: Json, other: Json) -> None:
    """The jobs run on the live machine, and on no other one; both apps run."""
    pair = [instance_at(company, one["PrivateIpAddress"]) for one in (live, other)]
    for job in ("shop-worker", "shop-cron"):
        assert [is_active(company, one, job) for one in pair] == [True, False], job
    assert [is_active(company, one, "shop") for one in pair] == [True, True]

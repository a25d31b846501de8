"""What a clone has of live (volumes, keys, identity), and the end of its first boot."""

from __future__ import annotations

import re
import shlex

import pytest

from reconciler.exit_codes import Exit
from tests.crash.invariants import failed_step
from tests.e2e.probes import has, live_instance, on_machine
from tests.e2e.zone import said
from tests.support.company import Company, Json

SECOND = "/dev/sdf"
MACHINE_ID = "0123456789abcdef0123456789abcdef"
AGENT = "/var/lib/teleport/host_uuid"


def attach(company: Company, **more: object) -> str:
    """A second volume of live, attached by hand; its id."""
    ec2, live = company.aws("ec2"), live_instance(company)
    zone = live["Placement"]["AvailabilityZone"]
    volume = ec2.create_volume(AvailabilityZone=zone, Size=500, VolumeType="gp3", **more)
    ec2.attach_volume(VolumeId=volume["VolumeId"], InstanceId=live["InstanceId"], Device=SECOND)
    return str(volume["VolumeId"])


def devices(instance: Json) -> set[str]:
    """The devices of a machine."""
    return {one["DeviceName"] for one in instance["BlockDeviceMappings"]}


def test_a_second_volume_is_said_priced_and_left_out(adopted: Company) -> None:
    """By plan, doctor and `up`, until somebody decides; one that is skipped is in no image."""
    root = devices(live_instance(adopted))
    attach(adopted)
    words = (SECOND, "500 GB, $44.00 a month", "is copied with each release", '= "skip"')
    has(adopted.ok("deployer", "plan", "shop").out, *words)
    has(adopted.ok("deployer", "doctor", "shop").out, "! shop     disks", *words)
    adopted.append(f'[instance.volumes]\n"{SECOND}" = "skip"')
    assert SECOND not in adopted.ok("deployer", "plan", "shop").out
    done = adopted.up("v1.5.0")
    assert SECOND not in done.err
    assert devices(live_instance(adopted)) == root


def test_a_second_volume_that_is_meant_is_copied(adopted: Company) -> None:
    """The word for it ends the warning; the clone has a copy, which goes with the clone."""
    before = devices(live_instance(adopted))
    attach(adopted)
    has(adopted.up("v1.5.0").err, f"{SECOND} of i-", "is copied with each release")
    assert devices(live_instance(adopted)) == before | {SECOND}
    adopted.append(f'[instance.volumes]\n"{SECOND}" = "copy"')
    assert "is copied with each release" not in adopted.ok("deployer", "plan", "shop").out


def test_a_disk_s_key_that_cannot_be_used_is_named(adopted: Company) -> None:
    """By doctor; by `up` when EC2 ends the launch, which says InternalError and no more."""
    kms = adopted.aws("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    attach(adopted, Encrypted=True, KmsKeyId=key)
    before, ledger = adopted.resources(), said(adopted)
    has(adopted.ok("deployer", "doctor", "shop").out, "✓ shop     disk keys", key)
    kms.disable_key(KeyId=key.rpartition("/")[2])
    doctor = adopted.deployer("doctor", "shop")
    assert doctor.code == Exit.REFUSED, doctor
    has(doctor.out, "✗ shop     disk keys", f"{key}: it is Disabled", "kms enable-key")
    done = adopted.deployer("up", "shop", "--ref", "v1.5.0", "--json")
    assert done.code == Exit.FAILED, done
    assert failed_step(done) == "launch"
    has(done.out, "Client.InternalError", key, "kms:CreateGrant", "kms:ReEncrypt*")
    assert adopted.resources() == before
    assert said(adopted).live == ledger.live


def write(company: Company, path: str, text: str, mode: str = "644") -> None:
    """A file on the live machine, by root."""
    folder, live = path.rpartition("/")[0], live_instance(company)
    on_machine(
        company,
        live,
        f"sudo -n mkdir -p {folder} && printf '%s\\n' {shlex.quote(text)} |"
        f" sudo -n tee {path} >/dev/null && sudo -n chmod {mode} {path}",
    )


def test_a_clone_is_a_machine_of_its_own(adopted: Company) -> None:
    """Another machine id each time, an agent's forgotten as configured: before the app is there."""
    write(adopted, "/etc/machine-id", MACHINE_ID)
    write(adopted, AGENT, "17")
    doctor = adopted.ok("deployer", "doctor", "shop").out
    has(doctor, "new on each clone: machine id", f"{AGENT} on i-", "Teleport takes a clone for")
    line = f"rm {AGENT}; systemctl is-active shop shop-worker >/var/lib/state; true"
    adopted.append(f'[image]\nclean = ["{line}"]')
    doctor = adopted.ok("deployer", "doctor", "shop").out
    assert "Teleport takes a clone for" not in doctor
    seen = {MACHINE_ID}
    for ref in ("v1.5.0", "v1.7.0"):
        write(adopted, AGENT, "17")
        adopted.up(ref)
        live = live_instance(adopted)
        seen.add(on_machine(adopted, live, "cat /etc/machine-id").strip())
        there = on_machine(adopted, live, f"test -e {AGENT} && echo there || echo gone")
        assert there.strip() == "gone"
        assert "active" not in on_machine(adopted, live, "cat /var/lib/state").split()
    assert len(seen) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in seen)


WAITS = """#!/bin/sh
if [ "$1" = --version ]; then echo cloud-init 24.1; exit; fi
{waits}
touch /var/lib/first-boot-is-over
"""


def first_boot(company: Company, waits: str) -> None:
    """A clone's cloud-init holds the package manager's lock until `status --wait` has waited."""
    write(company, "/usr/local/bin/cloud-init", WAITS.format(waits=waits), "755")
    company.configure(
        "^install = .*", 'install = ["test -e /var/lib/first-boot-is-over", "./bin/install"]'
    )


def test_the_first_boot_is_over_before_the_first_command(adopted: Company) -> None:
    """A package manager that cloud-init runs holds its lock: said on the board, and waited for."""
    first_boot(adopted, "sleep 1")
    done = adopted.ok("deployer", "up", "shop", "--ref", "v1.5.0", "--json")
    notes = [one["text"] for one in done.events if one["type"] == "step-note"]
    assert [one for one in notes if one.startswith("waiting for cloud-init on ")], notes
    assert adopted.version() == "v1.5.0"


def test_a_first_boot_that_does_not_end_is_given_up(adopted: Company) -> None:
    """After limits.boot, with what to look at; nothing of it stays, and nobody was refused."""
    before = adopted.resources()
    adopted.append('[limits]\nboot = "8s"')
    first_boot(adopted, "exec sleep 300")
    done = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert done.code == Exit.FAILED, done
    has(done.err, "wait for cloud-init", "given up after 8s", "cloud-init status --long")
    has(done.err, "limits.boot")
    assert adopted.resources() == before
    assert adopted.version() == "v1.4.2"


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CR LF"])
def test_a_secret_that_ends_in_a_newline_is_the_secret(adopted: Company, end: str) -> None:
    """As an editor and `aws ssm put-parameter --value file://…` write one."""
    ssm = adopted.aws("ssm")
    name = "/shop/db-admin-url"
    value = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value=f"{value}{end}", Type="SecureString", Overwrite=True)
    told = adopted.ok("deployer", "doctor", "shop").out
    has(told, "✓ shop     database", "Ready: deployer up shop")
    adopted.ok("deployer", "rehearse", "shop", "--schema-only")

"""doctor asks AWS what it would answer a release; here on scripted answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deployer.aws.trials import Room
from deployer.commands.doctor import cloud, room
from deployer.commands.doctor.check import Check, Status, attempt
from deployer.commands.doctor.disk_keys import disk_keys
from deployer.commands.doctor.readings import ServiceReadings
from deployer.compute import Disk
from reconciler.config.loader import load
from reconciler.errors import AccessDenied, CloudError
from reconciler.exit_codes import Exit
from reconciler.model.tags import Label
from tests.fakes.scene import Scene, service
from tests.fakes.traffic import FakeTraffic
from tests.fakes.trials import ScriptedTrials
from tests.support.shop_world import LIVE, OLD, target_group

ROOT = Path(__file__).resolve().parents[5]
KEY = "arn:aws:kms:eu-west-1:123456789012:key/0a1b"
FINE = ScriptedTrials()
DENIED = AccessDenied("ec2:CreateImage is denied: Unauthorized", cure="reconciler policy")
MISTYPED = CloudError("ec2:RunInstances: t3.smal", code="InvalidParameterValue")
NO_IMAGE = replace(FINE, refusing={"CreateImage": DENIED})
NO_TYPE = replace(FINE, refusing={"RunInstances": MISTYPED})


@pytest.fixture(autouse=True)
def encrypted(scene: Scene) -> None:
    """Live's disk has a key of its own."""
    scene.compute.disks = (Disk("/dev/xvda", 8, encrypted=True, key=KEY),)


def asked(
    scene: Scene, probe: Callable[[ServiceReadings], Any], trials: ScriptedTrials
) -> list[Check]:
    """The checks of one probe."""
    ports = scene.ports()
    settings = replace(load(ROOT / "config"), services={"shop": service()})
    return list(attempt("shop", "x", lambda: probe(ServiceReadings(ports, settings, trials))))


@pytest.mark.parametrize(
    ("probe", "trials", "code", "says", "cure"),
    [
        (cloud.clock, replace(FINE, offset=timedelta(seconds=400)), 6, "6m 40s ahead", "set-ntp"),
        (cloud.dry_run, NO_IMAGE, 6, "CreateImage", "reconciler policy"),
        (cloud.dry_run, NO_TYPE, 2, "t3.smal", "correct [instance]"),
        (cloud.policy, replace(FINE, missing=("ec2:A", "ec2:B")), 6, "ec2:A, and 1 more", "--for"),
        (room.machines, replace(FINE, room=Room(31, 32)), 3, "31 of 32 vCPUs", "quota-increase"),
        (room.addresses, replace(FINE, free=0), 3, "no subnet has 1 free", "instance.subnets"),
        (disk_keys, replace(FINE, state="Disabled"), 3, f"{KEY}: it is", "kms enable-key"),
    ],
)
def test_what_aws_would_refuse_is_named(
    scene: Scene, probe: Any, trials: ScriptedTrials, code: int, says: str, cure: str
) -> None:
    """With the cure, and the exit code of its cause."""
    (check,) = asked(scene, probe, trials)
    assert (check.status, check.code) == (Status.FAIL, code), check
    assert says in check.text
    assert cure in check.cure


@pytest.mark.parametrize(
    "probe",
    [
        *(cloud.clock, cloud.dry_run, cloud.policy, room.addresses, room.machines),
        *(cloud.tags, cloud.disks, disk_keys),
    ],
)
def test_where_aws_would_do_it_nothing_is_wrong(scene: Scene, probe: Any) -> None:
    """One line each; nothing is made."""
    (check,) = asked(scene, probe, FINE)
    assert check.status is Status.OK, check
    assert scene.did("create", "swap", "tag") == []


def test_what_may_not_be_asked_is_skipped(scene: Scene) -> None:
    """Without the policy `doctor` the simulation says nothing, and is no failure."""
    trials = replace(FINE, unasked=AccessDenied("iam:SimulatePrincipalPolicy is denied"))
    for probe in (cloud.policy, room.machines, disk_keys):
        (check,) = asked(scene, probe, trials)
        assert check.status is Status.SKIPPED
        assert "iam:SimulatePrincipalPolicy is denied" in check.text


def test_a_clock_that_is_a_little_off_is_a_warning(scene: Scene) -> None:
    """AWS refuses signatures from five minutes on."""
    (check,) = asked(scene, cloud.clock, replace(FINE, offset=timedelta(seconds=-90)))
    assert (check.status, check.code) == (Status.WARN, Exit.DONE)
    assert "1m 30s behind AWS" in check.text


def test_a_machine_that_is_full_of_tags(scene: Scene) -> None:
    """RunInstances gives no more than 50, and `adopt` would stop half-way."""
    scene.heap.change("i-17", tags={f"team-{n}": "x" for n in range(46)})
    (check,) = asked(scene, cloud.tags, FINE)
    assert check.code == Exit.REFUSED
    assert "AWS takes 50" in check.text
    assert "delete-tags --resources i-17" in check.cure


def test_a_key_whose_policy_lacks_what_ec2_needs_is_a_warning(scene: Scene) -> None:
    """Not a failure: a grant may stand in for it, which nobody but the key's admin sees."""
    state, lack = asked(scene, disk_keys, replace(FINE, lacks=("kms:CreateGrant",)))
    assert state.status is Status.OK
    assert (lack.status, lack.code) == (Status.WARN, Exit.DONE)
    assert f"no policy allows kms:CreateGrant on {KEY}" in lack.text
    assert "kms:ViaService ec2" in lack.cure


def test_the_target_groups_that_a_release_makes_count(scene: Scene) -> None:
    """One for each that gets requests; where no load balancer is, nothing is asked."""
    (skipped,) = asked(scene, room.target_groups, FINE)
    assert skipped.status is Status.SKIPPED
    traffic = FakeTraffic(scene.heap)
    traffic.add(target_group(OLD, Label.RETIRED, 9), 0)
    traffic.add(target_group(LIVE, Label.LIVE, 17), 1)
    scene.managed = replace(scene.managed, traffic=traffic)
    (full,) = asked(scene, room.target_groups, replace(FINE, groups=Room(100, 100)))
    assert (full.code, full.text[:10]) == (Exit.REFUSED, "100 of 100")
    assert "--service-code elasticloadbalancing" in full.cure
    (fine,) = asked(scene, room.target_groups, FINE)
    assert fine.text == "2 of 3000 are there, and a release makes 1 more"

"""doctor asks AWS what it would answer a release; here on scripted answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deployer.aws.trials import Room
from deployer.commands.doctor import cloud
from deployer.commands.doctor.check import Check, Status, attempt
from deployer.commands.doctor.readings import ServiceReadings
from reconciler.config.loader import load
from reconciler.errors import AccessDenied, CloudError
from reconciler.exit_codes import Exit
from tests.fakes.scene import Scene, service
from tests.fakes.trials import ScriptedTrials

ROOT = Path(__file__).resolve().parents[5]
FINE = ScriptedTrials()
DENIED = AccessDenied("ec2:CreateImage is denied: Unauthorized", cure="reconciler policy")
MISTYPED = CloudError("ec2:RunInstances: t3.smal", code="InvalidParameterValue")
NO_IMAGE = replace(FINE, refusing={"CreateImage": DENIED})
NO_TYPE = replace(FINE, refusing={"RunInstances": MISTYPED})


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
        (cloud.clock, replace(FINE, offset=timedelta(seconds=400)), 6, "400 s ahead", "set-ntp"),
        (cloud.dry_run, NO_IMAGE, 6, "CreateImage", "reconciler policy"),
        (cloud.dry_run, NO_TYPE, 2, "t3.smal", "correct [instance]"),
        (cloud.policy, replace(FINE, missing=("ec2:A", "ec2:B")), 6, "ec2:A, and 1 more", "--for"),
        (cloud.quota, replace(FINE, room=Room(32, 32)), 3, "32 of 32 vCPUs", "quota-increase"),
        (cloud.addresses, replace(FINE, free=0), 3, "no subnet has 1 free", "instance.subnets"),
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
        *(cloud.clock, cloud.dry_run, cloud.policy, cloud.addresses, cloud.quota),
        *(cloud.tags, cloud.disks),
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
    for probe in (cloud.policy, cloud.quota):
        (check,) = asked(scene, probe, trials)
        assert check.status is Status.SKIPPED
        assert "iam:SimulatePrincipalPolicy is denied" in check.text


def test_a_clock_that_is_a_little_off_is_a_warning(scene: Scene) -> None:
    """AWS refuses signatures from five minutes on."""
    (check,) = asked(scene, cloud.clock, replace(FINE, offset=timedelta(seconds=-90)))
    assert (check.status, check.code) == (Status.WARN, Exit.DONE)
    assert "90 s behind AWS" in check.text


def test_a_machine_that_is_full_of_tags(scene: Scene) -> None:
    """RunInstances gives no more than 50, and `adopt` would stop half-way."""
    scene.heap.change("i-17", tags={f"team-{n}": "x" for n in range(46)})
    (check,) = asked(scene, cloud.tags, FINE)
    assert check.code == Exit.REFUSED
    assert "AWS takes 50" in check.text
    assert "delete-tags --resources i-17" in check.cure

"""The first steps, from files: `init`, `doctor`, `rehearse`; and words that are a person's."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import click

import deployer.aws.discovery
import deployer.commands.doctor.command
import deployer.commands.rehearse
from deployer.aws.discovery import RecordHome
from deployer.provisioning.repository import Shipment
from deployer.release.up import Step
from reconciler.aws.client.expiry import SessionEnd
from tests.cures.case import Case
from tests.cures.databases import DEAD_DB, EXPLAIN, HOLD, held, left_over
from tests.cures.desk import Desk
from tests.cures.homes import UP, first_day, well
from tests.cures.lease import counted
from tests.fakes.trials import ScriptedTrials
from tests.support.shop_world import PLACE
from tests.unit.deployer.commands.doctor.test_machine import say

INIT, ANSWERS = "deployer init shop --record shop.example.com", ("shop", "shop.example.com")


@dataclass(frozen=True)
class _Edges:
    """No AWS: the session has no end."""

    settings: Any

    def aws(self, _: object) -> Any:
        """An account."""
        return SimpleNamespace(session_end=SessionEnd)


def unconfigured(desk: Desk) -> None:
    """A machine that people made, and no file yet; whoever asks is answered at a terminal."""
    first_day(desk)
    desk.config = desk.root / "config"
    patch, found = desk.patch, RecordHome(PLACE.account, PLACE.region, "i-0b17be44")
    patch.setenv("DEPLOY_CONFIG", str(desk.config))
    patch.setattr(deployer.aws.discovery, "discover", lambda *_: found)
    patch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    patch.setattr(click, "prompt", lambda said, **_: ANSWERS["Record" in said])


def empty(desk: Desk) -> None:
    """The folder is there, and no service in it."""
    unconfigured(desk)
    (desk.root / "config" / "services").mkdir(parents=True)


def blocked(desk: Desk) -> None:
    """There is a file where the folder would be."""
    unconfigured(desk)
    desk.config = desk.root / "file"
    desk.config.write_text("")
    desk.patch.setenv("DEPLOY_CONFIG", str(desk.config))


def elsewhere(desk: Desk) -> None:
    """The folder that is said is used from then on."""
    desk.patch.chdir(desk.root)
    desk.config = desk.root / "conf"


def ready(desk: Desk) -> None:
    """Every question of doctor to AWS has a good answer."""
    well(desk)
    live = desk.scene.reach.machine("i-17")
    say(live, "cloud-init", "/usr/bin/cloud-init 24.1.3-0ubuntu1")
    live.write("/etc/cloud/cloud.cfg", "cloud_init_modules:\n - bootcmd\n - ssh\n")
    command = deployer.commands.doctor.command
    desk.patch.setattr(command, "Edges", _Edges)
    desk.patch.setattr(command, "wired", lambda *_: desk.ports())
    desk.patch.setattr(command, "AwsTrials", lambda _: ScriptedTrials())
    desk.patch.setattr(command, "examine_code", lambda *_: Shipment("v2", 10, 0, ()))


def rehearsing(desk: Desk) -> None:
    """A rehearsal whose steps do nothing."""
    counted(desk)
    steps = (Step("image", lambda _: ""),)
    desk.patch.setattr(deployer.commands.rehearse, "STEPS", steps)


LOADER, MAIN = "reconciler/config/loader.py::", "reconciler/cli/main.py::"
CASES = (
    Case("deployer/cli/read_only.py::init", unconfigured, INIT, "deployer adopt shop"),
    Case(
        "deployer/commands/init.py::begin",
        unconfigured,
        "deployer init My_Shop --record shop.example.com",
        "deployer init my-shop",
    ),
    Case(
        "deployer/commands/init.py::begin",
        blocked,
        INIT,
        "deployer init shop --config DIR --record shop.example.com",
        elsewhere,
        fill=("DIR", "conf"),
    ),
    Case(f"{LOADER}refuse_empty", empty, "reconciler plan", "deployer init"),
    Case("deployer/commands/doctor/check.py::_verdicts", ready, "deployer doctor shop", UP),
    Case("deployer/cli/rehearse.py::rehearsal_lines", rehearsing, "deployer rehearse shop", UP),
    Case("reconciler/output/explain.py::would_change", left_over, f"{EXPLAIN} --json", HOLD),
    Case(
        f"{MAIN}hold",
        left_over,
        f"reconciler hold {DEAD_DB} ' '",
        f"reconciler hold {DEAD_DB} 'ticket 4711'",
    ),
    Case(f"{MAIN}release", held, f"reconciler release {DEAD_DB}", f"reconciler unhold {DEAD_DB}"),
)

"""Smoke: the new machines must answer production-like requests before they become production."""

from __future__ import annotations

from deployer.provisioning.smoke_checks import Subject
from deployer.provisioning.smoke_runner import smoke_subjects
from deployer.release.context import ReleaseContext


def smoke(run: ReleaseContext) -> str:
    """Check every new machine at its own address."""
    units = run.ports.service.app.units
    subjects = [Subject(machine.address, machine.shell, units) for machine in run.created.machines]
    return smoke_subjects(run.ports, subjects, run.held.sleep)

"""Smoke: the new machines must answer as production would be asked, before they are production."""

from __future__ import annotations

from deployer.run import Run
from deployer.smoke import Subject
from deployer.smoking import smoke_subjects


def smoke(run: Run) -> str:
    """Ask every new machine at its own address."""
    units = run.ports.service.app.units
    subjects = [Subject(one.address, one.shell, units) for one in run.machines]
    return smoke_subjects(run.ports, subjects, run.held.sleep)

"""One exploration with what it took, so that it can be made in a process of its own."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass

from tests.model.bounds import Bound, explored
from tests.model.explorer import Report


@dataclass(frozen=True)
class Run:
    """An exploration as far as its larger bound: seconds of CPU, and the process's memory."""

    bound: Bound
    report: Report
    seconds: float
    megabytes: int


def measured(bound: Bound) -> Run:
    """Explore one scenario. The memory is right where the process does nothing else."""
    began = time.process_time()
    report = explored(bound.scenario, bound.model)
    took = time.process_time() - began
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Run(bound, report, took, kilobytes // 1024)

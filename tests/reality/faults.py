"""The faults that were found by hand on real machines, and what shows each on every run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BEFORE = "99ac07b"
"""The commit before issue "Production is never harmed"."""

_ROWS = "test_zoo::test_nobody_acts_who_must_not"
_LIFE = "test_release_life::test_"
_SCRIPTS = "test_scripts::test_"


@dataclass(frozen=True)
class Fault:
    """`tests` fail where the fault is there; `rows` of the table are where to look."""

    about: str
    tests: tuple[str, ...]

    def seen(self, outcomes: Mapping[str, str]) -> str:
        """`green` where every test passed, `red` where one failed."""
        found = [outcomes.get(test, "not run") for test in self.tests]
        if "failure" in found:
            return "red"
        return "green" if set(found) == {"passed"} else ", ".join(sorted(set(found)))


FAULTS = (
    Fault(
        "the gate believes cloud-init's instance id before the firmware's",
        (f"{_ROWS}[manual]", f"{_ROWS}[none]"),
    ),
    Fault(
        "the first clone of an adopted machine has no gate",
        (f"{_ROWS}[rhel]", f"{_ROWS}[disabled]"),
    ),
    Fault(
        "the check of a clone is blind to oneshots",
        ("test_zoo::test_a_clone_without_a_gate_is_told",),
    ),
    Fault("what a gated unit pulls in is not gated", (f"{_ROWS}[debian]",)),
    Fault("ordering cycles: a reboot of live drops jobs of systemd", (f"{_ROWS}[rhel]",)),
    Fault(
        "jobs on two machines after a rollback while live reboots",
        (f"{_LIFE}a_rollback_while_live_reboots",),
    ),
    Fault(
        "a oneshot among the jobs runs at every act",
        (f"{_SCRIPTS}a_oneshot_among_the_jobs[container]",),
    ),
    Fault("order and gate take the machine's id from different files", (f"{_ROWS}[none]",)),
    Fault("what cron has begun survives it", (f"{_ROWS}[debian]",)),
    Fault("an override.conf empties the condition", (f"{_ROWS}[debian]",)),
    Fault("a socket stays failed after one connection too early", (f"{_ROWS}[debian]",)),
    Fault(
        "a cloud-init that did not act is told as an intruder",
        (f"{_LIFE}cloud_init_is_disabled",),
    ),
    Fault(
        "tracebacks for a port that accepts before sshd listens",
        (f"{_SCRIPTS}a_boot_is_quiet[container]",),
    ),
    Fault(
        "the gate's unit runs at every start of a gated unit",
        (f"{_SCRIPTS}the_gate_runs_with_no_unit[container]",),
    ),
    Fault(
        "an error shows the journal of earlier boots",
        (f"{_SCRIPTS}an_error_shows_this_boot_alone[container]",),
    ),
)

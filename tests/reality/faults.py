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
class Result:
    """One test's outcome; `differences` are who acted and must not, or must and did not."""

    test: str
    shows: str
    machines: str
    outcome: str
    when: str
    seconds: float
    notes: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fault:
    """It is there where one of `tests` fails, with a difference that has one of `words` if any."""

    about: str
    tests: tuple[str, ...]
    words: tuple[str, ...] = ("",)

    def seen(self, results: Mapping[str, Result]) -> str:
        """`red` where a test shows it, `green` where none does; or which have not run."""
        found = [self._outcome(results[test]) for test in self.tests if test in results]
        if "red" in found or len(found) == len(self.tests):
            return max(found)
        return "not run"

    def _outcome(self, result: Result) -> str:
        if result.outcome not in ("passed", "failure"):
            return result.outcome
        lines = result.differences or (result.outcome.replace("passed", ""),)
        shows = any(word in line for line in lines if line for word in self.words)
        return "red" if shows else "green"


def _walk(about: str, orders: str, *words: str) -> Fault:
    return Fault(about, tuple(f"{_ROWS}[{order}]" for order in orders.split()), words)


def _script(about: str, name: str) -> Fault:
    return Fault(about, (f"{_SCRIPTS}{name}[container]",))


FAULTS = (
    _walk("the gate believes cloud-init's id before the firmware's", "manual none", "first clone"),
    _walk("the first clone of an adopted machine has no gate", "rhel disabled", "first clone"),
    Fault(
        "the check of a clone is blind to oneshots",
        ("test_zoo::test_a_clone_without_a_gate_is_told",),
    ),
    _walk(
        "what a gated unit pulls in is not gated",
        "debian rhel",
        *(f"zoo-{name} acted" for name in ("many", "once", "required", "wanted", "bound")),
    ),
    _walk("ordering cycles: a reboot drops jobs of systemd", "debian rhel", "did not act"),
    Fault(
        "jobs on two machines after a rollback while live reboots",
        (f"{_LIFE}a_rollback_while_live_reboots",),
    ),
    _script("a oneshot among the jobs runs at every act", "a_oneshot_among_the_jobs"),
    _walk("order and gate take the machine's id from different files", "disabled", "new live"),
    _walk("what cron has begun survives it", "debian", "a job that cron began"),
    _walk("an override.conf empties the condition", "debian rhel", "zoo-override"),
    _walk("one early connection leaves a socket failed", "debian", "zoo-served"),
    Fault(
        "a cloud-init that did not act is told as an intruder",
        (f"{_LIFE}cloud_init_is_disabled",),
    ),
    _script("tracebacks for a port that accepts before sshd listens", "a_boot_is_quiet"),
    _script("the gate's unit runs at every start of a gated unit", "the_gate_runs_with_no_unit"),
    _script("an error shows the journal of earlier boots", "an_error_shows_this_boot_alone"),
)

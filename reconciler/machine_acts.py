"""What a machine is told, and what it says of itself: fenced, idempotent, over the Shell port.

An act carries the generation that justified it. The machine remembers the highest it has obeyed,
under a lock, and refuses an older one: a stop that comes late must not hit a deploy that is live
again (protocol.md, rule 10).
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

from reconciler.errors import CommandFailed, ShellError, StaleAct
from reconciler.machine_gate import (
    APP_FLAG,
    JOBS_FLAG,
    LOCK,
    RUN,
    STATE,
    Gate,
    drop_in_path,
    place_files,
    unit_name,
)
from reconciler.shell import Command, Shell
from reconciler.unit_script import JOURNAL, STOP_AND_START
from reconciler.units import digest

Run = Literal["run", "stop"]
Jobs = Literal["run", "stop", "keep"]
"""`keep`: as they are, since whoever is to give them up has not been told yet (rule 18)."""

STALE = 75  # EX_TEMPFAIL of sysexits.h; nothing else in the script ends so
ACT_SECONDS = 180.0

_INSTANCE = (
    "instance=$(cat /run/cloud-init/.instance-id 2>/dev/null ||"
    " cat /var/lib/cloud/data/instance-id 2>/dev/null || :)"
)


@dataclass(frozen=True)
class Act:
    """What a machine is to do, and the ledger's generation that says so.

    `lacks`: a unit that this machine does not have need not start: an older release's machine may
    never have had what a newer one brought.
    """

    generation: int
    deploy: str
    app: Run
    jobs: Jobs
    lacks: bool = False


@dataclass(frozen=True)
class MachineState:
    """What a machine has obeyed last, and what it does.

    `generation` is 0 and `deploy` empty where it has obeyed nothing (a fresh clone, an adopted
    machine). `gated`: every unit's drop-in is in place. `units` is the digest of the set of units
    that it was told of.
    """

    instance: str
    deploy: str
    generation: int
    active: frozenset[str]
    gated: bool
    gate: Gate
    units: str = ""

    @property
    def app_running(self) -> bool:
        """Whether all units of the app are active."""
        return self.active >= set(self.gate.app)

    @property
    def jobs_running(self) -> bool:
        """Whether all jobs are active."""
        return self.active >= set(self.gate.jobs)

    @property
    def jobs_stopped(self) -> bool:
        """Whether no job is active."""
        return not self.active & set(self.gate.jobs)


def obey(shell: Shell, gate: Gate, act: Act) -> None:
    """Make the machine do what `act` says; harmless twice.

    Never restarts a unit that runs and is to run. Writes the gate's files where they are missing
    (an adopted machine). Raises StaleAct if it has obeyed a newer generation, CommandFailed with
    the unit's last journal lines if a unit does not come up, and the other errors of a Shell.
    """
    label = f"{act.app} the app, {act.jobs} the jobs"
    command = Command(obey_script(gate, act), label, sudo=True, timeout=ACT_SECONDS)
    try:
        shell.run(command)
    except CommandFailed as error:
        if error.status != STALE:
            raise
        raise StaleAct(
            f"{shell.host} has obeyed a newer generation than {act.generation}: {label} refused",
            detail=error.detail,
        ) from error


def obey_script(gate: Gate, act: Act) -> str:
    """The act as one sh script."""
    parts = (
        "set -eu",
        f"mkdir -p {RUN} {STATE.rpartition('/')[0]}",
        f"exec 9> {LOCK}",
        'flock -w 60 9 || { echo "another act holds the lock" >&2; exit 1; }',
        _INSTANCE,
        '[ -n "$instance" ] || { echo "this machine does not know its instance id" >&2; exit 1; }',
        _refuse_newer(act),
        # Truth before deed: a crash in between leaves what the next obedience completes.
        _wanted_jobs(gate, act),
        _write_state(gate, act),
        # Flags before the drop-ins: on an adopted machine the app must not find itself shut.
        _set_flag(APP_FLAG, act.app),
        f'if [ "$jobs" = 1 ]; then : > {JOBS_FLAG}; else rm -f {JOBS_FLAG}; fi',
        place_files(gate),
        "systemctl daemon-reload",
        f"lacks={act.lacks:d}",
        STOP_AND_START,
        _switch("stop", gate.jobs) if act.jobs == "stop" else "",
        _switch(act.app, gate.app),
        _switch("run", gate.jobs) if act.jobs == "run" else "",
    )
    return "\n".join(part for part in parts if part) + "\n"


def _refuse_newer(act: Act) -> str:
    return (
        "seen=0; jobs=\n"
        f'if grep -qx "instance=$instance" {STATE} 2>/dev/null; then\n'
        f"  seen=$(sed -n 's/^generation=//p' {STATE})\n"
        f"  jobs=$(sed -n 's/^jobs=//p' {STATE})\n"
        "fi\n"
        f'if [ "${{seen:-0}}" -gt {act.generation:d} ]; then\n'
        f'  echo "has obeyed generation $seen" >&2; exit {STALE}\n'
        "fi"
    )


def _wanted_jobs(gate: Gate, act: Act) -> str:
    """Sets `jobs`; to keep them is to remember what this machine was told last, or else does."""
    if act.jobs != "keep":
        return f"jobs={act.jobs == 'run':d}"
    names = " ".join(shlex.quote(unit) for unit in gate.jobs)
    return (
        f'if [ -z "$jobs" ]; then jobs=0; for unit in {names}; do\n'
        '  if systemctl is-active --quiet "$unit"; then jobs=1; fi\n'
        "done; fi"
    )


def _write_state(gate: Gate, act: Act) -> str:
    said = " ".join(
        shlex.quote(line)
        for line in (
            f"deploy={act.deploy}",
            f"generation={act.generation:d}",
            f"app={act.app == 'run':d}",
            f"units={digest(gate)}",
        )
    )
    return (
        f'printf \'%s\\n\' "instance=$instance" {said} "jobs=$jobs" > {STATE}.new\n'
        f"sync {STATE}.new 2>/dev/null || sync\n"
        f"mv -f {STATE}.new {STATE}"
    )


def _set_flag(flag: str, wanted: Run) -> str:
    return f": > {flag}" if wanted == "run" else f"rm -f {flag}"


def _switch(wanted: Run, units: tuple[str, ...]) -> str:
    """Start the units in order, or stop them in reverse."""
    word, ordered = ("start", units) if wanted == "run" else ("stop", units[::-1])
    return "\n".join(f"{word} {shlex.quote(unit)}" for unit in ordered)


def last_lines(shell: Shell, unit: str) -> str:
    """The last lines of a unit's journal, for an error's detail. Raises ShellError's kin."""
    script = f"{JOURNAL}\njournal {shlex.quote(unit_name(unit))}"
    return shell.run(Command(script, f"read the journal of {unit}", sudo=True)).text


def observe(shell: Shell, gate: Gate) -> MachineState:
    """What the machine has obeyed and what runs on it; changes nothing. Raises ShellError's kin."""
    result = shell.run(Command(observe_script(gate), "look at the units", sudo=True))
    lines = [line.partition("=")[::2] for line in result.text.splitlines()]
    said = dict(lines)
    ours = said.get("instance") == said.get("self")
    return MachineState(
        instance=said.get("self", ""),
        deploy=said.get("deploy", "") if ours else "",
        generation=int(said.get("generation", "0")) if ours else 0,
        active=frozenset(value for key, value in lines if key == "active"),
        gated={value for key, value in lines if key == "gated"} == set(gate.all),
        gate=gate,
        units=said.get("units", "") if ours else "",
    )


def observe_script(gate: Gate) -> str:
    """Prints `self=`, the state file, `active=UNIT` and `gated=UNIT` for those that are."""
    tests = (
        f"if systemctl is-active --quiet {name}; then echo active={name}; fi\n"
        f"if [ -e {drop} ]; then echo gated={name}; fi"
        for name, drop in _drop_ins(gate)
    )
    head = f'{_INSTANCE}\necho "self=$instance"\ncat {STATE} 2>/dev/null || :'
    return "\n".join([head, *tests, ""])


def _drop_ins(gate: Gate) -> list[tuple[str, str]]:
    return [(shlex.quote(unit), shlex.quote(drop_in_path(unit))) for unit in gate.all]


def verify_quarantine(shell: Shell, gate: Gate) -> None:
    """Prove that a fresh clone did nothing: gated, inactive, and never active since its boot.

    Raises ShellError naming each unit that did, or that could.
    """
    result = shell.run(Command(quarantine_script(gate), "verify the quarantine", sudo=True))
    if result.text:
        raise ShellError(
            f"{shell.host} is not quarantined: {result.text.splitlines()[0]}",
            cure="look at the machine's cloud-init log: /var/log/cloud-init-output.log",
            detail=result.text,
        )


def quarantine_script(gate: Gate) -> str:
    """Prints a line for everything that breaks the quarantine; nothing where it holds."""
    lines = [
        f"check {name} {drop} {flag}"
        for (name, drop), flag in zip(
            _drop_ins(gate),
            [APP_FLAG] * len(gate.app) + [JOBS_FLAG] * len(gate.jobs),
            strict=True,
        )
    ]
    return "\n".join([_CHECK, *lines, ""])


# A unit that is not installed (a first release) answers inactive and 0: quarantined.
_CHECK = """\
check() {
  [ -e "$2" ] || echo "unit $1 is not gated: $2 is missing"
  [ ! -e "$3" ] || echo "unit $1 may start: $3 stands"
  since=$(systemctl show -p ActiveEnterTimestampMonotonic "$1")
  since=${since#*=}
  if systemctl is-active --quiet "$1"; then
    echo "unit $1 is running"
  elif [ "${since:-0}" != 0 ]; then
    echo "unit $1 has run since boot"
  fi
}"""

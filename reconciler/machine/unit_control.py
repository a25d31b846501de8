"""Orders to a machine, and its reported state: fenced, idempotent, over the Shell port.

An act carries the generation that justified it. The machine stores the highest it has obeyed,
under a lock, and refuses an older one: a late stop must not hit a deploy that is live again
(protocol.md, rule 10).
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

from reconciler.errors import CommandFailed, StaleAct
from reconciler.machine.activation_gate import (
    CARRY_OVER,
    CLAIM,
    GENERATOR,
    IDENTITY,
    LIST,
    LOCK,
    RELOAD,
    STATE,
    ActivationGate,
    place_files,
    start_triggers,
    stop_pulled,
    unit_name,
)
from reconciler.machine.connections import count_script, counted
from reconciler.machine.shell import Command, Shell
from reconciler.machine.unit_script import JOURNAL, STOP_AND_START
from reconciler.machine.unit_state import digest

Run = Literal["run", "stop"]
Jobs = Literal["run", "stop", "keep", "told"]
"""`keep`: unchanged, since the deploy that must give up its jobs has no order yet (rule 18).

`told`: as the machine's last order says; one without any runs them.
"""

STALE = 75  # EX_TEMPFAIL of sysexits.h; no other path of the script exits with it
ACT_SECONDS = 180.0
HALT = "sync\nsystemctl poweroff 9>&-"


@dataclass(frozen=True)
class Act:
    """What a machine has to do, and the ledger's generation that justifies it.

    `lacks`: a unit that does not exist on this machine need not start: an older release's machine
    may not have a unit that a newer release added. `counts`: report the app's open connections
    before it stops. `halts`: the machine halts itself at the end; EC2's StopInstances knows no
    generation.
    """

    generation: int
    deploy: str
    app: Run
    jobs: Jobs
    lacks: bool = False
    counts: bool = False
    halts: bool = False


@dataclass(frozen=True)
class MachineState:
    """What a machine obeyed last, and what runs on it.

    `generation` is 0 and `deploy` empty if it has obeyed nothing (a fresh clone, an adopted
    machine). `gated`: the gate is installed and lists every unit. `units` is the digest of the
    set of units in its last order.
    """

    instance: str
    deploy: str
    generation: int
    active: frozenset[str]
    gated: bool
    gate: ActivationGate
    units: str = ""


def obey(shell: Shell, gate: ActivationGate, act: Act) -> int | None:
    """Makes the machine carry out `act`; idempotent. Returns the connections that `act` counts.

    Never restarts a running unit that has to run. Writes the gate's files if they are missing
    (an adopted machine). Raises StaleAct if it has obeyed a newer generation, CommandFailed with
    the unit's last journal lines if a unit does not start, and the other errors of a Shell.
    """
    label = f"{act.app} the app, {act.jobs} the jobs{', halt' if act.halts else ''}"
    command = Command(obey_script(gate, act), label, sudo=True, timeout=ACT_SECONDS)
    return counted(run_fenced(shell, command, act, f"{label} refused"))


def run_fenced(shell: Shell, command: Command, act: Act, refused: str) -> str:
    """Run the script of an act. Raises StaleAct if the machine has obeyed a newer generation."""
    try:
        return shell.run(command).text
    except CommandFailed as error:
        if error.status != STALE:
            raise
        raise StaleAct(
            f"{shell.host} has obeyed a newer generation than {act.generation}: {refused}",
            detail=error.detail,
        ) from error


def obey_script(gate: ActivationGate, act: Act) -> str:
    """The act as one sh script."""
    parts = (
        told_script(gate, act),
        # Stopped while their files are visible: a masked unit has no ExecStop. The reload masks
        # them; stopped again, as a timer or socket may have started one before.
        f"lacks={act.lacks:d}",
        STOP_AND_START,
        count_script(gate.app) if act.counts else "",
        _stop(gate, act),
        RELOAD,
        _stop(gate, act),
        _start(gate, act),
        # With the lock still held: whoever comes later meets a machine that goes down.
        HALT if act.halts else "",
    )
    return "\n".join(part for part in parts if part) + "\n"


def told_script(gate: ActivationGate, act: Act, before_files: str = "") -> str:
    """The part of an act that starts and stops nothing: the machine stores its order.

    RELOAD has to follow. `before_files` runs between the state and the gate's files.
    """
    parts = (
        "set -eu",
        f"mkdir -p {LOCK.rpartition('/')[0]}",
        f"exec 9> {LOCK}",
        'flock -w 60 9 || { echo "another act holds the lock" >&2; exit 1; }',
        IDENTITY,
        '[ -n "$instance" ] || { echo "this machine does not know its instance id" >&2; exit 1; }',
        _refuse_claimed(act),
        CARRY_OVER,
        refuse_newer(act),
        # State before action: after a crash in between, the next act completes it. And the
        # state before the gate: on an adopted machine the gate must not mask the app.
        _wanted_jobs(gate, act),
        _set_apart(act),
        _write_state(gate, act),
        before_files,
        place_files(gate),
    )
    return "\n".join(part for part in parts if part)


def _refuse_claimed(act: Act) -> str:
    """If cloud-init took it for another machine, nothing is started; stopping is safe."""
    if "run" not in (act.app, act.jobs):
        return ""
    return (
        f"{CLAIM}"
        '[ -z "$claimed" ] || { echo "the firmware says $instance, cloud-init $claimed: this '
        'machine is a copy that cloud-init did not notice (manual_cache_clean?)" >&2; exit 1; }'
    )


def _stop(gate: ActivationGate, act: Act) -> str:
    parts = [
        part
        for wanted, name, units in ((act.jobs, "jobs", gate.jobs), (act.app, "app", gate.app))
        if wanted == "stop" and units
        for part in (_switch("stop", units), stop_pulled(name))
    ]
    return "\n".join(parts)


def _start(gate: ActivationGate, act: Act) -> str:
    parts = [
        part
        for wanted, name, units in ((act.app, "app", gate.app), (act.jobs, "jobs", gate.jobs))
        if wanted == "run" and units
        for part in (start_triggers(name, units), _switch("run", units))
    ]
    return "\n".join(parts)


def refuse_newer(act: Act) -> str:
    """A sh fragment, after IDENTITY: ends the script if a newer generation was obeyed."""
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


def _wanted_jobs(gate: ActivationGate, act: Act) -> str:
    """Sets `jobs`; `keep` stores the machine's last order again, or else what runs now."""
    if act.jobs == "told":
        return '[ -n "$jobs" ] || jobs=1'
    if act.jobs != "keep":
        return f"jobs={act.jobs == 'run':d}"
    names = " ".join(shlex.quote(unit) for unit in gate.jobs)
    return (
        f'if [ -z "$jobs" ]; then jobs=0; for unit in {names}; do\n'
        '  if systemctl is-active --quiet "$unit"; then jobs=1; fi\n'
        "done; fi"
    )


def _set_apart(act: Act) -> str:
    """On a copy of another service's machine, the units of that service stay masked for good."""
    service = act.deploy.partition("/")[0]
    if not service:
        return ""
    return (
        f'if [ -f {LIST} ] && grep -q "^deploy=." {STATE} 2>/dev/null &&\n'
        f'  ! grep -qx -e "instance=$instance" -e "deploy={service}/.*" {STATE}; then\n'
        f"  sed -i 's/^[a-z]* /other /' {LIST}\n"
        "fi"
    )


def _write_state(gate: ActivationGate, act: Act) -> str:
    deploy, runs = f"deploy={act.deploy}", f"app={act.app == 'run':d}"
    lines = (deploy, f"generation={act.generation:d}", runs, f"units={digest(gate)}")
    state = " ".join(map(shlex.quote, lines))
    return (
        f'printf \'%s\\n\' "instance=$instance" {state} "jobs=$jobs" > {STATE}.new\n'
        f"sync {STATE}.new 2>/dev/null || sync\n"
        f"mv -f {STATE}.new {STATE}\n"
        # Sync the folder, too: after a power cut the machine would return to its older order.
        f"sync {STATE.rpartition('/')[0]} 2>/dev/null || sync"
    )


def _switch(wanted: Run, units: tuple[str, ...]) -> str:
    """Start the units in order, or stop them in reverse."""
    word, ordered = ("start", units) if wanted == "run" else ("stop", units[::-1])
    return "\n".join(f"{word} {shlex.quote(unit)}" for unit in ordered)


def last_lines(shell: Shell, unit: str) -> str:
    """The last lines of a unit's journal, for an error's detail. Raises ShellError."""
    script = f"{JOURNAL}\njournal {shlex.quote(unit_name(unit))}"
    return shell.run(Command(script, f"read the journal of {unit}", sudo=True)).text


def observe(shell: Shell, gate: ActivationGate) -> MachineState:
    """What the machine has obeyed and what runs on it; changes nothing. Raises ShellError."""
    result = shell.run(Command(observe_script(gate), "look at the units", sudo=True))
    lines = [line.partition("=")[::2] for line in result.text.splitlines()]
    state = dict(lines)
    ours = state.get("instance") == state.get("self")
    return MachineState(
        instance=state.get("self", ""),
        deploy=state.get("deploy", "") if ours else "",
        generation=int(state.get("generation", "0")) if ours else 0,
        active=frozenset(value for key, value in lines if key == "active"),
        gated={value for key, value in lines if key == "gated"} == set(gate.all),
        gate=gate,
        units=state.get("units", "") if ours else "",
    )


def observe_script(gate: ActivationGate) -> str:
    """Prints `self=`, the state file, and `active=UNIT`, `gated=UNIT` for each that is so."""
    tests = (
        f"if systemctl is-active --quiet {name}; then echo active={name}; fi\n"
        f"if [ -x {GENERATOR} ] && grep -qxF -e 'app '{name} -e 'jobs '{name} {LIST} 2>/dev/null; "
        f"then echo gated={name}; fi"
        for name in map(shlex.quote, gate.all)
    )
    head = f'{IDENTITY}echo "self=$instance"\ncat {STATE} 2>/dev/null || :'
    return "\n".join([head, *tests, ""])

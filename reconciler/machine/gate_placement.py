"""Places the gate on a machine that serves, and takes it off again; nothing starts or stops.

Placing: state before gate. Removing: the generator goes first and the machine's order last, so a
machine that reboots between them starts its units; in the opposite order it would come back with
every unit masked.

On a machine that a release created, cloud-init runs the `bootcmd` of its user data in every boot,
and EC2 changes no user data of a running machine. That command masks all units unless the machine
was ordered to run: so there one line of the order stays, with the machine's own id.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from reconciler.machine.activation_gate import (
    CARRY_OVER,
    CLAIM,
    GENERATOR,
    IDENTITY,
    LIST,
    LOCK,
    MARK,
    OLD_STATE,
    REMOVE_OLD,
    STATE,
    ActivationGate,
)
from reconciler.machine.shell import Command, Shell
from reconciler.machine.unit_control import (
    ACT_SECONDS,
    Act,
    Jobs,
    refuse_newer,
    run_fenced,
    told_script,
)

USER_DATA = "/var/lib/cloud/instance/user-data.txt"
_FOLDERS = "/etc/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system"
_STARTS = ("enabled", "alias", "generated")


def place_open(shell: Shell, gate: ActivationGate, generation: int, deploy: str) -> None:
    """Places the gate on a live machine without touching a unit; idempotent.

    Beside the one that alone runs the jobs it was told to run none, also after its next boot.
    Fenced like every act. Raises StaleAct if the machine has obeyed a newer generation,
    CommandFailed if systemd does not accept the gate (it is removed again), and what a Shell
    raises.
    """
    jobs: Jobs = "told" if gate.first_only else "run"
    act = Act(generation, deploy, app="run", jobs=jobs)
    script = place_script(gate, act)
    command = Command(script, "place the gate", sudo=True, timeout=ACT_SECONDS)
    run_fenced(shell, command, act, "no gate was placed")


def place_script(gate: ActivationGate, act: Act) -> str:
    """The state first, then the files, then the reload: no unit is masked at any moment.

    A reload between them: a clone reads the unit files on the disk, and these may have changed
    since the running manager read them.
    """
    return f"""\
{told_script(gate, act, "systemctl daemon-reload")}
systemctl daemon-reload
if [ ! -e {MARK} ] || grep -qx app {MARK} || {{ [ "$jobs" = 1 ] && [ -s {MARK} ]; }}; then
  rm -f {GENERATOR}; systemctl daemon-reload
  echo "systemd does not run {GENERATOR} as it should: see journalctl -b _PID=1" >&2; exit 1
fi
"""


@dataclass(frozen=True)
class Identity:
    """A machine's id by its firmware, and the id that cloud-init took it for, if different."""

    firmware: str
    claimed: str


def identity(shell: Shell) -> Identity:
    """Reads it from the machine; changes nothing. Raises ShellError and its subclasses."""
    script = f'{IDENTITY}{CLAIM}echo "$instance"; echo "$claimed"\n'
    said = shell.run(Command(script, "read the asset tag", sudo=True)).text.split("\n")
    return Identity(*(*said, "", "")[:2])


@dataclass(frozen=True)
class BootState:
    """What a machine would start by itself at its next boot.

    `asleep` are configured units that nothing starts at boot, with systemd's word for each.
    `others` are units of another service that only the gate keeps from starting here.
    """

    asleep: tuple[tuple[str, str], ...] = ()
    others: tuple[str, ...] = ()
    shut: bool = False


def boot_state(shell: Shell, gate: ActivationGate) -> BootState:
    """Reads it from the machine; changes nothing. Raises ShellError and its subclasses."""
    said = shell.run(Command(_boot_script(gate), "look at what a boot starts", sudo=True)).text
    lines = [line.partition("=")[::2] for line in said.splitlines()]
    found = (value.partition(" ") for key, value in lines if key == "asleep")
    return BootState(
        tuple((unit, state or "not found") for unit, _, state in found),
        tuple(value for key, value in lines if key == "other"),
        any(key == "shut" for key, _ in lines),
    )


def _boot_script(gate: ActivationGate) -> str:
    starts = "|".join(_STARTS)
    return f"""\
for unit in {" ".join(map(shlex.quote, gate.all))}; do
  state=$(systemctl is-enabled "$unit" 2>/dev/null) || :
  case $state in {starts}) continue ;; esac
  by=$(systemctl show -p WantedBy -p RequiredBy -p TriggeredBy "$unit" 2>/dev/null |
    sed 's/^[A-Za-z]*=//')
  case $state in masked*) by= ;; esac
  [ -n "$by" ] || echo "asleep=$unit $state"
done
for unit in $(sed -n 's/^other //p' {LIST} 2>/dev/null); do
  for top in {_FOLDERS}; do
    if [ -e "$top/$unit" ]; then echo "other=$unit"; break; fi
  done
done
if [ -s {MARK} ]; then echo shut=yes; fi
"""


def remove_gate(shell: Shell, generation: int, *, born: bool) -> None:
    """Removes every file of ours but the app's own. Idempotent, fenced like every act.

    `born`: a release created the machine. Raises StaleAct if it has obeyed a newer generation,
    CommandFailed, and what a Shell raises.
    """
    act = Act(generation, "", app="run", jobs="run")
    script = removal_script(act, born=born)
    command = Command(script, "remove the gate", sudo=True, timeout=ACT_SECONDS)
    run_fenced(shell, command, act, "its gate stays")


def removal_script(act: Act, *, born: bool) -> str:
    """The removal as one sh script."""
    folder, memory = STATE.rpartition("/")[0], LOCK.rpartition("/")[0]
    return f"""\
set -eu
mkdir -p {memory}
exec 9> {LOCK}
flock -w 60 9 || {{ echo "another act holds the lock" >&2; exit 1; }}
{IDENTITY}[ -n "$instance" ] || {{ echo "this machine does not know its instance id" >&2; exit 1; }}
{CARRY_OVER}{refuse_newer(act)}
rm -f {GENERATOR}
{REMOVE_OLD}sync {GENERATOR.rpartition("/")[0]} 2>/dev/null || sync
systemctl daemon-reload
if [ -e {MARK} ]; then echo "systemd still runs the gate" >&2; exit 1; fi
rm -f {LIST} {LIST}.new
if [ {born:d} = 1 ] || grep -qs deployer/state {USER_DATA}; then
  printf '%s\n' "instance=$instance" > {STATE}.new
  sync {STATE}.new 2>/dev/null || sync
  mv -f {STATE}.new {STATE}
else
  rm -f {STATE} {STATE}.new {OLD_STATE}
  rmdir {folder} 2>/dev/null || :
fi
rm -f {LOCK}
rmdir {memory} 2>/dev/null || :
sync
"""

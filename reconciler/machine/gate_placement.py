"""Places the gate on a machine that serves: state before gate, and nothing starts or stops."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.errors import CommandFailed, StaleAct
from reconciler.machine.activation_gate import CLAIM, GENERATOR, IDENTITY, MARK, ActivationGate
from reconciler.machine.shell import Command, Shell
from reconciler.machine.unit_control import ACT_SECONDS, STALE, Act, told_script


def place_open(shell: Shell, gate: ActivationGate, generation: int, deploy: str) -> None:
    """Places the gate on a live machine without touching a unit; idempotent.

    Fenced like every act. Raises StaleAct if the machine has obeyed a newer generation,
    CommandFailed if systemd does not accept the gate (it is removed again), and what a Shell
    raises.
    """
    act = Act(generation, deploy, app="run", jobs="run")
    try:
        shell.run(
            Command(place_script(gate, act), "place the gate", sudo=True, timeout=ACT_SECONDS)
        )
    except CommandFailed as error:
        if error.status != STALE:
            raise
        raise StaleAct(
            f"{shell.host} has obeyed a newer generation than {generation}: no gate was placed",
            detail=error.detail,
        ) from error


def place_script(gate: ActivationGate, act: Act) -> str:
    """The state first, then the files, then the reload: no unit is masked at any moment.

    A reload between them: a clone reads the unit files on the disk, and these may have changed
    since the running manager read them.
    """
    return f"""\
{told_script(gate, act, "systemctl daemon-reload")}
systemctl daemon-reload
if [ ! -e {MARK} ] || [ -s {MARK} ]; then
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

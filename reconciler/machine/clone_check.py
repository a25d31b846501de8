"""Proves that a fresh clone did nothing: its units are masked, and none has run since boot.

`is-active` and the time of its last change do not show a oneshot that has ended, and systemd drops
the times of units that are not referenced. So three times are read, and the journal of this boot.
"""

from __future__ import annotations

import shlex

from reconciler.errors import ShellError
from reconciler.machine.activation_gate import CLAIM, EARLY, IDENTITY, LIST, MARK, ActivationGate
from reconciler.machine.shell import Command, Shell


def verify_quarantine(shell: Shell, gate: ActivationGate) -> None:
    """Raises ShellError that names each unit that ran or could run."""
    result = shell.run(Command(quarantine_script(gate), "verify the quarantine", sudo=True))
    if result.text:
        raise ShellError(
            f"{shell.host} is not quarantined: {result.text.splitlines()[0]}",
            cure="look at the machine's cloud-init log: /var/log/cloud-init-output.log",
            detail=result.text,
        )


def quarantine_script(gate: ActivationGate) -> str:
    """Prints a line for each violation of the quarantine; nothing if it holds."""
    wanted = " ".join(shlex.quote(unit) for unit in gate.all)
    return f"""\
{IDENTITY}{CLAIM}{_CHECK}
[ -n "$instance" ] || echo "its firmware does not say its instance id: an instance type on Xen?"
[ -z "$claimed" ] || echo "cloud-init took it for $claimed (manual_cache_clean?)"
[ -e {MARK} ] || echo "the gate is not there: systemd did not run its generator"
for unit in {wanted}; do
  grep -qxF -e "app $unit" -e "jobs $unit" {LIST} 2>/dev/null || echo "unit $unit is not gated"
done
for unit in $( {{ printf '%s\\n' {wanted}; sed 's/^[a-z]* //' {LIST} 2>/dev/null; }} | sort -u); do
  check "$unit"
done
"""


# MESSAGE_ID: "unit started", including a oneshot's end (systemd's sd-messages.h). A unit that is
# not installed (a first release) answers inactive and 0: quarantined.
_CHECK = f"""\
check() {{
  [ -L "{EARLY}/$1" ] || echo "unit $1 may start: it is not masked"
  said=$(systemctl show -p ActiveState -p ActiveEnterTimestampMonotonic \\
    -p InactiveExitTimestampMonotonic -p ExecMainStartTimestampMonotonic "$1")
  case $said in *ActiveState=active*|*ActiveState=activating*|*ActiveState=reloading*)
    echo "unit $1 is running"; return ;;
  esac
  logged=$(journalctl -b -q -n 1 -o cat "UNIT=$1" MESSAGE_ID=39f53479d3a045ac8e11786248231fbf \\
    + "_SYSTEMD_UNIT=$1" 2>/dev/null)
  case $said in *Monotonic=[1-9]*) logged=yes ;; esac
  [ -z "$logged" ] || echo "unit $1 has run since boot"
}}"""

"""The activation gate: files that keep a machine from acting as production until it is ordered to.

A clone of production runs before we touch it, with production's configuration. Its disk has a
systemd generator, which PID 1 runs before it reads any unit, at boot and at each daemon-reload.
Unless the machine was ordered to run them, it links the service's units to /dev/null in
`generator.early`, which takes precedence over /etc. It defines no ordering, so it closes no cycle,
and no condition, alias, override or early unit bypasses it.

The machine's last order is one file that names deploy and instance. The machine reads its own
instance id from its firmware, never from a disk, so a clone does not inherit the order.
Pure: text in, text out.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.errors import ConfigError
from reconciler.machine.unit_dependencies import PULLED

# In /etc: when the generator runs, /var may not be mounted yet.
STATE = "/etc/deployer/state"
LIST = "/etc/deployer/units"
GENERATOR = "/etc/systemd/system-generators/deployer-gate"
EARLY = "/run/systemd/generator.early"
MARK = f"{EARLY}/deployer-gate"
"""Written by each run of the generator: the classes of units (`app`, `jobs`) that are masked."""
LOCK = "/var/lib/deployer/lock"
ASSET_TAG = "/sys/class/dmi/id/board_asset_tag"
CLOUD_INIT_ID = "/run/cloud-init/.instance-id"

# Until version 0.1: a condition in a drop-in of each unit, and flags that a unit of ours set.
OLD_STATE = "/var/lib/deployer/state"
_OLD_FILES = ("/etc/systemd/system/deployer-gate.service", "/var/lib/deployer/gate")
_OLD_DROP_INS = "/etc/systemd/system/*.d/50-deployer.conf"
REMOVE_OLD = f"""\
grep -ls '^# Written by the deployer' {_OLD_DROP_INS} {" ".join(_OLD_FILES)} | while read -r old; do
  rm -f "$old"; rmdir "${{old%/*}}" 2>/dev/null || :
done
"""
"""A sh fragment: takes the files of such a version off."""

_KINDS = (".service", ".timer", ".socket", ".path", ".target", ".mount")


@dataclass(frozen=True)
class ActivationGate:
    """The systemd units of a service: `app` runs the product, `jobs` run on the live deploy only.

    Names as in the configuration; `.service` may be left out. `first_only`: the jobs run on one
    machine of the live deploy, the first by id.
    """

    app: tuple[str, ...]
    jobs: tuple[str, ...] = ()
    first_only: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "app", tuple(unit_name(unit) for unit in self.app))
        object.__setattr__(self, "jobs", tuple(unit_name(unit) for unit in self.jobs))

    @property
    def all(self) -> tuple[str, ...]:
        """Every gated unit, the app's first."""
        return self.app + self.jobs


def unit_name(name: str) -> str:
    """The unit's full name. Raises ConfigError for an invalid name."""
    if not name or not all(char.isalnum() or char in "@:_.-\\" for char in name) or name[0] in "-.":
        raise ConfigError(f"not a systemd unit: {name!r}")
    return name if name.endswith(_KINDS) else f"{name}.service"


IDENTITY = f"""\
instance=
{{ read -r instance < {ASSET_TAG}; }} 2>/dev/null || :
case ${{instance#i-}} in "$instance"|''|*[!0-9a-f]*) instance= ;; esac
"""
"""A sh fragment: sets `instance` to this machine's id from its firmware; empty if it has none.

Nitro types carry the id in the board's asset tag. Older ones (Xen) do not.
"""

CLAIM = f"""\
claimed=
{{ read -r claimed < {CLOUD_INIT_ID}; }} 2>/dev/null || :
case $claimed in "$instance") claimed= ;; i-*) ;; *) claimed= ;; esac
"""
"""After IDENTITY: `claimed` is another instance's id that cloud-init took for this machine's.

cloud-init did not notice that the disk was copied (`manual_cache_clean`): user data and host keys
are those of the source.
"""

GENERATOR_TEXT = f"""\
#!/bin/sh
# Written by the deployer: masks units on a machine that was not told to run them.
# systemd runs it at boot, before it looks at any unit, and at each daemon-reload.
early=${{2:?}}
{IDENTITY}told= app= jobs= shut=
if [ -r {STATE} ]; then
  while IFS== read -r key value; do
    case $key in instance) told=$value ;; app) app=$value ;; jobs) jobs=$value ;; esac
  done < {STATE}
fi
[ -n "$instance" ] && [ "$told" = "$instance" ] || app= jobs=
[ "$app" = 1 ] || shut=app
[ "$jobs" = 1 ] || shut="$shut jobs"
for class in $shut; do echo "$class"; done > "$early/deployer-gate"
[ -r {LIST} ] || exit 0
while read -r class unit; do
  [ -n "$unit" ] || continue
  case " $shut other " in *" $class "*) ln -sf /dev/null "$early/$unit" ;; esac
done < {LIST}
"""

CARRY_OVER = f"""\
mkdir -p {STATE.rpartition("/")[0]} {LOCK.rpartition("/")[0]}
if [ -f {OLD_STATE} ] && [ ! -L {OLD_STATE} ]; then
  was=$(sed -n 's/^generation=//p' {OLD_STATE}) has=0
  if grep -qx "instance=$instance" {STATE} 2>/dev/null; then
    has=$(sed -n 's/^generation=//p' {STATE})
  fi
  if [ "${{has:-0}}" -gt "${{was:-0}}" ] ||
    {{ cp -p {OLD_STATE} {STATE}.new && mv -f {STATE}.new {STATE}; }}
  then ln -sf {STATE} {OLD_STATE}; fi
fi
"""
"""After IDENTITY: keeps what was obeyed before the state moved to /etc.

Unless something newer was obeyed since: then the old file came back from a backup of /var.
The link stays: the bootcmd of machines that were created before reads the state at its old path.
"""

_FUNCTIONS = f"""\
place() {{
  if [ "$(cat "$1" 2>/dev/null; echo .)" != "$2." ] || [ "$3" = 755 -a ! -x "$1" ]; then
    mkdir -p "${{1%/*}}" && printf %s "$2" > {LIST}.new && chmod "$3" {LIST}.new &&
      mv -f {LIST}.new "$1"
  fi
}}
{PULLED}class() {{
  class=$1 with=$2 apart=$3; shift 3
  if grep -qx "$class" {MARK} 2>/dev/null && [ -s {LIST} ]; then
    echo "$@" $(sed -n "s/^$class //p" {LIST})
  else
    echo "$@" $(pulled "$with" "$apart" "$@")
  fi
}}
others() {{
  for unit in $(sed -n 's/^other //p' {LIST} 2>/dev/null); do
    case " $app $jobs " in *" $unit "*) continue ;; esac
    systemctl is-active --quiet "$unit" || echo "other $unit"
  done
}}
"""
"""`class` answers from the list while the class is masked: a masked unit does not show what it
would pull in. `others` are units of another service, if this machine is a copy of its machine.
"""


def place_files(gate: ActivationGate) -> str:
    """A sh fragment that writes the gate's files if they differ, the list first.

    It changes no running unit. A daemon-reload has to follow, and the state must be written before:
    the generator runs in the reload. Ends with a sync to disk, since an image may be taken next.
    """
    return f"""\
{_FUNCTIONS}\
jobs=$(class jobs '' {shlex.quote(" ".join(gate.app))} {_words(gate.jobs)})
app=$(class app "$jobs" '' {_words(gate.app)})
place {LIST} "$({{ for unit in $app; do echo "app $unit"; done
for unit in $jobs; do echo "jobs $unit"; done; others; }} | sort -u)
" 644
place {GENERATOR} {shlex.quote(GENERATOR_TEXT)} 755
{REMOVE_OLD}sync {LIST} {GENERATOR} 2>/dev/null || sync
"""


RELOAD = f"""\
systemctl daemon-reload
if [ ! -e {MARK} ]; then
  echo "systemd did not run {GENERATOR}: see journalctl -b _PID=1" >&2; exit 1
fi
"""
"""Runs the generator, and checks that it ran."""


def boot_script(gate: ActivationGate) -> str:
    """What cloud-init runs early in EVERY boot (`bootcmd`).

    Nothing on a machine that was ordered what to run: the generator has handled it. On any other,
    all units are masked, and those already started are stopped: its image may have had no gate.
    """
    return f"""\
{IDENTITY}\
if [ -n "$instance" ] && grep -qx "instance=$instance" {STATE} 2>/dev/null; then exit 0; fi
{CARRY_OVER}\
{place_files(gate)}\
{RELOAD}\
systemctl stop $(sed 's/^[a-z]* //' {LIST}) || :
"""


def stop_pulled(unit_class: str) -> str:
    """A sh fragment: stops what the units of a class pulled in. Needs `stop` of unit_script."""
    return f"for unit in $(sed -n 's/^{unit_class} //p' {LIST}); do stop \"$unit\"; done"


def start_triggers(unit_class: str, units: Iterable[str]) -> str:
    """A sh fragment: starts the enabled timers, sockets and paths that are masked with a class.

    Before its units: a socket does not start while its service runs.
    """
    return f"""\
for unit in $(sed -n 's/^{unit_class} //p' {LIST}); do
  case " {" ".join(units)} " in *" $unit "*) continue ;; esac
  case $unit in *.timer|*.socket|*.path) ;; *) continue ;; esac
  systemctl is-enabled --quiet "$unit" 2>/dev/null || continue
  systemctl is-active --quiet "$unit" || systemctl start "$unit" 9>&- || exit 1
done"""


def _words(units: Iterable[str]) -> str:
    return " ".join(shlex.quote(unit) for unit in units)

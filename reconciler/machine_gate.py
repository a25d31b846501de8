"""How a machine is kept from acting as production until it is told: files, and their placing.

A clone of production is alive before we touch it, with production's configuration. Every unit and
job of the service therefore has a drop-in that lets it start only while a flag in /run stands. /run
is in no image, so a clone is shut by the very files it inherits, even if its cloud-init fails.
(`systemctl mask` would not do: it fails where a real unit file stands in /etc/systemd/system, and a
--runtime mask does not override one.)

What the machine was told last is in one file that names its own instance, so a clone does not
inherit the answer. At each boot the gate opens again if that file is about this very instance.
Pure: text in, text out.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.errors import ConfigError

STATE = "/var/lib/deployer/state"
LOCK = "/var/lib/deployer/lock"
SCRIPT = "/var/lib/deployer/gate"
RUN = "/run/deployer"
APP_FLAG = f"{RUN}/app"
JOBS_FLAG = f"{RUN}/jobs"
UNITS = "/etc/systemd/system"
GATE_UNIT = "deployer-gate.service"
DROP_IN = "50-deployer.conf"

_KINDS = (".service", ".timer", ".socket", ".path", ".target", ".mount")


@dataclass(frozen=True)
class Gate:
    """The systemd units of a service: `app` runs the product, `jobs` run on the live deploy only.

    Names as in the configuration; `.service` may be left out.
    """

    app: tuple[str, ...]
    jobs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "app", tuple(unit_name(unit) for unit in self.app))
        object.__setattr__(self, "jobs", tuple(unit_name(unit) for unit in self.jobs))

    @property
    def all(self) -> tuple[str, ...]:
        """Every gated unit, the app's first."""
        return self.app + self.jobs


def unit_name(name: str) -> str:
    """The unit's full name. Raises ConfigError for what can be none."""
    if not name or not all(char.isalnum() or char in "@:_.-\\" for char in name) or name[0] in "-.":
        raise ConfigError(f"not a systemd unit: {name!r}")
    return name if name.endswith(_KINDS) else f"{name}.service"


def drop_in_path(unit: str) -> str:
    """Where the drop-in of `unit` lies."""
    return f"{UNITS}/{unit}.d/{DROP_IN}"


def drop_in(flag: str) -> str:
    """Lets its unit start only while `flag` stands, and asks for the gate first at boot."""
    return (
        "# Written by the deployer: this unit starts only where the deployer wants it.\n"
        "[Unit]\n"
        f"Wants={GATE_UNIT}\n"
        f"After={GATE_UNIT}\n"
        f"ConditionPathExists={flag}\n"
    )


GATE_SERVICE = f"""\
# Written by the deployer: opens the gate at boot if this very instance was told so.
[Unit]
Description=Open the gate of the deployed units
DefaultDependencies=no
After=local-fs.target cloud-init-local.service cloud-init.service cloud-init-network.service
ConditionPathExists={STATE}

[Service]
Type=oneshot
ExecStart=/bin/sh {SCRIPT}
"""

# The id is taken from what cloud-init wrote since this boot (or from bootcmd, as an argument), else
# from the firmware: /var/lib/cloud still holds the source's id in a clone whose cloud-init failed.
GATE_SCRIPT = f"""\
# Written by the deployer. Usage: gate [INSTANCE_ID]
id=${{1:-$(cat /run/cloud-init/.instance-id 2>/dev/null ||
  grep -x 'i-[0-9a-f]*' /sys/class/dmi/id/board_asset_tag 2>/dev/null)}}
mkdir -p {RUN}
rm -f {APP_FLAG} {JOBS_FLAG}
[ -n "$id" ] && grep -qx "instance=$id" {STATE} 2>/dev/null || exit 0
if grep -qx app=1 {STATE}; then : > {APP_FLAG}; fi
if grep -qx jobs=1 {STATE}; then : > {JOBS_FLAG}; fi
"""


def gate_files(gate: Gate) -> dict[str, str]:
    """Every file the gate needs on a machine: path → text."""
    files = {SCRIPT: GATE_SCRIPT, f"{UNITS}/{GATE_UNIT}": GATE_SERVICE}
    files |= {drop_in_path(unit): drop_in(APP_FLAG) for unit in gate.app}
    files |= {drop_in_path(unit): drop_in(JOBS_FLAG) for unit in gate.jobs}
    return files


def place_files(gate: Gate) -> str:
    """A sh fragment that writes the gate's files where they differ.

    It changes no running unit, after a daemon-reload neither: a condition is looked at only when
    a unit starts.
    """
    writes = [
        f"place {shlex.quote(path)} {shlex.quote(text)}"
        for path, text in sorted(gate_files(gate).items())
    ]
    return "\n".join([_PLACE, *writes, ""])


_PLACE = """\
place() {
  [ "$(cat "$1" 2>/dev/null; echo .)" = "$2." ] && return
  mkdir -p "${1%/*}" && printf %s "$2" > "$1.new" && mv -f "$1.new" "$1"
}"""


def boot_script(gate: Gate) -> str:
    """What cloud-init runs early in EVERY boot (`bootcmd`), with INSTANCE_ID in its environment.

    Shut first, then opened only for this very instance, then whatever was quicker than we is
    stopped: on some systems units start beside cloud-init.
    """
    return (
        f"{place_files(gate)}"
        "systemctl daemon-reload\n"
        f'sh {SCRIPT} "$INSTANCE_ID"\n'
        f"{_stop_where_shut(APP_FLAG, gate.app)}"
        f"{_stop_where_shut(JOBS_FLAG, gate.jobs)}"
    )


def _stop_where_shut(flag: str, units: Iterable[str]) -> str:
    names = " ".join(shlex.quote(unit) for unit in units)
    if not names:
        return ""
    return (
        f"[ -e {flag} ] || for unit in {names}; do\n"
        '  if systemctl is-active --quiet "$unit"; then systemctl stop "$unit"; fi\n'
        "done\n"
    )

"""What a release needs of the live machine's system: one script, and what follows. Pure.

cloud-init must apply the user data of a clone: `bootcmd` gates its units, `ssh` gives it the host
key that is pinned. Settings: cloud-init's documentation, "Disable cloud-init", `allow_userdata`,
`manual_cache_clean`; ds-identify(8).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.errors import Refused

OLDEST_SYSTEMD = 229
"""Of Ubuntu 16.04, the oldest that the gate was written for (`generator.early`, drop-ins)."""

OLDEST_CLOUD_INIT = (0, 7, 9)
"""Of Ubuntu 16.04: the first in which `ssh_keys` takes ed25519 keys."""

_FREE_KB = 256 * 1024
_FREE_INODES = 5000
IDENTITIES: Mapping[str, str] = {
    "/etc/chef/client.pem": "Chef",
    "/etc/krb5.keytab": "Kerberos",
    "/etc/pki/consumer/cert.pem": "Red Hat's subscription-manager",
    "/etc/puppetlabs/puppet/ssl": "Puppet",
    "/etc/salt/minion_id": "Salt",
    "/etc/salt/pki/minion/minion.pem": "Salt",
    "/etc/sysconfig/rhn/systemid": "Red Hat's RHN",
    "/opt/CrowdStrike/falconstore": "CrowdStrike Falcon",
    "/opt/Elastic/Agent/fleet.enc": "Elastic Agent",
    "/opt/consul/node-id": "Consul",
    "/var/lib/tailscale/tailscaled.state": "Tailscale",
    "/var/lib/teleport/host_uuid": "Teleport",
    "/var/lib/ubuntu-advantage/private/machine-token.json": "Ubuntu Pro",
    "/var/lib/zerotier-one/identity.secret": "ZeroTier",
}
"""Where agents keep by what others know the machine, as they install it (and `virt-sysprep(1)`)."""

_SERVICES = ("cloud-init", "cloud-config", "cloud-final", "cloud-init-local")


@dataclass(frozen=True)
class MachineSurvey:
    """What a machine reports: single values, and lists by key."""

    machine: str
    values: Mapping[str, str] = field(default_factory=dict)
    listed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def survey_script(paths: tuple[str, ...]) -> str:
    """Prints `key=value` lines; changes nothing, and ends with status 0."""
    services = " ".join(f"{name}.service" for name in _SERVICES)
    known = shlex.join(IDENTITIES)
    return _SCRIPT.format(services=services, paths=shlex.join(paths), identities=known)


_SCRIPT = r"""
echo "sudo=$(id -u)"
echo "systemd=$(systemctl --version 2>/dev/null | sed -n 's/^systemd \([0-9][0-9]*\).*/\1/p')"
echo "cloud_init=$(cloud-init --version 2>&1 | sed -n 's/.*cloud-init \([0-9][0-9.]*\).*/\1/p')"
[ -e /run/cloud-init/instance-data.json ] && echo "acted=yes"
for file in /etc/cloud/cloud-init.disabled /run/cloud-init/disabled; do
  [ -e "$file" ] && echo "disabled=$file stands there"
done
grep -qs 'cloud-init=disabled' /proc/cmdline && echo "disabled=the kernel's command line says so"
for unit in {services}; do
  state=$(systemctl is-enabled "$unit" 2>/dev/null)
  [ "$state" = masked ] && echo "disabled=$unit is masked"
done
echo "datasource=$(sed -n 's/^\(DataSource[A-Za-z0-9]*\).*/\1/p' \
  /var/lib/cloud/instance/datasource 2>/dev/null)"
for file in /etc/cloud/cloud.cfg /etc/cloud/cloud.cfg.d/*.cfg; do
  [ -e "$file" ] || continue
  grep -Es '^(manual_cache_clean|allow_userdata): *' "$file" | sed "s|^|setting=$file |"
done
if [ -e /etc/cloud/cloud.cfg ]; then
  for name in bootcmd ssh; do
    grep -Eqs "^ *- *\[? *[\"']?$name\b" /etc/cloud/cloud.cfg /etc/cloud/cloud.cfg.d/*.cfg ||
      echo "lacks=$name"
  done
fi
for path in {paths}; do
  while [ ! -e "$path" ]; do path=$(dirname "$path"); done
  echo "space=$(df -Pk "$path" 2>/dev/null | awk 'NR == 2 {{print $4, $6}}')"
  echo "inodes=$(df -Pi "$path" 2>/dev/null | awk 'NR == 2 {{print $4, $6}}')"
done
for tool in tar flock; do
  command -v $tool >/dev/null 2>&1 || echo "missing=$tool"
done
[ -s /etc/machine-id ] && echo "machine_id=yes"
for file in {identities}; do
  [ -e "$file" ] && echo "identity=$file"
done
:
"""


def read_survey(machine: str, text: str) -> MachineSurvey:
    """Parses the output of the script."""
    values: dict[str, str] = {}
    listed: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, separator, value = line.partition("=")
        if separator and value.strip():
            values.setdefault(key, value.strip())
            listed.setdefault(key, []).append(value.strip())
    return MachineSurvey(machine, values, {key: tuple(found) for key, found in listed.items()})


def systemd(found: MachineSurvey) -> str:
    """The version. Raises Refused for one that is too old."""
    version = found.values.get("systemd", "")
    if not version:
        return f"{found.machine} has one that does not say its version"
    if int(version) < OLDEST_SYSTEMD:
        raise Refused(
            f"systemd {version} on {found.machine}: {OLDEST_SYSTEMD} or newer is needed",
            cure="move the service to a machine with a newer distribution",
        )
    return f"version {version}"


def cloud_init(found: MachineSurvey) -> str:
    """The version and datasource. Raises Refused where a clone's user data would do nothing."""
    machine, version = found.machine, found.values.get("cloud_init", "")
    if not version and "acted" not in found.values:
        raise Refused(
            f"cloud-init is not on {machine}: a clone would keep its host key, and start its units",
            cure="On live   sudo apt-get install cloud-init",
        )
    if version and _numbers(version) < OLDEST_CLOUD_INIT:
        wanted = ".".join(map(str, OLDEST_CLOUD_INIT))
        raise Refused(
            f"cloud-init {version} on {machine}: {wanted} or newer is needed",
            cure="On live   sudo apt-get install --only-upgrade cloud-init",
        )
    _refuse_disabled(found)
    _refuse_settings(found)
    _refuse_lacks(found)
    source = found.values.get("datasource", "")
    if source and "Ec2" not in source:
        raise Refused(
            f"cloud-init on {machine} takes its user data from {source}, not from EC2",
            cure="On live   datasource_list: [ Ec2 ] in /etc/cloud/cloud.cfg.d/90_dpkg.cfg",
        )
    return f"version {version or 'unknown'}{f', {source}' if source else ''}"


def _refuse_disabled(found: MachineSurvey) -> None:
    why = found.listed.get("disabled", ())
    if why:
        raise Refused(
            f"cloud-init on {found.machine} is disabled: {why[0]}: no clone would be gated",
            cure="On live   sudo rm -f /etc/cloud/cloud-init.disabled; sudo systemctl unmask "
            + " ".join(f"{name}.service" for name in _SERVICES),
            detail="\n".join(why[1:]),
        )


def _refuse_settings(found: MachineSurvey) -> None:
    """`manual_cache_clean: true` keeps the first machine's user data on every clone."""
    for setting in found.listed.get("setting", ()):
        file, _, line = setting.partition(" ")
        name, _, value = line.partition(":")
        if value.split("#")[0].strip().lower() in _HARMFUL[name]:
            raise Refused(
                f"{file} on {found.machine} says `{line.strip()}`: no clone would apply its user "
                "data",
                cure=f"On live   take that line out of {file}",
            )


def _refuse_lacks(found: MachineSurvey) -> None:
    lacks = found.listed.get("lacks", ())
    if lacks:
        raise Refused(
            f"cloud-init on {found.machine} does not run its module {lacks[0]}: no clone would be "
            "gated, or pinned",
            cure="On live   name it in cloud_init_modules of /etc/cloud/cloud.cfg",
        )


_HARMFUL = {
    "manual_cache_clean": ("true", "yes", "on"),
    "allow_userdata": ("false", "no", "off"),
}


def disk(found: MachineSurvey) -> str:
    """The free space where the release goes. Raises Refused where it is too little."""
    room: dict[str, str] = {}
    for key, least, unit in (("space", _FREE_KB, "kB"), ("inodes", _FREE_INODES, "inodes")):
        for line in found.listed.get(key, ()):
            free, _, mount = line.partition(" ")
            # btrfs has no inodes to count: it says `-` or 0.
            if not free.isdigit() or (key == "inodes" and free == "0"):
                continue
            if int(free) < least:
                raise _full(found.machine, mount, free, unit)
            if key == "space":
                room[mount] = f"{int(free) // 1024} MB free on {mount}"
    return "; ".join(room.values()) or "not reported"


def _full(machine: str, mount: str, free: str, unit: str) -> Refused:
    return Refused(
        f"{mount} on {machine} has {free} {unit} left: a clone has no more",
        cure=f"On live   sudo du -xh --max-depth=2 {mount} | sort -h | tail",
    )


def tools(found: MachineSurvey) -> str:
    """The programs that a release runs there. Raises Refused for one that is missing."""
    missing = found.listed.get("missing", ())
    if missing:
        raise Refused(
            f"{', '.join(missing)} is not on {found.machine}: a release runs it on the clone",
            cure=f"On live   sudo apt-get install {' '.join(missing)}",
        )
    return "tar, flock"


def identity(found: MachineSurvey, clean: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """What is new on each clone, and a warning for each identity that it would share with live.

    `clean` are the commands of `[image] clean`: what one of them names is cared for.
    """
    said = ["machine id"] if "machine_id" in found.values else []
    kept = []
    for file in found.listed.get("identity", ()):
        agent = IDENTITIES.get(file, "an agent")
        if any(file in line for line in clean):
            said.append(f"{file} ({agent})")
        else:
            kept.append(f"{file} on {found.machine}: {agent} takes a clone for the same machine")
    return (f"new on each clone: {', '.join(said)}" if said else "none known"), tuple(kept)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))

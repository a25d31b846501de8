"""What the imitation of systemd and cloud-init refuses, rather than do it in another way; pure.

`tests/reality` compares it with a real systemd: a row that differs belongs here.
"""

from __future__ import annotations

from collections.abc import Mapping

_KINDS = (".socket", ".path", ".mount")
_VALUES = {("Service", "Type"): ("notify", "notify-reload", "dbus")}
_KEYS = {
    "Unit": ("Requisite", "Upholds", "Conflicts", "PropagatesStopTo", "StopPropagatedFrom"),
    "Timer": ("OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec"),
}
CLOUD_INIT = ("etc/cloud/cloud.cfg.d/*.cfg", "etc/systemd/system/cloud-init*.service")
"""Settings of cloud-init itself: another datasource, cache or order than the imitated ones."""


def refuse_unit(name: str, told: Mapping[str, Mapping[str, tuple[str, ...]]]) -> None:
    """Raises ValueError for a unit of that name with these sections, in words."""
    found = [f"a {kind[1:]}" for kind in _KINDS if name.endswith(kind)]
    found += [
        f"{key}="
        for section, keys in _KEYS.items()
        for key in keys
        if told.get(section, {}).get(key)
    ]
    found += [
        f"{key}={value}"
        for (section, key), values in _VALUES.items()
        for value in told.get(section, {}).get(key, ())
        if value in values
    ]
    if found:
        raise ValueError(f"the sandbox does not imitate {found[0]}")

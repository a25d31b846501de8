"""The file of a service whose machines nobody reaches: what commands over many services read."""

from __future__ import annotations

from reconciler.model.tags import AccountRegion

_TEXT = """\
record  = "{record}"
account = "{account}"
region  = "{region}"
files   = "none"
{more}
[code]
source = "."
path   = "/srv/{unit}"

[app]
units    = ["{unit}"]
jobs     = []
env_file = "/etc/{unit}/env"

[[smoke]]
command = "true"

[ssh]
user = "admin"
"""


def service_text(record: str, place: AccountRegion, unit: str, more: str = "") -> str:
    """TOML; `more` are further lines of its head."""
    home = {"account": place.account, "region": place.region}
    return _TEXT.format(record=record, unit=unit, more=more, **home)

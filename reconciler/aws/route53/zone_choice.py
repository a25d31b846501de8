"""Chooses the hosted zone of a record among those whose names contain it. Makes no calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.aws.route53.zone_reader import plain
from reconciler.errors import ConfigError

if TYPE_CHECKING:
    from mypy_boto3_route53.type_defs import HostedZoneTypeDef as HostedZone

PUBLIC, PRIVATE = "public", "private"


def chosen(zones: Sequence[HostedZone], zone: str) -> list[HostedZone]:
    """Those that `zone` of the configuration allows: an id, `public`, `private`, or '' for all."""
    if zone in (PUBLIC, PRIVATE):
        return [one for one in zones if kind(one) == zone]
    return [one for one in zones if not zone or zone_id(one) == zone]


def longest(zones: Sequence[HostedZone]) -> list[HostedZone]:
    """Those with the longest name: a delegated zone holds the record, not its parent."""
    most = max((len(one["Name"]) for one in zones), default=0)
    return [one for one in zones if len(one["Name"]) == most]


def not_one_zone(record: str, zone: str, found: Sequence[HostedZone], account: str) -> ConfigError:
    """The error where no zone, or more than one, may hold the record."""
    if not found:
        which = {"": "hosted zone", PUBLIC: "public zone", PRIVATE: "private zone"}
        return ConfigError(
            f"no {which.get(zone, f'hosted zone {zone}')} of account {account} contains {record}",
            cure="create the zone in Route 53, or correct `record` or `zone`",
        )
    key = f'zone = "{zone_id(found[0])}"'
    if len({kind(one) for one in found}) == len(found):
        key = f'zone = "{PUBLIC}" or zone = "{PRIVATE}"'
    return ConfigError(
        f"{record} is in {len(found)} hosted zones of the same name: "
        f"{', '.join(f'{zone_id(one)} ({kind(one)})' for one in found)}",
        cure=f"To choose one   {key} in the file of the service",
    )


def contains(zone: str, name: str) -> bool:
    """Whether the name is in the zone."""
    return name == zone or name.endswith(f".{zone}")


def kind(zone: HostedZone) -> str:
    """Whether the whole Internet may ask the zone, or only its VPCs."""
    return PRIVATE if zone.get("Config", {}).get("PrivateZone") else PUBLIC


def described(zone: HostedZone) -> str:
    """The zone's name and id, for messages."""
    return f"{plain(zone['Name'])} ({zone_id(zone)}, {kind(zone)})"


def zone_id(zone: HostedZone) -> str:
    """Its id, without the path that Route 53 writes before it."""
    return zone["Id"].removeprefix("/hostedzone/")

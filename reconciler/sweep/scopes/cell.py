"""A scope: one account in one region, with the services that are at home there."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler.config.loader import Settings
from reconciler.errors import ConfigError
from reconciler.model.tags import AccountRegion

EnabledRegions = Callable[[str], Sequence[str]]
"""The regions that are enabled in an account. Raises AccessDenied, CloudError."""

_SCOPE = re.compile(r"(\d{12})/([a-z]{2}(?:-[a-z]+)+-\d)")


@dataclass(frozen=True)
class ScopeCell:
    """A cell of the configuration. `zone_accounts` hold the ledgers of `services`."""

    place: AccountRegion
    services: tuple[str, ...] = ()
    zone_accounts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return str(self.place)


def parse_scope(text: str) -> AccountRegion:
    """The place in `ACCOUNT/REGION`. Raises ConfigError."""
    found = _SCOPE.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"{text!r} is no scope: ACCOUNT/REGION is wanted, such as 123456789012/eu-west-1",
            cure="To list them   reconciler scopes",
        )
    return AccountRegion(found[1], found[2])


def scopes_of(settings: Settings, enabled: EnabledRegions) -> tuple[ScopeCell, ...]:
    """Every scope of the configuration, sorted. `enabled` is asked only for `regions = "all"`."""
    said, services = settings.reconciler, settings.services.values()
    homes = {service.place for service in services}
    zones = {service.zone_place.account for service in services}
    places = set(homes)
    for account in {*said.accounts, *(home.account for home in homes), *zones}:
        if not said.forbids(account):
            regions = enabled(account) if said.all_regions else said.regions
            places |= {AccountRegion(account, region) for region in regions}
    if said.accounts and not said.regions:
        regions = sorted({home.region for home in homes})
        idle = set(said.accounts) - {home.account for home in homes}
        places |= {AccountRegion(account, region) for account in idle for region in regions}
    return tuple(_scope(settings, place) for place in sorted(places, key=str))


def scope_of(settings: Settings, text: str) -> ScopeCell:
    """The scope that `ACCOUNT/REGION` names, if the configuration allows it.

    Raises ConfigError for text that is no scope, and for one outside the allow-lists.
    """
    place = parse_scope(text)
    by = settings.reconciler.forbids(place.account, place.region)
    if by or place.account not in _accounts(settings):
        raise ConfigError(
            f"{place} is not a scope of this configuration"
            + (f": `{by}` in reconciler.toml does not list it" if by else ""),
            cure="To list them   reconciler scopes",
        )
    return _scope(settings, place)


def _accounts(settings: Settings) -> set[str]:
    """All that the configuration names."""
    found = {*settings.reconciler.accounts}
    for service in settings.services.values():
        found |= {service.account, service.zone_place.account}
    return found


def _scope(settings: Settings, place: AccountRegion) -> ScopeCell:
    here = [one for one in settings.services.values() if one.place == place]
    zones = {one.zone_place.account for one in here}
    return ScopeCell(place, tuple(sorted(one.name for one in here)), tuple(sorted(zones)))

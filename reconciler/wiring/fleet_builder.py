"""Opens the scope of a run: verifies every account, then lists regions, then opens services.

An inaccessible account or service is unknown and reported in the result; the others are processed.
The run ends here, with the first cause, only if nothing is accessible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from reconciler.config.loader import Settings
from reconciler.config.problems import nearest
from reconciler.config.service import Service
from reconciler.errors import AccessDenied, CloudError, ConfigError, DirtRemains, ToolError
from reconciler.gc.ownership import ServiceLocation
from reconciler.gc.verdict import Root
from reconciler.model.coverage import EVERYWHERE
from reconciler.model.resource import Gap
from reconciler.model.tags import AccountRegion
from reconciler.ports.fleet import Fleet, OtherPlaces
from reconciler.ports.service import ManagedService
from reconciler.sweep.scopes.cell import ScopeCell
from reconciler.sweep.snapshot import CROWD, each, unread
from reconciler.util.gc_tuning import share_heaps
from reconciler.wiring.edges import Edges

ANY = "resource"
"""As a gap's kind: every kind."""


@dataclass
class _Failures:
    """What could not be opened; the first error is raised if nothing is left."""

    accounts: dict[str, ToolError] = field(default_factory=dict)
    services: list[tuple[Service, ToolError]] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    @property
    def unentered(self) -> Iterator[Gap]:
        """A gap for each account that could not be entered."""
        for account, error in self.accounts.items():
            yield Gap.of(AccountRegion(account, EVERYWHERE), ANY, error)

    @property
    def roots(self) -> tuple[Root, ...]:
        """The services that could not be opened, each with the problem."""
        return tuple(
            unread(ServiceLocation(each.name, "", each.place), error)
            for each, error in self.services
        )

    def first(self) -> ToolError | None:
        """The first cause."""
        errors = (*self.accounts.values(), *(error for _, error in self.services))
        return next(iter(errors), None)


def build_fleet(settings: Settings, names: Iterable[str] = (), edges: Edges | None = None) -> Fleet:
    """The named services with their ports; without names, all services and configured regions.

    `edges` are those of an earlier run, whose sessions are still valid. Raises ConfigError if the
    scope is empty, and the first of AccessDenied, ConfigError if nothing could be opened;
    DirtRemains if AWS did not answer.
    """
    asked = tuple(names)
    chosen = [settings.service(one) for one in asked] or list(settings.services.values())
    failed = _Failures()
    edges = edges or Edges(settings, settings.reconciler.reach)
    accounts = _accounts(settings, chosen, everywhere=not asked)
    _enter(edges, accounts, failed)
    services = [one for one in (_service(edges, each, failed) for each in chosen) if one]
    places = [] if asked else _places(settings, chosen, edges, accounts, failed)
    homes = {service.home.place for service in services}
    first = failed.first()
    if first is not None and not services and (chosen or not places):
        raise _nothing_read(first)
    return Fleet(
        tuple(services),
        OtherPlaces(
            heaps=tuple(edges.heap(place) for place in places if place not in homes),
            roots=failed.roots,
            gaps=(*failed.unentered, *failed.gaps),
            known=frozenset(settings.services) - {one.name for one in chosen},
        ),
    )


def build_scope(settings: Settings, scope: ScopeCell, edges: Edges) -> Fleet:
    """One scope: the services at home there; without any, its resources, of which none is changed.

    A scope is a sweep of its own: nothing in another one protects or condemns what is here. Raises
    the first of AccessDenied, ConfigError if nothing could be opened; DirtRemains if AWS did not
    answer.
    """
    chosen = [settings.services[name] for name in scope.services]
    failed = _Failures()
    accounts = dict.fromkeys((scope.place.account, *scope.zone_accounts), scope.place.region)
    _enter(edges, accounts, failed)
    services = [one for one in (_service(edges, each, failed) for each in chosen) if one]
    first = failed.first()
    if first is not None and not services:
        raise _nothing_read(first)
    return Fleet(
        tuple(services),
        OtherPlaces(
            heaps=() if services else (edges.heap(scope.place),),
            roots=failed.roots,
            gaps=(*failed.unentered, *failed.gaps),
            known=frozenset(settings.services) - set(scope.services),
        ),
    )


def _nothing_read(error: ToolError) -> ToolError:
    """The end of a run that could look at nothing: never one that has cleaned up (exit 4 or 6)."""
    if not isinstance(error, CloudError):
        return error
    said = DirtRemains(
        f"nothing could be read, so nothing was changed: {error.message}",
        cure=f"{error.cure}\nRun it again when AWS answers (health.aws.amazon.com)".strip(),
        detail=error.detail,
    )
    said.__cause__ = error
    return said


def _accounts(
    settings: Settings, chosen: Sequence[Service], *, everywhere: bool
) -> Mapping[str, str]:
    """The accounts to enter, each with the region for the identity check."""
    found: dict[str, str] = {}
    for one in chosen:
        found.setdefault(one.account, one.region)
        found.setdefault(one.zone_place.account, one.region)
    said = settings.reconciler
    if not everywhere:
        return found
    settings.refuse_empty()
    listed = "" if said.all_regions else next(iter(said.regions), "")
    region = listed or next(iter(found.values()), "us-east-1")
    return {**dict.fromkeys(said.accounts, region), **found}


def _enter(edges: Edges, accounts: Mapping[str, str], failed: _Failures) -> None:
    """Ask STS in every account whose credentials these are, before any other request."""

    def enter(account: str) -> ToolError | None:
        try:
            edges.aws(AccountRegion(account, accounts[account])).verify()
        except (AccessDenied, CloudError) as error:
            return error
        return None

    if len(accounts) > CROWD:
        share_heaps()
    answers = each(list(accounts), enter)
    failed.accounts |= {
        one: error for one, error in zip(accounts, answers, strict=True) if error is not None
    }


def _service(edges: Edges, service: Service, failed: _Failures) -> ManagedService | None:
    """The service with its ports; None if it could not be opened: then it is unknown."""
    for account in (service.account, service.zone_place.account):
        if account in failed.accounts:
            failed.services.append((service, failed.accounts[account]))
            return None
    try:
        return edges.managed(service)
    except (AccessDenied, CloudError, ConfigError) as error:
        failed.services.append((service, error))
        return None


def _places(
    settings: Settings,
    chosen: Sequence[Service],
    edges: Edges,
    accounts: Mapping[str, str],
    failed: _Failures,
) -> list[AccountRegion]:
    """Every configured account × region that is accessible, with or without services."""
    homes = {one.place for one in chosen}
    entered = {one: region for one, region in accounts.items() if one not in failed.accounts}
    regions = partial(_regions, settings, edges, homes, failed)
    return [
        AccountRegion(account, region)
        for account, home in sorted(entered.items())
        if not settings.reconciler.forbids(account)
        for region in regions(AccountRegion(account, home))
    ]


def _regions(
    settings: Settings,
    edges: Edges,
    homes: set[AccountRegion],
    failed: _Failures,
    entry: AccountRegion,
) -> Sequence[str]:
    """The regions to scan in one account."""
    said = settings.reconciler
    own = sorted(home.region for home in homes if home.account == entry.account)
    if not said.regions:
        return own or sorted({home.region for home in homes} if said.accounts else ())
    if not said.all_regions and set(said.regions) <= set(own):
        return said.regions  # regions of services: their own listing reports errors
    try:
        enabled = edges.aws(entry).enabled_regions()
    except (AccessDenied, CloudError) as error:
        failed.gaps.append(Gap.of(AccountRegion(entry.account, EVERYWHERE), ANY, error))
        return own if said.all_regions else said.regions
    if said.all_regions:
        return enabled
    strange = [region for region in said.regions if region not in enabled]
    failed.gaps += [_no_region(AccountRegion(entry.account, one), enabled) for one in strange]
    return [region for region in said.regions if region in enabled]


def _no_region(place: AccountRegion, enabled: Sequence[str]) -> Gap:
    close = nearest(place.region, enabled)
    hint = f"; did you mean {close}?" if close else ""
    said = f"{place.region} is no region that is enabled in this account{hint}"
    return Gap(place, ANY, said, cure="correct `regions` in reconciler.toml, or enable it")

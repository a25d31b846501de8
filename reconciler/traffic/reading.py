"""Traffic that follows the ledger, as it was read: the routes, and where each leads. Pure.

A *route* is a listener or one of its rules, whose forward action names target groups with weights,
or an Elastic IP, which leads to one machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import NO_LEDGER, Ledger
from reconciler.model.reading import ARecord
from reconciler.model.resource import INSTANCE, TARGET_GROUP, Resource

Owns = Callable[[str | None], bool]
"""Whether a tag `deploy-ledger` names the service's ledger."""


@dataclass(frozen=True)
class Share:
    """A target group that a route names, with its weight; or the machine of an Elastic IP.

    group    the id of either
    targets  the registered instances or addresses, of a group that gets requests
    deploy   the deploy whose machines they are; None if it is not known
    lease    the release or rollback that made it; None if it was adopted
    association  of an Elastic IP: another with each time that it is given to a machine
    """

    group: str
    weight: int
    tags: Mapping[str, str] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    deploy: DeployId | None = None
    lease: DeployId | None = None
    association: str = ""


@dataclass(frozen=True)
class TrafficRoute:
    """A listener, a rule or an Elastic IP, which is `address` then; `arn` is its allocation id.

    Of an A record that follows the ledger `address` is its name, and `record` what it says. `odd`
    says why a route must not be changed, '' if it may be; `moved` that a person has changed a
    record since it was last switched.
    """

    arn: str
    shares: tuple[Share, ...] = ()
    odd: str = ""
    address: str = ""
    record: ARecord | None = None
    moved: str = ""

    @property
    def serving(self) -> tuple[Share, ...]:
        """The groups that get requests."""
        return tuple(share for share in self.shares if share.weight)

    @property
    def holders(self) -> tuple[str, ...]:
        """Who has the requests, as a switch is decided on it; of a machine with its association."""
        return tuple(f"{one.group} {one.association}".strip() for one in self.serving)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The groups or machines that are not the service's."""
        return tuple(share.group for share in self.shares if share.deploy is None)

    @property
    def blocked(self) -> str:
        """Why no release may change its action, in words; '' if it may."""
        if self.odd or self.moved:
            return f"{self.name} {self.odd or self.moved}"
        if self.unknown:
            return f"{self.name} names {', '.join(self.unknown)}, which is not known"
        return ""

    def names(self, group: str) -> bool:
        """Whether its action names the group, with whatever weight."""
        return any(share.group == group for share in self.shares)

    def may_lead_to(self, resource: Resource) -> bool:
        """Whether requests may be given to this resource of the live deploy."""
        if self.address:
            return resource.kind == INSTANCE and resource.state == "running"
        return resource.kind == TARGET_GROUP and resource.tags.get(t.LISTENER) == self.arn

    def leads_to(self, deploy: DeployId) -> bool:
        """Whether all requests go to the newest group of the deploy that it names."""
        if self.record is not None:  # of all its machines alike
            of_deploy = all(share.deploy == deploy for share in self.shares)
            return bool(self.shares) and of_deploy and not self.odd
        own = [share for share in self.shares if share.deploy == deploy]
        newest = max(own, key=lambda share: share.lease or deploy, default=None)
        return newest is not None and self.serving == (newest,) and not self.odd

    def __str__(self) -> str:
        """`app/shop/…/…: targetgroup/a 1, targetgroup/b 0`, `203.0.113.7 (eipalloc-…): i-…`."""
        return f"{self.name}: {self.odd or self._where or 'no target group'}"

    @property
    def name(self) -> str:
        """What it is, for messages."""
        if self.record is not None:
            return self.address
        return f"{self.address} ({self.arn})" if self.address else short(self.arn)

    @property
    def _where(self) -> str:
        if self.address:
            return ", ".join(share.group for share in self.shares)
        return ", ".join(f"{share.group} {share.weight}" for share in self.shares)


@dataclass(frozen=True)
class TrafficReading:
    """Every route of a service at one moment; `fence` is the generation that switched it last.

    0 where that is not known.
    """

    routes: tuple[TrafficRoute, ...]
    fence: int = 0

    def resolved(self, service: str, owns: Owns, ledger: Ledger = NO_LEDGER) -> TrafficReading:
        """The reading, with the deploys of the groups and machines that are the service's own.

        A machine that only carries the tags of an adopted one, as the ledger shows, is not known.
        """

        def known(route: TrafficRoute, share: Share) -> Share:
            copy = route.address and _is_copy(share, ledger)
            return share if copy else _resolved(share, service, owns)

        routes = (
            replace(route, shares=tuple(known(route, share) for share in route.shares))
            for route in self.routes
        )
        return replace(self, routes=tuple(routes))

    def follows(self, live: DeployId | None) -> bool:
        """Whether every route leads to the live deploy."""
        return live is not None and all(route.leads_to(live) for route in self.routes)

    @property
    def blocked(self) -> str:
        """Why no release may change a route, in words; '' if each is the service's alone."""
        return next(filter(None, (route.blocked for route in self.routes)), "")

    @property
    def serving(self) -> tuple[Share, ...]:
        """The groups that get requests, of every route."""
        return tuple(share for route in self.routes for share in route.serving)

    @property
    def witnesses(self) -> frozenset[str]:
        """The targets that get requests: instances or addresses."""
        return frozenset(target for share in self.serving for target in share.targets)

    @property
    def served(self) -> frozenset[DeployId]:
        """The deploys whose groups get requests."""
        return frozenset(share.deploy for share in self.serving if share.deploy is not None)

    def weight(self, group: str) -> int:
        """The highest weight that a route gives the group; 0 if none names it."""
        shares = (share for route in self.routes for share in route.shares)
        return max((share.weight for share in shares if share.group == group), default=0)

    def names(self, group: str) -> bool:
        """Whether a route names the group."""
        return any(route.names(group) for route in self.routes)


def _resolved(share: Share, service: str, owns: Owns) -> Share:
    deploy = DeployId.maybe(share.tags.get(t.ID))
    if deploy is None or deploy.service != service or not owns(share.tags.get(t.LEDGER)):
        return share
    return replace(share, deploy=deploy, lease=DeployId.maybe(share.tags.get(t.LEASE)))


def _is_copy(share: Share, ledger: Ledger) -> bool:
    """Whether it is another machine than the adopted one: nothing but the ledger tells."""
    deploy = DeployId.maybe(share.tags.get(t.ID))
    adopted = share.tags.get(t.HOLD) == t.HELD_BY_ADOPTION
    entry = ledger.find_served(deploy) if deploy is not None and adopted else None
    ids = entry.ids if entry else ()
    return bool(ids) and share.group not in ids


def short(arn: str) -> str:
    """The end of an ARN, for messages: `listener/app/shop/…`."""
    return arn.split(":", maxsplit=5)[-1]


def balancer_of(route: str) -> str:
    """The load balancer of a listener or rule: its part of the ARN, `app/shop/0123456789abcdef`."""
    return "/".join(route.split("/")[1:4])


def id_of(word: str) -> str:
    """The id of what a user names: of an ARN its end, as the inventory has it."""
    return short(word) if word.startswith("arn:") else word

"""`Traffic` through the target groups of listeners and rules (docs/protocol.md, "Traffic")."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from reconciler.aws.client.retry import AWS_BACKOFF
from reconciler.aws.client.session import Aws
from reconciler.aws.elbv2 import forward_action
from reconciler.aws.elbv2.groups import DELAY, Groups, refuse
from reconciler.aws.elbv2.routes import Routes
from reconciler.errors import CloudError, Refused
from reconciler.model import tags as t
from reconciler.model.deploy_id import format_time
from reconciler.traffic.port import JoinOrder
from reconciler.traffic.reading import Share, TrafficReading, TrafficRoute, short
from reconciler.util.backoff import Backoff


@dataclass(frozen=True)
class TargetGroupTraffic:
    """The traffic of one service through these routes, changed one after the other."""

    aws: Aws
    service: str
    listeners: tuple[str, ...]
    backoff: Backoff = field(default=AWS_BACKOFF)
    in_batch: bool = False
    by_address: bool = False
    addresses: tuple[str, ...] = ()
    steps: tuple[tuple[str, str], ...] = (
        ("health", "in a new target group of each route, by the load balancer's own word"),
        ("commit", "the ledger; then each route is switched to its new group"),
    )

    @property
    def _routes(self) -> Routes:
        return Routes(self.aws, self.backoff)

    @property
    def _groups(self) -> Groups:
        return Groups(self.aws, self.backoff)

    def read(self) -> TrafficReading:
        """See `Traffic.read`."""
        actions = {arn: self._routes.actions(arn) for arn in self.listeners}
        weights = {arn: forward_action.weights(found) for arn, found in actions.items()}
        tags = self._routes.tags(dict.fromkeys(arn for one in weights.values() for arn in one))
        return TrafficReading(
            tuple(
                TrafficRoute(
                    arn,
                    tuple(self._share(group, n, tags.get(group, {})) for group, n in found.items()),
                    forward_action.oddity(actions[arn]),
                )
                for arn, found in weights.items()
            )
        )

    def check(self) -> tuple[str, ...]:
        """See `Traffic.check`. Tags that say that a template owns the listener are told."""
        for arn in self.listeners:
            odd = forward_action.oddity(self._routes.actions(arn))
            if odd:
                raise Refused(
                    f"{short(arn)} {odd}: no release can switch it",
                    cure="make it one forward action without stickiness of groups",
                )
            live = self._live_group(arn)
            groups = self._groups
            refuse(groups.described(live), groups.attributes(live), groups.ports(live))
        return tuple(self._owners())

    def drain(self) -> timedelta:
        """See `Traffic.drain`: the longest deregistration delay of live's groups."""
        return max(self._delay(self._live_group(arn)) for arn in self.listeners)

    def create(self, order: JoinOrder) -> tuple[str, ...]:
        """See `Traffic.create`: one group for each route, named after the lease and the route."""
        return tuple(short(self._copy(arn, order)) for arn in self.listeners)

    def join(self, order: JoinOrder) -> tuple[str, ...]:
        """See `Traffic.join`: weight 0 until the switch. All routes are asked before any change."""
        for route in self.listeners:
            self._routes.refuse_foreign(route, self.service)
        made: list[str] = []
        for route in self.listeners:
            group = self._copy(route, order)
            self._routes.change(route, self.service, partial(forward_action.attached, group=group))
            made.append(short(group))
        return tuple(made)

    def register(self, order: JoinOrder) -> None:
        """See `Traffic.register`: all machines in one call, with the port of live's."""
        for route in self.listeners:
            group, ports = self._taker(route, order), self._groups.ports(self._live_group(route))
            self._groups.register(group, order.machines, next(iter(ports), None))

    def waiting(self, order: JoinOrder) -> tuple[str, ...]:
        """See `Traffic.waiting`: what the balancer itself does not call healthy."""
        return tuple(line for route in self.listeners for line in self._waiting(route, order))

    def takers(self, order: JoinOrder) -> tuple[tuple[str, str], ...]:
        """See `Traffic.takers`."""
        return tuple((route, short(self._taker(route, order))) for route in self.listeners)

    def switch(self, route: str, group: str, holders: Collection[str] | None) -> None:
        """See `Traffic.switch`."""
        arn = self._groups.arn(group)
        if holders is None:
            change = partial(forward_action.switched, group=arn)
        else:
            change = partial(self._handed_over, route, group=arn, holders=holders)
        self._routes.change(route, self.service, change, forced=holders is None)

    def _handed_over(
        self, route: str, now: Mapping[str, int], *, group: str, holders: Collection[str]
    ) -> dict[str, int]:
        """All requests to the group, unless a person gave them to another one (rule 11)."""
        given = [short(arn) for arn, weight in now.items() if weight and arn != group]
        moved = ", ".join(one for one in given if one not in holders)
        if moved:
            raise Refused(
                f"{short(route)} sends requests to {moved}, which had none when the switch was "
                "decided: it is not switched"
            )
        return forward_action.switched(now, group)

    def detach(self, route: str, group: str) -> None:
        """See `Traffic.detach`."""
        take_out(self._routes, route, self.service, self._groups.arn(group))

    def mark_drained(self, group: str, since: datetime) -> None:
        """See `Traffic.mark_drained`: by the group's own deregistration delay."""
        arn = self._groups.arn(group)
        self._groups.tag([arn], {t.DRAINED: format_time(since + self._delay(arn))})

    def acknowledge(self) -> None:
        """See `Traffic.acknowledge`."""

    def tag(self, groups: Sequence[str], tags: Mapping[str, str]) -> None:
        """See `Traffic.tag`."""
        self._groups.tag([self._groups.arn(group) for group in groups], tags)

    def untag(self, groups: Sequence[str], keys: Sequence[str]) -> None:
        """See `Traffic.untag`."""
        self._groups.untag([self._groups.arn(group) for group in groups], keys)

    def _share(self, group: str, weight: int, tags: Mapping[str, str]) -> Share:
        """A group that gets requests is read with its targets: whoever they are, they serve."""
        targets = self._groups.health(group) if weight else ()
        return Share(short(group), weight, tags, tuple(one["Target"]["Id"] for one in targets))

    def _delay(self, group: str) -> timedelta:
        return timedelta(seconds=int(self._groups.attributes(group)[DELAY]))

    def _live_group(self, route: str) -> str:
        """The one group of a route that gets requests. Raises CloudError."""
        serving = [
            arn
            for arn, weight in forward_action.weights(self._routes.actions(route)).items()
            if weight
        ]
        if len(serving) != 1:
            raise CloudError(
                f"{short(route)} sends requests to {len(serving)} target groups, not to one"
            )
        return serving[0]

    def _copy(self, route: str, order: JoinOrder) -> str:
        name = order.lease.target_group_name(route)
        tags = {**order.tags, t.LEASE: str(order.lease), t.LISTENER: route}
        return self._groups.copy(self._live_group(route), name, tags)

    def _waiting(self, route: str, order: JoinOrder) -> Iterator[str]:
        group = self._named(route, order)
        if not group:
            yield f"{short(route)} does not name the new target group any more"
            return
        found = {one["Target"]["Id"]: one["TargetHealth"] for one in self._groups.health(group)}
        for machine in order.machines:
            health = found.get(machine, {"State": "unused", "Description": "not registered"})
            if health["State"] != "healthy":
                why = health.get("Description") or health.get("Reason") or "no reason given"
                yield f"{machine} is {health['State']} behind {short(route)}: {why}"

    def _named(self, route: str, order: JoinOrder) -> str:
        name = order.lease.target_group_name(route)
        named = forward_action.weights(self._routes.actions(route))
        return next((arn for arn in named if arn.split("/")[1] == name), "")

    def _taker(self, route: str, order: JoinOrder) -> str:
        group = self._named(route, order)
        if not group:
            raise CloudError(f"{short(route)} does not name the new target group any more")
        return group

    def _owners(self) -> Iterator[str]:
        for arn, tags in self._routes.tags(self.listeners).items():
            owner = template_of(tags)
            if owner:
                yield (
                    f"{short(arn)} belongs to {owner}: its next change turns the weights back, "
                    "unless it ignores the actions (docs/load-balancers.md)"
                )


def take_out(routes: Routes, route: str, service: str, group: str) -> None:
    """Take a group out of a route's action. Raises Refused while requests go to it."""

    def change(now: Mapping[str, int]) -> dict[str, int]:
        if now.get(group):
            raise Refused(f"{short(route)} sends requests to {short(group)}")
        left = forward_action.detached(now, group)
        if now and not left:
            raise Refused(
                f"{short(group)} is the only target group of {short(route)}: AWS deletes none that "
                "is in use; let the route forward to another group first"
            )
        return left

    routes.change(route, service, change)


def template_of(tags: Mapping[str, str]) -> str:
    """The CloudFormation stack or Terraform that a resource's tags name; '' for none."""
    stack = tags.get("aws:cloudformation:stack-name")
    if stack:
        return f"the CloudFormation stack {stack}"
    said = (f"{key} {value}".lower() for key, value in tags.items())
    return "Terraform" if any("terraform" in one or "opentofu" in one for one in said) else ""

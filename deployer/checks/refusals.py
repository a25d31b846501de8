"""The texts of refusals: what blocks, whose it is, what it costs, and the cure.

Pure: they are made from a plan. Every refusal ends with the next command.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from deployer.checks.lease.pause import PAUSED, reason_of
from reconciler.cost import estimate
from reconciler.cost.price_list import Prices
from reconciler.errors import Refused, ToolError
from reconciler.gc.other_names import OtherNames
from reconciler.gc.verdict import Root, Verdict
from reconciler.model import tags as t
from reconciler.model.ledger import Lease, Live
from reconciler.model.resource import IMAGE, SNAPSHOT, Gap
from reconciler.plan import record_drift
from reconciler.plan.service_plan import ServicePlan
from reconciler.util import humanize
from reconciler.util.duration import format_duration


def no_ledger(service: str, record: str, addresses: Sequence[str]) -> Refused:
    """The record has addresses, but no ledger of ours."""
    return Refused(
        f"{service} is not under a ledger yet: {record} points to {', '.join(addresses)}, which no "
        "deploy of ours made",
        cure=f"To bring it under one   deployer adopt {service}",
    )


def gone(service: str, left: Live) -> Refused:
    """The service has left: what served as `left` is nobody's."""
    return Refused(
        f"{service} has left: what was live as {left.id} serves on, and is not managed any more",
        cure=(
            f"To bring it back            deployer adopt {service}\n"
            f"To finish what was begun    deployer leave {service}\n"
            f"If it is not to come back   remove services/{service}.toml"
        ),
    )


def unknown(root: Root) -> ToolError:
    """The service's state is contradictory, or could not be read.

    Missing permissions are exit 6, not a contradiction; and writing the ledger anew fixes neither
    that nor a missing answer.
    """
    service = root.home.service
    text = f"{service} is unknown: {root.problem}; nothing of it was touched"
    if root.refusal is not Refused:
        return root.refusal(text, cure=root.cure)
    cure = root.cure or f"To write it anew      deployer recover {service}"
    return Refused(text, cure=f"To see everything     deployer status {service}\n{cure}")


def no_databases(service: str, gap: Gap) -> ToolError:
    """The database server could not be read."""
    return gap.refusal(
        f"the databases of {service} cannot be listed: {gap.reason}",
        cure=gap.cure or "check database.admin, and the way to its server from here",
    )


def doubted(service: str, live: Live, one: Verdict) -> Refused:
    """A machine holds live's address, but its tags do not prove that it is live's."""
    return Refused(
        f"{one.resource.id} serves at an address of {live.id}, "
        f"but is not proved to be its machine: {one.text}",
        cure=(
            f"To see why            reconciler explain {one.resource.id}\n"
            f"To see everything     deployer status {service}"
        ),
    )


def nothing_to_clone(service: str, live: Live) -> Refused:
    """The live deploy has no running machine at the ledger's addresses."""
    return Refused(
        f"no running machine of {live.id} holds its address ({', '.join(live.at)}): there is "
        "nothing to clone",
        cure=f"To see what there is     deployer status {service}",
    )


def moved(service_plan: ServicePlan) -> Refused:
    """Somebody changed the A record: people win (rule 11)."""
    return Refused(
        f"{service_plan.service}: {service_plan.notes[0]}",
        cure=record_drift.cure(service_plan.root),
    )


class Behind(NamedTuple):
    """Names that would be left behind: `found` with their addresses, `taken` with their ledgers."""

    record: str
    also: Sequence[str]
    found: Mapping[str, Sequence[str]]
    taken: Mapping[str, str]


def left_behind(live: Live, service: str, names: Behind) -> Refused:
    """Other names lead to live: a switch would leave their clients behind (rule 13).

    A name of another ledger, and a wildcard, which no configuration accepts, cannot move along.
    """
    found = names.found
    said = "; ".join(f"{one} holds {', '.join(at)}" for one, at in found.items())
    despite = " ".join(f"--despite {shlex.quote(one)}" for one in found)
    which = "that name" if len(found) == 1 else "those names"
    return Refused(
        f"{said}: addresses of {live.id}, which is live behind {names.record}. A release would "
        f"leave {which} on a machine that takes no writes",
        cure="\n".join(
            (
                *_along(service, names),
                f"If it should not be there     correct or delete it, then   deployer up {service}",
                f"If nobody uses it any more    deployer up {service} {despite}",
            )
        ),
    )


def _along(service: str, names: Behind) -> Iterator[str]:
    """How to move names along, and why some cannot."""
    along = [one for one in names.found if one not in names.taken and "*" not in one]
    if along:
        listed = ", ".join(f'"{name}"' for name in (*names.also, *along))
        yield (
            f"To move {', '.join(along)} along     say also = [{listed}] in "
            f"services/{service}.toml, then   deployer up {service}"
        )
    for one, ledger in names.taken.items():
        yield f"{one} is the record of the ledger {ledger}: give it a machine of its own first"


def neighbours_also(service: str, taken: Mapping[str, str]) -> Refused:
    """A name in `also` is the record of another service: its own releases move it (rule 12)."""
    said = "; ".join(f"{name} is the record of the ledger {one}" for name, one in taken.items())
    return Refused(
        f"{said}: a release of {service} would move it away from there",
        cure=f"take it out of `also` in services/{service}.toml, then   deployer up {service}",
    )


def apart(service: str, name: str, there: Sequence[str], says: Sequence[str]) -> Refused:
    """A name in `also` has other addresses than the record."""
    return Refused(
        f"{name} is in `also` and says {', '.join(there) or 'nothing'}, the record of {service} "
        f"says {', '.join(says) or 'nothing'}: they cannot move together",
        cure=f"Point {name} to {', '.join(says) or 'nothing'}, or take it out of `also` in "
        f"services/{service}.toml, then   deployer up {service}",
    )


def names_unread(service: str, names: OtherNames, command: str = "") -> ToolError:
    """Unknown whether another name leads to live: unknown is not empty."""
    return names.refusal(
        f"whether another name leads to the live machines of {service} is not known: "
        f"{names.problem}",
        cure=f"{names.cure}, then   {command or f'deployer up {service}'}",
    )


def held(service_plan: ServicePlan, lease: Lease, again: str = "") -> Refused:
    """Another release is in progress. `again` is the refused command; by default a release waits.

    Only `up` can wait: whatever else is refused does not begin a release instead.
    """
    service, now = service_plan.service, service_plan.root.now
    if lease.step == PAUSED:
        return _paused(service_plan, lease, again)
    release, by = releaser(service_plan, lease.id)
    who = (f" by {by}" if by else "") + (f", to {release}" if release else "")
    wait = f"To wait for it        deployer up {service} --wait 15m"
    if again:
        wait = f"Once it has ended     {again}"
    return Refused(
        f"{service} is being changed{who}: in `{lease.step}`, begun {ago(now - lease.id.born)}",
        detail=f"{lease.id}, lease until {lease.until:%H:%M:%S} UTC",
        cure=(f"{wait}\nTo stop it            deployer abort {service}"),
    )


def _paused(service_plan: ServicePlan, lease: Lease, again: str) -> Refused:
    """A person holds the lease: who, why, and until when."""
    service, now = service_plan.service, service_plan.root.now
    reason = reason_of(service_plan, lease) or "by somebody, for a reason that is not told"
    once = f"Once it has ended     {again or f'deployer up {service}'}"
    until = f"{lease.until:%Y-%m-%d %H:%M} UTC"
    return Refused(
        f"{service} is paused {reason}",
        detail=f"{lease.id}, begun {ago(now - lease.id.born)}, until {until}",
        cure=f"To end it now         deployer resume {service}\n{once}",
    )


def despite_nothing(service: str, unknown: Sequence[str]) -> Refused:
    """`--despite` with a word that names nothing: a typing mistake would look like consent."""
    return Refused(
        f"--despite {', '.join(unknown)}: no resource, DNS name or unit of {service} is called so",
        cure=f"To see what there is     deployer status {service}",
    )


def dirt(
    service_plan: ServicePlan, left: Sequence[Verdict], lines: Iterable[str], prices: Prices
) -> Refused:
    """Resources are left over. `lines` describe them, one resource a line, with the cost."""
    service = service_plan.service
    died, costs = _what_died(service_plan, left), _what_it_costs(service_plan, left, prices)
    mend = "remove" if left or service_plan.end is not None else "finish"
    return Refused(
        f"{service} is not clean. {died}{costs}".rstrip(),
        detail="\n".join(lines),
        cure=(
            f"To {mend} it          reconciler sweep --service {service}\n"
            f"To {mend} and go on   deployer up {service} --sweep-first"
        )
        + _beside(service, left),
    )


def _beside(service: str, left: Sequence[Verdict]) -> str:
    """Where only images and snapshots are left: others may use them, and no sweep can help."""
    kinds = {verdict.resource.kind for verdict in left}
    if not left or not kinds <= {IMAGE, SNAPSHOT}:
        return ""
    first, *others = (verdict.resource.id for verdict in left)
    more = "".join(f" --despite {id_}" for id_ in others)
    return f"\nIf AWS keeps it       deployer up {service} --despite {first}" + more


def _what_died(service_plan: ServicePlan, left: Sequence[Verdict]) -> str:
    if service_plan.end is not None:
        over = ago(service_plan.root.now - service_plan.end.until)
        if service_plan.end.step == PAUSED:
            return f"Its pause is over, {over}, and no sweep has ended it yet."
        who = _who(service_plan, service_plan.end.id)
        return f"The release{who} died in `{service_plan.end.step}`; its lease ran out {over}."
    if left:
        deploy = left[0].resource.deploy
        born = deploy.born if deploy else service_plan.root.now
        age = ago(service_plan.root.now - born)
        return f"A release{_who(service_plan, deploy)} of {age} left resources behind."
    return "A release was not finished: " + "; ".join(repair.why for repair in service_plan.repairs)


def _what_it_costs(service_plan: ServicePlan, left: Sequence[Verdict], prices: Prices) -> str:
    """` Left behind, $0.0273/h, $0.01 so far:`, as far as prices are known."""
    if not left:
        return ""
    now = service_plan.root.now
    cost = estimate.add(estimate.of(one.resource, now, prices) for one in left)
    least = "at least " if cost.unknown else ""
    return f" Left behind, {least}${cost.hourly:.4f}/h, ${cost.so_far:.2f} so far:"


def _who(service_plan: ServicePlan, deploy: object) -> str:
    """` of v1.4.9 by ci@build-8812`, as far as the tags of its resources say so."""
    release, by = releaser(service_plan, deploy)
    return (f" of {release}" if release else "") + (f" by {by}" if by else "")


def releaser(service_plan: ServicePlan, deploy: object) -> tuple[str, str]:
    """Release and releaser of a deploy, from its resources' tags; '' where none has them."""
    resources = [
        verdict.resource for verdict in service_plan.verdicts if verdict.resource.deploy == deploy
    ]
    tags = next((resource.tags for resource in resources if t.RELEASE in resource.tags), {})
    return tags.get(t.RELEASE, ""), tags.get(t.BY, "")


def ago(span: timedelta) -> str:
    """`14m ago`: a time span in readable units."""
    seconds = max(int(span.total_seconds()), 0)
    for unit in (86400, 3600, 60):
        if seconds >= unit:
            seconds -= seconds % unit
            break
    return f"{format_duration(timedelta(seconds=seconds))} ago"


def waited(lease: Lease, now: datetime) -> str:
    """A line to show while waiting for another deploy's lease."""
    left = humanize.span((lease.until - now).total_seconds())
    return f"waiting for {lease.id} (in `{lease.step}`, lease for {left})"

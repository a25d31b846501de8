"""The notifications before and after a sweep: with cost, at most once a day per resource.

A finding is a resource. Every sweep finds again what stays (it is protected, or a person must
decide), so it is reported once a day: the tag `deploy-noticed` on the resource holds the time, so
that any number of sweeps on any number of machines know of each other (adr 0009). Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.cost import estimate
from reconciler.cost.price_list import Prices
from reconciler.model import tags as t
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import Resource
from reconciler.output.notifications.history import NotificationHistory
from reconciler.output.plan import saving
from reconciler.output.write_stop import write_stop_lines
from reconciler.plan.service_plan import Plan
from reconciler.util import humanize

LONGEST = 20
"""Maximum number of resources listed in a notification; for the rest, only the number."""


# Slack reads entities. Mattermost and Discord read `@everyone` and `[text](url)`, which a character
# without width breaks, as no escape means the same in all three.
_NOT_MARKUP = (
    *(("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")),
    *(("@", "@\u200b"), ("](", "]\u200b("), ("][", "]\u200b["), ("]:", "]\u200b:")),
)


class Phase(StrEnum):
    """When a notification is sent."""

    PLANNED = "planned"
    REFUSED = "refused"
    DONE = "done"
    IMPAIRED = "impaired"


@dataclass(frozen=True)
class Notice:
    """One message. `findings` are the resources that are new in it."""

    phase: Phase
    subject: str
    lines: tuple[str, ...]
    findings: tuple[Resource, ...] = ()

    @property
    def text(self) -> str:
        """The whole message as plain text."""
        return "\n".join((self.subject, *self.lines))


def planned(
    plan: Plan, history: NotificationHistory, now: datetime, prices: Prices, refusal: str = ""
) -> Notice | None:
    """What the sweep will remove, or would if it were not refused; None if nothing is new."""
    garbage = [verdict.resource for verdict in plan.deletes]
    fresh = tuple(resource for resource in garbage if history.is_fresh(resource, now))
    if not fresh:
        return None
    services = _services(garbage)
    count = humanize.count(len(garbage), "resource")
    listed = _listed([_line(resource, now, prices) for resource in garbage])
    lines = (*listed, f"saves {saving(garbage, prices)}")
    subject = f"{services}: {count} left behind, "
    if not refusal:
        return Notice(Phase.PLANNED, f"{subject}removed now", lines, fresh)
    lines = (humanize.one_line(refusal), *lines)
    return Notice(Phase.REFUSED, f"{subject}and the sweep refuses to remove them", lines, fresh)


def done(
    outcomes: Sequence[Outcome], findings: Sequence[Resource], now: datetime, prices: Prices
) -> Notice | None:
    """What a sweep has removed, and which announced resources it has not.

    `findings` are those of its planned notification. None if there is nothing to report.
    """
    gone = [outcome.resource for outcome in outcomes if outcome.status is OutcomeStatus.GONE]
    stayed = _stayed(outcomes, findings)
    if not gone and not stayed:
        return None
    services = _services([*gone, *(outcome.resource for outcome in stayed)])
    removed = humanize.counts(Counter(resource.kind for resource in gone))
    left = f", {humanize.count(len(stayed), 'resource')} left" if stayed else ""
    lines = [f"saves {saving(gone, prices)}"] if gone else []
    lines += _listed([_stayed_line(outcome) for outcome in stayed])
    lines += _listed([_line(resource, now, prices) for resource in gone])
    return Notice(Phase.DONE, f"{services}: removed {removed}{left}", tuple(lines))


PATIENCE = timedelta(minutes=2)
"""A release refuses writes for a while; longer than this, its lease has run out or it is slow."""

REPEATED = timedelta(hours=1)


def impaired(plan: Plan, history: NotificationHistory, now: datetime) -> Notice | None:
    """The services whose live database has refused writes for long; once an hour for each."""
    lines, findings = [], []
    for service_plan in plan.services:
        shut = service_plan.shut_live
        if shut is None or shut.since is None or now - shut.since < PATIENCE:
            continue
        last = history.when.get(shut.key)
        if last is None or now - last >= REPEATED:
            lines += write_stop_lines(service_plan)
            findings.append(shut)
    if not findings:
        return None
    subject = f"{_services(findings)}: the live database refuses writes"
    return Notice(Phase.IMPAIRED, subject, tuple(lines), tuple(findings))


def _stayed(outcomes: Iterable[Outcome], findings: Iterable[Resource]) -> list[Outcome]:
    """The outcomes of announced resources that were not removed."""
    ended = (OutcomeStatus.GONE, OutcomeStatus.DONE)
    announced = {resource.key for resource in findings}
    rest = (outcome for outcome in outcomes if outcome.status not in ended)
    return [outcome for outcome in rest if outcome.resource.key in announced]


def _services(resources: Iterable[Resource]) -> str:
    names = dict.fromkeys(resource.deploy.service for resource in resources if resource.deploy)
    return ", ".join(names) or "nobody's"


def _line(resource: Resource, now: datetime, prices: Prices) -> str:
    since = f"{humanize.rough(now - resource.deploy.born)} old" if resource.deploy else ""
    release = humanize.one_line(resource.tags.get(t.RELEASE, ""))[:40]
    facts = (
        resource.kind,
        resource.id,
        resource.type,
        resource.state,
        release,
        since,
        estimate.price(resource, prices),
    )
    return f"- {humanize.one_line(' · '.join(filter(None, facts)))}"


def _stayed_line(outcome: Outcome) -> str:
    resource, why = outcome.resource, humanize.one_line(outcome.text)
    return f"- not removed: {resource.kind} {resource.id} ({outcome.status.value}): {why[:300]}"


def _listed(lines: Sequence[str]) -> list[str]:
    if len(lines) <= LONGEST:
        return list(lines)
    return [*lines[:LONGEST], f"- … and {len(lines) - LONGEST} more"]


def for_slack(notice: Notice) -> dict[str, str]:
    """The message for Slack's incoming webhooks; Mattermost and Discord's /slack accept it.

    Tags are untrusted text: mentions and links in them are escaped.
    """
    text = notice.text
    for sign, entity in _NOT_MARKUP:
        text = text.replace(sign, entity)
    return {"text": text}


def for_mail(notice: Notice) -> tuple[str, str]:
    """Subject and text for SNS: a subject has at most 100 plain characters."""
    plain = notice.subject.encode("ascii", "replace").decode()
    return f"reconciler: {plain}"[:100], notice.text

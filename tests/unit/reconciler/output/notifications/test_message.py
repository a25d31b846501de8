"""What people are told: with cost, once a day, and safe to show."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.cost.price_list import Prices
from reconciler.model import tags as t
from reconciler.model.deploy_id import format_time
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import DATABASE, INSTANCE, Resource
from reconciler.output.notifications.history import NotificationHistory
from reconciler.output.notifications.message import (
    LONGEST,
    Phase,
    done,
    for_mail,
    for_slack,
    planned,
)
from reconciler.plan.service_plan import Plan
from tests.support.shop_world import ALL, DEAD, LIVE, NOW
from tests.support.shop_world import planned as plan_of

GARBAGE = [one for one in ALL if one.deploy == DEAD]
MACHINE = next(one for one in GARBAGE if one.kind == INSTANCE)


def with_garbage(*garbage: Resource) -> Plan:
    """Shop, live, and these beside it."""
    return plan_of(resources=[*(one for one in ALL if one.deploy == LIVE), *garbage])


def noticed(resource: Resource, hours: float) -> Resource:
    """The thing with the tag that it was told of so long ago."""
    when = format_time(NOW - timedelta(hours=hours))
    return replace(resource, tags={**resource.tags, t.NOTICED: when})


def test_before_it_acts() -> None:
    """Whose it is, each thing with its age and price, and what it saves; the database too."""
    notice = planned(plan_of(), NotificationHistory(), NOW, Prices())
    assert notice is not None
    assert notice.phase is Phase.PLANNED
    assert notice.subject == "shop: 6 resources left behind, removed now"
    assert "- instance · i-41 · t3.small · running · v1.4.9 · 45 min old · $0.0278/h" in notice.text
    assert "database" in notice.text
    assert "$0.0293/h, $21.12 in 30 days" in notice.text
    assert {one.kind for one in notice.findings} == {one.kind for one in GARBAGE} - {DATABASE}


def test_nothing_left_behind_is_no_news() -> None:
    """A clean world is not worth a word."""
    assert planned(with_garbage(), NotificationHistory(), NOW, Prices()) is None
    assert done((), (), NOW, Prices()) is None
    assert done([Outcome(MACHINE, OutcomeStatus.DONE)], (), NOW, Prices()) is None


@pytest.mark.parametrize(("hours", "news"), [(0, False), (23.9, False), (24, True), (100, True)])
def test_once_a_day_by_the_tag(hours: float, news: bool) -> None:
    """Another sweep, anywhere, has told of everything so long ago."""
    told = with_garbage(*(noticed(one, hours) for one in GARBAGE))
    assert (planned(told, NotificationHistory(), NOW, Prices()) is not None) is news


def test_once_a_day_by_memory() -> None:
    """The tag may not be listed yet, or not be allowed; after a day it is forgotten."""
    memory = NotificationHistory()
    memory.remember(GARBAGE, NOW)
    assert planned(plan_of(), memory, NOW + timedelta(hours=23), Prices()) is None
    assert planned(plan_of(), memory, NOW + timedelta(hours=24), Prices()) is not None
    memory.remember([], NOW + timedelta(hours=24))
    assert memory.when == {}


def test_one_new_thing_is_told_with_those_known() -> None:
    """The sum is right, and only the new one is a finding."""
    known = [noticed(one, 1) for one in GARBAGE if one != MACHINE]
    notice = planned(with_garbage(MACHINE, *known), NotificationHistory(), NOW, Prices())
    assert notice is not None
    assert notice.findings == (MACHINE,)
    assert "6 resources" in notice.subject


def test_a_database_alone_waits_for_its_end() -> None:
    """It has no tag to remember by, so it is told of when it is gone."""
    [database] = [one for one in GARBAGE if one.kind == DATABASE]
    assert planned(with_garbage(database), NotificationHistory(), NOW, Prices()) is None
    notice = done([Outcome(database, OutcomeStatus.GONE)], (), NOW, Prices())
    assert notice is not None
    assert notice.subject == "shop: removed 1 database"


def test_a_tag_that_is_no_time_silences_nobody() -> None:
    """Anybody may write a tag."""
    scribbled = replace(MACHINE, tags={**MACHINE.tags, t.NOTICED: "tomorrow"})
    assert planned(with_garbage(scribbled), NotificationHistory(), NOW, Prices()) is not None


def test_a_refused_plan_says_why() -> None:
    """And what it would have been about."""
    notice = planned(
        plan_of(),
        NotificationHistory(),
        NOW,
        Prices(),
        refusal="too much to delete at once: 6 of shop (cap 1)",
    )
    assert notice is not None
    assert notice.phase is Phase.REFUSED
    assert "refuses" in notice.subject
    assert "cap 1" in notice.lines[0]


def test_after_it_acted() -> None:
    """What is gone and saved, and what of the announced has stayed, with its reason."""
    gone = [Outcome(one, OutcomeStatus.GONE) for one in GARBAGE if one != MACHINE]
    stayed = Outcome(MACHINE, OutcomeStatus.BLOCKED, "OperationNotPermitted: disableApiTermination")
    notice = done([*gone, stayed], [MACHINE], NOW, Prices())
    assert notice is not None
    assert notice.subject.startswith("shop: removed 1 volume, 1 network-interface, 1 image")
    assert notice.subject.endswith(", 1 resource left")
    assert "- not removed: instance i-41 (blocked): OperationNotPermitted" in notice.text
    quiet = done([stayed], (), NOW, Prices())
    assert quiet is None, "what was told of today already"


def test_a_hundred_things_are_not_a_hundred_lines() -> None:
    """The number says it."""
    outcomes = [Outcome(replace(MACHINE, id=f"i-{n}"), OutcomeStatus.GONE) for n in range(100)]
    notice = done(outcomes, (), NOW, Prices())
    assert notice is not None
    assert len(notice.lines) == LONGEST + 2
    assert notice.lines[-1] == "- … and 80 more"


def test_tags_mention_nobody() -> None:
    """A release called after a channel does not wake it, and breaks no line of a mail's head."""
    evil = replace(MACHINE, tags={**MACHINE.tags, t.RELEASE: "<!channel> & <http://x|y>\nsecond"})
    notice = planned(with_garbage(evil), NotificationHistory(), NOW, Prices())
    assert notice is not None
    text = for_slack(notice)["text"]
    assert "<" not in text
    assert "&lt;!channel&gt; &amp;" in text
    subject, mail = for_mail(replace(notice, subject="shöp: " + "x" * 200))
    assert (len(subject), subject.isascii(), "\n" in subject) == (100, True, False)
    assert "<!channel> & <http://x|y> second" in mail


@pytest.mark.parametrize(
    "release", ["@everyone", "@here v1", "[x](http://e.test)", "![x](http://e.test)", "[x][y]"]
)
def test_tags_are_no_markdown(release: str) -> None:
    """Mattermost and Discord read the same JSON, and mentions and links of their own."""
    evil = replace(MACHINE, tags={**MACHINE.tags, t.RELEASE: release})
    notice = planned(with_garbage(evil), NotificationHistory(), NOW, Prices())
    assert notice is not None
    text = for_slack(notice)["text"]
    assert not [sign for sign in ("@everyone", "@here", "](", "][") if sign in text]
    assert release in text.replace("\u200b", ""), "it can still be read"

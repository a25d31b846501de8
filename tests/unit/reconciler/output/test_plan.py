"""Plans, sweeps and reasons as people read them."""

from __future__ import annotations

import json
import textwrap
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.cost.price_list import Prices
from reconciler.errors import Refused
from reconciler.gc.verdict import Reason, Role
from reconciler.model.ledger import NO_LEDGER
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import DATABASE, INSTANCE, Gap
from reconciler.model.tags import HELD_BY_ADOPTION, Label
from reconciler.output.explain import _CHANGES, explain_json, explain_lines, find
from reconciler.output.ledger import ledger_json, ledger_lines
from reconciler.output.plan import plan_json, plan_lines
from reconciler.output.sweep import as_json, in_lines, one_line
from reconciler.plan import circuit_breaker, planner
from reconciler.plan.circuit_breaker import Cap
from reconciler.plan.service_plan import Plan
from reconciler.sweep.result import SweepResult
from tests.support.shop_world import (
    ALL,
    CLEAN,
    DEAD,
    DIED,
    EVIDENCE,
    LIVE,
    OLD,
    PLACE,
    ZONE,
    deploy,
    planned,
    resources,
)


def text(plan: Plan) -> str:
    """The whole plan as it is shown."""
    return "\n".join(plan_lines(plan, Cap(), Prices()))


def test_a_plan_shows_every_act_its_reason_and_its_money() -> None:
    """A dead release: its lease ends, its things go, in the order they go; the sum at the end."""
    assert text(planned(DIED)) == textwrap.dedent("""\
        account 123456789012 · eu-west-1 · 1 service · 18 resources, 4 calls

        shop     live v1.5.0 · 1 previous · lease x9f4c in `migrate`
          x lease     shop/20261123T024402Z-x9f4c  ran out 03:25:52 in `migrate`
          - instance          i-41                  v1.4.9 not in the ledger   $0.0278/h
          - network-interface eni-41                v1.4.9 not in the ledger
          - volume            vol-41                v1.4.9 not in the ledger   $0.0010/h
          - image             ami-41                v1.4.9 not in the ledger
          - snapshot          snap-41               v1.4.9 not in the ledger ≤ $0.0006/h
          - database          db-41                 v1.4.9 not in the ledger

        4 deletions of 12 owned by shop (cap 10) · saves up to $0.0293/h, $21.12 in 30 days
        read all of 1 account, 1 region, 1 kind: 4 pages, 4 calls""")


def test_a_clean_plan() -> None:
    """Nothing to do is said, not shown as an empty page."""
    kept = [one for one in ALL if one.deploy != DEAD]
    assert text(planned(CLEAN, kept)).splitlines()[2:] == [
        "shop     live v1.5.0 · 1 previous · no lease · clean",
        "",
        "nothing to do",
        "read all of 1 account, 1 region, 1 kind: 4 pages, 4 calls",
    ]


def test_an_unknown_service_is_not_clean() -> None:
    """What could not be read is said, with its consequence."""
    lines = text(planned(problem="zone mail.example could not be read")).splitlines()
    assert lines[2].startswith("shop     unknown: zone mail.example could not be read; nothing of")
    assert lines[-2] == "nothing to do where it is known"


def test_a_gap_is_shown() -> None:
    """A kind that could not be listed."""
    assert f"! images of {PLACE} unread: throttled" in text(
        planned(gaps=(Gap(PLACE, "image", "throttled"),))
    )


def test_a_repair_says_what_is_wrong() -> None:
    """Kept evidence that is labelled wrong is finished, not deleted."""
    shown = text(planned(EVIDENCE))
    assert "~ finish    v1.4.9 (kept): i-41 is labelled pending, should be failed" in shown
    assert "- instance" not in shown


def test_a_plan_in_json_has_what_the_text_has() -> None:
    """Every deletion, every keep with its reason, the sizes the breaker judges by."""
    value = json.loads(json.dumps(plan_json(planned(DIED), Cap(), Prices())))
    (shop,) = value["services"]
    assert shop["delete"][0]["id"] == "i-41"
    assert len(shop["delete"]) + len(shop["keep"]) == len(ALL)
    assert {one["reason"] for one in shop["keep"]} == {"live", "previous"}
    assert (shop["deletions"], shop["owned"], shop["cap"]) == (4, 12, 10)
    assert shop["end_lease"] == str(DEAD)
    assert shop["ledger"]["gen"] == 44


def _listed_earlier(seen: Plan) -> Plan:
    """The same plan, its heap listed five seconds before the ledger was read."""
    earlier = replace(seen.services[0].root, heap_age=timedelta(seconds=5))
    return planner.plan(seen.inventory, {"shop": earlier}, {})


def test_explain_garbage() -> None:
    """Each rule that was asked, what it saw and when, and how to keep the thing."""
    plan = _listed_earlier(planned())
    birth = (
        f"deploy-part instance@123456789012/eu-west-1, token {DEAD.client_token(ZONE)}, "
        "created 2026-11-23 02:44:02"
    )
    (verdict,) = find(plan, "i-41")
    assert (
        explain_lines(plan, verdict, Prices())
        == textwrap.dedent(f"""\
        i-41 is garbage: the ledger does not name {DEAD}.
          kind        instance t3.small running 123456789012/eu-west-1
          deploy      {DEAD}
          label       pending
          hold        none
          in use by   nothing
          shared      no
          age         45 min, born 2026-11-23 02:44:02; no min_age
          seen        listed 03:29:47, ledger and record read 03:29:52 UTC
          cost        $0.0278/h, $0.02 so far, $20.02 in 30 days
        Asked, in this order, of what was read at these times (UTC):
           1 ledger   03:29:47  its tags name Z1/shop._deploy.example.com, the service's
           2 adopted  03:29:47  not adopted
           3 birth    03:29:47  {birth}
           4 known    03:29:52  generation 44; nothing contradicts it
           5 rooted   03:29:52  generation 44 roots previous {OLD}, live {LIVE}
           6 record   03:29:52  the A record says 10.0.1.17: no address of its deploy
           7 hold     03:29:47  none
           8 label    03:29:47  pending
           9 configured 03:29:52  no
          10 shared   03:29:47  no
          11 age      03:29:52  born 2026-11-23 02:44:02; no min_age
          12 in use   03:29:47  used by nothing that stays
          → nothing keeps it
        The next sweep removes it.
        To keep it:  reconciler hold i-41 'your reason'
        """).splitlines()
    )


def test_explain_what_is_kept() -> None:
    """A live machine, an adopted one, a copied tag: why it stays, and no threat."""
    plan = planned()
    (live,) = find(plan, "i-17")
    assert (
        explain_lines(plan, live, Prices())[0] == f"i-17 is kept: {LIVE} is live in generation 44."
    )
    assert "next sweep" not in "\n".join(explain_lines(plan, live, Prices()))
    adopted = [replace(one, tags={**one.tags, "deploy-hold": HELD_BY_ADOPTION}) for one in ALL[:1]]
    (verdict,) = find(planned(CLEAN, adopted), "i-17")
    assert explain_json(plan, verdict, Prices())["verdict"] == "keep"
    said = explain_lines(planned(CLEAN, adopted), verdict, Prices())
    assert [line for line in said if "adopted: no deploy created it  → kept: " in line]


def test_explain_says_what_would_change_it() -> None:
    """For every reason to keep a thing: the command, the time or the event that ends it."""
    held = [
        replace(one, tags={**one.tags, "deploy-hold": "evidence"}) if one.id == "i-41" else one
        for one in ALL
    ]
    worlds = [
        (planned(), "i-17", "a release or a rollback"),
        (planned(), "i-9", "retention"),
        (planned(EVIDENCE), "i-41", "kept until 2026-11-23 04:29:52 UTC"),
        (planned(CLEAN, held), "i-41", "reconciler unhold i-41"),
        (planned(problem="away"), "i-41", "being known again"),
    ]
    for plan, id_, words in worlds:
        [verdict] = find(plan, id_)
        assert words in explain_lines(plan, verdict, Prices())[-1]
        assert words in explain_json(plan, verdict, Prices())["would_change"]
    assert {*Role, *Reason} - set(_CHANGES) == {
        Reason.HELD,
        Reason.YOUNG,
        Role.KEPT,
        Reason.UNROOTED,
    }
    [unknown] = find(planned(problem="away"), "i-41")
    assert explain_json(planned(problem="away"), unknown, Prices())["answers"]["age"] == "unknown"


def test_explain_finds_by_name_and_by_deploy() -> None:
    """An id, a database's name, or everything of a deploy."""
    plan = planned()
    assert len(find(plan, str(DEAD))) == 6
    assert find(plan, ALL[-1].name)[0].resource.kind == DATABASE
    assert find(plan, "i-nope") == ()


def test_a_release_name_cannot_draw_on_the_terminal() -> None:
    """Tags are anybody's text."""
    evil = replace(ALL[0], tags={**ALL[0].tags, "deploy-release": "\x1b[2Jv1"})
    assert "\x1b" not in text(planned(CLEAN, [evil]))


@pytest.mark.parametrize("sign", ["\x9b2J", "\u202e"])
def test_a_label_cannot_draw_on_the_terminal(sign: str) -> None:
    """`explain` shows tags that anybody may write: no C1 control, no mark of direction."""
    evil = replace(ALL[0], tags={**ALL[0].tags, "deploy-state": sign, "deploy-release": sign})
    plan = planned(CLEAN, [evil])
    shown = "\n".join([*explain_lines(plan, find(plan, evil.id)[0], Prices()), text(plan)])
    assert sign[0] not in shown


# --- sweeps ---------------------------------------------------------------------------------------


def result(status: OutcomeStatus, note: str = "") -> SweepResult:
    """A sweep that met one thing."""
    before, clean = planned(), planned(CLEAN, [one for one in ALL if one.deploy != DEAD])
    resource = next(one for one in ALL if one.id == "i-41")
    left = clean if status is OutcomeStatus.GONE else before
    return SweepResult(before, left, (Outcome(resource, status, note),), ended=(DEAD,))


def test_a_sweep_that_cleaned() -> None:
    """What was done, and that nothing is left."""
    assert in_lines(result(OutcomeStatus.GONE), Prices()) == [
        f"Ended the lease of {DEAD}.",
        "Removed: 1 instance; saves $0.0278/h, $20.02 in 30 days.",
        "Clean.",
        "read all of 1 account, 1 region, 1 kind: 4 pages, 4 calls",
    ]


def test_a_sweep_that_could_not() -> None:
    """Nothing is called removed that is there; each thing left is listed with its reason."""
    lines = in_lines(result(OutcomeStatus.BLOCKED, "termination protection"), Prices())
    assert "Removed: nothing." in lines
    assert one_line(result(OutcomeStatus.BLOCKED, "termination protection").outcomes[0]) in lines
    assert "  snapshot          snap-41               pending" in lines
    assert "Clean." not in lines


def test_a_sweep_in_json() -> None:
    """The same, countable."""
    value = json.loads(json.dumps(as_json(result(OutcomeStatus.FAILED, "no"), Prices())))
    assert value["clean"] is False
    assert value["removed"] == {}
    assert {one["id"] for one in value["left"]} >= {"i-41", "snap-41"}
    assert value["outcomes"][0]["fate"] == "failed"


# --- breaker --------------------------------------------------------------------------------------


def many(number: int) -> Plan:
    """A plan that deletes the four counted things of so many dead deploys."""
    dead = [
        resource
        for n in range(number)
        for resource in resources(deploy(100 + n, "x9f4c"), "v0", Label.FAILED, 100 + n)
    ]
    kept = [one for one in ALL if one.deploy != DEAD]
    return planned(CLEAN, [*kept, *dead])


def test_the_breaker_lets_ordinary_dirt_pass() -> None:
    """One or two dead releases are what a sweep is for; disks are counted with their machine."""
    circuit_breaker.check(many(1), Cap())
    circuit_breaker.check(many(2), Cap())


def test_the_breaker_trips() -> None:
    """More than the cap is refused, with what, whose, and how to allow it."""
    with pytest.raises(Refused, match=r"12 of 20 resources of shop \(cap 10\)") as caught:
        circuit_breaker.check(many(3), Cap())
    assert "reconciler sweep --allow 12" in caught.value.cure


@pytest.mark.parametrize(("allow", "passes"), [(12, True), (11, False), (0, False)])
def test_allow_is_exact(allow: int, passes: bool) -> None:
    """What was allowed passes, one more does not; allow replaces the cap in both directions."""
    if passes:
        circuit_breaker.check(many(3), Cap(), allow)
        return
    with pytest.raises(Refused):
        circuit_breaker.check(many(3), Cap(), allow)


def test_a_large_service_may_lose_its_share() -> None:
    """The cap grows with what is owned."""
    assert Cap(10, 0.2).of(12) == 10
    assert Cap(10, 0.2).of(1000) == 200


# --- ledger ---------------------------------------------------------------------------------------


def test_a_ledger_in_lines_and_json() -> None:
    """Every entry once; no ledger has words too."""
    assert ledger_lines(NO_LEDGER) == ["no ledger"]
    lines = ledger_lines(replace(DIED, kept=EVIDENCE.kept))
    assert [one.split()[0] for one in lines] == ["generation", "live", "previous", "kept", "lease"]
    assert ledger_json(NO_LEDGER) == {}
    assert json.loads(json.dumps(ledger_json(DIED)))["lease"]["step"] == "migrate"


def test_a_machine_is_found_whatever_is_kept_of_it() -> None:
    """The world of these tests is sound: garbage is garbage for the reason it should be."""
    reasons = {one.reason for service_plan in planned().services for one in service_plan.verdicts}
    assert reasons == {Role.LIVE, Role.PREVIOUS, Reason.UNROOTED}
    assert sum(one.kind == INSTANCE for one in ALL) == 3


def test_explain_an_adopted_machine_that_is_previous() -> None:
    """A sweep forgets and leaves it: the command that ends it is said."""
    adopted = [
        replace(one, tags={**one.tags, "deploy-hold": HELD_BY_ADOPTION})
        if one.deploy == OLD and one.kind == INSTANCE
        else one
        for one in ALL
    ]
    machine = next(one for one in adopted if one.deploy == OLD and one.kind == INSTANCE)
    plan = planned(CLEAN, adopted)
    (verdict,) = find(plan, machine.id)
    last = explain_lines(plan, verdict, Prices())[-1]
    assert "then removes it" not in last
    assert f"deployer retire {OLD}" in last

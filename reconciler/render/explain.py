"""Why one thing is kept or collected: each question the rules ask, and its answer. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler import birth, costs
from reconciler import tags as t
from reconciler.plan import Plan, ServicePlan
from reconciler.render import words
from reconciler.render.plan_text import verdict_json
from reconciler.verdict import Verdict


def find(plan: Plan, id_: str) -> tuple[Verdict, ...]:
    """The verdicts on the thing of that id or name, or on all things of that deploy."""
    every = [one for todo in plan.services for one in todo.verdicts] + list(plan.strangers)
    return tuple(
        one for one in every if id_ in (one.thing.id, one.thing.name, str(one.thing.deploy))
    )


def explain_lines(plan: Plan, verdict: Verdict) -> list[str]:
    """What it is, why, and what the next sweep does about it."""
    thing = verdict.thing
    fate = "is garbage" if verdict.collect else "is kept"
    rows = [f"  {name:<11} {text}" for name, text in _answers(plan, verdict)]
    lines = [f"{thing.id} {fate}: {words.one_line(verdict.text)}.", *rows]
    if verdict.collect:
        price = costs.price(thing)
        cost = f" It costs {price}." if price else ""
        lines.append(f"The next sweep removes it.{cost}")
        lines.append(f"To keep it:  reconciler hold {thing.id} 'your reason'")
    return lines


def _answers(plan: Plan, verdict: Verdict) -> Iterator[tuple[str, str]]:
    thing, todo = verdict.thing, _todo(plan, verdict)
    yield "what", " ".join(filter(None, (thing.kind, thing.type, thing.state, str(thing.place))))
    yield "deploy", str(thing.deploy) if thing.deploy else "its deploy-id does not parse"
    if todo is not None:
        yield "birth", _birth(plan, verdict, todo) or "proved"
        yield "rooted", _rooted(verdict, todo)
        record = ", ".join(todo.root.record) or "nothing"
        yield "record", f"says {record}"
    yield "label", thing.tags.get(t.STATE, "none")
    yield "hold", words.one_line(thing.hold) or "none"
    yield "in use by", ", ".join(thing.used_by) or "nothing"


def _todo(plan: Plan, verdict: Verdict) -> ServicePlan | None:
    return next((one for one in plan.services if verdict in one.verdicts), None)


def _birth(plan: Plan, verdict: Verdict, todo: ServicePlan) -> str:
    thing = verdict.thing
    if thing.hold == t.HELD_BY_ADOPTION:
        return "adopted: no deploy created it"
    if thing.kind not in birth.KINDS:
        return "no kind of ours"
    things = birth.index(plan.inventory.resources, thing.place)
    return birth.doubt(thing, todo.root.home, things)


def _rooted(verdict: Verdict, todo: ServicePlan) -> str:
    ledger = todo.root.ledger
    yes = verdict.thing.deploy in ledger.rooted
    return f"{'yes' if yes else 'no'}, in generation {ledger.gen} at {todo.root.now:%H:%M:%S} UTC"


def explain_json(plan: Plan, verdict: Verdict) -> dict[str, Any]:
    """The same as an object."""
    return {**verdict_json(verdict), "answers": dict(_answers(plan, verdict))}

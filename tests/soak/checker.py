"""Whether what was seen is what was promised: pure, and asked by a test whether it can say no."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from reconciler.exit_codes import Exit
from tests.soak.evidence import Evidence, Played, Rest, Switch

CODES = {*Exit, 128 + signal.SIGTERM}

SHOWN = 5
"""So many of a kind are named."""


def problems(seen: Evidence) -> list[str]:
    """What does not hold, a line each; none where everything does."""
    return [
        *_clients(seen),
        *_orders(seen),
        *(line for one in seen.acts for line in _act(one)),
        *_rest(seen.rest),
    ]


def given_up(seen: Evidence) -> frozenset[str]:
    """The orders that somebody gave up in words: a rollback's, in the newer database alone."""
    backs = (one for one in seen.switches if one.back)
    return frozenset().union(*((one.before or set()) - (one.after or set()) for one in backs))


def _clients(seen: Evidence) -> Iterator[str]:
    if not seen.asked or not seen.acknowledged:
        yield "the witness saw nothing: no question or no order was answered"
    if seen.failures:
        yield f"{len(seen.failures)} of {seen.asked} questions were not answered: " + _some(
            seen.failures
        )


def _orders(seen: Evidence) -> Iterator[str]:
    for one in seen.switches:
        yield from _switch(one)
    lost = seen.acknowledged - seen.rest.orders - given_up(seen)
    if lost:
        yield f"{len(lost)} acknowledged orders are not in {seen.rest.live}: {_some(sorted(lost))}"


def _switch(one: Switch) -> Iterator[str]:
    """A release loses nothing that its predecessor's database holds."""
    where = f"{one.was} → {one.now} at {one.at:.0f} s"
    if one.before is None or one.after is None:
        yield f"{where}: a database of the two could not be read"
    elif not one.back and (lost := (one.before & one.acknowledged) - one.after):
        yield f"{where}: {len(lost)} acknowledged orders were not copied: {_some(sorted(lost))}"


def _act(one: Played) -> Iterator[str]:
    """Every command ends, by itself or by our signal, with a code that is documented."""
    where = f"{one.actor} at {one.began:.0f} s, `{one.what}`"
    if one.hung:
        yield f"{where} did not end: {one.said}"
    elif one.code >= 0 and one.code not in CODES:
        yield f"{where} ended with {one.code}, which is no exit code of ours: {one.said}"
    elif "Traceback" in one.said or "this is a bug" in one.said:
        yield f"{where} broke: {one.said}"


def _rest(rest: Rest) -> Iterator[str]:
    if rest.sweeps[-1:] != (Exit.DONE,):
        yield f"sweeps ended with {', '.join(map(str, rest.sweeps))}, the last of them not with 0"
    if rest.plan != Exit.DONE:
        yield f"after them a plan is not empty (exit {rest.plan}): {rest.planned}"
    if "lease=" in rest.ledger:
        yield f"a lease is left in the ledger: {rest.ledger}"
    for kind, ids in sorted(rest.unrooted.items()):
        yield f"{len(ids)} of {kind} is left that the ledger does not root: {_some(sorted(ids))}"
    yield from (f"a rooted thing is missing: {one}" for one in rest.missing)
    if rest.writable != (rest.live,):
        yield f"{rest.live} alone should take writes: {', '.join(rest.writable) or 'none'} does"


def _some(ids: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return ", ".join(ids[:SHOWN]) + more

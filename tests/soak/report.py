"""What happened, for whoever has to find out why something did not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.soak.checker import given_up
from tests.soak.evidence import Evidence, Played


def summary(seen: Evidence) -> str:
    """A run in a few lines."""
    codes = Counter((one.what.split()[1], one.code) for one in seen.acts)
    ends = ", ".join(f"{what} {code}: {count}" for (what, code), count in sorted(codes.items()))
    backs = sum(one.back for one in seen.switches)
    lines = (
        f"questions     {seen.asked}, not answered: {len(seen.failures)}",
        f"orders        {len(seen.acknowledged)} acknowledged, {seen.refused} refused",
        f"              {len(given_up(seen))} given up by a rollback",
        f"live changed  {len(seen.switches)} times, {backs} of them back",
        f"faults        {', '.join(f'{count} {kind}' for kind, count in seen.faults.items())}",
        f"acts          {len(seen.acts)}: by command, exit code (-9: killed): {ends}",
        f"last sweeps   exit {', '.join(map(str, seen.rest.sweeps))}, a plan {seen.rest.plan}",
    )
    return "\n".join(lines)


def story(seen: Evidence) -> str:
    """Every act and every ledger that was seen, in order of time."""
    moments = [(one.began, _act(one)) for one in seen.acts]
    moments += [
        (one.at, f"{one.at:7.1f}          ledger      {one.ledger}") for one in seen.ledgers
    ]
    return "\n".join(line for _, line in sorted(moments))


def _act(one: Played) -> str:
    head = f"{one.began:7.1f} {one.ended:7.1f}  {one.actor}: {one.what}: exit {one.code}"
    return "\n".join((head, *_said(one)))


def _said(one: Played) -> Iterator[str]:
    if one.code > 0:
        for line in one.said.splitlines():
            yield f"                    | {line[:200]}"

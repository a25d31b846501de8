"""`make model`: both models as far as the larger bounds, each with the number of its states.

    python -m tests.model [NAME...]     only the scenarios whose name has one of these words in it

Exits with 1 and the shortest trace where something is broken.
"""

from __future__ import annotations

import sys

from tests.model.bounds import DATABASES, LEDGER_HEAP, Bound, explored

MODELS = {"ledger and heap": LEDGER_HEAP, "databases": DATABASES}


def main(words: list[str]) -> int:
    """Explore, print, judge."""
    broken, states = 0, 0
    for title, bounds in MODELS.items():
        sys.stdout.write(f"{title}\n")
        for bound in (one for one in bounds if _named(one, words)):
            report = explored(bound.scenario, bound.model)
            sys.stdout.write(f"  {bound.scenario.name}: {report}\n")
            sys.stdout.flush()
            broken += bool(report.complaint)
            states += report.states
    sys.stdout.write(f"{states:,} states in all, {broken} scenarios broken\n")
    return 1 if broken else 0


def _named(bound: Bound, words: list[str]) -> bool:
    return not words or any(word in bound.scenario.name for word in words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

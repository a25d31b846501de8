"""Where another emulator is known to differ from AWS's documentation: one list, by rule. Pure.

The contract follows the documentation. What an emulator does otherwise is expected of it here, by
name, so that the run stays green for what is known; anything else it does otherwise is red, and so
is a rule of this list that it obeys after all: then the line goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SCOPE: Mapping[str, tuple[str, ...]] = {
    "Route 53: records": ("test_dns_records.py",),
    "Route 53: swaps": ("test_dns_swap.py",),
    "Route 53: zones and lists": ("test_dns_zones.py",),
    "S3: conditional writes": ("test_s3_conditions.py",),
    "S3: buckets": ("test_s3_buckets.py",),
    "STS: who one is": ("test_sts.py",),
}
"""What is asked of a second opinion. Its EC2 is unfit: unknown filters return everything."""


@dataclass(frozen=True)
class Deviation:
    """`rule` is a test (`file::name`, without parameters unless only some differ).

    `documented` is what AWS says, `source` where, `does` what the emulator does instead.
    """

    rule: str
    documented: str
    source: str
    does: str


@dataclass(frozen=True)
class Outcome:
    """How one rule went: one of the words below."""

    rule: str
    word: str


AGREES = "agrees"
KNOWN = "known deviation"
NEW = "NEW DEVIATION"
HEALED = "AGREES AFTER ALL"
SKIPPED = "not asked"
RED = frozenset({NEW, HEALED})


def known(rule: str, deviations: Iterable[Deviation]) -> Deviation | None:
    """The deviation listed for a rule, or for all parameters of it."""
    bare = rule.partition("[")[0]
    return next((one for one in deviations if one.rule in (rule, bare)), None)


def verdict(rule: str, passed: bool, deviations: Iterable[Deviation]) -> Outcome:
    """What a rule's test says about the emulator."""
    expected = known(rule, deviations) is not None
    if passed:
        return Outcome(rule, HEALED if expected else AGREES)
    return Outcome(rule, KNOWN if expected else NEW)


_STATES = "Step Functions guide, Handling errors"
_OF_A_RUN = (
    (
        "a task whose function is throttled fails with `Lambda.TooManyRequestsException`",
        _STATES,
        "`Lambda.Unknown`, as of a function that died",
        "puts it right",
    ),
    (
        "a retry keeps `MaxDelaySeconds` and `JitterStrategy`",
        _STATES,
        "knows neither",
        "puts it right",
    ),
    (
        "an exception of a function is named by its class (`OutOfTime`)",
        _STATES,
        "`Runtime.HandlerError`",
        "nothing: no scope of it takes fifteen minutes",
    ),
    (
        "a process of a function that cannot begin ends alone",
        "Lambda guide, Execution environment",
        "ends every other process of the function, and where many begin, for ever",
        "puts it right",
    ),
    (
        "a Distributed Map writes its results (`ResultWriter`)",
        "Step Functions guide, ResultWriter",
        "ignores it",
        "each function writes its own result anyway",
    ),
    (
        "events of other accounts come over their buses",
        "EventBridge guide, Sending events between accounts",
        "keeps to one account",
        "sends the event in the hub's account",
    ),
    (
        "EC2 sends events of its machines",
        "EC2 guide, Monitoring with EventBridge",
        "sends none",
        "asks the rule about AWS's examples; sends one through a copy of the rule",
    ),
    (
        "EC2 refuses what is beyond its token buckets",
        "EC2 API, Request throttling",
        "never refuses",
        "refuses every 20th Describe in the first run",
    ),
)
IN_A_RUN = (
    "",
    "## Where it differs in a run of many scopes",
    "",
    "`make scale` deploys the templates of `config/aws` to it.",
    "",
    "| AWS | source | it | what `make scale` does |",
    "|---|---|---|---|",
    *(f"| {' | '.join(row)} |" for row in _OF_A_RUN),
)
"""What `tests/scale` found; it is no rule of the contract."""


def page(name: str, outcomes: Iterable[Outcome], deviations: Iterable[Deviation]) -> str:
    """docs/second-opinion.md."""
    outcomes = tuple(sorted(outcomes, key=lambda one: one.rule))
    listed = [one for one in deviations if any(known(o.rule, [one]) for o in outcomes)]
    parts = (*_head(name), *_counts(outcomes), *_table(listed), *IN_A_RUN, *_reds(outcomes))
    return "\n".join(parts) + "\n"


def _head(name: str) -> list[str]:
    return [
        "# A second opinion",
        "",
        "Made by `make second-opinion`; do not edit. The rules of AWS that we rely on",
        f"(`tests/contract`) were run against {name}, which shares no code with the sandbox.",
        "Where it differs from AWS's documentation the tests follow the documentation, and the",
        "difference is listed in `tests/contract/known.py`. A difference that is not listed, or",
        "one that is gone, makes the run red.",
        "",
    ]


def _counts(outcomes: Iterable[Outcome]) -> list[str]:
    lines = ["| rules | asked | agrees | known deviation | red |", "|---|---|---|---|---|"]
    for title, files in SCOPE.items():
        words = Counter(one.word for one in outcomes if one.rule.partition("::")[0] in files)
        red = sum(words[word] for word in RED)
        asked = words.total() - words[SKIPPED]
        lines.append(f"| {title} | {asked} | {words[AGREES]} | {words[KNOWN]} | {red} |")
    return [*lines, ""]


def _table(deviations: Iterable[Deviation]) -> list[str]:
    lines = ["## Where it differs", ""]
    lines += ["| rule | AWS's documentation | source | it |", "|---|---|---|---|"]
    for one in deviations:
        lines.append(f"| `{one.rule}` | {one.documented} | {one.source} | {one.does} |")
    return lines


def _reds(outcomes: Iterable[Outcome]) -> list[str]:
    red = [f"- {one.word}: `{one.rule}`" for one in outcomes if one.word in RED]
    return ["", "## Red", "", *red] if red else []

"""How another emulator's answers are judged: what is known is expected, all else is red."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.known import KNOWN_DEVIATIONS
from tests.contract.opinion_plugin import Opinion
from tests.contract.opinions import AGREES, HEALED, KNOWN, NEW, Deviation, Outcome, page, verdict

pytest_plugins = ["pytester"]

FILE = "test_sts.py"
LISTED = Deviation(f"{FILE}::test_a", "says a", "API Reference", "does b")


@pytest.mark.parametrize(
    ("rule", "passed", "word"),
    [
        (f"{FILE}::test_a", False, KNOWN),
        (f"{FILE}::test_a[one]", False, KNOWN),
        (f"{FILE}::test_a", True, HEALED),
        (f"{FILE}::test_b", True, AGREES),
        (f"{FILE}::test_b", False, NEW),
        (f"{FILE}::test_ab", False, NEW),
    ],
)
def test_a_rule_is_judged_by_what_is_known(rule: str, passed: bool, word: str) -> None:
    """Known and broken is expected; unknown and broken, or known and obeyed, is red."""
    assert verdict(rule, passed, [LISTED]) == Outcome(rule, word)


def test_the_page_names_rule_source_and_difference() -> None:
    """A reader sees what AWS says, where, and what the emulator does instead; and what is red."""
    outcomes = [Outcome(f"{FILE}::test_a", KNOWN), Outcome(f"{FILE}::test_b", NEW)]
    text = page("other 1.0", outcomes, [LISTED])
    assert f"| `{LISTED.rule}` | says a | API Reference | does b |" in text
    assert "| STS: who one is | 2 | 0 | 1 | 1 |" in text
    assert f"- NEW DEVIATION: `{FILE}::test_b`" in text


def run(pytester: pytest.Pytester, tmp_path: Path, code: str) -> tuple[int, str]:
    """Exit code and page of a run of these rules, judged by the one deviation listed."""
    pytester.makepyfile(**{FILE.removesuffix(".py"): code})
    to = tmp_path / "page"
    opinion = Opinion("other", to, (LISTED,))
    result = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cov", plugins=[opinion])
    return int(result.ret), to.read_text(encoding="utf-8")


GOOD = "def test_b(): pass\n"


def test_a_known_deviation_leaves_the_run_green(pytester: pytest.Pytester, tmp_path: Path) -> None:
    """What is listed is expected to fail."""
    code, text = run(pytester, tmp_path, GOOD + "def test_a(): assert False\n")
    assert code == 0
    assert "## Red" not in text


def test_an_unlisted_deviation_is_red(pytester: pytest.Pytester, tmp_path: Path) -> None:
    """What is not listed fails the run."""
    code, text = run(pytester, tmp_path, "def test_a(): assert False\ndef test_b(): assert False\n")
    assert code == 1
    assert f"NEW DEVIATION: `{FILE}::test_b`" in text


def test_an_agreement_that_is_listed_as_deviation_is_red(
    pytester: pytest.Pytester, tmp_path: Path
) -> None:
    """Else the list would outlive what it says."""
    code, text = run(pytester, tmp_path, GOOD + "def test_a(): pass\n")
    assert code == 1
    assert f"AGREES AFTER ALL: `{FILE}::test_a`" in text


def test_the_page_in_the_docs_is_of_the_list_in_the_tests() -> None:
    """docs/second-opinion.md was made after the list was last changed."""
    made = (Path(__file__).parents[2] / "docs" / "second-opinion.md").read_text(encoding="utf-8")
    missing = [one.rule for one in KNOWN_DEVIATIONS["ministack"] if f"`{one.rule}`" not in made]
    assert missing == []

"""A command that is refused says what helps: it is pasted as it stands, then `status` is asked.

The states are those of `night_states`, in which `test_night` pastes what `status` offers; here the
first thing that changes anything is pasted of what other commands offer. What is offered in words
only, or to look or to wait, is left out; `tests/test_cures.py` parses each of those.
"""

from __future__ import annotations

import re

import pytest

from deployer.sandbox.control.client import Sandbox
from reconciler.exit_codes import Exit
from tests.crash.invariants import Shop
from tests.e2e.night_states import STATES, begin
from tests.e2e.test_night import gist, pasted
from tests.support.company import Done

FROZEN, OVER = "killed in migrate, live shut", "the same, its lease is over"
LEFT, PAUSED = "leftovers, the lease is over", "paused by somebody"
UNREADABLE, GONE, MOVED = "ledger unreadable", "ledger gone", "record moved by hand"
CASES = (
    (FROZEN, "up shop"),
    (FROZEN, "rollback shop"),
    (FROZEN, "thaw shop"),
    (FROZEN, "pause shop --for 1h --reason x"),
    (OVER, "up shop"),
    (LEFT, "up shop"),
    (PAUSED, "up shop"),
    (UNREADABLE, "up shop"),
    (UNREADABLE, "rollback shop"),
    (UNREADABLE, "history shop"),
    (GONE, "up shop"),
    (GONE, "thaw shop"),
    (MOVED, "up shop"),
    ("released, one to go back to", "rollback shop"),
)
_OFFER = re.compile(r"^ *(.*?)(?:^| {2,})((?:deployer|reconciler|make) [^\n]+)$", re.MULTILINE)
_LOOKS = re.compile(
    r"(?:deployer|reconciler) (?:status|history|plan|report|explain|doctor|policy)\b"
)
_LATER = re.compile(r"Once |To wait ")


def helps(done: Done) -> str:
    """The first command that it offers which changes anything at once; '' if it offers none."""
    found = _OFFER.findall(f"{done.out}\n{done.err}")
    now = (line.strip() for why, line in found if not _LATER.match(why))
    return next((line for line in now if not _LOOKS.match(line)), "")


@pytest.mark.parametrize(("name", "words"), CASES, ids=[f"{n}: {w}" for n, w in CASES])
def test_what_a_refusal_offers_helps(sandbox: Sandbox, name: str, words: str) -> None:
    """Afterwards `status` exits 0, or names another cause; the pasted command does not fail."""
    shop, state = Shop(sandbox), STATES[name]
    begin(shop)
    state.bring(shop)
    before = shop.run("deployer", "status", "shop")
    refused = shop.deployer(*words.split())
    assert refused.code not in (Exit.DONE, Exit.FAILED), refused
    line = helps(refused)
    assert line, refused
    done = pasted(shop, state, line)
    assert done.code == Exit.DONE, (line, done)
    after = shop.run("deployer", "status", "shop")
    assert after.code == 0 or gist("status", after) != gist("status", before), (line, after)
    assert "shop" in shop.databases()

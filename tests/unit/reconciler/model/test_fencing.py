"""The fence: a thing obeys nobody older than whom it has obeyed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import StaleAct
from reconciler.model.fencing import NEVER, Decision, admit, decide, obey


@pytest.mark.parametrize(
    ("seen", "generation", "expected"),
    [
        (NEVER, 1, Decision.OBEY),
        (41, 42, Decision.OBEY),
        (41, 41, Decision.AGAIN),
        (41, 40, Decision.STALE),
    ],
)
def test_decision(seen: int, generation: int, expected: Decision) -> None:
    """Newer is obeyed, the same again is harmless, older is refused."""
    assert expected is decide(seen, generation)


def test_refusal_names_both() -> None:
    """The refusal names the thing, the late generation and the one that stands."""
    with pytest.raises(StaleAct, match=r"shop refused .* generation 3: it has obeyed 7"):
        admit(7, 3, "database shop")


@given(st.lists(st.integers(min_value=1, max_value=99)))
def test_the_fence_never_falls(generations: list[int]) -> None:
    """Whatever arrives in whatever order, the fence ends at the highest that arrived."""
    seen = NEVER
    for generation in generations:
        if obey(seen, generation):
            seen = admit(seen, generation, "it")
    assert max([NEVER, *generations]) == seen

"""Tables in a terminal of any width: columns go before a figure is broken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.cost.audit import report
from reconciler.cost.price_list import Prices
from reconciler.output.audit.fitted import fitted
from reconciler.output.audit.table import table
from tests.support.shop_world import ALL, CLEAN, planned

ROWS = (("name", "note", "size", "$"), ("a", "x" * 30, "12", "9,999.00"))
AUDIT = report(
    planned(CLEAN, [replace(one, type="x9.huge") if one.id == "i-9" else one for one in ALL]),
    Prices(),
)


def test_the_least_important_columns_go_first() -> None:
    """As many as needed; figures stay at the right."""
    assert fitted(ROWS, (2, 3), (1, 2), 30) == ["name  size         $", "a       12  9,999.00"]
    assert fitted(ROWS, (2, 3), (1, 2), 18) == ["name         $", "a     9,999.00"]
    assert len(fitted(ROWS, (2, 3), (1, 2), None)[1]) > 30
    assert fitted(ROWS, (2, 3), (1, 2), 80) == fitted(ROWS, (2, 3))


@pytest.mark.parametrize("width", [80, 100, 120, None])
def test_the_table_of_deploys_fits_a_terminal(width: int | None) -> None:
    """Whatever is left out, dollars a month and so far are there, and what is not known is said."""
    lines = table(AUDIT, width=width).split("\n\n")[0].splitlines()
    assert max(map(len, lines)) <= (width or 1000)
    assert "$/month" in lines[0]
    assert "so far" in lines[0]
    assert any("unknown (≥ 4.70)" in line for line in lines)
    assert ("other" in lines[0]) == (width in (120, None))

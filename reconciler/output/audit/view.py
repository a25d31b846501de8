"""How the audit is to be seen: by what it is summed up, and how many rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.cost.audit import Report
from reconciler.cost.grouping import CostGroup, groups, items_of


@dataclass(frozen=True)
class View:
    """`by`: one of the grouping's keys, '' for the deploys in their order; `top`: the dearest."""

    by: str = ""
    top: int | None = None

    def groups(self, report: Report) -> Sequence[CostGroup]:
        """The sums that it shows, dearest first."""
        return groups(items_of(report), self.by, self.top)


ALL = View()

"""The desired state of a deploy's things, a function of its role in the ledger.

Everything the sweep does drives the cloud towards this, and `up`, `rollback` and `abort` after
their swap do nothing but the same for one deploy, at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.gc.verdict import Reason
from reconciler.model.tags import Label


@dataclass(frozen=True)
class Desired:
    """What a deploy's machines, database and label should be. None: the holder's business."""

    label: Label
    app: bool | None
    jobs: bool | None
    writable: bool | None


DESIRED: Mapping[Reason, Desired] = {
    Reason.LIVE: Desired(Label.LIVE, app=True, jobs=True, writable=True),
    Reason.PREVIOUS: Desired(Label.RETIRED, app=True, jobs=False, writable=False),
    Reason.KEPT: Desired(Label.FAILED, app=False, jobs=False, writable=None),
    Reason.LEASE: Desired(Label.PENDING, app=None, jobs=None, writable=None),
}
"""By role. Jobs run on the live deploy only; labels are written last."""

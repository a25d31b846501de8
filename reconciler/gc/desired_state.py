"""The desired state of a deploy's resources, a function of its role in the ledger.

The sweep drives the cloud towards this state. `up`, `rollback` and `abort`, after their swap, do
the same for one deploy, immediately.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.gc.verdict import Role
from reconciler.model.tags import Label


@dataclass(frozen=True)
class Desired:
    """The desired state of a deploy's machines, database and label. None: the holder decides."""

    label: Label
    app: bool | None
    jobs: bool | None
    writable: bool | None


DESIRED: Mapping[Role, Desired] = {
    Role.LIVE: Desired(Label.LIVE, app=True, jobs=True, writable=True),
    Role.PREVIOUS: Desired(Label.RETIRED, app=True, jobs=False, writable=False),
    Role.KEPT: Desired(Label.FAILED, app=False, jobs=False, writable=None),
    Role.LEASE: Desired(Label.PENDING, app=None, jobs=None, writable=None),
    Role.LEFT: Desired(Label.LIVE, app=None, jobs=None, writable=None),
}
"""By role. Jobs run only on the live deploy; labels are written last.

Of what left nothing is changed by a sweep: `deployer leave` alone takes our tags off.
"""

HANDS_OFF = frozenset({None, Role.LEASE, Role.LEFT})
"""The roles of which a sweep changes nothing."""

"""RDS with AWS's behaviour where a clean-up depends on it, on top of moto's.

Sources: DeleteDBInstance (a final snapshot or SkipFinalSnapshot; deletion protection; `deleting`
for a while), CopyDBSnapshot (SourceDBSnapshotIdentifier), DescribeDBInstances and
DescribeDBSnapshots (20 to 100 a page, Marker).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from moto.core.responses import ActionResult
from moto.rds.exceptions import RDSClientError
from moto.rds.responses import RDSResponse

from deployer.sandbox.aws.state import cloud as clouds

LOWEST, HIGHEST = 20, 100


class StrictRds(RDSResponse):
    """moto's RDS with its lists and deletions replaced."""

    def describe_db_instances(self) -> ActionResult:
        """In pages, including instances that are being deleted."""
        self._bury()
        answer: Any = super().describe_db_instances()
        return self._page(
            "DBInstances", answer.result["DBInstances"], lambda one: one.db_instance_identifier
        )

    def describe_db_snapshots(self) -> ActionResult:
        """In pages."""
        answer: Any = super().describe_db_snapshots()
        return self._page(
            "DBSnapshots", answer.result["DBSnapshots"], lambda one: one.db_snapshot_identifier
        )

    def delete_db_instance(self) -> ActionResult:
        """The instance is `deleting` for a while; a final snapshot is made only on request."""
        self._bury()
        name = str(self.params.get("DBInstanceIdentifier"))
        final = self.params.get("FinalDBSnapshotIdentifier")
        skip = bool(self.params.get("SkipFinalSnapshot"))
        if skip == bool(final):
            text = "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
            raise RDSClientError("InvalidParameterCombination", text)
        known = self.backend.databases.get(name)
        if known is not None and known.status == "deleting":
            text = f"Instance {name} is already being deleted."
            raise RDSClientError("InvalidDBInstanceState", text)
        answer: Any = super().delete_db_instance()
        dying: Any = answer.result["DBInstance"]
        dying.gone_at = time.monotonic() + clouds.current().options.rds_deleting
        self.backend.databases[name] = dying
        return ActionResult(answer.result)

    def copy_db_snapshot(self) -> ActionResult:
        """The copy names its source."""
        source = str(self.params.get("SourceDBSnapshotIdentifier"))
        answer: Any = super().copy_db_snapshot()
        found = self.backend.database_snapshots.get(source.rpartition(":")[2])
        made: Any = answer.result["DBSnapshot"]
        made.source_db_snapshot_identifier = found.arn if found is not None else source
        return ActionResult(answer.result)

    def _bury(self) -> None:
        databases: Any = self.backend.databases
        now = time.monotonic()
        for name, one in list(databases.items()):
            if getattr(one, "gone_at", now + 1) <= now:
                databases.pop(name)

    def _page(self, field: str, things: Iterable[Any], key: Callable[[Any], str]) -> ActionResult:
        size = int(self.params.get("MaxRecords") or HIGHEST)
        if not LOWEST <= size <= HIGHEST:
            text = f"Invalid value {size} for MaxRecords. Must be between {LOWEST} and {HIGHEST}"
            raise RDSClientError("InvalidParameterValue", text)
        after = str(self.params.get("Marker") or "")
        rest = sorted((one for one in things if key(one) > after), key=key)
        result: dict[str, Any] = {field: rest[:size]}
        if len(rest) > size:
            result["Marker"] = key(rest[size - 1])
        return ActionResult(result)

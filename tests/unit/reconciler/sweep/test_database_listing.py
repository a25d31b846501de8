"""No databases, and databases that could not be listed, are not the same (rule 6)."""

from __future__ import annotations

from reconciler.errors import DatabaseError
from reconciler.model.coverage import ReadStatus
from reconciler.model.resource import DATABASE
from reconciler.sweep.database_listing import DatabaseReadings, list_databases
from tests.fakes.scene import Scene


def test_a_service_without_a_database_has_no_gap(scene: Scene) -> None:
    """Nothing is missing, and no row of the coverage speaks of a server."""
    scene.reach.server = None
    assert list_databases(scene.managed) == DatabaseReadings()


def test_a_server_that_does_not_answer_is_a_gap(scene: Scene) -> None:
    """Its databases are unknown, whatever is configured."""
    scene.reach.server_down = DatabaseError("connection refused")
    found = list_databases(scene.managed)
    assert found.gap is not None
    assert found.gap.kind == DATABASE
    assert found.row is not None
    assert found.row.status is ReadStatus.FAILED

"""RDS instances and snapshots. Sources: the API Reference's pages named; aws.md §8.

Not asked of a real account: an instance takes minutes to come and costs more than all the rest.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import PROFILE, World
from tests.contract.helpers import as_dict, eventually, refused

pytestmark = pytest.mark.skipif(bool(PROFILE), reason="costs more than all the other rules")

SIZE: dict[str, Any] = {"Engine": "postgres", "DBInstanceClass": "db.t3.micro"}
SIZE |= {"AllocatedStorage": 20, "MasterUsername": "shop", "MasterUserPassword": "correct-horse"}


@pytest.fixture
def rds(world: World) -> Any:
    """An RDS client."""
    return world.client("rds")


def make(rds: Any, name: str, **more: Any) -> Any:
    """A new instance; its tags are `deploy-id: one`."""
    tags = [{"Key": "deploy-id", "Value": "one"}]
    asked = {**SIZE, "Tags": tags, **more}
    return rds.create_db_instance(DBInstanceIdentifier=name, **asked)["DBInstance"]


def names(rds: Any) -> list[str]:
    """Identifiers of the instances that are listed."""
    return [one["DBInstanceIdentifier"] for one in rds.describe_db_instances()["DBInstances"]]


def test_tags_are_listed_with_the_thing(rds: Any) -> None:
    """DescribeDBInstances and DescribeDBSnapshots give TagList."""
    make(rds, "one")
    rds.create_db_snapshot(
        DBInstanceIdentifier="one",
        DBSnapshotIdentifier="shot",
        Tags=[{"Key": "deploy-id", "Value": "two"}],
    )
    (instance,) = rds.describe_db_instances()["DBInstances"]
    listed = rds.describe_db_snapshots()["DBSnapshots"]
    snapshot = next(one for one in listed if one["DBSnapshotIdentifier"] == "shot")
    assert as_dict(instance["TagList"]) == {"deploy-id": "one"}
    assert as_dict(snapshot["TagList"]) == {"deploy-id": "two"}
    assert instance["DBInstanceArn"].split(":", 5)[-1] == "db:one"
    assert snapshot["DBSnapshotArn"].split(":", 5)[-1] == "snapshot:shot"
    assert snapshot["SnapshotType"] == "manual"


def test_a_deletion_says_what_becomes_of_the_data(rds: Any) -> None:
    """Without SkipFinalSnapshot a final snapshot must be named (DeleteDBInstance)."""
    make(rds, "one")
    with refused("InvalidParameterCombination"):
        rds.delete_db_instance(DBInstanceIdentifier="one")
    assert names(rds) == ["one"]


def test_a_deleted_instance_is_listed_for_a_while(rds: Any) -> None:
    """`deleting` until it is gone; asked for again it is InvalidDBInstanceState."""
    make(rds, "one")
    rds.delete_db_instance(DBInstanceIdentifier="one", SkipFinalSnapshot=True)
    (shown,) = rds.describe_db_instances()["DBInstances"]
    assert shown["DBInstanceStatus"] == "deleting"
    with refused("InvalidDBInstanceState"):
        rds.delete_db_instance(DBInstanceIdentifier="one", SkipFinalSnapshot=True)
    eventually(lambda: names(rds) == [])
    with refused("DBInstanceNotFound", "DBInstanceNotFoundFault"):
        rds.delete_db_instance(DBInstanceIdentifier="one", SkipFinalSnapshot=True)


def test_deletion_protection_refuses(rds: Any) -> None:
    """InvalidParameterCombination while DeletionProtection is on (DeleteDBInstance)."""
    make(rds, "one", DeletionProtection=True)
    with refused("InvalidParameterCombination"):
        rds.delete_db_instance(DBInstanceIdentifier="one", SkipFinalSnapshot=True)
    assert rds.describe_db_instances()["DBInstances"][0]["DeletionProtection"] is True


def test_a_restore_inherits_tags_unless_given_some(rds: Any) -> None:
    """Without new tags it "looks for the tags from the source" (DBSnapshot, CopyTagsToSnapshot)."""
    make(rds, "one")
    rds.create_db_snapshot(DBInstanceIdentifier="one", DBSnapshotIdentifier="shot")
    restore = rds.restore_db_instance_from_db_snapshot
    restore(DBInstanceIdentifier="bare", DBSnapshotIdentifier="shot")
    new = [{"Key": "deploy-id", "Value": "two"}]
    restore(DBInstanceIdentifier="own", DBSnapshotIdentifier="shot", Tags=new)
    tags = {
        one["DBInstanceIdentifier"]: as_dict(one["TagList"])
        for one in rds.describe_db_instances()["DBInstances"]
    }
    assert tags["bare"] == {"deploy-id": "one"}
    assert tags["own"] == {"deploy-id": "two"}


def test_an_identifier_is_taken(rds: Any) -> None:
    """DBInstanceAlreadyExists: what proves the birth of an instance (CreateDBInstance)."""
    make(rds, "one")
    with refused("DBInstanceAlreadyExists"):
        make(rds, "one")


def test_a_copy_of_a_snapshot_names_its_source(rds: Any) -> None:
    """SourceDBSnapshotIdentifier, and tags with CopyTags (CopyDBSnapshot)."""
    make(rds, "one")
    tags = [{"Key": "deploy-id", "Value": "one"}]
    rds.create_db_snapshot(DBInstanceIdentifier="one", DBSnapshotIdentifier="shot", Tags=tags)
    rds.copy_db_snapshot(
        SourceDBSnapshotIdentifier="shot", TargetDBSnapshotIdentifier="copy", CopyTags=True
    )
    listed = rds.describe_db_snapshots()["DBSnapshots"]
    shown = {one["DBSnapshotIdentifier"]: one for one in listed}
    assert shown["copy"]["SourceDBSnapshotIdentifier"].endswith(":snapshot:shot")
    assert not shown["shot"].get("SourceDBSnapshotIdentifier")
    assert as_dict(shown["copy"]["TagList"]) == {"deploy-id": "one"}


def test_labels_are_written_by_arn(rds: Any) -> None:
    """AddTagsToResource replaces the value of a key that is there."""
    arn = make(rds, "one")["DBInstanceArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "deploy-id", "Value": "three"}])
    (shown,) = rds.describe_db_instances()["DBInstances"]
    assert as_dict(shown["TagList"]) == {"deploy-id": "three"}


def test_pages_of_20_to_100(rds: Any) -> None:
    """MaxRecords, and a Marker that goes on (DescribeDBInstances)."""
    made = [f"db-{number:02}" for number in range(23)]
    for name in made:
        make(rds, name)
    first = rds.describe_db_instances(MaxRecords=20)
    rest = rds.describe_db_instances(MaxRecords=20, Marker=first["Marker"])
    assert [len(page["DBInstances"]) for page in (first, rest)] == [20, 3]
    assert "Marker" not in rest
    for size in (19, 101):
        with refused("InvalidParameterValue"):
            rds.describe_db_instances(MaxRecords=size)

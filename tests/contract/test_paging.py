"""Pages: their limits, and that nothing is lost or doubled between them.

Sources: the MaxResults of each Describe; EC2 API Reference, "Pagination".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mypy_boto3_ec2 import EC2Client

from tests.contract.helpers import Launch, eventually, refused, state_of, tag_specs

TAGGED: Any = [{"Name": "tag:page", "Values": ["x"]}]
PAGED: list[tuple[str, str, str]] = [
    ("describe_instances", "InstanceIds", "Reservations"),
    ("describe_volumes", "VolumeIds", "Volumes"),
    ("describe_network_interfaces", "NetworkInterfaceIds", "NetworkInterfaces"),
    ("describe_snapshots", "SnapshotIds", "Snapshots"),
]


@pytest.fixture
def twelve(ec2: EC2Client, launch: Launch) -> list[str]:
    """Twelve instances of one reservation, tagged with their volumes and interfaces."""
    kinds = ("instance", "volume", "network-interface")
    made = launch(12, TagSpecifications=tag_specs({"page": "x", "more": "y"}, *kinds))
    eventually(lambda: all(state_of(ec2, one) == "running" for one in made))
    return made


def pages(ask: Callable[..., Any], key: str, **more: Any) -> list[list[Any]]:
    """Every page of a describe, five a page."""
    found, token = [], None
    while True:
        answer = ask(MaxResults=5, **more, **({"NextToken": token} if token else {}))
        found.append(answer[key])
        token = answer.get("NextToken")
        if not token:
            return found


def test_instances_are_counted_and_not_reservations(ec2: EC2Client, twelve: list[str]) -> None:
    """MaxResults counts instances, also of one reservation (DescribeInstances)."""
    parts = pages(ec2.describe_instances, "Reservations", Filters=TAGGED)
    ids = [[i["InstanceId"] for r in page for i in r["Instances"]] for page in parts]
    assert [len(page) for page in ids] == [5, 5, 2]
    assert sorted(one for page in ids for one in page) == sorted(twelve)


@pytest.mark.parametrize(
    ("operation", "key", "id_"),
    [
        ("describe_volumes", "Volumes", "VolumeId"),
        ("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    ],
)
@pytest.mark.usefixtures("twelve")
def test_others_are_paged_as_well(ec2: EC2Client, operation: str, key: str, id_: str) -> None:
    """Every describe with MaxResults and NextToken pages (Pagination)."""
    parts = pages(getattr(ec2, operation), key, Filters=TAGGED)
    assert [len(page) for page in parts] == [5, 5, 2]
    assert len({one[id_] for page in parts for one in page}) == 12


@pytest.mark.usefixtures("twelve")
def test_tags_are_paged_by_row(ec2: EC2Client) -> None:
    """36 resources with two tags each: 72 rows (DescribeTags)."""
    wanted: Any = [{"Name": "key", "Values": ["page", "more"]}]
    parts = pages(ec2.describe_tags, "Tags", Filters=wanted)
    rows = [(one["ResourceId"], one["Key"]) for page in parts for one in page]
    assert len(rows) == len(set(rows)) == 72
    assert max(len(page) for page in parts) == 5


def test_images_and_snapshots_are_paged(ec2: EC2Client, twelve: list[str]) -> None:
    """DescribeImages and DescribeSnapshots page too (Pagination)."""
    made = []
    for number in range(6):
        specs = tag_specs({"page": "x"}, "image", "snapshot")
        answer = ec2.create_image(
            InstanceId=twelve[0], Name=f"page-{number}", NoReboot=True, TagSpecifications=specs
        )
        made.append(answer["ImageId"])
    parts = pages(ec2.describe_images, "Images", Filters=TAGGED, Owners=["self"])
    assert [len(page) for page in parts] == [5, 1]
    parts = pages(ec2.describe_snapshots, "Snapshots", Filters=TAGGED, OwnerIds=["self"])
    assert [len(page) for page in parts] == [5, 1]
    for image in made:
        ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)


def test_what_goes_between_pages_takes_nothing_along(ec2: EC2Client, twelve: list[str]) -> None:
    """A page goes on where the last one ended, whatever was deleted since (Pagination)."""
    first = ec2.describe_tags(MaxResults=5, Filters=[{"Name": "key", "Values": ["page"]}])
    seen = [one["ResourceId"] for one in first["Tags"]]
    ec2.delete_tags(Resources=seen, Tags=[{"Key": "page"}])
    token = first["NextToken"]
    while token:
        more = ec2.describe_tags(
            MaxResults=5, NextToken=token, Filters=[{"Name": "key", "Values": ["page"]}]
        )
        seen += [one["ResourceId"] for one in more["Tags"]]
        token = more.get("NextToken", "")
    assert len(seen) == len(set(seen)) == 36
    assert set(twelve) <= set(seen)


@pytest.mark.parametrize(("operation", "ids", "key"), [*PAGED, ("describe_tags", "", "Tags")])
@pytest.mark.parametrize("size", [4, 1001])
def test_page_sizes(ec2: EC2Client, operation: str, ids: str, key: str, size: int) -> None:
    """5 to 1,000 (MaxResults); a size of 5 works."""
    ask: Callable[..., Any] = getattr(ec2, operation)
    with refused("InvalidParameterValue"):
        ask(MaxResults=size)
    assert key in ask(MaxResults=5), ids


@pytest.mark.parametrize(("operation", "ids", "key"), PAGED[:3])
def test_pages_and_ids_exclude_each_other(
    ec2: EC2Client, operation: str, ids: str, key: str
) -> None:
    """InvalidParameterCombination (MaxResults), whether or not the id is known."""
    prefix = {"InstanceIds": "i", "VolumeIds": "vol", "NetworkInterfaceIds": "eni"}[ids]
    ask: Callable[..., Any] = getattr(ec2, operation)
    with refused("InvalidParameterCombination"):
        ask(MaxResults=5, **{ids: [f"{prefix}-0123456789abcdef0"]})
    assert key


def test_a_token_of_nobody(ec2: EC2Client) -> None:
    """InvalidParameterValue (NextToken)."""
    for token in ("nonsense", "bm9uc2Vuc2U="):
        with refused("InvalidParameterValue", "InvalidNextToken"):
            ec2.describe_instances(NextToken=token)

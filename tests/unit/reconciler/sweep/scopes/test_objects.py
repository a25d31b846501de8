"""Files of a run: the same rules on a disk and in a bucket."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import CloudError, ConfigError
from reconciler.ports.objects import Objects
from reconciler.wiring.scopes.run_place import open_file, open_place
from tests.support.aws_api import Api


@pytest.fixture(params=["disk", "bucket"])
def objects(request: pytest.FixtureRequest, tmp_path: Path, api: Api) -> Objects:
    """An empty folder."""
    if request.param == "disk":
        return open_place(str(tmp_path / "run"))
    api.aws.in_region("us-east-1").s3_once.create_bucket(Bucket="sweeps")
    return open_place("s3://sweeps/today")


def test_what_is_written_is_read(objects: Objects) -> None:
    """The version changes with the content, and with nothing else."""
    first = objects.put("inventory/a.json", b"1")
    assert objects.get("inventory/b.json") is None
    found = objects.get("inventory/a.json")
    assert found is not None
    assert (found.body, found.version) == (b"1", first)
    assert objects.put("inventory/a.json", b"2") != first


def test_a_folder_lists_its_own_json_alone(objects: Objects) -> None:
    """Neither folders below it nor other files."""
    versions = {key: objects.put(key, b"x") for key in ("a.json", "b/c.json", "b/d.json", "b/e")}
    assert dict(objects.versions("")) == {"a.json": versions["a.json"]}
    assert sorted(dict(objects.versions("b"))) == ["b/c.json", "b/d.json"]
    assert dict(objects.versions("none")) == {}


def test_the_first_writer_wins(objects: Objects) -> None:
    """A retry gets what the first try wrote."""
    assert objects.put_first("plan.json", b"first") == b"first"
    assert objects.put_first("plan.json", b"second") == b"first"
    found = objects.get("plan.json")
    assert found is not None
    assert found.body == b"first"


def test_a_writer_beside_another_does_not_take_its_own_for_the_first(api: Api) -> None:
    """S3 answers 409 while the other's is not there yet: two plans would be executed."""
    api.aws.in_region("us-east-1").s3_once.create_bucket(Bucket="sweeps")
    api.fault("PutObject", "error", code="ConditionalRequestConflict", status=409, times=0)
    with pytest.raises(CloudError, match=r"plan.json is being written by somebody else"):
        open_place("s3://sweeps/today").put_first("plan.json", b"second")


def test_a_place_that_is_none_is_refused(api: Api, tmp_path: Path) -> None:
    """In words, with what to do."""
    del api
    for place in ("s3://", "s3:///x"):
        with pytest.raises(ConfigError, match="names no bucket"):
            open_place(place)
    for place in ("s3://bucket", "s3://bucket/"):
        with pytest.raises(ConfigError, match="names no object"):
            open_file(place)
    with pytest.raises(ConfigError, match="no bucket missing") as refused:
        open_place("s3://missing/x").put("a.json", b"")
    assert "aws s3 mb s3://missing" in refused.value.cure
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        open_place(str(tmp_path / "file")).put("a.json", b"")

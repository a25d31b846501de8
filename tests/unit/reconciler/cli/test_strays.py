"""`reconciler strays` as a newcomer runs it: several regions, files that name what is used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.aws.client.session import Aws
from reconciler.cli.main import cli
from reconciler.cli.shared import ended
from reconciler.exit_codes import Exit
from reconciler.model.tags import AccountRegion
from tests.support.aws_api import Api

REGIONS = ("--region", "eu-west-1", "--region", "us-east-1")


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """The exit code and the answer of a look at everything."""
    code = ended(cli, ["strays", "--json", "--older-than", "0s", *words])
    return code, json.loads(capsys.readouterr().out or "{}")


def volume(api: Api, region: str) -> str:
    """A volume that is attached to nothing."""
    client = Aws(AccountRegion(api.aws.place.account, region)).ec2_once
    return str(client.create_volume(AvailabilityZone=f"{region}a", Size=8)["VolumeId"])


def test_every_region_is_in_one_list(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    """With the sum of all, dearest first."""
    here, there = volume(api, "eu-west-1"), volume(api, "us-east-1")
    code, answer = listed(capsys, *REGIONS)
    assert (code, answer["unread"]) == (Exit.DONE, [])
    assert {one["id"] for one in answer["strays"]} == {here, there}
    assert answer["monthly"] == pytest.approx(sum(one["monthly"] for one in answer["strays"]))


def test_a_region_that_may_not_be_read_hides_no_other(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its name and the reason are said, and the run does not pass for a whole one."""
    volume(api, "eu-west-1"), volume(api, "us-east-1")
    api.fault("DescribeVolumes", "error", times=1, code="UnauthorizedOperation", status=403)
    code, answer = listed(capsys, *REGIONS)
    assert code == Exit.DIRT
    assert len(answer["strays"]) == 1
    (unread,) = answer["unread"]
    assert " as a whole: " in unread
    assert "ec2:DescribeVolumes" in unread


def test_no_region_that_may_be_read_is_an_error(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then nothing is known, and an empty list would say otherwise."""
    api.fault("DescribeInstances", "error", times=0, code="UnauthorizedOperation", status=403)
    assert ended(cli, ["strays", *REGIONS]) == Exit.ACCESS
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.rstrip().endswith("all that is needed   reconciler policy --for strays")


def test_what_files_name_is_used(
    api: Api, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """In every file of a folder, whatever else is in it."""
    named, other = volume(api, "eu-west-1"), volume(api, "eu-west-1")
    folder = tmp_path / "terraform" / "modules"
    folder.mkdir(parents=True)
    (folder / "disks.tf").write_text(f'volume_id = "{named}"\n')
    (folder / "state.bin").write_bytes(b"\xff\x00\xfe" * 1000)
    _, answer = listed(capsys, *REGIONS, "--also-used-in", str(tmp_path / "terraform"))
    assert [one["id"] for one in answer["strays"]] == [other]


@pytest.mark.usefixtures("api")
def test_a_file_that_cannot_be_read_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may name what would then be listed as left behind."""
    (tmp_path / "secret.tf").write_text("ami-0123456789abcdef0")

    opened = Path.open

    def refused(self: Path, *words: Any, **more: Any) -> Any:
        if self.suffix == ".tf":
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *words, **more)

    monkeypatch.setattr(Path, "open", refused)
    code = ended(cli, ["strays", "--also-used-in", str(tmp_path)])
    assert code == Exit.USAGE
    assert "secret.tf: Permission denied" in capsys.readouterr().err

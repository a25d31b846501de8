"""What a failing test needs to see of a sandbox: the machines' own words."""

from __future__ import annotations

from pathlib import Path

from deployer.sandbox.unit_logs import journals


def test_a_units_output_is_read_off_the_disk(tmp_path: Path) -> None:
    """One entry a unit, in the order of their names."""
    directory = tmp_path / "var/log/journal"
    directory.mkdir(parents=True)
    (directory / "shop.service.log").write_text("serves\n")
    (directory / "cron.service.log").write_text("tick\n")
    assert list(journals(tmp_path)) == [("cron.service", "tick\n"), ("shop.service", "serves\n")]


def test_a_machine_cannot_make_us_read_the_hosts_files(tmp_path: Path) -> None:
    """Neither a linked file nor a linked directory on the way is followed."""
    secret = tmp_path / "host" / "journal"
    secret.mkdir(parents=True)
    (secret / "secret.log").write_text("secret")
    disk = tmp_path / "disk"
    (disk / "var/log/journal").mkdir(parents=True)
    (disk / "var/log/journal/x.log").symlink_to(secret / "secret.log")
    assert list(journals(disk)) == []
    (disk / "var/log/journal/x.log").unlink()
    (disk / "var/log/journal").rmdir()
    (disk / "var/log/journal").symlink_to(secret)
    assert list(journals(disk)) == []


def test_a_machine_without_units_has_no_journal(tmp_path: Path) -> None:
    """Nothing to read is no error."""
    assert list(journals(tmp_path / "gone")) == []

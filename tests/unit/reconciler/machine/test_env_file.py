"""The env file on a machine: what changes, what stays, and that no secret leaves it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import CommandFailed, ConfigError
from reconciler.machine.env_file import (
    login_of,
    read_database_name,
    read_login,
    set_database,
)
from tests.fakes.machine import FakeMachine

KEY = "DATABASE_URL"
PATH = "/etc/shop/env"
SECRET = "pa%2Fss#w0rd"


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """A machine with production's env file."""
    machine = FakeMachine(tmp_path / "root")
    machine.write(
        PATH,
        "# DATABASE_URL=postgres://old@h/commented\n"
        f"PORT=8080\nDATABASE_URL=postgresql://shop:{SECRET}@10.0.0.5:5432/shop?sslmode=require\n"
        "OTHER_DATABASE_URL=postgres://x@h/reports\n",
        0o640,
    )
    return machine


def everything_said(machine: FakeMachine) -> str:
    """All that went over command lines."""
    return "".join(command.script + command.label for command in machine.commands)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("DATABASE_URL=postgres://u:p@h:5432/shop", "shop"),
        ("DATABASE_URL='postgres://u:p@h/shop_2?sslmode=require'", "shop_2"),
        ('export DATABASE_URL="postgresql+psycopg://u:p@h/a_b"', "a_b"),
        ("DATABASE_URL=postgres:///shop?host=/tmp", "shop"),
        ("DATABASE_URL=postgres://u:p@h", ""),
        ("PORT=1", ""),
    ],
)
def test_the_name_is_read_from_every_spelling(machine: FakeMachine, line: str, name: str) -> None:
    """Quoted, exported, with options, over a socket: the name and nothing else comes back."""
    machine.write(PATH, f"A=1\n{line}\n")
    assert read_database_name(machine, PATH, KEY) == name


def test_without_a_file_there_is_no_name(machine: FakeMachine) -> None:
    """A first release has no env file: an empty name, no error."""
    assert read_database_name(machine, "/etc/none", KEY) == ""


def test_only_the_database_of_the_url_changes(machine: FakeMachine) -> None:
    """Password, host, options and every other line stay; the mode becomes 0600."""
    set_database(machine, PATH, KEY, "shop_20261123t031502z_7kq2m_3fa9c1")
    assert machine.read(PATH) == (
        "# DATABASE_URL=postgres://old@h/commented\n"
        f"PORT=8080\nDATABASE_URL=postgresql://shop:{SECRET}@10.0.0.5:5432/"
        "shop_20261123t031502z_7kq2m_3fa9c1?sslmode=require\n"
        "OTHER_DATABASE_URL=postgres://x@h/reports\n"
    )
    assert machine.path(PATH).stat().st_mode & 0o777 == 0o600
    assert [file.name for file in machine.path("/etc/shop").iterdir()] == ["env"]
    assert "w0rd" not in everything_said(machine)


def test_quotes_survive_a_new_name(machine: FakeMachine) -> None:
    """The closing quote is not part of the name."""
    machine.write(PATH, "export DATABASE_URL='postgres://u:p@h/shop'\n")
    set_database(machine, PATH, KEY, "other")
    assert machine.read(PATH) == "export DATABASE_URL='postgres://u:p@h/other'\n"


def test_a_file_without_a_url_is_an_error_and_stays(machine: FakeMachine) -> None:
    """A silent no-op here would start the new release on the old database."""
    machine.write(PATH, "PORT=8080\n")
    with pytest.raises(CommandFailed) as caught:
        set_database(machine, PATH, KEY, "other")
    assert "no DATABASE_URL" in caught.value.detail
    assert machine.read(PATH) == "PORT=8080\n"


@pytest.mark.parametrize("name", ["", "a/b", "x;y", "#", "a" * 64])
def test_an_odd_database_name_is_refused(machine: FakeMachine, name: str) -> None:
    """The name goes into a script: only what our own names consist of."""
    with pytest.raises(ConfigError):
        set_database(machine, PATH, KEY, name)
    assert not machine.commands


def test_a_whole_url_goes_over_stdin(machine: FakeMachine) -> None:
    """It replaces the line, and is on no command line."""
    set_database(machine, PATH, KEY, "db", f"postgres://new:{SECRET}2@h/template?a=1")
    assert machine.read(PATH).splitlines()[1:] == [
        "PORT=8080",
        "OTHER_DATABASE_URL=postgres://x@h/reports",
        f"DATABASE_URL=postgres://new:{SECRET}2@h/db?a=1",
    ]
    assert SECRET not in everything_said(machine)


def test_a_url_makes_the_file_where_there_is_none(machine: FakeMachine) -> None:
    """A first release from a base image: folder and file are made, 0600."""
    set_database(machine, "/etc/new/env", KEY, "db", "postgres://u@h")
    assert machine.read("/etc/new/env") == "DATABASE_URL=postgres://u@h/db\n"
    assert machine.path("/etc/new/env").stat().st_mode & 0o777 == 0o600


def test_a_url_with_a_line_break_is_refused(machine: FakeMachine) -> None:
    """It could add lines of its own to the env file."""
    with pytest.raises(ConfigError):
        set_database(machine, PATH, KEY, "db", "postgres://u@h/db\nLD_PRELOAD=/x")


@pytest.mark.parametrize(
    ("line", "role"),
    [
        ("DATABASE_URL=postgres://u:p@h:5432/shop", "u"),
        ("DATABASE_URL='postgres://my%2Bapp@h/shop_2?sslmode=require'", "my+app"),
        ('export DATABASE_URL="postgresql+psycopg://u_1:p@ss:w@h/a_b"', "u_1"),
        ("DATABASE_URL=postgres://u:p%40#x@h", "u"),
        ("DATABASE_URL=postgres:///shop?host=/tmp", ""),
        ("DATABASE_URL=postgres://h/shop", ""),
        ("OTHER_DATABASE_URL=postgres://u:p@h/shop", ""),
    ],
)
def test_the_login_is_read_from_every_spelling(machine: FakeMachine, line: str, role: str) -> None:
    """The role and nothing else comes back; the configured URL is read alike."""
    machine.write(PATH, f"A=1\n{line}\n")
    assert read_login(machine, PATH, KEY) == role
    if not line.startswith("OTHER"):
        assert login_of(line.partition("=")[2].strip("'\"")) == role


def test_without_a_file_nobody_logs_in(machine: FakeMachine) -> None:
    """An empty role, no error."""
    assert read_login(machine, "/etc/none", KEY) == ""

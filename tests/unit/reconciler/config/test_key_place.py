"""Where a key stands in a file."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from reconciler.config.key_place import find
from reconciler.config.loader import load
from reconciler.errors import ConfigError

TEXT = """\
# shop
record = "shop.example.com"   # its name

[app]
  units = ["shop"]
"jobs" = [
    "cron",
]

[[smoke]]
http = "/healthz"

[[smoke]]   # another
http = "/other"

[instance.volumes]
size = 8
"""


def test_the_text_is_toml() -> None:
    """Or the tests would show nothing."""
    assert tomllib.loads(TEXT)["smoke"][1]["http"] == "/other"


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("record", (2, 1)),
        ("app", (4, 2)),
        ("app.units", (5, 3)),
        ("app.units[1]", (5, 3)),
        ("app.jobs", (6, 2)),
        ("smoke[1].http", (11, 1)),
        ("smoke[2].http", (14, 1)),
        ("smoke[2].expect", (13, 3)),
        ("instance.volumes.size", (17, 1)),
        ("app.missing", (4, 2)),
        ("database.admin", None),
        ("region", None),
        ("", None),
    ],
)
def test_a_key_is_found(key: str, place: tuple[int, int] | None) -> None:
    """Line and column from 1; what is missing where its table begins, or nowhere."""
    assert find(TEXT, key) == place


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("kep = 2", r"kep: is not a key we know; did you mean keep\? \(at line 3, column 1\)"),
        ("keep = ]", r"is not TOML: .*line \d+"),
    ],
)
def test_an_error_names_line_and_column(tmp_path: Path, line: str, says: str) -> None:
    """Of a wrong key as of a file that is not TOML."""
    (tmp_path / "services").mkdir()
    (tmp_path / "reconciler.toml").write_text("")
    text = f'record = "shop.example.com"\naccount = "123456789012"\n{line}\n'
    (tmp_path / "services" / "shop.toml").write_text(text)
    with pytest.raises(ConfigError) as wrong:
        load(tmp_path)
    said = f"{wrong.value.message}\n{wrong.value.detail}"
    assert re.search(says, said), said

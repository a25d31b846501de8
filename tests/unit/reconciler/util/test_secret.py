"""References to secrets, and the secrets themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import ConfigError
from reconciler.util.secret import Reference, Secret, resolve


def _no_ssm(name: str) -> str:
    raise AssertionError(f"asked SSM for {name}")


def test_a_secret_does_not_show_itself() -> None:
    """Neither str, repr, nor a container's repr shows the value; reveal does."""
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "hunter2"


@pytest.mark.parametrize("text", ["env:SHOP_URL", "file:~/.ssh/shop", "ssm:/shop/url"])
def test_references_read_back(text: str) -> None:
    """A reference prints as it is written."""
    assert text == str(Reference.parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        "postgres://u:hunter2@h/d",
        "env:",
        "env:A-hunter2",
        "ssm:hunter2",
        "vault:hunter2",
    ],
)
def test_what_is_no_reference_is_not_repeated(text: str) -> None:
    """A value in place of a reference is refused without being shown: it may be the secret."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Reference.parse(text)
    assert "hunter2" not in str(caught.value)


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """env: is read when resolved; unset is an error that names the variable."""
    monkeypatch.setenv("SHOP_URL", "x")
    assert resolve(Reference.parse("env:SHOP_URL"), _no_ssm) == Secret("x")
    monkeypatch.delenv("SHOP_URL")
    with pytest.raises(ConfigError, match="SHOP_URL is not set"):
        resolve(Reference.parse("env:SHOP_URL"), _no_ssm)


def test_file(tmp_path: Path) -> None:
    """file: is read whole but for the final newline; a missing or empty one is an error."""
    path = tmp_path / "key"
    path.write_text("line 1\nline 2\n")
    assert resolve(Reference("file", str(path)), _no_ssm).reveal() == "line 1\nline 2"
    path.write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        resolve(Reference("file", str(path)), _no_ssm)
    path.unlink()
    with pytest.raises(ConfigError, match="No such file"):
        resolve(Reference("file", str(path)), _no_ssm)


def test_ssm() -> None:
    """ssm: asks the reader it is given for exactly that parameter."""
    assert resolve(Reference.parse("ssm:/a/b"), str.upper).reveal() == "/A/B"


def test_the_newline_of_an_editor_is_no_part_of_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A parameter that was written from a file ends in one, and no password or URL does."""
    for end in ("\n", "\r\n"):
        assert resolve(Reference.parse("ssm:/a"), lambda _, end=end: f"x{end}").reveal() == "x"  # type: ignore[misc]
    monkeypatch.setenv("SHOP_URL", "x\n")
    assert resolve(Reference.parse("env:SHOP_URL"), _no_ssm) == Secret("x")
    with pytest.raises(ConfigError, match="is empty"):
        resolve(Reference.parse("ssm:/a"), lambda _: "\n")

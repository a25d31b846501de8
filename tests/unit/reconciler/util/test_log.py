"""The log: where it goes, how it reads, and what is never in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from reconciler.util import log
from reconciler.util.secret import Secret, redact


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    """The standard log as it was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before


def lines(out: io.StringIO) -> list[dict[str, object]]:
    """The log's lines as objects."""
    return [json.loads(one) for one in out.getvalue().splitlines()]


def test_json_in_a_pipe() -> None:
    """One object a line, with level and time."""
    out = io.StringIO()
    log.set_up(verbose=True, stream=out)
    log.Logger().info("swapped", gen=41)
    (line,) = lines(out)
    assert (line["event"], line["gen"], line["level"]) == ("swapped", 41, "info")
    assert str(line["timestamp"]).endswith("Z")


def test_words_on_a_terminal() -> None:
    """Readable, not JSON."""
    out = Tty()
    log.set_up(verbose=True, stream=out)
    log.Logger().info("swapped", gen=41)
    assert "swapped" in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR leaves the words."""
    monkeypatch.setenv("NO_COLOR", "1")
    out = Tty()
    log.set_up(verbose=True, stream=out)
    log.Logger().info("swapped", gen=41)
    assert "\x1b" not in out.getvalue()


def test_quiet_unless_asked() -> None:
    """Without -v only warnings and worse."""
    out = io.StringIO()
    log.set_up(verbose=False, stream=out)
    logger = log.Logger()
    logger.info("not said")
    logger.warning("said")
    assert [one["event"] for one in lines(out)] == ["said"]


def test_libraries_are_heard_from_warnings_on() -> None:
    """Even with -v: below that botocore writes whole answers, and SSM's are secrets."""
    out = io.StringIO()
    log.set_up(verbose=True, stream=out)
    botocore = logging.getLogger("botocore.parsers")
    botocore.debug("Response body: hunter2")
    botocore.warning("throttled")
    assert [one["event"] for one in lines(out)] == ["throttled"]


def test_secrets_are_hidden_wherever_they_are() -> None:
    """By type, by key, inside URLs, inside containers, and in tracebacks."""
    out = io.StringIO()
    log.set_up(verbose=True, stream=out)
    logger = log.Logger()
    logger.info(
        "connect to postgres://u:hunter2@h/d",
        admin=Secret("hunter2"),
        password="hunter2",
        deep={"url": ["https://u:hunter2@h"], "db_secret": "hunter2"},
        raw=b"PGPASSWORD=hunter2",
    )
    try:
        int("postgres://u:hunter2@h/d")
    except ValueError:
        logger.exception("failed")
    logging.getLogger("botocore").warning("password=hunter2")
    assert len(lines(out)) == 3
    assert "hunter2" not in out.getvalue()
    assert "postgres://u:***@h/d" in out.getvalue()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("postgres://shop:pw@db:5432/shop", "postgres://shop:***@db:5432/shop"),
        ("https://h/x", "https://h/x"),
        ("password=pw user=u", "password=*** user=u"),
        ("PGPASSWORD='pw'", "PGPASSWORD='***'"),
        ("postgres://u:p@ss:w/rd@h/d is", "postgres://u:***@h/d is"),
        ("redis://:pw@h:6379/0", "redis://:***@h:6379/0"),
        ("https://ghp_0123456789abcdef@host/x.git", "https://***@host/x.git"),
        ("ssh://git@host/x.git", "ssh://git@host/x.git"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("api_key=abc&x=1", "api_key=***&x=1"),
        ("write postgresql://USER:PASSWORD@HOST", "write postgresql://USER:PASSWORD@HOST"),
        ("a token of thanks", "a token of thanks"),
    ],
)
def test_redaction_of_text(text: str, clean: str) -> None:
    """Passwords go, everything else stays."""
    assert clean == redact(text)

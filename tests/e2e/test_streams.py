"""What is written where: JSON by its schema, a terminal, a pipe whose reader has gone."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

import jsonschema

from reconciler.exit_codes import Exit
from tests.e2e.probes import place_order
from tests.support.company import Company, Done

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "events.schema.json").read_text())


COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")


ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[@-Z\\-_])")


def test_every_stream_follows_the_published_schema(adopted: Company) -> None:
    """A version line first, a result with the exit code last, and each line as published."""
    streams = [
        adopted.deployer("adopt", "shop", "--yes", "--json"),
        adopted.deployer("up", "shop", "--ref", "v1.6.0", "--json"),
        adopted.deployer("up", "shop", "--ref", "v1.5.0", "--json"),
    ]
    place_order(adopted)  # so that there is something to lose
    streams += [
        adopted.deployer("rollback", "shop", "--json"),
        adopted.deployer("rollback", "shop", "--json", "--discard-writes"),
        adopted.deployer("rollback", "shop", "--json", "--to", "nonsense"),
        adopted.deployer("abort", "shop", "--json", "--yes"),
        adopted.deployer("up", "shop", "--ref", "no-such-ref", "--json"),
        adopted.reconciler("sweep", "--json"),
    ]
    assert [one.code for one in streams] == [0, 1, 0, 3, 0, 2, 3, 2, 0], _all(streams)
    check = jsonschema.Draft202012Validator(SCHEMA)
    check.check_schema(SCHEMA)
    for stream in streams:
        events = [json.loads(line) for line in stream.out.splitlines()]
        for event in events:
            faults = [one.message for one in check.iter_errors(event)]
            assert faults == [], event
        last = events[-1]
        assert (last["type"], last["exit"]) == ("result", stream.code), stream
        if len(events) > 1:
            assert events[0]["type"] == "version", stream
    types = {event["type"] for stream in streams for event in stream.events}
    assert types >= {"step-progress", "freeze-began", "freeze-ended", "clean-up-item", "released"}


def _all(streams: list[Done]) -> str:
    return "\n\n".join(map(str, streams))


def test_on_a_terminal(adopted: Company) -> None:
    """The steps are drawn with colour within 80 columns, and the summary is what stays."""
    code, seen = _on_terminal(adopted, {}, "deployer", "up", "shop", "--ref", "v1.5.0")
    assert code == 0, seen
    assert COLOUR.search(seen)
    text = ESCAPE.sub("", seen)
    steps = ("guard", "image", "launch", "code", "database", "migrate", "start", "smoke", "commit")
    for step in steps:
        assert re.search(rf"✓ {step} ", text), (step, text)
    assert "v1.4.2 → v1.5.0" in text
    assert "Ctrl-C undoes everything so far; live goes on as v1.4.2." in text
    lines = [one.strip() for one in re.split(r"[\r\n]+", text) if one.strip()]
    assert max(len(one) for one in lines) <= 80
    assert lines[-1] == "Is it well?   deployer status shop"
    assert lines[-2].startswith("Back          deployer rollback shop")
    assert any(one.startswith("shop is live on v1.5.0 (was v1.4.2)") for one in lines)


def test_on_a_terminal_without_colour(adopted: Company) -> None:
    """NO_COLOR: the same words; a failure is told whole below the picture."""
    no_colour = {"NO_COLOR": "1"}
    code, seen = _on_terminal(adopted, no_colour, "deployer", "up", "shop", "--ref", "v1.6.0")
    assert code == Exit.FAILED, seen
    assert not COLOUR.search(seen)
    text = ESCAPE.sub("", seen)
    assert "✗ smoke" in text
    assert 'relation "orders_v2" does not exist' in text
    assert "shop stays on v1.4.2, which kept serving." in text
    assert "Removed: " in text
    assert "--keep-failed" in text


def _on_terminal(company: Company, env: dict[str, str], *words: str) -> tuple[int, str]:
    """Exit code and everything written to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 80, 0, 0))
    plain = {k: v for k, v in company.environment.items() if k not in ("NO_COLOR", "COLUMNS")}
    process = subprocess.Popen(
        company.command(*words),
        env={**plain, "TERM": "xterm", **env},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux says EIO when the other side has closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(ours)
    return process.wait(timeout=60), seen.decode()


def test_a_reader_that_goes_away(adopted: Company) -> None:
    """`| head -1` has seen enough: a release and a rollback go on to their ends all the same."""
    assert _first_line_only(adopted, "up", "shop", "--ref", "v1.5.0", "--json") == 0
    assert adopted.version() == "v1.5.0"
    assert _first_line_only(adopted, "rollback", "shop", "--discard-writes") == 0
    assert adopted.version() == "v1.4.2"
    adopted.ok("deployer", "status", "shop", "--exit-code")


def _first_line_only(company: Company, *words: str) -> int:
    """The exit code of a command whose reader leaves after a line."""
    process = subprocess.Popen(
        company.command("deployer", *words),
        env=company.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    return process.wait(timeout=150)

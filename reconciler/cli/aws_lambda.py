"""The commands as an AWS Lambda function: the event names one, `{"command": ["sweep", …]}`.

The state machine of config/aws calls it for each part of a run. What ends with a result returns its
exit code; what failed raises, so that the state machine tries it again and counts it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from reconciler.cli.main import cli
from reconciler.cli.shared import ended
from reconciler.config import loader
from reconciler.config.loader import Settings
from reconciler.exit_codes import Exit

COMMANDS = frozenset({"scopes", "inventory", "ledgers", "sweep", "collate"})
"""What may be called: nothing that waits for a person, or runs for ever."""

RESULTS = frozenset({Exit.DONE, Exit.REFUSED, Exit.DIRT})
"""Exit codes of a part that has a result: trying it again at once gives the same."""

RESERVE = 120.0
"""Seconds that a sweep leaves of the function's time: for what is under way, and for its result."""


CONFIG = Path(__file__).resolve().parents[2] / "config"
"""What `make lambda` put beside the code."""


class Context(Protocol):
    """What Lambda gives beside the event."""

    def get_remaining_time_in_millis(self) -> int:
        """Until the function is ended."""
        ...


class OutOfTime(Exception):
    """The sweep has stopped between two resources: call it again. The state machine does."""


class NoResult(Exception):
    """The command ended without a result; its words are in the log."""


@cache
def _read(home: Path) -> Settings:
    return loader.load(home)


def loaded(directory: Path | None) -> Settings:
    """The configuration, read once: nobody changes the package of a function that runs.

    A thousand services take a second to read, and a process serves hundreds of calls.
    Raises ConfigError.
    """
    return _read(loader.locate(directory))


def handler(event: Mapping[str, Any], context: Context) -> dict[str, int]:
    """Run the event's command. Raises OutOfTime, NoResult."""
    words = event.get("command")
    if not isinstance(words, list) or not words or words[0] not in COMMANDS:
        raise NoResult(f"the event names none of {', '.join(sorted(COMMANDS))}")
    os.environ.setdefault("DEPLOY_CONFIG", str(CONFIG))
    arguments = [str(word) for word in words]
    began, limit = time.monotonic(), 0.0
    if arguments[0] == "sweep":
        limit = max(context.get_remaining_time_in_millis() / 1000 - RESERVE, 1.0)
        arguments += ["--limit", f"{int(limit)}s"]
    code = ended(cli, arguments, loaded)
    if limit and code == Exit.DIRT and time.monotonic() - began >= int(limit):
        raise OutOfTime(" ".join(arguments))
    if code not in RESULTS:
        raise NoResult(f"exit {code}: {' '.join(arguments)}")
    return {"exit": code}

"""The log: stderr, readable on a terminal, JSON elsewhere, and never a secret in it.

What libraries log through the standard `logging` takes the same way. They are heard from WARNING
on only: below that botocore writes whole answers, and SSM's answers are secrets.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from reconciler.render.pen import Pen
from reconciler.secret import Secret, redact

_PRIVATE = ("password", "secret", "token", "private", "credential")
_HIDDEN = "***"


def set_up(*, verbose: bool, stream: TextIO | None = None, usual: int = logging.WARNING) -> None:
    """Log to `stream` (stderr as it is when a line is written, by default).

    `verbose` shows what is said from DEBUG on; else from the `usual` level on.
    """
    to = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        without_secrets,
    ]
    show = (
        structlog.dev.ConsoleRenderer(colors=_colours())
        if to.isatty()
        else structlog.processors.JSONRenderer()
    )
    level = logging.DEBUG if verbose else usual
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, show],
    )
    _hear_the_standard_log(formatter, level, stream)


def _hear_the_standard_log(formatter: logging.Formatter, level: int, stream: TextIO | None) -> None:
    handler = _Handler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for ours in ("reconciler", "deployer"):
        logging.getLogger(ours).setLevel(level)


class _Handler(logging.Handler):
    """Writes to `stream`, else to what stderr is then: a live picture puts its own in between."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        Pen(self._stream or sys.stderr).line(self.format(record))


def _colours() -> bool:
    return not os.environ.get("NO_COLOR")


def without_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: hides secrets by their type, their key, and inside URLs."""
    return {key: _hide(key, value) for key, value in event.items()}


def _hide(key: str, value: Any) -> Any:
    if isinstance(value, Secret) or any(word in key.lower() for word in _PRIVATE):
        return _HIDDEN
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bytes):
        return redact(value.decode("utf-8", "replace"))
    if isinstance(value, Mapping):
        return {str(k): _hide(str(k), v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_hide(key, one) for one in value]
    return value

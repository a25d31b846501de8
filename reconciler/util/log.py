"""The log: stderr, readable on a terminal, JSON elsewhere, and never with a secret.

Libraries that use the standard `logging` write to the same log, from WARNING on only: below that
botocore writes whole answers, and SSM's answers are secrets.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

from reconciler.util.line_writer import LineWriter
from reconciler.util.secret import Secret, redact

if TYPE_CHECKING:
    from structlog.typing import Processor

_PRIVATE = ("password", "secret", "token", "private", "credential")
_HIDDEN = "***"


def set_up(*, verbose: bool, stream: TextIO | None = None, usual: int = logging.WARNING) -> None:
    """Log to `stream` (by default: stderr as it is when a line is written).

    `verbose` logs from DEBUG on, otherwise from the `usual` level on. structlog is imported with
    the first message: the import takes a tenth of the time of a sweep that logs nothing.
    """
    tear_down()
    handler = _Handler(stream, logging.DEBUG if verbose else usual)
    _Handler.now = handler
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for ours in ("reconciler", "deployer"):
        logging.getLogger(ours).setLevel(handler.least)


def tear_down() -> None:
    """Ends the logging that `set_up` started."""
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, _Handler)]:
        root.removeHandler(old)
    _Handler.now = None


class Logger:
    """structlog's logger, configured by `set_up` when the first message is logged."""

    def __getattr__(self, method: str) -> Any:
        import structlog

        if _Handler.now is not None:
            _Handler.now.make_ready()
        return getattr(structlog.get_logger(), method)


class _Handler(logging.Handler):
    """Writes to `stream`, else to the current stderr: a live display replaces it meanwhile."""

    now: ClassVar[_Handler | None] = None

    def __init__(self, stream: TextIO | None, least: int) -> None:
        super().__init__()
        self.least = least
        self._stream = stream

    def make_ready(self) -> None:
        """Makes structlog write here, from the least level on."""
        if self.formatter is None:
            to = self._stream or sys.stderr
            self.setFormatter(_structlog(self.least, terminal=to.isatty()))

    def emit(self, record: logging.LogRecord) -> None:
        self.make_ready()
        LineWriter(self._stream or sys.stderr).line(self.format(record))


def _structlog(least: int, *, terminal: bool) -> logging.Formatter:
    """Configures structlog; this formatter writes what it passes to the standard log."""
    import structlog

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        without_secrets,
    ]
    show = (
        structlog.dev.ConsoleRenderer(colors=not os.environ.get("NO_COLOR"))
        if terminal
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, show],
    )


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

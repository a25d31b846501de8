"""The result of a check, and how a probe becomes one; as lines and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from reconciler.errors import NotTried, ToolError
from reconciler.exit_codes import Exit, code_of
from reconciler.util import humanize

T = TypeVar("T")


class Status(StrEnum):
    """How a check ended; `skipped` says nothing about the service."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


_MARKS = {Status.OK: "✓", Status.WARN: "!", Status.FAIL: "✗", Status.SKIPPED: "-"}


@dataclass(frozen=True)
class Check:
    """One check of one service. `code` is the exit code of its cause, 0 unless it failed."""

    service: str
    check: str
    status: Status
    text: str
    cure: str = ""
    detail: str = ""
    code: int = 0


@dataclass(frozen=True)
class Found:
    """What a probe found. `warnings` are true, and no reason to refuse a release."""

    text: str = ""
    warnings: tuple[str, ...] = ()
    cure: str = ""


class Skipped(ToolError):
    """A check that was not made; the message completes "skipped because"."""


@dataclass
class Once(Generic[T]):
    """A reading that several checks share. Its failure is the failure of the first check alone."""

    name: str
    read: Callable[[], T]
    _values: list[T] = field(default_factory=list)
    _failed: bool = False
    _error: ToolError | None = None

    def ahead(self) -> bool:
        """Read before any check asks. Its failure waits for the first check that does; False."""
        try:
            self()
        except ToolError as error:
            self._error = error
        return self._error is None

    def __call__(self) -> T:
        """The value, read at the first call. Raises what `read` raises, then Skipped."""
        error, self._error = self._error, None
        if error is not None:
            raise error
        if self._failed:
            raise Skipped(f"{self.name} could not be read (see above)")
        if not self._values:
            self._failed = True
            self._values.append(self.read())
            self._failed = False
        return self._values[0]


def attempt(service: str, name: str, probe: Callable[[], Found | str]) -> Iterator[Check]:
    """The checks that follow from a probe: one, and one more for each further warning."""
    try:
        found = probe()
    except (NotTried, Skipped) as error:
        yield Check(service, name, Status.SKIPPED, f"skipped because {error.message}")
    except ToolError as error:
        code = int(code_of(error))
        yield Check(service, name, Status.FAIL, error.message, error.cure, error.detail, code)
    else:
        found = Found(found) if isinstance(found, str) else found
        if found.text:
            yield Check(service, name, Status.OK, found.text)
        for warning in found.warnings:
            yield Check(service, name, Status.WARN, warning, found.cure)


def exit_code(checks: Sequence[Check]) -> int:
    """By the gravest cause: 6 before 3 before 2 before 1."""
    return max((check.code for check in checks), default=int(Exit.DONE))


def check_lines(checks: Sequence[Check], services: Sequence[str]) -> list[str]:
    """One line a check, detail and cure below a failure; last, what may be done now."""
    lines: list[str] = []
    for check in checks:
        mark = _MARKS[check.status]
        lines.append(f"{mark} {check.service:<8} {check.check:<11} {humanize.one_line(check.text)}")
        lines += [f"    {line}" for line in humanize.clean(check.detail).splitlines()]
        lines += [f"    {cure}" for cure in check.cure.splitlines()]
    return [*lines, *map(str, _verdicts(checks, services))] or ["no service is configured"]


def _verdicts(checks: Sequence[Check], services: Sequence[str]) -> Iterator[str]:
    for service in services:
        bad = [one.check for one in checks if one.service == service and one.code]
        if not bad:
            yield f"Ready: deployer up {service}"
        else:
            yield f"Not ready: {service}. In the way: {', '.join(dict.fromkeys(bad))}"


def check_json(checks: Sequence[Check], services: Sequence[str]) -> dict[str, Any]:
    """The same as an object."""
    failed = {check.service for check in checks if check.code}
    return {
        "ok": not failed,
        "ready": [service for service in services if service not in failed],
        "checks": [
            {
                "service": one.service,
                "check": one.check,
                "status": one.status.value,
                "ok": not one.code,
                "text": one.text,
                "cure": one.cure,
                "detail": one.detail,
                "code": one.code,
            }
            for one in checks
        ],
    }

"""journalctl(1): options and matches as far as a release uses them; the rest is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from deployer.sandbox.machines.process.journal import Journal
from deployer.sandbox.machines.systemd.unit_file import full_name

_WITH_VALUE = {"-u": "unit", "-n": "lines", "-o": "output"}
_FLAGS = {"-b": "boot", "-q": "quiet", "-e": "pager-end", "-x": "catalog", "-xe": "catalog"}
_KNOWN = frozenset((*_WITH_VALUE.values(), *_FLAGS.values(), "no-pager"))
_SYSTEMD = "systemd[1]: "
_STARTED = "39f53479d3a045ac8e11786248231fbf"
"""The message id of "a unit was started", a oneshot's end included."""


@dataclass
class _Query:
    units: list[str] = field(default_factory=list)
    lines: int | None = None
    this_boot: bool = False
    matches: list[dict[str, str]] = field(default_factory=lambda: [{}])


def answer(journal: Journal, words: list[str]) -> str:
    """The output of journalctl. Raises ValueError for options that the sandbox lacks."""
    query = _parse(words)
    if any(query.matches):
        found = [line for match in query.matches for line in _matched(journal, query, match)]
        return "".join(found if query.lines is None else found[-query.lines :])
    units = query.units or journal.units()
    text = [journal.tail(one, query.lines, this_boot=query.this_boot) for one in units]
    return "".join(text) or "-- No entries --\n"


def _parse(words: list[str]) -> _Query:
    query = _Query()
    left = iter(words)
    for word in left:
        if word == "+":
            query.matches.append({})
        elif word.startswith("-"):
            _take(query, *_option(word, left))
        else:
            field_, _, value = word.partition("=")
            query.matches[-1][field_] = value
    return query


def _option(word: str, left: Iterator[str]) -> tuple[str, str]:
    """The option by its long name, and its value if it has one."""
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
    else:
        name, value = _WITH_VALUE.get(word[:2]) or _FLAGS.get(word, word), word[2:]
        equals = value
    if name in _WITH_VALUE.values() and not equals:
        value = next(left, "")
    return name, value


def _take(query: _Query, name: str, value: str) -> None:
    if name not in _KNOWN:
        raise ValueError(f"journalctl: the sandbox does not know the option {name}")
    if name == "unit":
        query.units.append(full_name(value))
    elif name == "lines":
        query.lines = int(value) if value.isdigit() else None
    elif name == "boot":
        query.this_boot = True


def _matched(journal: Journal, query: _Query, match: dict[str, str]) -> list[str]:
    """systemd's own messages about a unit, or the output of its processes."""
    match match:
        case {"UNIT": unit, "MESSAGE_ID": message} if message == _STARTED and len(match) == 2:
            begin = (f"{_SYSTEMD}Started ", f"{_SYSTEMD}Finished ")
            return [x for x in _lines(journal, query, unit) if x.startswith(begin)]
        case {"_SYSTEMD_UNIT": unit} if len(match) == 1:
            return [x for x in _lines(journal, query, unit) if not x.startswith(_SYSTEMD)]
    raise ValueError(f"journalctl: the sandbox cannot look for {' '.join(match) or '+'}")


def _lines(journal: Journal, query: _Query, unit: str) -> list[str]:
    return journal.lines(unit, this_boot=query.this_boot)

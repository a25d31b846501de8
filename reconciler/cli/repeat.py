"""A cure repeats what was asked: the options that the user gave, in the command that leads on.

A command in a cure is the one that failed, or another one. The same command gets the options that
it was given; every command gets `--config`. What a user vouches for is not repeated: it was said
of the state then, not of the state when the line is pasted.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from reconciler.util.duration import format_duration

VOUCHED = frozenset({"yes", "deployer_is_dead", "end_lease", "trust_shown_key", "nobody_live"})
"""Flags that are never repeated."""

_NEVER = ("not_moved", "database")
"""The same with a value: the release that was vouched for. And `recover --database` and `recover`
are two commands: a message that means the first says so."""

_OWN_POLICY = ("prices", "strays")
"""Commands that need less than the rest of the program."""

_BEGIN = re.compile(r"\bdeployer init$", re.MULTILINE)
_POLICY = re.compile(r"\breconciler policy(?! --for)")
_COMMAND = re.compile(r"\b(?:deployer|reconciler) [a-z]\S*(?: .*)?$", re.MULTILINE)
_UNNAMED = re.compile(r"\bSERVICE\b")


def repeated(cure: str, context: click.Context | None, config: Path | None) -> str:
    """The cure with what the user asked for in each of its commands."""
    if context is None:
        return cure
    service = str(context.params.get("service") or "").partition("/")[0]
    named = _UNNAMED.sub(service, cure) if service else cure
    named = _BEGIN.sub(f"deployer init {service}", named) if service else named
    named = _POLICY.sub(f"reconciler policy --for {_policy_of(context)}", named)
    return _COMMAND.sub(lambda found: _completed(found[0], context, config), named)


def _policy_of(context: click.Context) -> str:
    """Whose policy allows what is asked: a command's own, where it has one, else the program's."""
    name = context.info_name or ""
    return name if name in _OWN_POLICY else _program(context)


def _completed(line: str, context: click.Context, config: Path | None) -> str:
    try:
        words = shlex.split(line)
    except ValueError:
        return line
    more = list(_missing(words, context)) if _is_same(words, context) else []
    if config is not None and "--config" not in words:
        more += ["--config", shlex.quote(str(config))]
    return " ".join([line, *more])


def _is_same(words: list[str], context: click.Context) -> bool:
    """Whether it is the command that was run, on the same service."""
    given = [str(context.params["service"])] if context.params.get("service") else []
    return words[: 2 + len(given)] == [_program(context), context.info_name, *given]


def _program(context: click.Context) -> str:
    """`deployer` or `reconciler`, whatever the name of the process."""
    callback = context.find_root().command.callback
    return (callback.__module__ if callback else "").partition(".")[0]


def _missing(words: list[str], context: click.Context) -> Iterator[str]:
    """The given options that the command does not have yet."""
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        value = context.params.get(option.name or "")
        if not isinstance(option, click.Option) or source is not ParameterSource.COMMANDLINE:
            continue
        if (option.name in VOUCHED and option.is_flag) or option.name in _NEVER:
            continue
        if value is None:
            continue
        if option.name == "discard_writes" and "--to" not in words and not context.params.get("to"):
            continue  # it was about the target of then, which may be another one now
        yield from _said(option, value, words)


def _said(option: click.Option, value: Any, words: list[str]) -> Iterator[str]:
    name = max(option.opts, key=len)
    if option.is_flag or not option.multiple:
        if name in words:
            return
        yield name
        if not option.is_flag:
            yield _text(value)
        return
    for one in value:
        if _text(one) not in words:
            yield from (name, _text(one))


def _text(value: Any) -> str:
    return shlex.quote(format_duration(value) if isinstance(value, timedelta) else str(value))

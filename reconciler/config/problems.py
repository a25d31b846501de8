"""Describes the problems of a configuration: file, key path, cause and a suggestion.

pydantic reports what failed; a person needs to know which line to correct. So every message is
reworded here, and the invalid value is never repeated unless our own rule does (it may be secret).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from reconciler.config.key_place import Place
from reconciler.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_WORDS = {
    "missing": "is missing",
    "tuple_type": "a list is wanted: [ … ]",
    "string_type": "text in quotes is wanted",
    "int_type": "a whole number is wanted, without quotes",
    "float_type": "a number is wanted, without quotes",
    "bool_type": "true or false is wanted, without quotes",
    "model_type": "a table is wanted",
    "mapping_type": "a table is wanted",
    "is_instance_of": "a table is wanted",
}


@dataclass(frozen=True)
class Problem:
    """One problem: the file, the key's path ('' for the file as a whole), and what to correct.

    `at` is the key's place in the file, where it is known.
    """

    path: Path
    key: str
    text: str
    at: Place | None = None

    @classmethod
    def of(cls, path: Path, schema: type[BaseModel], error: ErrorDetails) -> Problem:
        """The problem behind one of pydantic's errors about a document of `schema`."""
        where = [part for part in error["loc"] if part != "[key]"]
        text = _text(schema, error)
        head, colon, rest = text.partition(": ")
        is_key = all(map(str.isidentifier, head.split(".")))
        if error["type"] == "value_error" and colon and is_key:
            # A rule between keys names the key that it is about.
            where, text = [*where, *head.split(".")], rest
        return cls(path, _dotted(where), text)

    def __str__(self) -> str:
        where = f"{'/'.join(self.path.parts[-2:])}: "
        place = f" {self.at}" if self.at else ""
        return where + (f"{self.key}: " if self.key else "") + self.text + place


def all_of(path: Path, schema: type[BaseModel], error: ValidationError) -> list[Problem]:
    """The problems of one document.

    A list whose items are all wrong is also "too short" to pydantic: that is not reported twice.
    """
    errors = error.errors()
    deeper = {error["loc"][:depth] for error in errors for depth in range(len(error["loc"]))}
    reported = [
        error for error in errors if error["type"] != "too_short" or error["loc"] not in deeper
    ]
    return [Problem.of(path, schema, error) for error in reported]


def gather(problems: Sequence[Problem]) -> ConfigError:
    """All problems as one error: the message itself if there is one, else one line each below."""
    lines = [str(problem) for problem in problems]
    if len(lines) == 1:
        return ConfigError(lines[0])
    return ConfigError(f"the configuration has {len(lines)} problems", detail="\n".join(lines))


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that `word` most likely was meant to be, or ''."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), "")


def _dotted(where: Iterable[int | str]) -> str:
    text = ""
    for part in where:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _text(schema: type[BaseModel], error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(schema, error["loc"])
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"one of {context['expected'].replace(chr(39), chr(34))} is wanted"
    if kind == "too_short" and context.get("field_type") == "Tuple":
        return "at least one is wanted"
    return _WORDS.get(kind) or error["msg"].replace("Input should", "should")


def _unknown_key(schema: type[BaseModel], loc: Sequence[int | str]) -> str:
    *parents, key = [part for part in loc if isinstance(part, str)]
    here = _descend(schema, parents)
    if here is None:
        return "is not a key we know"
    close = nearest(key, _keys(here))
    if close:
        return f"is not a key we know; did you mean {close}?"
    elsewhere = _home_of(schema, key)
    return "is not a key we know" + (f"; it belongs in {elsewhere}" if elsewhere else "")


def _keys(schema: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in schema.model_fields.items()]


def _section(annotation: Any) -> type[BaseModel] | None:
    """The section an annotation such as `Database | None` or `tuple[Smoke, ...]` holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_section, get_args(annotation))), None)


def _descend(schema: type[BaseModel], parents: Iterable[str]) -> type[BaseModel] | None:
    here: type[BaseModel] | None = schema
    for name in parents:
        field = here.model_fields.get(name) if here else None
        here = _section(field.annotation) if field else None
    return here


def _home_of(schema: type[BaseModel], key: str) -> str:
    if key in _keys(schema):
        return "the top of the file, before the first [table]"
    for name, field in schema.model_fields.items():
        section = _section(field.annotation)
        if section is not None and key in _keys(section):
            return f"[{name}]"
    return ""

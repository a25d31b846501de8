"""Removes a guard from this process, whose modules are imported already. No file is changed.

The changed source is run as a module of its own. A function gets the code of its counterpart there,
so that whoever has imported it by name runs that. A text or tuple that a module computes once takes
its counterpart's place under its name, in whichever module has it. A dataclass shows the fields
that its counterpart shows.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import FunctionType
from typing import Any

from tests.mutants.guard import ROOT, Guard


def remove(guard: Guard) -> None:
    """From here on the guard is missing. Raises Outdated, or TypeError if that cannot be done."""
    name = guard.file.removesuffix(".py").replace("/", ".")
    module = importlib.import_module(name)
    source = guard.removed((ROOT / guard.file).read_text(encoding="utf-8"))
    lacking: dict[str, Any] = {"__name__": name}
    exec(compile(source, str(module.__file__), "exec"), lacking)  # noqa: S102 -- our own source
    if guard.scope:
        _function(vars(module), guard.scope).__code__ = _function(lacking, guard.scope).__code__
    elif not _replace_constants(vars(module), lacking) | _replace_reprs(vars(module), lacking):
        raise TypeError(f"{guard.name}: no text and no tuple of {guard.file} changes")


def _function(names: Mapping[str, Any], scope: str) -> FunctionType:
    first, *rest = scope.split(".")
    found = names.get(first)
    for name in rest:
        found = vars(found).get(name)
    found = found.fget if isinstance(found, property) else getattr(found, "__func__", found)
    function = inspect.unwrap(found) if callable(found) else None
    if not isinstance(function, FunctionType):
        raise TypeError(f"{scope} is no function")
    return function


def _replace_constants(names: dict[str, Any], lacking: Mapping[str, Any]) -> bool:
    """Whether anything was replaced."""
    changed = {
        name: old
        for name, old in names.items()
        if isinstance(old, str | tuple) and name in lacking and not name.startswith("__")
        if _differ(old, lacking[name])
    }
    for name, old in changed.items():
        for module in list(sys.modules.values()):
            if getattr(module, "__dict__", {}).get(name) is old:
                setattr(module, name, lacking[name])
    return bool(changed)


def _differ(old: Any, new: Any) -> bool:
    """Two tuples of functions and rules are never equal: their lengths tell."""
    return old != new if isinstance(old, str) else len(old) != len(new)


def _replace_reprs(names: Mapping[str, Any], lacking: Mapping[str, Any]) -> bool:
    """Whether anything was replaced."""
    changed = [
        (old, lacking[name])
        for name, old in names.items()
        if isinstance(old, type) and is_dataclass(old) and old.__module__ == lacking["__name__"]
        if _shown(old) != _shown(lacking[name])
    ]
    for old, new in changed:
        old.__repr__ = new.__repr__  # type: ignore[method-assign]
    return bool(changed)


def _shown(one: Any) -> list[str]:
    return [field.name for field in fields(one) if field.repr]

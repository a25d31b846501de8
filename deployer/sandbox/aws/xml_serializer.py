"""Faster XML answers for thousands of resources: moto's serialiser without repeated work.

moto computes the possible names of every value anew, and writes XML with a general library. Both
depend on types and shapes alone; here the names are cached and the XML is written directly. The
output is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from moto.core.constants import MISSING
from moto.core.serialize import (
    AttributePickerContext,
    EC2Serializer,
    XFormedAttributePicker,
)
from moto.core.utils import get_value

_names: dict[tuple[Any, ...], tuple[str, ...]] = {}
_transforms: dict[str, Any] = {}
_names_of = XFormedAttributePicker.get_possible_keys


def apply() -> None:
    """Replace moto's serialiser; idempotent."""
    serializer: Any = EC2Serializer
    serializer.get_value = _get_value
    serializer._serialize_body = _write_document  # noqa: SLF001  # the only place to do it


def _get_value(self: Any, obj: Any, key: str, shape: Any) -> Any:
    parent = getattr(shape, "parent", None)
    named = shape.serialization.get("name"), parent.name if parent is not None else None
    seen = (type(obj), key, shape.name, *named)
    names = _names.get(seen)
    if names is None:
        names = _names[seen] = _possible_names(self, obj, key, shape)
    value = None
    for name in names:
        found = _look(obj, name)
        if found is not MISSING:
            value = found
            break
    transform = _transform_of(self, f"{'.'.join(self.path)}.{key}")
    return value if transform is None else transform(value)


def _look(obj: Any, name: str) -> Any:
    if isinstance(obj, dict) and "." not in name:
        return obj.get(name, MISSING)
    if hasattr(obj, "__getitem__") or "." in name:
        return get_value(obj, name, MISSING)
    return getattr(obj, name, MISSING)


def _possible_names(serializer: Any, obj: Any, key: str, shape: Any) -> tuple[str, ...]:
    picker: Any = XFormedAttributePicker()
    context = AttributePickerContext(obj, key, shape, serializer.operation_model)
    return tuple(dict.fromkeys(_names_of(picker, context)))


def _transform_of(serializer: Any, path: str) -> Any:
    if path not in _transforms:
        known = serializer._value_picker.response_transformers  # noqa: SLF001
        fitting = (t for ending, t in known.items() if path.endswith(ending))
        _transforms[path] = next(fitting, None)
    return _transforms[path]


def _write_document(_: Any, body: Mapping[str, Any]) -> str:
    return '<?xml version="1.0" encoding="utf-8"?>\n' + "".join(_write(body))


def _write(body: Mapping[str, Any]) -> Iterator[str]:
    for name, value in body.items():
        if name.startswith("@"):
            continue
        for item in value if isinstance(value, list) else [value]:
            yield from _element(name, item)


def _element(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        attributes = (f" {k[1:]}={quoteattr(str(v))}" for k, v in value.items() if k[0] == "@")
        yield f"<{name}{''.join(attributes)}>"
        yield from _write(value)
        yield f"</{name}>"
    elif value is None or value == "":
        yield f"<{name}/>"
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        yield f"<{name}>{escape(text)}</{name}>"

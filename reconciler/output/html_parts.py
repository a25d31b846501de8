"""Parts of an HTML page: cells, sortable tables, escaped text. Pure, except for its own files."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib.resources import files

from reconciler.util import humanize


@dataclass(frozen=True)
class Cell:
    """One cell: safe HTML, its sort value, and its class."""

    html: str
    value: float | None = None
    style: str = ""

    def __str__(self) -> str:
        style = f' class="{self.style}"' if self.style else ""
        value = "" if self.value is None else f' data-value="{self.value:.10g}"'
        return f"<td{style}{value}>{self.html}</td>"


def _own(name: str) -> str:
    return files("reconciler.output").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def page(title: str, body: Iterable[str]) -> str:
    """A self-contained document.

    Its Content-Security-Policy allows only its own style and script.
    """
    style, script = _own("report.css"), _own("report.js")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            *body,
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        )
    )


def table(
    id_: str,
    caption: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    foot: str = "",
) -> Iterator[str]:
    """A sortable table, in a frame that scrolls horizontally on a small screen."""
    yield f'<div class="scroll" role="region" aria-labelledby="{id_}-caption" tabindex="0">'
    yield f'<table class="sortable" id="{id_}">'
    yield f'<caption id="{id_}-caption">{text(caption)}</caption>'
    numbers = {"$/h", "so far", "30 days", "things"}
    columns = (
        f'<th scope="col"{" class=num" if one in numbers else ""}>{escape(one)}</th>'
        for one in heads
    )
    yield f"<thead><tr>{''.join(columns)}</tr></thead><tbody>"
    for row in rows:
        yield f"<tr>{''.join(map(str, row))}</tr>"
    yield f"</tbody>{f'<tfoot>{foot}</tfoot>' if foot else ''}</table></div>"


def number(shown: str, value: float) -> Cell:
    """A number, right-aligned."""
    return Cell(escape(shown), value, "num")


def state_tag(state: str) -> str:
    """A state as a coloured tag."""
    return f'<span class="tag {style_of(state)}">{text(state)}</span>'


def style_of(state: str) -> str:
    """The CSS class of a state's colour."""
    return f"s-{re.sub('[^a-z]+', '-', state.lower())}"


def moment(time: datetime) -> str:
    """A UTC time, to the minute."""
    return f"{time:%Y-%m-%d %H:%M}"


def text(said: str) -> str:
    """Untrusted text: escaped, on one line, without control characters."""
    return escape(humanize.one_line(said))

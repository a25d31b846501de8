"""Pieces of a page: cells, tables that sort, text that is only text. Pure but for its own files."""

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
    """One cell: safe HTML, what it sorts by, and its class."""

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
    """A whole document that needs nothing from anywhere.

    Its own policy lets no style and no script in but those that it came with.
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
    """A table that can be sorted, in a frame that scrolls by itself on a small screen."""
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
    """A figure, to the right."""
    return Cell(escape(shown), value, "num")


def state_tag(state: str) -> str:
    """A state as a coloured word."""
    return f'<span class="tag {style_of(state)}">{text(state)}</span>'


def style_of(state: str) -> str:
    """The class that gives a state its colour."""
    return f"s-{re.sub('[^a-z]+', '-', state.lower())}"


def moment(time: datetime) -> str:
    """To the minute, in UTC."""
    return f"{time:%Y-%m-%d %H:%M}"


def text(said: str) -> str:
    """Anybody's text as text: escaped, on one line, without what moves a cursor."""
    return escape(humanize.one_line(said))

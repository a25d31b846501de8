"""Messages and help texts are plain technical English: what was mended once does not come back."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import click
import pytest

from deployer.cli.main import cli as deployer
from reconciler.cli.main import cli as reconciler

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    (
        *(
            path
            for product in ("deployer", "reconciler")
            for suffix in ("*.py", "*.html")
            for path in (ROOT / product).rglob(suffix)
        ),
        *(ROOT / "docs" / "man").glob("*.1"),
        ROOT / "docs" / "errors.md",
    )
)
"""The product, and what users read of it: manual pages, the page of errors."""


@cache
def texts() -> dict[Path, str]:
    """Each of them as it stands."""
    return {path: path.read_text(encoding="utf-8") for path in SOURCES}


WORDS = {
    r"while I live": "taken; renewed while this runs",
    r"refuses writes since": "has refused writes for",
    r"stale clients": "clients with old DNS",
    r"kept from acting: ": "masked until tested: ",
    r"or the like": "e.g.",
    r"not known to me": "which this program does not know",
    r"there is no ledger, yet": "the ledger is gone, but",
    r"no stranger": "it already belongs to",
    r"undoing everything": "removing what this release made",
    r"'thing'|\"thing\"|\bthings gone": "resource",
    r"\"as it is\"": "kept unchanged",
    r"\bbeyond retention\b": "more than keep = 2",
    r"\bunrooted\b": "not in the ledger",
    r"\} s more\b": "for 9m 54s",
    r":(?:g|\.\df)\} s\b": "humanize.span",
    r"[Ww]ait so long": "Wait up to DURATION",
    r"Every thing|every thing|\} things\b|\bwhy a thing\b|things (?:behind|removed)\b": "resources",
    r"\"what\", \"id\"": "deploy, state, kind",
}
"""What must not stand in the code, and what says it better."""


@pytest.mark.parametrize("pattern", WORDS)
def test_no_source_has_words_that_were_replaced(pattern: str) -> None:
    """The left column of the table of words has no hit in the product."""
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path, text in texts().items()
        if re.search(pattern, text)
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert not found, "\n".join([f"better: {WORDS[pattern]}", *found])


def options(group: click.Group, path: str) -> list[tuple[str, click.Option]]:
    """Every option of every command, with the command's words."""
    context = click.Context(group)
    found: list[tuple[str, click.Option]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            found += options(command, f"{path} {name}")
        elif command is not None:
            own = [one for one in command.params if isinstance(one, click.Option)]
            found += [(f"{path} {name}", one) for one in own]
    return found


def test_every_option_says_what_it_does() -> None:
    """Help is a phrase with a noun: no `How.`, no pronoun for what the option is about."""
    every = options(deployer, "deployer") + options(reconciler, "reconciler")
    poor = [
        f"{command} {option.opts[0]}: {option.help}"
        for command, option in every
        if len((option.help or "").split()) < 2
        or re.match(r"(?:It|This|That|One|What|Who|Whose|Where|How|Such)\b", option.help or "")
    ]
    assert len(every) > 40
    assert poor == []

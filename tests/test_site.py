"""The source of the documentation's site: every link leads to a page that is there."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml

from deployer.cli.main import cli as deployer
from reconciler.cli.main import cli as reconciler
from scripts.site_source import ROOT, pages


@cache
def site() -> dict[str, str]:
    """Every page with its text."""
    return dict(pages())


def entries(node: Any) -> Iterator[str]:
    """The pages that a part of the navigation names."""
    values = node.values() if isinstance(node, dict) else node
    for value in values:
        if isinstance(value, str):
            yield value
        else:
            yield from entries(value)


def test_the_navigation_names_every_page() -> None:
    """A page that nobody finds is not there; decisions are listed in the architecture."""
    found = list(entries(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    wanted = {name for name in site() if not name.startswith("adr/")}
    assert sorted(found) == sorted(wanted)


def test_links_lead_to_pages() -> None:
    """None leads out of the site, and none to a page that is not written."""
    for name, text in site().items():
        for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", text):
            if "://" not in target and not target.startswith("mailto:"):
                there = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
                assert there in site(), f"{name}: {target}"


def test_the_reference_has_every_command() -> None:
    """As its own help says it."""
    text = next(text for name, text in site().items() if name.startswith("reference/commands"))
    for program, group in (("deployer", deployer), ("reconciler", reconciler)):
        for name, command in group.commands.items():
            assert command.hidden or f"### {program} {name}" in text


def test_the_reference_has_every_metric() -> None:
    """Those that the documents explain, which a test of theirs compares with what is served."""
    explained = re.findall(r"^\| `(reconciler_\w+)", site()["running.md"], re.MULTILINE)
    assert len(explained) > 10
    page = next(text for name, text in site().items() if name.startswith("reference/metrics"))
    shown = re.findall(r"^\| `(reconciler_\w+)`", page, re.MULTILINE)
    assert sorted(shown) == sorted(explained)

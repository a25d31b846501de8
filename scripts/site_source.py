"""Writes the source of the documentation's site: the pages of docs/, and a reference from the code.

    PYTHONPATH=. .venv/bin/python scripts/site_source.py FOLDER

The pages are written to be read in the repository, so links that lead out of docs/ are changed: the
README becomes the home page, and a file that is no page is named instead of linked.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from deployer.cli.main import cli as deployer
from reconciler.cli.daemon.metrics import Metrics
from reconciler.cli.main import cli as reconciler
from reconciler.cost.price_list import Prices
from reconciler.exit_codes import MEANINGS

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": ""}
"""Files of the repository that are pages of the site; '' for those that are not."""

_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")


def pages() -> Iterator[tuple[str, str]]:
    """Every page with its text."""
    for path in sorted((ROOT / "docs").rglob("*.md")):
        yield path.relative_to(ROOT / "docs").as_posix(), page(path)
    for name, target in PAGES.items():
        if target:
            yield target, page(ROOT / name)
    yield "reference/commands.md", commands()
    yield "reference/configuration.md", configuration()
    yield "reference/policies.md", policies()
    yield "reference/metrics.md", metrics()
    yield "reference/schemas.md", schemas()


def page(path: Path) -> str:
    """The text of a page, its links as they are on the site."""
    return _LINK.sub(lambda found: _link(path, found[1], found[2]), path.read_text("utf-8"))


def _link(page_: Path, words: str, target: str) -> str:
    if "://" in target or target.startswith(("#", "mailto:")):
        return f"[{words}]({target})"
    name, sign, anchor = target.partition("#")
    path = (page_.parent / name).resolve()
    inside = path.relative_to(ROOT).as_posix()
    here = _site_path(page_.relative_to(ROOT).as_posix())
    there = _site_path(inside) if path.suffix == ".md" and path.exists() else ""
    if not there:
        return f"{words} (`{inside}`)" if inside not in words else words
    up = "../" * here.count("/")
    # A heading that ends in a sign has a hyphen at its end in the repository, and none on the site.
    return f"[{words}]({up}{there}{sign}{anchor.rstrip('-')})"


def _site_path(name: str) -> str:
    """Where a file of the repository is on the site; '' if it is no page."""
    return PAGES.get(name, "") or (name.removeprefix("docs/") if name.startswith("docs/") else "")


def commands() -> str:
    """The help of every command, and the exit codes."""
    lines = ["# Commands", "", "| exit | meaning |", "|---|---|"]
    lines += [f"| {code.value} | {words} |" for code, words in MEANINGS.items()]
    for program, group in (("deployer", deployer), ("reconciler", reconciler)):
        lines += ["", f"## {program}"]
        for words, text in _helps(group, (program,)):
            lines += ["", f"### {words}", "", "```text", text, "```"]
    return "\n".join(lines) + "\n"


def _helps(group: click.Group, before: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    parent = click.Context(group, info_name=" ".join(before))
    for name, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        context = command.make_context(name, ["--help"], parent, resilient_parsing=True)
        if isinstance(context.command, click.Group):
            yield from _helps(context.command, (*before, name))
        else:
            yield " ".join((*before, name)), context.get_help()


def configuration() -> str:
    """The example files, which explain every key."""
    lines = ["# Configuration", "", "Every key, with its default and what it does."]
    for name in ("services/shop.toml", "reconciler.toml"):
        text = (ROOT / "config" / name).read_text("utf-8").rstrip()
        lines += ["", f"## {name}", "", "```toml", text, "```"]
    return "\n".join(lines) + "\n"


def policies() -> str:
    """What `reconciler policy` prints for the example configuration."""
    lines = ["# Policies", "", "What `reconciler policy` prints for the example configuration."]
    for path in sorted((ROOT / "config/iam").glob("*.json")):
        lines += ["", f"## {path.stem}", "", "```json", path.read_text("utf-8").rstrip(), "```"]
    return "\n".join(lines) + "\n"


def metrics() -> str:
    """What `/metrics` of `reconciler run` says of itself: names, types and help."""
    served = Metrics(Prices).application({"REQUEST_METHOD": "GET", "PATH_INFO": ""}, _ignored)
    text = b"".join(served).decode()
    words = dict(re.findall(r"^# HELP (reconciler_\w+) (.*)$", text, re.MULTILINE))
    lines = [
        "# Metrics",
        "",
        "What `reconciler run` serves at `/metrics`; [labels](../running.md).",
    ]
    lines += ["", "| metric | type | |", "|---|---|---|"]
    for name, kind in re.findall(r"^# TYPE (reconciler_\w+) (\w+)$", text, re.MULTILINE):
        if not name.endswith("_created"):
            lines.append(f"| `{name}` | {kind} | {words[name]} |")
    return "\n".join(lines) + "\n"


def _ignored(*_: object) -> Any:
    return len


def schemas() -> str:
    """The published schemas of streams and of the journal."""
    lines = ["# Schemas", "", "Of `--json` streams and of the journal."]
    for path in sorted((ROOT / "docs").glob("*.schema.json")):
        lines += ["", f"## {path.name}", "", "```json", path.read_text("utf-8").rstrip(), "```"]
    return "\n".join(lines) + "\n"


def write(folder: Path) -> None:
    """All pages, and nothing else that was there."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in pages():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))

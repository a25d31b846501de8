"""Every command that a message of the product offers, taken from the source."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from deployer.cli.main import cli as deployer
from reconciler.cli.main import cli as reconciler

ROOT = Path(__file__).resolve().parent.parent.parent
GROUPS: dict[str, click.Group] = {"deployer": deployer, "reconciler": reconciler}

_OFFERED = re.compile(
    r"(?:^|  |`|: |then )((?:deployer|reconciler) [a-z][^\n`]*?)"
    r"(?=$|\n|`|  |, then|, or |, with | \(| [|>]| says| ends)",
    re.MULTILINE,
)
_SAMPLES = (
    (r"^despite$|^options$", ""),
    (r"_program|_policy_of", "deployer"),
    (r"duration", "2h"),
    (r"most", "10"),
    (r"deploy|live|target|^named$|\bid\b|to\b|spare", "shop/20261123T031502Z-7kq2m"),
    (r"name|service|other|mine", "shop"),
    (r"instance|machine|resource", "i-0a17be44"),
    (r"account", "123456789012"),
)


@dataclass(frozen=True)
class Offer:
    """A command line as a user would paste it, with samples for what is filled in."""

    where: str
    line: str


def offers() -> Iterator[Offer]:
    """All of them but the sandbox's own."""
    for product in GROUPS:
        for path in sorted((ROOT / product).rglob("*.py")):
            if "sandbox" not in path.parts:
                yield from _of(path)


def _of(path: Path) -> Iterator[Offer]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    # A text that stands alone is a docstring, of a function or of a constant.
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in inside | documents or not isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        for found in _OFFERED.findall(_text(node)):
            yield Offer(f"{path.relative_to(ROOT)}:{node.lineno}", found.strip().rstrip(".,;:)"))


def _text(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(_part(part) for part in node.values)


def _part(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    said = ast.unparse(node).strip("{}")
    return next((sample for pattern, sample in _SAMPLES if re.search(pattern, said)), "X")


def parsed(line: str) -> None:
    """Parse the line as the program would, and run nothing. Raises click.UsageError."""
    program, *words = shlex.split(line)
    context = click.Context(GROUPS[program], info_name=program)
    name, command, rest = GROUPS[program].resolve_command(context, words)
    assert command is not None
    while isinstance(command, click.Group) and rest:
        context = click.Context(command, info_name=name, parent=context)
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found
    command.make_context(name, rest, parent=context)

"""Every command that a message of the product offers, taken from the source."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
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

_NAMES_A_PROGRAM = re.compile(r"\b(?:deployer|reconciler)\b(?!\.)|_program|_policy_of")
"""In every source that offers a command; most name a program in their imports alone."""

_FILLED = "\0"
"""Stands for what an f-string fills in."""

_LATER = rf"{re.escape(_FILLED)}|\\{{\w+\\}}"
"""That, and what `str.format` fills in, both escaped."""

LOOKS = re.compile(
    r"deployer (?:status|history|logs|ssh|plan|doctor)\b|deployer traffic \S+$|deployer rehearse\b"
    r"|reconciler (?:plan|report|explain|policy|prices|scopes|strays|inventory|ledgers|collate)\b"
)
"""Commands that only look: they show the cause, and what they find is not changed by them."""


@dataclass(frozen=True)
class Offer:
    """A command line as a user would paste it, with samples for what is filled in.

    `made_by` is the file and the function that offer it, `pattern` what the line looks like with
    anything filled in; an `example` stands in a help text.
    """

    where: str
    line: str
    made_by: str = ""
    pattern: str = ""
    example: bool = False

    @property
    def looks(self) -> bool:
        """Whether the command only looks."""
        return bool(LOOKS.match(self.line))

    @property
    def key(self) -> str:
        """What the offer is called in a table: it does not change with the numbers of lines."""
        return f"{self.made_by} | {self.line}"

    def fits(self, line: str) -> bool:
        """Whether a line that was printed is this one, with more options or without."""
        return re.fullmatch(f"{self.pattern}(?: .*)?", line) is not None


@cache
def offers() -> tuple[Offer, ...]:
    """All of them but the sandbox's own."""
    return tuple(
        offer
        for product in GROUPS
        for path in sorted((ROOT / product).rglob("*.py"))
        if "sandbox" not in path.parts
        for offer in _in_text(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
    )


def _in_text(file: str, text: str) -> Iterator[Offer]:
    if _NAMES_A_PROGRAM.search(text):
        yield from _of(file, ast.parse(text))


def _of(file: str, tree: ast.Module) -> Iterator[Offer]:
    nodes = list(ast.walk(tree))
    inside = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    # A text that stands alone is a docstring, of a function or of a constant.
    documents = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    examples = {id(part) for one in _calls(nodes, "epilog") for part in ast.walk(one)}
    for node in nodes:
        if id(node) in inside | documents or not isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        for line, pattern in zip(_lines(node, _sample), _lines(node, _filled), strict=True):
            yield Offer(
                f"{file}:{node.lineno}",
                line,
                f"{file}::{_function(tree, node.lineno)}",
                re.sub(_LATER, ".*?", re.escape(pattern)),
                id(node) in examples,
            )


def _calls(nodes: list[ast.AST], name: str) -> Iterator[ast.Call]:
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def _function(tree: ast.Module, line: int) -> str:
    """The innermost function that has this line; '' outside of all."""
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    return max(around, key=lambda one: one.lineno).name if around else ""


def _lines(node: ast.Constant | ast.JoinedStr, part: Callable[[ast.expr], str]) -> list[str]:
    return [found.strip().rstrip(".,;:)") for found in _OFFERED.findall(_text(node, part))]


def _text(node: ast.Constant | ast.JoinedStr, part: Callable[[ast.expr], str]) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(part(one) for one in node.values)


def _filled(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else _FILLED


def _sample(node: ast.expr) -> str:
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

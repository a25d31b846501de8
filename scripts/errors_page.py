"""Writes docs/errors.md: every error that the code can raise, from where it raises it.

    .venv/bin/python scripts/errors_page.py

What stands in the page comes from the source (types, exit codes, messages, cures); what stands in
WORDS is for people. `tests/test_docs.py` compares the page with what this would write.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from reconciler import errors
from reconciler.errors import ToolError
from reconciler.exit_codes import MEANINGS, code_of

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "errors.md"
KINDS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, ToolError) and not name.startswith("_")
}
LEFT_OUT = ("sandbox",)
"""What users of the product do not meet."""

WORDS: dict[str, str] = {
    "ConfigError": "Correct the file, key or option that the message names. Nothing was done.",
    "NoDatabase": "Nothing was done: only a service with a `[database]` has one to act on.",
    "Refused": "Nothing was done. The last lines are the commands that lead on: choose one.",
    "LedgerUnknown": (
        "Nothing is touched while it is unknown who is live. Where AWS did not answer, try again; "
        "where somebody changed the record, put it back or let `deployer recover` write it anew."
    ),
    "AccessDenied": (
        "The message names the action. Log in again, or give the role the action: "
        "`reconciler policy` prints all that this configuration needs. What had been made was "
        "removed as far as permissions went; what stays is listed (exit 4)."
    ),
    "BakeFailed": (
        "The message says which release is live. Where it is the new one, `deployer rollback` goes "
        "back and counts the writes that would be lost."
    ),
    "DirtRemains": "The list says what and why. Mend the cause, then `reconciler sweep`.",
    "FollowUpFailed": (
        "The release is live and stays so. Mend the cause; the next `reconciler sweep` finishes it."
    ),
    "ToolError": "The release or the command was undone; the message is the cause.",
    "CloudError": (
        "AWS said no, in the words shown. A release is undone; a thing that a sweep could not "
        "delete is listed and tried again by the next."
    ),
    "CloudUnclear": (
        "A reply was lost. The product reads again before it goes on, so that you need do nothing; "
        "where it ends a command, repeat the command."
    ),
    "SwapLost": "Somebody else changed the service first. See `deployer status`, then again.",
    "NotTried": "`reach` in reconciler.toml says so. Run the sweep from where it may.",
    "ShellError": "The lines below the message are the machine's own.",
    "CannotConnect": (
        "Look at the security group, the route, the key and, if it is new, the console: its last "
        "lines are shown. A host key that differs is no nuisance: find out who answers."
    ),
    "CommandFailed": "The command's last lines are shown. Mend it in the release or the image.",
    "CommandTimedOut": "Its last lines say how far it came. Mend it, or raise its limit.",
    "ConnectionLost": "Whether the command finished is not known; the release is undone.",
    "DatabaseError": "PostgreSQL's own words are shown. The live database takes writes again.",
    "StaleAct": "Somebody changed the service since. Look with `deployer status`, then again.",
    "SmokeFailed": "What was asked, what came and what was wanted; live was never switched.",
}
"""By type: what has happened by then, and what helps where the message names no command."""

INTRO = """\
# Errors

Written by `scripts/errors_page.py` from the source; do not edit it here. Words in {braces} are
filled in.

A command says one line with the cause, what there is to read (a command's last lines), and what to
do next. `-v` adds the trace. A program reads the exit code, or the last event of `--json`.

## Exit codes

| exit | meaning | then |
|---|---|---|
"""

THEN = {
    0: "nothing",
    1: "mend the cause and release again; nothing is left, and live has been serving",
    2: "correct the file, key or option that is named; nothing was done",
    3: "choose one of the commands that are shown; nothing was done",
    4: "mend the cause of what is listed, then `reconciler sweep`",
    5: "mend the cause; `reconciler sweep` finishes it. Do not release again to get rid of it",
    6: "log in again, or allow the action that is named: `reconciler policy`",
    10: "look at what is shown; `reconciler sweep` or `deployer up` does it",
}


@dataclass(frozen=True)
class Site:
    """One place that raises: which type, where, what it says, and what it advises."""

    kind: str
    file: str
    says: str
    cure: str


def page() -> str:
    """The whole page."""
    rows = [f"| {int(code)} | {MEANINGS[code]} | {THEN[int(code)]} |\n" for code in MEANINGS]
    rows.append("| 130, 143 | a signal; cleaned up | nothing |\n")
    found = sites()
    parts = [_section(kind, [one for one in found if one.kind == kind]) for kind in WORDS]
    return INTRO + "".join(rows) + "\n## By type\n\n" + _TYPES + "\n\n".join(parts) + "\n"


_TYPES = """\
The exit code is that of a command which the error ends. Where a sweep meets it at one thing of
many, the rest is done, the thing is listed with the same words, and the exit code is 4; where a
release meets it past the commit, 5. Before anything was made, what cannot be read is refused: 3.
Where a cell is empty, the type's own words help.

"""


def _section(kind: str, found: list[Site]) -> str:
    code = code_of(KINDS[kind].__new__(KINDS[kind]))
    about = (KINDS[kind].__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    about = re.sub(r" \(exit \d\)", "", about)
    lines = [f"### {kind}\n", f"Exit {code}. {about} {WORDS[kind]}\n"]
    if found:
        lines += ["| it says | what helps | from |", "|---|---|---|"]
        lines += [f"| {one.says} | {one.cure} | `{one.file}` |" for one in found]
    return "\n".join(lines)


@cache
def sites() -> list[Site]:
    """Every place of the product that raises one of our errors in words of its own, in order."""
    paths = [path for package in ("deployer", "reconciler") for path in _sources(package)]
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    constants = {name: text for tree in trees.values() for name, text in _constants(tree)}
    found = {site for path, tree in trees.items() for site in _of(path, tree, constants)}
    return sorted(found, key=lambda one: (one.kind, one.file, one.says))


def _sources(package: str) -> list[Path]:
    every = sorted((ROOT / package).rglob("*.py"))
    return [one for one in every if not set(LEFT_OUT) & set(one.relative_to(ROOT).parts)]


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Texts that have a name of their own in a module."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Name) and isinstance(node.value.value, str):
                    yield target.id, node.value.value


def _of(path: Path, tree: ast.Module, constants: dict[str, str]) -> Iterator[Site]:
    heirs = dict(_heirs(tree))
    for around in ast.walk(tree):
        if not isinstance(around, ast.FunctionDef):
            continue
        for call in (node for node in ast.walk(around) if isinstance(node, ast.Call)):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            kind = heirs.get(name, name)
            if kind in KINDS and call.args:
                words = _Words(around, constants)
                file = str(path.relative_to(ROOT))
                yield from _sites(kind, file, call, words)


def _heirs(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Types of the module's own, each under the name of what it is a kind of."""
    for node in ast.walk(tree):
        for base in node.bases if isinstance(node, ast.ClassDef) else ():
            if isinstance(base, ast.Name) and base.id in KINDS and isinstance(node, ast.ClassDef):
                yield node.name, base.id


def _sites(kind: str, file: str, call: ast.Call, words: _Words) -> Iterator[Site]:
    cure = next((one.value for one in call.keywords if one.arg == "cure"), None)
    cures = words.of(cure) if cure else [KINDS[kind].advice]
    advice = " or ".join(dict.fromkeys(_tidy(one) for one in cures))
    for says in words.of(call.args[0]):
        if re.search(r"[a-z]{2}", re.sub(r"\{.*?\}", "", says)):  # else it passes others' words on
            yield Site(kind, file, _tidy(says), advice if "{…}" not in advice else "")


def _tidy(text: str) -> str:
    """For a cell of a table: lines become sentences, columns arrows, pipes harmless."""
    lines = [re.sub(r" {2,}", " → ", line.strip()) for line in text.splitlines() if line.strip()]
    return " · ".join(lines).replace("|", "\\|").replace("<", "&lt;")


class _Words:
    """What expressions say, with names in braces for what is filled in."""

    def __init__(self, around: ast.FunctionDef, constants: dict[str, str]) -> None:
        self._around, self._constants = around, constants

    def of(self, node: ast.expr, depth: int = 0) -> list[str]:
        """The texts that an expression can be; `{…}` for what cannot be told."""
        if isinstance(node, ast.Constant):
            return [str(node.value)]
        if isinstance(node, ast.JoinedStr):
            return ["".join(self._part(one) for one in node.values)]
        if isinstance(node, ast.BinOp):
            right = self.of(node.right, depth)
            return [a + b for a in self.of(node.left, depth) for b in right]
        if isinstance(node, ast.IfExp):
            return self.of(node.body, depth) + self.of(node.orelse, depth)
        name = getattr(node, "id", getattr(node, "attr", ""))
        if name in self._constants:
            return [self._constants[name]]
        values = list(self._assigned(name)) if isinstance(node, ast.Name) and depth < 3 else []
        return [said for one in values for said in self.of(one, depth + 1)] or ["{…}"]

    def _assigned(self, name: str) -> Iterator[ast.expr]:
        for node in ast.walk(self._around):
            if isinstance(node, ast.Assign) and any(
                isinstance(one, ast.Name) and one.id == name for one in node.targets
            ):
                yield node.value

    def _part(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant):
            return str(node.value)
        inner = node.value if isinstance(node, ast.FormattedValue) else node
        return f"{{{_name(inner)}}}"


def _name(node: ast.expr) -> str:
    """A word for what is filled in: the last name of the expression."""
    if isinstance(node, ast.Name | ast.Attribute):
        found = node.id if isinstance(node, ast.Name) else node.attr
        return found.strip("_").lower().replace("_", " ")
    if isinstance(node, ast.Call) and node.args:
        return _name(node.args[0])
    if isinstance(node, ast.Call):
        return _name(node.func)
    if isinstance(node, ast.BoolOp):
        return _name(node.values[0])
    if isinstance(node, ast.Subscript | ast.Starred):
        return _name(node.value)
    return "…"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

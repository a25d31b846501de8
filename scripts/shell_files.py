"""Writes the manual pages (docs/man) and the shells' completions (config/completion).

    .venv/bin/python scripts/shell_files.py

All of it comes from the commands themselves; the package installs it below `share/`.
`tests/test_docs.py` compares the files with what this would write.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from deployer.cli.main import cli as deployer
from reconciler.cli.main import cli as reconciler

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS: dict[str, click.Group] = {"deployer": deployer, "reconciler": reconciler}
SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
HELP = ["-h", "--help"]
WIDTH = 76
"""Columns of a page, so that `man` shows it whole on a terminal of 80."""


def files() -> dict[Path, str]:
    """Every file with its text."""
    pages = {ROOT / f"docs/man/{name}.1": page(name, cli) for name, cli in PROGRAMS.items()}
    return pages | {
        ROOT / f"config/completion/{name}.{shell}": _completion(name, shell)
        for name in PROGRAMS
        for shell in SHELLS
    }


def page(name: str, cli: click.Group) -> str:
    """The manual page of one program in roff: a section for each of its commands."""
    summary = cli.get_short_help_str(WIDTH).rstrip(".")
    head = [f'.TH {name.upper()} 1 "" "deploysweep"', ".SH NAME", rf"{name} \- {_roff(summary)}"]
    whole = [*head, *_section(".SH DESCRIPTION", (name,), cli)]
    for words, command in _commands((name,), cli):
        whole += _section(f'.SH "{" ".join(words).upper()}"', words, command)
    return "\n".join(whole) + "\n"


def _commands(
    above: tuple[str, ...], group: click.Group
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that `--help` names, in its order, with those of groups."""
    context = click.Context(group, help_option_names=HELP)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        words = (*above, name)
        # With a parent, as in use: click remembers the names of the help option at the first one.
        asked = command.make_context(name, ["--help"], parent=context, resilient_parsing=True)
        real = asked.command
        yield words, real
        if isinstance(real, click.Group):
            yield from _commands(words, real)


def _section(head: str, words: tuple[str, ...], command: click.Command) -> list[str]:
    context = click.Context(
        command,
        info_name=" ".join(words),
        max_content_width=WIDTH,
        terminal_width=WIDTH,
        help_option_names=HELP,
    )
    return [head, ".nf", *map(_roff, command.get_help(context).splitlines()), ".fi"]


def _roff(line: str) -> str:
    """One line as roff shows it: no escape, no request."""
    plain = line.replace("\\", "\\e").replace("-", "\\-")
    safe = "".join(c if c.isascii() else rf"\[u{ord(c):04X}]" for c in plain)
    return f"\\&{safe}" if safe.startswith((".", "'")) else safe


def _completion(name: str, shell: str) -> str:
    """The script that asks the program itself what fits."""
    complete = SHELLS[shell](PROGRAMS[name], {}, name, f"_{name.upper()}_COMPLETE")
    return (complete.source_template % complete.source_vars()).strip() + "\n"


def main() -> None:
    """Write them all; with --check, print the names of those that would change."""
    for path, text in files().items():
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            click.echo(path.name)


if __name__ == "__main__":
    main()

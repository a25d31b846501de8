"""What in an env file would leave the app at the old database although its URL is changed.

A release changes the URL of one variable. Read on the machine: only names of variables leave it.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from reconciler.errors import ConfigError
from reconciler.machine.env_file import DATABASE_NAME
from reconciler.machine.shell import Command, Shell

_PARTS = "[A-Za-z0-9_]*(DB|DATABASE|DBNAME|DB_NAME|DATABASE_NAME)"


@dataclass(frozen=True)
class EnvHazards:
    """crlf: lines end in CR LF; urls, parts: variables that name the same database, besides."""

    crlf: bool = False
    urls: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


def read_hazards(shell: Shell, path: str, variable: str, database: str) -> EnvHazards:
    """Look through the env file. Raises ShellError."""
    name = database if DATABASE_NAME.fullmatch(database) else "-"
    begin = r"^[[:space:]]*(export[[:space:]]+)?"
    end = r"[\"'[:space:]]*"
    address = rf"[\"']?[A-Za-z0-9+]+://[^/]*/{name}({end}|[?].*)"
    url = rf"s#{begin}([A-Za-z_][A-Za-z0-9_]*)={address}$#url \2#p"
    part = rf"s#{begin}({_PARTS})=[\"']?{name}{end}$#part \2#p"
    file = shlex.quote(path)
    script = f"""\
if [ -e {file} ]; then
  if grep -q "$(printf '\\r')\\$" {file}; then echo crlf; fi
  sed -nE -e {shlex.quote(url)} -e {shlex.quote(part)} {file}
fi
"""
    label = f"look for what else names the database in {path}"
    return parse(shell.run(Command(script, label, sudo=True)).text, variable)


def parse(text: str, variable: str) -> EnvHazards:
    """The answer of the script. Pure."""
    found = [line.split() for line in text.splitlines()]

    def names(kind: str) -> tuple[str, ...]:
        every = {words[1] for words in found if len(words) > 1 and words[0] == kind}
        return tuple(sorted(every - {variable}))

    return EnvHazards(["crlf"] in found, names("url"), names("part"))


def refuse_hazards(path: str, variable: str, database: str, found: EnvHazards) -> None:
    """Raise ConfigError for a file of which a release would change a part only. Pure."""
    if found.crlf:
        raise ConfigError(
            f"the lines of {path} on live end in CR LF: the CR becomes part of every value",
            cure=f"On live   sudo sed -i 's/\\r$//' {path}   then restart the app",
        )
    others = (*found.urls, *found.parts)
    if others:
        raise ConfigError(
            f"{path} on live names {database} in {', '.join(others)} beside {variable}: a release "
            f"changes {variable} alone, and who reads the others would stay with the old database",
            cure=f"Let the app take them from {variable}, and take them out of {path} on live\n"
            "If nobody reads them, take them out as well",
        )

"""The env file of the app on a machine: written, and its database URL changed, without a leak.

The URL holds a password. It is read and rewritten on the machine itself, or comes over stdin; it is
never on a command line, in a log, or in what comes back.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from reconciler.errors import ConfigError
from reconciler.shell import Command, Shell

KEY = "DATABASE_URL"
_NAME = re.compile(r"[A-Za-z0-9_]{1,63}")

# Extended regular expressions of grep and sed, for `[export] KEY=["']scheme://login@host/name`.
# What stands before the name has no slash: RFC 3986 wants one written %2F there.
_LINE = rf"^[[:space:]]*(export[[:space:]]+)?{KEY}="
_URL = rf"""({_LINE}["']?[A-Za-z0-9+]+://[^/]*/)([^?"'[:space:]]*)"""


def write_env(shell: Shell, path: str, lines: Iterable[str]) -> None:
    """Replace the whole env file by `lines`: mode 0600, the old owner kept, at once or not at all.

    The lines go over stdin. Raises the errors of a Shell.
    """
    text = "".join(f"{line}\n" for line in lines)
    _change(shell, path, 'cat > "$new"', f"write {path}", text)


def set_database(shell: Shell, path: str, name: str) -> None:
    """Let the env file's DATABASE_URL lead to the database `name` on the same server.

    Nothing else of the URL, and no other line, changes. Raises ConfigError for a name that is none
    of ours, CommandFailed if the file or its URL is missing.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"not a database name: {name!r}")
    program = shlex.quote(f"s#{_URL}#\\1{name}#")
    script = f"""\
grep -qE {shlex.quote(_URL)} "$file" || {{ echo "no {KEY} in $file" >&2; exit 1; }}
sed -E {program} "$file" > "$new\""""
    _change(shell, path, script, f"set the database in {path}")


def set_database_url(shell: Shell, path: str, url: str) -> None:
    """Give the env file this DATABASE_URL, added if there was none. The URL goes over stdin.

    Raises ConfigError for a value that would not stay on its line.
    """
    if any(char in url for char in "\r\n'\""):
        raise ConfigError("the database URL holds a line break or a quote")
    others = f'grep -vE {shlex.quote(_LINE)} "$file" || :'
    script = f'{{ if [ -e "$file" ]; then {others}; fi; cat; }} > "$new"'
    _change(shell, path, script, f"set {KEY} in {path}", f"{KEY}={url}\n")


def read_env_database_name(shell: Shell, path: str) -> str:
    """The name of the database that the env file's DATABASE_URL leads to: that and no more.

    Empty if there is no such file, line or name.
    """
    program = shlex.quote(f"s#{_URL}.*#\\3#p")
    script = f"if [ -e {shlex.quote(path)} ]; then sed -nE {program} {shlex.quote(path)}; fi"
    command = Command(script, f"read the database's name in {path}", sudo=True)
    names = shell.run(command).text.splitlines()
    return names[-1] if names else ""


def _change(shell: Shell, path: str, script: str, label: str, text: str = "") -> None:
    """Run `script`, which makes `$new` out of `$file`, and put it in the file's place.

    Aside in the same folder, so that the rename is atomic; 0600 from its first byte on (mktemp).
    """
    whole = f"""\
set -eu
file={shlex.quote(path)}
mkdir -p "${{file%/*}}"
new=$(mktemp "$file.XXXXXX")
trap 'rm -f "$new"' EXIT
{script}
if [ -e "$file" ]; then chown "$(stat -c %u:%g "$file")" "$new"; fi
chmod 0600 "$new"
mv -f "$new" "$file"
"""
    shell.run(Command(whole, label, sudo=True, stdin=text.encode()))

"""Writes the app's env file on a machine and changes its database URL, without leaking it.

The URL holds a password. It is read and rewritten on the machine itself, or sent over stdin; it is
never on a command line, in a log, or in the output.
"""

from __future__ import annotations

import re
import shlex
from urllib.parse import unquote

from reconciler.errors import ConfigError
from reconciler.machine.shell import Command, Shell

DATABASE_NAME = re.compile(r"[A-Za-z0-9_]{1,63}")
_URL_PARTS = re.compile(r"([A-Za-z0-9+]+://[^/?\s'\"]*)(?:/[^?\s'\"]*)?((?:\?[^\s'\"]*)?)")


# Extended regular expressions of grep and sed, for `[export] KEY=["']scheme://login@host/name`.
# The part before the name has no slash: RFC 3986 requires %2F there.
def _line(variable: str) -> str:
    return rf"^[[:space:]]*(export[[:space:]]+)?{variable}="


def _url(variable: str) -> str:
    return rf"""({_line(variable)}["']?[A-Za-z0-9+]+://[^/]*/)([^?"'[:space:]]*)"""


def set_database(shell: Shell, path: str, variable: str, name: str, url: str | None = None) -> None:
    """Points the env file's `variable` to the database `name`; no other line changes.

    Without `url` only the name in the file's own URL is replaced, on the machine; with it, the
    value is `url` with its database replaced, sent over stdin and added if the line is missing.
    Raises ConfigError for an invalid name or URL, CommandFailed if the file has no URL.
    """
    if not DATABASE_NAME.fullmatch(name):
        raise ConfigError(f"not a database name: {name!r}")
    label = f"set {variable} in {path}"
    if url is None:
        _change(shell, path, _rename(variable, name), label)
    else:
        line = f"{variable}={url_of(url, name)}\n"
        _change(shell, path, _replace(variable), label, line)


def url_of(template: str, name: str) -> str:
    """The URL `template` with the database `name`. Raises ConfigError (without showing it)."""
    parts = _URL_PARTS.fullmatch(template)
    if parts is None:
        raise ConfigError("the application's database URL is not scheme://login@host/name")
    return f"{parts[1]}/{name}{parts[2]}"


def read_database_name(shell: Shell, path: str, variable: str) -> str:
    """Only the name of the database in the URL of the env file's `variable`.

    Empty if there is no such file, line or name.
    """
    file, program = shlex.quote(path), shlex.quote(f"s#{_url(variable)}.*#\\3#p")
    script = f"if [ -e {file} ]; then sed -nE {program} {file}; fi"
    command = Command(script, f"read the database's name in {path}", sudo=True)
    names = shell.run(command).text.splitlines()
    return names[-1] if names else ""


def read_login(shell: Shell, path: str, variable: str) -> str:
    """Only the role that the URL of the env file's `variable` logs in as.

    Empty if there is no such file or line, or the URL names no user before an `@`.
    """
    url = rf"""{_line(variable)}["']?[A-Za-z0-9+]+://([^/:@]*)(:[^/]*)?@.*"""
    file, program = shlex.quote(path), shlex.quote(f"s#{url}#\\2#p")
    script = f"if [ -e {file} ]; then sed -nE {program} {file}; fi"
    command = Command(script, f"read the database's user in {path}", sudo=True)
    names = shell.run(command).text.splitlines()
    return unquote(names[-1].strip()) if names else ""


def read_server(shell: Shell, path: str, variable: str) -> str:
    """Only the `host:port` in the URL of the env file's `variable`; '' if none."""
    url = rf"""{_line(variable)}["']?[A-Za-z0-9+]+://([^/@]*@)?([^/?"'[:space:]]*).*"""
    file, program = shlex.quote(path), shlex.quote(f"s#{url}#\\3#p")
    script = f"if [ -e {file} ]; then sed -nE {program} {file}; fi"
    names = shell.run(Command(script, f"read the database's server in {path}", sudo=True))
    lines = names.text.splitlines()
    return _with_port(lines[-1]) if lines else ""


def server_of(url: str) -> str:
    """The `host:port` of an application's URL; '' where it names none."""
    found = re.match(r"[A-Za-z0-9+]+://(?:[^/@]*@)?([^/?\s]*)", url)
    return _with_port(found[1]) if found else ""


def _with_port(server: str) -> str:
    plain = server.strip().lower()
    return plain if not plain or re.search(r":\d+$", plain) else f"{plain}:5432"


def login_of(url: str) -> str:
    """The role that an application's URL logs in as; '' where it names none."""
    found = re.match(r"[A-Za-z0-9+]+://([^/:@]*)(:[^/]*)?@", url)
    return unquote(found[1]) if found else ""


def _rename(variable: str, name: str) -> str:
    url = _url(variable)
    program = shlex.quote(f"s#{url}#\\1{name}#")
    missing = f'{{ echo "no {variable} with a database in $file" >&2; exit 1; }}'
    return f'grep -qsE {shlex.quote(url)} "$file" || {missing}\nsed -E {program} "$file" > "$new"'


def _replace(variable: str) -> str:
    others = f'grep -vE {shlex.quote(_line(variable))} "$file" || :'
    return f'{{ if [ -e "$file" ]; then {others}; fi; cat; }} > "$new"'


def _change(shell: Shell, path: str, script: str, label: str, text: str = "") -> None:
    """Runs `script`, which creates `$new` from `$file`, and replaces the file by it.

    `$new` is in the same folder, so that the rename is atomic; 0600 from its first byte (mktemp).
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

"""Users of a machine, from its own /etc/passwd, and their environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deployer.sandbox.machines.process.spawner import PATH


@dataclass(frozen=True)
class PasswdEntry:
    """A line of /etc/passwd."""

    name: str
    home: str
    shell: str
    uid: int = 0
    gid: int = 0


def find(name: str, passwd: Path = Path("/etc/passwd")) -> PasswdEntry | None:
    """The user of that name or number, if there is one."""
    for line in passwd.read_text().splitlines():
        fields = line.split(":")
        if len(fields) == 7 and name in (fields[0], fields[2]):
            numbers = int(fields[2]), int(fields[3])
            return PasswdEntry(fields[0], fields[5], _shell(fields[6]), *numbers)
    return None


def _shell(shell: str) -> str:
    return shell if Path(shell).exists() else "/bin/sh"


def environment(person: PasswdEntry) -> dict[str, str]:
    """The initial environment of a login of that user."""
    return {
        "PATH": PATH,
        "HOME": person.home,
        "USER": person.name,
        "LOGNAME": person.name,
        "SHELL": person.shell,
        "LANG": "C.UTF-8",
    }


def home_or_root(person: PasswdEntry) -> str:
    """The initial directory of a login."""
    return person.home if Path(person.home).is_dir() else "/"

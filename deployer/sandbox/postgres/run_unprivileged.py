"""Runs a command as an ordinary user where we are root: PostgreSQL refuses to run as uid 0.

Run as a script (`python -I run_unprivileged.py DATA_DIR COMMAND…`), in a new process without
threads. First choice is a user namespace: files stay ours, and no other uid needs read access.
Where namespaces are forbidden (many containers) the process becomes `nobody` and keeps the one
capability with which it can reach files below root's own directories.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_INNER_UID = 1000
_NOBODY = 65534
_PR_SET_PDEATHSIG = 1
_SIGQUIT = 3


def _enter_user_namespace() -> bool:
    """Become uid 1000 of a namespace in which that is our own uid 0; False if not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{_INNER_UID} 0 1")
        Path("/proc/self/gid_map").write_text(f"{_INNER_UID} 0 1")
    except OSError:
        return False
    return os.geteuid() == _INNER_UID


def as_nobody(data: str, command: list[str]) -> list[str]:
    """Give `data` to nobody; returns the command line that runs `command` as nobody."""
    os.chown(data, _NOBODY, _NOBODY)
    uid = [f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
    reach = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return ["setpriv", *uid, *reach, "--pdeathsig=QUIT", "--", *command]


def _die_with_parent() -> None:
    """A killed sandbox takes its server down. After the namespace: changing uid clears it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGQUIT, 0, 0, 0)


def main() -> None:
    """Replace this process by the command, as the chosen user."""
    data, *command = sys.argv[1:]
    if os.geteuid() == 0 and not _enter_user_namespace():
        command = as_nobody(data, command)
    _die_with_parent()
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()

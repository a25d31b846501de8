"""Keys that a machine's sshd accepts for sixty seconds, as EC2 Instance Connect puts them there.

On EC2 sshd's AuthorizedKeysCommand reads them from the instance's metadata. Here the cloud writes
them to the machine's disk. Imported by machines: the standard library alone.
"""

from __future__ import annotations

import time
from pathlib import Path

FOLDER = Path("/var/lib/ec2-instance-connect")
SECONDS = 60.0


def put(disk: Path, user: str, public: str) -> None:
    """Add the key; others of the user that are still valid stay."""
    folder = disk / FOLDER.relative_to("/")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / user).open("a", encoding="utf-8") as file:
        file.write(f"{time.time() + SECONDS:.1f} {public}\n")


def valid(user: str, folder: Path = FOLDER) -> str:
    """The user's keys that are valid now, as lines of authorized_keys."""
    try:
        lines = (folder / user).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ""
    pairs = (line.partition(" ") for line in lines)
    return "".join(f"{key}\n" for until, _, key in pairs if float(until) > time.time())

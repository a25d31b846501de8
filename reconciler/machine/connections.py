"""Counts a service's open connections on a machine, as a function of sh. Pure.

A release that is not live any more still serves who kept a connection open. They are counted before
its app is stopped, so that the report says whom the stop cut off.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

# Sockets are matched to the app by their inodes, not by port alone: a machine may run other
# services, and a connection that the app has made itself (to its database) has no listening port.
# /proc/net/tcp: field 2 local address, 4 state (0A listens, 01 established), 10 inode.
_CONNECTED = r"""
connected() {
  for unit in "$@"; do left "$(show ControlGroup "$unit")"; show MainPID "$unit"; done |
    sort -u | while read -r pid; do
    for file in /proc/"$pid"/fd/*; do readlink "$file"; done
  done 2>/dev/null | sed -n 's/^socket:\[\([0-9]*\)\]$/own \1/p' |
  cat - /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '
    $1 == "own" { own[$2]; next }
    { port = $2; sub(/.*:/, "", port) }
    $4 == "0A" && ($10 in own) { listens[port] }
    $4 == "01" && ($10 in own) { open[port]++ }
    END { for (port in listens) sum += open[port]; print "connected=" sum + 0 }'
}
"""

_FOUND = re.compile(r"^connected=(\d+)$", re.MULTILINE)


def count_script(units: Iterable[str]) -> str:
    """A sh fragment that prints `connected=N`. Needs `show` and `left` of unit_script."""
    return f"{_CONNECTED}connected {' '.join(map(shlex.quote, units))}"


def counted(output: str) -> int | None:
    """The number in the output of a script; None if it was not asked to count."""
    found = _FOUND.search(output)
    return int(found[1]) if found else None

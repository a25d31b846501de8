"""Programs that connect their standard streams to a machine: a plain one, and AWS's two tunnels."""

from __future__ import annotations

import shlex
import stat
import sys
from pathlib import Path

PUMP = """\
while True:
    for ready in select.select([0, far], [], [])[0]:
        data = os.read(0, 65536) if ready == 0 else far.recv(65536)
        if not data:
            sys.exit()
        far.sendall(data) if ready == 0 else os.write(1, data)
"""
"""Python: standard input to the socket `far`, and what comes from there to standard output."""

_PUMP = f"""\
import os, select, socket, sys
far = socket.create_connection((sys.argv[1], int(sys.argv[2])))
{PUMP}"""

_AWS = """\
#!/bin/sh
# Stands in for the AWS CLI: both tunnels find the machine by its instance id.
case "$1 $2" in
"ssm start-session") instance=$4 port=${8#portNumber=} ;;
"ec2-instance-connect open-tunnel") instance=$4 port=$6 ;;
*) echo "aws: not imitated: $*" >&2; exit 252 ;;
esac
exec %(deployer)s sandbox connect --dir %(directory)s "$instance" "$port"
"""


def pump() -> str:
    """A ProxyCommand that needs nothing but Python."""
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(_PUMP)} %h %p"


def aws(folder: Path, sandbox: Path) -> Path:
    """Write the stand-in `aws` into `folder`, for the sandbox of that directory."""
    program = folder / "aws"
    deployer = Path(sys.executable).parent / "deployer"
    program.write_text(_AWS % {"deployer": deployer, "directory": sandbox})
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program

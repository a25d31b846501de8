"""Tries, before live is shut, whether the smoke tests' ports of a new machine can be reached.

Nothing listens there yet: "refused" is the machine's own answer, so the way is open. Silence is a
security group, a firewall or a missing route, and would fail the smoke test in the freeze.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from reconciler.config.service import Smoke
from reconciler.errors import ToolError
from reconciler.util.humanize import span

Connect = Callable[[tuple[str, int], float], object]


def _connect(address: tuple[str, int], timeout: float) -> None:
    socket.create_connection(address, timeout).close()


def refuse_closed_ports(
    checks: Sequence[Smoke], addresses: Sequence[str], *, direct: bool, connect: Connect = _connect
) -> None:
    """Raise ToolError for a port that the smoke tests ask from here and that does not answer."""
    usual = "here" if direct else "machine"
    asked = [one for one in checks if one.http and (one.from_ or usual) == "here"]
    for address in addresses:
        for port, check in {one.target_port: one for one in asked}.items():
            try:
                connect((address, port), check.timeout.total_seconds())
            except ConnectionError:
                continue  # it has answered
            except OSError as error:
                raise _closed(address, port, check, error) from error


def _closed(address: str, port: int, check: Smoke, error: OSError) -> ToolError:
    silent = isinstance(error, TimeoutError)
    why = f"no answer within {span(check.timeout.total_seconds())}" if silent else str(error)
    return ToolError(
        f"the smoke test of {check.http} will ask port {port} of {address} from here, and it "
        f"cannot be reached: {why}",
        cure=f"Let this machine in to port {port}   a rule in the machine's security group\n"
        'Or ask on the machine itself     from = "machine" below [[smoke]]',
    )

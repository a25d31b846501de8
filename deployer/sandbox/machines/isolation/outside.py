"""Runs a command outside the sandbox's network: in a network namespace of its own.

Only the given ports lead into the sandbox. Their listeners are made in the new namespace, by the
child, and passed to this process, which carries the connections: so no address of the host is
involved, and no privilege is needed where users may make namespaces.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import struct
from collections.abc import Mapping, Sequence

from deployer.sandbox.machines.isolation import linux
from deployer.sandbox.network.relay import BACKLOG, LoopThread, RelayTarget, TcpRelay

Endpoint = tuple[str, int]

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1


def run(command: Sequence[str], environment: Mapping[str, str], reached: Sequence[Endpoint]) -> int:
    """Run it to its end; returns its exit code, 128 + N after signal N. Raises OSError.

    `reached` are the endpoints that exist outside. The command dies with this process.
    """
    here, there = socket.socketpair()
    child = os.fork()
    if child == 0:
        here.close()
        _become(command, environment, reached, there)
    there.close()
    loop = LoopThread("outside")
    # Ctrl-C reaches the command by itself: it may undo what it has begun.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _, listeners, _, _ = socket.recv_fds(here, 1, len(reached))
        for listener, (host, port) in zip(listeners, reached, strict=True):
            relay = TcpRelay(socket.socket(fileno=listener), RelayTarget(host, port))
            loop.run(_opened(relay))
        _, status = os.waitpid(child, 0)
    finally:
        signal.signal(signal.SIGINT, before)
        loop.end()
        here.close()
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


async def _opened(relay: TcpRelay) -> None:
    relay.open()


def _become(
    command: Sequence[str],
    environment: Mapping[str, str],
    reached: Sequence[Endpoint],
    there: socket.socket,
) -> None:
    """In the child: leave the network, listen, and become the command. Never returns."""
    try:
        if not linux.may_make_namespaces():
            linux.enter_new_user_namespace(os.geteuid(), os.getegid())
        linux.unshare(linux.CLONE_NEWNET)
        linux.die_with_parent()
        _bring_loopback_up()
        listeners = [socket.create_server(endpoint, backlog=BACKLOG) for endpoint in reached]
        socket.send_fds(there, [b"!"], [listener.fileno() for listener in listeners])
        for listener in listeners:
            listener.close()
        os.execvpe(command[0], list(command), dict(environment))
    except OSError as error:
        os.write(2, f"outside: {error}\n".encode())
    finally:
        os._exit(126)


def _bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", _IFF_UP)
        fcntl.ioctl(control, _SIOCSIFFLAGS, request)

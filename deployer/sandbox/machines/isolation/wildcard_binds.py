"""Leads a bind to every address (0.0.0.0, ::) to the machine's own address.

Machines share the host's network, each with a loopback address of its own: two apps that listen on
0.0.0.0:8080 would be in each other's way. A seccomp filter reports every bind(2) to an Internet
address (seccomp_unotify(2)); a bind to all of them is made here, on a copy of the socket
(pidfd_getfd(2)), and any other goes on. The filter tells them by the length of the address: ours
are a byte longer, which bind(2) allows, or we would wait for ourselves. Where the kernel has no
such filter, nothing changes.

The app is then reached at the machine's address, and not at 127.0.0.1 as on a real machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import os
import platform
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_NUMBER_OFFSET, _ARCH_OFFSET, _LENGTH_OFFSET = 0, 4, 32

# AUDIT_ARCH_*, and the numbers of bind and seccomp.
_CALLS = {"x86_64": (0xC000003E, 49, 317), "aarch64": (0xC00000B7, 200, 277)}
_PIDFD_GETFD = 438

_SET_MODE_FILTER, _NEW_LISTENER = 1, 1 << 3
_RECEIVE, _ANSWER = 0xC0502100, 0xC0182101
_QUESTION = struct.Struct("=QIIiIQ6Q")  # id, pid, flags, number, arch, ip, arguments
_REPLY = struct.Struct("=QqiI")  # id, value, error, flags
_CONTINUE = 1

_FAMILY = struct.Struct("=H")
_PORT = struct.Struct("!H")
_IPV4_LENGTH, _IPV6_LENGTH, _STORAGE_LENGTH = 16, 28, 128

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class BindCall:
    """A bind(2) that waits for an answer: who asks, on which descriptor, and the address."""

    id: int
    thread: int
    descriptor: int
    address: bytes

    @property
    def wildcard_port(self) -> int | None:
        """The port, if it asks for all addresses."""
        (family,) = _FAMILY.unpack_from(self.address)
        where = {socket.AF_INET: slice(4, 8), socket.AF_INET6: slice(8, 24)}.get(family)
        if where is None or any(self.address[where]):
            return None
        return int(_PORT.unpack_from(self.address, 2)[0])


def lead_to(address: str) -> None:
    """From now on, for every new process here; call it with a running event loop.

    A bind of this very thread to an address of the usual length would wait for itself for ever.
    """
    listener = _install()
    if listener is not None:
        asyncio.get_running_loop().add_reader(listener, _answer, listener, address)


def program(machine: str) -> bytes:
    """The filter for an architecture of `platform.machine()`; empty if it is unknown."""
    if machine not in _CALLS:
        return b""
    arch, bind, _ = _CALLS[machine]
    # Each line: instruction, jump if true, jump if false (counted from the next line), operand.
    lines = (
        (_LOAD, 0, 0, _ARCH_OFFSET),
        (_JUMP_IF_EQUAL, 0, 6, arch),
        (_LOAD, 0, 0, _NUMBER_OFFSET),
        (_JUMP_IF_EQUAL, 0, 4, bind),
        (_LOAD, 0, 0, _LENGTH_OFFSET),
        (_JUMP_IF_EQUAL, 3, 0, _IPV4_LENGTH),
        (_JUMP_IF_EQUAL, 2, 0, _IPV6_LENGTH),
        (_JUMP_IF_EQUAL, 1, 0, _STORAGE_LENGTH),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _NOTIFY),
    )
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _install() -> int | None:
    """The descriptor at which calls are reported; None where the kernel refuses."""
    code = program(platform.machine())
    if not code:
        return None
    text = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(text)))
    number = _CALLS[platform.machine()][2]
    found: int = _libc.syscall(number, _SET_MODE_FILTER, _NEW_LISTENER, header)
    return found if found >= 0 else None


def _answer(listener: int, address: str) -> None:
    asked = bytearray(_QUESTION.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, asked)
    except OSError:
        return  # the caller has ended meanwhile
    id_, thread, _, _, _, _, descriptor, pointer, length, *_ = _QUESTION.unpack(asked)
    try:
        call = BindCall(id_, thread, descriptor, _read(thread, pointer, length))
        reply = _bound(call, address)
    except OSError as refused:
        reply = _REPLY.pack(id_, 0, -(refused.errno or 1), 0)
    with contextlib.suppress(OSError):
        fcntl.ioctl(listener, _ANSWER, bytearray(reply))


def _bound(call: BindCall, address: str) -> bytes:
    """The reply; raises OSError with what bind(2) failed with."""
    port = call.wildcard_port
    if port is None:
        return _REPLY.pack(call.id, 0, 0, _CONTINUE)
    with _copy(call) as copy:
        _bind(copy, address, port)
    return _REPLY.pack(call.id, 0, 0, 0)


def _bind(copy: socket.socket, address: str, port: int) -> None:
    """Raises OSError with what bind(2) failed with."""
    if copy.family == socket.AF_INET:
        where = struct.pack("=H2s4s8xx", socket.AF_INET, _PORT.pack(port), _ipv4(address))
    elif copy.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
        where = _ipv6(0, "::1")  # a machine has no IPv6 address: nobody will come
    else:
        where = _ipv6(port, f"::ffff:{address}")
    if _libc.bind(copy.fileno(), where, len(where)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _ipv4(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET, address)


def _ipv6(port: int, address: str) -> bytes:
    packed = socket.inet_pton(socket.AF_INET6, address)
    return struct.pack("=H2s4x16s4xx", socket.AF_INET6, _PORT.pack(port), packed)


def _read(thread: int, pointer: int, length: int) -> bytes:
    with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:  # noqa: PTH123 -- no path
        memory.seek(pointer)
        return memory.read(min(length, _IPV6_LENGTH))


@contextlib.contextmanager
def _copy(call: BindCall) -> Iterator[socket.socket]:
    """The caller's socket, under a descriptor of ours."""
    pidfd = os.pidfd_open(_process(call.thread))
    try:
        found: int = _libc.syscall(_PIDFD_GETFD, pidfd, ctypes.c_uint(call.descriptor), 0)
        if found < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(pidfd)
    with socket.socket(fileno=found) as copy:
        yield copy


def _process(thread: int) -> int:
    """The process of a thread (proc(5), "Tgid")."""
    with open(f"/proc/{thread}/status") as file:  # noqa: PTH123 -- no path
        return next(int(line.split()[1]) for line in file if line.startswith("Tgid:"))

"""Makes changes of owner succeed without effect: a machine has only one uid.

A user namespace made without privilege maps a single uid, so `chown ubuntu` or a daemon's `setuid`
would fail with EINVAL although it works on any real machine. A seccomp filter answers these calls
with success instead. It is for convenience: isolation does not depend on it.
"""

from __future__ import annotations

import platform
import struct

from deployer.sandbox.machines.isolation.linux import install_seccomp

_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO_ZERO = 0x7FFF0000, 0x00050000
_NUMBER_OFFSET, _ARCH_OFFSET = 0, 4

# AUDIT_ARCH_* and the numbers of chown, fchown, lchown, fchownat, setuid, setgid, setreuid,
# setregid, setgroups, setresuid, setresgid (fewer on aarch64).
_CALLS: dict[str, tuple[int, tuple[int, ...]]] = {
    "x86_64": (0xC000003E, (92, 93, 94, 260, 105, 106, 113, 114, 116, 117, 119)),
    "aarch64": (0xC00000B7, (54, 55, 143, 144, 145, 146, 147, 149, 159)),
}


def program(machine: str) -> bytes:
    """The filter for an architecture of `platform.machine()`; empty if it is unknown."""
    if machine not in _CALLS:
        return b""
    arch, numbers = _CALLS[machine]
    count = len(numbers)
    code = [
        _instruction(_LOAD, 0, 0, _ARCH_OFFSET),
        _instruction(_JUMP_IF_EQUAL, 0, count + 1, arch),
        _instruction(_LOAD, 0, 0, _NUMBER_OFFSET),
    ]
    code += [
        _instruction(_JUMP_IF_EQUAL, count - at, 0, number) for at, number in enumerate(numbers)
    ]
    code += [_instruction(_RETURN, 0, 0, _ALLOW), _instruction(_RETURN, 0, 0, _ERRNO_ZERO)]
    return b"".join(code)


def _instruction(code: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def pretend() -> None:
    """From now on, here and in every child, changes of owners or uids succeed without effect."""
    code = program(platform.machine())
    if code:
        install_seccomp(code)

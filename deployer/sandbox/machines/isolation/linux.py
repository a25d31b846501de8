"""The few Linux calls that a machine needs and Python 3.11 does not offer, by ctypes."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 0x2

_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_LAST_CAP_GUESS = 63
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_SYS_ADMIN = 21
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_CAPSET = {"x86_64": 126, "aarch64": 91}

# Docker's default set without MKNOD and NET_RAW: enough for root of a machine; without SYS_ADMIN no
# process there can undo the read-only mounts.
_KEPT_CAPABILITIES = frozenset((0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 29, 31))

# The newer mount calls have the same number on every architecture.
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_OPEN_TREE_CLONE, _MOVE_EMPTY_PATH = 0x1, 0x4
_ATTR_RDONLY, _ATTR_NOSUID = 0x1, 0x2

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Leave the given namespaces for new ones. Raises OSError."""
    _check(_libc.unshare(flags), "unshare")


def become_root_of_new_user_namespace() -> None:
    """Enter a user namespace in which our own uid and gid are 0, the only ones that exist.

    Needs no privilege; the caller must have one thread only. Raises OSError where the system does
    not allow it.
    """
    enter_new_user_namespace(0, 0)


def enter_new_user_namespace(uid_inside: int, gid_inside: int) -> None:
    """Enter a user namespace in which only our own uid and gid exist, by these numbers.

    All capabilities are held in it, until the next exec of a process that is not its uid 0.
    """
    uid, gid = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid_inside} {uid} 1"),
        ("gid_map", f"{gid_inside} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 -- one write, no buffering
            file.write(text)


def is_first_user_namespace() -> bool:
    """Whether it is the host's, in which every uid is itself (user_namespaces(7), "uid_map")."""
    with open("/proc/self/uid_map") as file:  # noqa: PTH123 -- as above
        return file.read().split() == ["0", "0", "4294967295"]


def user_namespace() -> str:
    """The user namespace of this process."""
    return os.readlink("/proc/self/ns/user")  # noqa: PTH115 -- no path, a name


def may_make_namespaces() -> bool:
    """Whether we may create the other kinds without a user namespace: root with CAP_SYS_ADMIN."""
    with open("/proc/self/status") as file:  # noqa: PTH123 -- as above
        [line] = [line for line in file if line.startswith("CapEff:")]
    return os.geteuid() == 0 and bool(int(line.split()[1], 16) >> _CAP_SYS_ADMIN & 1)


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount a file system, or change its propagation. Raises OSError naming the target."""
    result = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    _check(result, f"mount {target}")


def clone_tree(source: str, *, writable: bool = False) -> int:
    """A detached copy of the mount tree at `source`, read-only by default; returns its fd.

    Read-only includes every mount below. Needs Linux 5.12. Raises OSError.
    """
    flags = _OPEN_TREE_CLONE | _AT_RECURSIVE | os.O_CLOEXEC
    tree: int = _libc.syscall(_OPEN_TREE, _AT_FDCWD, source.encode(), ctypes.c_uint(flags))
    if tree < 0:
        _check(tree, f"open_tree {source}")
    attributes = struct.pack("=4Q", _ATTR_NOSUID if writable else _ATTR_RDONLY, 0, 0, 0)
    done = _libc.syscall(
        _MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH | _AT_RECURSIVE, attributes, len(attributes)
    )
    _check(done, f"mount_setattr {source}")
    return tree


def attach_tree(tree: int, target: str) -> None:
    """Mount a tree of `clone_tree` at `target` and close its fd. Raises OSError."""
    done = _libc.syscall(_MOVE_MOUNT, tree, b"", _AT_FDCWD, target.encode(), _MOVE_EMPTY_PATH)
    _check(done, f"move_mount {target}")
    os.close(tree)


def unmount(target: str) -> None:
    """Detach what is mounted at `target`. Raises OSError."""
    _check(_libc.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def pivot_root_here() -> None:
    """Make the current directory, which must be a mount point, the root; detach the old one.

    `pivot_root(".", ".")` stacks the old root on the new one, so that no directory is needed for it
    (pivot_root(2), "pivot_root(".", ".")").
    """
    _check(_libc.syscall(_PIVOT_ROOT[platform.machine()], b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def set_hostname(name: str) -> None:
    """Set the name of this UTS namespace; the kernel takes 64 bytes. Raises OSError."""
    short = name.encode()[:64]
    _check(_libc.sethostname(short, len(short)), "sethostname")


def die_with_parent() -> None:
    """Be killed when the parent's thread ends.

    Changes of credentials clear this, so it comes after every unshare.
    """
    _check(_libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0), "prctl")


def drop_capabilities() -> None:
    """Drop the capabilities that a machine's root does not need, permanently and for children."""
    for capability in range(_LAST_CAP_GUESS + 1):
        if capability not in _KEPT_CAPABILITIES:
            _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # EINVAL: beyond the last
    kept = sum(1 << capability for capability in _KEPT_CAPABILITIES)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    data = struct.pack("=6I", kept, kept, 0, 0, 0, 0)
    _check(_libc.syscall(_CAPSET[platform.machine()], header, data), "capset")


def install_seccomp(program: bytes) -> None:
    """Install a BPF program (8 bytes an instruction) on this process and all its children."""
    code = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(
        struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    )
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _check(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0), "seccomp")

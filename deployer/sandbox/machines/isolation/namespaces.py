"""A machine's own file system tree, processes and host name, separate from the host's.

The order makes it safe. Everything from the host is cloned as a detached, read-only mount *before*
the root changes; everything is mounted *after* the old root is gone, so that no symlink in a
machine's disk can lead a mkdir or a mount out to the host.
"""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from deployer.sandbox.machines.isolation import linux

SHIMS = Path("/run/sandbox")
"""The directory of programs that the host lacks: systemctl, sudo and similar."""

_SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
_FROM_ETC = (
    "alternatives",
    "ca-certificates",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "pki",
    "protocols",
    "resolv.conf",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
)
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# Paths of /proc with which uid 0 could change the host if writable; as container engines do.
_PROC_READ_ONLY = ("acpi", "asound", "bus", "fs", "irq", "scsi", "sys", "sysrq-trigger")
_PROC_HIDDEN = ("kcore", "keys", "timer_list")
# The machine's own directories inside the host's.
_OWN = ("/usr/local", "/usr/lib/systemd/system")
_NAMESPACES = linux.CLONE_NEWNS | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC


@dataclass(frozen=True)
class FileTree:
    """The parts of a machine's file tree.

    `disk` is its own; `mount_point` an empty directory beside it to mount on; `shims` the host's
    directory that appears as `SHIMS`; `binds` appear read-only at their own paths. `asset_tag` is
    the identity in its firmware, outside of any disk.
    """

    disk: Path
    mount_point: Path
    shims: Path
    binds: tuple[Path, ...]
    asset_tag: str = ""


def leave_host() -> None:
    """Make the next forked process pid 1 of a new pid namespace. Raises OSError."""
    linux.unshare(linux.CLONE_NEWPID)


def move_in(room: FileTree, hostname: str) -> None:
    """Make the room our root directory, for pid 1 of a new pid namespace. Raises OSError.

    Afterwards nothing of the host is writable, and no process here has a capability to change that.
    """
    # Not before the fork: a changed root would apply to the monitor as well.
    linux.unshare(_NAMESPACES)
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.set_hostname(hostname)
    trees = _clone_host(room)
    trees["/sys"] = _new_sys(room)
    proc = _new_proc(room.mount_point)
    _change_root(room)
    _furnish(trees, proc, room)
    linux.drop_capabilities()


def _clone_host(room: FileTree) -> dict[str, int]:
    """Detached read-only trees by their target, in the order of mounting."""
    found = [Path("/", name) for name in _SYSTEM]
    found += [Path("/etc", name) for name in _FROM_ETC]
    trees = {
        str(path): linux.clone_tree(str(path))
        for path in found
        if path.exists() and not (path.is_symlink() and path.parent == Path("/"))
    }
    trees |= {f"/dev/{name}": linux.clone_tree(f"/dev/{name}") for name in _DEVICES}
    trees |= {str(path): linux.clone_tree(str(path)) for path in room.binds}
    return trees | {str(SHIMS): linux.clone_tree(str(room.shims))}


def _new_proc(mount_point: Path) -> int:
    """A /proc of this pid namespace, detached.

    The kernel allows a new one only while an old one is visible: before the root changes.
    """
    flags = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    linux.mount("proc", str(mount_point), "proc", flags)
    return linux.clone_tree(str(mount_point), writable=True)


def _new_sys(room: FileTree) -> int:
    """A /sys with the few entries that a release reads, detached and read-only."""
    linux.mount(
        "tmpfs", str(room.mount_point), "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755"
    )
    firmware = room.mount_point / "class/dmi/id"
    firmware.mkdir(parents=True)
    if room.asset_tag:
        (firmware / "board_asset_tag").write_text(f"{room.asset_tag}\n")
    tree = linux.clone_tree(str(room.mount_point))
    linux.unmount(str(room.mount_point))
    return tree


def _change_root(room: FileTree) -> None:
    links = {
        name: str(Path("/", name).readlink()) for name in _SYSTEM if Path("/", name).is_symlink()
    }
    linux.attach_tree(linux.clone_tree(str(room.disk), writable=True), str(room.mount_point))
    os.chdir(room.mount_point)
    linux.pivot_root_here()
    for name, target in links.items():
        if not Path("/", name).is_symlink():
            Path("/", name).symlink_to(target)


def _furnish(trees: dict[str, int], proc: int, room: FileTree) -> None:
    own = {path: linux.clone_tree(path, writable=True) for path in _OWN if Path(path).is_dir()}
    _empty(Path("/tmp"))  # noqa: S108 -- the machine's own
    for path in ("/proc", "/sys", "/dev", "/run"):
        Path(path).mkdir(exist_ok=True)
    linux.attach_tree(proc, "/proc")
    linux.mount("tmpfs", "/run", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755")
    linux.mount("tmpfs", "/dev", "tmpfs", linux.MS_NOSUID, "mode=755")
    _finish_dev()  # before the trees, one of which may be in the host's /dev/shm
    shared = [path for path in trees if not _below(path, room.binds)]
    for path in (*shared, *own, *(p for p in trees if p not in shared)):
        _attach((own if path in own else trees)[path], path)
    _guard_proc()
    _hide_host_tools()


def _below(path: str, binds: tuple[Path, ...]) -> bool:
    return Path(path) in binds


def _attach(tree: int, target: str) -> None:
    """Mount a tree at `target`, creating the mount point if the disk lacks one.

    Where it neither exists nor can be created (the host's /usr lacks it) the tree is dropped.
    """
    if not Path(target).exists():
        is_directory = Path(f"/proc/self/fd/{tree}").is_dir()
        try:
            _make_mount_point(Path(target), is_directory)
        except OSError:
            os.close(tree)
            return
    linux.attach_tree(tree, target)


def _make_mount_point(target: Path, is_directory: bool) -> None:
    if target.is_symlink():
        target.unlink()
    if is_directory:
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()


def _finish_dev() -> None:
    for name in ("pts", "shm"):
        Path("/dev", name).mkdir()
    linux.mount("devpts", "/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=620")
    linux.mount("tmpfs", "/dev/shm", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV)  # noqa: S108
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd"}
    links |= {name: f"/proc/self/fd/{at}" for at, name in enumerate(("stdin", "stdout", "stderr"))}
    for name, target in links.items():
        Path("/dev", name).symlink_to(target)


def _guard_proc() -> None:
    for name in _PROC_READ_ONLY:
        if Path("/proc", name).exists():
            linux.attach_tree(linux.clone_tree(f"/proc/{name}"), f"/proc/{name}")
    for name in _PROC_HIDDEN:
        if Path("/proc", name).exists():
            linux.attach_tree(linux.clone_tree("/dev/null"), f"/proc/{name}")


def _hide_host_tools() -> None:
    """Mount our shims over the host's own systemctl and similar, for scripts with full paths."""
    for shim in (SHIMS / "bin").iterdir():
        for directory in ("/usr/bin", "/usr/sbin"):
            if Path(directory, shim.name).exists():
                linux.attach_tree(linux.clone_tree(str(shim)), f"{directory}/{shim.name}")


def _empty(directory: Path) -> None:
    if directory.is_symlink() or not directory.is_dir():
        return
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def probe(directory: Path) -> str | None:
    """Try everything that `move_in` needs; the reason if it does not work.

    Call it from a single-threaded process that may fork. `directory` is ours.
    """
    mount_point = directory / f"probe-{secrets.token_hex(4)}"
    mount_point.mkdir()
    try:
        return _probe_in_child(mount_point)
    finally:
        mount_point.rmdir()


def _probe_in_child(mount_point: Path) -> str | None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, _attempt(mount_point).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        reason = answers.read()
    os.waitpid(child, 0)
    return reason or None


def _attempt(mount_point: Path) -> str:
    """Run in a child that ends afterwards; an empty string means success."""
    try:
        leave_host()
        child = os.fork()
        if child == 0:
            os._exit(_attempt_as_init(mount_point))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return "" if status == 0 else os.strerror(status)
    except OSError as error:
        return str(error)


def _attempt_as_init(mount_point: Path) -> int:
    try:
        linux.unshare(_NAMESPACES)
        linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
        _new_proc(mount_point)
        linux.clone_tree("/usr")
    except OSError as error:
        return error.errno or 1
    return 0

"""The disk that container machines boot from: a Debian tree, built once by mmdebstrap.

It is cached under a name that derives from what it is made of, so a changed list of packages makes
a tree of its own, and an unchanged one is never built twice. The packages come from where this
system's own come from.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import Refused, ToolError

PACKAGES = (
    "cloud-init",
    "cron",
    "dbus-user-session",
    "iproute2",
    "kmod",
    "libpam-systemd",
    "openssh-server",
    "postgresql-client",
    "procps",
    "python3",
    "sudo",
    "systemd-sysv",
    "udev",
)
_HOOKS = (
    # What a machine has of its own, it makes at its first boot.
    'rm -f "$1"/etc/ssh/ssh_host_*_key* "$1"/var/lib/dbus/machine-id',
    'truncate -s 0 "$1"/etc/machine-id',
    # Timers of the distribution that would load packages in the middle of a test.
    'rm -f "$1"/etc/systemd/system/timers.target.wants/apt-daily*',
    'chroot "$1" dpkg-query -W -f \'${Package} ${Version}\\n\' > "$1"/etc/deployer-image',
)
VERSIONS = "etc/deployer-image"
"""In the tree: the installed packages with their versions."""

_SOURCES = ("sources.list.d/debian.sources", "sources.list.d/ubuntu.sources", "sources.list")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """What a tree is made of: a release of the distribution, packages, and steps at the end.

    A step is a shell command; `"$1"` is the tree.
    """

    suite: str
    packages: tuple[str, ...] = PACKAGES
    steps: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the tree: the suite, and a digest of everything that it is made of."""
        parts = "\n".join((self.suite, *sorted(self.packages), "", *_HOOKS, *self.steps))
        return f"{self.suite}-{hashlib.sha256(parts.encode()).hexdigest()[:12]}"


def this_system() -> Recipe:
    """The recipe of this system's own release. Raises Refused where it is not of Debian's kind."""
    release = dict(_pairs(Path("/etc/os-release")))
    suite = release.get("VERSION_CODENAME", "")
    if not suite or "debian" not in (release.get("ID"), *release.get("ID_LIKE", "").split()):
        raise Refused(
            "machines of the kind `container` are built from Debian packages; this system has none",
            cure="deployer sandbox up --machines processes",
        )
    return Recipe(suite)


def cache() -> Path:
    """`deployer/machines` in the user's cache folder: a folder for each tree."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "deployer" / "machines"


def find(recipe: Recipe) -> Path | None:
    """The tree of a recipe, if it has been built."""
    tree = cache() / recipe.name
    return tree if tree.is_dir() else None


def build(recipe: Recipe, say: Say) -> Path:
    """The tree of a recipe, built now if it does not exist; `say` gets a line for each stage.

    Raises Refused where a tool is missing or this is not root, ToolError where packages cannot be
    had.
    """
    found = find(recipe)
    if found:
        return found
    _require()
    cache().mkdir(parents=True, exist_ok=True)
    with _turn(cache() / f"{recipe.name}.lock"):
        return find(recipe) or _build(recipe, say)


def _require() -> None:
    if os.geteuid() != 0:
        raise Refused(
            "only root can build the disk of a real machine", cure="sudo deployer sandbox up …"
        )
    if shutil.which("mmdebstrap") is None:
        raise Refused(
            "mmdebstrap is not installed; it builds the disk of a real machine",
            cure="apt-get install mmdebstrap",
        )


def _build(recipe: Recipe, say: Say) -> Path:
    tree = cache() / recipe.name
    partial = tree.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    say(f"building the disk of a real machine from Debian {recipe.suite}: some minutes, once")
    try:
        _run(_command(recipe, partial), say)
        partial.rename(tree)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    say(f"built: {tree}")
    return tree


def _command(recipe: Recipe, target: Path) -> list[str]:
    hooks = [f"--customize-hook={hook}" for hook in (*_HOOKS, *recipe.steps)]
    include = f"--include={','.join(recipe.packages)}"
    return [
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        '--aptopt=APT::Install-Recommends "false"',
        # Durable only when it is whole: without, dpkg waits for the disk at each package.
        "--dpkgopt=force-unsafe-io",
        include,
        *hooks,
        recipe.suite,
        str(target),
        *_own_sources(),
    ]


def _own_sources() -> list[str]:
    found = (Path("/etc/apt", name) for name in _SOURCES)
    return [str(path) for path in found if path.is_file() and path.stat().st_size][:1]


def _run(command: list[str], say: Say) -> None:
    """Run to the end; each line that begins a stage is passed on. Raises ToolError."""
    lines: list[str] = []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        for raw in process.stdout:
            lines.append(raw.decode("utf-8", "replace").rstrip())
            if lines[-1].startswith("I: "):
                say(lines[-1].removeprefix("I: "))
    if process.returncode:
        raise ToolError(
            "the disk of a real machine was not built: is the package mirror reachable?",
            detail="\n".join(lines[-15:]),
            cure="apt-get update   and then the same again",
        )


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Who builds the same tree at the same time waits, and then finds it."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    lines = path.read_text().splitlines() if path.is_file() else []
    for line in lines:
        key, _, value = line.partition("=")
        yield key, value.strip('"')

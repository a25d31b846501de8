"""The paths of a sandbox, and the state file that describes it.

Clients rely on the state file only: it holds the daemon's process id and the start time of that
process, so a recycled pid is never taken for a running sandbox, and an open port never for ours.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from deployer.sandbox.control.processes import is_running
from reconciler.errors import ConfigError

MARK = "DEPLOYER_SANDBOX_RUN"
"""The environment variable that every process of a sandbox inherits: the mark of its run."""


@dataclass(frozen=True)
class Places:
    """The paths below a sandbox's directory; nothing outside is ever written or removed."""

    root: Path

    @property
    def state(self) -> Path:
        """The state file (JSON)."""
        return self.root / "state.json"

    @property
    def log(self) -> Path:
        """The daemon's log."""
        return self.root / "sandbox.log"

    @property
    def lock(self) -> Path:
        """Locked by the process that starts, stops or cleans the sandbox."""
        return self.root / "lock"

    @property
    def config(self) -> Path:
        """The directory for DEPLOY_CONFIG."""
        return self.root / "config"

    @property
    def sources(self) -> Path:
        """The services' git repositories."""
        return self.root / "src"

    @property
    def kept(self) -> Path:
        """The copies that `reset` restores."""
        return self.root / "first-day"

    @property
    def machines(self) -> Path:
        """Disks and images."""
        return self.root / "machines"

    @property
    def postgres(self) -> Path:
        """The database server's data and log."""
        return self.root / "postgres"

    def prepare(self) -> None:
        """Create the directory, which only its owner may enter, whoever has made it.

        The disks of machines in it hold setuid files, with which another user would become its
        owner. Raises ConfigError if it contains files that are not a sandbox's.
        """
        if self.root.parent == user_directory():
            _make_own(self.root.parent)
            self.root.parent.chmod(0o700)
        _make_own(self.root)
        strangers = {path.name for path in self.root.iterdir()} - self._known()
        if strangers:
            raise ConfigError(
                f"{self.root} is not empty and no sandbox: it holds {min(strangers)}",
                cure="name another directory with --dir or SANDBOX_DIR",
            )
        self.root.chmod(0o700)

    def remove_work(self) -> None:
        """Remove what the daemon created, except state, lock and log."""
        for path in (self.config, self.sources, self.kept, self.machines, self.postgres):
            shutil.rmtree(path, ignore_errors=True)

    def remove(self) -> None:
        """Remove all files of the sandbox, and its directory if it is then empty."""
        self.remove_work()
        for path in (self.log, self.state, self.lock):
            path.unlink(missing_ok=True)
        for directory in (self.root, self.root.parent):
            if directory == self.root or directory == user_directory():
                _rmdir_if_empty(directory)

    def _known(self) -> set[str]:
        ours = (self.state, self.log, self.lock, self.config, self.sources)
        return {path.name for path in (*ours, self.kept, self.machines, self.postgres)}


@dataclass(frozen=True)
class SandboxState:
    """A running (or dead) sandbox as its state file describes it.

    `token` and the two keys, of the control server and of the API, are secret.
    """

    pid: int
    born: float
    run: str
    token: str
    directory: str
    phase: str = "starting"
    network: int = 0
    endpoint: str = ""
    control_url: str = ""
    dns: str = ""
    tunnel: str = ""
    empty: bool = False
    base_image: str = ""
    zone_id: str = ""
    services: tuple[str, ...] = ()
    access_key: str = ""
    secret_key: str = ""
    shape: str = ""
    machines: str = "processes"
    postgres: str = "18"

    @property
    def is_ready(self) -> bool:
        """Whether the sandbox is ready for use."""
        return self.phase == "ready"

    def is_alive(self) -> bool:
        """Whether the daemon that wrote this still runs."""
        return is_running(self.pid, self.born)

    def with_(self, **changes: object) -> SandboxState:
        """A copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]  # as replace() itself

    def save(self, places: Places) -> None:
        """Write it atomically, readable by this user only (it holds the keys)."""
        aside = places.state.with_suffix(".new")
        aside.touch(mode=0o600)
        aside.write_text(json.dumps(asdict(self), indent=1) + "\n")
        aside.replace(places.state)


def load(places: Places) -> SandboxState | None:
    """The content of the state file; None if there is none, or one of another version."""
    try:
        value = json.loads(places.state.read_text())
        return SandboxState(**{**value, "services": tuple(value["services"])})
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, KeyError):
        return None


def resolve(directory: str | Path | None = None) -> Places:
    """The paths of the sandbox: `directory`, $SANDBOX_DIR, or the user's default one."""
    chosen = directory or os.environ.get("SANDBOX_DIR") or user_directory() / "default"
    return Places(Path(chosen).expanduser().absolute())


def user_directory() -> Path:
    """The temporary directory that holds this user's unnamed sandboxes."""
    return Path(tempfile.gettempdir()) / f"deployer-sandbox-{os.getuid()}"


def _make_own(directory: Path) -> None:
    """Create it unless it exists. Raises ConfigError if it, or a link to it, is another user's."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if {directory.stat().st_uid, directory.lstat().st_uid} != {os.getuid()}:
        raise ConfigError(f"{directory} belongs to another user")  # others make names in /tmp, too


def _rmdir_if_empty(directory: Path) -> None:
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()

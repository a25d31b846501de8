"""Code: uploads the source to all machines in parallel; then runs install commands."""

from __future__ import annotations

import threading

from deployer.checks.live_units import refuse_not_brought
from deployer.provisioning.code_upload import UploadPaths, install, ship
from deployer.release.context import ReleaseContext
from reconciler.errors import CommandFailed, ShellError
from reconciler.machine.clone_check import verify_quarantine
from reconciler.machine.shell import Shell
from reconciler.util.concurrency import side_by_side

_MASKED = (
    "until the release starts them its units are masked: leave `systemctl start` and `restart` to "
    "it, and enable a new unit by its link,\n"
    "ln -sfn ../NAME.service /etc/systemd/system/multi-user.target.wants/NAME.service"
)


def code(run: ReleaseContext) -> str:
    """Upload and install. A machine has the old tree or the new one, never a mixture."""
    said = run.ports.service.code
    shells = [machine.shell for machine in run.created.machines]
    place = UploadPaths(
        said.path, run.deploy.stem, _below(said.path, run.env_file, *run.ports.service.carry)
    )
    ship(
        shells,
        run.code,
        place,
        run.progress("code", "uploaded"),
        run.ports.service.limits.upload.total_seconds(),
    )
    try:
        install(shells, said.path, said.install, _Installing(run).begin)
    except CommandFailed as error:
        if "is masked" in error.detail and not error.cure:
            error.cure = _MASKED
        raise
    refuse_not_brought(run.gate, shells, run.options.despite)
    if said.install:
        side_by_side(shells, lambda shell: _still_shut(run, shell))
    machines = "1 machine" if len(shells) == 1 else f"{len(shells)} machines"
    return f"{run.release} on {machines}"


class _Installing:
    """Says which install command runs: each once, when the first machine begins it. Thread-safe."""

    def __init__(self, run: ReleaseContext) -> None:
        self._run = run
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, line: str) -> float:
        """The limit of the command in seconds."""
        limit = self._run.within(self._run.ports.service.limits.install)
        with self._lock:
            if line not in self._told:
                self._told.add(line)
                self._run.note("code", f"uploaded; runs install `{line}`")
        return limit


def _still_shut(run: ReleaseContext, shell: Shell) -> None:
    """An install command may do anything: the gate may be gone, and a worker may be running."""
    try:
        verify_quarantine(shell, run.gate)
    except ShellError as error:
        error.message = f"after the install, {error.message}"
        error.cure = "let no line of code.install start a gated unit or remove the gate's files"
        raise


def _below(path: str, *kept: str) -> tuple[str, ...]:
    """What lies inside the replaced tree and is kept: the env file, and files to carry."""
    top = f"{path.rstrip('/')}/"
    return tuple(one.removeprefix(top) for one in kept if one.startswith(top))

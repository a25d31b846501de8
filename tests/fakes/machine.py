"""A machine without SSH: its scripts run here under a real sh, on a root folder of its own.

`systemctl` is a small script with the semantics that the gate relies on: generators at boot and at
a daemon-reload, masks in `generator.early`, conditions of drop-ins, active states and their times.
What `show` tells of a unit stands in files: `flag("shop.service", "Requires", "dep.service")`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.errors import CommandFailed
from reconciler.machine.host_key import make_host_key
from reconciler.machine.shell import Command, CommandResult, OnBytes, Pipes

_ROOTED = re.compile(r"(?<![\w.])/(etc|var|run|srv|sys|home)/")

_GENERATE = r"""#!/bin/sh
early=@ROOT@/run/systemd/generator.early
rm -rf $early; mkdir -p $early
for file in @ROOT@/etc/systemd/system-generators/*; do
  if [ -x $file ]; then $file $early/../generator $early $early/../generator.late; fi
done
"""

_SYSTEMCTL = r"""#!/bin/sh
units=@ROOT@/units; etc=@ROOT@/etc/systemd/system; early=@ROOT@/run/systemd/generator.early
echo "$*" >> @ROOT@/calls
verb=$1; shift
while case "${1:-}" in --quiet) quiet=1;; -p) shift; wanted="${wanted:-} $1";;
  --value) bare=1;; --no-pager) ;; --no-legend) ;; --plain) ;; --) ;; -n) shift;; *) false;; esac
do shift; done
unit=${1:-}
case $verb in
  daemon-reload) : > $units/reloaded; exec generate ;;
  is-active)
    if [ -e $units/$unit.active ]; then state=active; else state=inactive; fi
    [ -n "${quiet:-}" ] || echo $state
    [ $state = active ] ;;
  is-enabled)
    if [ -e $units/$unit.enabled ]; then state=enabled; else state=disabled; fi
    [ -n "${quiet:-}" ] || echo $state
    [ $state = enabled ] ;;
  start)
    if [ -L $early/$unit ]; then echo "Unit $unit is masked." >&2; exit 1; fi
    for path in $(sed -n 's/^ConditionPathExists=//p' $etc/$unit.d/*.conf 2>/dev/null); do
      [ -e $path ] || exit 0
    done
    if [ -e $units/$unit.broken ]; then echo "Job for $unit failed." >&2; exit 1; fi
    [ -e $units/$unit.crashes ] && exit 0
    [ -e $units/$unit.active ] || echo 4711 > $units/$unit.InactiveExitTimestampMonotonic
    [ -e $units/$unit.oneshot ] || : > $units/$unit.active ;;
  stop) for unit; do [ -e $units/$unit.stubborn ] || rm -f $units/$unit.active; done ;;
  show)
    for unit; do
      for name in $wanted; do
        value=$(cat $units/$unit.$name 2>/dev/null || case $name in
          Id|Names) echo $unit ;;
          LoadState) if [ -L $early/$unit ]; then echo masked; else echo loaded; fi ;;
          ActiveState) if [ -e $units/$unit.active ]; then echo active; else echo inactive; fi ;;
          *TimestampMonotonic) echo 0 ;;
          Type) case $unit in *.service) echo simple ;; esac ;;
          RemainAfterExit) echo no ;;
        esac)
        if [ -n "${bare:-}" ]; then echo "$value"; else echo "$name=$value"; fi
      done
      [ $# = 1 ] || echo
    done ;;
  list-units)
    for file in $units/$unit.active; do
      [ ! -e "$file" ] || { file=${file##*/}; echo "${file%.active} loaded active running"; }
    done ;;
  list-unit-files) cat $units/files 2>/dev/null ;;
  poweroff) : > @ROOT@/run/halted ;;
  reload)
    [ $unit = ssh.service ] && [ ! -e $units/sshd.deaf ] || exit 1
    cp @ROOT@/etc/ssh/ssh_host_ed25519_key.pub $units/sshd.key ;;
  status) cat $units/$unit.broken $units/$unit.crashes 2>/dev/null ;;
esac
"""

_DATABASE_TOOL = """#!/bin/sh
if [ "$1" = --version ]; then echo "${0##*/} (PostgreSQL) 18.1"; else cat >/dev/null; fi
"""

_SSH_KEYGEN = """#!/bin/sh
echo ssh-keygen >> @ROOT@/calls
while [ $# -gt 0 ]; do [ "$1" = -f ] && file=$2; shift; done
cp @ROOT@/made_key "$file" && cp @ROOT@/made_key.pub "$file.pub"
"""

_SYSTEMD_RUN = r"""#!/bin/sh
echo "systemd-run $*" >> @ROOT@/calls
while case "${1:-}" in --unit=*) unit=${1#--unit=};; --*) ;; *) false;; esac
do shift; done
[ ! -e @ROOT@/units/$unit.timer.active ] || exit 1
printf '%s\n' "$*" > @ROOT@/units/$unit.timer.active
"""


@dataclass
class FakeMachine:
    """Implements `reconciler.machine.shell.Shell` over a folder; `units` are enabled at boot."""

    root: Path
    instance: str = "i-0a1"
    units: tuple[str, ...] = ()
    host: str = "10.0.1.17"
    commands: list[Command] = field(default_factory=list)

    def __post_init__(self) -> None:
        for folder in ("bin", "units", "etc", "var", "run", "srv", "sys", "home"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        scripts = (
            ("systemctl", _SYSTEMCTL),
            ("systemd-run", _SYSTEMD_RUN),
            ("generate", _GENERATE),
            ("ssh-keygen", _SSH_KEYGEN),
        )
        for name, text in scripts:
            self.write(f"/bin/{name}", text.replace("@ROOT@", str(self.root)), 0o755)
        made = make_host_key()
        self.write("/made_key", made.private, 0o600)
        self.write("/made_key.pub", f"{made.public.tag_value}\n")
        self.write("/etc/ssh/ssh_host_ed25519_key", "the first\n", 0o600)
        self.write("/bin/sync", "#!/bin/sh\n", 0o755)
        for tool in ("pg_dump", "pg_restore", "psql"):
            self.write(f"/bin/{tool}", _DATABASE_TOOL, 0o755)
        self.write("/bin/journalctl", "#!/bin/sh\nexit 1\n", 0o755)
        self.firmware(self.instance)

    def firmware(self, instance: str) -> None:
        """What the board's asset tag says; empty for a type on Xen."""
        self.write("/sys/class/dmi/id/board_asset_tag", f"{instance}\n")

    def path(self, path: str) -> Path:
        """Where the machine's `path` lies here."""
        return self.root / path.lstrip("/")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_text(text)
        self.path(path).chmod(mode)

    def read(self, path: str) -> str:
        """A file's text, with this machine's root taken out again."""
        return self.path(path).read_text().replace(str(self.root), "")

    def flag(self, unit: str, kind: str, text: str = "") -> None:
        """Make a unit `active`, `broken`, `crashes` or `stubborn`."""
        self.write(f"/units/{unit}.{kind}", text)

    def active(self) -> set[str]:
        return {file.stem for file in (self.root / "units").glob("*.active")}

    def fire(self) -> None:
        """Let the time of every transient timer be over."""
        for timer in (self.root / "units").glob("*.timer.active"):
            command = timer.read_text()
            timer.unlink()
            self.sh(command)

    def boot(self, boot_script: str = "", *, cloud_init: bool = True) -> None:
        """Lose /run and everything active; generators, then bootcmd, then the enabled units."""
        for folder in ("run", "units"):
            subprocess.run(
                ["find", str(self.root / folder), "-mindepth", "1", "-delete"], check=True
            )
        self.sh("generate")
        if cloud_init:
            self.write("/run/cloud-init/.instance-id", self.instance + "\n")
            self.sh(boot_script)
        for unit in self.units:
            self.sh(f"systemctl start {unit}")

    def sh(self, script: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a script as this machine would."""
        rooted = _ROOTED.sub(rf"{self.root}/\1/", script)
        env = {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "INSTANCE_ID": self.instance}
        return subprocess.run(
            ["sh", "-c", rooted], input=stdin, capture_output=True, env=env, check=False
        )

    def run(
        self, command: Command, on_output: Callable[[bytes], None] | None = None
    ) -> CommandResult:
        self.commands.append(command)
        done = self.sh(command.script, command.stdin)
        if on_output:
            on_output(done.stdout + done.stderr)
        if done.returncode:
            raise CommandFailed(
                f"{command.label} on {self.host} ended with {done.returncode}",
                status=done.returncode,
                detail=(done.stdout + done.stderr).decode(),
            )
        return CommandResult(done.stdout.replace(str(self.root).encode(), b""), done.stderr)

    def stream(self, command: Command, pipes: Pipes) -> None:
        """Like `run`; all of stdin is read before the script begins."""
        given = bytearray()
        while (data := pipes.read()) is not None:
            given += data
        done = self.sh(command.script, bytes(given))
        self.commands.append(command)
        if done.returncode:
            raise CommandFailed(
                f"{command.label} on {self.host} ended with {done.returncode}",
                status=done.returncode,
                detail=done.stderr.decode(),
            )
        if done.stdout:
            pipes.write(done.stdout)

    def put(
        self, source: Path, target: str, *, mode: int = 0o644, on_bytes: OnBytes | None = None
    ) -> None:
        data = source.read_bytes()
        self.path(target).write_bytes(data)
        self.path(target).chmod(mode)
        if on_bytes:
            on_bytes(len(data), len(data))

    def forward(self, host: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        raise NotImplementedError

    def close(self) -> None:
        pass


def clone_of(machine: FakeMachine, instance: str = "i-0c1") -> FakeMachine:
    """A machine from an image of that one: the same disk, another firmware, nothing in memory."""
    root = machine.root.parent / instance
    shutil.copytree(machine.root, root, symlinks=True, ignore=lambda path, _: _in_memory(path))
    for file in root.rglob("*"):
        if file.is_symlink():
            target = str(file.readlink()).replace(str(machine.root), str(root))
            file.unlink()
            file.symlink_to(target)
        elif file.is_file():
            file.write_text(file.read_text().replace(str(machine.root), str(root)))
    return FakeMachine(root, instance, machine.units)


def _in_memory(path: str) -> list[str]:
    names = ("run", "units", "sys")
    return [one.name for one in Path(path).iterdir()] if Path(path).name in names else []

"""Makes a booted clone a machine of its own, before anything of the app is on it.

Its first boot has ended by then: a package manager that cloud-init runs holds a lock for a while.
It has its own machine id, by which agents, DHCP servers and the journal tell machines apart; what
else an agent remembers of live, `[image] clean` takes away.
"""

from __future__ import annotations

from deployer.release.context import ReleaseContext
from reconciler.errors import CommandTimedOut
from reconciler.machine.shell import Command, Shell

WAIT = """\
command -v cloud-init >/dev/null || exit 0
cloud-init status --wait >/dev/null 2>&1
case $? in 0|2) ;; *) cloud-init status --long 2>&1 || : ;; esac
"""
"""Status 2 is "done, with warnings". What it prints is an error, which live's own boot may have."""

NEW_ID = """\
set -e
id=$(tr -d - </proc/sys/kernel/random/uuid)
for file in /etc/machine-id /var/lib/dbus/machine-id; do
  if [ -e "$file" ] && [ ! -L "$file" ]; then printf '%s\\n' "$id" >"$file"; fi
done
systemctl try-restart systemd-journald.service 2>/dev/null || :
"""
"""The journal's folder is named by it: until journald is told, journalctl would find nothing."""


def settle(run: ReleaseContext, shell: Shell) -> None:
    """Wait for the end of the first boot, then give it its own identity. Raises ShellError."""
    limit = run.ports.service.limits.boot
    run.note("connect", f"waiting for cloud-init on {shell.host} to be done")
    command = Command(WAIT, "wait for cloud-init", sudo=True, timeout=limit.total_seconds())
    try:
        said = shell.run(command).text.strip()
    except CommandTimedOut as error:
        error.cure = (
            f"See what it does   cloud-init status --long; cloud-init analyze blame   on "
            f"{shell.host}, or on live\nOr raise           limits.boot"
        )
        raise
    if said:
        run.note("connect", f"cloud-init on {shell.host}: {said.splitlines()[0]}")
    shell.run(Command(NEW_ID, "make a machine id", sudo=True, timeout=60))
    for line in run.ports.service.image.clean:
        timeout = run.ports.service.limits.hook.total_seconds()
        shell.run(Command(line, f"clean `{line}`", sudo=True, timeout=timeout))

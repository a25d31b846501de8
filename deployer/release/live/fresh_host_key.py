"""Replaces a new machine's first SSH host key by one that is made on it.

The first private key is in the user data, which others may read. The order makes every moment safe:
the new public key is in the tag before sshd can show it, so whoever comes later accepts exactly the
old key or the new one; the old key leaves the tag when a session has seen the new one. If the
release dies in between, the machine shows a key of its tag.
"""

from __future__ import annotations

from dataclasses import replace

from deployer.release.context import NewMachine, ReleaseContext
from reconciler.errors import CannotConnect
from reconciler.machine.host_key import HostKeyChange, PublicHostKey
from reconciler.machine.shell import Command, Shell
from reconciler.machine.ssh import MachineAddress
from reconciler.model import tags as t
from reconciler.util.backoff import Backoff
from reconciler.util.concurrency import side_by_side

SERVED_WITHIN = 30.0
"""Seconds until sshd has to show the new key: it re-reads its keys at once."""

_KEY = "/etc/ssh/ssh_host_ed25519_key"
_NEXT = "/run/deploy_host_key"

# In memory until it is served, so that no image inherits it. Both scripts may run twice: a second
# pair would be one that no tag names.
MAKE = f"""\
set -e
umask 077
[ -s {_NEXT}.pub ] || ssh-keygen -q -t ed25519 -N '' -C '' -f {_NEXT}
cat {_NEXT}.pub
"""

# The private key first: sshd derives the public one from it. On the disk before the old key is
# given up: a power cut must not bring it back. Whether sshd has it, a new session shows.
SERVE = f"""\
set -e
umask 077
for end in "" .pub; do
  if [ -e {_NEXT}$end ]; then cp {_NEXT}$end {_KEY}.next && mv -f {_KEY}.next {_KEY}$end; fi
done
chmod 644 {_KEY}.pub
if command -v restorecon >/dev/null; then restorecon {_KEY} {_KEY}.pub; fi
sync
rm -f {_NEXT} {_NEXT}.pub
systemctl reload ssh.service || systemctl reload sshd.service || :
"""


def fresh_host_keys(run: ReleaseContext) -> None:
    """Give every new machine a host key of its own; their sessions are opened anew."""
    renewed: dict[str, NewMachine] = {}

    def renew(machine: NewMachine) -> None:
        renewed[machine.id] = _renewed(run, machine)

    try:
        side_by_side(run.created.machines, renew)
    finally:
        run.created.machines = tuple(renewed.get(one.id, one) for one in run.created.machines)


def _renewed(run: ReleaseContext, machine: NewMachine) -> NewMachine:
    old = run.created.host_key.public
    made = machine.shell.run(Command(MAKE, "make a host key", sudo=True))
    new = PublicHostKey.parse(made.text)
    run.ports.compute.tag([machine.id], {t.HOST_KEY: HostKeyChange(old, new).tag_value})
    machine.shell.run(Command(SERVE, "serve the new host key", sudo=True))
    shell = _session(run, MachineAddress(machine.shell.host, machine.id), new)
    machine.shell.close()
    try:
        run.ports.compute.tag([machine.id], {t.HOST_KEY: new.tag_value})
    except BaseException:
        shell.close()
        raise
    return replace(machine, shell=shell)


def _session(run: ReleaseContext, address: MachineAddress, new: PublicHostKey) -> Shell:
    """A session with the new key. sshd may show the old one for a moment, and nothing else."""
    late = CannotConnect(f"{address} has not shown its new host key", kind="host-key-mismatch")
    for since in run.looks(Backoff(first=0.1, longest=2.0, deadline=SERVED_WITHIN)):
        left = max(SERVED_WITHIN - since, 1.0)
        try:
            return run.ports.connector.connect(address, new, left, run.held.sleep)
        except CannotConnect as error:
            if error.seen != run.created.host_key.public.fingerprint:
                raise
            late = error
    raise late

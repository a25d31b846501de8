"""Explains a clone that shows its source's host key: why cloud-init did not run on it."""

from __future__ import annotations

from deployer.compute import InstanceFacts
from deployer.release.context import ReleaseContext
from reconciler.errors import CannotConnect, ToolError
from reconciler.machine.host_key import PublicHostKey
from reconciler.machine.shell import Command
from reconciler.machine.ssh import MachineAddress
from reconciler.model import tags as t

ASK_SECONDS = 30.0

# `status --long` does not exist before cloud-init 18; the files show why it was not started.
_WHY = """\
cloud-init status --long 2>&1 || :
for file in /etc/cloud/cloud-init.disabled /run/cloud-init/disabled; do
  if [ -e "$file" ]; then echo "$file stands there"; fi
done
grep -o 'cloud-init=disabled' /proc/cmdline || :
grep -rs '^manual_cache_clean' /etc/cloud/cloud.cfg /etc/cloud/cloud.cfg.d || :
tail -n 15 /var/log/cloud-init.log 2>/dev/null || :
"""


def inherited_key(run: ReleaseContext, error: CannotConnect) -> PublicHostKey | None:
    """The host key of the copied machine, if the clone showed exactly that key."""
    tag = run.created.source.tags.get(t.HOST_KEY) if run.created.source else None
    if error.kind != "host-key-mismatch" or not error.seen or not tag:
        return None
    key = PublicHostKey.parse(tag)
    return key if key.fingerprint == error.seen else None


def no_cloud_init(
    run: ReleaseContext, facts: InstanceFacts, reached: tuple[MachineAddress, PublicHostKey]
) -> CannotConnect:
    """The error: whose key was shown, and what the clone reports about its cloud-init."""
    source = run.created.source.id if run.created.source else "its source"
    return CannotConnect(
        f"cloud-init did not act on {facts.id}: it still shows the host key of {source}, which it "
        "was copied from",
        kind="host-key-mismatch",
        cure=f"see what keeps cloud-init from its work on {source}: cloud-init status --long",
        detail=_why(run, facts, reached),
    )


def _why(
    run: ReleaseContext, facts: InstanceFacts, reached: tuple[MachineAddress, PublicHostKey]
) -> str:
    """Reads only. The key is a valid pin: it is known, and the address belongs to the clone."""
    address, key = reached
    try:
        shell = run.ports.connector.connect(address, key, ASK_SECONDS, run.held.sleep)
        try:
            said = shell.run(Command(_WHY, "ask for cloud-init", sudo=True)).text
        finally:
            shell.close()
    except ToolError as error:
        return f"(it could not be asked: {error.message})"
    return f"{facts.id} says:\n{said}"

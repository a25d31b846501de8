"""A person's session on a machine, by the way and the host key of a release."""

from __future__ import annotations

import os
import pty
import subprocess

from reconciler.exit_codes import Exit
from tests.e2e.probes import has, live_instance
from tests.support.company import Company


def test_a_command_and_a_shell(adopted: Company) -> None:
    """Output, input and exit code pass through; a shell on a terminal has one there."""
    machine = live_instance(adopted)["InstanceId"]
    done = adopted.deployer("ssh", "shop", "--", "echo out; echo err >&2; exit 7")
    assert (done.code, done.out, done.err) == (7, "out\n", "err\n")
    done = adopted.deployer("ssh", "shop", "--machine", machine, "--", "printf", "%s", "two words")
    assert (done.code, done.out) == (0, "two words")
    command = adopted.command("deployer", "ssh", "shop", "--", "wc -c")
    env = {**os.environ, **adopted.environment}
    many = b"x" * 3_000_000
    counted = subprocess.run(command, env=env, input=many, capture_output=True, check=True)
    assert counted.stdout.strip() == b"3000000"
    large = adopted.command("deployer", "ssh", "shop", "--", "head -c 5000000 /dev/zero")
    assert len(subprocess.run(large, env=env, capture_output=True, check=True).stdout) == 5_000_000
    code, seen = _typed(adopted, "test -t 0 && echo a terminal; exit 5\n")
    assert code == 5, seen
    assert "a terminal" in seen.split("exit 5")[-1]


def _typed(company: Company, line: str) -> tuple[int, str]:
    """A shell on a terminal of ours, in which a line is typed."""
    ours, theirs = pty.openpty()
    command = company.command("deployer", "ssh", "shop")
    env = {**os.environ, **company.environment, "TERM": "xterm"}
    with subprocess.Popen(command, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as shell:
        os.close(theirs)
        os.write(ours, line.encode())
        seen = b""
        while True:
            try:
                seen += os.read(ours, 65536)
            except OSError:  # Linux says EIO when the other side has closed
                break
    os.close(ours)
    return shell.returncode, seen.decode(errors="replace")


def test_a_machine_with_another_host_key_gets_nothing(adopted: Company) -> None:
    """Not a byte of the command, and both fingerprints in the error."""
    machine = live_instance(adopted)["InstanceId"]
    tags = [{"Key": "deploy-host-key", "Value": adopted.tags(machine)["deploy-host-key"]}]
    right = tags[0]["Value"]
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGR3AXZ6/5qP/Rq5653yzd4hpiWSqAfyYtQktYOnfaP5"
    adopted.aws("ec2").create_tags(Resources=[machine], Tags=[{**tags[0], "Value": other}])
    done = adopted.deployer("ssh", "shop", "--", "touch /tmp/was-here")
    assert done.code == Exit.FAILED, done
    has(done.err, "is not the machine we know", "SHA256:")
    adopted.aws("ec2").create_tags(Resources=[machine], Tags=[{**tags[0], "Value": right}])
    assert adopted.deployer("ssh", "shop", "--", "test -e /tmp/was-here").code == 1

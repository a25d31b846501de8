"""What the configured way to the machines needs on this computer, and on the way."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from deployer.ports import Ports
from reconciler.errors import ToolError
from reconciler.wiring.ssh_route import bastion_route

ASK_SECONDS = 20.0


@dataclass(frozen=True)
class Tool:
    """A program that a preset runs, how it says its version, and the oldest that will do."""

    name: str
    pattern: str
    oldest: tuple[int, ...]


# The AWS CLI's changelog, 2.12.0 (`open-tunnel`); Session Manager's user guide, "Install the
# plugin" and "SSH connections".
AWS_CLI_2 = Tool("aws", r"aws-cli/([\d.]+)", (2, 12))
AWS_CLI = Tool("aws", r"aws-cli/([\d.]+)", (1, 16, 12))
PLUGIN = Tool("session-manager-plugin", r"([\d.]+)", (1, 1, 23, 0))

TOOLS = {"ssm": (AWS_CLI, PLUGIN), "instance-connect-endpoint": (AWS_CLI_2,)}


def check_route(ports: Ports) -> str:
    """What was found, in words. Raises ToolError with what is missing, and the cure."""
    said = ports.service.ssh
    if said.via == "bastion":
        route = bastion_route(ports.service, ports.resolve)
        route.session(ASK_SECONDS).close()
        return f"through {', '.join(hop.host for hop in said.bastion)}"
    if said.command is not None:
        program = shlex.split(said.command)[0]
        if shutil.which(program) is None:
            raise _missing(program)
        return f"through {program}"
    found = [f"{tool.name} {_version(tool)}" for tool in TOOLS.get(said.via, ())]
    return ", ".join([said.via, *found])


def _version(tool: Tool) -> str:
    """Raises ToolError where it is missing or too old."""
    found = re.search(tool.pattern, _run([tool.name, "--version"]))
    version = found[1] if found else ""
    if not version or tuple(int(part) for part in version.split(".") if part) < tool.oldest:
        wanted = ".".join(map(str, tool.oldest))
        raise ToolError(
            f"{tool.name} says version {version or 'nothing'}; {wanted} or newer is needed",
            cure=f"install a newer {tool.name} on this computer",
        )
    return version


def _run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=ASK_SECONDS, check=False
        )
    except FileNotFoundError:
        raise _missing(command[0]) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(f"{shlex.join(command)} failed: {error}") from error
    return done.stdout + done.stderr


def _missing(program: str) -> ToolError:
    return ToolError(
        f"{program} is not found on this computer: ssh.via needs it",
        cure=f"install {program}, or choose another ssh.via",
    )

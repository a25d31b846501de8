"""What the product runs on machines: today's, or with PRODUCT_BIN an older version's."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from deployer.provisioning.user_data import user_data
from reconciler.machine.activation_gate import ActivationGate
from reconciler.machine.clone_check import quarantine_script
from reconciler.machine.gate_placement import place_script
from reconciler.machine.host_key import HostKey
from reconciler.machine.unit_control import Act, obey_script
from tests.support.company import OTHER_PRODUCT


class Product(Protocol):
    """A version of the product."""

    def adopt(self, gate: ActivationGate, act: Act) -> str:
        """What it runs on a live machine before it takes the first image."""
        ...

    def obey(self, gate: ActivationGate, act: Act) -> str:
        """What makes a machine do what it is told."""
        ...

    def quarantine(self, gate: ActivationGate) -> str:
        """Prints a line for each unit of a clone that acts."""
        ...

    def user_data(self, key: HostKey, gate: ActivationGate) -> str:
        """What a clone is created with."""
        ...

    def log_of_connecting(self, address: str, port: int) -> str:
        """What a log of everything says until a machine that boots shows its host key."""
        ...


class Today:
    """The product of this checkout."""

    adopt = staticmethod(place_script)
    obey = staticmethod(obey_script)
    quarantine = staticmethod(quarantine_script)
    user_data = staticmethod(user_data)

    def log_of_connecting(self, address: str, port: int) -> str:
        return _log_of(sys.executable, "reconciler.machine.ssh", address, port)


_OLDER = """
import json, sys
from deployer.userdata import user_data
from reconciler.host_key import HostKey, PublicHostKey
from reconciler.machine_acts import Act, obey_script, quarantine_script
from reconciler.machine_gate import Gate
asked = json.load(sys.stdin)
gate = Gate(tuple(asked["app"]), tuple(asked["jobs"]))
if "act" in asked:
    text = obey_script(gate, Act(*asked["act"]))
elif "key" in asked:
    private, public = asked["key"]
    text = user_data(HostKey(private, PublicHostKey.parse(public)), gate)
else:
    text = quarantine_script(gate)
sys.stdout.write(text)
"""


class Older:
    """The version before "Production is never harmed" (99ac07b), by its own Python.

    Its `adopt` ran nothing on a machine.
    """

    def __init__(self, commands: str) -> None:
        self._python = str(Path(commands, "python"))

    def adopt(self, gate: ActivationGate, act: Act) -> str:  # noqa: ARG002 -- as the port says
        return "true"

    def obey(self, gate: ActivationGate, act: Act) -> str:
        return self._ask(gate, act=[act.generation, act.deploy, act.app, act.jobs])

    def quarantine(self, gate: ActivationGate) -> str:
        return self._ask(gate)

    def user_data(self, key: HostKey, gate: ActivationGate) -> str:
        return self._ask(gate, key=[key.private, key.public.tag_value])

    def log_of_connecting(self, address: str, port: int) -> str:
        return _log_of(self._python, "reconciler.remote", address, port)

    def _ask(self, gate: ActivationGate, **more: object) -> str:
        return subprocess.run(
            [self._python, "-c", _OLDER],
            input=json.dumps(asdict(gate) | more),
            capture_output=True,
            check=True,
            text=True,
            cwd="/",  # not this checkout: its packages have the same names
        ).stdout


_CONNECT = """
import importlib, logging, sys
logging.basicConfig(level=logging.INFO)
ssh = importlib.import_module(sys.argv[1])
ssh.seen_host_key(ssh.SshTarget(sys.argv[2], int(sys.argv[3])))
"""


def _log_of(python: str, module: str, address: str, port: int) -> str:
    command = [python, "-c", _CONNECT, module, address, str(port)]
    done = subprocess.run(command, capture_output=True, check=True, text=True, cwd="/")
    return done.stderr


def product() -> Product:
    """The version that is asked for."""
    return Older(OTHER_PRODUCT) if OTHER_PRODUCT else Today()

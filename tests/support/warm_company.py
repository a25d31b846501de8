"""The company, with commands begun from a process that has imported them already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.crash.fork_server import Warm
from tests.support.company import OTHER_PRODUCT, Company, Process


class WarmCompany(Company):
    """Most of a short command's time is its imports; see `tests/crash/fork_server.py`."""

    def start(self, command: Sequence[str], env: Mapping[str, str]) -> Process:
        """Begin a command, in a process that need not import everything first.

        Another version's commands are none that this process can have imported.
        """
        return super().start(command, env) if OTHER_PRODUCT else Warm(command, env)

"""A contract for import-linter: modules that are pure.

Pure means: what goes in decides what comes out. So the standard library is allowed but for what
acts, waits or guesses; the clock is an argument.
"""

from __future__ import annotations

import sys

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

ACTS = {
    *("asyncio", "concurrent", "ctypes", "http", "io", "logging", "multiprocessing", "os"),
    *("random", "secrets", "select", "shutil", "signal", "socket", "ssl", "subprocess", "sys"),
    *("tempfile", "threading", "time", "urllib"),
}


class PureContract(Contract):
    """The named modules and packages import each other and harmless standard library only.

    So what decides about life and death can be tested without a cloud, and read without one.
    """

    type_name = "pure"

    modules = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002
        """Collect every import that leaves the set."""
        named = set(self.modules)  # type: ignore[call-overload]
        absent = sorted(named - graph.modules)
        inside = (graph.find_descendants(module) for module in named & graph.modules)
        pure = named.union(*inside)
        present = sorted(pure & graph.modules)
        found = {module: impurities(graph, module) - pure for module in present}
        stray = {module: sorted(imports) for module, imports in found.items() if imports}
        return ContractCheck(
            kept=not stray and not absent, metadata={"stray": stray, "absent": absent}
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Say which module imports what, or is not there."""
        for module, imports in check.metadata["stray"].items():
            output.print_error(f"{module} is pure but imports {', '.join(imports)}")
        for module in check.metadata["absent"]:
            output.print_error(f"{module} is in the list of pure modules but does not exist")


def impurities(graph: ImportGraph, module: str) -> set[str]:
    """What the module imports beside the harmless part of the standard library."""
    imports = graph.find_modules_directly_imported_by(module)
    harmless = sys.stdlib_module_names - ACTS
    return {name for name in imports if name.partition(".")[0] not in harmless}

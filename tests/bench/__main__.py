"""Measures, and writes docs/benchmarks.md; of a part that fails, as far as it has come.

python -m tests.bench [PART …]        not said: every part
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import (
    alone,
    auditing,
    beside,
    crews,
    crowd,
    freezes,
    page,
    pages,
    rollbacks,
    routes,
    scoping,
    sweeping,
    throttled,
    traffic,
    uploading,
    waits,
    young,
)

Part = Callable[[Path], Iterator[str]]

PARTS: dict[str, tuple[str, Part]] = {
    "core": ("Mark and plan of 1,000,000 tag rows, in one process", alone.core),
    "help": ("Start-up", alone.start_up),
    "pages": ("Reading a page", pages.measure),
    "sweeps": ("Sweeps of fleets", sweeping.measure),
    "young": ("Young sweeps of fleets", young.measure),
    "costs": ("Cost audits of 10,000 things", auditing.measure),
    "custodian": ("Beside Cloud Custodian", beside.measure),
    "buckets": ("10,000 orphans within AWS's token buckets", throttled.measure),
    "traffic": ("The switch as clients see it", traffic.measure),
    "rollbacks": ("Rollbacks", rollbacks.measure),
    "freezes": ("The freeze for the copy of a database", freezes.measure),
    "waits": ("What people wait for", waits.measure),
    "crowd": ("Ten releases at once", crowd.measure),
    "machines": ("Machines of a release", crews.measure),
    "upload": ("The copy beside scp", uploading.measure),
    "scopes": ("A thousand account-regions in one process", scoping.measure),
    "routes": ("The ways to a machine", routes.measure),
}


def main() -> None:
    """Measure what is wanted; each part is written down when it is done."""
    wanted = sys.argv[1:] or list(PARTS)
    unknown = set(wanted) - PARTS.keys()
    if unknown:
        sys.exit(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    titles = {name: title for name, (title, _) in PARTS.items()}
    failed = []
    for name in wanted:
        with tempfile.TemporaryDirectory() as folder:
            print(f"## {titles[name]}", flush=True)
            said = [page.measured(), ""]
            try:
                _measure(PARTS[name][1](Path(folder)), said)
            except Exception as error:  # noqa: BLE001  told, and the parts after it are measured
                traceback.print_exc()
                failed.append(name)
                said.append(f"\n- **Not finished**: {type(error).__name__}, {error}")
            page.write(titles, {name: "\n".join(said)})
    if failed:
        sys.exit(f"not finished: {', '.join(failed)}")


def _measure(lines: Iterator[str], said: list[str]) -> None:
    """Show the lines of a part, and keep them in `said` as far as it comes."""
    for line in lines:
        print(line, flush=True)
        said.append(line)


if __name__ == "__main__":
    main()

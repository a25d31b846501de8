"""Sets the clock of every Python that is started with this folder on PYTHONPATH.

TIMETRAVEL_SECONDS says by how much: a distance, since a date would begin anew in each child.
Monotonic clocks, sleep, files' times, PostgreSQL and `python -I` stay in the present.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time

UNUSED = ("pytest", "dateutil.parser")
"""What time-machine imports if it can, and half a second in each of hundreds of children."""


def _travel(seconds: float) -> None:
    sys.modules.update(dict.fromkeys(UNUSED))  # type: ignore[arg-type]  # "cannot be imported"
    try:
        import time_machine
    finally:
        for name in UNUSED:
            del sys.modules[name]
    time_machine.travel(time.time() + seconds).start()
    time.time()  # its clock stands still until it is first read


if "TIMETRAVEL_SECONDS" in os.environ:
    with contextlib.suppress(ImportError):  # another Python than the suite's
        _travel(float(os.environ["TIMETRAVEL_SECONDS"]))

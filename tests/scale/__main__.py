"""A run of a thousand scopes without AWS: the very template, deployed to an emulator.

    python -m tests.scale [SCOPES]

ministack (in an environment of its own, on loopback only) runs Distributed Maps with real Lambda
processes. The function is what `make lambda` builds. Every fiftieth scope has something left
behind; in the first run the ledger of every hundredth cannot be read, calls to EC2 are throttled
and a worker is killed. The second run, with nothing failing, has to be complete and clean. Then an
event of a death has to start a young sweep. Figures: docs/benchmarks.md.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from scripts import lambda_zip
from scripts.second_opinion import free_port, install
from tests.bench.__main__ import PARTS
from tests.bench.page import measured, write
from tests.scale import package, stack
from tests.scale.emulator import serving
from tests.scale.rounds import Rounds
from tests.support import organisation
from tests.support.aws_api import ENVIRONMENT

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def main() -> None:
    """Build, deploy, run twice, judge, write down."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    every = (*organisation.members(count - 1), organisation.hub_member(count - 1))
    command = install(Path(".second-opinion").absolute())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = organisation.configure(folder / "config", every)
        archive = folder / "lambda.zip"
        size = lambda_zip.build(archive, config, PYTHON)
        with serving(command, free_port(), folder) as emulator:
            os.environ.update({**ENVIRONMENT, "AWS_ENDPOINT_URL": emulator.endpoint})
            os.environ["AWS_ACCESS_KEY_ID"] = organisation.HUB
            os.environ["AWS_DEFAULT_REGION"] = organisation.REGIONS[0]
            made = stack.deploy(archive, PYTHON)
            rounds = Rounds(emulator, made, every)
            said = [measured(), "", *printed(rounds.measure())]
            said += printed(package.measured(archive, str(every[0].place)))
            said += printed([f"Unpacked it has {size / 2**20:.0f} MiB."])
    if count >= 1000:
        titles = {name: title for name, (title, _) in PARTS.items()}
        write(titles, {"scale": section(said)})


def section(lines: Iterable[str]) -> str:
    """The lines as Markdown: a paragraph each, but for the rows of a table."""
    text = "\n".join(one if one.startswith("|") else f"\n{one}\n" for one in lines)
    return re.sub(r"\n{3,}", "\n\n", text)


def printed(lines: Iterable[str]) -> list[str]:
    """The lines, shown as they come."""
    said = []
    for line in lines:
        print(line, flush=True)
        said.append(line)
    return said


if __name__ == "__main__":
    main()

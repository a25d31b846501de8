"""A run of a thousand scopes without AWS: the very template, deployed to an emulator.

    python -m tests.scale [SCOPES]

ministack (in an environment of its own, on loopback only) runs Distributed Maps with real Lambda
processes. The function is what `make lambda` builds. Every fiftieth scope has something left
behind, the ledger of every hundredth cannot be read in the first run, and a worker is killed. The
second run, with nothing failing, has to be complete and clean. Figures: docs/benchmarks.md.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from scripts import lambda_zip
from scripts.second_opinion import free_port, install
from tests.bench.page import write
from tests.scale import stack
from tests.scale.emulator import serving
from tests.scale.rounds import Rounds
from tests.support import organisation
from tests.support.aws_api import ENVIRONMENT

TITLE = "A thousand scopes by Step Functions and Lambda, on an emulator"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def main() -> None:
    """Build, deploy, run twice, judge, write down."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    every = organisation.members(count)
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
            lines = [*rounds.measure(), f"The package: {size / 2**20:.0f} MiB unpacked."]
    print("\n".join(lines))
    if count >= 1000:
        write({"scale": TITLE}, {"scale": "\n".join(lines)})


if __name__ == "__main__":
    main()

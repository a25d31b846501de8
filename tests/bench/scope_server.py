"""The sandbox's API with an organisation in it, as a process of its own.

    python -m tests.bench.scope_server SCOPES

Each scope is one account in one region with ten things of a live deploy: three machines with a disk
and an interface each, and a disk more. Prints its endpoint when they stand; ends when its standard
input does.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from deployer.sandbox.aws import AwsOptions, AwsServer
from deployer.sandbox.aws.launch.images import add_base_image
from deployer.sandbox.aws.moto_application import ec2_backend
from tests.fakes.paper_host import PaperHost
from tests.support.aws_api import ENVIRONMENT
from tests.support.organisation import Member, add_machines, make_zone, members


def main() -> None:
    """Serve the organisation until nobody wants it any more."""
    every = members(int(sys.argv[1]))
    os.environ.update(ENVIRONMENT)
    server = AwsServer(PaperHost(), AwsOptions())
    os.environ["AWS_ENDPOINT_URL"] = server.start()
    try:
        zone = make_zone(every)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(partial(_fill, server, zone), every))
        server.journal.clear()
        print(server.endpoint, flush=True)
        sys.stdin.read()
    finally:
        server.stop()


def _fill(server: AwsServer, zone: str, one: Member) -> None:
    with server.cloud.lock:
        backend = ec2_backend(one.place.account, one.place.region)
        image = add_base_image(server.cloud, backend, "debian-12", "", 8)
    add_machines(one, zone, image)


if __name__ == "__main__":
    main()

"""The sandbox's AWS API: moto with strict checks added, on loopback, in this process.

    from deployer.sandbox.aws import AwsOptions, AwsServer
    from tests.fakes.paper_host import PaperHost

    server = AwsServer(PaperHost(), AwsOptions())
    endpoint = server.start()                     # http://127.0.0.1:PORT
    image = server.register_base_image("debian-12")
    ec2 = boto3.client("ec2", endpoint_url=endpoint, region_name="eu-west-1",
                       aws_access_key_id="test", aws_secret_access_key="test")
    ...
    server.reset()      # an empty account again, ids from the same seed
    server.stop()

- `PaperHost` simulates machines without processes; the real ones are in
  `deployer.sandbox.machines`.
- One server per process: moto keeps its state in module globals. A second `start` is refused
  while the first runs; several sandboxes need several processes.
- Every account has a default VPC on the loopback range `AwsOptions.network`: an instance's
  machine listens at its PrivateIpAddress. A public address, if requested, is another address of
  that range, a new one at every start; a `Nat` forwards what its security groups allow to the
  machine. Addresses are unique over all subnets.
- `server.faults` (`deployer.sandbox.faults`) or `FaultClient(endpoint, key)` set faults;
  `server.journal` or `FaultClient.requests()` return the recorded requests.
- The strict behaviour, and the AWS documents it comes from, is stated in `tests/contract/`.

Sub-packages: `http` (in front of every request: log, faults, limits, errors), `api` (ids, filters,
pages, errors), `state` (state that moto lacks), `launch` (instances and images), `ec2` (the other
EC2 resources), `elbv2` (load balancers; `deployer.sandbox.balancer` runs them), `route53`. Modules
here: `server`, `options`, `rds`, and moto's adaptation: `moto_application`, `moto_patches`,
`sessions`, `xml_serializer`.
"""

from __future__ import annotations

import os

# moto reads these when it is imported, by any module of this package. Its default images alone
# create 1,300 snapshots, and CORS headers let every web page read the answers.
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"

from deployer.sandbox.aws.options import AwsOptions
from deployer.sandbox.aws.sessions import one_loader

with one_loader():  # the first import of moto in this process
    from deployer.sandbox.aws.server import AwsServer

__all__ = ["AwsOptions", "AwsServer"]

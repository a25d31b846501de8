"""The sandbox's AWS API: moto below, strict where it is lax, on loopback, in this process.

    from deployer.sandbox.aws import AwsOptions, AwsServer
    from tests.fakes.paper_host import PaperHost

    server = AwsServer(PaperHost(), AwsOptions())
    endpoint = server.start()                     # http://127.0.0.1:PORT
    image = server.register_base_image("debian-12")
    ec2 = boto3.client("ec2", endpoint_url=endpoint, region_name="eu-west-1",
                       aws_access_key_id="test", aws_secret_access_key="test")
    ...
    server.reset()      # a bare account again, ids from the same seed
    server.stop()

- `PaperHost` has machines on paper only; the real ones are in `deployer.sandbox.machines`.
- One server a process: moto keeps its state in module globals. A second `start` is refused
  while the first runs; several sandboxes are several processes.
- Every account has a default VPC on the loopback range `AwsOptions.network`: an instance's
  PrivateIpAddress is where its machine listens. A public address, if it was asked for one, is
  another of that range, a new one at every start; a `Nat` carries what its groups let in to the
  machine. Addresses are unique over all subnets.
- `server.faults` (`deployer.sandbox.faults`) or `FaultClient(endpoint)` set faults;
  `server.journal` or `FaultClient(endpoint).requests()` tell what was asked.
- What is strict, and where it is written down, is what `tests/contract/` states.

One module a concern: `door` (what stands before every request), `cloud` (what moto does not
know of a resource), `launch`, `tokens`, `lifecycle`, `upkeep`, `grave`, `images`, `volumes`,
`network`, `public`, `access`, `tags`, `describe`, `kinds`, `filters`, `paging` (EC2), `dns_names`,
`dns_values`, `dns_changes`, `dns` (Route 53), `patches` (moto's own classes).
"""

from __future__ import annotations

from deployer.sandbox.aws.options import AwsOptions
from deployer.sandbox.aws.server import AwsServer

__all__ = ["AwsOptions", "AwsServer"]

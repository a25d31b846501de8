"""The options of the sandbox's AWS API; the defaults suit tests and the demo.

Times are short but never zero: a product that treats the first answer as final must meet `pending`
here, not in production.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AwsOptions:
    """Port, network and clock of one sandbox API; all times in seconds.

    `network` is the loopback range of the default VPC (a /16): an instance's machine listens at an
    address of a subnet in it. `port` 0 uses any free one. With an `access_key`, only requests with
    this key, or with one that AssumeRole lent, are carried out. `balancer_second` is how long a
    second of a load balancer takes (health-check interval, deregistration delay): AWS's shortest
    are minutes.
    """

    port: int = 0
    access_key: str = ""
    region: str = "eu-west-1"
    network: str = "127.77.0.0/16"
    instance_pending: float = 0.05
    image_pending: float = 0.05
    insync_after: float = 0.5
    rds_deleting: float = 0.1
    balancer_second: float = 0.02
    terminated_for: float = 3600.0
    seed: int = 42

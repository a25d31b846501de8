"""The sandbox's API with a fleet in it, as a process of its own: what is measured is the client.

    python -m tests.bench.server MACHINES GARBAGE [REGIONS]

So many in each of the regions. Prints its endpoint when the fleet stands. A number on a line of its
own lays so many dead machines more, and is answered with it. It ends when its standard input does.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import boto3
from botocore.config import Config

from deployer.sandbox.aws import AwsOptions, AwsServer
from deployer.sandbox.aws.http.wsgi_middleware import OPERATOR
from reconciler.model.ledger_codec import encode
from tests.bench.fleet import (
    REGION,
    ZONE_NAME,
    Fleet,
    Ground,
    lay,
    ledger_of,
    services,
    services_in,
)
from tests.fakes.paper_host import PaperHost
from tests.support.aws_api import ENVIRONMENT


def main() -> None:
    """Serve the fleet until nobody wants it any more."""
    machines, garbage, *regions = (int(word) for word in sys.argv[1:])
    os.environ.update(ENVIRONMENT)
    host = PaperHost()
    server = AwsServer(host, AwsOptions(region=REGION))
    os.environ["AWS_ENDPOINT_URL"] = server.start()
    try:
        ground = fill(server, host, Fleet(machines, garbage), *regions)
        print(server.endpoint, flush=True)
        for line in sys.stdin:
            lay(ground, Fleet(int(line), int(line)), machines)
            machines += int(line)
            print(line, end="", flush=True)
    finally:
        server.stop()


def fill(server: AwsServer, host: PaperHost, fleet: Fleet, regions: int = 1) -> Ground:
    """A zone with every service's ledger and record, and the fleet in each region; the first."""
    zone_id = _zone(_client("route53"))
    grounds = [
        Ground(server, host, zone_id, _mould(server, region), region, names)
        for region, names in services_in(regions).items()
    ]
    for number, ground in enumerate(grounds):
        lay(ground, fleet, number * fleet.machines)
    server.journal.clear()
    return grounds[0]


def _mould(server: AwsServer, region: str) -> str:
    """A machine that was launched through the API."""
    ec2 = _client("ec2", region)
    mould: str = ec2.run_instances(
        ImageId=server.register_base_image("debian-12", region=region),
        MinCount=1,
        MaxCount=1,
        InstanceType="t3.micro",
        Placement={"AvailabilityZone": f"{region}a"},
    )["Instances"][0]["InstanceId"]
    ec2.get_waiter("instance_running").wait(
        InstanceIds=[mould], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    return mould


def _client(service: str, region: str = REGION) -> Any:
    settings = Config(user_agent_extra=OPERATOR)
    return boto3.client(service, region_name=region, config=settings)  # type: ignore[call-overload]


def _zone(route53: Any) -> str:
    zone = route53.create_hosted_zone(Name=ZONE_NAME, CallerReference="bench")["HostedZone"]["Id"]
    changes = []
    for name in services():
        ledger = ledger_of(name)
        assert ledger.live is not None
        changes.append(_create(f"{name}._deploy.{ZONE_NAME}", "TXT", encode(ledger)))
        changes.append(_create(f"{name}.{ZONE_NAME}", "A", *ledger.live.at))
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    return str(zone).removeprefix("/hostedzone/")


def _create(name: str, kind: str, *values: str) -> dict[str, Any]:
    records = [{"Value": one} for one in values]
    record = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": records}
    return {"Action": "CREATE", "ResourceRecordSet": record}


if __name__ == "__main__":
    main()

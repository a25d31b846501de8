"""A reply that is cut, empty or not of AWS is no answer: reads ask again, none finds nothing."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from reconciler.aws.client.errors import calling
from reconciler.aws.client.response_events import LOST, REFUSED
from reconciler.aws.client.session import Aws
from reconciler.errors import CloudError, CloudUnclear
from tests.support.aws_api import PLACE, Api

CUTS: dict[str, Callable[[bytes], bytes]] = {
    "half": lambda body: body[: len(body) // 2],
    "empty": lambda _: b"",
    "page": lambda _: b"<html><body>log in to this network</body></html>",
}


class _Cutting(ThreadingHTTPServer):
    """Passes requests on, and spoils the next `times` replies; without a length, as a cut one."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target, self.times = target.removeprefix("http://"), 0
        self.cut = CUTS["half"]


class _Handler(BaseHTTPRequestHandler):
    server: _Cutting

    def do_GET(self) -> None:
        """Pass it on; spoil the reply."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        inside = http.client.HTTPConnection(self.server.target)
        inside.request(self.command, self.path, body or None, dict(self.headers.items()))
        reply = inside.getresponse()
        answer, kind = reply.read(), reply.headers["Content-Type"]
        inside.close()
        if self.server.times > 0:
            self.server.times -= 1
            answer = self.server.cut(answer)
        self.send_response(reply.status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(answer)

    def do_POST(self) -> None:
        """As a GET."""
        self.do_GET()

    def do_PUT(self) -> None:
        """As a GET."""
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def cutting(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Cutting]:
    """What stands between the clients and the API, but for those of `api`."""
    assert api.ec2
    server = _Cutting(api.server.endpoint)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


READS: dict[str, Callable[[Aws], Any]] = {
    "ec2 tags": lambda aws: aws.ec2.describe_tags()["Tags"],
    "ec2": lambda aws: aws.ec2.describe_instances()["Reservations"],
    "route53": lambda aws: aws.route53.list_hosted_zones()["HostedZones"],
    "s3": lambda aws: aws.s3.list_objects_v2(Bucket="ledgers")["Contents"],
    "ssm": lambda aws: aws.ssm.get_parameter(Name="/secret")["Parameter"]["Value"],
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("read", READS)
def test_a_read_is_repeated(api: Api, cutting: _Cutting, read: str, cut: str) -> None:
    """The second reply is whole, and nobody notices the first."""
    prepared = Aws(PLACE)
    api.machines()
    prepared.route53_once.create_hosted_zone(Name="example.test", CallerReference="one")
    _object(prepared, b"gen=1")
    prepared.ssm.put_parameter(Name="/secret", Value="s3cr3t", Type="SecureString")
    told: list[str] = []
    aws = Aws(PLACE, on_answer=lambda _, result: told.append(result))
    aws.verify()
    cutting.cut, cutting.times = CUTS[cut], 1
    found = READS[read](aws)
    # Of S3, botocore itself takes a reply that is no XML for one of a failing server.
    result = REFUSED if (read, cut) == ("s3", "half") else LOST
    assert (bool(found), cutting.times, told.count(result)) == (True, 0, 1)


def _object(aws: Aws, body: bytes) -> None:
    where: Any = {"LocationConstraint": PLACE.region}
    aws.s3_once.create_bucket(Bucket="ledgers", CreateBucketConfiguration=where)
    aws.s3_once.put_object(Bucket="ledgers", Key="shop", Body=body)


@pytest.mark.parametrize("body", [b"", b"<html>no ledger</html>"])
def test_an_object_of_s3_is_whatever_it_is(api: Api, body: bytes) -> None:
    """Its bytes are no document of AWS, so their beginning proves nothing."""
    assert api.ec2
    aws = Aws(PLACE)
    _object(aws, body)
    assert aws.s3.get_object(Bucket="ledgers", Key="shop")["Body"].read() == body
    assert aws.s3.get_bucket_location(Bucket="ledgers")["LocationConstraint"] == PLACE.region


@pytest.mark.parametrize("cut", CUTS)
def test_a_create_is_unclear_and_shows_no_reply(api: Api, cutting: _Cutting, cut: str) -> None:
    """One attempt: it may have been done, and what is left of the reply is not printed."""
    aws = Aws(PLACE)
    client: Any = aws.ec2_once
    cutting.cut, cutting.times = CUTS[cut], 1
    with pytest.raises(CloudUnclear) as unclear, calling("ec2:CreateVolume", mutating=True):
        client.create_volume(AvailabilityZone="eu-west-1a", Size=1)
    assert "<" not in unclear.value.message
    assert cutting.times == 0
    assert len(api.ec2.describe_volumes()["Volumes"]) == 1


def test_a_read_that_stays_cut_is_an_error(api: Api, cutting: _Cutting) -> None:
    """Unknown is not empty; the message has no raw reply."""
    api.machines()
    client: Any = Aws(PLACE).ec2
    cutting.times = 100
    with pytest.raises(CloudError) as failed, calling("ec2:DescribeInstances"):
        client.describe_instances()
    assert "no answer" in failed.value.message
    assert "<" not in failed.value.message

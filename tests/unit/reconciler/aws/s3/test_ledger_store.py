"""Ledgers in objects: what is unknown, and what is said of it (docs/adr/0025)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.aws.s3.ledger_store import S3Ledgers
from reconciler.aws.s3.lines import as_lines
from reconciler.errors import AccessDenied, CloudError, LedgerUnknown, ToolError
from reconciler.model import ledger as led
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import NO_LEDGER, LedgerHome, Live
from reconciler.model.ledger_codec import encode
from reconciler.model.reading import LedgerAddress
from tests.fakes.route53 import NOW, an_id
from tests.support.aws_api import HASTE, Api
from tests.support.bucket import bucket_for, object_text, put_object

OLD = led.Ledger(gen=1, home=LedgerHome("shop.example.com", "123456789012", "eu-west-1", ("arn",)))


@pytest.fixture
def ledgers(api: Api) -> S3Ledgers:
    """Of the sandbox's account, in a hurry."""
    return S3Ledgers(api.aws, replace(HASTE, deadline=0.5))


def test_the_object_is_a_line_for_each_string(api: Api, ledgers: S3Ledgers) -> None:
    """Readable with `aws s3 cp s3://… -`, and the strings are those of the TXT value."""
    address = bucket_for(api)
    ledgers.swap(ledgers.read(address), OLD)
    assert object_text(api, address) == (
        "v=1 gen=1 record=shop.example.com account=123456789012 region=eu-west-1\ntraffic=arn\n"
    )
    assert ledgers.read(address).text == encode(OLD)


@pytest.mark.parametrize(
    "lines",
    [
        "",
        "v=1 gen=1",
        "v=1 gen=1\n\n",
        "v=1 gen=1\r\n",
        '"v=1 gen=1"\n',
        'v=1 gen=1" "lease=x\n',
        "v=9 gen=1\n",
        "v=1 gen=1\n" * 4000,
        "v=1 gen=1 caf\u00e9\n",
    ],
)
def test_what_is_not_exactly_ours_is_unknown(api: Api, ledgers: S3Ledgers, lines: str) -> None:
    """Never empty; `recover` reads it raw and may write over exactly that."""
    address = bucket_for(api)
    put_object(api, address, lines)
    with pytest.raises(LedgerUnknown, match="company-ledgers/ledgers/shop cannot be read"):
        ledgers.read(address)
    raw = ledgers.raw(address)
    assert (raw.ledger, bool(raw.text)) == (NO_LEDGER, True)
    assert ledgers.swap(raw, replace(OLD, gen=8)).ledger.gen == 8


def test_of_another_service_or_home_it_is_unknown(api: Api, ledgers: S3Ledgers) -> None:
    """As in a zone: whoever copies objects about does not move production (rule 12)."""
    address = replace(bucket_for(api), account="123456789012", region="eu-west-1", traffic=("no",))
    put_object(api, address, as_lines(encode(OLD)))
    with pytest.raises(LedgerUnknown, match=r"is that of shop\.example\.com through arn"):
        ledgers.read(address)
    stranger = DeployId("blog", NOW, "aaaaa")
    put_object(api, address, as_lines(encode(led.Ledger(1, live=Live(stranger, ("10.0.0.1",))))))
    with pytest.raises(LedgerUnknown, match="it names blog/"):
        ledgers.read(address)


def test_a_deleted_ledger_is_unknown(api: Api, ledgers: S3Ledgers) -> None:
    """The bucket keeps versions: a delete marker is a 404 like that of a first release."""
    address = bucket_for(api, versioned=True)
    ledgers.swap(ledgers.read(address), OLD)
    api.aws.s3_once.delete_object(Bucket=address.bucket, Key=address.key)
    with pytest.raises(LedgerUnknown, match="was deleted by somebody") as unknown:
        ledgers.read(address)
    assert "deployer recover shop" in unknown.value.cure
    assert "aws s3api list-object-versions --bucket company-ledgers" in unknown.value.cure
    anew = ledgers.swap(ledgers.raw(address), replace(OLD, gen=9))
    assert replace(ledgers.read(address), now=NOW) == replace(anew, now=NOW)


def test_the_clock_is_that_of_s3(api: Api, ledgers: S3Ledgers) -> None:
    """Also where nothing is: a lease is as long as AWS says (the Date header)."""
    address = bucket_for(api)
    nothing = ledgers.read(address)
    stored = ledgers.swap(nothing, OLD)
    times = (nothing.now, stored.now, ledgers.read(address).now)
    assert all(one.utcoffset() is not None for one in times)
    assert list(times) == sorted(times)


def test_a_bucket_in_another_region_is_found(api: Api, ledgers: S3Ledgers) -> None:
    """S3 names the region in its refusal, and the request is sent there."""
    address = bucket_for(api, "eu-central-1")
    stored = ledgers.swap(ledgers.read(address), OLD)
    assert ledgers.read(address).version == stored.version


@pytest.mark.parametrize("code", ["PermanentRedirect", "AuthorizationHeaderMalformed"])
def test_a_region_that_is_not_named_is_said(api: Api, ledgers: S3Ledgers, code: str) -> None:
    """Without the name the request cannot be sent on; the person learns how to find out."""
    address = bucket_for(api)
    api.fault("GetObject", "error", code=code, status=400, times=0)
    with pytest.raises(CloudError, match=code) as refused:
        ledgers.read(address)
    assert "aws s3api get-bucket-location --bucket company-ledgers" in refused.value.cure


def test_a_bucket_that_is_not_there_is_unknown(api: Api, ledgers: S3Ledgers) -> None:
    """Never a service without a ledger."""
    address = replace(bucket_for(api), bucket="another-name")
    with pytest.raises(CloudError, match="NoSuchBucket") as unknown:
        ledgers.read(address)
    assert "create the bucket (docs/s3-ledger.md), or correct `ledger`" in unknown.value.cure


def test_without_listbucket_nothing_there_is_a_403(api: Api, ledgers: S3Ledgers) -> None:
    """GetObject, "Permissions": without s3:ListBucket the answer is 403, not 404."""
    address = bucket_for(api)
    api.fault("GetObject", "error", code="AccessDenied", status=403, times=0)
    with pytest.raises(AccessDenied, match="s3:GetObject in company-ledgers is denied") as unknown:
        ledgers.read(address)
    assert "s3:ListBucket on the bucket: without the latter" in unknown.value.cure
    assert "must belong to account 123456789012" in unknown.value.cure


def test_a_bucket_that_demands_headers_says_so(api: Api, ledgers: S3Ledgers) -> None:
    """A policy that denies PutObject without an SSE header is a 403 (User Guide, UsingKMS)."""
    address = bucket_for(api)
    api.fault("PutObject", "error", code="AccessDenied", status=403, times=0)
    with pytest.raises(AccessDenied) as denied:
        ledgers.swap(ledgers.read(address), OLD)
    assert "let the bucket's default encryption do that" in denied.value.cure


def test_a_bucket_that_somebody_else_took_is_not_believed(api: Api, ledgers: S3Ledgers) -> None:
    """Every request names the owner that it expects (User Guide, bucket ownership)."""
    address = bucket_for(api)
    put_object(api, address, as_lines(encode(OLD)))
    foreign = S3Ledgers(api.aws.in_region("eu-west-1"), ledgers.backoff)
    foreign.aws.place = replace(foreign.aws.place, account="210987654321")
    with pytest.raises(AccessDenied):
        foreign.read(address)
    with pytest.raises(AccessDenied):
        foreign.swap(replace(ledgers.read(address)), replace(OLD, gen=2))


def test_a_bucket_that_fails_is_asked_once(api: Api, ledgers: S3Ledgers) -> None:
    """A hundred services wait for one time-out, and each is unknown."""
    first = bucket_for(api)
    others = [LedgerAddress.in_bucket("s3://company-ledgers", f"s{n}", "x.y") for n in range(5)]
    api.fault("GetObject", "error", code="NoSuchBucket", status=404, times=0)
    found = ledgers.readings([first, *others]).found
    assert {type(one) for one in found.values()} == {CloudError}
    asked = [one for one in api.server.journal.since() if one["action"] == "GetObject"]
    assert len(asked) == 1


def test_no_record_changes_with_it(api: Api, ledgers: S3Ledgers) -> None:
    """It would be a second write elsewhere, which looks like one and is not."""
    address = bucket_for(api)
    leased = led.acquire(OLD, an_id("bbbbb"), NOW)
    with pytest.raises(ValueError, match="A record"):
        ledgers.swap(ledgers.read(address), leased, ("10.0.0.1",))


def test_a_bucket_that_keeps_versions_is_well(api: Api, ledgers: S3Ledgers) -> None:
    """In whatever region; one that keeps none is said, with the command that mends it."""
    address = bucket_for(api, "eu-central-1")
    with pytest.raises(ToolError, match="keeps no versions") as bad:
        ledgers.kept_where(address)
    assert "put-bucket-versioning --bucket company-ledgers" in bad.value.cure
    on = {"Status": "Enabled"}
    api.aws.s3_once.put_bucket_versioning(Bucket=address.bucket, VersioningConfiguration=on)  # type: ignore[arg-type]
    said = ledgers.kept_where(address)
    assert said == "bucket company-ledgers in eu-central-1, which keeps versions"

"""The company whose ledger is an object in a bucket that keeps versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deployer.sandbox.control.client import Sandbox
from reconciler.aws.s3.lines import as_lines, from_lines
from tests.support.company import RECORD, older
from tests.support.warm_company import WarmCompany

BUCKET, KEY = "company-ledgers", "production/shop"
CLAIM = f"_deploy.{RECORD}"


@dataclass
class LedgerInBucket(WarmCompany):
    """Before any shape of the company."""

    since: int = 0

    @property
    def s3(self) -> Any:
        """A plain client of its buckets."""
        return self.aws("s3")

    def text(self) -> str:
        """The ledger's text, as it would stand in a TXT value; '' where there is none."""
        try:
            body = self.s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
        except self.s3.exceptions.NoSuchKey:
            return ""
        return from_lines(body.decode())

    def ledger(self) -> str:
        """The text, wherever it is kept."""
        return self.text()

    def write_over(self, text: str) -> None:
        """Put another text in the place of the one that is there, in our own form."""
        etag = self.s3.head_object(Bucket=BUCKET, Key=KEY)["ETag"]
        body = as_lines(text).encode()
        self.s3.put_object(Bucket=BUCKET, Key=KEY, Body=body, IfMatch=etag)

    def keep_ledger_in_bucket(self, kind: str, named: str) -> None:
        """As docs/s3-ledger.md has it: a bucket, and two keys in the service's file."""
        self.configure(rf'^kind = "{kind}".*$', f'kind = "{kind}"\n{named}')
        self.keep_ledger_in_bucket_of_record()
        self.since = max(one["seq"] for one in self.sandbox.faults().requests())

    def keep_ledger_in_bucket_of_record(self) -> None:
        """The same where the A record follows: one key alone."""
        where = {"LocationConstraint": "eu-west-1"}
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
        on = {"Status": "Enabled"}
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=on)
        self.configure(r"^(record  = .*)$", rf'\1\nledger = "s3://{BUCKET}/production"')

    def asked_of_route53(self) -> list[str]:
        """What the product has asked Route 53 for since then."""
        every = self.sandbox.faults().requests(self.since)
        return [one["action"] for one in every if one["service"] == "route53"]


class RecordInBucket(LedgerInBucket):
    """Its record is an ordinary A record, which follows the object."""

    @property
    def live(self) -> str:
        """Who is live by the ledger."""
        return self.text().partition('"live=')[2].split()[0]

    @property
    def claim(self) -> str:
        """The record's claim; '' for none."""
        return next(iter(self.records().get((CLAIM, "TXT"), ())), "")

    def let_lease_end(self) -> None:
        """As if the lease's time had passed."""
        found = self.s3.get_object(Bucket=BUCKET, Key=KEY)
        text = older(found["Body"].read().decode(), r"lease=\S+ until")
        self.s3.put_object(Bucket=BUCKET, Key=KEY, Body=text.encode(), IfMatch=found["ETag"])


def adopted_in_bucket(sandbox: Sandbox, tries: int = 25) -> RecordInBucket:
    """Adopted into a bucket; its smoke test looks so often."""
    made = RecordInBucket(sandbox)
    made.look_often(tries)
    made.keep_ledger_in_bucket_of_record()
    made.adopt()
    return made

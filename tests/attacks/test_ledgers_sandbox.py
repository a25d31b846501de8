"""Attacks of docs/attacks-ledgers.md on real processes, a name server and PostgreSQL."""

from __future__ import annotations

import pytest

from deployer.sandbox.control.client import Sandbox
from reconciler.exit_codes import Exit
from tests.e2e.probes import has, writable
from tests.e2e.zone import change_record, delete_record, said
from tests.support.adoption import adopt
from tests.support.company import LEDGER, RECORD, Company
from tests.support.warm_company import WarmCompany

pytestmark = pytest.mark.timeout(600)
WWW = "www.example.test"


@pytest.fixture
def released(sandbox: Sandbox) -> Company:
    """The company, adopted, with one release: live v1.5.0, the adopted machine previous."""
    company = WarmCompany(sandbox)
    company.look_often(25)
    adopt(company)
    company.up("v1.5.0")
    return company


def test_a_persons_hand_is_no_rollback(released: Company) -> None:
    """14, 18: the record at the previous release, then every cure: no write is lost."""
    ledger, open_, at = released.ledger(), writable(released), released.pointed_at()
    previous = said(released).previous[0]
    change_record(released, RECORD, "A", _previous_at(released))
    assert released.reconciler("sweep").code == Exit.DIRT
    for words in (("up", "shop"), ("adopt", "shop", "--yes"), ("recover", "shop", "--yes")):
        done = released.deployer(*words)
        assert done.code == Exit.REFUSED, done
    has(
        released.deployer("recover", "shop", "--yes").err,
        at[0],
        f"deployer rollback shop --to {previous}",
    )
    assert (released.ledger(), writable(released)) == (ledger, open_)
    change_record(released, RECORD, "A", list(at))
    released.ok("reconciler", "sweep")
    released.ok("deployer", "rollback", "shop", "--to", previous, "--discard-writes")


def test_who_is_left_by_recover_is_named(released: Company) -> None:
    """18, the way out: a person who means it says whom the record has left."""
    live, previous = said(released).live, said(released).previous[0]
    change_record(released, RECORD, "A", _previous_at(released))
    released.ok("deployer", "recover", "shop", "--replace", live, "--yes")
    assert said(released).live == previous
    released.ok("reconciler", "sweep")
    assert len(writable(released)) == 1


def _previous_at(company: Company) -> list[str]:
    tags = {one["InstanceId"]: company.tags(one["InstanceId"]) for one in company.instances()}
    (previous,) = said(company).previous
    return [
        one["PrivateIpAddress"]
        for one in company.instances()
        if tags[one["InstanceId"]].get("deploy-id") == previous
    ]


def test_a_second_name_keeps_a_service_open(released: Company) -> None:
    """11: its record is gone, `www` leads to live; the name is told, and vouched for."""
    live, ledger, open_ = said(released).live, released.ledger(), writable(released)
    change_record(released, WWW, "A", list(released.pointed_at()))
    delete_record(released, RECORD, "A")
    words = ("retire", "shop", "--nobody-live", live, "--yes")
    refused = released.deployer(*words)
    assert refused.code == Exit.REFUSED, refused
    has(refused.err, WWW, f"--despite {WWW}")
    assert (released.ledger(), writable(released)) == (ledger, open_)
    released.ok("deployer", *words, "--despite", WWW)
    assert said(released).live == ""


def test_nobody_live_with_a_misspelt_record(released: Company) -> None:
    """13: the ledger is deleted, the record misspelt; the real name is told."""
    before, open_ = said(released), writable(released)
    delete_record(released, LEDGER, "TXT")
    text = released.service_file().read_text()
    released.configure(r"^record( *)=.*$", 'record = "shpo.example.test"')
    refused = released.deployer("recover", "shop", "--nobody-live", "--yes")
    assert refused.code == Exit.REFUSED, refused
    has(refused.err, RECORD)
    assert (LEDGER, "TXT") not in released.records()
    assert writable(released) == open_
    released.service_file().write_text(text)
    released.ok("deployer", "recover", "shop", "--yes")
    assert said(released).live == before.live
    released.ok("reconciler", "sweep")


def test_a_name_in_the_zone_that_was_left(released: Company) -> None:
    """1, 16: the old name leads to live still; that is told, and with its cure a release waits."""
    released.aws("route53").create_hosted_zone(Name="example.org", CallerReference="org")
    released.configure(r"^record( *)=.*$", 'record = "shop.example.org"')
    moved = released.ok("deployer", "move", "shop", "--yes")
    has(moved.out, RECORD, 'witness_zones = ["example.test"]')
    released.configure(
        r"^record( *)=.*$", 'record = "shop.example.org"\nwitness_zones = ["example.test"]'
    )
    refused = released.deployer("up", "shop", "--ref", "v1.7.0")
    assert refused.code == Exit.REFUSED, refused
    has(refused.err, RECORD)

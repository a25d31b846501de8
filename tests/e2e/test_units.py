"""The configured units on real machines of the sandbox: a name that is none, and another set."""

from __future__ import annotations

import re

from reconciler.exit_codes import Exit
from tests.e2e.probes import live_instance
from tests.support.company import TRUSTING, Company

JOBS = 'jobs     = ["shop-cron", "shop-worker"]'
TYPO = 'jobs     = ["shop-cron", "shop-workr"]'


def test_a_mistyped_job_never_reaches_a_clone(company: Company) -> None:
    """Adopt, doctor, plan and up name it and the unit that was meant; no machine is made."""
    company.configure(re.escape(JOBS), TYPO)
    refused = company.deployer("adopt", "shop", *TRUSTING)
    assert (refused.code, company.ledger()) == (Exit.REFUSED, ""), refused
    assert "did you mean shop-worker.service?" in refused.err
    company.configure(re.escape(TYPO), JOBS)
    company.adopt()
    company.configure(re.escape(JOBS), TYPO)
    before = company.resources()
    for words in (("up", "shop"), ("plan", "shop"), ("doctor",)):
        said = company.deployer(*words)
        assert "did you mean shop-worker.service?" in said.out + said.err, said
    assert company.resources() == before
    assert company.version() == "v1.4.2"


def test_another_set_of_units_is_due(company: Company) -> None:
    """A job fewer in the configuration: the sweep tells the live machine, and is clean again."""
    company.adopt()
    machine = live_instance(company)["InstanceId"]
    first = company.tags(machine)["deploy-units"]
    assert company.reconciler("sweep").code == Exit.DONE
    company.configure(re.escape(JOBS), 'jobs     = ["shop-cron"]')
    assert "has not obeyed the units" in company.reconciler("plan").out
    assert company.reconciler("sweep").code == Exit.DONE
    assert company.tags(machine)["deploy-units"] != first
    assert "has not obeyed the units" not in company.reconciler("plan").out

"""A pause in the sandbox: who comes meanwhile, and how it ends."""

from __future__ import annotations

import json

from reconciler.exit_codes import Exit
from tests.e2e.probes import has
from tests.e2e.zone import let_time_pass
from tests.support.company import Company

WHY = "the disk is being grown"


def test_a_pause_from_its_begin_to_its_end(adopted: Company) -> None:
    """Refused with the reason, seen in status, left alone by a sweep, ended by resume."""
    paused = adopted.deployer("pause", "shop", "--for", "2h", "--reason", WHY)
    assert paused.code == Exit.DONE, paused
    has(paused.out, "shop is paused until", "deployer resume shop")
    ledger = adopted.ledger()
    for words in (
        ("up", "shop"),
        ("rollback", "shop"),
        ("pause", "shop", "--for", "1h", "--reason", "x"),
    ):
        refused = adopted.deployer(*words)
        assert refused.code == Exit.REFUSED, refused
        has(refused.err, "shop is paused by", WHY, "deployer resume shop")
    has(adopted.ok("deployer", "status", "shop").out, "paused    until", WHY)
    adopted.ok("reconciler", "sweep")
    assert adopted.ledger() == ledger
    assert adopted.version() == "v1.4.2"
    has(adopted.ok("deployer", "resume", "shop").out, "not paused any more")
    assert adopted.deployer("resume", "shop").code == Exit.REFUSED
    adopted.up("v1.5.0")
    assert adopted.version() == "v1.5.0"


def test_a_sweep_ends_a_pause_whose_time_is_over(adopted: Company) -> None:
    """Its person has gone home: as with any lease, nothing of the service changes."""
    done = adopted.deployer("pause", "shop", "--for", "1m", "--reason", WHY, "--json")
    pause = json.loads(done.out.splitlines()[-1])["answer"]["pause"]
    let_time_pass(adopted, "until")
    before = adopted.resources()
    refused = adopted.deployer("up", "shop", "--ref", "v1.5.0")
    assert refused.code == Exit.REFUSED, refused
    has(refused.err, "Its pause is over", "reconciler sweep --service shop")
    swept = adopted.ok("reconciler", "sweep")
    assert pause in swept.out + swept.err, swept
    assert "lease=" not in adopted.ledger()
    assert adopted.resources() == before
    adopted.ok("deployer", "status", "shop", "--exit-code")

"""The commands that look, and the one that waits."""

from __future__ import annotations

import csv
import getpass
import io
import json
import signal

from reconciler.exit_codes import Exit
from tests.e2e.probes import Journal, answer_of, has, live_instance
from tests.e2e.zone import said
from tests.support.company import RECORD, Company


def test_every_look_answers_in_words_and_in_json(adopted: Company) -> None:
    """On a clean service with one release before: each says what is so, and exits 0."""
    adopted.up("v1.5.0")
    live, (previous,) = said(adopted).live, said(adopted).previous
    machine, journal = live_instance(adopted)["InstanceId"], Journal(adopted)
    text = adopted.ok("deployer", "status", "shop", "--exit-code").out
    has(text, RECORD, *adopted.pointed_at(), "live", "v1.5.0", live, "previous", "v1.4.2", previous)
    [status] = answer_of(adopted, 0, "deployer", "status")["services"]
    assert (status["clean"], status["dirt"], status["lease"]) == (True, [], None)
    assert [(one["state"], one["release"]) for one in status["deploys"]] == [
        ("live", "v1.5.0"),
        ("previous", "v1.4.2"),
    ]
    has(adopted.ok("deployer", "history", "shop").out, live, previous, getpass.getuser())
    assert len(answer_of(adopted, 0, "deployer", "history", "shop")["deploys"]) == 2
    plan = adopted.deployer("plan", "shop", "--exit-code")
    assert plan.code == Exit.TO_DO, plan
    has(plan.out, "inferred", f"as {machine}", "t3.small", "no reboot", "deployer up shop")
    values = {
        one["name"]: one for one in answer_of(adopted, 0, "deployer", "plan", "shop")["values"]
    }
    assert (values["type"]["value"], values["type"]["origin"]) == ("t3.small", f"as {machine}")
    has(adopted.ok("reconciler", "plan", "--exit-code").out, "nothing to do", "clean")
    [resource] = answer_of(adopted, 0, "reconciler", "explain", machine)["things"]
    assert (resource["verdict"], resource["reason"], resource["answers"]["label"]) == (
        "keep",
        "live",
        "live",
    )
    table = adopted.ok("reconciler", "report").out
    has(table, "live", "previous", "wasted now $0.00 a month ($0.0000/h)")
    rows = list(
        csv.DictReader(io.StringIO(adopted.ok("reconciler", "report", "--format", "csv").out))
    )
    assert {one["state"] for one in rows} >= {"live", "previous"}
    assert json.dumps(answer_of(adopted, 0, "reconciler", "report")).count("v1.5.0") >= 1
    assert journal.mutations() == [], "looking changes nothing"
    swept = adopted.ok("reconciler", "sweep", "--json")
    assert (swept.events[0]["type"], swept.events[-1]["type"]) == ("version", "result")
    assert adopted.reconciler("explain", "i-0123456789abcdef0").code == Exit.USAGE


def test_waiting_for_somebody_else(adopted: Company) -> None:
    """`--wait`: as soon as the other one's release has ended, ours begins."""
    adopted.configure("^expect = 200", "expect = 418")
    adopted.configure("^tries  = 25", "tries  = 900")
    with adopted.releasing("v1.7.0") as other:
        other.wait_for_step("smoke")
        adopted.configure("^expect = 418", "expect = 200")
        with adopted.releasing("v1.5.0", "--wait", "2m") as ours:
            ours.wait_for_step("guard", "step-note")
            other.send(signal.SIGTERM)
            assert other.finish().code == 143
            done = ours.finish()
    assert done.code == 0, done
    assert adopted.version() == "v1.5.0"
    assert len(adopted.resources()["instance"]) == 2

"""Any state, at 3 a.m.: what each command that only looks says, and what the pasted cure does.

`night.json` has what was said, by state and command; `RECORD=1` writes it anew, and
`scripts/night_page.py` makes the table in docs/bad-days.md of it. Whether it is true is asked of
the machines and the database themselves.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from deployer.sandbox.control.client import Sandbox
from scripts.night_page import PAGE, page
from tests.crash.invariants import Shop, swap_record, wait_for
from tests.e2e.night_states import STATES, NightState, begin
from tests.e2e.probes import live_instance, takes_writes
from tests.support.company import Done, ask

GOLDEN = Path(__file__).parent / "night.json"
COMMANDS = {
    "status": "deployer status shop",
    "plan": "reconciler plan",
    "report": "reconciler report",
    "history": "deployer history shop",
    "explain": "reconciler explain {machine}",
}
_CHANGES = (
    (r"shop/\d{8}T\d{6}Z-[a-z2-9]{5}", "shop/ID"),
    (r"\b(i|ami|vol|snap|eni)-[0-9a-f]{8,}", r"\1-…"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?( UTC)?", "TIME"),
    (r"\b\d\d:\d\d(:\d\d)?\b", "TIME"),
    (r"…[a-z2-9]{5}\b", "…ID"),
    (r"(?<=lease )[a-z2-9]{5}(?= in)", "ID"),
    (r"generation \d+", "generation N"),
    (r"\b\d+ row changes|(?<=worker_beats )\d+", "N"),
    (r"(?<=by )\S+@\S+", "somebody"),
    (r"\b127\.\d+\.\d+\.\d+", "ADDRESS"),
    (r"\b(\d+d )?(\d+h )?(\d+m )?\d+(\.\d+)?s\b", "SPAN"),
    (r"\b\d+m \d\ds?\b|\b\d+h \d\dm\b", "SPAN"),
    (r"\$\d+\.\d+", "$N"),
    (r"\b\d+ (call|page)s?\b", r"N \1s"),
    (r"\b[0-9A-F]{16}\b|\bZ[0-9A-Z]{10,}\b", "ZONE"),
    (r"127\.0\.0\.1:\d+|localhost:\d+", "ENDPOINT"),
)
_ASKS = ("abort", "recover", "adopt", "leave", "retire", "traffic")
"""Commands that ask on a terminal, and take --yes."""
_OFFER = re.compile(r"(?:^| {2,})((?:deployer|reconciler|make|aws ec2) [^\n]+)$", re.MULTILINE)
_RECORD = re.compile(r"make (\S+) an A record of (\S+)")


def plain(text: str) -> str:
    """Without what differs from run to run."""
    for pattern, by in _CHANGES:
        text = re.sub(pattern, by, text)
    return text.strip()


def gist(command: str, done: Done) -> str:
    """The line that says it: of a report what is wasted; of a plan the first below its scope."""
    lines = [line for line in f"{done.out}\n{done.err}".splitlines() if line.strip()]
    if command == "report":
        lines = [line for line in lines if line.startswith("wasted")] or lines
    elif command == "plan" and len(lines) > 1 and lines[0].startswith("account "):
        lines = lines[1:]
    failed = [line for line in lines if line.startswith("✗")]  # of doctor's lines
    return plain((failed or lines)[0])


def offered(done: Done) -> str:
    """The first command that it offers."""
    found = _OFFER.search(f"{done.out}\n{done.err}")
    return found[1].strip() if found else ""


def pasted(shop: Shop, state: NightState, line: str) -> Done:
    """The command as it stands, --yes where a terminal would be asked; or the record as it says."""
    record = _RECORD.fullmatch(line)
    if record:
        swap_record(shop, record[1], "A", (record[2],))
        return Done(0, "", "the record is as it was")
    tool, *words = shlex.split(line)
    if tool == "aws":
        shop.aws("ec2").start_instances(InstanceIds=[words[-1]])
        wait_for(lambda: answers(shop.pointed_at()[0]))
        return Done(0, "", "it is started")
    yes = ["--yes"] if words[0] in _ASKS else []
    return shop.run(tool, *words, *yes, env=dict(state.env))


def walk(shop: Shop, state: NightState, machine: str) -> dict[str, Any]:
    """What every command says, in text and as JSON, which agree about the exit code."""
    found: dict[str, Any] = {}
    for name, line in COMMANDS.items():
        tool, *words = line.format(machine=machine).split()
        done = shop.run(tool, *words, *state.words, env=dict(state.env))
        assert "Traceback" not in done.err, done
        as_json = shop.run(tool, *words, *state.words, "--json", env=dict(state.env))
        assert as_json.code == done.code, (done, as_json)
        found[name] = {"exit": done.code, "says": gist(name, done)}
        if name == "status":
            assert_true(shop, as_json)
            found["cure"] = offered(done)
    return found


def assert_true(shop: Shop, status: Done) -> None:
    """What status claims is so, by an order's own privilege and an answer of the app's."""
    services = json.loads(status.out.splitlines()[-1]).get("services", ())
    for one in services:
        live = next((each for each in one["deploys"] if each["state"] == "live"), None)
        if live is not None and one["takes_writes"] is not None and live["database"]:
            assert takes_writes(shop, live["database"]) is one["takes_writes"], status
        if live is not None and one["answers"] is not None:
            assert answers(live["at"][0]) is one["answers"], status


def answers(address: str) -> bool:
    """Whether the app answers there."""
    try:
        return ask(address, "/healthz")[0] == 200
    except OSError:
        return False


@pytest.mark.parametrize("name", STATES)
def test_a_state_is_told_and_cured(sandbox: Sandbox, name: str) -> None:
    """As the table says. After the cure `status` is content, or names another cause."""
    shop, state = Shop(sandbox), STATES[name]
    begin(shop)
    machine = live_instance(shop)["InstanceId"]
    state.bring(shop)
    found = walk(shop, state, machine)
    cure = found["cure"]
    if cure:
        done = pasted(shop, state, cure)
        if done.code and (further := offered(done)):  # it asks for more, and says for what
            found["first"] = {"exit": done.code, "says": gist("", done)}
            done, cure = pasted(shop, state, further), f"{cure}; {further}"
        after = shop.run("deployer", "status", "shop", *state.words, env=dict(state.env))
        found["cure"] = plain(cure)
        found["did"] = {"exit": done.code, "says": gist("", done)}
        found["then"] = {"exit": after.code, "says": gist("status", after)}
    compare(name, found)
    if cure and not state.outside:
        assert found["then"]["exit"] == 0 or found["then"] != found["status"], found


def compare(name: str, found: dict[str, Any]) -> None:
    """Hold against what was recorded, or record it."""
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if os.environ.get("RECORD"):
        golden[name] = found
        known = {each: golden[each] for each in STATES if each in golden}
        GOLDEN.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    assert found == golden[name]


def test_every_state_is_in_the_table() -> None:
    """And none that is not brought about any more; the page shows what was recorded."""
    assert list(json.loads(GOLDEN.read_text())) == list(STATES)
    assert PAGE.read_text(encoding="utf-8") == page()

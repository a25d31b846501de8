"""`reconciler run`: started once, it keeps the company clean, says how it is, and stops well."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from deployer.sandbox.faults import FaultClient
from reconciler.exit_codes import Exit
from tests.e2e.probes import die_in
from tests.e2e.zone import let_time_pass
from tests.support.company import Company, Json

PATIENCE = 120


@dataclass
class Loop:
    """The loop under way, and what it says at its door and in its log."""

    process: subprocess.Popen[bytes]
    told: Path

    def log(self, event: str) -> list[Json]:
        """What the log says of an event so far."""
        whole = self.told.read_text().rpartition("\n")[0]
        lines = [json.loads(one) for one in whole.splitlines()]
        return [one for one in lines if one["event"] == event]

    def url(self) -> str:
        """Where its door is."""
        wait_for(lambda: bool(self.log("listening")), "it listens")
        return str(self.log("listening")[0]["url"])

    def health(self) -> tuple[int, Json]:
        """What /healthz answers."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url()}/healthz", timeout=10) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as red:
            return red.code, json.loads(red.read())

    def problems(self) -> str:
        """Why it is red, in words; '' while it is green."""
        status, said = self.health()
        return " ".join(said["ills"]) if status == 503 else ""

    def figure(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url()}/metrics", timeout=10) as reply:
            families = list(text_string_to_metric_families(reply.read().decode()))
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == f"reconciler_{name}" and labels.items() <= sample.labels.items()
        )


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
        time.sleep(0.1)


@contextmanager
def webhook() -> Iterator[tuple[str, list[str]]]:
    """The people: a URL, and what was posted there."""
    got: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/s3cr3t", got
    server.shutdown()
    server.server_close()


@contextmanager
def looping(company: Company, told: Path, **env: str) -> Iterator[Loop]:
    """The loop, every second; killed at the end if it still runs."""
    command = company.command("reconciler", "run", "--every", "1s", "--full-every", "5s")
    with told.open("wb") as log:
        process = subprocess.Popen(
            [*command, "--listen", "127.0.0.1:0"], env={**company.environment, **env}, stderr=log
        )
    with process:
        try:
            yield Loop(process, told)
        finally:
            process.kill()


def test_the_loop_keeps_the_company_clean(
    adopted: Company, faults: FaultClient, tmp_path: Path
) -> None:
    """A dead release is collected and counted; blindness is red, sight green; SIGTERM ends with 0.

    A configuration that breaks meanwhile is blindness too, not an end.
    """
    before = adopted.resources()
    settings = adopted.service_file().parent.parent / "reconciler.toml"
    settings.write_text(f'{settings.read_text()}\n[notices]\nwebhook = "env:HOOK"\n')
    with webhook() as (url, heard), looping(adopted, tmp_path / "log", HOOK=url) as loop:
        wait_for(lambda: loop.figure("rounds_total", outcome="complete") > 0, "a first round")
        wait_for(lambda: loop.health()[0] == 200, "green")

        die_in(adopted, "code")
        assert adopted.resources() != before, "its lease protects it"
        let_time_pass(adopted, "until")
        wait_for(lambda: adopted.resources() == before, "the orphans are gone")
        wait_for(lambda: loop.figure("deletions_total", service="shop") >= 5, "they are counted")
        assert loop.figure("deletions_total", kind="instance") == 1
        wait_for(lambda: loop.figure("orphans") == 0, "and no more are seen")
        assert loop.figure("saved_dollars_per_hour_total") > 0.02
        assert loop.figure("api_calls_total", action="ec2:DescribeTags", outcome="ok") > 1
        assert {one["kind"] for one in loop.log("gone")} >= {"instance", "image", "snapshot"}

        wait_for(lambda: len(heard) >= 2, "people are told")
        assert "left behind, removed now" in heard[0]
        assert "removed 1 instance" in " ".join(heard[1:])
        assert "s3cr3t" not in loop.told.read_text()
        _goes_red_and_green(loop, adopted, faults)

        loop.process.send_signal(signal.SIGTERM)
        assert loop.process.wait(timeout=60) == Exit.DONE
        [end] = loop.log("stopped")
        assert end["cause"] == "stopped by SIGTERM"
    assert adopted.resources() == before


def _goes_red_and_green(loop: Loop, company: Company, faults: FaultClient) -> None:
    faults.set("DescribeTags", "error500", times=0)
    wait_for(lambda: "InternalError" in loop.problems(), "red while AWS answers 500")
    faults.clear()
    wait_for(lambda: loop.health()[0] == 200, "green again")

    good = company.service_file().read_text()
    company.service_file().write_text("record = 7")
    wait_for(lambda: "record" in loop.problems(), "red by a broken configuration")
    company.service_file().write_text(good)
    wait_for(lambda: loop.health()[0] == 200, "green by a mended one")


def test_what_is_wrong_at_the_start_ends_it(company: Company) -> None:
    """Usage and configuration are told at once, with the exit code for them."""
    for words in (
        ("--every", "0s"),
        ("--every", "2h"),
        ("--listen", "9750"),
        ("--service", "bolg"),
    ):
        assert company.reconciler("run", *words).code == Exit.USAGE
    company.service_file().write_text("record = 7")
    wrong = company.reconciler("run", "--listen", "127.0.0.1:0")
    assert wrong.code == Exit.USAGE, wrong
    assert "record" in wrong.err

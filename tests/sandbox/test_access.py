"""Who may use a sandbox: its clients, and neither web pages nor other users of this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import Options
from deployer.sandbox.control.state import Places
from deployer.sandbox.faults import QUOTAS

NOBODY = 65534
SCOPE = "20261129/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SECRET = {"Name": "/shop/db-admin-url", "WithDecryption": True}
GET_SECRET = {
    "X-Amz-Target": "AmazonSSM.GetParameter",
    "Content-Type": "application/x-amz-json-1.1",
}


def signed(key: str, service: str) -> str:
    """The header of a request by whoever has, or has not, this access key."""
    return f"AWS4-HMAC-SHA256 Credential={key}/{SCOPE.format(service=service)}"


def curl(url: str, *words: str) -> tuple[int, str]:
    """Status and body of an answer, by a client that knows nothing of AWS."""
    argv = ["curl", "-s", "--noproxy", "*", "-w", "\n%{http_code}", *words, url]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def reads_secret(sandbox: Sandbox, *more: str) -> tuple[int, str]:
    """What `curl` is told that asks for the database's password with these headers."""
    headers = [word for name, value in GET_SECRET.items() for word in ("-H", f"{name}: {value}")]
    return curl(sandbox.endpoint, *headers, *more, "-d", json.dumps(SECRET))


def test_curl_without_a_key_is_refused(sandbox: Sandbox) -> None:
    """No secret is read, no machine started and no fault set by whoever finds the port."""
    status, body = reads_secret(sandbox)
    assert (status, "MissingAuthenticationToken" in body) == (403, True), body
    run = "Action=RunInstances&Version=2016-11-15&MinCount=1&MaxCount=1&ImageId=ami-1"
    assert curl(sandbox.endpoint, "-d", run)[0] == 403
    for path in ("faults", "requests"):
        assert curl(f"{sandbox.endpoint}/_sandbox/{path}")[0] == 403
    assert curl(f"{sandbox.endpoint}/moto-api/reset", "-X", "POST")[0] == 403


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("ec2", "AuthFailure"),
        ("ssm", "UnrecognizedClientException"),
        ("sts", "InvalidClientTokenId"),
        ("route53", "InvalidClientTokenId"),
    ],
)
def test_an_unknown_access_key_is_refused_as_aws_does(
    sandbox: Sandbox, service: str, code: str
) -> None:
    """Each service says it in its own words; our commands take all of them for credentials."""
    session = boto3.Session(aws_access_key_id="AKIANOBODY", aws_secret_access_key="x")
    client: Any = session.client(  # type: ignore[call-overload]  # a name from a parameter
        service, endpoint_url=sandbox.endpoint, region_name="eu-west-1"
    )
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "ec2": ("describe_instances", {}),
        "ssm": ("get_parameter", SECRET),
        "sts": ("get_caller_identity", {}),
        "route53": ("list_hosted_zones", {}),
    }
    operation, request = asked[service]
    with pytest.raises(ClientError) as refused:
        getattr(client, operation)(**request)
    assert refused.value.response["Error"]["Code"] == code


def test_another_host_name_is_refused(sandbox: Sandbox) -> None:
    """A page whose name was made to lead here (DNS rebinding) is of our own origin."""
    key = sandbox.state().access_key
    own = ("-H", f"Authorization: {signed(key, 'ssm')}")
    assert reads_secret(sandbox, *own)[0] == 200, "the key alone is enough for a client"
    for strange in ("Host: evil.example", "Origin: http://evil.example", "Sec-Fetch-Site: none"):
        status, body = reads_secret(sandbox, *own, "-H", strange)
        assert (status, "no web page" in body) == (403, True), (strange, body)


def test_motos_own_api_is_off(sandbox: Sandbox) -> None:
    """Even with the key: it resets the account behind the sandbox's back."""
    own = ("-H", f"Authorization: {signed(sandbox.state().access_key, 'ec2')}")
    for path in ("moto-api/reset", "moto-api/seed?a=1", "moto-api/data.json"):
        status, body = curl(f"{sandbox.endpoint}/{path}", "-X", "POST", *own)
        assert (status, "UnsupportedOperation" in body) == (400, True), (path, body)
    assert sandbox.status()["instances"]


PAGE = """<script>
const target = "TARGET", results = {};
const secret = {headers: HEADERS, body: SECRET};
const run = "Action=TerminateInstances&Version=2016-11-15&InstanceId.1=INSTANCE";
const form = {"Content-Type": "application/x-www-form-urlencoded"};
async function attempt(name, path, options) {
  try {
    const answer = await fetch(target + path, {method: "POST", ...options});
    results[name] = answer.status + " " + await answer.text();
  } catch (error) { results[name] = "blocked: " + error; }
}
(async () => {
  await attempt("secret", "/", secret);
  await attempt("faults", "/_sandbox/faults", {body: '{"images": "failed"}'});
  await attempt("blind faults", "/_sandbox/faults", {body: '{"lag": 60}', mode: "no-cors"});
  await attempt("reset", "/moto-api/reset", {mode: "no-cors"});
  await attempt("blind", "/", {headers: form, body: run, mode: "no-cors"});
  await attempt("delete", "/_sandbox/requests", {method: "DELETE"});
  await fetch("/results", {method: "POST", body: JSON.stringify(results)});
})();
</script>"""


class _Site(ThreadingHTTPServer):
    """A web site with one page, which reports what it could do."""

    def __init__(self, page: str) -> None:
        super().__init__(("127.0.0.1", 0), _Visit)
        self.page = page
        self.results: dict[str, str] = {}
        self.reported = threading.Event()


class _Visit(BaseHTTPRequestHandler):
    server: _Site

    def do_GET(self) -> None:
        """The page."""
        self._answer(self.server.page.encode())

    def do_POST(self) -> None:
        """The page's report."""
        length = int(self.headers["Content-Length"])
        self.server.results = json.loads(self.rfile.read(length))
        self._answer(b"")
        self.server.reported.set()

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def site(page: str) -> Iterator[_Site]:
    """The site, on another port and so of another origin."""
    server = _Site(page)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def visited(server: _Site, profile: Path) -> dict[str, str]:
    """What the page could do in a real browser."""
    url = f"http://127.0.0.1:{server.server_port}/"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-proxy-server"]
    argv = [str(CHROMIUM), *flags, f"--user-data-dir={profile}", "--remote-debugging-port=0", url]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
        try:
            assert server.reported.wait(180), "the page reported nothing"
        finally:
            browser.terminate()
    return server.results


@pytest.mark.skipif(CHROMIUM is None, reason="wants Chromium: apt-get install chromium")
def test_a_web_page_can_neither_read_nor_change(sandbox: Sandbox, tmp_path: Path) -> None:
    """A page of another origin, in a headless Chromium, tries all that a page can send."""
    live = sandbox.status()["instances"][0]["id"]
    made_up = GET_SECRET | {"Authorization": signed("AKIAGUESSED", "ssm")}
    page = PAGE.replace("TARGET", sandbox.endpoint).replace("INSTANCE", live)
    page = page.replace("HEADERS", json.dumps(made_up))
    page = page.replace("SECRET", json.dumps(json.dumps(SECRET)))
    with site(page) as server:
        results = visited(server, tmp_path / "profile")
    assert set(results) == {"secret", "faults", "blind faults", "reset", "blind", "delete"}
    readable = {name: text for name, text in results.items() if not text.startswith("blocked")}
    assert {name: text for name, text in readable.items() if text != "0 "} == {}, "nothing is read"
    speeds = dict.fromkeys(("lag", "limits", "latency", "pace", "distance"), 0.0)
    none = {"rules": [], "images": "", "quotas": QUOTAS, **speeds}
    assert sandbox.faults().list() == none
    assert [one["state"] for one in sandbox.status()["instances"]] == ["running"]


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that existed before, which everybody may enter."""
    root = Path(tempfile.mkdtemp(dir="/tmp"))
    root.chmod(0o755)
    (root / "box").mkdir(mode=0o755)
    yield root / "box"
    shutil.rmtree(root)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_cannot_run_a_machines_setuid_file(open_directory: Path) -> None:
    """A machine's root may set the bit; for the host that would be a file of our own user."""
    one = Sandbox.at(open_directory)
    assert _as_nobody("/usr/bin/id", "-u") == "65534", "the way to become nobody works"
    try:
        one.up(Options(empty=True, owner=os.getpid()))
        [image] = (one.places.machines / "images").iterdir()
        tool = image / "disk" / "srv" / "tool"
        shutil.copyfile("/usr/bin/id", tool)
        tool.chmod(0o4755)
        assert "denied" in _as_nobody(str(tool), "-u")
        assert one.places.root.stat().st_mode & 0o777 == 0o700
    finally:
        one.down()


def _as_nobody(*argv: str) -> str:
    """What a command prints that an unprivileged local user runs.

    By a shell: setpriv itself still has root's capabilities when it looks for the program.
    """
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    run = [*become, "/bin/sh", "-c", 'exec "$@"', "sh", *argv]
    done = subprocess.run(run, capture_output=True, text=True, check=False, cwd="/")
    return (done.stdout + done.stderr).strip()


def test_a_directory_that_was_open_is_shut(tmp_path: Path) -> None:
    """Whoever made it, and with whatever mode."""
    (tmp_path / "box").mkdir(mode=0o755)
    Places(tmp_path / "box").prepare()
    assert (tmp_path / "box").stat().st_mode & 0o777 == 0o700


def test_no_answer_has_headers_for_web_pages(sandbox: Sandbox) -> None:
    """CORS is off: an answer that a client gets could be read by no page."""
    own = ("-H", f"Authorization: {signed(sandbox.state().access_key, 'ssm')}")
    assert "access-control" not in reads_secret(sandbox, *own, "-i")[1].lower()

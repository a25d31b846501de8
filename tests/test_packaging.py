"""What is shipped around the commands: the image, the dashboard, the alerts, the promises."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from reconciler.cli.daemon.metrics import Metrics
from reconciler.cost.price_list import Prices
from reconciler.errors import LedgerUnknown
from reconciler.model.ledger_codec import decode, encode
from reconciler.model.reading import LedgerAddress, decoded

ROOT = Path(__file__).resolve().parent.parent
DASHBOARD = json.loads((ROOT / "config/grafana/reconciler.json").read_text())
ALERTS = ROOT / "config/prometheus/alerts.yml"
_OF_A_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")


def metric_names() -> set[str]:
    """Every metric that `reconciler run` serves, as its own page says."""

    def ignored(*_: object) -> Any:
        return len

    page = b"".join(
        Metrics(Prices).application({"REQUEST_METHOD": "GET", "PATH_INFO": ""}, ignored)
    )
    found = set(re.findall(r"# TYPE (reconciler_\w+)", page.decode()))
    return {one for one in found if not one.endswith("_created")}


def used(text: str) -> set[str]:
    """The metrics that expressions name."""
    found = re.findall(r"\breconciler_\w+", text)
    return {_OF_A_HISTOGRAM.sub("", one) for one in found}


def expressions() -> list[str]:
    """Those of the dashboard."""
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    """A metric that is renamed would leave an empty panel behind."""
    assert used("\n".join(expressions())) == metric_names()


def test_the_alerts_ask_only_for_metrics_that_exist() -> None:
    """And each says what happened and what to do."""
    rules = [
        one for group in yaml.safe_load(ALERTS.read_text())["groups"] for one in group["rules"]
    ]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 5
    for rule in rules:
        assert used(rule["expr"])
        assert used(rule["expr"]) <= metric_names(), rule["alert"]
        assert set(rule["annotations"]) == {"summary", "action"}


def test_every_expression_is_in_prometheus_language() -> None:
    """Those of the alerts and those of the dashboard."""
    alerts = yaml.safe_load(ALERTS.read_text())["groups"]
    asked = [rule["expr"] for group in alerts for rule in group["rules"]] + expressions()
    for one in asked:
        assert promql_parser.parse(one).prettify(), one
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        promql_parser.parse("max by (sweep (reconciler_orphans)")


def unknown_keys(ours: Any, known: Any, path: str = "") -> list[str]:
    """The keys of a document that another one has not, each with where it is."""
    if isinstance(ours, dict):
        missing = [f"{path}.{key}" for key in ours if key not in known]
        inner = [
            unknown_keys(ours[key], known[key], f"{path}.{key}") for key in ours.keys() & known
        ]
        return missing + [one for each in inner for one in each]
    if isinstance(ours, list):
        pairs = enumerate(zip(ours, known, strict=True))
        return [one for n, pair in pairs for one in unknown_keys(*pair, f"{path}[{n}]")]
    return [] if ours == known else [f"{path}: {ours!r}, read as {known!r}"]


def as_grafana_reads(document: dict[str, Any]) -> Any:
    """What Grafana's own model takes from a dashboard."""
    read = Dashboard.from_json(document)
    return json.loads(JSONEncoder().encode(read))


def test_grafana_knows_every_key_of_the_dashboard() -> None:
    """Its model reads the file and loses nothing of it; a key that is misspelt it would lose."""
    assert unknown_keys(DASHBOARD, as_grafana_reads(DASHBOARD)) == []
    wrong = {**DASHBOARD, "panells": []}
    assert unknown_keys(wrong, as_grafana_reads(wrong)) == [".panells"]


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_has_no_complaint(tmp_path: Path) -> None:
    """The rules parse; so do the dashboard's expressions, as rules of a made-up group."""
    rules = [{"record": f"x:y{n}", "expr": one} for n, one in enumerate(expressions())]
    made_up = tmp_path / "rules.yml"
    made_up.write_text(yaml.safe_dump({"groups": [{"name": "x", "rules": rules}]}))
    for path in (ALERTS, made_up):
        asked = subprocess.run(
            ["promtool", "check", "rules", str(path)], capture_output=True, text=True, check=False
        )
        assert asked.returncode == 0, asked.stdout + asked.stderr


def test_the_panels_do_not_lie_upon_each_other() -> None:
    """Each cell of the grid belongs to one panel; ids are unique."""
    cells: list[tuple[int, int]] = []
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells += [(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, with continued lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_image_has_no_rights_and_pins_what_it_installs() -> None:
    """A numeric user that is not root, hashes, and no file of the checkout but the product's."""
    found = instructions()
    stages = [number for number, (word, _) in enumerate(found) if word == "FROM"]
    last = found[stages[-1] :]
    (user,) = [rest for word, rest in last if word == "USER"]
    assert all(int(one) > 0 for one in user.split(":"))
    runs = [rest for word, rest in found if word == "RUN"]
    assert any("--require-hashes -r requirements-runtime.lock" in one for one in runs)
    assert not [one for word, one in last if word in ("RUN", "ADD", "COPY") and "--from" not in one]
    copied = [part for word, rest in found if word == "COPY" for part in rest.split()[:-1]]
    names = [one for one in copied if not one.startswith(("--from", "/"))]
    assert all((ROOT / one).exists() for one in names)
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{one}" for one in names} <= set(allowed)
    assert allowed[0] == "*"


HADOLINT = Path(sys.executable).with_name("hadolint")


@pytest.mark.skipif(not HADOLINT.exists(), reason="hadolint has no build for this machine")
def test_hadolint_has_no_complaint() -> None:
    """With every rule that it has."""
    done = subprocess.run(
        [HADOLINT, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
def test_systemd_has_no_complaint(tmp_path: Path) -> None:
    """Every unit, with a command that is there: a directive that is misspelt is a complaint."""
    assert ANALYZE is not None
    for path in (ROOT / "config/systemd").iterdir():
        text = path.read_text().replace("/opt/deployer/.venv/bin/reconciler", "/bin/true")
        (tmp_path / path.name).write_text(text)
    units = sorted(tmp_path.iterdir())
    assert [one.suffix for one in units] == [".service", ".service", ".timer"]
    done = subprocess.run(
        [ANALYZE, "verify", *units], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_classifiers_are_the_pythons_that_are_tested() -> None:
    """3.11 to 3.14, and the lower bound is the lowest."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    head = "Programming Language :: Python :: "
    named = [one.removeprefix(head) for one in project["classifiers"] if one.startswith(head)]
    assert named == ["3.11", "3.12", "3.13", "3.14"]
    assert project["requires-python"] == f">={named[0]}"


FIXTURES = sorted((ROOT / "tests/fixtures/ledgers").glob("*.txt"))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda one: one.stem)
def test_every_later_version_reads_the_ledgers_of_this_one(path: Path) -> None:
    """Byte for byte, since a swap has to match what stands there; and it means the same."""
    text, meaning = path.read_text().splitlines()
    assert repr(decode(text)) == meaning
    assert encode(decode(text)) == text


def test_there_is_a_fixture_of_every_version() -> None:
    """The formats that this program writes."""
    versions = {re.match(r'"v=(\d)', path.read_text()) for path in FIXTURES}
    assert {one[1] for one in versions if one} == {"1", "2", "3"}


def test_a_ledger_of_a_newer_format_is_refused_in_words() -> None:
    """Unknown is not empty: the service is left alone, and the message names the version."""
    newest = max(FIXTURES).read_text().splitlines()[0]
    address = LedgerAddress("shop", "Z1", "example.com", "shop.example.com")
    with pytest.raises(
        LedgerUnknown, match="version '9', which this program does not know"
    ) as told:
        decoded(address, re.sub(r"v=\d", "v=9", newest, count=1))
    assert told.value.cure

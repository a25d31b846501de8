"""The commands as a function: what ends with a result returns, what failed raises."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.cli.aws_lambda import NoResult, OutOfTime, handler
from reconciler.exit_codes import Exit
from reconciler.wiring.scopes.run_place import open_place
from tests.support.aws_api import PLACE, Api
from tests.support.estate import HERE, Estate


@dataclass
class Context:
    """So many seconds are left."""

    seconds: float = 900.0

    def get_remaining_time_in_millis(self) -> int:
        """As Lambda says it."""
        return int(self.seconds * 1000)


@pytest.fixture
def estate(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    """`shop` with a disk that a dead release left, where the function finds its configuration."""
    made = Estate(api, tmp_path / "config")
    made.service("shop")
    made.disk("shop", made.ledger("shop", made.zone(HERE)))
    monkeypatch.setenv("DEPLOY_CONFIG", str(made.home))
    return made


def call(*words: str, seconds: float = 900.0) -> int:
    """The exit code that the state machine gets."""
    return handler({"command": list(words)}, Context(seconds))["exit"]


def test_a_run_as_the_state_machine_does_it(estate: Estate) -> None:
    """All in a bucket; the report is written there too."""
    estate.aws(HERE, "us-east-1").s3_once.create_bucket(Bucket="sweeps")
    run, scope = "s3://sweeps/runs/one", str(PLACE)
    assert call("scopes", "--json", "--run", run) == Exit.DONE
    assert call("inventory", "--json", "--scope", scope, "--run", run) == Exit.DONE
    assert call("ledgers", "--json", "--run", run) == Exit.DONE
    assert call("sweep", "--scope", scope, "--run", run, "--workers", "40") == Exit.DONE
    report = f"{run}/report.json"
    assert call("collate", f"{run}/results", "--json", "--report", report) == Exit.DONE
    assert not estate.disks()
    assert open_place(run).get("report.json")


def test_an_event_sweeps_its_scope(estate: Estate) -> None:
    """As the rule of the template calls it."""
    assert call("sweep", "--young", "--scope", str(PLACE)) == Exit.DONE
    assert not estate.disks()


def test_a_sweep_that_runs_out_of_time_is_called_again(estate: Estate) -> None:
    """It raises what the state machine repeats; then it goes on."""
    estate.api.fault("DescribeTags", "delay", seconds=1.2)
    with pytest.raises(OutOfTime):
        call("sweep", "--scope", str(PLACE), seconds=0)
    assert estate.disks()
    assert call("sweep", "--scope", str(PLACE)) == Exit.DONE


def test_what_failed_raises(estate: Estate) -> None:
    """So that it is tried again and counted; what was refused is a result."""
    with pytest.raises(NoResult, match="exit 2"):
        call("sweep", "--scope", "nowhere")
    estate.api.fault("GetCallerIdentity", "error", code="ExpiredToken", times=9)
    with pytest.raises(NoResult, match="exit 6"):
        call("sweep", "--scope", str(PLACE))


@pytest.mark.parametrize("event", [{}, {"command": "sweep"}, {"command": ["run"]}])
def test_an_event_that_names_no_command_is_refused(event: dict[str, object]) -> None:
    """Nothing that waits for a person, or runs for ever."""
    with pytest.raises(NoResult, match="names none of"):
        handler(event, Context())


def test_the_configuration_is_read_once_by_a_process(estate: Estate) -> None:
    """Nobody changes the package of a function that runs; another folder is another package."""
    assert call("sweep", "--scope", str(PLACE)) == Exit.DONE
    (estate.home / "services" / "shop.toml").write_text("this is no TOML")
    assert call("sweep", "--scope", str(PLACE)) == Exit.DONE

"""What one sweep can be divided into."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config.loader import Settings
from reconciler.config.reconciler import Reconciler
from reconciler.errors import ConfigError
from reconciler.model.tags import AccountRegion
from reconciler.sweep.scopes.cell import ScopeCell, parse_scope, scope_of, scopes_of
from tests.fakes.scene import service

A, B, C = "123456789012", "222233334444", "333344445555"


def settings(*homes: tuple[str, str, str], **said: object) -> Settings:
    """Services at home there, and a `reconciler.toml`."""
    services = {
        name: service(name=name, record=f"{name}.example.com", account=account, region=region)
        for name, account, region in homes
    }
    return Settings(Path("config"), services, Reconciler.model_validate(said, strict=False))


def never(account: str) -> list[str]:
    """AWS is not to be asked."""
    raise AssertionError(account)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({}, [f"{A}/eu-west-1", f"{B}/us-east-1"]),
        (
            {"regions": ["eu-west-1", "us-east-1"]},
            [f"{A}/eu-west-1", f"{A}/us-east-1", f"{B}/eu-west-1", f"{B}/us-east-1"],
        ),
        (
            {"accounts": [A, B, C]},
            [f"{A}/eu-west-1", f"{B}/us-east-1", f"{C}/eu-west-1", f"{C}/us-east-1"],
        ),
    ],
    ids=["homes", "regions", "accounts"],
)
def test_the_cells_are_those_that_a_whole_sweep_reads(
    said: dict[str, list[str]], wanted: list[str]
) -> None:
    """Accounts times regions; AWS is asked for nothing."""
    found = scopes_of(settings(("shop", A, "eu-west-1"), ("blog", B, "us-east-1"), **said), never)
    assert [str(scope) for scope in found] == wanted
    assert ScopeCell(AccountRegion(A, "eu-west-1"), ("shop",), (A,)) in found


def test_all_regions_are_asked_for_in_every_account() -> None:
    """Each account may have enabled others."""
    enabled = {A: ["eu-west-1"], B: ["eu-west-1", "us-east-1"]}
    found = scopes_of(
        settings(("shop", A, "eu-west-1"), ("blog", B, "us-east-1"), regions="all"),
        enabled.__getitem__,
    )
    wanted = [f"{A}/eu-west-1", f"{B}/eu-west-1", f"{B}/us-east-1"]
    assert [str(scope) for scope in found] == wanted


def test_a_scope_outside_the_configuration_is_refused() -> None:
    """Text that is none, an account that nobody named, a region that is not listed."""
    said = settings(("shop", A, "eu-west-1"), regions=["eu-west-1"])
    assert scope_of(said, f"{A}/eu-west-1").services == ("shop",)
    for text in ("eu-west-1", f"{A}/", f"{A}/eu-west-1/x", f"12/{A}"):
        with pytest.raises(ConfigError, match="ACCOUNT/REGION is wanted"):
            parse_scope(text)
    for text in (f"{C}/eu-west-1", f"{A}/us-east-1"):
        with pytest.raises(ConfigError, match="not a scope of this configuration") as refused:
            scope_of(said, text)
        assert "reconciler scopes" in refused.value.cure

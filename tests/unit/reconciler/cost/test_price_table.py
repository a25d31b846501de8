"""The shipped table of prices: how it is made, what it holds, and how quickly it is read."""

from __future__ import annotations

import csv
import time
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from reconciler.cost import shipped
from scripts.price_table import __main__ as maker
from scripts.price_table.instances import licensed, linux, whole
from scripts.price_table.regions import anchored, check_copied

LOADED = 0.020
"""Seconds of processor time for what a report of one region reads."""


def source(**regions: dict[str, str]) -> dict[str, dict[str, Decimal]]:
    """As apache-libcloud has it: type → region → dollars; `_` stands for `-` in a region."""
    found: dict[str, dict[str, Decimal]] = {}
    for region, types in regions.items():
        for name, dollars in types.items():
            found.setdefault(name, {})[region.replace("_", "-")] = Decimal(dollars)
    return found


T3 = {"t3.nano": "0.0052", "t3.micro": "0.0104", "t3.small": "0.022", "t3.large": "0.0882"}


def test_a_figure_of_dedicated_hardware_is_left_out_and_worked_out_anew() -> None:
    """6 % above its siblings: t3.small is 0.0208, as AWS says, and not 0.022."""
    [prices] = linux(source(us_east_1={**T3, "t3.medium": "0.0"})).values()
    assert prices["t3.micro"] == Decimal("0.0104")
    assert prices["t3.small"] == Decimal("0.0208")
    assert prices["t3.medium"] == Decimal("0.0416")


def test_a_family_whose_sizes_are_not_in_proportion_is_not_guessed() -> None:
    """GPU machines: what fits nothing is unknown, and no hole is filled."""
    g4dn = {"g4dn.xlarge": "0.526", "g4dn.2xlarge": "0.752", "g4dn.4xlarge": "1.204"}
    [prices] = linux(source(us_east_1={**g4dn, "g4dn.8xlarge": "2.176"})).values()
    assert "g4dn.xlarge" not in prices


BASE = {
    "g5.xlarge": Decimal("1.006"),
    "g5.2xlarge": Decimal("1.212"),
    "g5.4xlarge": Decimal("1.624"),
    "g5.8xlarge": Decimal("2.448"),
}
G5 = {"g5.xlarge": "0.0", "g5.2xlarge": "1.3332", "g5.4xlarge": "1.624", "g5.8xlarge": "2.448"}
IRELAND = {"g5.xlarge": "0.0", "g5.4xlarge": "1.81287", "g5.8xlarge": "2.73271"}


def test_an_irregular_family_is_believed_by_the_factor_of_its_region() -> None:
    """Of two sizes that agree; what is of dedicated hardware is left out."""
    found = anchored(source(us_east_1=G5, eu_west_1={**IRELAND, "g5.2xlarge": "1.48826"}), BASE)
    assert found["us-east-1"] == BASE
    believed = {"g5.4xlarge": Decimal("1.81287"), "g5.8xlarge": Decimal("2.73271")}
    assert found["eu-west-1"] == believed


def test_a_hole_of_an_irregular_family_follows_from_three_sizes() -> None:
    """g5.xlarge is $1.123 in Ireland, as AWS says; a size that is not sold there stays out."""
    found = anchored(source(us_east_1=G5, eu_west_1={**IRELAND, "g5.2xlarge": "1.35296"}), BASE)
    assert found["eu-west-1"]["g5.xlarge"] == Decimal("1.12300")
    assert "g5.16xlarge" not in found["eu-west-1"]


def test_a_copied_price_that_the_source_contradicts_stops_the_script() -> None:
    """It is neither the figure nor what dedicated hardware would cost."""
    with pytest.raises(ValueError, match=r"g5\.2xlarge: 1\.212 was copied"):
        anchored(source(us_east_1={**G5, "g5.2xlarge": "1.5"}), BASE)


def test_two_figures_alone_are_no_proof() -> None:
    """Both may be of dedicated hardware."""
    assert linux(source(us_east_1={"m9.large": "0.1", "m9.xlarge": "0.2"})) == {"us-east-1": {}}


def test_a_whole_machine_costs_as_much_as_the_largest_size() -> None:
    """A figure of dedicated hardware, a hole, or one beside a hole is left out."""
    base = {"r-1": {"m5.12xlarge": Decimal("2.304"), "m5.24xlarge": Decimal("4.608")}}
    for figure in ("4.608", "4.8845", "0", "2.304"):
        found = whole({"m5.metal": {"r-1": Decimal(figure), "r-2": Decimal("4.608")}}, base)
        assert found == ({"r-1": {"m5.metal": Decimal("4.608")}} if figure == "4.608" else {})


def test_a_licence_costs_the_same_everywhere() -> None:
    """A figure without the licence that most agree on is left out."""
    regions = {f"r_{n}": {"m5.large": f"0.{100 + n}"} for n in range(30)}
    base = {
        region.replace("_", "-"): {name: Decimal(dollars) for name, dollars in types.items()}
        for region, types in regions.items()
    }
    windows = {
        region: {"m5.large": str(Decimal(types["m5.large"]) + Decimal("0.092"))}
        for region, types in regions.items()
    }
    windows["r_7"] = {"m5.large": "0.150"}
    found = licensed(source(**windows), base)
    assert found["r-3"]["m5.large"] == Decimal("0.195")
    assert "r-7" not in found


def test_the_same_input_makes_the_same_file(tmp_path: Path) -> None:
    """Byte by byte, so that a change of the table is a change of its input."""
    table = {"us-east-1": {"t3.nano": Decimal("0.0052")}, "eu-west-1": {"gp3": Decimal("0.088")}}
    for name in ("one.zip", "other.zip"):
        maker.write(table, "2025-03", tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.read("as_of") == b"2025-03"
        assert archive.read("eu-west-1") == b"gp3\t0.088\n"


def test_what_was_copied_by_hand_is_in_the_table() -> None:
    """Storage, snapshots and small database servers: the table was made after the last change."""
    for region, prices in maker.by_hand().items():
        table = shipped.region(region)
        assert {name: Decimal(table[name]) for name in prices} == prices


def test_what_the_table_holds() -> None:
    """Every region of the source with current families, and AWS's own figures of some types."""
    assert len(shipped.regions()) == 35
    assert all(len(shipped.region(name)) > 100 for name in shipped.regions())
    known = {"t3.small": "0.0208", "m5.large": "0.096", "c5.large": "0.085", "m7i.large": "0.1008"}
    known |= {
        "g4dn.xlarge": "0.526",
        "g5.xlarge": "1.006",
        "g6.xlarge": "0.8048",
        "p3.2xlarge": "3.06",
    }
    table = shipped.region("us-east-1")
    assert {name: table[name] for name in known} == known
    assert shipped.region("mars-1") == {}


@pytest.mark.parametrize("attempts", [5])
def test_it_is_read_in_twenty_milliseconds(attempts: int) -> None:
    """One region from the archive: the best of some attempts, in processor time."""

    def seconds() -> float:
        for cached in (shipped.region, shipped.regions, shipped.as_of):
            cached.cache_clear()
        begun = time.process_time()
        assert shipped.region("us-east-1")
        shipped.as_of()
        return time.process_time() - begun

    assert min(seconds() for _ in range(attempts)) < LOADED


@pytest.mark.parametrize("figure", ["0.0801", "0.0799"])
def test_a_second_source_that_disagrees_stops_the_script(tmp_path: Path, figure: str) -> None:
    """To the last digit; an empty cell is no statement."""
    file = tmp_path / "by_hand.csv"
    head = "name,second,second_source,us-east-1,eu-west-1\n"
    file.write_text(f"{head}gp3,0.08,infracost,0.08,0.088\ngp2,,,0.10,\n")
    assert maker.by_hand(file)["us-east-1"] == {"gp3": Decimal("0.08"), "gp2": Decimal("0.10")}
    file.write_text(f"{head}gp3,{figure},infracost,0.08,0.088\n")
    with pytest.raises(ValueError, match=f"a second source says {figure}"):
        maker.by_hand(file)


def test_a_machine_that_was_copied_agrees_with_the_source() -> None:
    """The price, a hole, or dedicated hardware's surcharge; everything else stops the script."""
    copied = {"us-east-1": {"p4d.24xlarge": Decimal("32.7726"), "gp3": Decimal("0.08")}}
    for figure in ("32.7726", "0", "36.04986"):
        check_copied(copied, {"p4d.24xlarge": {"us-east-1": Decimal(figure)}})
    with pytest.raises(ValueError, match=r"p4d\.24xlarge: 32\.7726 was copied"):
        check_copied(copied, {"p4d.24xlarge": {"us-east-1": Decimal("21.96")}})


def test_what_two_sources_say_is_counted() -> None:
    """Storage, balancers and snapshots of us-east-1 have a second source; P4 and P5 are known."""
    with (maker.HERE / "by_hand.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    both = {name for name, row in rows.items() if row["second_source"]}
    assert {"gp2", "gp3", "io1", "io2", "st1", "sc1", "standard", "snapshot"} <= both
    assert {"load balancer application", "load balancer network", "rds gp3"} <= both
    assert shipped.region("us-east-1")["p5.48xlarge"] == "55.04"
    assert shipped.region("us-east-1")["p4d.24xlarge"] == "21.957642"
    assert maker.newer_names() == {name for name in rows if name.startswith(("p4", "p5"))}
    assert "p4d.24xlarge" not in shipped.region("eu-west-1")  # known of the time before the cut

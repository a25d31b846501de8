"""Reads the machines' prices out of apache-libcloud's table, and leaves out what does not fit.

Its figures are scraped from AWS's price list, one product of several per type and region: a hole
is 0.0, and some figures are those of dedicated hardware. So they are checked against each other:

- Linux: in most families the price is in proportion to the size. The cheapest price per size that
  is confirmed is the shared one: by figures 5 to 11 % above it (the surcharge of dedicated
  hardware), or by five sizes that agree alone. What does not agree with it is left out.
- A hole is worked out from sizes that agree to the last digit, if of the family's figures in all
  regions at most one in twenty contradicts the proportion. Families before the fifth generation
  are left as they are: AWS rounded their prices to a tenth of a cent.
- A whole machine (`.metal`) costs as much as the largest size that is cut from it: a figure counts
  if it is that of the family's dearest size.
- Windows, RHEL, SUSE: the licence costs the same everywhere for a size. A figure counts if it is
  above Linux's by the amount that most figures of that size agree on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

SYSTEMS = {"ec2_windows": "windows", "ec2_rhel": "rhel", "ec2_suse": "suse"}
"""The tables of apache-libcloud beside that of Linux, and the system in our names."""

_SIZES = {"nano": 1, "micro": 2, "small": 4, "medium": 8, "large": 16, "xlarge": 32}
_XLARGE = re.compile(r"(?:metal-)?(\d+)xl(?:arge)?")
_EXACT = re.compile(r"t[34]|[a-z]+[5-9]")
_AGREE = Decimal("1.012")
DEDICATED = (Decimal("1.045"), Decimal("1.115"))
_ALONE = 5
_PLACES = Decimal("0.00001")
_LICENCE_DIFFERENCE = Decimal("0.0002")
_MANY = 20
_FEW = 0.05

Figures = Mapping[str, Decimal]
"""Dollars an hour by type, 0 for a hole."""
Source = Mapping[str, Figures]
"""As apache-libcloud has it: type → region → dollars an hour."""
Table = dict[str, dict[str, Decimal]]
"""Region → name → dollars."""


@dataclass(frozen=True)
class Family:
    """The figures of one family in one region, with one system."""

    figures: Figures

    def accepted(self) -> dict[str, Decimal]:
        """The prices that are believed, as they are in the source."""
        unit = self.unit
        if unit is None:
            return {}
        return {name: price for name, price in self.figures.items() if _fits(name, price, unit)}

    def filled(self) -> dict[str, Decimal]:
        """The prices that are believed, and what follows from them for the other sizes."""
        fits = self.accepted()
        units = {price / size_of(name) for name, price in fits.items()}
        if len(fits) < 2 or len(units) > 1:
            return fits
        unit = units.pop()
        holes = [name for name in self.figures if name not in fits and "metal" not in name]
        return fits | {name: rounded(unit * size_of(name)) for name in holes}

    @property
    def contradictions(self) -> list[bool]:
        """For each figure whether it is neither in proportion nor that of dedicated hardware."""
        unit = self.unit
        ratios = [price / size_of(name) / unit for name, price in self.figures.items() if unit]
        return [not _is_explained(ratio) for ratio in ratios if ratio]

    @property
    def unit(self) -> Decimal | None:
        """The confirmed shared price per size unit; None if no figures confirm each other."""
        units = [price / size_of(name) for name, price in self.figures.items() if price]
        groups = _groups(sorted(units))
        if not groups:
            return None
        lowest, dearer = groups[0], groups[1:]
        if dearer:
            ratio = dearer[0][0] / lowest[0]
            return lowest[0] if DEDICATED[0] < ratio < DEDICATED[1] else None
        return lowest[0] if len(lowest) >= _ALONE else None


def size_of(name: str) -> int:
    """The size of a type in units of a nano; 0 if its name does not tell."""
    size = name.partition(".")[2]
    match = _XLARGE.fullmatch(size)
    return 32 * int(match[1]) if match else _SIZES.get(size, 0)


def linux(table: Source) -> Table:
    """The prices of Linux by region and type."""
    every = list(_families(table))
    contradictions: dict[str, list[bool]] = {}
    for _, name, family in every:
        contradictions.setdefault(name, []).extend(family.contradictions)
    odd = {name for name, each in contradictions.items() if sum(each) > len(each) * _FEW}
    found: Table = {}
    for region, name, family in every:
        fill = _EXACT.match(name) and name not in odd
        prices = family.filled() if fill else family.accepted()
        found.setdefault(region, {}).update(prices)
    return found


def whole(table: Source, base: Table) -> Table:
    """The prices of whole machines by region and type; `base`: those of the sizes."""
    found: Table = {}
    for name in (name for name in table if name.endswith(".metal")):
        family = name.removesuffix("metal")
        for region, price in table[name].items():
            sizes = [cost for size, cost in base.get(region, {}).items() if size.startswith(family)]
            if price and price == max(sizes, default=None):
                found.setdefault(region, {})[name] = price
    return found


def licensed(table: Source, base: Table) -> Table:
    """The prices of a system with a licence by region and type; `base`: those of Linux."""
    above: dict[tuple[str, str], Decimal] = {}
    for name, regions in table.items():
        for region, price in regions.items():
            linux_price = base.get(region, {}).get(name)
            if linux_price and price > linux_price * _AGREE:
                above[region, name] = price - linux_price
    agreed = _agreed(above)
    found: Table = {}
    for (region, name), licence in above.items():
        usual = agreed.get(_licence_class(name))
        if usual is not None and abs(licence - usual) <= _LICENCE_DIFFERENCE:
            found.setdefault(region, {})[name] = table[name][region]
    return found


def _agreed(above: Mapping[tuple[str, str], Decimal]) -> dict[tuple[int, bool], Decimal]:
    """The licence of every class of sizes that enough figures agree on."""
    counts: dict[tuple[int, bool], Counter[Decimal]] = {}
    for (_, name), licence in above.items():
        counts.setdefault(_licence_class(name), Counter())[round(licence, 4)] += 1
    most = {class_: counter.most_common(1)[0] for class_, counter in counts.items()}
    return {class_: licence for class_, (licence, number) in most.items() if number >= _MANY}


def _licence_class(name: str) -> tuple[int, bool]:
    """Licences go by virtual processors, of which the small burstable types have more."""
    return size_of(name), name.startswith("t")


def _families(table: Source) -> Iterator[tuple[str, str, Family]]:
    """Every family of every region in a table of apache-libcloud: region, name, figures."""
    found: dict[tuple[str, str], dict[str, Decimal]] = {}
    for name, regions in table.items():
        for region, price in regions.items():
            if size_of(name):
                found.setdefault((region, name.partition(".")[0]), {})[name] = price
    for (region, family), figures in sorted(found.items()):
        yield region, family, Family(figures)


def _groups(units: list[Decimal]) -> list[list[Decimal]]:
    """Prices per size unit, in groups of those that agree, the cheapest first."""
    groups: list[list[Decimal]] = []
    for unit in units:
        if groups and unit <= groups[-1][0] * _AGREE:
            groups[-1].append(unit)
        else:
            groups.append([unit])
    return groups


def _fits(name: str, price: Decimal, unit: Decimal) -> bool:
    return bool(price) and unit <= price / size_of(name) <= unit * _AGREE


def _is_explained(ratio: Decimal) -> bool:
    return 1 <= ratio <= _AGREE or DEDICATED[0] < ratio < DEDICATED[1]


def rounded(price: Decimal) -> Decimal:
    """To the last digit that AWS uses."""
    return price.quantize(_PLACES, ROUND_HALF_UP).normalize()

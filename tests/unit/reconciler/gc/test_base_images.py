"""Images that a configuration names are kept, with their snapshots, whoever made them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from reconciler.aws.base_images import BaseImages
from reconciler.cost.price_list import Prices
from reconciler.errors import ConfigError
from reconciler.gc.base_images import Bases
from reconciler.gc.mark import mark
from reconciler.gc.verdict import Reason, Verdict
from reconciler.model.resource import BASE, IMAGE, Gap, Inventory
from reconciler.model.tags import AccountRegion
from reconciler.output.explain import explain_lines, find
from reconciler.output.sweep import left_lines
from tests.fakes.scene import Scene, service
from tests.support.shop_world import ALL, CLEAN, PLACE, root

GARBAGE = "ami-41"
NAMED = Bases(((GARBAGE, "search"),))
GAP = Gap(PLACE, BASE, "there is no SSM parameter /search/base")


def judged(bases: Bases) -> dict[str, Verdict]:
    """The verdicts on everything, by id."""
    verdicts = mark(Inventory(ALL), {"shop": replace(root(CLEAN), bases=bases)})
    return {one.resource.id: one for one in verdicts}


def test_a_configured_image_is_kept_with_its_snapshot() -> None:
    """Whatever release made it; the rest of that release is garbage all the same."""
    found = judged(NAMED)
    assert found[GARBAGE].reason is Reason.IN_USE
    assert found[GARBAGE].text == "configured as base of search"
    assert not found["snap-41"].collect
    assert found["i-41"].collect
    assert judged(Bases())[GARBAGE].collect


def test_what_could_not_be_resolved_may_be_any_image_of_its_place() -> None:
    """Unknown is not empty: no image of that place is deleted, everything else is."""
    found = judged(Bases(gaps=(GAP,)))
    assert not found[GARBAGE].collect
    assert "no SSM parameter /search/base" in found[GARBAGE].text
    assert found["i-41"].collect
    elsewhere = replace(GAP, place=AccountRegion(PLACE.account, "eu-central-1"))
    assert judged(Bases(gaps=(elsewhere,)))[GARBAGE].collect


def _said(bases: Bases) -> Callable[[], Bases]:
    return lambda: bases


def test_a_sweep_keeps_it_and_what_it_could_not_resolve_is_a_gap(tmp_path: Path) -> None:
    """The machines go, the image stays; a gap keeps the result from being clean."""
    for bases, clean in ((NAMED, True), (Bases(gaps=(GAP,)), False)):
        scene = Scene(tmp_path / str(clean), ALL)
        scene.managed = replace(scene.managed, bases=_said(bases))
        result = scene.sweep()
        assert scene.heap.held.get((IMAGE, GARBAGE)) is not None
        assert not scene.did(f"delete {GARBAGE}")
        assert any(one.resource.id == "i-41" for one in result.gone)
        assert result.clean is clean
        assert clean or "no SSM parameter" in "\n".join(left_lines(result))


def test_named_after_the_plan_it_is_kept_after_all(tmp_path: Path) -> None:
    """The parameter changes while the sweep is under way: each wave asks again."""
    scene = Scene(tmp_path, ALL)
    said = [Bases()]
    scene.managed = replace(scene.managed, bases=lambda: said[0])
    scene.acts.then = lambda act: said.insert(0, NAMED) if act.startswith("delete i-41") else None
    scene.sweep()
    assert (IMAGE, GARBAGE) in scene.heap.held


def test_explain_says_whose_base_it_is(tmp_path: Path) -> None:
    """And which rule said so."""
    scene = Scene(tmp_path, ALL)
    scene.managed = replace(scene.managed, bases=lambda: NAMED)
    plan = scene.plan()
    [verdict] = find(plan, GARBAGE)
    text = "\n".join(explain_lines(plan, verdict, Prices()))
    assert f"{GARBAGE} is kept: configured as base of search." in text
    assert "configured" in text.split("base of search.", 1)[1]


class _Ssm:
    """Stands for one account's SSM."""

    def __init__(self, held: dict[str, str]) -> None:
        self.held, self.asked = held, 0
        self.ssm, self.place = self, PLACE

    def get_parameter(self, *, Name: str, WithDecryption: bool) -> Any:  # noqa: N803
        """As SSM answers."""
        assert WithDecryption
        self.asked += 1
        if Name not in self.held:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        return {"Parameter": {"Value": self.held[Name]}}


def _asking(ssm: _Ssm, *images: str) -> BaseImages:
    services = [
        service(name=f"s{n}", instance={"image": image} if image else {})
        for n, image in enumerate(images)
    ]
    return BaseImages(services, lambda _: ssm)  # type: ignore[arg-type,return-value]


def test_references_are_resolved() -> None:
    """Ids are taken as they are; one look answers for all services of a run."""
    ssm = _Ssm({"/base": "ami-0b1\n"})
    bases = _asking(ssm, "ami-0a1", "", "ssm:/base")
    assert bases().named == (("ami-0a1", "s0"), ("ami-0b1", "s2"))
    assert bases() is bases()
    assert ssm.asked == 1


def test_what_leads_to_no_image_is_a_gap() -> None:
    """No parameter, or one that holds something else; the others are known all the same."""
    bases = _asking(_Ssm({"/text": "see the wiki"}), "ssm:/none", "ssm:/text", "ami-0a1")()
    assert bases.named == (("ami-0a1", "s2"),)
    assert [one.kind for one in bases.gaps] == [BASE, BASE]
    assert "there is no SSM parameter /none" in bases.gaps[0].reason
    assert "/text holds no image id" in bases.gaps[1].reason


def test_a_base_that_leads_nowhere_is_refused() -> None:
    """A release that is to be launched from it says so before anything is made."""
    bases = _asking(_Ssm({}), "ssm:/none")
    with pytest.raises(ConfigError):
        bases.resolve(service(), "ssm:/none")

"""An image that a dead release made is another service's base: the sweep leaves it."""

from __future__ import annotations

from reconciler.exit_codes import Exit
from tests.e2e.probes import die_in
from tests.support.company import Company


def _base_of_search(company: Company, image: str) -> None:
    """A second service, whose machines begin from that image."""
    text = company.service_file().read_text()
    text = text.replace('"shop.example.test"', '"search.example.test"')
    assert "[instance]" not in text
    text += f'\n[instance]\nimage = "{image}"\n'
    company.service_file("search").write_text(text)


def test_another_services_base_survives_the_release_that_made_it(adopted: Company) -> None:
    """By id and by parameter; a parameter that leads nowhere keeps it too, and is said.

    Once nobody names it, it goes.
    """
    before = adopted.resources()
    die_in(adopted, "code")
    (image,) = adopted.resources()["image"] - before["image"]
    (snapshot,) = adopted.resources()["snapshot"] - before["snapshot"]
    _base_of_search(adopted, "ssm:/search/base")

    aborted = adopted.deployer("abort", "shop", "--yes")
    assert aborted.code == Exit.DIRT, aborted
    unresolved = adopted.reconciler("sweep", "--service", "shop")
    assert unresolved.code == Exit.DIRT, unresolved
    assert "there is no SSM parameter /search/base" in unresolved.out + unresolved.err
    assert adopted.resources()["instance"] == before["instance"]
    assert image in adopted.resources()["image"]

    adopted.aws("ssm").put_parameter(Name="/search/base", Value=image, Type="String")
    adopted.ok("reconciler", "sweep", "--service", "shop")
    assert image in adopted.resources()["image"]
    assert snapshot in adopted.resources()["snapshot"]
    told = adopted.ok("reconciler", "explain", image)
    assert "configured as base of search" in told.out

    adopted.service_file("search").unlink()
    adopted.ok("reconciler", "sweep")
    assert adopted.resources() == before

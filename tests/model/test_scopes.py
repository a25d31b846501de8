"""What the model of a run says beside its mutations: which guards stand for one another."""

from __future__ import annotations

from tests.model.bounds import MUTANT_STATES, explored
from tests.model.mutations import IN_A_RUN
from tests.model.rules import Rules
from tests.model.scope_folder import Folder


def test_a_look_in_the_wrong_order_does_no_harm_by_the_plan() -> None:
    """Two guards for one danger: what the plan names is garbage, however it is looked at again."""
    report = explored(IN_A_RUN, MUTANT_STATES, Rules(heap_first=False))
    assert not report.complaint, str(report)
    assert report.complete


def test_a_run_is_explored_to_its_end() -> None:
    """No state of it is left out within the bound of `make model`."""
    report = explored(IN_A_RUN, MUTANT_STATES)
    assert report.complete
    assert report.states > 5_000


def test_the_first_writer_of_a_folder_wins() -> None:
    """As the port says: what a later one wrote is not there."""
    folder = Folder(())
    assert (folder.put_first("a", b"1"), folder.put_first("a", b"2")) == (b"1", b"1")
    assert folder.files == (("a", b"1"),)

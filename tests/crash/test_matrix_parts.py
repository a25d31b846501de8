"""The matrix's own parts: names that stay, a book that goes on, a page that hides nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.sandbox.aws.http.request import ApiCall
from tests.crash.matrix.cells import in_fixed_order
from tests.crash.matrix.commands import COMMANDS
from tests.crash.matrix.page import Book, Played
from tests.crash.matrix.table import cells_of, page, played_of, requests_of, rows_of
from tests.crash.proxies import EVERY, Blow, Fault, Watch
from tests.crash.proxies.request_names import aws_name, sql_name, ssh_name

SWAP = ApiCall("route53", "ChangeResourceRecordSets", mutating=True, protocol="route53")
ALL = frozenset(Fault)


def _batch(old: str, new: str) -> bytes:
    parts = (
        f"<Change><Action>{action}</Action><ResourceRecordSet><Type>TXT</Type>"
        f"<Value>{text}</Value></ResourceRecordSet></Change>"
        for action, text in (("DELETE", old), ("CREATE", new))
        if text
    )
    return "".join(parts).encode()


LIVE = '"v=1 gen=4" "live=shop/1 at=10.0.0.1"'
LEASE = ' "lease=shop/2 until=20261123T031502Z step='


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("", LIVE, "swap: adopt"),
        (LIVE, f'{LIVE}{LEASE}lease"', "swap: acquire"),
        (f'{LIVE}{LEASE}lease"', f'{LIVE}{LEASE}image"', "swap: renew, image"),
        (f'{LIVE}{LEASE}commit"', LIVE.replace("shop/1", "shop/2"), "swap: commit"),
        (f'{LIVE}{LEASE}image"', LIVE, "swap: end the lease"),
        (f'{LIVE} "previous=shop/0"', LIVE, "swap: forget"),
        (LIVE, LIVE.replace("live=", "left="), "swap: leave"),
    ],
)
def test_a_swap_is_named_by_its_transition(old: str, new: str, name: str) -> None:
    """By what stood in the ledger and what is to stand there."""
    assert aws_name(SWAP, _batch(old, new)) == name


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ("v=1 gen=4\nlease=shop/a until=x step=lease\n", "leased, lease"),
        ("v=1 gen=5\nlive=shop/b at=1.2.3.4\nprevious=shop/c retired=x\n", "no lease, 1 previous"),
        ("v=1 gen=5\nlive=shop/b at=1.2.3.4\n", "no lease, 0 previous"),
    ],
)
def test_a_ledger_in_s3_is_named_by_what_it_says(lines: str, name: str) -> None:
    """A write shows what it writes, not what it replaces."""
    call = ApiCall("s3", "PutObject", mutating=True, protocol="rest")
    assert aws_name(call, lines.encode()) == f"put the ledger: {name}"


@pytest.mark.parametrize(
    ("at", "name"), [("10.0.1.1", "claim the record"), ("10.0.1.2", "point the record")]
)
def test_a_record_that_follows_is_named_by_what_becomes_of_it(at: str, name: str) -> None:
    """Its claim goes along each time; only a switch changes the addresses."""
    parts = (
        f"<Change><Action>{action}</Action><ResourceRecordSet><Type>{kind}</Type>"
        f"<Value>{value}</Value></ResourceRecordSet></Change>"
        for action, kind, value in (
            ("DELETE", "A", "10.0.1.1"),
            ("DELETE", "TXT", '"ledger=s3://ledgers/shop gen=4" "at=10.0.1.1"'),
            ("CREATE", "A", at),
            ("CREATE", "TXT", f'"ledger=s3://ledgers/shop gen=7" "at={at}"'),
        )
    )
    assert aws_name(SWAP, "".join(parts).encode()) == name


def test_the_tag_of_a_pause_is_named() -> None:
    """It has no label, and is ours."""
    form = b"ResourceId.1=i-1&Tag.1.Key=deploy-paused&Tag.1.Value=x"
    call = ApiCall("ec2", "CreateTags", mutating=True, protocol="ec2")
    assert aws_name(call, form) == "CreateTags: paused on 1 i"


def test_tags_are_named_by_label_and_kinds() -> None:
    """Not by ids, which are others in every run."""
    ids = b"ResourceId.1=i-2&ResourceId.2=i-1&ResourceId.3=vol-1"
    form = ids + b"&Tag.1.Key=deploy-state&Tag.1.Value=live"
    call = ApiCall("ec2", "CreateTags", mutating=True, protocol="ec2")
    assert aws_name(call, form) == "CreateTags: live on 2 i, 1 vol"


def test_a_change_of_a_listener_is_named_by_its_weights() -> None:
    """A new group joins without requests, gets them all, and is at last alone."""
    call = ApiCall("elasticloadbalancing", "ModifyListener", mutating=True, protocol="query")
    at = "DefaultActions.member.1.ForwardConfig.TargetGroups.member."
    form = f"{at}1.TargetGroupArn=a&{at}1.Weight=1&{at}2.TargetGroupArn=b&{at}2.Weight=0"
    assert aws_name(call, form.encode()) == "ModifyListener: weights 1, 0"


def test_tags_that_are_taken_off_are_named_by_their_number() -> None:
    """`leave` takes off all that a machine has at once."""
    form = b"ResourceId.1=i-2&Tag.1.Key=deploy-state&Tag.2.Key=deploy-id"
    call = ApiCall("ec2", "DeleteTags", mutating=True, protocol="ec2")
    assert aws_name(call, form) == "DeleteTags: every tag on 1 i"


def test_tags_of_groups_are_named_by_label_or_keys() -> None:
    """Their values are others in every run."""
    call = ApiCall("elasticloadbalancing", "AddTags", mutating=True, protocol="query")
    tag = "ResourceArns.member.1=a&Tags.member.1.Key="
    drained = f"{tag}deploy-drained&Tags.member.1.Value=20261123T031502Z"
    live = f"{tag}deploy-state&Tags.member.1.Value=live"
    assert aws_name(call, drained.encode()) == "AddTags: drained"
    assert aws_name(call, live.encode()) == "AddTags: live"


def test_what_only_looks_has_no_name_and_what_is_new_has_one() -> None:
    """A command that nobody has named becomes a row that somebody will see."""
    assert ssh_name("sudo -n timeout -k 10 35 sh -c true; exit $?") is None
    assert ssh_name("timeout -k 10 35 sh -c 'rm -rf /srv'; exit $?") == "rm -rf /srv"
    assert sql_name(["REVOKE x", "COMMENT y", "COMMIT"]) == "COMMIT of REVOKE, COMMENT"
    assert sql_name(["DROP DATABASE z"]) == "DROP DATABASE"


def test_a_blow_meets_the_request_of_that_name_once() -> None:
    """The second of the same name is another; what is throttled comes again under its own."""
    watch = Watch()
    watch.begin(Blow("create #2", Fault.LOST))
    assert [watch.passes("create", ALL) for _ in range(3)] == [None, Fault.LOST, None]
    watch.begin(Blow("create", Fault.THROTTLED))
    assert [watch.passes("create", ALL) for _ in range(4)] == [Fault.THROTTLED] * 3 + [None]
    assert watch.names == ["create"]


def test_a_fault_that_cannot_be_is_no_cell() -> None:
    """SSH and SQL know no throttling; AWS knows every fault."""
    names = ["CreateImage", "new machine 1: unpack", "live database: COMMIT of GRANT"]
    cells = cells_of("up", names)
    assert [sum(one.request == name for one in cells) for name in names] == [7, 4, 3]
    assert not [one for one in cells if one.request != names[0] and one.fault is Fault.THROTTLED]


def test_what_goes_on_side_by_side_is_sorted() -> None:
    """By machine, each machine's own order kept; everything else stays where it was."""
    names = ["swap", "new machine 2: a", "new machine 1: a", "new machine 2: b", "end"]
    wanted = ["swap", "new machine 1: a", "new machine 2: a", "new machine 2: b", "end"]
    assert in_fixed_order(names) == wanted


def _book(folder: Path) -> Book:
    book = Book.open(folder)
    book.add_survey("up", ["CreateImage"])
    book.add(Played("up", "CreateImage", "killed after", "", word="swept", calls=9))
    book.add(Played("up", "CreateImage", "reply lost", "", problem="boom"))
    return book


def test_a_book_goes_on_where_it_was(tmp_path: Path) -> None:
    """For the same commit; a fresh one is empty, and another commit's is not believed."""
    written = _book(tmp_path)
    assert Book.open(tmp_path).played == written.played
    text = written.path.read_text().replace(written.commit, "another")
    written.path.write_text(text)
    assert Book.open(tmp_path).played == {}
    assert Book.open(tmp_path, trust=["another"]).surveys == written.surveys
    assert Book.open(tmp_path, fresh=True).played == {}


def test_the_page_shows_what_did_not_hold_and_what_was_not_played(tmp_path: Path) -> None:
    """A cell without a result never reads like a good one."""
    text = page(_book(tmp_path))
    row = next(line for line in text.splitlines() if line.startswith("| CreateImage"))
    assert row.count("not played") == 5
    assert "swept · 9" in row
    assert "**broken**" in row
    assert "2 of 7 cells were played" in text
    assert "**1 did not**" in text


def test_a_blow_to_all_meets_every_request_once() -> None:
    """What comes again because of it is let through, and so is what would end the command."""
    watch = Watch()
    watch.begin(Blow(EVERY, Fault.TWICE))
    assert [watch.passes("create", ALL) for _ in range(2)] == [Fault.TWICE, None]
    ssh = frozenset({Fault.TWICE, Fault.LOST})
    assert watch.passes("live machine: unpack", ssh) is Fault.TWICE
    watch.begin(Blow(EVERY, Fault.LOST))
    assert watch.passes("live machine: unpack", ssh) is None
    watch.begin(Blow(EVERY, Fault.THROTTLED))
    said = [watch.passes(name, ALL) for name in ("create", "delete") * 3]
    assert said == [Fault.THROTTLED] * 6
    assert [watch.passes(name, ALL) for name in ("create", "delete")] == [None, None]
    assert watch.names == ["create", "delete"]


def test_a_page_tells_its_rows(tmp_path: Path) -> None:
    """So that a run need not make every survey again; a command without any is named, too."""
    found = requests_of(page(_book(tmp_path)))
    assert found.pop("up") == ["CreateImage"]
    assert found == {one.name: [] for one in COMMANDS if one.name != "up"}


def test_rows_of_other_commands_stay_as_they_are_on_the_page(tmp_path: Path) -> None:
    """With their commit, and what did not hold; those that are played anew are not taken over."""
    old = _book(tmp_path / "old")
    old.commit = "before"
    old.add_survey("abort", ["DeleteSnapshot"])
    old.add(Played("abort", "DeleteSnapshot", "twice", "", word="aborted", calls=1))
    old.add(Played("abort", "DeleteSnapshot", "reply lost", "", problem="boom"))
    text = page(old)
    new = Book.open(tmp_path / "new")
    new.commit = "after"
    new.add_survey("up", ["RunInstances"])
    new.add(Played("up", "RunInstances", "twice", "", word="released"))
    new.keep(requests_of(text), played_of(text))
    both = page(new)
    assert "CreateImage" not in both
    assert "| DeleteSnapshot | not played | not played | **broken** | aborted +1 |" in both
    assert "Played on `after`.\n\n| request" in both
    assert "Played on `before`.\n\n| request" in both
    again = Book.open(tmp_path / "again")
    again.keep(requests_of(both), played_of(both))
    assert page(again) == both


def test_rows_that_are_not_played_anew_stay_with_their_commit(tmp_path: Path) -> None:
    """Of a command with new requests those are played; the page says which, and reads so again."""
    names = ["CreateImage", "RunInstances", "swap: commit"]
    old = Book.open(tmp_path / "old")
    old.commit = "before"
    old.add_survey("up", [*names, "gone"])
    for name in (*names, "gone"):
        old.add(Played("up", name, "twice", "", word="released"))
    new = Book.open(tmp_path / "new")
    new.commit = "after"
    new.add_survey("up", ["CreateImage", "psql", "RunInstances", "swap: commit"])
    new.add(Played("up", "psql", "twice", "", word="released"))
    new.add(Played("up", "RunInstances", "reply lost", "", word="undone", calls=1))
    new.keep(requests_of(page(old)), played_of(page(old)))
    both = page(new)
    assert "Played on `after`; rows 1, 4 on `before`." in both
    assert "| RunInstances | not played | not played | undone · 1 | not played" in both
    assert "gone" not in requests_of(both)["up"]
    commits = {one.request: one.commit for one in played_of(both)}
    assert commits == {
        "CreateImage": "before",
        "psql": "after",
        "RunInstances": "after",
        "swap: commit": "before",
    }


def test_of_a_variant_only_what_differs_is_a_row() -> None:
    """A good day's requests are all known; the page shows those of the load balancer."""
    names = ["swap: acquire", "CreateImage", "CreateTargetGroup", "swap: commit"]
    assert rows_of("up", names) == names
    assert rows_of("up, behind a load balancer", names) == names[2:]

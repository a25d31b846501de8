"""Documents do not rot: links lead somewhere, commands exist, tables say what the code does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from deployer.cli.main import cli as deployer
from reconciler.cli.main import cli as reconciler
from reconciler.exit_codes import MEANINGS
from scripts import errors_page

ROOT = Path(__file__).resolve().parent.parent
MARKDOWN = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("config/**/*.md")])
TELLING = [*MARKDOWN, *sorted(ROOT.glob("config/**/*.toml"))]
GROUPS = {"deployer": deployer, "reconciler": reconciler}


def slug(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def dead_links(path: Path) -> Iterator[str]:
    """Relative links of a document that lead nowhere, and anchors that no heading has."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        where, _, anchor = target.partition("#")
        there = (path.parent / where) if where else path
        if not there.exists() or (
            anchor
            and anchor
            not in map(
                slug, re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            )
        ):
            yield f"{path.relative_to(ROOT)}: {target}"


def test_links_between_documents_resolve() -> None:
    """A link in a document leads to a file, and to a heading in it."""
    assert [dead for path in MARKDOWN for dead in dead_links(path)] == []


def test_every_decision_is_listed_and_numbered() -> None:
    """docs/architecture.md lists each decision; numbers run on without a gap."""
    records = sorted(path.name for path in (ROOT / "docs/adr").glob("*.md"))
    architecture = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    assert [one for one in records if f"(adr/{one})" not in architecture] == []
    assert [int(one[:4]) for one in records] == list(range(1, len(records) + 1))


def test_comments_refer_to_documents_that_are_here() -> None:
    """A comment that names a document or its section sends nobody to something they cannot read."""
    here = {path.name for path in MARKDOWN} | {"README.md"}
    sources = [
        path
        for folder in ("deployer", "reconciler", "tests")
        for path in (ROOT / folder).rglob("*.py")
    ]
    lost = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources
        for name in re.findall(
            r"\b[\w-]+\.md\b|\b[A-Z]{4,} (?:§|rule )\d+", path.read_text(encoding="utf-8")
        )
        if name not in here
    ]
    assert not lost, "\n".join(lost)


@pytest.mark.parametrize("product", ["reconciler", "deployer"])
def test_the_architecture_names_every_package(product: str) -> None:
    """Whoever looks for a package finds what it is about."""
    architecture = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    packages = {path.parent.name for path in (ROOT / product).glob("*/__init__.py")}
    assert {one for one in packages if f"`{product}/{one}`" not in architecture} == set()


def test_the_architecture_names_paths_that_exist() -> None:
    """A path that has moved is found by nobody."""
    architecture = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:reconciler|deployer|tests)/[\w./]+)`", architecture)
    assert [one for one in named if not (ROOT / one).exists()] == []


def test_the_picture_of_the_layers_is_what_import_linter_holds() -> None:
    """Each layer of the contracts, in their order."""
    lines = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").splitlines()
    head = next(
        n for n, line in enumerate(lines) if re.fullmatch(r" {4}reconciler +deployer", line)
    )
    rows = lines[head + 2 : lines.index("", head + 2)]
    right = lines[head].index("deployer")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = {
        one["containers"][0]: one["layers"]
        for one in contracts["tool"]["importlinter"]["contracts"]
        if one["type"] == "layers" and "containers" in one
    }
    drawn = {"reconciler": [row[4:] for row in rows], "deployer": [row[right:] for row in rows]}
    for product, names in drawn.items():
        cells = [re.split(r" {2,}", name)[0] for name in names if name.strip()]
        assert cells == layers[product]


def commands(group: click.Group) -> set[str]:
    """The names of a group's commands."""
    return set(group.list_commands(click.Context(group)))


@pytest.mark.parametrize("path", TELLING, ids=lambda path: path.name)
def test_documents_name_only_commands_that_exist(path: Path) -> None:
    """Whoever types what a document says gets no usage error."""
    text = path.read_text(encoding="utf-8")
    told = re.findall(r"(?:^ {4}|`)(deployer|reconciler) ([a-z]+)", text, re.MULTILINE)
    assert [" ".join(one) for one in told if one[1] not in commands(GROUPS[one[0]])] == []


@pytest.mark.parametrize("program", sorted(GROUPS))
def test_the_readme_names_every_command(program: str) -> None:
    """A command that the README does not name is found by nobody."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(
        re.findall(r"[a-z]+", " ".join(re.findall(r"`[^`]+`|^ {4}.*$", readme, re.MULTILINE)))
    )
    assert commands(GROUPS[program]) - named == set()


def test_the_readme_has_the_table_of_exit_codes() -> None:
    """Scripts rely on the exit codes: what the README says is what the code does."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"^\| (\d+) \| (.+) \|$", readme, re.MULTILINE))
    assert said == {str(int(code)): meaning for code, meaning in MEANINGS.items()}


def test_the_page_of_errors_is_what_the_source_says() -> None:
    """Every type, exit code, message and cure; none that is not there any more."""
    current = errors_page.PAGE.read_text(encoding="utf-8") == errors_page.page()
    assert current, "an error has changed: .venv/bin/python scripts/errors_page.py"


def test_the_page_for_the_night_knows_every_exit_code_and_verdict() -> None:
    """Whoever is woken finds the number on the screen, and the first line of `status`."""
    page = (ROOT / "docs" / "3am.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d, ]+) \|", page, re.MULTILINE)
    assert {int(code) for row in rows for code in row.split(",")} == {*map(int, MEANINGS), 130, 143}
    source = (ROOT / "deployer" / "output" / "verdict.py").read_text(encoding="utf-8")
    shouted = set(re.findall(r"\b[A-Z]{3,}(?: [A-Z]{2,})+\b", source))
    assert shouted == {"DOES NOT ANSWER", "CANNOT BE REACHED"}
    assert all(words in page for words in {*shouted, "REFUSES WRITES", "may not reach"})


def test_manual_pages_and_completions_are_what_the_commands_say() -> None:
    """A new option stands in the page that `man` shows.

    In a process of its own: click remembers the help option of a command's first context.
    """
    check = [sys.executable, str(ROOT / "scripts" / "shell_files.py"), "--check"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    old = subprocess.run(check, env=env, capture_output=True, check=True).stdout.decode().split()
    assert old == [], "PYTHONPATH=. .venv/bin/python scripts/shell_files.py"


def test_every_type_of_error_and_every_exit_code_has_its_words() -> None:
    """A new one is explained, or this fails."""
    assert set(errors_page.WORDS) == set(errors_page.KINDS)
    assert set(errors_page.THEN) == {int(code) for code in MEANINGS}


def test_the_page_of_errors_has_what_users_meet() -> None:
    """The messages of both packages with what helps, and none of the sandbox's."""
    said = {one.says: one for one in errors_page.sites()}
    image = said["the image {image} is still {state} after {limit}"]
    assert "raise limits.image" in image.cure
    assert "reconciler plan -o FILE" in said["the plan has been changed since it was made"].cure
    assert not [one for one in said.values() if "sandbox" in one.file]
    assert len(said) > 120


def test_the_tests_that_documents_name_are_there() -> None:
    """`file.py::test_name` below tests/: whoever doubts a claim finds what shows it."""
    text = (ROOT / "docs" / "bad-days.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", text)
    lost = [
        f"{file}::{name}"
        for file, name in named
        if f"def {name}" not in (ROOT / "tests" / file.removeprefix("tests/")).read_text("utf-8")
    ]
    assert len(named) > 40
    assert lost == []


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("migrate ", ("by root, in code.path", "with the variables of app.env_file")),
        ("jobs ", ("of a oneshot its timer", '["reports.timer"]')),
    ],
)
def test_the_configuration_says_what_a_command_is_given_and_where_timers_go(
    key: str, said: tuple[str, ...]
) -> None:
    """At the key itself, and on the page of one's own service."""
    text = (ROOT / "config" / "services" / "shop.toml").read_text(encoding="utf-8")
    [(head, rest)] = re.findall(rf"^({key}.*)((?:\n +#.*)*)", text, re.MULTILINE)
    comment = " ".join(re.sub(r"\n +#", " ", head + rest).split())
    assert not [words for words in said if words not in comment], comment
    page = (ROOT / "docs" / "own-service.md").read_text(encoding="utf-8")
    row = {"migrate ": "with the variables of `app.env_file`", "jobs ": "belong in `jobs`"}[key]
    assert row in page

"""`make crash`: plays the whole matrix and writes docs/crash-matrix.md from what was played."""

from __future__ import annotations

import argparse
import multiprocessing
import re
import signal
import sys
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed

from tests.crash.matrix.cells import Cell
from tests.crash.matrix.command import Command
from tests.crash.matrix.commands import COMMANDS
from tests.crash.matrix.page import FOLDER, ROOT, Book, Played
from tests.crash.matrix.table import cells_of, page, played_of, requests_of, rows_of
from tests.crash.matrix.worker import played, surveyed
from tests.support.memory_disk import temporary_files_in_memory

DOCUMENT = ROOT / "docs" / "crash-matrix.md"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.matrix", description=__doc__)
    parser.add_argument("--workers", type=int, default=2, help="sandboxes side by side")
    parser.add_argument("--fresh", action="store_true", help="forget what was played before")
    parser.add_argument("--again", action="store_true", help="play once more what did not hold")
    parser.add_argument(
        "--only", default="", help="a regular expression of `command: request: fault`"
    )
    parser.add_argument("--commands", default="", help="a regular expression of commands' names")
    parser.add_argument("--trust", action="append", default=[], help="a commit whose cells count")
    parser.add_argument(
        "--keep", action="store_true", help="what is on the page of other commands stays there"
    )
    parser.add_argument("--no-doc", action="store_true", help="do not write the document")
    return parser.parse_args()


def _wanted(book: Book, options: argparse.Namespace) -> list[Cell]:
    every = [
        cell
        for one in _by_shape()
        for cell in cells_of(one.name, rows_of(one.name, book.surveys.get(one.name, [])))
    ]
    done = {key for key, one in book.played.items() if not (one.problem and options.again)}
    return [
        cell
        for cell in every
        if (cell.command, cell.request, cell.fault.value) not in done
        and re.search(options.commands, cell.command)
        and re.search(options.only, f"{cell.command}: {cell.request}: {cell.fault.value}")
    ]


def _by_shape() -> list[Command]:
    """Every command, those of one stage after each other: a worker has one stage at a time."""
    return sorted(COMMANDS, key=lambda command: command.shape)


def _run(options: argparse.Namespace, book: Book) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.workers, mp_context=context) as pool:
        try:
            _survey(pool, book, options.commands)
            _play(pool, book, _wanted(book, options))
        except BaseException:
            # What was not begun is for the next run, which goes on from here.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _survey(pool: Executor, book: Book, wanted: str) -> None:
    """Note the requests of a good day, of each command that is wanted and not known yet."""
    unknown = [
        one.name
        for one in _by_shape()
        if one.name not in book.surveys and re.search(wanted, one.name)
    ]
    futures = {pool.submit(surveyed, name): name for name in unknown}
    for future in as_completed(futures):
        name = futures[future]
        if error := future.exception():
            # The others go on; without a survey a command has no cells, which the page says.
            _say(f"{name}: its good day did not hold: {error}")
            continue
        book.add_survey(name, future.result())
        _say(f"{name}: {len(future.result())} requests")


def _play(pool: Executor, book: Book, wanted: list[Cell]) -> None:
    futures: dict[Future[Played], Cell] = {
        pool.submit(played, cell, len(book.surveys[cell.command])): cell for cell in wanted
    }
    for number, future in enumerate(as_completed(futures), 1):
        one = future.result()
        book.add(one)
        said = f"{one.word} {one.calls}" if not one.problem else one.problem.splitlines()[-1]
        again = ", again" if one.tries > 1 else ""
        _say(
            f"{number}/{len(wanted)} {one.command} | {one.request} | {one.fault}: {said}"
            f" ({one.seconds} s{again})"
        )


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main() -> int:
    """Play what was not played yet, write the document; 1 if a cell does not hold."""
    options = _options()
    book = Book.open(FOLDER, fresh=options.fresh, trust=options.trust)
    with temporary_files_in_memory():
        _run(options, book)
    if options.keep:
        text = DOCUMENT.read_text()
        book.keep(requests_of(text), played_of(text))
    if not options.no_doc:
        DOCUMENT.write_text(page(book))
    broken = [one for one in book.played.values() if one.problem]
    for one in broken:
        _say(f"\n{one.command} | {one.request} | {one.fault}\n{one.problem}")
    unknown = [
        one.name
        for one in COMMANDS
        if re.search(options.commands, one.name) and not book.surveys.get(one.name)
    ]
    return 1 if broken or unknown else 0


if __name__ == "__main__":
    sys.exit(main())

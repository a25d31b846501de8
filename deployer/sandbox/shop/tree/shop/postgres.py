"""Sessions on PostgreSQL, straight through its own library, libpq.

A driver would be the usual choice. Importing one takes ten times as long as all else that this
service's processes do when they start, and a release waits for three of them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import c_char_p, c_int, c_void_p

_PLACES = ("libpq.so.5", "/usr/local/lib/libpq.so.5")
_FUNCTIONS: dict[str, tuple[object, tuple[object, ...]]] = {
    "PQconnectdbParams": (c_void_p, (c_void_p, c_void_p, c_int)),
    "PQstatus": (c_int, (c_void_p,)),
    "PQerrorMessage": (c_char_p, (c_void_p,)),
    "PQfinish": (None, (c_void_p,)),
    "PQexec": (c_void_p, (c_void_p, c_char_p)),
    "PQexecParams": (c_void_p, (c_void_p, c_char_p, c_int, *(c_void_p,) * 4, c_int)),
    "PQresultStatus": (c_int, (c_void_p,)),
    "PQresultErrorField": (c_char_p, (c_void_p, c_int)),
    "PQntuples": (c_int, (c_void_p,)),
    "PQnfields": (c_int, (c_void_p,)),
    "PQgetisnull": (c_int, (c_void_p, c_int, c_int)),
    "PQgetvalue": (c_char_p, (c_void_p, c_int, c_int)),
    "PQclear": (None, (c_void_p,)),
}
_CONNECTED = 0
_EMPTY, _DONE, _ROWS = 0, 1, 2
_SQLSTATE, _MESSAGE = ord("C"), ord("M")
_UNTRANSLATABLE = "22P05"
_OPTIONS = {"connect_timeout": "3", "application_name": "shop"}

Row = tuple[str | None, ...]


class Error(Exception):
    """What the server, or the way to it, refused: in its own words, with its SQLSTATE or ''."""

    def __init__(self, message: str, sqlstate: str = "") -> None:
        super().__init__(message)
        self.sqlstate = sqlstate

    @property
    def is_theirs(self) -> bool:
        """Whether the values were at fault: data exceptions and broken constraints."""
        return self.sqlstate[:2] in ("22", "23")


class Session:
    """One connection; every call is a transaction of its own."""

    def __init__(self, url: str) -> None:
        words = {"dbname": url, **_OPTIONS, "options": "-c client_min_messages=warning"}
        names = _strings((*words, None))
        self._connection = _pq.PQconnectdbParams(names, _strings((*words.values(), None)), 1)
        if _pq.PQstatus(self._connection) != _CONNECTED:
            message = self._last_words()
            self.close()
            raise Error(message)

    def run(self, statements: str) -> None:
        """Run statements without parameters: all of them, or none. Raises Error."""
        self._read(_pq.PQexec(self._connection, statements.encode()))

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """The rows of one statement, `$1` and so on being `values`. Raises Error."""
        texts = [None if one is None else str(one) for one in values]
        if any("\0" in one for one in texts if one is not None):
            raise Error("a text cannot contain the character NUL", _UNTRANSLATABLE)
        given = _strings(texts)
        text = statement.encode()
        nothing = (None, given, None, None)
        return self._read(
            _pq.PQexecParams(self._connection, text, len(values), *nothing, 0),
        )

    def close(self) -> None:
        """End the connection."""
        _pq.PQfinish(self._connection)
        self._connection = None

    def _read(self, result: int | None) -> list[Row]:
        try:
            if _pq.PQresultStatus(result) not in (_EMPTY, _DONE, _ROWS):
                raise self._error(result)
            fields = range(_pq.PQnfields(result))
            return [
                tuple(_value(result, row, field) for field in fields)
                for row in range(_pq.PQntuples(result))
            ]
        finally:
            _pq.PQclear(result)

    def _error(self, result: int | None) -> Error:
        message, state = (_pq.PQresultErrorField(result, one) for one in (_MESSAGE, _SQLSTATE))
        if message is None:
            return Error(self._last_words())
        return Error(message.decode(), (state or b"").decode())

    def _last_words(self) -> str:
        said: bytes = _pq.PQerrorMessage(self._connection)
        return said.decode("utf-8", "replace").strip().partition("\n")[0]


@contextmanager
def connect(url: str) -> Iterator[Session]:
    """A session for as long as the body runs. Raises Error."""
    session = Session(url)
    try:
        yield session
    finally:
        session.close()


def _value(result: int | None, row: int, field: int) -> str | None:
    if _pq.PQgetisnull(result, row, field):
        return None
    found: bytes = _pq.PQgetvalue(result, row, field)
    return found.decode()


def _strings(texts: Sequence[str | None]) -> ctypes.Array[c_char_p]:
    return (c_char_p * len(texts))(*(one if one is None else one.encode() for one in texts))


def _library() -> ctypes.CDLL:
    """libpq, from where the system looks for it or from /usr/local."""
    for place in _PLACES:
        try:
            library = ctypes.CDLL(place)
        except OSError:
            continue
        for name, (answers, takes) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = answers, takes
        return library
    raise SystemExit("shop: no libpq.so.5 here: install PostgreSQL's client library")


_pq = _library()

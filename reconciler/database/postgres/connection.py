"""How to reach a server as its admin: the secret stays in this module.

The admin's URL is resolved late from a reference. Its password never appears in argv, in a log or
in an error: messages are scrubbed, and an error whose own text holds it is not chained.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from reconciler.errors import AccessDenied, ConfigError, DatabaseError, Refused, ToolError

_PUBLIC = frozenset(
    (
        *("host", "hostaddr", "port", "user", "dbname"),
        *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation", "channel_binding"),
        *("gssencmode", "target_session_attrs", "require_auth"),
    )
)
_SETTINGS = {
    "connect_timeout": "10",
    "application_name": "deployer",
    "keepalives": "1",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "60000",
}
# If our process dies in the middle of a freeze, the server itself unlocks live's tables.
_IDLE_LIMIT = "SET idle_in_transaction_session_timeout = '30s'"
_ASKED = 3
# A URL with two `@` has a password that should have been escaped: libpq takes its end for a host.
_TWO_AT_SIGNS = re.compile(r"\s*postgres(ql)?://[^@]*@[^@]*@")
_HOST = re.compile(r"[A-Za-z0-9._:,%-]*|/[^@]*")
Tunnel = Callable[[str, int], tuple[str, int]]
"""From the server's (host, port) to the loopback (host, port) that leads there."""

_DENIED = ("28000", "28P01", "42501")


@dataclass(frozen=True)
class AdminUrl:
    """The server's address and its admin. `public` holds no secret."""

    public: dict[str, str]
    _password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> AdminUrl:
        """The server that `url` names. Raises ConfigError, without the URL."""
        if _TWO_AT_SIGNS.match(url):
            raise _not_a_url()
        try:
            found = conninfo_to_dict(url)
        except psycopg.Error:
            # Not chained: libpq quotes the part that it could not read, perhaps the password.
            raise _not_a_url() from None
        public = {key: str(value) for key, value in found.items() if key in _PUBLIC}
        if not _is_address(public):
            raise _not_a_url()
        return cls(public, str(found.get("password") or ""))

    @property
    def endpoint(self) -> tuple[str, int]:
        """The server's (host, port)."""
        return self.public.get("host", "localhost"), int(self.public.get("port", "5432"))

    @property
    def maintenance(self) -> str:
        """The database to connect to for statements about the server."""
        return self.public.get("dbname", "postgres")

    def without_secret(self, dbname: str) -> str:
        """A connection string for a tool's command line; the password is in `password_line`."""
        return make_conninfo("", **self.public | {"dbname": dbname})

    @property
    def password_line(self) -> bytes:
        """The password for a tool's standard input; empty if there is none."""
        return f"{self._password}\n".encode() if self._password else b""

    def scrub(self, text: str) -> str:
        """The text without the password."""
        return text.replace(self._password, "…") if self._password else text

    def connect(self, dbname: str = "", tunnel: Tunnel | None = None) -> psycopg.Connection:
        """A session in autocommit mode, through `tunnel` if there is one.

        The name in the URL is kept beside the tunnel's address, so that a certificate is still
        checked against it. Raises DatabaseError, AccessDenied, ConfigError; what `tunnel` raises.
        """
        settings = _SETTINGS | self.public | {"dbname": dbname or self.maintenance}
        if tunnel is not None:
            near = tunnel(*self._one_endpoint())
            settings |= {"hostaddr": near[0], "port": str(near[1])}
        if self._password:
            settings["password"] = self._password
        host, port = self.endpoint
        with speaking(f"cannot connect to the database server {host}:{port}", self.scrub):
            text = make_conninfo("", **settings)
            # Nothing is prepared on a session that a pooler may have lent to us only for now.
            connection = psycopg.connect(text, autocommit=True, prepare_threshold=None)
            connection.execute(_IDLE_LIMIT)
            return connection

    def _one_endpoint(self) -> tuple[str, int]:
        host, port = self.endpoint
        if host.startswith("/") or "," in host:
            raise ConfigError(
                f"a tunnel leads to one TCP address, but the admin URL names {host}",
                cure='name one host in database.admin, or set database.via = "direct"',
            )
        return host, port


def refuse_shared(
    session: psycopg.Connection, another: Callable[[], AbstractContextManager[psycopg.Connection]]
) -> None:
    """Raises Refused if a pooler lends us the server's session for one transaction at a time.

    A dump, and the settings of a session, need one session from the first statement to the last.
    The server itself names its process to a client (BackendKeyData); a pooler names none of its. If
    two clients at once are then served by one process, transactions are what is lent.
    """
    if session.info.backend_pid == _process(session):
        return
    with another() as other:
        if any(_process(session) == _process(other) for _ in range(_ASKED)):
            raise Refused(
                "database.admin leads through a pooler that lends a session for one transaction "
                "(pool_mode = transaction): a copy needs one from beginning to end",
                cure="name the server itself in database.admin, or a pooler that lends a session "
                "for as long as its client stays (pool_mode = session)",
            )


def _process(session: psycopg.Connection) -> int:
    row = session.execute("SELECT pg_backend_pid()").fetchone()
    return int(row[0]) if row else 0


def _is_address(public: dict[str, str]) -> bool:
    """Whether host, port and database can be what they are said to be.

    An unescaped '/', ':' or '@' in a password makes the rest of it one of them.
    """
    hosts = (public.get(name, "") for name in ("host", "hostaddr"))
    return (
        all(_HOST.fullmatch(host) for host in hosts)
        and public.get("port", "0").isdigit()
        and not {*"@/"} & {*public.get("dbname", "")}
    )


def _not_a_url() -> ConfigError:
    return ConfigError(
        "the admin URL of the database is not a PostgreSQL URL",
        cure="write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE; "
        "write @ : / ? # % in the password as %40 %3A %2F %3F %23 %25",
    )


@contextmanager
def speaking(doing: str, scrub: object = None) -> Iterator[None]:
    """Converts psycopg's errors to ours: what we were doing, then the server's own message."""
    try:
        yield
    except psycopg.Error as error:
        text = str(error)
        clean = scrub(text) if callable(scrub) else text
        raise _translated(doing, clean, error.sqlstate) from (error if clean == text else None)


def _translated(doing: str, text: str, sqlstate: str | None) -> ToolError:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    message = f"{doing}: {lines[0] if lines else 'no reason given'}"
    detail = "\n".join(lines[1:])
    if sqlstate in _DENIED or "password authentication failed" in text:
        cure = "check the login of `database.admin` and that it is a member of `app_role`"
        return AccessDenied(message, cure=cure, detail=detail)
    return DatabaseError(message, cure="see whether the server is up, then again", detail=detail)

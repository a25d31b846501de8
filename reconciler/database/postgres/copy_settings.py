"""Gives a copy the properties of its source that a dump does not carry.

A dump restored without `-C` (which would copy the comment, and with it the claim to be the source)
lacks what belongs to the database itself: encoding and locale, its settings, its privileges.
And the dump is taken while the source is shut, so the privileges to write are missing from it.
"""

from __future__ import annotations

from psycopg import Connection, errors
from psycopg.sql import SQL, Composable, Identifier, Literal

from reconciler.database.grants import Grant, normal
from reconciler.database.postgres import comment_store, privileges
from reconciler.errors import AccessDenied, DatabaseError

_LOCALE = """
SELECT pg_encoding_to_char(encoding), datcollate, datctype, to_jsonb(d)
FROM pg_database d WHERE datname = %s
"""
_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}
_SETTINGS = """
SELECT coalesce(r.rolname, ''), split_part(one, '=', 1), substr(one, strpos(one, '=') + 1)
FROM pg_db_role_setting s
JOIN pg_database d ON d.oid = s.setdatabase AND d.datname = current_database()
LEFT JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) one
"""
_DATABASE_ACL = """
SELECT coalesce(r.rolname, ''), privilege_type, is_grantable
FROM pg_database d, aclexplode(coalesce(datacl, acldefault('d', datdba))) acl
LEFT JOIN pg_roles r ON r.oid = acl.grantee
WHERE datname = current_database() AND privilege_type <> 'CREATE'
"""
_LISTS = frozenset(
    (
        *("search_path", "temp_tablespaces", "unix_socket_directories"),
        *("session_preload_libraries", "local_preload_libraries", "createrole_self_grant"),
    )
)


def clause(connection: Connection, source: str) -> Composable:
    """The rest of CREATE DATABASE … OWNER … that gives the copy its source's encoding, locale."""
    row = connection.execute(_LOCALE, [source]).fetchone()
    if row is None:
        raise DatabaseError(f"there is no database {source} to copy")
    encoding, collate, ctype, more = row
    provider = _PROVIDERS[str(more.get("datlocprovider", "c"))]
    parts = [("ENCODING", encoding), ("LC_COLLATE", collate), ("LC_CTYPE", ctype)]
    parts.append(("LOCALE_PROVIDER", provider))
    locale = more.get("datlocale") or more.get("daticulocale")
    if locale:
        parts.append((f"{provider.upper()}_LOCALE", locale))
    words = [SQL(" {} {}").format(SQL(key), Literal(value)) for key, value in parts]
    return SQL(" TEMPLATE template0") + SQL("").join(words)


def open_like(copy: Connection, source: Connection, lent: frozenset[Grant] = frozenset()) -> None:
    """Copies settings, the database's own privileges, and all privileges to write when open.

    `lent` is taken back, but for what the source grants as well.
    """
    with copy.transaction():
        _settings(copy, source)
        _database_acl(copy, source)
        wanted = open_grants(source)
        privileges.revoke(copy, lent - wanted)
        privileges.grant(copy, wanted)
        missing = wanted - privileges.in_force(copy)
    if missing:
        raise DatabaseError(
            f"the copy {copy.info.dbname} lacks a privilege: {min(missing)}",
            detail="\n".join(str(grant) for grant in sorted(missing)),
        )


def open_grants(source: Connection) -> frozenset[Grant]:
    """The privileges in force and those that a freeze revoked: correct for a shut source too."""
    memory = comment_store.own(source)
    saved = memory.acls if memory else frozenset()
    return normal(privileges.in_force(source) | privileges.possible(source, saved))


def _settings(copy: Connection, source: Connection) -> None:
    name = Identifier(copy.info.dbname)
    for role, setting, value in source.execute(_SETTINGS).fetchall():
        of = SQL("DATABASE {}").format(name)
        if role:
            of = SQL("ROLE {} IN DATABASE {}").format(Identifier(role), name)
        # A list is stored with its quotes; quoting it again would make it one item.
        text = SQL(value) if setting in _LISTS else Literal(value)
        change = SQL("ALTER {} SET {} TO {}").format(of, Identifier(*setting.split(".")), text)
        try:
            copy.execute(change)
        except errors.InsufficientPrivilege as error:
            raise _not_settable(role, setting, source.info.dbname) from error


def _not_settable(role: str, setting: str, source: str) -> AccessDenied:
    if not role:
        return AccessDenied(
            f"the admin may not set {setting} for the copy, as it is set for {source}",
            cure=f'GRANT SET ON PARAMETER {setting} TO "the role of database.admin"',
        )
    return AccessDenied(
        f"{setting} is set for role {role} in {source}, and the admin may not set it in the copy",
        cure=f'GRANT "{role}" TO "the role of database.admin" WITH ADMIN OPTION\n'
        f'Or without that setting   ALTER ROLE "{role}" IN DATABASE "{source}" RESET {setting}',
    )


def _database_acl(copy: Connection, source: Connection) -> None:
    name = Identifier(copy.info.dbname)
    wanted = set(source.execute(_DATABASE_ACL).fetchall())
    for extra in set(copy.execute(_DATABASE_ACL).fetchall()) - wanted:
        text = SQL("REVOKE {} ON DATABASE {} FROM {}")
        copy.execute(text.format(SQL(extra[1]), name, privileges.role_name(extra[0])))
    for role, may, grantable in wanted:
        option = SQL(" WITH GRANT OPTION" if grantable else "")
        text = SQL("GRANT {} ON DATABASE {} TO {}{}")
        copy.execute(text.format(SQL(may), name, privileges.role_name(role), option))

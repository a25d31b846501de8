"""What a release has to know about a live database before it creates anything. Pure.

Each finding that prevents a release is refused, with steps that change only what they name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.database.grants import Grant
from reconciler.errors import Refused

SHOWN = 5
"""Objects named per role and set of privileges; the rest are counted."""


@dataclass(frozen=True)
class Findings:
    """Roles and large objects of one database.

    missing        those of the given roles that do not exist
    unbound        given roles that no privilege binds → why
    members        the roles that may act as the first of the given roles
    others         other roles that can log in and write tables → what; '' is every role (PUBLIC)
    large_objects  how many there are
    free           other roles that can log in and write every table, whatever is revoked
    subscriptions  subscriptions that stream other databases' changes into this database
    policies       tables whose row security binds the application, as it does not own them
    owners         roles that own tables and are not the application's
    powerless      what the admin lacks to act as the first of the given roles: INHERIT, SET
    extensions     those that the first of the given roles cannot create in a copy
    """

    missing: frozenset[str] = frozenset()
    unbound: Mapping[str, str] = field(default_factory=dict)
    members: frozenset[str] = frozenset()
    others: Mapping[str, frozenset[Grant]] = field(default_factory=dict)
    large_objects: int = 0
    free: frozenset[str] = frozenset()
    subscriptions: frozenset[str] = frozenset()
    policies: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()
    powerless: frozenset[str] = frozenset()
    extensions: frozenset[str] = frozenset()


def other_lines(others: Mapping[str, Iterable[Grant]]) -> list[str]:
    """`clerk: INSERT on public.orders`: a line for each role and set of privileges."""
    lines = []
    for role, grants in sorted(others.items()):
        may: defaultdict[str, set[str]] = defaultdict(set)
        for grant in grants:
            may[".".join(grant.path)].add(grant.may)
        objects: defaultdict[str, list[str]] = defaultdict(list)
        for path, words in sorted(may.items()):
            objects[", ".join(sorted(words))].append(path)
        who = role or "every role (PUBLIC)"
        lines += [f"{who}: {words} on {_some(paths)}" for words, paths in sorted(objects.items())]
    return lines


def _some(paths: list[str]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(paths[:SHOWN]) + more


def unbound(role: str, why: str) -> Refused:
    """The refusal: no privilege binds the application's role, so its writes cannot be refused.

    The cure takes nothing away from that role: it may be the server's only superuser.
    """
    return Refused(
        f"role {role} cannot be shut out: it {why}, which no privilege binds",
        cure=_OWN_ROLE.replace("@ROLE@", role).replace("@LITERAL@", _literal(role)),
    )


OWNED = """\
SELECT format('ALTER TABLE %s OWNER TO app_owner', c.oid::regclass) \
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND nspname !~ '^pg_' \
AND nspname <> 'information_schema' AND relowner = @LITERAL@::regrole ORDER BY relkind = 'S'"""
"""Changes the owner of a role's objects in one database; a table's sequence follows the table.

Not REASSIGN OWNED: it is refused for a superuser that created the server, and for any other role
it also changes the owner of its databases.
"""

_OWN_ROLE = f"""\
Leave @ROLE@ as it is, and give the application a role of its own. As a superuser, by psql, in the
application's database (nothing else is changed; its other sessions go on as @ROLE@):
  CREATE ROLE app_owner LOGIN PASSWORD '...';
  GRANT app_owner TO "the role of database.admin";
  ALTER DATABASE "the application's" OWNER TO app_owner; ALTER SCHEMA public OWNER TO app_owner;
  {OWNED} \\gexec
Then app_owner goes into database.app_role and the URL in live's env file; restart the app."""


def _literal(name: str) -> str:
    """A role's name as a text that casts to regrole."""
    quoted = '"' + name.replace('"', '""') + '"'
    return "'" + quoted.replace("'", "''") + "'"


def has_large_objects(database: str, count: int) -> Refused:
    """Every role may write large objects, whatever privileges were revoked from it."""
    objects = "1 large object" if count == 1 else f"{count} large objects"
    return Refused(
        f"database {database} has {objects}, which no privilege protects: what is written into "
        "one while it is copied, or by a late client afterwards, would be lost",
        cure=_LARGE_OBJECTS.replace("@DATABASE@", database),
    )


_LARGE_OBJECTS = """\
Copy them into a column of type bytea   UPDATE ... SET data = lo_get(the column that has the oid)
then remove them, each for good         SELECT lo_unlink(oid) FROM pg_largeobject_metadata
To see what nothing refers to           vacuumlo --dry-run @DATABASE@"""


def others_write(service: str, database: str, others: Mapping[str, frozenset[Grant]]) -> Refused:
    """Roles that a release would shut out for good, which the configuration does not permit."""
    names = ", ".join(role or "PUBLIC" for role in sorted(others))
    return Refused(
        f"{names} may write in {database} beside the application: a release shuts that "
        "database for good, and whoever does not follow to the new one is refused from then on",
        detail="\n".join(other_lines(others)),
        cure=(
            "If they are to be shut out (in the new database they may write as before)   "
            f'other_roles = "shut" below [database] in services/{service}.toml\n'
            "If they do not write at all   REVOKE what is listed above from them, as the tables' "
            "owner; it ends their writes at once"
        ),
    )


def write_freely(database: str, roles: Iterable[str]) -> Refused:
    """Members of pg_write_all_data: a freeze takes nothing from them."""
    found = sorted(roles)
    return Refused(
        f"{', '.join(found)} may write every table of {database}, shut or not: what they write "
        "while it is copied would be lost",
        cure="Let them have privileges on tables, which a freeze can take (they then write nothing "
        "else)   \n"
        + "\n".join(f'REVOKE pg_write_all_data FROM "{role}"' for role in found)
        + "\n(or from the role by which they are members)",
    )


def powerless(role: str, lacks: Iterable[str]) -> Refused:
    """Whoever made a role on a cloud's server may still not act as it (16 and newer)."""
    found = " and ".join(sorted(lacks))
    return Refused(
        f"the role of database.admin may not act as {role} (it lacks {found}): it could neither "
        "freeze its tables nor make a database of it",
        cure="As that role, if it made the other one; else as a superuser:\n"
        f'GRANT "{role}" TO "the role of database.admin" WITH INHERIT TRUE, SET TRUE\n'
        f'PostgreSQL 15 and older   GRANT "{role}" TO "the role of database.admin"',
    )


def cannot_create(database: str, role: str, extensions: Iterable[str]) -> Refused:
    """Found now: pg_restore would fail while live refuses writes."""
    found = ", ".join(sorted(extensions))
    return Refused(
        f"{database} has the extension {found}, which {role} cannot create in a copy: only a "
        "superuser may, or a member of what the cloud has instead (rds_extension, …), of those "
        "that the server allows",
        cure=f"If nobody uses it             DROP EXTENSION …\n"
        f'On RDS and Aurora             GRANT rds_extension TO "{role}"\n'
        "Where they are restricted     name it in the parameter rds.allowed_extensions\n"
        'Without a copy                copy = "never"   (docs/shared-databases.md)',
    )


def streamed_into(database: str, subscriptions: Iterable[str]) -> Refused:
    """A subscription's worker writes as its owner, into this database and never into a copy."""
    found = ", ".join(sorted(subscriptions))
    return Refused(
        f"subscription {found} streams changes into {database}: no freeze stops it, and the copy "
        "would not get what comes from then on",
        cure="Its owner can move it to a database of its own, which no release copies\n"
        "To see where it comes from   SELECT subname, subenabled FROM pg_subscription",
    )


def policies_would_go(database: str, app_role: str, tables: Iterable[str]) -> Refused:
    """Policies do not bind a table's owner, which the application's role is in the copy."""
    found = ", ".join(sorted(tables))
    return Refused(
        f"row security binds the application in {database} on {found}, since another role owns "
        f"that; in the copy {app_role} would own it, and see and change every row",
        cure=(
            "Let policies bind owners as well (then also who owns it now sees only what they show)"
            "\n  ALTER TABLE … FORCE ROW LEVEL SECURITY\n"
            "and let the admin copy every row (it sees every row of every database then)\n"
            "  ALTER ROLE … BYPASSRLS"
        ),
    )


def nothing_to_give_back(database: str, app_role: str, then: str) -> Refused:
    """Shut, and the record of what the freeze revoked was lost with the comment: no thaw works."""
    return Refused(
        f"nobody may write in {database}, and nothing remembers what there was: it could not be "
        "opened any more",
        cure=f"""\
Give {app_role} back what it had, as the tables' owner, by psql in {database}, for each schema:
  GRANT INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO "{app_role}";
  GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA public TO "{app_role}";
  GRANT CREATE ON SCHEMA public TO "{app_role}";
Other roles' rights   pg_dump --schema-only of another release's database has their GRANTs
Then   {then}""",
    )

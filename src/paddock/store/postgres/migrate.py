"""The schema of a PostgreSQL store, brought up to date by whichever replica comes first."""

import psycopg

from paddock.core.errors import BadInput
from paddock.store.migrations import NewerSchema, migrations
from paddock.store.postgres.dialect import schema
from paddock.store.postgres.link import Link, words

# The advisory lock of whoever changes the schema.
_MIGRATOR = 7_205_759_403_792_794
# Leased rows are written often and read by few indexes: room beside them, and an early sweep.
_TUNING = """ALTER TABLE jobs SET
    (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)"""


class OlderSchema(BadInput):
    """The store's schema is behind this release."""

    code = "older_schema"
    hint = "`paddock store migrate` brings it up to date; its role must be allowed to create tables"


def applied(link: Link) -> list[str]:
    """The names of the migrations that were made, in their order."""
    if link.execute("SELECT to_regclass('schema_version') AS found").fetchone() == {"found": None}:
        return []
    return [row["name"] for row in link.execute("SELECT name FROM schema_version ORDER BY number")]


def pending(link: Link, *, post: bool = False) -> list[tuple[int, str, str]]:
    """Migrations that are still to be made: those before the new code serves, and with `post` also those after.

    Raises: NewerSchema when a newer release has made changes that this one cannot live with.
    """
    made = set(applied(link))
    known = migrations()
    ahead = sorted(name for name in made - {name for _, name, _ in known} if "_post_" in name)
    if ahead:
        raise NewerSchema(f"the store was changed by a newer release ({ahead[0]})")
    return [(number, name, sql) for number, name, sql in known if name not in made and (post or "_post_" not in name)]


def migrate(link: Link, *, post: bool = False) -> list[str]:
    """Makes what is pending, all of it in one transaction, and returns the names.

    Raises: NewerSchema, OlderSchema when the role may not change the schema.
    """
    if not pending(link, post=post):
        return []
    made = []
    try:
        with link.transaction():
            link.execute(f"SELECT pg_advisory_xact_lock({_MIGRATOR})".encode())
            link.execute("CREATE TABLE IF NOT EXISTS schema_version (number BIGINT PRIMARY KEY, name TEXT NOT NULL)")
            for number, name, sql in pending(link, post=post):  # another replica may have been faster
                link.execute(schema(sql).encode(), prepare=False)
                link.execute("INSERT INTO schema_version VALUES (%s, %s)", (number, name))
                made.append(name)
            link.execute(_TUNING.encode())
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction) as error:
        raise OlderSchema(f"the store's schema is behind this release and cannot be changed: {words(error)}") from None
    return made

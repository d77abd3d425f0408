"""Migrations: `NNNN_pre_what.sql` runs before the new code serves, `NNNN_post_what.sql` once no old code runs."""

from importlib import resources

import apsw

from paddock.core.errors import BadInput


class NewerSchema(BadInput):
    """The store was written by a newer release."""

    code = "newer_schema"
    hint = "run the release that wrote it, or a newer one"


def migrations() -> list[tuple[int, str, str]]:
    """Every migration as (number, name, SQL), oldest first."""
    files = resources.files("paddock.store.sqlite").joinpath("migrations").iterdir()
    return sorted((int(file.name[:4]), file.name, file.read_text()) for file in files if file.name.endswith(".sql"))


def migrate(connection: apsw.Connection) -> None:
    """Brings the schema up to date, each migration in a transaction of its own.

    Raises: NewerSchema when the file is ahead of this code.
    """
    known = migrations()
    for number, _, sql in known:
        connection.execute("BEGIN IMMEDIATE")
        try:
            at = next(iter(connection.execute("PRAGMA user_version")))[0]
            if at > known[-1][0]:
                raise NewerSchema(f"the store's schema is at {at}, this release knows {known[-1][0]}")
            if at < number:
                connection.execute(sql)
                connection.execute(f"PRAGMA user_version={number}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

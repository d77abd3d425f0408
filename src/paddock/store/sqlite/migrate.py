"""The SQLite file's schema, brought up to date."""

import apsw

from paddock.store.migrations import NewerSchema, migrations


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

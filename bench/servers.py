"""A PostgreSQL of the bench's own, durable, as the tests start it."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg

from bench import simulated
from paddock.store.postgres.link import connect
from paddock.store.postgres.migrate import migrate
from paddock.store.postgres.tx import PostgresTx
from paddock.wire.keys import Signer

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.services import Postgres


class Database:
    """One server with one database."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        folder = quote(str(server.folder / "socket"), safe="")
        self.dsn = f"postgresql://paddock@/postgres?host={folder}&port={server.port}"

    def fill(self, signer: Signer, plain: int, workers: int) -> None:
        """Makes the tables, with agents in them; see `simulated.fill`."""
        with closing(connect(self.dsn)) as link:
            migrate(link)
            with link.transaction():
                simulated.fill(PostgresTx(link), signer, plain, workers)
            link.execute("ANALYZE")

    def log_statements(self) -> None:
        """From now on the server's log names every statement of connections that are yet to be made."""
        with psycopg.connect(self.dsn, autocommit=True) as link:
            link.execute("ALTER DATABASE postgres SET log_statement = 'all'")

    def logged(self) -> list[str]:
        """The statements that were logged so far, the first line of each."""
        said = self._server.log.read_text(errors="replace").splitlines()
        return [line for line in said if "LOG:  statement: " in line or "LOG:  execute " in line]


@contextmanager
def postgres() -> Iterator[Database]:
    """A fresh server whose commits wait for the disk; gone on the way out."""
    with Postgres(durable=True) as server:
        yield Database(server)

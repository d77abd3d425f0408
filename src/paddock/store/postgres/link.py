"""Connections to PostgreSQL, and what is said when there is none."""

import time
from typing import Any

import psycopg
from psycopg import conninfo
from psycopg.rows import dict_row
from psycopg.types.numeric import Int8Dumper, NumericLoader

from paddock.core.errors import BadInput
from paddock.store.engine import StoreUnavailable

Link = psycopg.Connection[dict[str, Any]]

OLDEST = 150_000
# A replica that is cut off, or stopped in the middle of a transaction, holds the writers' lock no longer than this.
IDLE_S = 2
LOCK_S = 10
STATEMENT_S = 60
_PATIENT: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": IDLE_S * 1_000,
}
_SETTINGS = (
    f"SET idle_in_transaction_session_timeout = '{IDLE_S}s'; SET lock_timeout = '{LOCK_S}s';"
    f"SET statement_timeout = '{STATEMENT_S}s'; SET synchronous_commit = on;"
    # A plan is made once and kept; made while a table was small, it would go on reading all of it.
    "SET enable_seqscan = off; SET jit = off;"
    # The server's end: left to itself it looks for a lost client after two hours, and keeps its connection till then.
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 2;"
    f"SET tcp_user_timeout = '{IDLE_S}s'"
).encode()


class StoreRefused(StoreUnavailable):
    """PostgreSQL does not take the connection."""

    code = "store_refused"
    exit_code = 2
    hint = "look at the store's address, and whether the server runs"


class _WholeLoader(NumericLoader):
    """Sums of whole numbers come as numeric; they are whole numbers all the same."""

    def load(self, data: Any) -> Any:
        found = super().load(data)
        return int(found) if found == found.to_integral_value() else float(found)


def where(dsn: str) -> str:
    """The address as it may be shown: without the password.

    Raises: BadInput when it is no address.
    """
    try:
        parts = conninfo.conninfo_to_dict(dsn)
    except psycopg.Error:
        raise BadInput(
            "the store's address cannot be read", hint="postgresql://USER@HOST:PORT/DATABASE", where="store"
        ) from None
    place = parts.get("host") or "a local socket"
    port = f":{parts['port']}" if parts.get("port") else ""
    return f"{place}{port}/{parts.get('dbname') or parts.get('user') or ''}"


def connect(dsn: str) -> Link:
    """A connection with Paddock's settings, one transaction a statement unless one is opened.

    Raises: BadInput for an address that is none or a server that is too old, StoreRefused.
    """
    shown = where(dsn)
    began = time.monotonic()
    try:
        link: Link = psycopg.connect(dsn, autocommit=True, row_factory=dict_row, application_name="paddock", **_PATIENT)
    except (psycopg.Error, OSError) as error:
        told = _why(error, time.monotonic() - began)
        raise StoreRefused(f"no connection to PostgreSQL at {shown}: {told}") from None
    if link.info.server_version < OLDEST:
        version = link.info.server_version // 10_000
        link.close()
        raise BadInput(f"PostgreSQL at {shown} is {version}", hint=f"version {OLDEST // 10_000} or later is needed")
    try:
        link.execute(_SETTINGS)
    except psycopg.Error as error:
        link.close()
        raise StoreRefused(f"no connection to PostgreSQL at {shown}: {words(error)}") from None
    link.prepare_threshold = 0
    link.adapters.register_loader("numeric", _WholeLoader)
    link.adapters.register_dumper(int, Int8Dumper)
    return link


def _why(error: Exception, seconds: float) -> str:
    """Why no connection was made; a kernel that gives up waiting looks to libpq as if the server had hung up."""
    told = words(error)
    return f"no answer within {IDLE_S} s" if seconds >= IDLE_S and "closed the connection" in told else told


def words(error: Exception) -> str:
    """The cause that an error names, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    told = next((line for line in lines if "failed: " in line), lines[0])
    return told.rsplit("failed: ", 1)[-1].removeprefix("FATAL:").removeprefix("ERROR:").strip()

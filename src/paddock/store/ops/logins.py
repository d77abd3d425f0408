"""Logins: counted tries, sessions, and the tokens of programs."""

from collections.abc import Sequence

import msgspec

from paddock.core.errors import NotFound, Unauthorised
from paddock.core.people import FORGET_MS, MOST_TRIES, locked_for
from paddock.store.ops.people import find
from paddock.store.ops.work import Work, record
from paddock.store.people import ApiToken, Login, Person, Try
from paddock.store.statements import Tx

# Characters of a digest by which people name a session or a token.
REF = 12


def try_login(work: Work, tries: Sequence[Try]) -> int:
    """Counts a try before it is made, so that many at once are as many; nothing counts while one must wait."""
    rows = [work.tx.one("login_try", key=one.key) for one in tries]
    wait = max((row["until"] - work.now for row in rows if row is not None), default=0)
    if wait > 0:
        return int(wait)
    work.tx.run("sweep_login_tries", before=work.now - FORGET_MS, most=MOST_TRIES)
    for one, row in zip(tries, rows, strict=True):
        count = 1 + (row["count"] if row is not None and row["last"] >= work.now - FORGET_MS else 0)
        lock = locked_for(count, one.free)
        if lock:
            work.journal("login.locked", key=one.key, tries=count, seconds=lock // 1_000)
        work.tx.run("set_login_try", key=one.key, count=count, now=work.now, until=work.now + lock if lock else 0)
    return 0


def _forgive(work: Work, tries: Sequence[Try]) -> None:
    for number, one in enumerate(tries):
        if number:
            work.tx.run("uncount_login_try", key=one.key)
        else:
            work.tx.run("forget_login_try", key=one.key)


def open_login(work: Work, login: Login, tries: Sequence[Try], instead_of: str) -> None:
    """Begins a session. Raises: Unauthorised."""
    person = find(work.tx, login.person)
    if person.disabled is not None:
        raise Unauthorised(f"{person.name} is disabled")
    _forgive(work, tries)
    work.tx.run("sweep_logins", instead_of=instead_of, now=work.now)
    work.tx.run("add_login", **msgspec.structs.asdict(login))
    work.journal("person.login", person=person.name, kind=login.kind, address=login.address, by=person.name)


def login(tx: Tx, digest: str, now: int) -> tuple[Login, Person] | None:
    """A session that is good."""
    row = tx.one("login", hash=digest, now=now)
    return (record(Login, row), find(tx, row["person"])) if row else None


def prove(work: Work, digest: str, new: str, tries: Sequence[Try]) -> bool:
    """The session goes on under a new digest."""
    _forgive(work, tries)
    return bool(work.tx.run("prove_login", hash=digest, new=new, now=work.now))


def end(work: Work, start: str, person: str) -> int:
    """Ends sessions of a person."""
    count = work.tx.run("end_logins", person=person, start=f"{start}%") if start.isalnum() else 0
    if count:
        work.journal("person.logout", person=find(work.tx, person).name, count=count)
    return count


def add_token(work: Work, token: ApiToken) -> None:
    """Keeps a token's digest."""
    given = msgspec.structs.asdict(token)
    work.tx.run("add_api_token", **{key: given[key] for key in given if key not in ("seen", "revoked")})
    named = {"token": token.hash[:REF], "label": token.label, "scopes": token.scopes, "expires": token.expires}
    work.journal("api_token.minted", person=find(work.tx, token.person).name, **named)


def api_token(tx: Tx, digest: str, now: int) -> tuple[ApiToken, Person] | None:
    """A token that is good."""
    row = tx.one("api_token", hash=digest, now=now)
    return (record(ApiToken, row), find(tx, row["person"])) if row else None


def revoke_token(work: Work, ref: str, person: str) -> ApiToken:
    """Makes a token worthless. Raises: NotFound."""
    start = f"{ref}%" if len(ref) >= 6 and ref.isalnum() else "-"
    row = work.tx.one("api_token_named", start=start, label=ref or "-", person=person)
    if row is None:
        raise NotFound(f"no API token {ref[:80]!r}", hint="`paddock api-token list` lists them")
    if work.tx.run("revoke_api_token", hash=row["hash"], now=work.now):
        owner = find(work.tx, row["person"]).name
        work.journal("api_token.revoked", token=row["hash"][:REF], label=row["label"], person=owner)
    return record(ApiToken, {**row, "revoked": row["revoked"] or work.now})

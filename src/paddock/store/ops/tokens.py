"""Activation tokens: minted, redeemed once, revoked."""

from paddock.core.errors import Conflict, NotFound
from paddock.core.tokens import AGAIN_MS, REF, state_of, within
from paddock.store.ops.work import Work, record, to_json
from paddock.store.records import Agent
from paddock.store.statements import Row
from paddock.store.tokens import Terms, Token


def add(work: Work, token_hash: str, label: str, expires: int, terms: Terms) -> None:
    """Keeps a token's digest and its terms."""
    work.tx.run(
        "add_token",
        hash=token_hash,
        label=label,
        created=work.now,
        expires=expires,
        labels=to_json(terms.labels),
        channel=terms.channel,
        network=terms.network,
        binding=terms.binding,
        licence=terms.licence,
    )
    work.journal("token.minted", token=token_hash[:REF], label=label, expires=expires)


def redeem(work: Work, token_hash: str, public_key: str, name: str, address: str) -> Agent | None:
    """Turns a token into an agent. The first key to redeem it owns it.

    None when the token is not good; the journal keeps why, so it is no exception, which would undo the entry.
    """
    row = work.tx.one("token", hash=token_hash)
    why = _against(row, public_key, address, work.now)
    if row is None or why:
        token = {} if row is None else {"token": token_hash[:REF], "owner": row["agent"]}
        work.journal("token.refused", None, None, name=name, why=why, address=address, **token)
        return None
    if row["used_at"] is None:
        agent = work.new_id("a")
        if not work.tx.run("use_token", hash=token_hash, now=work.now, key=public_key, agent=agent):
            raise Conflict("the token was used at this very moment")
        work.tx.run(
            "add_agent",
            id=agent,
            name=name,
            public_key=public_key,
            generation=1,
            created=work.now,
            granted=row["labels"],
            channel=row["channel"],
            binding=row["binding"],
            licence=row["licence"],
        )
        work.journal("agent.activated", None, agent, name=name, token=token_hash[:REF], address=address)
    else:
        agent = row["agent"]
    found = work.tx.one("agent", id=agent)
    assert found is not None
    return record(Agent, found)


def _against(row: Row | None, public_key: str, address: str, now: int) -> str:
    """Why a token makes no agent for this key; empty when it does, or has done so a moment ago."""
    if row is None:
        return "unknown"
    if row["used_at"] is not None:
        again = row["used_key"] == public_key and now - row["used_at"] <= AGAIN_MS
        return "" if again else "used"
    state = state_of(used=None, revoked=row["revoked"], expires=row["expires"], now=now)
    if state != "ready":
        return state
    return "" if within(address, row["network"]) else "address"


def revoke(work: Work, ref: str, by: str) -> Token:
    """Makes a token worthless. Raises: NotFound, Conflict when it was used or revoked before."""
    start = f"{ref}%" if len(ref) >= 6 and ref.isalnum() else "-"
    row = work.tx.one("token_named", start=start, label=ref or "-")
    if row is None:
        raise NotFound(f"no token {ref!r}", hint="`paddock token list` lists them")
    if not work.tx.run("revoke_token", hash=row["hash"], now=work.now):
        state = state_of(used=row["used_at"], revoked=row["revoked"], expires=row["expires"], now=work.now)
        hint = "its agent can be drained or quarantined" if row["used_at"] is not None else ""
        raise Conflict(f"token {row['hash'][:REF]} is {state} already", hint=hint)
    work.journal("token.revoked", None, None, token=row["hash"][:REF], label=row["label"], by=by)
    found = work.tx.one("token", hash=row["hash"])
    assert found is not None
    return record(Token, found)

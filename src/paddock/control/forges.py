"""A project's forge as people set and see it, and the secrets that belong to it."""

import base64
import hashlib
import hmac
import secrets
from typing import Any

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from paddock.control.forge_local import Local
from paddock.control.limits import MAX_NAME, fields, text
from paddock.control.plane import PROJECTS, Control
from paddock.core.errors import BadInput, NotFound
from paddock.core.limits import NEVER
from paddock.forges import link
from paddock.forges.connect import Place, connect, parse, verify_webhook
from paddock.forges.errors import BadWebhook
from paddock.forges.quota import Quota
from paddock.forges.signed import SHORTEST
from paddock.store.forging import ForgeRow, Intent

View = dict[str, Any]
MAX_TOKEN = 4_096
MOST_PEOPLE = 1_000
MOST_SHOWN = 200


def seal(control: Control, project: str, what: str, secret: str) -> str:
    """A secret as the store keeps it: only who holds the control plane's keys can read it, and only in its place."""
    made = _box(control).encrypt(f"{project}\0{what}\0{secret}".encode())
    return base64.b64encode(bytes(made)).decode()


def unseal(control: Control, project: str, what: str, sealed: str) -> str:
    """Raises: BadInput where it was sealed with other keys, or for another place."""
    try:
        plain = _box(control).decrypt(base64.b64decode(sealed)).decode()
    except (CryptoError, ValueError):
        plain = ""
    place, _, secret = plain.rpartition("\0")
    if place != f"{project}\0{what}":
        raise BadInput(
            f"the {what} of {project}'s forge was sealed with other keys",
            hint=f"`paddock project forge {project} --forge-token-file FILE` sets it anew",
        )
    return secret


def _box(control: Control) -> SecretBox:
    # Of the secrets that every control plane of a store has, the one that outlives all keys and is shown to nobody.
    return SecretBox(hmac.digest(control.keys.rolling, b"forge", hashlib.sha256))


async def row_of(control: Control, project: str) -> ForgeRow:
    """Raises: NotFound for a project without a forge."""
    await control.store.project(project)
    for row in await control.store.forges():
        if row.project == project:
            return row
    raise NotFound(f"project {project!r} has no forge", hint=f"`paddock project forge {project} --forge github:…`")


async def set_forge(control: Control, project: str, raw: object) -> View:
    """Sets or changes a project's forge; what is left out stays. The forge is asked whom the token belongs to.

    `webhook_secret` is in the answer when it was made anew, and never again.
    Raises: BadInput naming the field, NotFound, ForgeError.
    """
    given = fields(raw, "forge", "token", "secret", "merge", "people", "by")
    await control.store.project(project)
    old = next((row for row in await control.store.forges() if row.project == project), None)
    place = _place(given, old)
    # A token is shown to the forge that it was given for, and to no other.
    token = _token(control, given, project, old if old and old.base == place.base else None)
    secret, made = _secret(control, given, project, old)
    async with link.new_client() as client:
        forge = connect(client, place, token, Quota(), control.clock.now)
        login = await forge.whoami()
    row = ForgeRow(
        project=project,
        kind=place.kind,
        base=place.base,
        repo=place.repo,
        account=hashlib.sha256(f"{place.base}\0{token}".encode()).hexdigest()[:24],
        login=login,
        token=seal(control, project, "token", token),
        secret=seal(control, project, "secret", secret),
        merges=_merges(given, old),
        people=_people(given, old),
        by=text(given, "by", MAX_NAME) or "somebody",
    )
    await control.store.set_forge(row, control.clock.now())
    control.bus.news(PROJECTS)
    control.stir()
    return {**await show(control, project), **({"webhook_secret": secret} if made else {})}


def _place(given: View, old: ForgeRow | None) -> Place:
    address = text(given, "forge", 1_000)
    if address:
        return parse(address)
    if old is None:
        raise BadInput("forge: expected the repository there", hint="such as github:owner/name", where="forge")
    return Place(kind=old.kind, base=old.base, repo=old.repo)


def _token(control: Control, given: View, project: str, old: ForgeRow | None) -> str:
    token = text(given, "token", MAX_TOKEN).strip()
    if token:
        if not token.isascii() or not token.isprintable() or " " in token:
            raise BadInput("token: it has signs that no token has", where="token")
        return token
    if old is None:
        raise BadInput("token: expected the forge's token", hint="--forge-token-file FILE", where="token")
    return unseal(control, project, "token", old.token)


def _secret(control: Control, given: View, project: str, old: ForgeRow | None) -> tuple[str, bool]:
    secret = text(given, "secret", MAX_TOKEN).strip()
    if secret and (len(secret) < SHORTEST or not secret.isascii()):
        raise BadInput(f"secret: at least {SHORTEST} plain characters", where="secret")
    if secret:
        return secret, False
    if old is not None:
        return unseal(control, project, "secret", old.secret), False
    return secrets.token_urlsafe(32), True


def _merges(given: View, old: ForgeRow | None) -> bool:
    merge = given.get("merge")
    if merge is None:
        return old.merges if old else False
    if merge not in ("queue", "forge"):
        raise BadInput("merge: expected queue or forge", where="merge")
    return bool(merge == "forge")


def _people(given: View, old: ForgeRow | None) -> dict[str, str]:
    people = given.get("people")
    if people is None:
        return old.people if old else {}
    fits = isinstance(people, dict) and len(people) <= MOST_PEOPLE
    if not fits or not all(
        isinstance(one, str) and 0 < len(one) <= MAX_NAME for pair in people.items() for one in pair
    ):
        raise BadInput("people: expected a mapping of logins there to persons here", where="people")
    return dict(people)


async def remove_forge(control: Control, project: str, raw: object) -> View:
    """Changes are shown there no more. Raises: NotFound."""
    by = text(fields(raw, "by"), "by", MAX_NAME) or "somebody"
    await control.store.remove_forge(project, by, control.clock.now())
    control.bus.news(PROJECTS)
    control.stir()
    return {"project": project, "removed": True}


async def show(control: Control, project: str) -> View:
    """A project's forge, what is to be done there, and what may still be asked of it. Raises: NotFound."""
    row = await row_of(control, project)
    quota = (await control.store.forge_quotas()).get(row.account, {})
    place = Place(kind=row.kind, base=row.base, repo=row.repo)
    return {
        "project": project,
        "forge": place.shown,
        "api": row.base,
        "login": row.login,
        "merge": "forge" if row.merges else "queue",
        "people": row.people,
        "by": row.by,
        "updated": row.updated,
        "webhook": f"/v1/forges/{project}/webhook",
        "heard": row.heard or None,
        "quota": quota,
        "work": [intent_view(one) for one in await control.store.forge_intents(project, MOST_SHOWN)],
    }


def intent_view(one: Intent) -> View:
    """One thing to do there, or done."""
    return {
        "id": one.id,
        "what": one.what,
        "change": one.change,
        "done": not one.live,
        "state": one.shown.state,
        "number": one.number,
        "url": one.url,
        "tries": one.tries,
        "trouble": one.trouble,
        "due": None if one.due >= NEVER or not one.live else one.due,
    }


async def comment(control: Control, ref: str, raw: object) -> View:
    """Says something of a change; on its forge too where it has one. Raises: BadInput, NotFound."""
    given = fields(raw, "by", "text")
    by, said = text(given, "by", MAX_NAME), text(given, "text", 16_000).strip()
    if not by or not said:
        raise BadInput("expected by and text, both with something in them")
    change = await control.store.change(ref)
    forged = any(row.project == change.project for row in await control.store.forges())
    now = control.clock.now()
    view: View = {"change": change.id, "by": by, "text": said, "forge": None}
    if forged:
        intent = await control.store.forge_ask("comment", "", change.id, said, by, now)
        view["forge"] = intent_view(intent)
    await Local(control, change.project, by).comment(change.id, said, "", look=False)
    control.stir()
    return view


async def file_finding(control: Control, ref: str, raw: object) -> View:
    """Files a finding as an issue on its project's forge, once. Raises: BadInput without a forge, NotFound."""
    by = text(fields(raw, "by"), "by", MAX_NAME) or "somebody"
    found = await control.store.finding(ref)
    intent = await control.store.forge_ask("issue", found.id, found.change, "", by, control.clock.now())
    control.stir()
    return {"finding": found.id, **intent_view(intent)}


async def webhook(control: Control, project: str, headers: dict[str, str], body: bytes) -> View:
    """Takes a webhook up: it says where to look and is believed in nothing else.

    Raises: BadWebhook, the same for what is not signed, for a project without a forge and for one that is not there.
    """
    row = next((row for row in await control.store.forges() if row.project == project), None)
    secret = unseal(control, project, "secret", row.secret) if row else ""
    heard = verify_webhook(row.kind if row else "github", headers, body, secret)
    if row is None:
        raise BadWebhook()
    digest = hashlib.sha256(f"{project}\0".encode() + body).hexdigest()
    fresh = await control.store.forge_heard(project, digest, heard.number, control.clock.now())
    control.bus.news()
    return {"ok": True, "known": not fresh}

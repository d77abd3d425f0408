"""People: added, given roles, disabled; links by which they set their passwords."""

from paddock.core.errors import Conflict, NotFound, Refused, Unauthorised
from paddock.core.people import Role
from paddock.store.ops.work import Work, record
from paddock.store.people import Person
from paddock.store.statements import Tx

# Logins under way at a provider that are kept at most.
MOST_KEPT = 10_000


class LinkNotGood(Unauthorised):
    """The link is not good: it was used, is too old, or never was one."""

    code = "link_not_good"
    hint = "ask for a new one: `paddock people link NAME`; a control plane without an owner prints one when it starts"


def find(tx: Tx, ref: str) -> Person:
    """Raises: NotFound."""
    row = tx.one("person", ref=ref)
    if row is None:
        raise NotFound(f"there is nobody named {ref[:80]!r}", hint="`paddock people list` lists people")
    return record(Person, row)


def _add(work: Work, name: str, role: Role, password: str | None, subject: str | None) -> Person:
    if work.tx.one("person", ref=name) is not None:
        raise Conflict(f"there is somebody named {name!r} already")
    new = work.new_id("u")
    work.tx.run("add_person", id=new, name=name, role=role, password=password, subject=subject, now=work.now)
    work.journal("person.added", person=name, role=role)
    return find(work.tx, new)


def add(work: Work, name: str, role: Role, link: str, expires: int) -> Person:
    """Somebody new, with a link to set a password with. Raises: Conflict."""
    person = _add(work, name, role, None, None)
    work.tx.run("add_one_time", hash=link, kind="link", person=person.id, kept="", expires=expires)
    return person


def of_subject(work: Work, subject: str, name: str, role: Role) -> Person:
    """Whom a provider means. A name is never enough to become somebody who is there already."""
    row = work.tx.one("person_of_subject", subject=subject)
    if row is None:
        return _add(work, name, role, None, subject)
    person = record(Person, row)
    if person.disabled is not None:
        raise Refused(f"{person.name} is disabled")
    return person if person.role is role else set_role(work, person.id, role)


def set_role(work: Work, ref: str, role: Role) -> Person:
    """Raises: NotFound, Conflict."""
    person = find(work.tx, ref)
    if role is not Role.OWNER:
        _keep_an_owner(work, person)
    if role is not person.role:
        work.tx.run("set_person_role", id=person.id, role=role)
        work.journal("person.role", person=person.name, role=role, before=person.role)
    return find(work.tx, person.id)


def _keep_an_owner(work: Work, person: Person) -> None:
    if person.role is Role.OWNER and person.disabled is None and not work.tx.value("owners", besides=person.id):
        raise Conflict(f"{person.name} is the only owner", hint="make somebody else an owner first")


def set_disabled(work: Work, ref: str, disabled: bool) -> Person:
    """Raises: NotFound, Conflict."""
    person = find(work.tx, ref)
    if disabled == (person.disabled is not None):
        return person
    if disabled:
        _keep_an_owner(work, person)
        work.tx.run("end_logins", person=person.id, start="%")
        work.tx.run("revoke_api_tokens", person=person.id, now=work.now)
        work.tx.run("drop_links", kind="link", person=person.id)
    work.tx.run("set_person_disabled", id=person.id, disabled=work.now if disabled else None)
    work.journal("person.disabled" if disabled else "person.enabled", person=person.name)
    return find(work.tx, person.id)


def add_link(work: Work, ref: str, link: str, expires: int) -> Person:
    """Raises: NotFound, Conflict."""
    person = find(work.tx, ref)
    if person.subject is not None or person.disabled is not None:
        how = "logs in at a provider" if person.subject is not None else "is disabled"
        raise Conflict(f"{person.name} {how} and has no password here")
    work.tx.run("drop_links", kind="link", person=person.id)
    work.tx.run("add_one_time", hash=link, kind="link", person=person.id, kept="", expires=expires)
    work.journal("person.link", person=person.name)
    return person


def offer_setup(work: Work, link: str, expires: int) -> bool:
    """Keeps a link for the first owner, if there is none."""
    if work.tx.value("owners", besides=""):
        return False
    work.tx.run("add_one_time", hash=link, kind="setup", person=None, kept="", expires=expires)
    return True


def link_of(tx: Tx, link: str, now: int) -> str | None:
    """Whose a link is."""
    row = tx.one("one_time", hash=link, now=now)
    if row is None or row["kind"] not in ("setup", "link"):
        return None
    if row["kind"] == "link":
        return find(tx, row["person"]).name
    return None if tx.value("owners", besides="") else ""


def set_up(work: Work, link: str, name: str, password: str) -> Person:
    """Redeems a link. Raises: LinkNotGood, Conflict."""
    if link_of(work.tx, link, work.now) is None:
        raise LinkNotGood
    row = work.tx.one("one_time", hash=link, now=work.now)
    assert row is not None
    if row["kind"] == "setup":
        person = _add(work, name, Role.OWNER, password, None)
        work.tx.run("drop_setup_links")
    else:
        person = find(work.tx, row["person"])
        work.tx.run("set_person_password", id=person.id, password=password)
        work.tx.run("drop_one_time", hash=link)
    work.tx.run("end_logins", person=person.id, start="%")
    work.journal("person.password", person=person.name)
    return find(work.tx, person.id)


def keep_once(work: Work, digest: str, kept: str, expires: int) -> None:
    """Keeps a text until it is taken; of too many the oldest go."""
    work.tx.run("sweep_one_time", now=work.now, most=MOST_KEPT)
    work.tx.run("add_one_time", hash=digest, kind="kept", person=None, kept=kept, expires=expires)


def take_once(work: Work, digest: str) -> str | None:
    """What was kept, for the first who asks."""
    row = work.tx.one("one_time", hash=digest, now=work.now)
    if row is None or row["kind"] != "kept":
        return None
    work.tx.run("drop_one_time", hash=digest)
    return str(row["kept"])

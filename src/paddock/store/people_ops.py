"""The people's part of the contract over an engine."""

from collections.abc import Sequence

from paddock.core.people import SEEN_MS, Role
from paddock.store.operations import Operations
from paddock.store.ops import logins, people
from paddock.store.ops.work import Work, records
from paddock.store.people import ApiToken, Login, Person, Try


class PeopleOps(Operations):
    """See `PeopleStore`."""

    async def people(self) -> Sequence[Person]:
        return records(Person, await self._read(lambda tx: tx.all("people")))

    async def person(self, ref: str) -> Person:
        return await self._read(lambda tx: people.find(tx, ref))

    async def add_person(self, name: str, role: Role, link: str, expires: int, now: int) -> Person:
        return await self._write(now, lambda work: people.add(work, name, role, link, expires))

    async def person_of(self, subject: str, name: str, role: Role, now: int) -> Person:
        return await self._write(now, lambda work: people.of_subject(work, subject, name, role))

    async def set_role(self, ref: str, role: Role, now: int) -> Person:
        return await self._write(now, lambda work: people.set_role(work, ref, role))

    async def set_disabled(self, ref: str, disabled: bool, now: int) -> Person:
        return await self._write(now, lambda work: people.set_disabled(work, ref, disabled))

    async def add_link(self, ref: str, link: str, expires: int, now: int) -> Person:
        return await self._write(now, lambda work: people.add_link(work, ref, link, expires))

    async def offer_setup(self, link: str, expires: int, now: int) -> bool:
        return await self._write(now, lambda work: people.offer_setup(work, link, expires))

    async def set_up(self, link: str, name: str, password: str, now: int) -> Person:
        return await self._write(now, lambda work: people.set_up(work, link, name, password))

    async def link_of(self, link: str, now: int) -> str | None:
        return await self._read(lambda tx: people.link_of(tx, link, now))

    async def try_login(self, tries: Sequence[Try], now: int) -> int:
        return await self._write(now, lambda work: logins.try_login(work, tries))

    async def open_login(self, login: Login, tries: Sequence[Try], instead_of: str, now: int) -> None:
        await self._write(now, lambda work: logins.open_login(work, login, tries, instead_of))

    async def login(self, digest: str, now: int) -> tuple[Login, Person] | None:
        found = await self._read(lambda tx: logins.login(tx, digest, now))
        if found is not None and now - found[0].seen > SEEN_MS:
            await self._write(now, lambda work: work.tx.run("see_login", hash=digest, now=now))
        return found

    async def prove(self, digest: str, new: str, tries: Sequence[Try], now: int) -> bool:
        return await self._write(now, lambda work: logins.prove(work, digest, new, tries))

    async def logins(self, person: str, now: int) -> Sequence[Login]:
        return records(Login, await self._read(lambda tx: tx.all("logins", person=person, now=now)))

    async def end_login(self, start: str, person: str, now: int) -> int:
        return await self._write(now, lambda work: logins.end(work, start, person))

    async def add_api_token(self, token: ApiToken) -> None:
        await self._write(token.created, lambda work: logins.add_token(work, token))

    async def api_token(self, digest: str, now: int) -> tuple[ApiToken, Person] | None:
        found = await self._read(lambda tx: logins.api_token(tx, digest, now))
        if found is not None and now - (found[0].seen or 0) > SEEN_MS:
            await self._write(now, lambda work: work.tx.run("see_api_token", hash=digest, now=now))
        return found

    async def api_tokens(self, person: str) -> Sequence[ApiToken]:
        return records(ApiToken, await self._read(lambda tx: tx.all("api_tokens", person=person)))

    async def revoke_api_token(self, ref: str, person: str, now: int) -> ApiToken:
        return await self._write(now, lambda work: logins.revoke_token(work, ref, person))

    async def keep_once(self, digest: str, kept: str, expires: int, now: int) -> None:
        await self._write(now, lambda work: people.keep_once(work, digest, kept, expires))

    async def take_once(self, digest: str, now: int) -> str | None:
        def op(work: Work) -> str | None:
            return people.take_once(work, digest)

        return await self._write(now, op)

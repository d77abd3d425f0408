"""People at a control plane's door: raw requests, as a browser, a program or an attacker makes them."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paddock.control.door import Door
from paddock.control.passwords import Passwords
from paddock.control.people import offer_setup
from ui.fleet import House

PASSWORD = "correct horse battery"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str
    cookies: dict[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.json()["error"]["code"])


def let_in(house: House, **more: Any) -> Door:
    """Has people log in at a served control plane; their passwords cost little, as in a test they may."""
    door = Door(people=True, public=house.url, passwords=Passwords(passes=1, kib=64), **more)
    house.control.door = door
    return door


@dataclass
class Guest:
    """Somebody with a cookie jar. `near` sends what a browser sends from a page of the control plane's own."""

    house: House
    cookies: dict[str, str] = field(default_factory=dict)
    bearer: str = ""
    near: bool = True

    def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None, raw: bytes = b""
    ) -> Answer:
        """One request; cookies that come back are kept."""
        link = http.client.HTTPConnection("127.0.0.1", self.house.port, timeout=30)
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        if self.bearer:
            sent["Authorization"] = f"Bearer {self.bearer}"
        if method != "GET":
            sent["Content-Type"] = "application/json"
            sent |= {"Sec-Fetch-Site": "same-origin", "Origin": self.house.url} if self.near else {}
        given = {**sent, **(headers or {})}
        data = raw or (json.dumps({} if body is None else body).encode() if method != "GET" else None)
        try:
            link.request(method, path, data, {name: value for name, value in given.items() if value})
            got = link.getresponse()
            answer = Answer(got.status, {k.lower(): v for k, v in got.getheaders()}, got.read().decode())
            for line in got.headers.get_all("set-cookie") or []:
                name, _, value = line.partition(";")[0].partition("=")
                answer.cookies[name] = line
                self.cookies.pop(name, None)
                if value.strip('"'):
                    self.cookies[name] = value
            return answer
        finally:
            link.close()

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, body: object = None, **headers: str) -> Answer:
        return self.ask("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def log_in(self, name: str, password: str = PASSWORD, **more: object) -> Answer:
        return self.post("/v1/login", {"name": name, "password": password, **more})


def owner(house: House, name: str = "ann") -> Guest:
    """The first owner, logged in."""
    link = house.do(offer_setup(house.control))
    guest = Guest(house)
    assert guest.post("/v1/set-up", {"link": link, "name": name, "password": PASSWORD}).status == 201
    assert guest.log_in(name).status == 200
    return guest


def person(boss: Guest, name: str, role: str) -> Guest:
    """Somebody with a role, logged in."""
    made = boss.post("/v1/people", {"name": name, "role": role})
    assert made.status == 201, made.text
    guest = Guest(boss.house)
    link = made.json()["link"].partition("#")[2]
    assert guest.post("/v1/set-up", {"link": link, "password": PASSWORD}).status == 201
    assert guest.log_in(name).status == 200
    return guest

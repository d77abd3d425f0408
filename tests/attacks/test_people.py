"""Those who want in, and those who want more than they have. Each test names what the attacker tries."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers

from paddock.control.passwords import Passwords
from paddock.core import people
from paddock.core.people import MINUTE_MS, PROOF_MS, SESSION_MS, May, Role, way_on
from paddock.web import api, pages
from paddock.web.identity import came_from
from support.guests import PASSWORD, Guest, let_in, owner, person
from ui.fleet import House, house


class Scene:
    """One control plane with an owner and one person of each role, logged in; its clock is the test's to move."""

    def __init__(self, made: House) -> None:
        self.house = made
        self.door = let_in(made)
        self.ann = owner(made)
        self.guests = {role: person(self.ann, f"some-{role}", role) for role in Role}

    def later(self, ms: int) -> None:
        """Moves the control plane's clock on."""
        clock = self.house.control.clock
        before = clock.now
        clock.now = lambda: before() + ms  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with house(Path(tmp_path_factory.mktemp("people")) / "home") as made:
        yield Scene(made)


def test_another_origin_changes_nothing(scene: Scene) -> None:
    """CSRF: forms, fetches and sockets of another site, with the victim's cookie."""
    victim, before = scene.guests[Role.OPERATOR], scene.ann.get("/v1/limits").text
    limit = {"name": "forged", "running": 1}
    for forged in (
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": ""},
        {"Sec-Fetch-Site": "cross-site", "Origin": ""},
        {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "", "Origin": "null"},
        {"Sec-Fetch-Site": "", "Origin": f"{scene.house.url}.evil.example"},
        {"Sec-Fetch-Site": "", "Origin": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
    ):
        answer = victim.ask("POST", "/v1/limits", limit, forged)
        assert (answer.status, answer.code) == (403, "cross_site"), forged
    for method in ("PUT", "DELETE"):
        answer = victim.ask(method, "/v1/state/project/shop/k", raw=b"v", headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.code == "cross_site"
    assert scene.ann.get("/v1/limits").text == before
    # Whoever logs somebody in under another name reads what they then write.
    assert Guest(scene.house).ask("POST", "/v1/login", {}, {"Sec-Fetch-Site": "cross-site"}).code == "cross_site"
    handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "https://evil.example"}
    assert victim.ask("GET", "/v1/events.ws", headers=handshake).status in (400, 403, 404)


def test_a_foreign_host_name_gets_nothing(scene: Scene) -> None:
    """Host header: a name that was rebound to this address, and the public one's look-alikes."""
    for host in ("evil.example", "127.0.0.1.evil.example", f"evil.example:{scene.house.port}", "", "127.0.0.1@evil"):
        answer = scene.ann.ask("GET", "/v1/people", headers={"Host": host or " "})
        assert answer.status in (400, 403), host
    link = scene.ann.ask("POST", "/v1/people", {"name": "zoe"}, {"X-Forwarded-Host": "evil.example"}).json()["link"]
    assert link.startswith(scene.house.url), "links name the address of the settings, whatever a request says"


def test_nobody_and_every_role_meet_the_permission_of_every_route(scene: Scene) -> None:
    """IDOR over the route table: each address, asked by nobody, by each role and by a token that may only read."""
    minted = scene.ann.post("/v1/api-tokens", {"label": "reader", "scopes": ["read"]}).json()["token"]
    reader = Guest(scene.house, bearer=minted, near=False)
    asked: dict[str | None, Guest] = {None: Guest(scene.house), "token": reader}
    asked |= {str(role): guest for role, guest in scene.guests.items()}
    wide: dict[str | None, Any] = {None: {May.ANYBODY}, "token": {May.ANYBODY, May.READ}}
    wide |= {str(role): may for role, may in people.ALLOWED.items()}
    for endpoint in api.ENDPOINTS:
        if endpoint.may is May.ANYBODY:
            continue
        path = endpoint.path.replace("{ref}", "x").replace("{key:path}", "k").replace("{sha256}", "0" * 64)
        path = path.replace("{space}", "job").replace("{owner}", "x").replace("{position}", "1").replace("{group}", "g")
        for who, guest in asked.items():
            if endpoint.may not in wide[who]:
                answer = guest.ask(endpoint.method, path)
                assert (answer.status, answer.code) == ((401, "login_needed") if who is None else (403, "not_allowed"))
    for page in pages.PAGES:
        for who, guest in asked.items():
            if page.may not in wide[who]:
                path, twin = page.path.replace("{ref}", "x"), page.twin.replace("{ref}", "x")
                assert (guest.get(path).status, guest.get(twin).status) == ((303, 401) if who is None else (403, 403))


def test_a_session_is_never_one_that_somebody_else_chose(scene: Scene) -> None:
    """Session fixation: a planted cookie, a session of before the login, one kind of secret in place of another."""
    planted = {"paddock": "pds_chosen-by-the-attacker"}
    guest = Guest(scene.house, cookies=dict(planted))
    assert guest.log_in("some-viewer").status == 200
    first = guest.cookies["paddock"]
    assert first != planted["paddock"] and "HttpOnly" in guest.log_in("some-viewer").cookies["paddock"]
    assert guest.cookies["paddock"] != first
    assert Guest(scene.house, cookies={"paddock": first}).get("/v1/fleet").status == 401, "the one before is over"
    assert Guest(scene.house, bearer=guest.cookies["paddock"]).get("/v1/fleet").status == 401, "a cookie is no bearer"
    session = Guest(scene.house).log_in("some-viewer", kind="cli").json()["session"]
    assert Guest(scene.house, cookies={"paddock": session}).get("/v1/fleet").status == 401, "a bearer is no cookie"
    assert Guest(scene.house, bearer=session).get("/v1/fleet").status == 200
    before = guest.cookies["paddock"]
    assert guest.post("/v1/proof", {"password": PASSWORD}).status == 200
    assert guest.cookies["paddock"] != before and Guest(scene.house, {"paddock": before}).get("/v1/fleet").status == 401
    kept = dict(guest.cookies)
    assert guest.post("/v1/logout").status == 200 and not guest.cookies
    assert Guest(scene.house, cookies=kept).get("/v1/fleet").status == 401, "a logout is one"


def test_a_token_never_becomes_more(scene: Scene) -> None:
    """Scope escalation: more than its owner, more than it was given, another token, its owner's later loss."""
    someone = person(scene.ann, "eve", Role.OPERATOR)
    for wanted in (
        ["tokens"],
        ["read", "security"],
        ["people"],
        ["own"],
        ["anybody"],
        ["owner"],
        [],
        ["read"] * 99,
        [7],
    ):
        assert someone.post("/v1/api-tokens", {"scopes": wanted}).status in (400, 403), wanted
    token = someone.post("/v1/api-tokens", {"scopes": ["read", "work", "review"], "label": "ci"}).json()["token"]
    program = Guest(scene.house, bearer=token, near=False)
    assert program.get("/v1/me").json()["allowed"] == ["anybody", "read", "review", "work"]
    for path, body in (
        ("/v1/api-tokens", {"scopes": ["read"]}),
        ("/v1/tokens", {}),
        ("/v1/people", {"name": "mallory", "role": "owner"}),
        ("/v1/people/eve/role", {"role": "owner"}),
        ("/v1/proof", {"password": PASSWORD}),
    ):
        assert program.post(path, body).code == "not_allowed", path
    assert scene.ann.post("/v1/people/eve/role", {"role": "viewer"}).status == 200
    assert program.get("/v1/me").json()["allowed"] == ["anybody", "read"], "at once"
    assert someone.post("/v1/limits", {}).code == "not_allowed"
    assert scene.ann.post("/v1/people/eve/disable").status == 200
    assert program.get("/v1/fleet").status == someone.get("/v1/fleet").status == 401
    assert Guest(scene.house).log_in("eve").code == "login_failed"


def test_a_lock_is_not_slipped_past(scene: Scene) -> None:
    """Lockout bypass: many at once, another case, another address in a header, waiting out, a right one in between."""
    person(scene.ann, "tom", Role.VIEWER)
    tried = [Guest(scene.house).log_in("tom", "wrong-password") for _ in range(5)]
    assert [answer.code for answer in tried] == ["login_failed"] * 5
    locked = Guest(scene.house).log_in("tom")
    assert (locked.status, locked.code) == (429, "too_many_tries") and 0 < int(locked.headers["retry-after"]) <= 60
    elsewhere = Guest(scene.house).post("/v1/login", {"name": "tom", "password": PASSWORD}, X_Forwarded_For="8.8.8.8")
    assert elsewhere.status == 429, "nobody is believed about where he is"
    assert Guest(scene.house).log_in("TOM").code == "login_failed"
    unknown = [Guest(scene.house).log_in("no-such-name", "x").status for _ in range(6)]
    assert unknown == [401] * 5 + [429], "a name that nobody has locks as any other"
    assert Guest(scene.house).log_in("some-viewer").status == 200, "others come in"


def test_a_proxy_is_believed_and_nobody_else(scene: Scene) -> None:
    """The address that tries count towards: what a client says of itself is no address."""

    def address(client: str, said: str, *proxies: str) -> str:
        scene.door.proxies = proxies
        headers = Headers({"x-forwarded-for": said} if said else {})
        return came_from({"type": "http", "client": (client, 1)}, headers, scene.door).address

    try:
        assert address("10.0.0.7", "1.2.3.4") == "10.0.0.7"
        assert address("10.0.0.7", "6.6.6.6, 1.2.3.4", "10.0.0.0/28") == "1.2.3.4", "the client wrote the first"
        assert address("10.0.0.7", "1.2.3.4, 10.0.0.8", "10.0.0.0/28") == "1.2.3.4"
        assert address("9.9.9.9", "1.2.3.4", "10.0.0.0/28") == "9.9.9.9"
    finally:
        scene.door.proxies = ()


async def test_an_unknown_name_costs_what_a_wrong_password_costs() -> None:
    """Timing: by construction. Whoever it is, one password is verified against one hash of the same cost."""
    seen: list[tuple[str, bool]] = []

    class Seen(Passwords):
        def _verify(self, kept: str, password: str) -> bool:
            seen.append((kept.rpartition("$")[0].rpartition("$")[0], password == PASSWORD))
            return super()._verify(kept, password)

    passwords = Seen(passes=1, kib=64)
    kept = await passwords.hash(PASSWORD)
    assert not await passwords.verify(None, PASSWORD)
    assert not await passwords.verify(kept, "another")
    assert await passwords.verify(kept, PASSWORD)
    passwords.close()
    assert [same for _, same in seen] == [True, False, True] and len({cost for cost, _ in seen}) == 1


def test_nobody_is_sent_elsewhere_after_a_login(scene: Scene) -> None:
    """Open redirect: whatever `next` says, the way goes on here."""
    hostile = [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil",
        "/\t/evil",
        "javascript:alert(1)",
    ]
    for way in [*hostile, "", "/ok\r\nLocation: x", "///evil", None, 7, "/" * 600]:
        assert way_on(way) == "/", way
        if isinstance(way, str):
            assert Guest(scene.house).log_in("some-viewer", next=way).json()["go"] == "/"
    assert way_on("/jobs?state=open") == "/jobs?state=open"
    page = Guest(scene.house).get("/jobs/x?epoch=1")
    assert (page.status, page.headers["location"]) == (303, "/login?next=%2Fjobs%2Fx%3Fepoch%3D1")
    assert 'data-go="/"' in Guest(scene.house).get("/login?next=//evil.example").text


def test_what_is_dangerous_takes_the_password_again(scene: Scene) -> None:
    """Step-up: a session left open mints nothing; and it ends, whoever sits there."""
    with house(scene.house.home.parent / "later") as made:
        alone = Scene.__new__(Scene)
        alone.house, alone.door = made, let_in(made)
        ann = owner(made)
        alone.later(PROOF_MS + 1_000)
        for path, body in (
            ("/v1/tokens", {}),
            ("/v1/api-tokens", {}),
            ("/v1/people", {"name": "eve"}),
            ("/v1/people/ann/role", {"role": "owner"}),
            ("/v1/anomalies/x/resolve", {}),
        ):
            assert ann.post(path, body).code == "proof_needed", path
        assert ann.get("/v1/people").status == 200
        assert ann.post("/v1/proof", {"password": "not the password"}).code == "login_failed"
        assert ann.post("/v1/proof", {"password": PASSWORD}).status == 200
        assert ann.post("/v1/tokens", {}).status == 201
        for _ in range(4):
            ann.post("/v1/proof", {"password": "not the password"})
        assert ann.post("/v1/proof", {"password": "not the password"}).status == 401
        assert ann.post("/v1/proof", {"password": PASSWORD}).code == "too_many_tries", "a proof is no way to guess"
        alone.later(31 * MINUTE_MS)
        assert ann.get("/v1/fleet").status == 401, "idle"
        assert ann.log_in("ann").status == 200
        for _ in range(SESSION_MS // (20 * MINUTE_MS) - 1):
            alone.later(20 * MINUTE_MS)
            assert ann.get("/v1/fleet").status == 200
        alone.later(20 * MINUTE_MS)
        assert ann.get("/v1/fleet").status == 401, "too old, however busy"


def test_the_journal_names_who_did_it_and_nobody_another(scene: Scene) -> None:
    """A forged name in a body: whoever is logged in decides by their own."""
    hand_made = scene.guests[Role.OPERATOR]
    made: Any = scene.ann.post("/v1/projects", {"name": "named", "repo": "/srv/git/named.git", "branch": "main"})
    assert made.status == 200
    assert hand_made.post("/v1/projects/named/pause", {"by": "ann", "note": "x"}).status == 200
    events = scene.ann.get("/v1/journal?limit=5000").json()
    by = {event["type"]: event["data"].get("by") for event in events}
    assert (by["project.paused"], by["project.added"]) == ("some-operator", "ann")
    assert by["person.added"] == "ann" and PASSWORD not in str(events)
    assert not any(secret in str(events) for secret in ("pds_", "pdt_", "$argon2"))

"""Logins at a real OpenID provider, written with Authlib's server side; then everything that one must not believe."""

import base64
import hashlib
import hmac
import io
import json
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from werkzeug.serving import make_server

from paddock.control.oidc import NotVouched, Provider, _verified
from paddock.core.people import Role
from support.guests import Guest, let_in, owner
from ui.fleet import House, house

# The provider's own library warns of what becomes of it one day.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
USERS = {
    "1": {"preferred_username": "Bob", "groups": ["staff", "ops"]},
    "2": {"preferred_username": "ann", "groups": ["ops"]},
    "3": {"preferred_username": "eve", "groups": ["strangers"]},
}


class Idp:
    """The provider, with what its token endpoint was asked."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from oidc_provider_mock import User, app

            warnings.simplefilter("ignore")
            self._app = app(user_claims=[User(sub=sub, claims=claims) for sub, claims in USERS.items()])
        self.asked: list[dict[str, list[str]]] = []
        self._server = make_server("127.0.0.1", 0, self._hear, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def _hear(self, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        if environ["PATH_INFO"] == "/oauth2/token":
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            self.asked.append(parse_qs(body.decode()))
            environ["wsgi.input"] = io.BytesIO(body)
        return self._app(environ, start)

    def agree(self, url: str, sub: str) -> str:
        """What a person does on the provider's page; where it sends the browser back to."""
        answer = httpx2.post(url, data={"sub": sub})
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def idp() -> Iterator[Idp]:
    made = Idp()
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(idp: Idp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    roles = (("ops", Role.OPERATOR), ("staff", Role.VIEWER))
    with house(Path(tmp_path_factory.mktemp("oidc")) / "home") as made:
        let_in(made, provider=Provider(issuer=idp.url, client="paddock", secret="s", roles=roles))
        owner(made)
        yield made


def begin(house: House, way: str = "/jobs") -> tuple[Guest, str]:
    guest = Guest(house)
    answer = guest.get(f"/v1/oidc/login?{urlencode({'next': way})}")
    assert answer.status == 303 and "HttpOnly" in answer.cookies["paddock-oidc"]
    return guest, answer.headers["location"]


def back(guest: Guest, location: str) -> str:
    """The browser comes back; where it is sent on."""
    parts = urlsplit(location)
    answer = guest.ask("GET", f"{parts.path}?{parts.query}", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 303
    return answer.headers["location"]


def test_a_person_comes_in_by_a_provider(idp: Idp, served: House) -> None:
    guest, url = begin(served)
    asked = parse_qs(urlsplit(url).query)
    assert asked["redirect_uri"] == [f"{served.url}/v1/oidc/callback"] and asked["code_challenge_method"] == ["S256"]
    location = idp.agree(url, "1")
    assert back(guest, location) == "/jobs"
    [verifier] = idp.asked[-1]["code_verifier"]
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    assert asked["code_challenge"] == [challenge]
    me = guest.get("/v1/me").json()
    assert (me["name"], me["role"]) == ("bob", "operator")
    assert "paddock-oidc" not in guest.cookies
    replayed = Guest(served, cookies=dict(guest.cookies))
    assert back(replayed, location).startswith("/login?failed="), "what it was begun with is good once"
    assert Guest(served).log_in("bob").code == "login_failed", "there is no password"
    served.do(served.control.store.set_disabled("bob", True, served.control.clock.now()))
    guest, url = begin(served)
    assert "disabled" in back(guest, idp.agree(url, "1"))


def test_what_is_not_begun_here_does_not_end_here(idp: Idp, served: House) -> None:
    victim, url = begin(served)
    location = idp.agree(url, "2")
    # Another browser is to be logged in as somebody it is not.
    assert "not+begun+in+this+browser" in back(Guest(served), location)
    other, _ = begin(served)
    assert "begun+by+somebody+else" in back(other, location)
    mixed, url = begin(served)
    assert "did+not+agree" in back(mixed, idp.agree(url, "1") + "&iss=https%3A%2F%2Fevil.example")
    denied, url = begin(served)
    state = parse_qs(urlsplit(url).query)["state"][0]
    assert "did+not+agree" in back(denied, f"{served.url}/v1/oidc/callback?error=access_denied&state={state}")
    spent, url = begin(served)
    assert "did+not+take+the+code" in back(spent, f"{served.url}/v1/oidc/callback?code=made-up&state=" + _state(url))
    stranger, url = begin(served)
    assert "none+of+your+groups" in back(stranger, idp.agree(url, "3"))
    # A name of here is not taken over by whoever bears it there.
    assert "somebody+named+%27ann%27+already" in back(victim, location)
    astray, url = begin(served, "//evil.example")
    assert back(astray, idp.agree(url, "4")) != "//evil.example"
    guests = (victim, other, mixed, denied, spent, stranger, astray)
    assert not any(guest.cookies for guest in guests), "nobody of them is in"
    assert served.do(served.control.store.people())[0].name == "ann"


def _state(url: str) -> str:
    return parse_qs(urlsplit(url).query)["state"][0]


def test_a_word_that_does_not_hold_is_nobodys() -> None:
    key, other = RSAKey.generate_key(2048, {"kid": "a"}), RSAKey.generate_key(2048, {"kid": "a"})
    provider = Provider(issuer="https://id", client="paddock", secret="s", roles=(("*", Role.VIEWER),))
    told = {"jwks": KeySet([key]).as_dict(private=False)}
    now = int(time.time())
    good: dict[str, Any] = {
        "iss": "https://id",
        "aud": "paddock",
        "sub": "1",
        "nonce": "n",
        "iat": now,
        "exp": now + 60,
    }

    def verify(claims: dict[str, Any], by: Any = key, alg: str = "RS256") -> Any:
        word = jwt.encode({"alg": alg, "kid": "a"}, claims, by, algorithms=[alg])
        return _verified(word, provider, told, "n")

    assert verify(good)["sub"] == "1"
    for wrong in (
        {"iss": "https://evil"},
        {"aud": "another"},
        {"nonce": "m"},
        {"exp": now - 3_600},
        {"iat": now + 3_600},
        {"azp": "another"},
        {"sub": ""},
    ):
        with pytest.raises(NotVouched):
            verify({**good, **wrong})
    for missing in ("iss", "aud", "nonce", "sub", "exp", "iat"):
        with pytest.raises(NotVouched):
            verify({name: value for name, value in good.items() if name != missing})
    with pytest.raises(NotVouched):
        verify(good, other)
    # Signed with HMAC, for which the public key is the secret.
    parts = b".".join(
        base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in ({"alg": "HS256"}, good)
    )
    mac = base64.urlsafe_b64encode(hmac.digest(key.as_pem(private=False), parts, "sha256")).rstrip(b"=")
    with pytest.raises(NotVouched):
        _verified((parts + b"." + mac).decode(), provider, told, "n")
    head, body = (base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"none"}', b'{"sub":"1"}'))
    for word in (f"{head}.{body}.", "no.word", ""):
        with pytest.raises(NotVouched):
            _verified(word, provider, told, "n")

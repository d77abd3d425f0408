"""Logins at an OpenID provider: the authorization code flow with PKCE, its state kept once in the store."""

import json
import secrets
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from paddock.control import door
from paddock.control.door import BROWSER, From, digest
from paddock.core import people
from paddock.core.errors import BadInput, PaddockError, Unauthorised
from paddock.core.people import OIDC_MS, PROOF_MS, Role, way_on

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import AsyncOAuth2Client

    from paddock.control.plane import Control

# Seconds for the provider to answer, and for which its description is believed.
PATIENCE_S, FRESH_S = 10.0, 3_600.0
# Seconds by which clocks may differ.
LEEWAY_S = 60
# Only signatures that the provider alone can make: none is no signature, and HMAC has the client's secret for a key.
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")


class ProviderFailed(PaddockError):
    """The OpenID provider cannot be asked."""

    code = "provider_failed"
    status = 503
    retryable = True


class NotVouched(Unauthorised):
    """The OpenID provider does not vouch for this login."""

    code = "not_vouched"


@dataclass(kw_only=True)
class Provider:
    """One provider. `roles` are (group, role), the first that fits; the group `*` is everybody's."""

    issuer: str
    client: str
    secret: str
    roles: tuple[tuple[str, Role], ...]
    _known: dict[str, Any] | None = None
    _read: float = 0.0
    _tls: ssl.SSLContext | None = None

    @property
    def name(self) -> str:
        """What people know it by."""
        return urlsplit(self.issuer).hostname or self.issuer

    def role_of(self, groups: Any) -> Role | None:
        """The role of somebody in these groups; None when nobody let them in."""
        found = {group for group in groups if isinstance(group, str)} if isinstance(groups, list) else set()
        return next((role for group, role in self.roles if group == "*" or group in found), None)

    async def describe(self) -> dict[str, Any]:
        """What the provider says of itself and its keys. Raises: ProviderFailed."""
        if self._known is None or time.monotonic() - self._read > FRESH_S:
            from httpx2 import AsyncClient, HTTPError

            try:
                async with AsyncClient(timeout=PATIENCE_S, verify=self.tls()) as http:
                    told = (await http.get(f"{self.issuer}/.well-known/openid-configuration")).raise_for_status().json()
                    told["jwks"] = (await http.get(told["jwks_uri"])).raise_for_status().json()
            except (HTTPError, ValueError, KeyError, TypeError) as error:
                raise ProviderFailed(f"{self.name} cannot be asked: {type(error).__name__}") from None
            if told.get("issuer") != self.issuer:
                raise ProviderFailed(f"{self.name} says that it is somebody else")
            self._known, self._read = told, time.monotonic()
        return self._known

    def forget(self) -> None:
        """Has its keys read anew."""
        self._known = None

    def tls(self) -> ssl.SSLContext:
        """Whom to trust; reading that takes long, and is done once."""
        self._tls = self._tls or ssl.create_default_context()
        return self._tls

    def oauth(self, control: "Control") -> "AsyncOAuth2Client":
        """The client's side of the flow."""
        from authlib.integrations.httpx_client import AsyncOAuth2Client

        return AsyncOAuth2Client(
            self.client,
            self.secret,
            redirect_uri=f"{control.door.public}/v1/oidc/callback",
            code_challenge_method="S256",
            timeout=PATIENCE_S,
            verify=self.tls(),
        )


def provider_of(issuer: str, client: str, secret: str, roles: tuple[str, ...]) -> Provider | None:
    """The provider that the settings name; None when they name none. Raises: BadInput."""
    if not issuer:
        return None
    parts = urlsplit(issuer)
    near = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and near)):
        raise BadInput(f"--oidc-issuer: {issuer[:80]!r} is no https address")
    if not client:
        raise BadInput("--oidc-client: the provider has a name for this control plane, which is missing")
    if not roles:
        raise BadInput("--oidc-roles: nobody would be let in", hint="such as --oidc-roles staff=viewer,ops=operator")
    pairs = [(group, people.role(role)) for group, _, role in (one.rpartition("=") for one in roles)]
    return Provider(issuer=issuer.rstrip("/"), client=client, secret=secret, roles=tuple(pairs))


async def begin(control: "Control", way: str) -> tuple[str, str]:
    """Where to send a browser, and the secret that it brings back. Raises: BadInput, ProviderFailed."""
    provider = _provider(control)
    told = await provider.describe()
    secret, state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
    more = {"nonce": nonce, "code_verifier": verifier, "prompt": "login", "max_age": "0"}
    # Some providers tell groups only when asked, others refuse scopes that they do not know.
    groups = " groups" if "groups" in (told.get("scopes_supported") or ()) else ""
    async with provider.oauth(control) as client:
        scope = f"openid profile email{groups}"
        url, _ = client.create_authorization_url(told["authorization_endpoint"], state=state, scope=scope, **more)
    kept = json.dumps({"state": state, "nonce": nonce, "verifier": verifier, "way": way_on(way)})
    now = control.clock.now()
    await control.store.keep_once(digest(secret), kept, now + OIDC_MS, now)
    return url, secret


async def finish(
    control: "Control", secret: str, given: dict[str, str], came: From, instead_of: str
) -> tuple[str, str]:
    """A session for whom the provider vouches, and where to go on: (secret, way).

    Raises: NotVouched, ProviderFailed, Conflict, Refused.
    """
    provider = _provider(control)
    text = await control.store.take_once(digest(secret), control.clock.now()) if secret else None
    if text is None:
        raise NotVouched("this login was not begun in this browser, or too long ago")
    kept = json.loads(text)
    if not secrets.compare_digest(given.get("state", "").encode(), kept["state"].encode()):
        raise NotVouched("this login was begun by somebody else")
    # A provider that was mixed up with another one says so itself (RFC 9207).
    if given.get("error") or not given.get("code") or given.get("iss", provider.issuer) != provider.issuer:
        raise NotVouched(f"{provider.name} did not agree: {given.get('error', 'no code')[:60]}")
    claims = await _claims(control, provider, given["code"], kept)
    role = provider.role_of(claims.get("groups"))
    if role is None:
        raise NotVouched("none of your groups has a role here", hint="--oidc-roles names groups")
    name = people.name(str(claims.get("preferred_username") or claims.get("email") or claims["sub"]).lower())
    now = control.clock.now()
    person = await control.store.person_of(f"{provider.issuer}\n{claims['sub']}", name, role, now)
    seen = claims.get("auth_time")
    # A provider that does not say when it asked proves nothing for what is dangerous.
    age = max(0, now - int(seen) * 1_000) if isinstance(seen, int) else PROOF_MS + 1
    return await door.begin(control, person, BROWSER, came, (), instead_of, age), way_on(kept["way"])


async def _claims(control: "Control", provider: Provider, code: str, kept: dict[str, str]) -> dict[str, Any]:
    """What the provider's signed word says. Raises: NotVouched, ProviderFailed."""
    from authlib.common.errors import AuthlibBaseError
    from httpx2 import HTTPError

    told = await provider.describe()
    try:
        async with provider.oauth(control) as client:
            token = await client.fetch_token(told["token_endpoint"], code=code, code_verifier=kept["verifier"])
    except AuthlibBaseError as error:
        raise NotVouched(f"{provider.name} did not take the code: {error.error}") from None
    except HTTPError as error:
        raise ProviderFailed(f"{provider.name} cannot be asked: {type(error).__name__}") from None
    word = token.get("id_token")
    if not isinstance(word, str):
        raise NotVouched(f"{provider.name} says nothing about who it is")
    try:
        return _verified(word, provider, told, kept["nonce"])
    except NotVouched:
        provider.forget()  # its keys may be new; the next login reads them
        raise


def _verified(word: str, provider: Provider, told: dict[str, Any], nonce: str) -> dict[str, Any]:
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    wanted: dict[str, Any] = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client},
        "nonce": {"essential": True, "value": nonce},
        "sub": {"essential": True},
        "exp": {"essential": True},
        "iat": {"essential": True},
    }
    try:
        found = jwt.decode(word, KeySet.import_key_set(told["jwks"]), algorithms=list(ALGORITHMS))
        jwt.JWTClaimsRegistry(leeway=LEEWAY_S, **wanted).validate(found.claims)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise NotVouched(f"{provider.name}'s word does not hold: {type(error).__name__}") from None
    if found.claims.get("azp", provider.client) != provider.client:
        raise NotVouched(f"{provider.name} vouches to somebody else")
    return dict(found.claims)


def _provider(control: "Control") -> Provider:
    if control.door.provider is None:
        raise BadInput("no OpenID provider is set up here", hint="--oidc-issuer names one")
    return control.door.provider

"""Who people are to Paddock: roles, what each may do, and what a name, a password and a scope look like."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

from paddock.core.errors import BadInput, Refused, Unauthorised

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
# A session ends when nobody used it for so long, and at the latest so long after its login.
IDLE_MS = 30 * MINUTE_MS
SESSION_MS = 12 * HOUR_MS
# How long a proof of who someone is holds for what is dangerous.
PROOF_MS = 5 * MINUTE_MS
# How often at most a session's use is written down.
SEEN_MS = MINUTE_MS
LINK_MS = DAY_MS
# A login at a provider must end within this time.
OIDC_MS = 10 * MINUTE_MS
TOKEN_DAYS = 90
MOST_TOKEN_DAYS = 366
# Failed logins that are free, for one name and for one address; then each further round of as many waits longer.
NAME_TRIES, ADDRESS_TRIES = 5, 20
LONGEST_LOCK_MS = 15 * MINUTE_MS
FORGET_MS = HOUR_MS
# Rows that are kept of failed logins at most: whoever makes up names and addresses fills no disk.
MOST_TRIES = 10_000
LEAST_PASSWORD, MOST_PASSWORD = 10, 256
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,62}")


class May(StrEnum):
    """What somebody may do; every route and every page names one."""

    ANYBODY = "anybody"
    OWN = "own"
    READ = "read"
    WORK = "work"
    REVIEW = "review"
    FLEET = "fleet"
    RELEASES = "releases"
    TOKENS = "tokens"
    SECURITY = "security"
    PEOPLE = "people"


ABOUT: dict[May, str] = {
    May.ANYBODY: "what needs no login: the login itself, whether the control plane answers, its cards",
    May.OWN: "one's own sessions and API tokens",
    May.READ: "see everything but secrets",
    May.WORK: "submit, cancel, retry and schedule jobs; write state and topics",
    May.REVIEW: "approve and reject changes, dismiss findings",
    May.FLEET: "drain agents; projects, limits, shares and budgets",
    May.RELEASES: "start, pause and roll back releases",
    May.TOKENS: "mint and revoke activation tokens; licences",
    May.SECURITY: "resolve anomalies, quarantine and stop agents, rotate keys, seal the journal",
    May.PEOPLE: "add people, give roles, disable people",
}
# What an API token may be given: people manage people themselves, and no token makes another one.
SCOPES = tuple(may for may in May if may not in (May.ANYBODY, May.OWN, May.PEOPLE))


class Role(StrEnum):
    """A person's role."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    RELEASE_MANAGER = "release-manager"
    SECURITY_ADMIN = "security-admin"
    OWNER = "owner"


_VIEWER = frozenset({May.ANYBODY, May.OWN, May.READ})
_OPERATOR = _VIEWER | {May.WORK, May.REVIEW, May.FLEET}
ALLOWED: dict[Role, frozenset[May]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.RELEASE_MANAGER: _OPERATOR | {May.RELEASES},
    Role.SECURITY_ADMIN: _VIEWER | {May.FLEET, May.TOKENS, May.SECURITY},
    Role.OWNER: frozenset(May),
}


class LoginNeeded(Unauthorised):
    """Log in first."""

    code = "login_needed"
    hint = "log in at /login, or with `paddock login`; programs use an API token (PADDOCK_API_TOKEN)"


class NotAllowed(Refused):
    """The role does not allow it."""

    code = "not_allowed"


class ProofNeeded(Refused):
    """This needs your password again."""

    code = "proof_needed"
    hint = "a password holds for five minutes for what is dangerous"


class Who(NamedTuple):
    """Who makes a request. `name` is empty where nobody logs in; `proven` is when they last proved who they are."""

    name: str
    role: Role
    allowed: frozenset[May]
    person: str = ""
    session: str = ""
    # Epoch milliseconds; None: no proof is asked for, by files that only this host's operator reads, and by tokens.
    proven: int | None = None
    browser: bool = False

    def check(self, may: May, dangerous: bool, now: int) -> None:
        """Raises: LoginNeeded, NotAllowed, ProofNeeded."""
        if may not in self.allowed:
            if not self.name:
                raise LoginNeeded
            raise NotAllowed(f"{self.name} ({self.role}) lacks the permission {may}", hint=f"{may}: {ABOUT[may]}")
        if dangerous and self.proven is not None and now - self.proven > PROOF_MS:
            raise ProofNeeded


NOBODY = Who("", Role.VIEWER, frozenset({May.ANYBODY}))
# Where nobody logs in: whoever reaches the loopback address.
HERE = Who("", Role.OWNER, frozenset(May))
# The one who can read the control plane's own files.
OPERATOR = "operator"


def role(given: Any) -> Role:
    """A role by its name. Raises: BadInput."""
    if given not in list(Role):
        raise BadInput("role: there is none of this name", hint=f"one of {', '.join(Role)}", where="role")
    return Role(given)


def name(given: Any) -> str:
    """A person's name as it is kept. Raises: BadInput."""
    if not isinstance(given, str) or not _NAME.fullmatch(given) or given == OPERATOR:
        hint = "small letters, digits, . _ @ + -, such as ann or ann@example.org"
        raise BadInput("name: this cannot be a person's name", hint=hint, where="name")
    return given


def password(given: Any) -> str:
    """A password that is good enough to be kept. Raises: BadInput."""
    if not isinstance(given, str) or not LEAST_PASSWORD <= len(given) <= MOST_PASSWORD:
        wanted = f"{LEAST_PASSWORD} to {MOST_PASSWORD} characters"
        raise BadInput(f"password: expected {wanted}", hint="a few words in a row are good", where="password")
    return given


def scopes(given: Any, of: Role) -> tuple[May, ...]:
    """What a token may do; no more than whoever mints it. Raises: BadInput, NotAllowed."""
    if not isinstance(given, list) or not given or len(given) > len(SCOPES):
        raise BadInput("scopes: expected a list of texts", hint=f"of {', '.join(SCOPES)}", where="scopes")
    for scope in given:
        if scope not in SCOPES:
            raise BadInput(f"scopes: {str(scope)[:40]!r} is none", hint=f"of {', '.join(SCOPES)}", where="scopes")
    wanted = tuple(may for may in SCOPES if may in given)
    if beyond := [may for may in wanted if may not in ALLOWED[of]]:
        raise NotAllowed(f"the role {of} may not {', '.join(beyond)}, and no more can a token of it")
    return wanted


def held(scopes: Iterable[str], of: Role) -> frozenset[May]:
    """What a token may do now: what it was given and its owner's role still allows."""
    return ALLOWED[of] & (frozenset(May(scope) for scope in scopes if scope in SCOPES) | {May.ANYBODY})


def locked_for(count: int, free: int) -> int:
    """Milliseconds for which the next try must wait after so many failed ones: none, then 1, 2, 4, 8, 15 minutes."""
    rounds = count // free
    return 0 if count % free or not rounds else min(MINUTE_MS << min(rounds - 1, 10), LONGEST_LOCK_MS)


def way_on(given: Any) -> str:
    """An address of this very server to go on to after a login; the first page for anything else."""
    if not isinstance(given, str) or not given.startswith("/") or len(given) > 500:
        return "/"
    if given.startswith("//") or "\\" in given or any(ord(c) <= 32 or ord(c) == 127 for c in given):
        return "/"
    return given


def as_markdown() -> str:
    """The reference page of roles and permissions."""
    lines = ["# Roles", "", "| permission | what | " + " | ".join(Role) + " |", "|---|---" + "|---" * len(Role) + "|"]
    for may in May:
        marks = " | ".join("yes" if may in ALLOWED[role] else "" for role in Role)
        lines.append(f"| `{may}` | {ABOUT[may]} | {marks} |")
    return "\n".join(lines) + "\n"

"""Every address of the control plane names whom it is for."""

from starlette.routing import Mount, Route

from paddock.core.people import ALLOWED, SCOPES, May, Role
from paddock.web import agent_cards, api, openapi, pages
from paddock.web.endpoint import Endpoint

# What changes something for whoever asks, and why that may be.
OPEN = {
    "/v1/login",  # the login itself
    "/v1/logout",  # ends nothing but the session that asks
    "/v1/set-up",  # takes a secret that is good once
    "/v1/set-up/link",  # looks at that secret
    "/v1/forges/{ref}/webhook",  # is signed with the forge's secret
}
DANGEROUS = {
    "/v1/tokens",
    "/v1/api-tokens",
    "/v1/anomalies/{ref}/resolve",
    "/v1/keys/end",
    "/v1/keys/rotate",
    "/v1/secrets/{project}/{ref}",
    "/v1/secrets/{project}/{ref}/remove",
    "/v1/agents/{ref}/terminate",
    "/v1/people",
    "/v1/people/{ref}/role",
    "/v1/people/{ref}/disable",
    "/v1/people/{ref}/link",
}


def test_no_route_lacks_a_permission() -> None:
    routes = [*api.routes, *agent_cards.routes, *openapi.routes, *pages.routes]
    bare = [
        route.path
        for route in routes
        if not isinstance(getattr(getattr(route, "endpoint", None), "__self__", None), Endpoint)
    ]
    shown = {path for page in pages.PAGES for path in (page.path, page.twin)}
    # Files of ours, and the word that there is no such page.
    assert set(bare) == shown | {"/static", "/{path:path}"}
    assert all(isinstance(route, Route | Mount) for route in routes)


def test_what_changes_something_takes_more_than_to_see() -> None:
    for endpoint in api.ENDPOINTS:
        if endpoint.method != "GET" and endpoint.path not in OPEN:
            assert endpoint.may not in (May.ANYBODY, May.READ), endpoint.path
        assert (
            endpoint.method == "GET"
            or endpoint.may is not May.OWN
            or endpoint.path.startswith(("/v1/me/", "/v1/api-tokens", "/v1/proof"))
        )
    assert {e.path for e in api.ENDPOINTS if e.dangerous} == DANGEROUS
    assert {p.path for p in pages.PAGES if p.may is May.ANYBODY} == {"/login", "/setup"}


def test_roles_grow_and_tokens_never_reach_people() -> None:
    assert ALLOWED[Role.VIEWER] < ALLOWED[Role.OPERATOR] < ALLOWED[Role.RELEASE_MANAGER] < ALLOWED[Role.OWNER]
    assert May.REVIEW not in ALLOWED[Role.SECURITY_ADMIN] and May.SECURITY not in ALLOWED[Role.RELEASE_MANAGER]
    assert not {May.PEOPLE, May.OWN, May.ANYBODY} & set(SCOPES)

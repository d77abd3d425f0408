"""The pages: each is a template over what `page_data` gathers, and each has a `.json` twin with the same data."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from paddock.core.errors import PaddockError
from paddock.core.people import LoginNeeded, May
from paddock.web import (
    anomalies_page,
    identity,
    page_data,
    page_topics,
    people_pages,
    problem,
    render,
    reports_api,
    spend_api,
    tokens_page,
)
from paddock.web.page_data import Loader

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Page:
    """One page; `twin` is the address of its JSON."""

    path: str
    twin: str
    template: str
    load: Loader
    # The permission that it takes.
    may: May = May.READ


PAGES = (
    Page("/", "/fleet.json", "fleet.html", page_data.fleet),
    Page("/jobs", "/jobs.json", "jobs.html", page_data.jobs),
    Page("/jobs/{ref}", "/jobs/{ref}.json", "job.html", page_data.job),
    Page("/agents", "/agents.json", "agents.html", page_data.agents),
    Page("/admin/anomalies", "/admin/anomalies.json", "anomalies.html", anomalies_page.page),
    Page("/admin/reports", "/admin/reports.json", "reports.html", reports_api.page),
    Page("/admin/reports/{ref}", "/admin/reports/{ref}.json", "report.html", reports_api.one_page),
    Page("/portal/tokens", "/portal/tokens.json", "tokens.html", tokens_page.page),
    Page("/spend", "/spend.json", "spend.html", spend_api.page),
    Page("/changes", "/changes.json", "changes.html", page_data.changes),
    Page("/changes/{ref}", "/changes/{ref}.json", "change.html", page_data.change),
    Page("/topics", "/topics.json", "topics.html", page_topics.listing),
    Page("/topics/{ref}", "/topics/{ref}.json", "topic.html", page_topics.one),
    Page("/login", "/login.json", "login.html", people_pages.login, May.ANYBODY),
    Page("/setup", "/setup.json", "setup.html", people_pages.set_up, May.ANYBODY),
    Page("/me", "/me.json", "me.html", people_pages.oneself, May.OWN),
    Page("/people", "/people.json", "people.html", people_pages.everybody, May.PEOPLE),
)


def _html(page: Page) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            identity.check(request, page.may)
            data = await page.load(request.app.state.control, request)
        except LoginNeeded:
            asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(render.link("/login", next=asked), 303, render.HEADERS)
        except PaddockError as error:
            return error_page(request, error.status, error.message, error.hint)
        twin = page.twin.replace("{ref}", str(request.path_params.get("ref", "")))
        query = f"?{request.url.query}" if request.url.query else ""
        return render.page(
            page.template,
            {**data, "twin": render.link("", *twin[1:].split("/")) + query},
            path=page.path,
            who=identity.who_of(request),
        )

    return endpoint


def _json(page: Page) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            identity.check(request, page.may)
            data = await page.load(request.app.state.control, request)
        except PaddockError as error:
            return Response(problem.body_of(error), error.status, render.HEADERS, "application/json")
        return Response(msgspec.json.encode(data), 200, render.HEADERS, "application/json")

    return endpoint


def error_page(request: Request, status: int, message: str, hint: str = "") -> Response:
    """A failure as a page that says what happened and where to go on."""
    data = {"status": status, "title": HTTPStatus(status).phrase, "message": message, "hint": hint, "twin": ""}
    return render.page("error.html", data, path=request.url.path, who=identity.who_of(request), status=status)


async def _nowhere(request: Request) -> Response:
    return error_page(request, 404, f"There is no page {request.url.path}")


class _Elsewhere(Route):
    """Takes every address that leads nowhere, but for the API's, which answers in JSON."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return (Match.NONE, {}) if scope["path"].startswith("/v1/") else super().matches(scope)


class _Static:
    """The stylesheet, the script and the icon, under the same headers as pages; asked for anew when they changed."""

    def __init__(self) -> None:
        self._files = StaticFiles(directory=render.STATIC)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = {**render.HEADERS, "Cache-Control": "no-cache"}
                given = [(key.lower().encode(), value.encode()) for key, value in extra.items()]
                message = {**message, "headers": [*message["headers"], *given]}
            await send(message)

        await self._files(scope, receive, guarded)


routes: list[Route | Mount] = [
    # Twins first: a page's own pattern would take their `.json` for a part of the name.
    *(Route(page.twin, _json(page), methods=["GET"]) for page in PAGES),
    *(Route(page.path, _html(page), methods=["GET"]) for page in PAGES),
    Mount("/static", app=_Static()),
    _Elsewhere("/{path:path}", _nowhere, methods=["GET"]),
]

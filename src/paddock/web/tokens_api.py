"""The operator's HTTP API: activation tokens."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.control import tokens
from paddock.core.people import May
from paddock.web.endpoint import Endpoint, control_of, json_of


async def list_tokens(request: Request) -> Response:
    return JSONResponse(await tokens.listing(control_of(request)))


async def mint_token(request: Request) -> Response:
    made = await tokens.mint(control_of(request), await json_of(request))
    return JSONResponse(made, status_code=201, headers={"Cache-Control": "no-store"})


async def revoke_token(request: Request) -> Response:
    ref = request.path_params["ref"]
    return JSONResponse(await tokens.revoke(control_of(request), ref, await json_of(request)))


ENDPOINTS = (
    Endpoint("GET", "/v1/tokens", "The newest activation tokens, without their secret", list_tokens, may=May.READ),
    Endpoint(
        "POST",
        "/v1/tokens",
        "Mints a single-use activation token",
        mint_token,
        body={
            "label": "string",
            "expires": "string",
            "labels": "object",
            "channel": "string",
            "network": "string",
            "binding": "string",
            "licence": "string",
        },
        may=May.TOKENS,
        dangerous=True,
    ),
    Endpoint(
        "POST",
        "/v1/tokens/{ref}/revoke",
        "Makes a token worthless that was not used",
        revoke_token,
        body={"by": "string"},
        may=May.TOKENS,
    ),
)

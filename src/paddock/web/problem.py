"""One shape for every error: `{"error": {"code", "message", "hint", "retryable", "where"}}`."""

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.core.errors import BadInput, PaddockError

# Whoever is refused so may still be sending, for as long as it likes.
_UNREAD = (408, 413)


def body_of(error: PaddockError) -> bytes:
    """The error as JSON."""
    told = {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "retryable": error.retryable,
        "where": error.where if isinstance(error, BadInput) else "",
    }
    return msgspec.json.encode({"error": told})


async def on_paddock_error(_request: Request, error: Exception) -> Response:
    """Starlette's handler for our errors."""
    assert isinstance(error, PaddockError)
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    if error.status in _UNREAD:
        headers["Connection"] = "close"
    return Response(body_of(error), status_code=error.status, media_type="application/json", headers=headers)


async def on_http_error(_request: Request, error: Exception) -> Response:
    """Starlette's handler for errors of routing."""
    status = getattr(error, "status_code", 500)
    code = {404: "not_found", 405: "method_not_allowed"}.get(status, "error")
    told = {"code": code, "message": getattr(error, "detail", "error"), "hint": "", "retryable": False, "where": ""}
    return JSONResponse({"error": told}, status_code=status)


async def on_internal_error(_request: Request, error: Exception) -> Response:
    """Starlette's handler for our own faults; the server's log has the traceback, the caller has a plain word."""
    message = f"internal error: {type(error).__name__}"
    hint = "the control plane's log has the details; please report it"
    told = {"code": "internal", "message": message, "hint": hint, "retryable": False, "where": ""}
    return JSONResponse({"error": told}, status_code=500)

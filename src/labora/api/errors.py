"""One error shape for everything that the server refuses."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import Send

from labora.access import Principal
from labora.api.public import file_by_link
from labora.base.errors import LaboraError, NotFoundError, TooLargeError, UnauthenticatedError

UNEXPECTED = "Something went wrong on the server. Try again; its log says more."
_CODES = {
    400: ("invalid", "The request cannot be read."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not know this method."),
    413: ("too_large", "The request is too large."),
    415: ("unsupported", "Send JSON with Content-Type application/json."),
}


def error_response(error: LaboraError) -> JSONResponse:
    """Returns the answer for an expected failure."""
    headers = {}
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, round(retry_after)))
    return JSONResponse(error.as_json(), error.status, headers)


async def send_error(send: Send, error: LaboraError) -> None:
    """Sends an expected failure as an HTTP answer, for code outside FastAPI."""
    response = error_response(error)
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body})


def add_handlers(app: FastAPI) -> None:
    """Gives every failure inside FastAPI the one shape."""

    async def expected(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, LaboraError):
            raise error
        if isinstance(error, NotFoundError) and file_by_link(request.method, request.url.path):
            principal = request.scope.get("labora.principal")
            if isinstance(principal, Principal) and not principal.signed_in:
                # No link opens it, or it does not exist: signing in may help, and tells neither from the other.
                return error_response(UnauthenticatedError("Sign in first."))
        return error_response(error)

    async def http(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):
            raise error
        too_large = request.scope.get("labora.too_large")
        if isinstance(too_large, TooLargeError):
            return error_response(too_large)
        code, message = _CODES.get(error.status_code, ("http_error", str(error.detail)))
        return JSONResponse({"code": code, "message": message, "details": {}}, error.status_code, error.headers)

    async def invalid(_request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, RequestValidationError):
            raise error
        problems = [
            {"where": ".".join(str(part) for part in problem["loc"]), "problem": problem["msg"]}
            for problem in error.errors()[:10]
        ]
        first = problems[0] if problems else {"where": "body", "problem": "unreadable"}
        message = f"{first['where']}: {first['problem']}."
        return JSONResponse({"code": "invalid", "message": message, "details": {"problems": problems}}, 400)

    async def unexpected(_request: Request, _error: Exception) -> JSONResponse:
        # Starlette raises the error again after this answer, so the gate logs it.
        return error_response(LaboraError(UNEXPECTED))

    app.add_exception_handler(Exception, unexpected)
    app.add_exception_handler(LaboraError, expected)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)

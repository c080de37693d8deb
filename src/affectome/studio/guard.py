"""The door: who may call, by which name, how much, how often, and what the browser may do.

Every request and every WebSocket passes here first. A page of another site can make a browser send
requests to this machine; they carry a foreign ``Origin``, or (after its name was pointed here, "DNS
rebinding") a foreign ``Host``, and both are refused.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections import OrderedDict
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from affectome.studio.settings import Settings

COOKIE = "affectome"
OPEN = frozenset({"/", "/session", "/health"})
MOST_CALLERS = 4096
FOREIGN = "pages of other sites may not call the studio"
PACKED = "send what is to be read as it is, not compressed"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; frame-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "frame-ancestors 'self'"
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(self), geolocation=()",
    "cache-control": "no-store",
}


class Guard:
    """Pass on what may be asked, and refuse the rest in one line."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._calls = Buckets(settings.limits.per_second, settings.limits.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refused(scope, headers)
        if refused is not None:
            await _refuse(scope, send, *refused)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            await self._app(scope, self._bounded(receive), _with_headers(send))

    def _refused(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        limits = self._settings.limits
        client = scope.get("client")
        length = headers.get("content-length", "0")
        checks = (
            (421, "this studio is not called so", lambda: self._named(headers)),
            (403, FOREIGN, lambda: not _is_foreign(scope, headers)),
            (429, "too many requests; wait", lambda: self._calls.take(client[0] if client else "")),
            (415, PACKED, lambda: headers.get("content-encoding", "identity") == "identity"),
            (
                413,
                f"at most {limits.body_bytes:,} bytes a request",
                lambda: length.isdecimal() and int(length) <= limits.body_bytes,
            ),
            (401, "this studio asks for the token it printed", lambda: self._knows(scope, headers)),
        )
        return next(((status, why) for status, why, holds in checks if not holds()), None)

    def _named(self, headers: Headers) -> bool:
        return _name(headers.get("host", "")) in self._settings.names

    def _knows(self, scope: Scope, headers: Headers) -> bool:
        token = self._settings.token
        if not token or (scope["type"] == "http" and is_open(scope["path"])):
            return True
        shown = headers.get("authorization", "").removeprefix("Bearer ")
        if not shown:
            held = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
            shown = held.value if held else ""
        return hmac.compare_digest(shown.encode(), token.encode())

    def _bounded(self, receive: Receive) -> Receive:
        """Count what arrives and how long it takes."""
        limits = self._settings.limits
        end = time.monotonic() + limits.body_s
        size, whole = 0, False

        async def bounded() -> Message:
            nonlocal size, whole
            if whole:  # from here on only the end of the connection is waited for
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, end - time.monotonic()))
            except TimeoutError:
                why = f"the request did not arrive within {limits.body_s:g} s"
                raise HTTPException(408, why) from None
            size += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if size > limits.body_bytes:
                raise HTTPException(413, f"at most {limits.body_bytes:,} bytes a request")
            return message

        return bounded


class Buckets:
    """How many calls each address has left: so many a second, and at most so many at once."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._rate, self._burst = per_second, burst
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, now: float | None = None) -> bool:
        """Take one; false where none is left."""
        now = time.monotonic() if now is None else now
        left, before = self._left.pop(caller, (self._burst, now))
        left = min(self._burst, left + (now - before) * self._rate)
        self._left[caller] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > MOST_CALLERS:
            self._left.popitem(last=False)
        return left >= 1


def is_open(path: str) -> bool:
    """Whether a path can be asked for without the token: the empty page and its parts."""
    return path in OPEN or path.startswith("/static/")


def _is_foreign(scope: Scope, headers: Headers) -> bool:
    """Whether a page of another site calls; a link from there to the page is none."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return True
    landing = scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == "/"
    site = headers.get("sec-fetch-site", "same-origin")
    return site in {"cross-site", "same-site"} and not landing


def _name(host: str) -> str:
    """Give the name of a ``Host`` header without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("content-security-policy", PAGE_POLICY)
        await send(message)

    return sending


async def _refuse(scope: Scope, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": why})
        return
    body = json.dumps({"error": why}).encode()
    kind: list[Any] = [(b"content-type", b"application/json")]
    sending = _with_headers(send)
    await sending({"type": "http.response.start", "status": status, "headers": kind})
    await sending({"type": "http.response.body", "body": body})

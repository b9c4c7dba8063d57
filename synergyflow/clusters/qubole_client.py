"""The one client of Qubole's REST API: what goes over the wire, and what its failures are called here.

It knows no command and no cluster, only paths and answers. Reads, and changes that may be repeated, are tried again a
few times as the vendor's own client does; a call that submits is made once (see `qubole.py`). Redirects are not
followed, so that the token goes nowhere else.
"""

from __future__ import annotations

import http.client
import json
import random
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from typing import Any, BinaryIO, NoReturn
from urllib.parse import quote, urlencode

from synergyflow.errors import ClusterError, ConfigurationError

VERSION = "v1.2"
ATTEMPTS = 4
LONGEST_PAUSE = 30.0
_MOST_BYTES_OF_AN_ANSWER = 64 << 20
_MOST_CHARACTERS_OF_A_REASON = 500
_TRY_AGAIN = frozenset({429, 449, 500, 502, 503, 504})

Pause = Callable[[float], None]
Query = Mapping[str, str | int]


class QuboleError(ClusterError):
    """A call that did not do what was asked. Without a `status` there was no answer: it may have had its effect."""

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: float | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retry_after = retry_after

    @property
    def is_throttle(self) -> bool:
        """Whether Qubole took nothing and asks to be left alone for a while."""
        return self.status in (429, 503)

    @property
    def is_temporary(self) -> bool:
        """Whether the same call may succeed later."""
        return self.status is None or self.status in _TRY_AGAIN

    @property
    def is_denied(self) -> bool:
        """Whether the credential is at fault, not what was asked."""
        return self.status in (401, 403)


class QuboleClient:
    """Calls of one account. May be used by several threads."""

    def __init__(
        self, endpoint_url: str, token: Callable[[], str], *, timeout: float, pause: Pause, direct: bool = False
    ) -> None:
        """`token` gives the credential of each call, `pause` waits that many seconds, `direct` goes by no proxy."""
        self._base = f"{endpoint_url.rstrip('/')}/{VERSION}"
        self._token = token
        self._timeout = timeout
        self._pause = pause
        proxies = [urllib.request.ProxyHandler({})] if direct else []
        self._opener = urllib.request.build_opener(_NoRedirect, *proxies)

    def get(self, path: str, query: Query | None = None, *, attempts: int = ATTEMPTS) -> Any:
        """The answer, as JSON."""
        return self._repeated(lambda: self._call("GET", path, query), attempts)

    def put(self, path: str, body: Mapping[str, Any], *, attempts: int = ATTEMPTS) -> Any:
        """The answer to a change that may be made twice."""
        return self._repeated(lambda: self._call("PUT", path, None, body), attempts)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer to a call that is made exactly once."""
        return self._call("POST", path, None, body)

    @contextmanager
    def reading(self, path: str, query: Query | None = None) -> Iterator[tuple[Message, BinaryIO]]:
        """The headers of an answer, and its body as a stream of which no more is read than is asked for."""
        answer = self._repeated(lambda: self._open("GET", path, query), ATTEMPTS)
        with answer, _translated("GET", path):
            yield answer.headers, answer

    def _repeated(self, call: Callable[[], Any], attempts: int) -> Any:
        for attempt in range(1, attempts):
            try:
                return call()
            except QuboleError as error:
                if not error.is_temporary:
                    raise
                self._pause(pause_after(attempt, error))
        return call()

    def _call(self, method: str, path: str, query: Query | None, body: Mapping[str, Any] | None = None) -> Any:
        with self._open(method, path, query, body) as answer, _translated(method, path):
            data = answer.read(_MOST_BYTES_OF_AN_ANSWER)
            try:
                return json.loads(data) if data.strip() else {}
            except ValueError:
                raise QuboleError(f"Qubole's answer to {method} {path} is no JSON") from None

    def _open(self, method: str, path: str, query: Query | None, body: Mapping[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"{self._base}/{path}" + (f"?{urlencode(query)}" if query else ""),
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "X-AUTH-TOKEN": self._credential(),
                "Content-Type": "application/json",
                "Accept": "application/json",
            },
            method=method,
        )
        with _translated(method, path):
            return self._opener.open(request, timeout=self._timeout)

    def _credential(self) -> str:
        try:
            return self._token()
        except ConfigurationError as error:
            raise QuboleError(error.message, status=401, hint=error.hint) from None


def pause_after(attempt: int, error: QuboleError) -> float:
    """Seconds to wait after a failed attempt, counted from 1: what Qubole says, else doubling, with jitter."""
    wanted = error.retry_after if error.retry_after is not None else 2.0 ** (attempt - 1) * random.uniform(0.5, 1.0)
    return min(wanted, LONGEST_PAUSE)


def segment(text: str) -> str:
    """A text as one part of a path."""
    return quote(text, safe="")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Redirects are answers that nobody asked for."""


@contextmanager
def _translated(method: str, path: str) -> Iterator[None]:
    """Raise whatever goes wrong on the way as `QuboleError`."""
    try:
        yield
    except urllib.error.HTTPError as error:
        with error:
            _refused(method, path, error)
    except (OSError, http.client.HTTPException) as error:  # of these, URLError and time-outs are OSErrors
        reason = getattr(error, "reason", None) or error
        raise QuboleError(
            f"Qubole can't be reached for {method} {path}: {str(reason) or type(reason).__name__}",
            hint="check the network and endpoint_url of the profile",
        ) from None


def _refused(method: str, path: str, error: urllib.error.HTTPError) -> NoReturn:
    hint = "check the API token, and what its user may do" if error.code in (401, 403) else None
    raise QuboleError(
        f"Qubole answers {method} {path} with {error.code}: {_reason(error)}",
        status=error.code,
        retry_after=_seconds(error.headers.get("Retry-After")),
        hint=hint,
    ) from None


def _reason(error: urllib.error.HTTPError) -> str:
    """What Qubole says of the failure, without the request: that may hold what nobody should read."""
    try:
        said = json.loads(error.read(_MOST_BYTES_OF_AN_ANSWER))["error"]["error_message"]
        return " ".join(str(said).split())[:_MOST_CHARACTERS_OF_A_REASON]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return error.reason or "no reason given"


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdecimal() else None

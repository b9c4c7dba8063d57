"""The output of a command as one stream of bytes: its log first, then, once it has ended, its results.

Qubole keeps a log in two files: what has been put aside for good (`err`), and what was written since (`tmp`). It is
asked with a pointer into each and answers with the bytes after the first pointer, followed by those of the second file:
from its second pointer on, or all of them if the first file has grown, because the second was begun anew then. Both
together are the log in order, so one position is enough here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from synergyflow.clusters.qubole_client import QuboleClient, QuboleError, segment
from synergyflow.clusters.qubole_commands import EXIT_CODE_LINE

MOST_BYTES_OF_RESULTS = 1 << 20
TAIL_BYTES = 64 << 10
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer holds: `skip` bytes that are known already, then new ones.

    `aside` is how much of the log is known to be put aside for good; `length` is that of the whole log so far.
    """

    skip: int
    aside: int
    length: int


def pointers(position: int, aside: int) -> dict[str, int]:
    """What to ask with for the log from `position` on, if `aside` bytes are known to be put aside."""
    processed = min(position, aside)
    return {"err_file_processed": processed, "tmp_file_processed": position - processed}


def understood(headers: Mapping[str, str], asked: Mapping[str, int], aside: int) -> Answer | None:
    """What an answer to these pointers holds; None if it does not say, and holds the log from its beginning."""
    err, tmp = headers.get("err_length"), headers.get("tmp_length")
    if err is None or tmp is None:
        return None
    processed, since = asked["err_file_processed"], asked["tmp_file_processed"]
    if int(err):
        return Answer(skip=since, aside=processed + int(err), length=processed + int(err) + int(tmp))
    return Answer(skip=0, aside=max(aside, processed), length=processed + since + int(tmp))


class CommandLog:
    """The output of one command. Remembers where things are, never what they are. Used by one thread at a time."""

    def __init__(self, client: QuboleClient, command_id: str) -> None:
        self._client = client
        self._path = f"commands/{segment(command_id)}"
        self._aside = 0
        self._log_length: int | None = None
        self._results: bytes | None = None

    def read(self, position: int, limit: int, *, ended: bool) -> bytes:
        """Up to `limit` bytes from `position` on; empty if there is no more (yet).

        Raises:
            ClusterError: Qubole can't be reached; nothing is lost by asking again.
        """
        if not ended:
            return self._read_log(position, limit)
        length = self._whole_length()
        if position < length:
            data = self._read_log(position, limit)
            if data:
                return data
            length = self._log_length = position
        results = self._all_results()
        return results[position - length : position - length + limit] if position >= length else b""

    def ending(self) -> tuple[int | None, str]:
        """Of a command that has failed: the exit code, if it left one, and the last line of its log."""
        length = self._whole_length()
        tail = self._read_log(max(length - TAIL_BYTES, 0), TAIL_BYTES)
        codes = EXIT_CODE_LINE.findall(tail)
        lines = [line for line in tail.decode(errors="replace").splitlines() if line.strip()]
        return (int(codes[-1]) if codes else None), (lines[-1].strip()[:500] if lines else "")

    def _whole_length(self) -> int:
        """The length of the log of a command that has ended; what it says of itself, looked up once."""
        if self._log_length is None:
            asked = pointers(0, 0)
            try:
                with self._client.reading(f"{self._path}/logs", asked) as (headers, body):
                    answer = understood(dict(headers.items()), asked, 0)
                    self._log_length = answer.length if answer else sum(len(piece) for piece in _pieces(body))
                    self._aside = max(self._aside, answer.aside if answer else 0)
            except QuboleError as error:
                _require_absent(error)
                self._log_length = 0
        return self._log_length

    def _read_log(self, position: int, limit: int) -> bytes:
        asked = pointers(position, self._aside)
        try:
            with self._client.reading(f"{self._path}/logs", asked) as (headers, body):
                answer = understood(dict(headers.items()), asked, self._aside)
                if answer is not None:
                    self._aside = answer.aside
                _skip(body, answer.skip if answer else position)
                return _exactly(body, limit)
        except QuboleError as error:
            _require_absent(error)
            return b""

    def _all_results(self) -> bytes:
        if self._results is None:
            query = {"inline": "true", "include_headers": "false"}
            try:
                self._results = _text_of(self._client.get(f"{self._path}/results", query))
            except QuboleError as error:
                _require_absent(error)
                self._results = b""
        return self._results


def _text_of(answer: Mapping[str, Any]) -> bytes:
    """Results as a step's log shows them: their text, bounded, or where they are."""
    if not answer.get("inline"):
        places = answer.get("result_location") or []
        return f"[the results are too large to be shown; they are at {', '.join(map(str, places))}]\n".encode()
    data = str(answer.get("results") or "").replace("\r\n", "\n").encode()
    if len(data) <= MOST_BYTES_OF_RESULTS:
        return data
    left_out = len(data) - MOST_BYTES_OF_RESULTS
    return data[:MOST_BYTES_OF_RESULTS] + f"\n[{left_out} further bytes of results are not shown]\n".encode()


def _require_absent(error: QuboleError) -> None:
    """Pass only where Qubole says that there is no such thing, now or at all: then there is nothing to read."""
    if error.status not in (400, 404, 422):
        raise error


def _pieces(body: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: body.read(_PIECE), b"")


def _skip(body: BinaryIO, count: int) -> None:
    while count > 0 and (piece := body.read(min(count, _PIECE))):
        count -= len(piece)


def _exactly(body: BinaryIO, limit: int) -> bytes:
    """As much as there is, up to the limit: one read may give less."""
    pieces: list[bytes] = []
    while limit > 0 and (piece := body.read(min(limit, _PIECE))):
        pieces.append(piece)
        limit -= len(piece)
    return b"".join(pieces)

"""Bytes of a job's output, as they come, to whole lines that are fit for a log file. No files, no clock.

The order of the stages matters. Secrets are masked first, while the bytes are still the job's own, so neither a chunk
border nor a newline within a secret lets it through; then UTF-8 is made valid, returns become newlines, control
characters become visible, and last the text is cut into lines. Memory stays flat whatever comes, because the work is
done on slices, and a line without end leaves in pieces. No stage has a loop over lines: that would cost the throughput.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from synergyflow.config.masking import StreamMasker
from synergyflow.observers.log_line import LONGEST_LINE, cut, pieces, visible_bytes

_SLICE = 32 * 1024


class OutputLines:
    """One stream of output. Not safe to be used from several threads at once."""

    def __init__(self, masked: StreamMasker) -> None:
        self._masked = masked
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = bytearray()
        self._after_return = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Blocks of complete lines, separated by newlines; an incomplete last line waits for the next chunk."""
        view = memoryview(chunk)
        for begin in range(0, len(chunk), _SLICE):
            yield from self._lines(self._masked.feed(bytes(view[begin : begin + _SLICE])), final=False)

    def flush(self) -> Iterator[bytes]:
        """What is left at the end of the stream. The object can then take another stream's lines no more."""
        yield from self._lines(self._masked.flush(), final=True)
        if self._pending:
            rest, self._pending = bytes(self._pending), bytearray()
            yield rest

    def _lines(self, raw: bytes, *, final: bool) -> Iterator[bytes]:
        text = visible_bytes(self._newlines(self._valid(raw, final=final)))
        end = text.rfind(b"\n")
        if end >= 0:
            complete = bytes(self._pending) + text[:end] if self._pending else text[:end]
            self._pending = bytearray()
            yield cut(complete)
        self._pending += text[end + 1 :] if end >= 0 else text
        if len(self._pending) > LONGEST_LINE:
            *full, rest = pieces(bytes(self._pending))
            self._pending = bytearray(rest)
            yield b"\n".join(full)

    def _valid(self, raw: bytes, *, final: bool) -> bytes:
        """Valid UTF-8; what is none shows as U+FFFD. The beginning of a character waits for the rest of it."""
        if raw.isascii() and not self._decoder.getstate()[0]:
            return raw
        return self._decoder.decode(raw, final).encode()

    def _newlines(self, text: bytes) -> bytes:
        """A return ends a line as a newline does; the two together end one line, also in different chunks."""
        if self._after_return and text:
            text = text.removeprefix(b"\n")
            self._after_return = False
        if b"\r" in text:
            self._after_return = text.endswith(b"\r")
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return text

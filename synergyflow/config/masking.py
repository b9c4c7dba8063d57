"""Masking: secrets are taken out of texts and streams before anything is written, shown or stored.

What is masked: every occurrence of a form of a secret (`secret_forms`), also where up to `LONGEST_GAP` line break
characters stand between any two of its characters. Occurrences that overlap are masked together, as six asterisks
followed by the line breaks that stood among them. A stream gives the same as its whole text would, whatever its chunks.

How: line breaks are deleted from a copy and each secret is looked for in that, which is what ordinary output costs.
Only where one is found are positions worked out. Nothing here does I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

LONGEST_GAP = 64
MASK = b"******"

_BREAKS = b"\r\n"
_ALL_BUT_BREAKS = bytes(byte for byte in range(256) if byte not in _BREAKS)
_RUN = re.compile(rb"[\r\n]+")
_BARRIER = re.compile(rb"([\r\n]{%d,})" % (LONGEST_GAP + 1))

Span = tuple[int, int]


class Masker:
    """Masks secrets. Immutable: copies of it are itself; it can be pickled, secrets included."""

    __slots__ = ("_forms", "_forms_by_anchor", "_known")

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._known = tuple(dict.fromkeys(value for value in values if value))
        self._forms_by_anchor: dict[bytes, tuple[bytes, ...]] = {}
        if self._known:
            from synergyflow.config.secret_forms import forms_by_anchor

            self._forms_by_anchor = forms_by_anchor(self._known)
        self._forms = tuple(dict.fromkeys(form for forms in self._forms_by_anchor.values() for form in forms))

    def text(self, text: str) -> str:
        """The text with secrets masked; the very same object if there are none in it. May be repeated."""
        if not self._forms:
            return text
        data = text.encode("utf-8", "surrogatepass")
        if not self._suspicious(data.translate(None, _BREAKS)):
            return text
        return self._masked(data, 0, final=True)[0].decode("utf-8", "surrogatepass")

    def stream(self) -> StreamMasker:
        """A masker for one stream of bytes."""
        return StreamMasker(self)

    def __repr__(self) -> str:
        return f"Masker({len(self._known)} secrets)"

    def __deepcopy__(self, memo: dict[int, Any]) -> Masker:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Masker, (self._known,)

    def _suspicious(self, stripped: bytes) -> bool:
        return any(anchor in stripped for anchor in self._forms_by_anchor)

    def _masked(self, raw: bytes, covered: int, *, final: bool) -> tuple[bytes, bytes, int]:
        """What of `raw` can be given out, what must be held back, and how much of that is masked already.

        The first `covered` bytes of `raw` belong to a secret whose asterisks have been given out before.
        """
        stripped = raw.translate(None, _BREAKS)
        if not covered and not self._spans(stripped):
            cut = len(raw) if final else self._hold(raw, stripped)
            return raw[:cut], raw[cut:], 0
        *done, last = _BARRIER.split(raw) if _likely_barrier(raw) else (raw,)
        given: list[bytes] = []
        for piece in done:
            given += _replaced(piece, self._spans_with_breaks(piece, covered), covered, len(piece))
            covered = 0
        cut = len(last) if final else self._hold(last, last.translate(None, _BREAKS))
        spans = self._spans_with_breaks(last, covered)
        given += _replaced(last, spans, covered, cut)
        begun = max(cut, 1) if covered else cut
        open_until = max((end for begin, end in spans if begin < begun), default=0)
        return b"".join(given), last[cut:], max(0, open_until - cut)

    def _spans(self, stripped: bytes) -> list[Span]:
        """Where forms of the secrets stand in a text without line breaks."""
        return [
            span
            for anchor, forms in self._forms_by_anchor.items()
            if anchor in stripped
            for form in forms
            for span in _occurrences(stripped, form)
        ]

    def _spans_with_breaks(self, piece: bytes, covered: int) -> list[Span]:
        """Where the secrets stand in `piece`, in order, those that overlap merged."""
        spans = self._spans(piece.translate(None, _BREAKS))
        if covered:
            spans.append((0, len(piece[:covered].translate(None, _BREAKS))))
        return _with_breaks(piece, _merged(spans))

    def _hold(self, raw: bytes, stripped: bytes) -> int:
        """The index in `raw` from which on it may be the beginning of a secret; its length if nowhere."""
        start = _index_from_end(raw, self._overhang(stripped))
        barriers = list(_BARRIER.finditer(raw, start))
        if not barriers:
            return start
        rest = raw[barriers[-1].end() :]
        return barriers[-1].end() + self._hold(rest, rest.translate(None, _BREAKS))

    def _overhang(self, stripped: bytes) -> int:
        """The length of the longest end of `stripped` with which a form begins without being complete."""
        size, longest = len(stripped), 0
        for form in self._forms:
            at = stripped.find(form[:1], max(0, size - len(form) + 1), size - longest)
            while at >= 0:
                if form.startswith(stripped[at:]):
                    longest = size - at
                    break
                at = stripped.find(form[:1], at + 1, size - longest)
        return longest


class StreamMasker:
    """Masks one stream of bytes that comes in chunks of any size. Not to be shared between threads."""

    __slots__ = ("_covered", "_held", "_masker")

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._held = b""
        self._covered = 0

    def feed(self, chunk: bytes) -> bytes:
        """What can be given out after this chunk; held back is only what may be the beginning of a secret."""
        if not self._masker._forms:
            return chunk
        return self._advance(self._held + chunk if self._held else chunk, final=False)

    def flush(self) -> bytes:
        """What was held back: the stream has ended, or has been silent for so long that nothing is to follow."""
        return self._advance(self._held, final=True) if self._held else b""

    def _advance(self, raw: bytes, *, final: bool) -> bytes:
        given, self._held, self._covered = self._masker._masked(raw, self._covered, final=final)
        return given


def _occurrences(stripped: bytes, form: bytes) -> list[Span]:
    """Spans that together cover every occurrence of `form`, overlapping ones included."""
    spans, size = [], len(form)
    at = stripped.find(form)
    while at >= 0:
        last = max(at, stripped.rfind(form, at + 1, at + 2 * size - 1))
        spans.append((at, last + size))
        at = stripped.find(form, last + 1)
    return spans


def _with_breaks(piece: bytes, spans: list[Span]) -> list[Span]:
    """Ordered spans of the text without line breaks as spans of `piece`, from their first to their last character."""
    found, index, passed = [], 0, 0
    for begin, end in spans:
        index, passed = _index_of(piece, begin, index, passed), begin
        first = index
        index, passed = _index_of(piece, end - 1, index, passed), end - 1
        found.append((first, index + 1))
    return found


def _index_of(piece: bytes, wanted: int, index: int, passed: int) -> int:
    """The index of the character that has `wanted` characters other than line breaks before it.

    `index` is where to start, with `passed` such characters before it. Steps as far as it safely can each time.
    """
    while passed < wanted:
        step = wanted - passed
        breaks = piece.count(b"\n", index, index + step) + piece.count(b"\r", index, index + step)
        index += step
        passed += step - breaks
    run = _RUN.match(piece, index)
    return run.end() if run else index


def _likely_barrier(raw: bytes) -> bool:
    """Whether a long run of line breaks is possible: every one of them has one of these pairs in it."""
    return b"\n\n" in raw or b"\r\r" in raw or b"\n\r\n" in raw


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for begin, end in sorted(spans):
        if merged and begin < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _replaced(piece: bytes, spans: list[Span], covered: int, cut: int) -> list[bytes]:
    """`piece` up to `cut` with its spans masked; the asterisks of a span that covers its start were given before."""
    given, position = [], 0
    for begin, end in spans:
        if begin >= cut:
            break
        given.append(piece[position:begin])
        if begin or not covered:
            given.append(MASK)
        position = min(end, cut)
        given.append(piece[begin:position].translate(None, _ALL_BUT_BREAKS))
    given.append(piece[position:cut])
    return given


def _index_from_end(raw: bytes, count: int) -> int:
    """The index of the `count`-th byte from the end that is no line break; the length if `count` is 0."""
    index = len(raw)
    while count:
        index -= 1
        count -= raw[index] not in _BREAKS
    return index

"""The one line format of every log file: `<UTC time> <timeperiod>#<attempt> <name> <LEVEL> <message>`.

Writer and reader both rest on this file, so nothing else may build or take apart a line. Each line of a message has
the whole prefix, so a line found anywhere tells which run it belongs to. No files are touched here.
"""

from __future__ import annotations

from datetime import UTC, datetime

TIME_WIDTH = len("2013-01-01T00:00:00.000Z")
LONGEST_LINE = 64 * 1024

_CONTROLS = tuple(code for code in (*range(0x20), 0x7F) if code not in (0x09, 0x0A))
_CONTROL_BYTES = bytes(_CONTROLS)
_UPPER_CONTROLS = range(0x80, 0xA0)
_VISIBLE = {code: f"\\x{code:02x}" for code in (*_CONTROLS, *_UPPER_CONTROLS)}


def utcnow() -> datetime:
    """The present moment, timezone-aware."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """The moment as it stands in a line: ISO, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def column(name: str) -> str:
    """`name` as one column: without white space, never empty."""
    return "_".join(visible(name).split()) or "-"


def prefix(moment: datetime, run: str, name: str, level: str) -> bytes:
    """All of a line that stands before its message. `run` is `<timeperiod>#<attempt>`, `name` a `column`."""
    return f"{timestamp(moment)} {run} {name} {level} ".encode()


def with_prefix(head: bytes, lines: bytes) -> bytes:
    """Whole lines for a file, of lines that are separated (not ended) by a newline."""
    return b"".join((head, lines.replace(b"\n", b"\n" + head), b"\n"))


def belongs_to(line: bytes, timeperiod: bytes) -> bool:
    """Whether a line, as it stands in a file, was written for that timeperiod."""
    begin = TIME_WIDTH + 1
    return line[begin : begin + len(timeperiod) + 1] == timeperiod + b"#" and line[TIME_WIDTH : TIME_WIDTH + 1] == b" "


def visible(text: str) -> str:
    """`text` with control characters (other than tab and newline) written out, as in `\\x1b`."""
    return text.translate(_VISIBLE)


def visible_bytes(text: bytes) -> bytes:
    """The same for valid UTF-8."""
    if len(text.translate(None, _CONTROL_BYTES)) != len(text):
        for code in _CONTROLS:
            text = text.replace(bytes((code,)), _VISIBLE[code].encode())
    if b"\xc2" in text:
        for code in _UPPER_CONTROLS:
            text = text.replace(chr(code).encode(), _VISIBLE[code].encode())
    return text


def one_line(text: str) -> str:
    """The first line of `text` that is not blank, harmless to a terminal; empty if there is none."""
    return next((visible(line).replace("\t", " ").strip() for line in text.splitlines() if line.strip()), "")


def pieces(line: bytes) -> list[bytes]:
    """`line` in pieces no longer than the longest line allowed, cut between characters of its UTF-8."""
    found: list[bytes] = []
    begin = 0
    while len(line) - begin > LONGEST_LINE:
        end = begin + LONGEST_LINE
        while line[end] & 0xC0 == 0x80 and end > begin + LONGEST_LINE - 4:
            end -= 1
        found.append(line[begin:end])
        begin = end
    return [*found, line[begin:]]


def cut(lines: bytes) -> bytes:
    """`lines`, those among them that are too long in pieces."""
    if len(lines) <= LONGEST_LINE:
        return lines
    return b"\n".join(piece for line in lines.split(b"\n") for piece in pieces(line))

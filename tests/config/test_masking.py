"""Masking, against a naive model that tries every secret at every character."""

from __future__ import annotations

import copy
import json
import pickle
import shlex
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from synergyflow.config.masking import LONGEST_GAP, Masker

BREAKS = "\r\n"
few_letters = st.text(alphabet="ab", min_size=6, max_size=9)
secrets = st.lists(few_letters, min_size=1, max_size=3)
pieces = st.one_of(
    st.text(alphabet="ab", max_size=8), st.sampled_from(["\n", "\r\n", "\n\n", "c", "ä", "\n" * LONGEST_GAP, "\n" * 65])
)


def occurrence_end(text: str, start: int, secret: str) -> int | None:
    """Where the secret that begins at `start` ends, line breaks between its characters not counted."""
    at = start
    for number, character in enumerate(secret):
        gap = 0
        while number and at < len(text) and text[at] in BREAKS:
            at, gap = at + 1, gap + 1
        if gap > LONGEST_GAP or at >= len(text) or text[at] != character:
            return None
        at += 1
    return at


def masked_naively(text: str, values: Iterable[str]) -> str:
    out, covered, values = [], 0, list(values)
    for at, character in enumerate(text):
        ends = [end for value in values if (end := occurrence_end(text, at, value)) is not None]
        if ends and at >= covered:
            out.append("******")
        covered = max([covered, *ends])
        if at >= covered or character in BREAKS:
            out.append(character)
    return "".join(out)


def streamed(masker: Masker, data: bytes, sizes: list[int]) -> bytes:
    stream, out, at = masker.stream(), [], 0
    for size in sizes:
        out.append(stream.feed(data[at : at + size]))
        at += size
    out.append(stream.feed(data[at:]))
    out.append(stream.flush())
    return b"".join(out)


@st.composite
def texts_with_secrets(draw: st.DrawFn) -> tuple[str, list[str]]:
    values = draw(secrets)
    whole = st.sampled_from(values)
    folded = st.builds(lambda value, at, gap: value[:at] + gap + value[at:], whole, st.integers(1, 5), pieces)
    parts = draw(st.lists(st.one_of(pieces, whole, folded), max_size=12))
    return "".join(parts), values


@given(texts_with_secrets())
@example(("aaaaaaaaaaaaa\naaa", ["aaaaaa"]))
@example(("abababab" + "\n" * 65 + "ab", ["ababab", "bababa"]))
def test_a_text_is_masked_as_the_naive_model_masks_it(case: tuple[str, list[str]]) -> None:
    text, values = case
    assert Masker(values).text(text) == masked_naively(text, values)


@given(texts_with_secrets(), st.lists(st.integers(0, 9), max_size=30))
@example(("x" + "a" * 12 + "\n" * 66 + "b", ["aaaaaa"]), [1] * 20)
def test_a_stream_is_masked_like_its_whole_text_however_it_is_cut(
    case: tuple[str, list[str]], sizes: list[int]
) -> None:
    text, values = case
    masker = Masker(values)
    assert streamed(masker, text.encode(), sizes) == masker.text(text).encode()


@given(texts_with_secrets())
def test_no_secret_is_left_even_when_its_lines_are_joined_again(case: tuple[str, list[str]]) -> None:
    text, values = case
    masked = Masker(values).text(text)
    within_reach = masked.split("\n" * (LONGEST_GAP + 1))
    assert not any(value in part.replace("\n", "").replace("\r", "") for value in values for part in within_reach)
    assert masked.count("\n") == text.count("\n")


@given(st.text(min_size=6), st.text(), st.text())
def test_any_secret_is_masked_between_any_texts(secret: str, before: str, after: str) -> None:
    bare = secret.replace("\r", "").replace("\n", "")
    if bare and "*" not in bare:
        assert bare not in Masker([secret]).text(before + secret + after)


@given(st.text(), secrets)
def test_a_text_without_secrets_is_the_same_object(text: str, values: list[str]) -> None:
    text = text.replace("a", "c").replace("b", "c")
    assert Masker(values).text(text) is text


@pytest.mark.parametrize(
    "form",
    [
        quote,
        quote_plus,
        lambda value: quote(value, safe="").lower(),
        lambda value: json.dumps({"key": value}),
        lambda value: json.dumps(value, ensure_ascii=False),
        repr,
        shlex.quote,
        lambda value: repr(value.encode()),
        lambda value: "\n".join(value),
        lambda value: "\r\n".join(value),
    ],
)
def test_a_secret_is_masked_in_every_quoted_form(form) -> None:  # type: ignore[no-untyped-def]
    secret = 'pä\'s "w\\rd"/+&%'
    assert "w\\" not in Masker([secret.lower()]).text(form(secret.lower()))
    assert "******" in Masker([secret.lower()]).text(form(secret.lower()))


def test_each_line_of_a_secret_of_many_lines_is_masked_by_itself() -> None:
    key = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\n  abc\n-----END KEY-----\n"
    masker = Masker([key])
    assert masker.text("one MIIEpAIBAAKCAQEA two") == "one ****** two"
    assert masker.text(json.dumps({"key": key})) == '{"key": "******"}'
    assert masker.text("abc stays: too short to tell") == "abc stays: too short to tell"


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert Masker(["secret", "secretive-one"]).text("a secretive-one, a secret") == "a ******, a ******"


def test_secrets_that_overlap_are_masked_together_and_neighbours_apart() -> None:
    masker = Masker(["abcdef", "efghij"])
    assert masker.text("abcdefghij") == "******"
    assert masker.text("abcdefefghij") == "************"


def test_line_breaks_within_a_secret_are_kept_after_its_asterisks() -> None:
    assert Masker(["hunter2"]).text("a hun\r\nter\n2 b\n") == "a ******\r\n\n b\n"


def test_a_stream_holds_back_only_what_may_begin_a_secret() -> None:
    stream = Masker(["hunter2"]).stream()
    assert stream.feed(b"password: ") == b"password: "
    assert stream.feed(b"hun\n") == b""
    assert stream.feed(b"ters") == b"hun\nters"
    assert stream.feed(b"hunter") == b""
    assert stream.feed(b"2!") == b"******!"
    assert stream.flush() == b""


def test_a_stream_that_ends_within_a_possible_secret_gives_it_out() -> None:
    stream = Masker(["hunter2"]).stream()
    stream.feed(b"a hunter")
    assert stream.flush() == b"hunter"
    assert stream.feed(b"2") == b"2"


def test_an_endless_run_of_line_breaks_is_not_held_back() -> None:
    stream = Masker(["hunter2"]).stream()
    stream.feed(b"h")
    given_out = sum(len(stream.feed(b"\n" * 1000)) for _ in range(100))
    assert given_out == 100_001


def test_bytes_that_are_no_text_pass_through_a_stream_unchanged() -> None:
    noise = bytes(range(256)) * 20
    stream = Masker(["hunter2"]).stream()
    assert stream.feed(noise + b"hunter2") + stream.flush() == noise + b"******"


def test_a_secret_with_bytes_that_are_no_text_is_masked_in_streams_and_texts() -> None:
    secret = b"pass\xff\xfeword".decode("utf-8", "surrogateescape")
    masker = Masker([secret])
    assert masker.text(f"a {secret} b \ud800") == "a ****** b \ud800"
    assert masker.stream().feed(b"a pass\xff\xfeword b") == b"a ****** b"


def test_a_masker_of_nothing_hands_back_what_it_gets() -> None:
    text, chunk = "some text", b"some bytes"
    masker = Masker(["", ""])
    stream = masker.stream()
    assert masker.text(text) is text
    assert stream.feed(chunk) is chunk
    assert stream.flush() == b""


def test_a_masker_survives_pickling_copies_as_itself_and_shows_no_secret() -> None:
    masker = Masker(["hunter2"])
    assert copy.deepcopy(masker) is masker
    assert pickle.loads(pickle.dumps(masker)).text("hunter2") == "******"
    assert "hunter2" not in repr(masker)


def test_a_stream_masker_can_be_pickled_in_the_middle_of_a_secret() -> None:
    stream = Masker(["hunter2"]).stream()
    stream.feed(b"hunt")
    assert pickle.loads(pickle.dumps(stream)).feed(b"er2") == b"******"

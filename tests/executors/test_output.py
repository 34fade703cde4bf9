"""What is kept of a long output."""

from hypothesis import given
from hypothesis import strategies as st

from executors.output import LONGEST_LINE, Captured


def captured(*chunks: bytes, limit: int = 100, hide: object = str) -> tuple[Captured, list[str]]:
    told: list[str] = []
    stream = Captured(limit=limit, tell=told.append, hide=hide)  # type: ignore[arg-type]
    for chunk in chunks:
        stream.feed(chunk)
    stream.close()
    return stream, told


def test_lines_are_told_when_they_are_complete() -> None:
    told: list[str] = []
    stream = Captured(limit=100, tell=told.append)
    stream.feed(b"one\ntw")
    assert told == ["one"]
    stream.feed(b"o\n")
    assert told == ["one", "two"]


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_a_short_output_is_kept_whole_however_it_arrives(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    stream, told = captured(*chunks)
    expected = whole.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    lines = [line.rstrip("\r") for line in expected.split("\n")]
    assert stream.text() == "\n".join(lines)
    assert told == (lines[:-1] if not lines[-1] and not whole.endswith(b"\r") else lines)[: len(told)]
    assert (stream.truncated, stream.total_bytes) == (False, len(whole))


@given(st.integers(1, 400), st.integers(1, 60), st.integers(20, 300))
def test_head_and_tail_of_a_long_output_are_kept_within_the_limit(lines: int, width: int, limit: int) -> None:
    numbered = [f"{number:04d}" + "x" * width for number in range(lines)]
    whole = ("\n".join(numbered) + "\n").encode()
    stream, told = captured(*(whole[at : at + 64] for at in range(0, len(whole), 64)), limit=limit)
    text = stream.text()
    assert stream.total_bytes == len(whole)
    if not stream.truncated:
        assert text == whole.decode()
        return
    kept = text.replace(stream._mark() + "\n", "")
    assert len(kept) <= limit
    assert text.endswith("\n") or whole.decode().endswith(text[-5:])
    assert [line for line in told if line.startswith("…")] == [stream._mark()]


def test_the_end_of_a_flood_is_there() -> None:
    whole = "".join(f"line {number}\n" for number in range(200_000)).encode()
    stream, told = captured(*(whole[at : at + 65536] for at in range(0, len(whole), 65536)), limit=1000)
    assert stream.text().startswith("line 0\nline 1\n")
    assert stream.text().endswith("line 199998\nline 199999\n")
    assert stream.truncated
    assert stream.total_bytes == len(whole)
    assert len(told) < 200


def test_a_line_without_end_does_not_grow_for_ever() -> None:
    stream, told = captured(*[b"x" * 65536] * 20, limit=4 * LONGEST_LINE)
    assert max(map(len, told)) <= 4 * LONGEST_LINE
    assert len(stream.text()) < 5 * LONGEST_LINE


def test_what_a_database_cannot_hold_is_replaced() -> None:
    stream, told = captured(b"a\0b \xff\r\n")
    assert told == ["a\N{REPLACEMENT CHARACTER}b \N{REPLACEMENT CHARACTER}"]
    assert stream.text() == told[0] + "\n"


def test_secrets_are_hidden_before_anything_is_cut() -> None:
    def hide(text: str) -> str:
        return text.replace("s3cret", "******")

    stream, told = captured(*[b"s3cret s3cret s3cret\n"] * 50, limit=64, hide=hide)
    assert "s3cret" not in stream.text() + "".join(told)
    assert "cret" not in stream.text()


def test_the_last_line_that_says_something() -> None:
    stream, _ = captured(b"trace\nError: no such table\n\n")
    assert stream.last_line() == "Error: no such table"
    assert captured(b"")[0].last_line() == ""

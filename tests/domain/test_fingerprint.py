"""Errors that differ only in their details are one error."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks_app.domain.fingerprint import fingerprint, masked


@pytest.mark.parametrize(
    ("one", "other", "mask"),
    [
        ("HTTP 503 after 1.25 s", "HTTP 502 after 30 s", "http <number> after <number> s"),
        (
            "no row 0f8fad5b-d9cb-469f-a165-70867728950e",
            "no row 7C9E6679-7425-40DE-944B-E07FC1F90AE7",
            "no row <uuid>",
        ),
        ("key 'bitcoin' missing", "key 'it is\\ done' missing", "key <text> missing"),
        ('key "a" missing', 'key "b c" missing', "key <text> missing"),
        ("cannot open /var/log/a.txt", "cannot open C:\\temp\\b.log", "cannot open <path>"),
        ("GET https://a.example/x?y=1 failed", "GET http://b.example:80/ failed", "get <url> failed"),
        ("at 0x7f3a9c001d40", "at 0x55d0", "at <hex>"),
        ("commit deadbeef01 unknown", "commit 861cdee9aa unknown", "commit <hex> unknown"),
        ("10.0.0.1:5432 refused", "127.0.0.1:5432 refused", "<number> refused"),
        ("it  broke\n twice", "It broke TWICE", "it broke twice"),
    ],
)
def test_details_do_not_make_another_error(one: str, other: str, mask: str) -> None:
    assert masked(one) == masked(other) == mask
    assert fingerprint("timeout", one) == fingerprint("timeout", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("connection refused", "connection reset"),
        ("can't open file, won't retry", "can't close file, won't retry"),
        ("read and/or write failed", "read failed"),
        ("decade of facade", "defaced"),
    ],
)
def test_different_words_make_another_error(one: str, other: str) -> None:
    assert fingerprint("network_error", one) != fingerprint("network_error", other)


def test_the_kind_belongs_to_the_error() -> None:
    assert fingerprint("timeout", "gone") != fingerprint("network_error", "gone")


def test_a_fingerprint_is_the_same_for_ever() -> None:
    assert fingerprint("timeout", "HTTP 503 after 1.25 s") == "1e7f17f65abcffeb"


@given(kind=st.text(max_size=20), message=st.text(max_size=300))
def test_any_message_has_one_and_masking_again_changes_nothing_that_matters(kind: str, message: str) -> None:
    found = fingerprint(kind, message)
    assert len(found) == 16 and int(found, 16) >= 0
    assert found == fingerprint(kind, f"  {message}\n")


@pytest.mark.parametrize("piece", ["'", '"', "a/", "/", "0x", "f0", "http://", "1.", "-", "a1b2c3d4", "\\"])
def test_a_hostile_message_takes_no_time(piece: str) -> None:
    began = time.perf_counter()
    fingerprint("timeout", piece * 500_000)
    assert time.perf_counter() - began < 0.1

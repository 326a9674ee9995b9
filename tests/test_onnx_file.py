from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humatte import catalog
from humatte.network import FACTS_KEY, PICTURES_KEY
from humatte.onnx_file import metadata_of


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    head = b""
    while value > 0x7F:
        head += bytes([value & 0x7F | 0x80])
        value >>= 7
    return head + bytes([value])


@pytest.mark.parametrize("name", catalog.names())
def test_it_is_what_the_runtime_reads(name: str) -> None:
    import onnxruntime

    path = catalog.find(name)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = metadata_of(path.read_bytes())
    assert found == session.get_modelmeta().custom_metadata_map
    assert {FACTS_KEY, PICTURES_KEY} <= set(found)


def test_entries_lie_among_other_fields() -> None:
    entry = field(1, b"key") + field(2, "värde".encode())
    numbers = varint(1 << 3) + varint(300) + varint(2 << 3 | 5) + bytes(4) + varint(3 << 3 | 1)
    data = numbers + bytes(8) + field(14, entry) + field(7, b"x" * 300) + field(14, field(1, b"e"))
    assert metadata_of(data) == {"key": "värde", "e": ""}
    assert metadata_of(b"") == {}


@pytest.mark.parametrize(
    "damaged",
    [
        b"\x80",
        b"\x72\x05ab",
        b"\x73",
        b"\xff" * 12,
        field(14, b"\x0a\x05a"),
        field(14, b"\x0a\x01\xff"),
    ],
)
def test_what_is_damaged_is_a_value_error(damaged: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        metadata_of(damaged)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(metadata_of(data), dict)

"""A body in remove.bg's ways, to its fields: JSON, a plain form, base64.

Bodies have tens of megabytes, and what parsers make of them may have fifty times that. So what no
honest body holds (many objects, many fields, many escapes) is counted first, and refused.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from urllib.parse import unquote_plus

from humatte.server.refusals import Refusal
from humatte.server.removebg_words import PARAMETERS

MAIN, BEHIND, BASE64 = "image_file", "bg_image_file", "image_file_b64"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
_MOST_FIELDS = 64
_MOST_TEXT = 300  # characters of a parameter that is text
_MOST_CODED = 12 * _MOST_TEXT  # bytes of it in a form: four of UTF-8 a character, three each
_ESCAPED = 16  # one byte of so many, at most: base64 in JSON has 1 in 32, with its / as \/
# What base64 and its prefix "data:image/png;base64," hold that forms write as escapes.
_ESCAPES = {code: bytes([int(code, 16)]) for code in (b"2B", b"2F", b"3D", b"3A", b"3B", b"2C")}
_BLANK = b" \t\r\n\v\f"


def fields_of(kind: str, body: bytes) -> dict[str, bytes]:
    """The fields that a body of type `JSON` or `FORM` holds.

    Raises:
        Refusal: it is broken, or has a field that is none of remove.bg's.
    """
    try:
        found = _form(body) if kind == FORM else _json(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "bad_body", "the body is broken; expected JSON or a form") from None
    for name in found:
        if name not in (BASE64, *PARAMETERS):
            raise Refusal(400, "unknown_parameter", f"unknown parameter '{name[:40]}'")
    return found


def _json(body: bytes) -> dict[str, bytes]:
    nested = body.count(b"{") > 1 or body.count(b"[") > 0
    many = body.count(b",") > _MOST_FIELDS
    if nested or many or body.count(b"\\") > _MOST_FIELDS + len(body) // _ESCAPED:
        raise ValueError("not an object of texts")
    given = json.loads(body)
    if not isinstance(given, dict):
        raise ValueError("not an object")
    return {name: _text_of(value).encode() for name, value in given.items() if value is not None}


def _text_of(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ValueError("neither text nor number")


def _form(body: bytes) -> dict[str, bytes]:
    if body.count(b"&") >= _MOST_FIELDS:
        raise ValueError("too many fields")
    found = {}
    for pair in filter(None, body.split(b"&")):
        coded, _, value = pair.partition(b"=")
        name = _unescaped(coded)
        found[name] = _picture(value) if name == BASE64 else _unescaped(value).encode()
    return found


def _unescaped(coded: bytes) -> str:
    if len(coded) > _MOST_CODED:
        raise Refusal(400, "bad_parameter", "a parameter is too long; expected a word")
    return unquote_plus(coded.decode("utf-8"), errors="replace")


def _picture(coded: bytes) -> bytes:
    """Base64 as it was before a form escaped it. What else is escaped is none."""
    for line_end in (b"%0D", b"%0d", b"%0A", b"%0a"):
        coded = coded.replace(line_end, b"")
    for code, byte in _ESCAPES.items():
        coded = coded.replace(b"%" + code, byte).replace(b"%" + code.lower(), byte)
    return coded


def sorted_out(parts: Mapping[str, bytes]) -> tuple[dict[str, bytes], dict[str, str]]:
    """The pictures among the parts, and the parameters that are text; empty ones are not given.

    Raises:
        Refusal: a parameter is too long, there are several pictures, or one is not base64.
    """
    pictures = {name: parts[name] for name in (MAIN, BEHIND) if parts.get(name)}
    fields = {}
    for name in PARAMETERS:
        coded = parts.get(name, b"")
        text = coded[:_MOST_CODED].decode("utf-8", "replace").strip()
        if len(text) > _MOST_TEXT or len(coded) > _MOST_CODED:
            raise Refusal(400, "bad_parameter", f"{name} is too long; expected a word")
        if text:
            fields[name] = text
    coded = parts.get(BASE64, b"")
    if bool(coded) + (MAIN in pictures) + ("image_url" in fields) > 1:
        raise Refusal(
            400, "multiple_sources", "several pictures; expected image_file or image_file_b64"
        )
    if coded:
        pictures[MAIN] = _decoded(coded)
    return pictures, fields


def _decoded(coded: bytes) -> bytes:
    if coded.startswith(b"data:"):
        coded = coded.partition(b",")[2]
    try:
        return base64.b64decode(coded.translate(None, _BLANK), validate=True)
    except binascii.Error:
        raise Refusal(400, "invalid_file", f"{BASE64} is not base64; send it anew") from None

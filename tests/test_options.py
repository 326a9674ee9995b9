from __future__ import annotations

from typing import Any

import pytest

from humatte.composite import Background
from humatte.effects import Shadow
from humatte.errors import UsageError
from humatte.framing import Framing, Wish
from humatte.lengths import Length, parse_length, parse_share
from humatte.options import PLAIN, parse_options
from humatte.parts import Choice


def test_nothing_asked_is_plain() -> None:
    assert parse_options() == PLAIN
    assert parse_options(crop=False, shadow=False) == PLAIN
    assert PLAIN.transparent


def test_python_may_say_true_or_a_number() -> None:
    found = parse_options(crop=True, pad=3, size=64, shadow=True, outline=2, aspect=1)
    assert found.framing == Framing(Length(5, True), 1, (Length(3),) * 4, Wish(long_side=64))
    assert found.effects.shadow == Shadow()
    assert found.effects.outline and found.effects.outline.width == Length(2)
    assert parse_options(crop=20).framing.crop == Length(20)


def test_an_id_photo_is_white_and_of_300_dpi_unless_asked_otherwise() -> None:
    found = parse_options(id_photo="35x45mm")
    assert (found.background.colour, found.dpi) == ((255, 255, 255), 300)
    assert found.person == Choice("largest")  # and of one person
    assert parse_options(id_photo="35x45mm", person="all").person is None
    other = parse_options(id_photo="35x45mm", background="none", dpi=600)
    assert (other.transparent, other.dpi) == (True, 600)
    assert parse_options(id_photo="35x45mm", alpha_only=True).background == Background(none=True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"alpha_only": True, "shadow": True}, "leave --shadow out"),
        ({"alpha_only": True, "outline": 3}, "leave --outline out"),
        ({"id_photo": "35x45mm", "crop": True}, "leave --crop out"),
        ({"id_photo": "35x45mm", "size": 100}, "leave --size out"),
        ({"aspect": "1:1"}, "give --crop too"),
        ({"fit": "tile"}, "--fit is for a picture"),
        ({"fit": "tile", "background": "red"}, "--fit is for a picture"),
        ({"dpi": 0}, "expected 10 to 5000"),
        ({"background": "#ff000080"}, "transparent"),
    ],
)
def test_contradictions_are_refused(words: dict[str, object], expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        parse_options(**words)  # type: ignore[arg-type]


def test_lengths_and_shares() -> None:
    assert parse_length(" 12.5px ", "x") == Length(12.5)
    assert parse_length("-3%", "x", signed=True).px(200) == -6
    assert (str(Length(2.5, True)), str(Length(10))) == ("2.5%", "10")
    assert [parse_share(text, "x") for text in ("40%", "0.4", ".4", "1", "0")] == [
        0.4,
        0.4,
        0.4,
        1,
        0,
    ]
    for text in ("", "2", "-1", "140%", "half"):
        with pytest.raises(UsageError):
            parse_share(text, "x")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, 0),
        ({"crop": True, "pad": "10"}, 0),
        ({"size": "2000x1000"}, 2),
        ({"size": "3000"}, 9),
        ({"size": "x2000"}, 4),
        ({"id_photo": "1x2in", "dpi": 1000}, 2),
    ],
)
def test_what_is_known_of_a_results_size(words: dict[str, Any], expected: float) -> None:
    assert parse_options(**words).megapixels == expected

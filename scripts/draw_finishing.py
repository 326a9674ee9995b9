"""Draws docs/finishing.jpg: what each finishing option makes of the example photo.

Run: python scripts/draw_finishing.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

import humatte

ROOT = Path(__file__).parent.parent
PHOTO = ROOT / "examples" / "astronaut.jpg"
CELL, LABEL = 200, 18


def checkers(height: int, width: int, cell: int = 8) -> np.ndarray:
    """What picture editors show behind transparency."""
    odd = (np.indices((height, width)) // cell).sum(axis=0) % 2
    return np.where(odd, 255, 205).astype(np.uint8)[..., None].repeat(3, axis=2)


def shown(pixels: np.ndarray) -> Image.Image:
    """A result, fitted into a cell; transparency on checkers."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((CELL, CELL), Image.Resampling.LANCZOS)
    if picture.mode == "RGBA":
        behind = Image.fromarray(checkers(picture.height, picture.width))
        behind.paste(picture, mask=picture.getchannel("A"))
        picture = behind
    return picture.convert("RGB")


def hints(photo: np.ndarray) -> dict[str, np.ndarray]:
    """One hint of each kind."""
    keep, drop, mask = np.zeros((3, *photo.shape[:2]), np.uint8)
    keep[:200, 380:450] = 255  # the rocket
    drop[300:, 300:] = 255  # the helmet
    mask[:260, 120:320] = 255  # the head
    trimap = np.full(photo.shape[:2], 128, np.uint8)
    trimap[:, 360:] = 0
    return {"keep": keep, "drop": drop, "trimap": trimap, "mask": mask}


def two_people(photo: np.ndarray) -> np.ndarray:
    """The astronaut twice, the second one smaller and to the right."""
    person = Image.fromarray(humatte.cutout(photo, person="largest", crop="0"))
    scene = Image.new("RGB", (800, 512), (150, 165, 160))
    scene.paste(person, (0, 512 - person.height), person)
    small = person.resize((person.width * 3 // 5, person.height * 3 // 5))
    scene.paste(small, (530, 512 - small.height), small)
    return np.asarray(scene)


def panels(beach: str) -> list[tuple[str, np.ndarray]]:
    """Every option with its result; `beach` is a background picture."""
    with Image.open(PHOTO) as opened:
        photo = np.asarray(opened.convert("RGB"))
    Image.fromarray(photo[:180, 300:]).save(beach)
    two = two_people(photo)
    one: dict[str, Any] = {"person": "largest"}
    white = {"background": "white"}
    cases: list[tuple[str, np.ndarray, dict[str, Any]]] = [
        ("crop", photo, one | {"crop": True}),
        ("crop 10%, aspect 1:1", photo, one | {"crop": "10%", "aspect": "1:1"}),
        (
            "crop, aspect 2:1, blur",
            photo,
            one | {"crop": True, "aspect": "2:1", "background": "blur"},
        ),
        ("pad 40, gray", photo, one | {"pad": 40, "background": "gray"}),
        ("size 300x200, teal", photo, one | {"size": "300x200", "background": "teal"}),
        ("id-photo 2x2in", photo, {"id_photo": "2x2in"}),
        ("blur:12", photo, one | {"background": "blur:12"}),
        ("shadow", photo, one | {"shadow": True, "crop": True}),
        ("shadow, white", photo, one | white | {"shadow": True, "crop": True}),
        ("shadow x=20,blur=2,colour=navy", photo, one | {"shadow": "x=20,y=10,blur=2,colour=navy"}),
        ("outline 8, sky blue", photo, one | {"outline": 8, "crop": True, "background": "skyblue"}),
        (
            "outline 8:gold, shadow",
            photo,
            one | {"outline": "8:gold", "shadow": True, "crop": True},
        ),
        ("fit cover", photo, one | {"background": beach}),
        ("fit contain", photo, one | {"background": beach, "fit": "contain"}),
        ("fit tile", photo, one | {"background": beach, "fit": "tile"}),
        ("two people", two, {}),
        ("person largest", two, one),
        ("person at 640,400", two, {"person": "at 640,400"}),
        ("no hint", photo, {}),
    ]
    cases += [(name, photo, {name: hint}) for name, hint in hints(photo).items()]
    cases.append(("alpha", photo, {"alpha_only": True}))
    return [(name, humatte.cutout(image, **words)) for name, image, words in cases]


def main() -> None:
    """Writes the picture."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = panels(f"{folder}/beach.png")
    columns = 6
    rows = -(-len(drawn) // columns)
    sheet = Image.new("RGB", (columns * CELL, rows * (CELL + LABEL)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (name, pixels) in enumerate(drawn):
        left, top = number % columns * CELL, number // columns * (CELL + LABEL)
        sheet.paste(shown(pixels), (left, top + LABEL))
        pen.text((left + 3, top + 3), name, fill="black")
    sheet.save(ROOT / "docs" / "finishing.jpg", quality=85)


if __name__ == "__main__":
    main()

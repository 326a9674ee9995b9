"""Photographed things that are not people, with transparency, for `data.things` of a recipe.

    apt-get download tuxpaint-stamps-default && dpkg -x tuxpaint-stamps-default_*.deb stamps
    python scripts/things_from_stamps.py stamps/usr/share/tuxpaint/stamps things

The stamps of Tux Paint (GPL-2): photographed animals, fruit, plants, instruments, tools, vehicles.
People, what people wear, toys and drawn things are left out. Into the same folder as the things of
things_from_emoji.py: a folder that exists is added to.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

LEFT_OUT = ("symbols", "people", "military", "naturalforces", "medical", "clothes")
NOT_A_PHOTO = "cartoon mirror hedgehog german_christmas_toy santa easter hanukkah spacewalk flags"
MIN_SIDE = 150


def is_thing(stamp: Path) -> bool:
    """Whether a stamp, by its path below the folder, is a photograph of no person."""
    named = stamp.as_posix().lower()
    return stamp.parts[0] not in LEFT_OUT and not any(word in named for word in NOT_A_PHOTO.split())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stamps", type=Path, help="Tux Paint's folder of stamps")
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    written = 0
    for path in sorted(options.stamps.rglob("*.png")):
        stamp = path.relative_to(options.stamps)
        if not is_thing(stamp):
            continue
        with Image.open(path) as opened:
            image = opened.convert("RGBA")
        alpha = image.getchannel("A").histogram()
        transparent, opaque = sum(alpha[:5]), sum(alpha[251:])
        if max(image.size) < MIN_SIDE or min(transparent, opaque) < 0.03 * sum(alpha):
            continue  # too coarse to be taken for a photo, or hardly a cut-out
        image.save(options.out / f"stamp_{'_'.join(stamp.with_suffix('').parts)}.png")
        written += 1
    print(f"{written} things in {options.out}")


if __name__ == "__main__":
    main()

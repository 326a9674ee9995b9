"""A set of hard pictures whose mattes are known, to see what a network does where it is not easy.

    python benchmarks/hard_pictures.py --data DIR --out HARD [--things THINGS]
    humatte evaluate night dawn --data HARD --list all --by source

The people of a list that no network was trained on, laid over photos without people: groups, small
people, people cut off by the frame, turned, half hidden, in low light, among things. The column
`source` of the set says which. Colour, noise and compression vary as in training. What it cannot
show: backs and strange poses, which the people of the list do not have.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from humatte.data.layouts import find_backgrounds, find_set, find_things, write_sources
from humatte.image_io import Kept, encode, write
from humatte.train.augment import Sources, make_sample
from humatte.train.recipe import AugmentPart
from humatte.train.samples import build_store

ALWAYS = {"replace_background": 1.0, "empty": 0.0, "drawn": 0.0, "group": 0.0, "gray": 0.0}
KINDS = {
    "plain": {},
    "groups": {"group": 1.0, "people": 5, "scale": (0.45, 1.1)},
    "small": {"scale": (0.15, 0.35)},
    "cut off": {"scale": (1.7, 3.0)},
    "turned": {"rotate_degrees": 60.0},
    "hidden": {"occluder": 1.0},
    "low light": {"dark": 1.0},
    "among things": {"thing": 1.0},
}
SIZES = ((480, 360), (360, 480), (480, 480))


def main() -> None:
    """Draws the set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--things", type=Path, help="cut-outs of things; drawn blobs without")
    parser.add_argument("--list", default="val.txt")
    parser.add_argument("--count", type=int, default=60, help="pictures of each kind")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rows = {}
    with tempfile.TemporaryDirectory() as cache:
        people = build_store(find_set(options.data, "people", options.list), Path(cache), 480)
        scenes = build_store(find_backgrounds(options.data / "background"), Path(cache), 480)
        things = find_things(options.things) if options.things else []
        sources = Sources(people, scenes, build_store(things, Path(cache), 480) if things else None)
        for place, (kind, changes) in enumerate(KINDS.items()):
            part = AugmentPart.model_validate(ALWAYS | changes)
            for number in range(options.count):
                rng = np.random.default_rng([options.seed, place, number])
                image, alpha = make_sample(
                    sources, int(rng.integers(len(people))), SIZES[number % 3], part, rng
                )
                name = f"{kind.replace(' ', '_')}_{number:03}"
                write(encode(image, "PNG", Kept()), options.out / "image" / f"{name}.png")
                write(encode(alpha, "PNG", Kept()), options.out / "alpha" / f"{name}.png")
                rows[name] = {"source": kind}
    write_sources(options.out, rows)
    print(f"{len(rows)} pictures in {options.out}")


if __name__ == "__main__":
    main()

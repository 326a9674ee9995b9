"""A folder of cut-outs of things that are not people, for `data.things` of a training recipe.

    npm pack @lobehub/fluent-emoji-3d && tar xzf lobehub-fluent-emoji-3d-*.tgz
    npm pack unicode-emoji-json && mkdir names && tar xzf unicode-emoji-json-*.tgz -C names
    python scripts/things_from_emoji.py package/assets names/package/data-by-emoji.json things

Microsoft's Fluent emoji (MIT licence): animals, food, vehicles, tools as rendered solids with soft
edges, 256 x 256 pixels. Faces, people, clothes, dolls, statues, flags and symbols are left out.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

GROUPS = ("Animals & Nature", "Food & Drink", "Travel & Places", "Activities", "Objects")
# People wear them, or they are people of a kind: a network must not learn that they are nobody.
PERSONAL_WORDS = """
glasses sunglasses goggles lab_coat safety_vest necktie t_shirt jeans scarf gloves coat socks
dress kimono sari one_piece_swimsuit briefs shorts bikini woman_s_clothes purse handbag
clutch_bag backpack thong_sandal man_s_shoe running_shoe hiking_boot flat_shoe high_heeled_shoe
woman_s_sandal ballet_shoes woman_s_boot hair_pick crown woman_s_hat top_hat graduation_cap
billed_cap military_helmet rescue_worker_s_helmet headphone x_ray mirror moai
identification_card martial_arts_uniform running_shirt boxing_glove diving_mask goal_net
japanese_dolls nesting_dolls flower_playing_cards joker performing_arts framed_picture wedding
statue_of_liberty person new_moon_face first_quarter_moon_face last_quarter_moon_face
full_moon_face sun_with_face wind_face playground_slide
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("assets", type=Path, help="folder of CODE.webp with transparency")
    parser.add_argument("names", type=Path, help="data-by-emoji.json")
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True)
    copied = 0
    for emoji, facts in json.loads(options.names.read_text("utf-8")).items():
        personal = facts["slug"] in PERSONAL_WORDS.split()
        code = "-".join(f"{ord(character):04x}" for character in emoji)
        source = options.assets / f"{code}.webp"
        if facts["group"] in GROUPS and not personal and source.is_file():
            shutil.copy(source, options.out / f"{facts['slug']}.webp")
            copied += 1
    print(f"{copied} things in {options.out}")


if __name__ == "__main__":
    main()

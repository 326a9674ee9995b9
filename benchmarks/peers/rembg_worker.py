"""Cut-outs with rembg, a network of ours in place of its own: "source<TAB>target" on stdin.

rembg scales what goes in, and stretches what comes out, by rules for its own networks: the mattes
are of no use, the time is that of its pipeline.
"""

import os
import sys
from pathlib import Path

from PIL import Image


def main(model: str) -> None:
    """As rembg's folder command does it: one session, pictures one after the other."""
    # It opens networks from its own folder alone.
    os.environ["U2NET_HOME"] = str(Path(model).parent)
    from rembg import new_session, remove  # noqa: PLC0415  (reads that when imported)

    session = new_session("u2net_custom", model_path=model)
    for line in sys.stdin:
        source, target = line.rstrip("\n").split("\t")
        if target.endswith(".webm"):
            from clips import cut_clip  # noqa: PLC0415  (pictures need no PyAV)

            cut_clip(source, target, lambda rgb: remove(rgb, session=session))
            continue
        with Image.open(source) as opened:
            remove(opened, session=session).save(target)


if __name__ == "__main__":
    main(sys.argv[1])

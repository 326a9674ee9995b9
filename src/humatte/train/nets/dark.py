"""Dark: the LikeUnet network for gray pictures.

`night`'s layers on one input channel. In: RGB batch in [0, 1]; OpenCV's gray in 0..255, which the
original is fed, is made inside. Out: alpha in [0, 1].
"""

from __future__ import annotations

from torch import Tensor

from humatte.train.nets.layers import gray_255
from humatte.train.nets.night import Night


class Dark(Night):
    """LikeUnet `dark`: `night` on gray, 1.77 M weights.

    Source: the LikeUnet family's published layer description (dark.json).
    """

    input_channels = 1

    def original_input(self, batch: Tensor) -> Tensor:
        """What the original is fed, of an RGB batch (N, 3, h, w) in [0, 1]: gray, 0..255."""
        return gray_255(batch)

"""Night: the LikeUnet network for colour pictures.

A U-Net with one convolution per level and one level more than the 2015 U-Net. Layers, order and
counts are those of the original, so its weights and ours are interchangeable.

In: RGB batch in [0, 1]. Out: alpha in [0, 1]. The original's own input (BGR, 0..255) is made
inside, so that an exported file carries it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from humatte.train.nets.layers import (
    INPUT_SCALE,
    TwoClassNetwork,
    bgr_255,
    keras_norm,
    same_conv,
    scaled,
    up_twice,
)

_ENCODER = (16, 32, 64, 128, 256)  # channels after each pooling, strides 2, 4, 8, 16, 32
_DECODER = (128, 64, 32, 16, 8)


class Decode(nn.Module):
    """One decoder step: transposed convolution, x2, join the skip, convolution.

    A stride-1 "same" transposed convolution is a convolution with its kernel turned by 180 degrees
    and its channels swapped; it is kept as that convolution, which every runtime does faster. The
    Keras importer turns the kernels.
    """

    def __init__(self, channels_in: int, channels_skip: int, channels_out: int) -> None:
        super().__init__()
        self.turn = same_conv(channels_in, channels_out)
        self.join = same_conv(channels_skip + channels_out, channels_out)

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        """Maps x (N, C, h, w) and a skip (N, S, 2h, 2w) to (N, out, 2h, 2w)."""
        x = up_twice(F.relu(self.turn(x)))
        if skip is not None:
            x = torch.cat((skip, x), dim=1)
        return F.relu(self.join(x))


class Night(TwoClassNetwork):
    """LikeUnet `night`: 1.77 M weights, any height and width that are multiples of 32.

    Source: the LikeUnet family's published layer description (night.json).
    """

    stride = 32
    input_channels = 3

    def __init__(self, width: float = 1.0) -> None:
        """Builds the network; `width` scales every inner channel count (1.0 is the original)."""
        super().__init__()
        encoder, decoder = scaled(_ENCODER, width), scaled(_DECODER, width)
        self.encoder = nn.ModuleList(
            same_conv(a, b) for a, b in zip([self.input_channels, *encoder], encoder, strict=False)
        )
        self.neck_norm = keras_norm(encoder[-1])
        self.neck = same_conv(encoder[-1], encoder[-1])
        skips = [*encoder[-2::-1], 0]
        inputs = [encoder[-1], *decoder[:-1]]
        self.decoder = nn.ModuleList(
            Decode(a, s, b) for a, s, b in zip(inputs, skips, decoder, strict=True)
        )
        self.head = same_conv(decoder[-1], 2, kernel=1)
        with torch.no_grad():
            self.encoder[0].weight.div_(INPUT_SCALE)  # type: ignore[operator]

    def learning_rate_scales(self) -> dict[str, float]:
        """Parameters whose learning rate is not the recipe's, and the factor for each."""
        return {"encoder.0.weight": 1 / INPUT_SCALE}

    def original_input(self, batch: Tensor) -> Tensor:
        """What the original is fed, of an RGB batch (N, 3, h, w) in [0, 1]: BGR, 0..255."""
        return bgr_255(batch)

    def logits(self, batch: Tensor) -> Tensor:
        """Scores (N, 2, h, w) for (background, person) of an RGB batch (N, 3, h, w) in [0, 1]."""
        x = self.original_input(batch)
        skips: list[Tensor | None] = []
        for conv in self.encoder:
            x = F.relu(F.max_pool2d(conv(x), 2))  # = pool(relu), on a quarter of the values
            skips.append(x)  # (N, 16, h/2, w/2) ... (N, 256, h/32, w/32)
        x = F.relu(self.neck(self.neck_norm(x)))
        for decode, skip in zip(self.decoder, [*skips[-2::-1], None], strict=True):
            x = decode(x, skip)
        return self.head(x)

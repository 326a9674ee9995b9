"""Dark-light: the small LikeUnet network for gray pictures, with asymmetric convolution blocks.

In: RGB batch in [0, 1]; OpenCV's gray in 0..255, which the original is fed, is made inside. Out:
alpha in [0, 1]. Trains in the form with three kernels per main convolution; `fuse` gives the plain
network with the same function.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from humatte.train.nets.asymmetric import AsymmetricConv, ConvNorm, NormPlace, fuse
from humatte.train.nets.layers import (
    INPUT_SCALE,
    TwoClassNetwork,
    gray_255,
    same_conv,
    scaled,
    up_twice,
)

_STEM = 8
_ENCODER = (16, 32, 32, 32, 64)  # channels after each pooling, strides 2, 4, 8, 16, 32
_DECODER = (64, 32, 32, 32, 16)
_HEAD = 8


class DarkLight(TwoClassNetwork):
    """LikeUnet `dark-light`: 1 MB when fused; height and width are multiples of 32.

    Three forms of the same function: "training" has asymmetric blocks, "inference" one convolution
    and a BatchNorm in the place of each (the two forms that the original publishes), and what
    `fuse` returns has plain convolutions only.

    Source: the LikeUnet family's published layer descriptions (dark-light-pre.json, training;
    dark-light.json, inference).
    """

    stride = 32

    def __init__(
        self,
        width: float = 1.0,
        form: Literal["training", "inference"] = "training",
        norm_place: NormPlace = "sum",
    ) -> None:
        """Builds the network.

        Args:
            width: factor on every inner channel count; 1 is the original.
            form: which of the two published forms.
            norm_place: where the BatchNorm of an asymmetric block is: after the sum as in the
                original, or in each branch as in the ACNet paper.
        """
        super().__init__()

        def block(channels_in: int, channels_out: int) -> nn.Module:
            if form == "inference":
                return ConvNorm(channels_in, channels_out)
            return AsymmetricConv(channels_in, channels_out, norm_place=norm_place)

        stem, head = scaled((_STEM, _HEAD), width)
        encoder, decoder = scaled(_ENCODER, width), scaled(_DECODER, width)
        self.stem = same_conv(1, stem)
        self.encoder = nn.ModuleList(
            block(a, b) for a, b in zip([stem, *encoder], encoder, strict=False)
        )
        skips = [0, *encoder[-2::-1]]
        inputs = [encoder[-1], *decoder[:-1]]
        self.join = nn.ModuleList(
            block(s + a, b) for a, s, b in zip(inputs, skips, decoder, strict=True)
        )
        # Transposed in the original, and kept as plain convolutions: see `night.Decode`.
        self.turn = nn.ModuleList(ConvNorm(n, n) for n in decoder)
        self.last = same_conv(decoder[-1], head)
        self.head = same_conv(head, 2, kernel=1)
        with torch.no_grad():
            self.stem.weight.div_(INPUT_SCALE)

    def learning_rate_scales(self) -> dict[str, float]:
        """Parameters whose learning rate is not the recipe's, and the factor for each."""
        return {"stem.weight": 1 / INPUT_SCALE}

    def logits(self, batch: Tensor) -> Tensor:
        """Scores (N, 2, h, w) for (background, person) of an RGB batch (N, 3, h, w) in [0, 1]."""
        x = F.relu(self.stem(gray_255(batch)))  # (N, 8, h, w)
        pooled = []
        for block in self.encoder:
            x = F.relu(F.max_pool2d(block(x), 2))  # = pool(relu), on a quarter of the values
            pooled.append(x)  # (N, 16, h/2, w/2) ... (N, 64, h/32, w/32)
        skips = [None, *pooled[-2::-1]]
        for join, turn, skip in zip(self.join, self.turn, skips, strict=True):
            x = x if skip is None else torch.cat((skip, x), dim=1)
            x = up_twice(F.relu(turn(F.relu(join(x)))))  # (N, 64, h/16, w/16) ... (N, 16, h, w)
        return self.head(F.relu(self.last(x)))

    def fuse(self) -> DarkLight:
        """A copy with one plain convolution per block: the same function in evaluation mode."""
        return fuse(self)

"""U-Net: the 2015 network, with "same" padding so that the output has the input's size.

In: RGB batch in [0, 1]. Out: alpha in [0, 1].
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from humatte.train.nets.layers import TwoClassNetwork, same_conv, scaled, standardised

_LEVELS = (64, 128, 256, 512, 1024)  # channels at strides 1, 2, 4, 8, 16


class TwoConvs(nn.Module):
    """Two 3x3 convolutions with ReLU."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.first = same_conv(channels_in, channels_out)
        self.second = same_conv(channels_out, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Maps x (N, C, h, w) to (N, out, h, w)."""
        return F.relu(self.second(F.relu(self.first(x))))


class Unet(TwoClassNetwork):
    """The 2015 U-Net: 31 M weights; height and width are multiples of 16.

    Source: Ronneberger, Fischer and Brox 2015, "U-Net: Convolutional Networks for Biomedical Image
    Segmentation", figure 1. Differences: "same" padding; no dropout, whose random state a resumed
    run would have to carry.
    """

    stride = 16

    def __init__(self, width: float = 1.0) -> None:
        """Builds the network; `width` scales every inner channel count."""
        super().__init__()
        levels = scaled(_LEVELS, width)
        upwards = levels[::-1]
        self.down = nn.ModuleList(
            TwoConvs(a, b) for a, b in zip([3, *levels], levels, strict=False)
        )
        self.enlarge = nn.ModuleList(
            nn.ConvTranspose2d(a, b, kernel_size=2, stride=2) for a, b in pairwise(upwards)
        )
        self.up = nn.ModuleList(TwoConvs(2 * b, b) for b in upwards[1:])
        self.head = same_conv(levels[0], 2, kernel=1)

    def logits(self, batch: Tensor) -> Tensor:
        """Scores (N, 2, h, w) for (background, person) of an RGB batch (N, 3, h, w) in [0, 1]."""
        x = standardised(batch)
        skips = []
        for i, convs in enumerate(self.down):
            x = convs(F.max_pool2d(x, 2) if i else x)
            skips.append(x)  # (N, 64, h, w) ... (N, 1024, h/16, w/16)
        for enlarge, convs, skip in zip(self.enlarge, self.up, skips[-2::-1], strict=True):
            x = convs(torch.cat((skip, enlarge(x)), dim=1))  # (N, 512, h/8, w/8) ... (N, 64, h, w)
        return self.head(x)

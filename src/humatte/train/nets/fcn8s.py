"""FCN-8s: the baseline with a VGG-16 trunk.

In: RGB batch in [0, 1]. Out: alpha in [0, 1]. Scores of strides 8, 16 and 32 are summed and
enlarged eight times, bilinearly.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from humatte.train.nets.layers import (
    TwoClassNetwork,
    same_conv,
    scaled,
    standardised,
    up_twice,
)

_TRUNK = (64, 128, 256, 512, 512)  # channels of the five stages
_CONVS = (2, 2, 3, 3, 3)  # 3x3 convolutions in each
_FULL = 4096  # channels of fc6 and fc7, as convolutions


class Fcn8s(TwoClassNetwork):
    """FCN-8s on VGG-16: 134 M weights; height and width are multiples of 32.

    Sources: Long, Shelhamer and Darrell 2015, "Fully Convolutional Networks for Semantic
    Segmentation", section 4.2; Simonyan and Zisserman 2015, configuration D. Differences: "same"
    padding in place of 100 pixels and crops; enlarging is plain bilinear; no dropout, whose random
    state a resumed run would have to carry.
    """

    stride = 32

    def __init__(self, width: float = 1.0) -> None:
        """Builds the network; `width` scales every inner channel count, fc6 and fc7 too."""
        super().__init__()
        trunk, (full,) = scaled(_TRUNK, width), scaled((_FULL,), width)
        self.trunk = nn.ModuleList(
            nn.ModuleList(same_conv(a if i == 0 else b, b) for i in range(count))
            for a, b, count in zip([3, *trunk], trunk, _CONVS, strict=False)
        )
        self.fc6 = same_conv(trunk[-1], full, kernel=7)
        self.fc7 = same_conv(full, full, kernel=1)
        self.score3 = same_conv(trunk[2], 2, kernel=1)
        self.score4 = same_conv(trunk[3], 2, kernel=1)
        self.score7 = same_conv(full, 2, kernel=1)

    def logits(self, batch: Tensor) -> Tensor:
        """Scores (N, 2, h, w) for (background, person) of an RGB batch (N, 3, h, w) in [0, 1]."""
        x = standardised(batch)
        pools = []
        for stage in self.trunk:
            for conv in stage:  # type: ignore[attr-defined]
                x = F.relu(conv(x))
            x = F.max_pool2d(x, 2)
            pools.append(x)  # (N, 64, h/2, w/2) ... (N, 512, h/32, w/32)
        x = F.relu(self.fc7(F.relu(self.fc6(x))))  # (N, 4096, h/32, w/32)
        score = up_twice(self.score7(x)) + self.score4(pools[3])  # (N, 2, h/16, w/16)
        score = up_twice(score) + self.score3(pools[2])  # (N, 2, h/8, w/8)
        return F.interpolate(score, scale_factor=8, mode="bilinear", align_corners=False)

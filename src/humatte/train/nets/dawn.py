"""Dawn: a pretrained encoder and a light decoder that sees the picture's own pixels again.

In: RGB batch in [0, 1]. Out: alpha in [0, 1]. No BatchNorm: the pretrained encoder comes with its
own folded into biases, which trains as a frozen one does, faster on a CPU, and equal for batches of
any size and mixture.

Where the arithmetic goes (2.2 billion multiply-adds at 384 x 384): 0.8 to the encoder, which knows
the world; 1.0 to the decoder at strides 4 and 2, where edges are. Nothing runs at full size but the
final shuffle.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from humatte.train.nets.layers import ScoreNetwork, same_conv, scaled, up_twice
from humatte.train.nets.mobilenet import Encoder

_CONTEXT = 128  # channels at stride 32
_CONTEXT_BLOCKS = 2
_PIXELS = 16  # the 12 values of 2x2 pixels, mixed
# At strides 16, 8, 4, 2: channels that come from below, and of each 3x3 convolution. Multiples of
# 16, the vector width in which CPU runtimes lay channels out: 24 would cost as much as 32.
_DECODER = ((96, (96, 96)), (64, (64, 64)), (48, (48,)), (16, (32, 16)))


class Context(nn.Module):
    """What is in the whole picture, told to each of its places at stride 32.

    The mean of the picture's features is added to every place, as in the image pooling of Chen et
    al. 2017, "Rethinking Atrous Convolution", section 3.3; depthwise 5x5 convolutions look around.
    """

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.thin = same_conv(channels_in, channels, kernel=1)
        self.whole = same_conv(channels, channels, kernel=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                same_conv(channels, channels, kernel=5, groups=channels),
                nn.ReLU(),
                same_conv(channels, channels, kernel=1),
            )
            for _ in range(_CONTEXT_BLOCKS)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps x (N, C, h, w) to (N, channels, h, w)."""
        x = F.relu(self.thin(x))
        x = x + F.relu(self.whole(x.mean(dim=(2, 3), keepdim=True)))
        for block in self.blocks:
            x = F.relu(x + block(x))
        return x


class Ascend(nn.Module):
    """Thins the channels, x2, joins the skip, looks around."""

    def __init__(self, channels_in: int, thin: int, skip: int, around: list[int]) -> None:
        super().__init__()
        self.thin = same_conv(channels_in, thin, kernel=1)
        self.around = nn.ModuleList(same_conv(a, b) for a, b in pairwise([thin + skip, *around]))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Maps x (N, C, h, w) and a skip (N, skip, 2h, 2w) to (N, around[-1], 2h, 2w)."""
        x = torch.cat((up_twice(self.thin(x)), skip), dim=1)
        for conv in self.around:
            x = F.relu(conv(x))
        return x


class Dawn(ScoreNetwork):
    """`dawn`: MobileNetV2 1.0 as encoder, U-Net decoder; sides are multiples of 32.

    Sources: Sandler et al. 2018, "MobileNetV2" (the encoder); Ronneberger et al. 2015, "U-Net".
    """

    stride = 32

    def __init__(self, width: float = 1.0) -> None:
        """Builds the network; `width` scales every inner channel count."""
        super().__init__()
        self.encoder = Encoder(width, same_conv, 2, nn.ReLU6(), turned=True)
        *skips, deepest = self.encoder.channels
        channels, pixels = scaled((_CONTEXT, _PIXELS), width)
        # The picture itself, each 2x2 pixels as channels: exact positions, nothing at full size.
        self.pixels = nn.Conv2d(3, pixels, kernel_size=2, stride=2)
        skips[0] += pixels
        self.context = Context(deepest, channels)
        self.decoder = nn.ModuleList()
        for (below, counts), skip in zip(_DECODER, skips[::-1], strict=True):
            (thin,), around = scaled((below,), width), scaled(counts, width)
            self.decoder.append(Ascend(channels, thin, skip, around))
            channels = around[-1]
        self.head = same_conv(channels, 4)

    def original_input(self, batch: Tensor) -> Tensor:
        """What the encoder was trained on, of RGB (N, 3, h, w) in [0, 1]: (0..255 - 128) / 128."""
        return batch * (255 / 128) - 1

    def score(self, batch: Tensor) -> Tensor:
        """How much more person than background: (N, 1, h, w), the logit of alpha."""
        # Turned by 180 degrees from here to the end: see Encoder.
        picture = self.original_input(batch).flip(2, 3)
        *skips, x = self.encoder(picture)  # (N, 16, h/2, w/2) ... (N, 320, h/32, w/32)
        skips[0] = torch.cat((skips[0], self.pixels(picture)), dim=1)  # (N, 32, h/2, w/2)
        x = self.context(x)  # (N, 128, h/32, w/32)
        for ascend, skip in zip(self.decoder, skips[::-1], strict=True):
            x = ascend(x, skip)  # (N, 96, h/16, w/16) ... (N, 16, h/2, w/2)
        score = F.pixel_shuffle(self.head(x), 2)  # (N, 4, h/2, w/2) -> (N, 1, h, w)
        # Half precision would leave 1/256 between an alpha and 1: losses and edges need more.
        return score.float().flip(2, 3)

"""Night-lite: the fastest of the family, for colour pictures.

In: RGB batch in [0, 1]. Out: alpha in [0, 1]. A slim MobileNetV2 knows the world, if it starts from
published weights or from a larger network's, thinned; what is built on it trains with asymmetric
blocks, and `fuse` gives the plain network with the same function, below 1 MB of weights as float16.

Where the time goes decides its shape: nothing but the final shuffle runs at full size, channels are
few where the maps are large, and depth is spent at stride 32, where it is nearly free and where a
person as a whole is recognised.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from humatte.train.nets.asymmetric import AsymmetricConv, ConvNorm, NormPlace, fuse
from humatte.train.nets.layers import ScoreNetwork, same_conv, scaled, up_twice
from humatte.train.nets.mobilenet import SLIM, Encoder, Fed

_CONTEXT = 128  # channels at stride 32
_DEPTH = 2  # residual blocks there


def _look(
    channels_in: int, channels_out: int, place: NormPlace, stride: int = 1, groups: int = 1
) -> AsymmetricConv:
    # torch's BatchNorm follows ten times faster than Keras': with up to three norms a layer, the
    # statistics of a short run would otherwise still hold the start.
    return AsymmetricConv(channels_in, channels_out, stride, groups, place, nn.BatchNorm2d)


def _mix(channels_in: int, channels_out: int) -> ConvNorm:
    return ConvNorm(channels_in, channels_out, kernel=1, bias=False, norm=nn.BatchNorm2d)


class Separable(nn.Module):
    """pointwise(ReLU(depthwise(x))): nine weights a channel look around, the rest mixes.

    Adds its input where the shapes allow it, as MobileNetV2 does.
    """

    def __init__(
        self, channels_in: int, channels_out: int, norm_place: NormPlace, stride: int = 1
    ) -> None:
        super().__init__()
        self.around = _look(channels_in, channels_in, norm_place, stride, groups=channels_in)
        self.mix = _mix(channels_in, channels_out)
        self.residual = stride == 1 and channels_in == channels_out
        if self.residual:  # each block starts as little more than the identity (Goyal et al. 2017)
            nn.init.constant_(self.mix.norm.weight, 0.25)

    def forward(self, x: Tensor) -> Tensor:
        """Maps x (N, C, h, w) to (N, out, h / stride, w / stride)."""
        out: Tensor = self.mix(F.relu(self.around(x)))
        return F.relu(x + out if self.residual else out)


class Ascend(nn.Module):
    """Thins the channels, x2, adds the skip, looks around."""

    def __init__(self, channels_in: int, channels_out: int, norm_place: NormPlace) -> None:
        super().__init__()
        self.thin = _mix(channels_in, channels_out)
        self.around = _look(channels_out, channels_out, norm_place)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Maps x (N, C, h, w) and a skip (N, out, 2h, 2w) to (N, out, 2h, 2w)."""
        return F.relu(self.around(F.relu(up_twice(self.thin(x)) + skip)))


class NightLite(ScoreNetwork):
    """`night-lite`: below 1 MB when fused; height and width are multiples of 32.

    Source of the trunk: Sandler et al. 2018, "MobileNetV2".
    """

    stride = 32

    def __init__(self, width: float = 1.0, norm_place: NormPlace = "branch") -> None:
        """Builds the network in its training form.

        Args:
            width: factor on every inner channel count.
            norm_place: where the BatchNorm of an asymmetric block is.
        """
        super().__init__()
        # Not turned, unlike dawn's: at stride 2 it then sees other pixels than MobileNetV2, one to
        # the side, which training soon forgets; two flips would be an eighth of the time.
        fed = Fed(255 / 128, (-1, -1, -1))
        self.encoder = Encoder(width, same_conv, 2, nn.ReLU6(), plan=SLIM, fed=fed)
        (context,) = scaled((_CONTEXT,), width)
        self.context = nn.Sequential(
            Separable(self.encoder.channels[-1], context, norm_place, stride=2),
            *(Separable(context, context, norm_place) for _ in range(_DEPTH)),
        )
        upwards = [context, *self.encoder.channels[::-1]]
        self.decoder = nn.ModuleList(Ascend(a, b, norm_place) for a, b in pairwise(upwards))
        self.head = same_conv(upwards[-1], 4, kernel=1)

    def score(self, batch: Tensor) -> Tensor:
        """How much more person than background: (N, 1, h, w), the logit of alpha."""
        skips = self.encoder(batch)
        x = self.context(skips[-1])  # (N, 128, h/32, w/32)
        for ascend, skip in zip(self.decoder, skips[::-1], strict=True):
            x = ascend(x, skip)  # (N, 64, h/16, w/16) ... (N, 16, h/2, w/2)
        # Four scores a place are the 2x2 pixels there: full size without a convolution at it.
        score = F.pixel_shuffle(self.head(x), 2)  # (N, 4, h/2, w/2) -> (N, 1, h, w)
        return score.float()  # half precision is too coarse near 1: see dawn

    def fuse(self) -> NightLite:
        """A copy with one plain convolution per block: the same function in evaluation mode."""
        return fuse(self)

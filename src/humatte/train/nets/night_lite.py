"""Night-lite: the fastest of the family, for colour pictures.

In: RGB batch in [0, 1]. Out: alpha in [0, 1]. The beginning of MobileNetV2 sees the picture at half
its size, and knows the world if it starts from published weights or from a larger network's; edges
are drawn by what sees the picture whole. All but MobileNetV2 trains with asymmetric blocks, and
`fuse` gives the plain network with the same function, below 1 MB of weights as float16.

Where the time goes decides its shape: a quarter to MobileNetV2, which at the whole size would take
all that there is; nothing but the final shuffle at full size; few channels where maps are large.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from humatte.train.nets.asymmetric import AsymmetricConv, ConvNorm, NormPlace, fuse
from humatte.train.nets.layers import ScoreNetwork, same_conv, scaled, up_twice
from humatte.train.nets.mobilenet import SHORT, Encoder, Fed

_CONTEXT = 96  # channels at stride 32
_DEPTH = 2  # residual blocks there
_UPWARDS = (64, 48, 32, 16)  # channels at strides 16, 8, 4, 2


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

    def __init__(
        self, channels_in: int, skip: int, channels_out: int, norm_place: NormPlace
    ) -> None:
        super().__init__()
        self.thin, self.join = _mix(channels_in, channels_out), _mix(skip, channels_out)
        self.around = _look(channels_out, channels_out, norm_place)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Maps x (N, C, h, w) and a skip (N, skip, 2h, 2w) to (N, out, 2h, 2w)."""
        return F.relu(self.around(F.relu(up_twice(self.thin(x)) + self.join(skip))))


class NightLite(ScoreNetwork):
    """`night-lite`: below 1 MB when fused, as float16; height and width are multiples of 32.

    Source of its encoder: Sandler et al. 2018, "MobileNetV2".
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
        self.encoder = Encoder(width, same_conv, 2, nn.ReLU6(), plan=SHORT, fed=fed)
        (context,), upwards = scaled((_CONTEXT,), width), scaled(_UPWARDS, width)
        self.context = nn.Sequential(
            *(
                Separable(channels, context, norm_place)
                for channels in (self.encoder.channels[-1], *[context] * (_DEPTH - 1))
            )
        )
        self.pixels = _look(3, upwards[-1], norm_place, stride=2)
        skips = [*self.encoder.channels[-2::-1], upwards[-1]]
        self.decoder = nn.ModuleList(
            Ascend(below, skip, here, norm_place)
            for (below, here), skip in zip(pairwise([context, *upwards]), skips, strict=True)
        )
        self.head = same_conv(upwards[-1], 4, kernel=1)

    def score(self, batch: Tensor) -> Tensor:
        """How much more person than background: (N, 1, h, w), the logit of alpha."""
        skips = self.encoder(F.avg_pool2d(batch, 2))  # (N, 16, h/4, w/4) ... (N, 96, h/32, w/32)
        x = self.context(skips.pop())  # (N, 96, h/32, w/32)
        skips.insert(0, F.relu(self.pixels(batch)))  # (N, 16, h/2, w/2)
        for ascend, skip in zip(self.decoder, skips[::-1], strict=True):
            x = ascend(x, skip)  # (N, 64, h/16, w/16) ... (N, 16, h/2, w/2)
        # Four scores a place are the 2x2 pixels there: full size without a convolution at it.
        score = F.pixel_shuffle(self.head(x), 2)  # (N, 4, h/2, w/2) -> (N, 1, h, w)
        return score.float()  # half precision is too coarse near 1: see dawn

    def fuse(self) -> NightLite:
        """A copy with one plain convolution per block: the same function in evaluation mode."""
        return fuse(self)

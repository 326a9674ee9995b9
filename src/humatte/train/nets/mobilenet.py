"""MobileNetV2's encoder: the part that several networks share, and that may start from ImageNet.

In: a picture (N, 3, h, w), scaled as its network wants it. Out: feature maps, coarser and coarser.
Which convolution stands in it (with BatchNorm or with a bias) is the network's choice.

Source: Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", table 2.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor, nn

from humatte.train.nets.layers import scaled


class Plan(NamedTuple):
    """How wide and deep an encoder is."""

    stem: int
    """Channels of the first convolution."""
    stages: tuple[tuple[tuple[int, int, int, int], ...], ...]
    """(expansion, channels, repeats, stride of the first) of groups of blocks, put together to
    stages, whose outputs differ in size behind a stem of stride 2."""


WHOLE = Plan(
    32,
    (
        ((1, 16, 1, 1),),
        ((6, 24, 2, 2),),
        ((6, 32, 3, 2),),
        ((6, 64, 4, 2), (6, 96, 3, 1)),
        ((6, 160, 3, 2), (6, 320, 1, 1)),
    ),
)
SHORT = Plan(32, (*WHOLE.stages[:3], (WHOLE.stages[3][0], (2, 96, 3, 1))))
"""The first fourteen blocks, the last three with a third of the channels inside them.

What goes from one block to the next is as wide as in `WHOLE`: the weights of a block of it may be
thinned for one of these.
"""


class Fed(NamedTuple):
    """What an encoder is fed, x, in terms of MobileNetV2's RGB, (0..255 - 128) / 128.

    That is gain * x + offset, of x in its order. Published kernels of the stem are scaled to suit,
    which gives the same function but at the picture's edge, where the padding has another colour.
    """

    gain: float = 1.0
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """For R, G, B."""
    bgr: bool = False


class MakeConv(Protocol):
    """Builds one convolution of a network, with whatever follows it there."""

    def __call__(
        self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> nn.Module:
        """A convolution that gives size / stride."""


class InvertedResidual(nn.Module):
    """MobileNetV2's block: expand, depthwise 3x3, project; residual where the shapes allow it.

    Source: Sandler et al. 2018, "MobileNetV2", section 3.3. As there, expansion 1 has no
    expanding convolution.
    """

    def __init__(
        self, channels_in: int, channels_out: int, stride: int, expansion: int, conv: MakeConv
    ) -> None:
        super().__init__()
        inner = channels_in * expansion
        expand = [conv(channels_in, inner, kernel=1), nn.ReLU6()] if expansion > 1 else []
        self.layers = nn.Sequential(
            *expand,
            conv(inner, inner, kernel=3, stride=stride, groups=inner),
            nn.ReLU6(),
            conv(inner, channels_out, kernel=1),
        )
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        """Maps x (N, C, h, w) to (N, out, h / stride, w / stride)."""
        out: Tensor = self.layers(x)
        return x + out if self.residual else out


class Encoder(nn.Module):
    """MobileNetV2 without its last convolution and classifier: stem and seventeen blocks, or fewer.

    Its convolutions are defined in the order in which published weights number them.

    At stride 2 the original (TensorFlow's SAME padding, even sizes) pads one row and column at the
    bottom and right; a padding of 1 here does so at the top and left. So that the function is the
    original's exactly and no map is copied to be padded, a network may feed it its pictures turned
    by 180 degrees, and say so: published kernels are then turned too.
    """

    def __init__(
        self,
        width: float,
        conv: MakeConv,
        stem_stride: int,
        stem_activation: nn.Module,
        turned: bool = False,
        plan: Plan = WHOLE,
        fed: Fed | None = None,
    ) -> None:
        """Builds the encoder.

        Args:
            width: factor on every channel count.
            conv: what builds its convolutions.
            stem_stride: 2 in MobileNetV2; 1 keeps every feature map twice as large.
            stem_activation: ReLU6 in MobileNetV2.
            turned: whether it is fed pictures turned by 180 degrees.
            plan: how wide and deep.
            fed: how its pictures are scaled, if not as MobileNetV2's.
        """
        super().__init__()
        self.turned, self.fed = turned, fed or Fed()
        self.keeps_statistics = False
        (channels,) = scaled((plan.stem,), width)
        self.stem = nn.Sequential(conv(3, channels, kernel=3, stride=stem_stride), stem_activation)
        made, self.channels = [], []
        for groups in plan.stages:
            blocks = []
            for expansion, count, repeats, stride in groups:
                (out,) = scaled((count,), width)
                for i in range(repeats):
                    first = 1 if i else stride
                    blocks.append(InvertedResidual(channels, out, first, expansion, conv))
                    channels = out
            made.append(nn.Sequential(*blocks))
            self.channels.append(channels)  # 16, 24, 32, 96, 320
        self.stages = nn.ModuleList(made)

    def keep_statistics(self, keep: bool = True) -> None:
        """Lets every norm use its own statistics in training too, never those of a batch, or not.

        Weights whose norms are folded in would otherwise be another function in training than they
        were published as; small batches gain as well (He et al. 2016, "Deep Residual Learning",
        appendix A, does so in fine-tuning).
        """
        self.keeps_statistics = keep
        self.train(self.training)

    def train(self, mode: bool = True) -> Encoder:
        """Sets the mode of all but norms that keep to their statistics."""
        super().train(mode)
        if self.keeps_statistics:
            for module in self.modules():
                if isinstance(module, (nn.BatchNorm2d, nn.SyncBatchNorm)):
                    module.eval()
        return self

    def forward(self, x: Tensor) -> list[Tensor]:
        """A map a stage of x (N, 3, h, w): behind a stem of stride s, (N, 16, h/s, w/s) and on."""
        x = self.stem(x)  # (N, 32, h/s, w/s)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)  # (N, 16, h/s, w/s), (N, 24, h/2s, w/2s) ... (N, 320, h/16s, w/16s)
        return maps

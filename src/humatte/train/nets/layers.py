"""The layers and conventions that several networks share.

Every network takes RGB (N, 3, h, w) in [0, 1]; what its original was fed instead is made here.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# LikeUnet networks are fed 0..255. A first kernel drawn for inputs of about unit size is divided by
# this, and its learning rate too: Adam's step does not know how large the input is.
INPUT_SCALE = 64.0

# OpenCV's weights of R, G, B in gray (ITU-R BT.601 luma).
_GRAY = (0.299, 0.587, 0.114)

# Mean and deviation of ImageNet's RGB in [0, 1], as networks of the VGG era are fed today.
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


class TwoClassNetwork(nn.Module):
    """A network that scores every pixel for (background, person); alpha is the person's softmax."""

    def logits(self, batch: Tensor) -> Tensor:
        """Scores (N, 2, h, w) for (background, person) of an RGB batch (N, 3, h, w) in [0, 1]."""
        raise NotImplementedError

    def forward(self, batch: Tensor) -> Tensor:
        """Alpha (N, 1, h, w) in [0, 1] of an RGB batch (N, 3, h, w) in [0, 1]."""
        # A softmax over two channels is the sigmoid of their difference, which runtimes compute ten
        # times faster: night's softmax took 1.9 of its 19 ms (onnxruntime, one thread, 256x256).
        logits = self.logits(batch).float()  # half precision is too coarse near 1: see dawn
        return (logits[:, 1:] - logits[:, :1]).sigmoid()


class ScoreNetwork(nn.Module):
    """A network with one score for every pixel, the logit of alpha: half the last layer's work."""

    def score(self, batch: Tensor) -> Tensor:
        """How much more person than background: (N, 1, h, w), the logit of alpha."""
        raise NotImplementedError

    def logits(self, batch: Tensor) -> Tensor:
        """Scores (N, 2, h, w) for (background, person) of an RGB batch (N, 3, h, w) in [0, 1]."""
        half = self.score(batch) / 2
        return torch.cat((-half, half), dim=1)

    def forward(self, batch: Tensor) -> Tensor:
        """Alpha (N, 1, h, w) in [0, 1] of an RGB batch (N, 3, h, w) in [0, 1]."""
        return self.score(batch).sigmoid()  # = softmax of the two logits, without the second one


def softmax(logits: Tensor) -> Tensor:
    """The softmax of (N, C, h, w) over its few channels.

    Written out, because runtimes turn the channels last and back for theirs: three channels at
    320x320 take onnxruntime 1.0 ms in place of 8.3 (one thread).
    """
    powers = (logits - logits.amax(dim=1, keepdim=True)).exp()
    return powers / powers.sum(dim=1, keepdim=True)


class StridedDepthwise(nn.Conv2d):
    """A grouped convolution with a stride, computed in fp32 where bf16 would crawl."""

    def forward(self, x: Tensor) -> Tensor:
        """The convolution of x (N, C, h, w), in x's own type."""
        if x.dtype != torch.bfloat16 or x.device.type != "cpu":
            return super().forward(x)
        # oneDNN has no fast kernel for the way back of this one in bf16: 141 ms against 37 in fp32
        # (32 maps of 96 x 112 x 80, two cores), a third of all the time of training MobileNetV2.
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(x.dtype)


def same_conv(
    channels_in: int,
    channels_out: int,
    kernel: int | tuple[int, int] = 3,
    stride: int = 1,
    groups: int = 1,
    bias: bool = True,
) -> nn.Conv2d:
    """A convolution that gives size / stride, He-normal at the start."""
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (height // 2, width // 2)
    kind = StridedDepthwise if stride > 1 and groups > 1 else nn.Conv2d
    conv = kind(
        channels_in, channels_out, (height, width), stride, padding, groups=groups, bias=bias
    )
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def keras_norm(channels: int) -> nn.BatchNorm2d:
    """BatchNorm with Keras' epsilon and momentum (0.99 there is 0.01 here)."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def up_twice(x: Tensor) -> Tensor:
    """Bilinear x2 with half-pixel centres, as Keras' UpSampling2D does it."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def scaled(channels: tuple[int, ...], width: float) -> list[int]:
    """Channel counts times the width multiplier, none below 1."""
    return [max(1, round(n * width)) for n in channels]


def bgr_255(batch: Tensor) -> Tensor:
    """RGB (N, 3, h, w) in [0, 1] as BGR in 0..255."""
    return batch.flip(1) * 255.0


def gray_255(batch: Tensor) -> Tensor:
    """RGB (N, 3, h, w) in [0, 1] as OpenCV's gray (N, 1, h, w) in 0..255, not rounded."""
    red, green, blue = (weight * 255.0 for weight in _GRAY)
    return red * batch[:, 0:1] + green * batch[:, 1:2] + blue * batch[:, 2:3]


def standardised(batch: Tensor) -> Tensor:
    """RGB (N, 3, h, w) in [0, 1] with ImageNet's mean taken away, in ImageNet's deviations."""
    mean, deviation = (
        torch.tensor(values, dtype=batch.dtype, device=batch.device).view(1, 3, 1, 1)
        for values in (_IMAGENET_MEAN, _IMAGENET_DEVIATION)
    )
    return (batch - mean) / deviation

"""SHM: Semantic Human Matting. A trimap network, a detail network and their fusion.

In: RGB batch in [0, 1]; the original's own input, (BGR - mean) / 255, is made inside. Out: alpha in
[0, 1]. The losses need more than alpha: `parts` gives it.

The trimap's channels are (background, unsure, person), as the training labels 0, 1, 2 made from
trimap values 0, 128, 255. The light re-implementation has the same labels but takes channel 1 for
the person and channel 2 for unsure when it fuses; that is not repeated here.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from humatte.train.nets.asymmetric import ConvNorm, fuse
from humatte.train.nets.layers import bgr_255, same_conv, scaled, softmax, up_twice
from humatte.train.nets.mobilenet import Encoder, Fed
from humatte.train.nets.transposed import ToOneChannel, TransposedConv

BACKGROUND, UNSURE, PERSON = range(3)

_BGR_MEAN = (114.0, 121.0, 134.0)  # of 0..255

_DETAIL = (16, 32, 64, 128)


class ShmParts(NamedTuple):
    """What SHM's losses are made of; each is (N, C, h, w)."""

    trimap: Tensor
    """Logits for (background, unsure, person)."""
    raw_alpha: Tensor
    """The detail network's alpha, not bounded."""
    alpha: Tensor
    """The fused alpha, person + unsure * raw_alpha, not clamped: the loss pulls it into [0, 1]."""


def _conv_norm(
    channels_in: int, channels_out: int, kernel: int = 3, stride: int = 1, groups: int = 1
) -> ConvNorm:
    return ConvNorm(
        channels_in, channels_out, kernel, stride, groups, bias=False, norm=nn.BatchNorm2d
    )


class FuseSkip(nn.Module):
    """T-Net's decoder step: x2, convolution, add the skip, convolution."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.enter = nn.Sequential(_conv_norm(channels_in, channels_out), nn.ReLU())
        self.leave = _conv_norm(channels_out, channels_out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Maps x (N, C, h, w) and a skip (N, out, 2h, 2w) to (N, out, 2h, 2w)."""
        return self.leave(self.enter(up_twice(x)) + skip)


class TrimapNet(nn.Module):
    """T-Net: MobileNetV2 with a stride-1 stem as the encoder of a U-Net; trimap logits out."""

    def __init__(self, width: float = 1.0) -> None:
        """Builds the network; `width` scales every inner channel count."""
        super().__init__()
        red, green, blue = ((mean - 128) / 128 for mean in _BGR_MEAN[::-1])
        fed = Fed(255 / 128, (red, green, blue), bgr=True)
        self.encoder = Encoder(width, _conv_norm, 1, nn.ReLU(), fed=fed)
        upwards = self.encoder.channels[::-1]
        self.decoder = nn.ModuleList(FuseSkip(a, b) for a, b in pairwise(upwards))
        self.head = same_conv(upwards[-1], 3)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, 3, h, w) for (background, unsure, person)."""
        *skips, x = self.encoder(x)  # (N, 16, h, w), (N, 24, h/2, w/2) ... (N, 320, h/16, w/16)
        for decode, skip in zip(self.decoder, skips[::-1], strict=True):
            x = decode(x, skip)  # (N, 96, h/8, w/8) ... (N, 16, h, w)
        return self.head(x)


class DetailNet(nn.Module):
    """M-Net: a small encoder and decoder on picture and trimap; raw alpha out. No biases."""

    def __init__(self, width: float = 1.0) -> None:
        """Builds the network; `width` scales every inner channel count."""
        super().__init__()
        counts = scaled(_DETAIL, width)
        self.encoder = nn.ModuleList(
            nn.Sequential(_conv_norm(a, b), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1))
            for a, b in zip([6, *counts], counts, strict=False)
        )
        upwards = counts[::-1]
        self.decoder = nn.ModuleList(
            nn.Sequential(
                _conv_norm(a, b),
                nn.ReLU(),
                TransposedConv(b, b),
            )
            for a, b in zip([upwards[0], *upwards], upwards, strict=False)
        )
        self.head = ToOneChannel(counts[0])

    def forward(self, x: Tensor) -> Tensor:
        """Raw alpha (N, 1, h, w) of picture and trimap probabilities (N, 6, h, w)."""
        for step in (*self.encoder, *self.decoder):
            x = step(x)  # (N, 16, h/2, w/2) ... (N, 128, h/16, w/16) ... (N, 16, h, w)
        return self.head(x)


class Shm(nn.Module):
    """Semantic Human Matting in its light form; height and width are multiples of 16.

    Source: Chen et al. 2018, "Semantic Human Matting" (arXiv 1809.01354), section 4, with the
    layers of its light re-implementation.
    """

    stride = 16

    def __init__(self, width: float = 1.0) -> None:
        """Builds both networks; `width` scales every inner channel count."""
        super().__init__()
        self.trimap_net = TrimapNet(width)
        self.detail_net = DetailNet(width)

    @property
    def encoder(self) -> Encoder:
        """The part that published MobileNetV2 weights may fill."""
        return self.trimap_net.encoder

    def original_input(self, batch: Tensor) -> Tensor:
        """What the original is fed, of an RGB batch (N, 3, h, w) in [0, 1]."""
        mean = torch.tensor(_BGR_MEAN, dtype=batch.dtype, device=batch.device)
        return (bgr_255(batch) - mean.view(1, 3, 1, 1)) / 255.0

    def parts(self, batch: Tensor, detail: bool = True) -> ShmParts:
        """Trimap logits, raw alpha and fused alpha of an RGB batch (N, 3, h, w) in [0, 1].

        Without `detail` M-Net does not run, and the raw alpha is 0.5 everywhere.
        """
        image = self.original_input(batch)
        # Both in fp32 from here on: half precision is too coarse near an alpha of 1, see dawn.
        trimap = self.trimap_net(image).float()  # (N, 3, h, w)
        shares = softmax(trimap)
        raw_alpha = torch.full_like(trimap[:, :1], 0.5)
        if detail:
            raw_alpha = self.detail_net(torch.cat((image, shares), dim=1)).float()  # (N, 1, h, w)
        person, unsure = shares[:, PERSON : PERSON + 1], shares[:, UNSURE : UNSURE + 1]
        return ShmParts(trimap, raw_alpha, person + unsure * raw_alpha)  # section 4.3, equation 2

    def forward(self, batch: Tensor) -> Tensor:
        """Alpha (N, 1, h, w) in [0, 1] of an RGB batch (N, 3, h, w) in [0, 1]."""
        return self.parts(batch).alpha.clamp(0.0, 1.0)

    def fuse(self) -> Shm:
        """A copy of plain convolutions only: the same function in evaluation mode."""
        return fuse(self)

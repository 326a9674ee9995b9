"""Convolutions that CPU runtimes have no fast form of, and the plain ones that compute the same."""

from __future__ import annotations

import itertools

import torch
from torch import nn

_KERNEL, _STRIDE, _PADDING = 5, 2, 2
_REACH = 1  # how many pixels of the small picture away a pixel of the large one sees


class TransposedConv(nn.ConvTranspose2d):
    """x2: (N, C, h, w) to (N, out, 2h, 2w) by a transposed 5x5 convolution without a bias."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(
            channels_in, channels_out, _KERNEL, _STRIDE, _PADDING, output_padding=1, bias=False
        )

    def fused(self) -> nn.Sequential:
        """A 3x3 convolution to four times the channels, laid side by side: the same function.

        CPU runtimes have a fast form of the one and none of the other.

        Source: Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?".
        """
        side = 2 * _REACH + 1
        conv = nn.Conv2d(
            self.in_channels, self.out_channels * _STRIDE**2, side, padding=_REACH, bias=False
        )
        # (out, row and column within the doubled pixel, in, kernel)
        kernel = torch.zeros(self.out_channels, _STRIDE, _STRIDE, self.in_channels, side, side)
        steps = [
            (within, away, tap)
            for within, away in itertools.product(range(_STRIDE), range(-_REACH, _REACH + 1))
            if 0 <= (tap := within + _PADDING - _STRIDE * away) < _KERNEL
        ]
        for (row, y, top), (column, x, left) in itertools.product(steps, steps):
            kernel[:, row, column, :, y + _REACH, x + _REACH] = self.weight[:, :, top, left].T
        conv.weight = nn.Parameter(kernel.reshape(conv.weight.shape).to(self.weight))
        return nn.Sequential(conv, nn.PixelShuffle(_STRIDE))


class ToOneChannel(nn.Conv2d):
    """A 5x5 convolution to one channel without a bias: (N, C, h, w) to (N, 1, h, w)."""

    def __init__(self, channels_in: int) -> None:
        super().__init__(channels_in, 1, _KERNEL, padding=_PADDING, bias=False)

    def fused(self) -> nn.Sequential:
        """A convolution of stride 4 that makes 4x4 pixels at a time: the same function.

        Height and width must be multiples of 4. Runtimes compute sixteen channels at once, and one
        costs them as much: at 320x320 this takes a ninth of the time (onnxruntime, AVX-512).
        """
        block = 4
        side = _KERNEL + block - 1
        conv = nn.Conv2d(
            self.in_channels, block**2, side, stride=block, padding=_PADDING, bias=False
        )
        kernel = torch.zeros(block, block, self.in_channels, side, side)
        for row, column in itertools.product(range(block), repeat=2):
            kernel[row, column, :, row : row + _KERNEL, column : column + _KERNEL] = self.weight[0]
        conv.weight = nn.Parameter(kernel.reshape(conv.weight.shape).to(self.weight))
        return nn.Sequential(conv, nn.PixelShuffle(block))

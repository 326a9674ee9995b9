"""Asymmetric convolution blocks, and their fusion into one plain convolution each.

A block trains as three parallel convolutions, 3x3 + 1x3 + 3x1, whose outputs are summed; because
all three are linear in the same window, one 3x3 convolution computes the same function. `fuse`
replaces every block of a network by that convolution, BatchNorm included.

Source: Ding et al. 2019, "ACNet" (arXiv 1908.03930), section 3 and equations 5 to 7.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Literal, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from humatte.train.nets.layers import keras_norm, same_conv
from humatte.train.nets.transposed import ToOneChannel, TransposedConv

NormPlace = Literal["sum", "branch"]
Network = TypeVar("Network", bound=nn.Module)


class ConvNorm(nn.Module):
    """A convolution followed by BatchNorm; fuses into one convolution."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int | tuple[int, int] = 3,
        stride: int = 1,
        groups: int = 1,
        bias: bool = True,
        norm: Callable[[int], nn.BatchNorm2d] = keras_norm,
    ) -> None:
        super().__init__()
        self.conv = same_conv(channels_in, channels_out, kernel, stride, groups, bias)
        self.norm = norm(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """The normalised convolution of x (N, C, h, w)."""
        return self.norm(self.conv(x))

    def fused(self) -> nn.Conv2d:
        """One convolution with the same function as this block in evaluation mode."""
        return _plain(self.conv, *_fold_norm(*_kernel_and_bias(self.conv), self.norm))


class AsymmetricConv(nn.Module):
    """3x3 + 1x3 + 3x1 convolutions, summed; BatchNorm after the sum, or in each branch.

    `norm_place="sum"` is the block of the original dark-light, "branch" that of the ACNet paper.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        stride: int = 1,
        groups: int = 1,
        norm_place: NormPlace = "sum",
        norm: Callable[[int], nn.BatchNorm2d] = keras_norm,
    ) -> None:
        super().__init__()
        per_branch = norm_place == "branch"

        def branch(kernel: tuple[int, int]) -> nn.Module:
            # A bias before a norm does nothing; only the original's layers keep theirs.
            if per_branch:
                return ConvNorm(channels_in, channels_out, kernel, stride, groups, False, norm)
            return same_conv(channels_in, channels_out, kernel, stride, groups)

        self.square = branch((3, 3))
        self.row = branch((1, 3))
        self.column = branch((3, 1))
        self.norm = nn.Identity() if per_branch else norm(channels_out)
        # Three branches add up to three times the variance. Before the norms have seen data nothing
        # takes that back, and thirteen such layers make numbers that no fp32 fusion can match.
        for part in (self.square, self.row, self.column):
            scale = part.norm.weight if isinstance(part, ConvNorm) else part.weight
            with torch.no_grad():
                scale.mul_(3**-0.5)  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:
        """The block of x (N, C, h, w)."""
        if isinstance(self.norm, nn.Identity):
            return self.square(x) + self.row(x) + self.column(x)
        # Summing three kernels is the same function as summing three outputs, at a third of the
        # work: only norms between convolution and sum make the branches necessary.
        conv = self._square_conv()
        kernel, bias = self._summed(conv.weight.dtype)
        x = F.conv2d(x, kernel, bias, conv.stride, (1, 1), groups=conv.groups)
        return self.norm(x)

    def fused(self) -> nn.Conv2d:
        """One 3x3 convolution with the same function as this block in evaluation mode."""
        kernel, bias = self._summed(torch.float64)
        if isinstance(self.norm, nn.BatchNorm2d):
            kernel, bias = _fold_norm(kernel, bias, self.norm)
        return _plain(self._square_conv(), kernel, bias)

    def _summed(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """The three kernels as one (out, in, 3, 3), and the sum of the biases (out,)."""
        kernels, biases = [], []
        for branch in (self.square, self.row, self.column):
            kernel, bias = _kernel_and_bias(
                branch.conv if isinstance(branch, ConvNorm) else branch, dtype
            )
            if isinstance(branch, ConvNorm):
                kernel, bias = _fold_norm(kernel, bias, branch.norm)
            rows, columns = (3 - side for side in kernel.shape[2:])
            kernels.append(F.pad(kernel, (columns // 2, columns // 2, rows // 2, rows // 2)))
            biases.append(bias)
        return kernels[0] + kernels[1] + kernels[2], biases[0] + biases[1] + biases[2]

    def _square_conv(self) -> nn.Conv2d:
        conv = self.square.conv if isinstance(self.square, ConvNorm) else self.square
        assert isinstance(conv, nn.Conv2d)
        return conv


def fuse(network: Network) -> Network:
    """A copy of a network, in evaluation mode, with every block in its fused form."""
    network = copy.deepcopy(network).eval()
    blocks = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, (AsymmetricConv, ConvNorm, ToOneChannel, TransposedConv))
    }
    for name, block in blocks.items():
        if not any(name.startswith(f"{outer}.") for outer in blocks):  # branches go with theirs
            network.set_submodule(name, block.fused())
    return network


def _kernel_and_bias(conv: nn.Module, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    assert isinstance(conv, nn.Conv2d)
    kernel = conv.weight.to(dtype)
    return kernel, kernel.new_zeros(len(kernel)) if conv.bias is None else conv.bias.to(dtype)


def _fold_norm(kernel: Tensor, bias: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Kernel and bias of the convolution that does what (kernel, bias), then `norm` does."""
    assert norm.running_mean is not None and norm.running_var is not None
    factor = norm.weight.to(kernel) / torch.sqrt(norm.running_var.to(kernel) + norm.eps)
    shift = norm.bias.to(kernel) + (bias - norm.running_mean.to(kernel)) * factor
    return kernel * factor[:, None, None, None], shift


def _plain(like: nn.Conv2d, kernel: Tensor, bias: Tensor) -> nn.Conv2d:
    """A convolution placed as `like` (its stride, padding and groups) with a kernel and a bias."""
    conv = copy.deepcopy(like)
    conv.weight = nn.Parameter(kernel.detach().to(like.weight))
    conv.bias = nn.Parameter(bias.detach().to(like.weight))
    return conv

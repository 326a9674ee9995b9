"""The networks by name. Each takes RGB (N, 3, h, w) in [0, 1] and returns alpha (N, 1, h, w)."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from humatte.train.nets.night import Night

NETS: dict[str, Callable[..., nn.Module]] = {"night": Night}

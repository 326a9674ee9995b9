"""The networks by name. Each takes RGB (N, 3, h, w) in [0, 1] and returns alpha (N, 1, h, w)."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from humatte.train.nets.dark import Dark
from humatte.train.nets.dark_light import DarkLight
from humatte.train.nets.dawn import Dawn
from humatte.train.nets.fcn8s import Fcn8s
from humatte.train.nets.night import Night
from humatte.train.nets.night_lite import NightLite
from humatte.train.nets.shm import Shm
from humatte.train.nets.unet import Unet

NETS: dict[str, Callable[..., nn.Module]] = {
    "night": Night,
    "dark": Dark,
    "dark-light": DarkLight,
    "night-lite": NightLite,
    "fcn8s": Fcn8s,
    "unet": Unet,
    "shm": Shm,
    "dawn": Dawn,
}
ASYMMETRIC = ("dark-light", "night-lite")
"""Those whose blocks can have their norms in two places."""

"""Mattes of successive frames."""

from __future__ import annotations

from humatte.arrays import Alpha, Image
from humatte.matting import REFINEMENT, Refinement, matte
from humatte.network import Network


class VideoMatte:
    """Mattes of successive frames of one clip, steadied over time."""

    def __init__(
        self, network: Network, *, refine: Refinement = REFINEMENT, steady: bool = True
    ) -> None:
        self._network, self._refine, self._steady = network, refine, steady

    def __call__(self, image: Image) -> Alpha:
        """The matte (H, W) float32 in [0, 1] of the next frame (H, W, 3) uint8."""
        return matte(image, self._network, self._refine)

    def reset(self) -> None:
        """Forgets the past."""

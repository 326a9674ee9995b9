"""A virtual camera: other programs find it among their cameras and get what is shown here.

In: what was made of a picture. Out: RGB frames to pyvirtualcam (the extra `camera`), which hands
them to v4l2loopback on Linux, to OBS on macOS and Windows.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from humatte.arrays import Size
from humatte.camera_look import Made
from humatte.camera_view import Command
from humatte.errors import CameraError, one_line
from humatte.extras import extra

KEY_GREEN = np.array([[[0, 177, 64]]], np.uint8)
"""What is seen where the composite is transparent, which a camera cannot be: programs key it."""


class VirtualCamera:
    """A view (see `humatte.camera_view.View`) that other programs see.

    Args:
        size: (height, width) of the pictures.
        rate: how many come a second.

    Raises:
        UsageError: pyvirtualcam is not installed.
        CameraError: there is no virtual camera, or it takes no such pictures.
    """

    def __init__(self, size: Size, rate: float) -> None:
        with extra("camera"):
            import pyvirtualcam
        try:
            self._camera: Any = pyvirtualcam.Camera(
                width=size[1], height=size[0], fps=rate, fmt=pyvirtualcam.PixelFormat.RGB
            )
        except (RuntimeError, OSError, ValueError) as error:
            raise CameraError(
                f"no virtual camera takes {size[1]}x{size[0]} ({one_line(error)}); {_advice()}"
            ) from error
        self.name = str(self._camera.device)

    def show(self, made: Made, line: str) -> None:
        """Sends the composite; see `View`.

        Raises:
            CameraError: it takes no more.
        """
        try:
            self._camera.send(np.ascontiguousarray(made.over(KEY_GREEN)))
        except (RuntimeError, OSError) as error:
            raise CameraError(
                f"the virtual camera {self.name} takes no more pictures ({one_line(error)})"
            ) from error

    def commands(self) -> list[Command]:
        """See `View`: nobody can type any."""
        return []

    def close(self) -> None:
        """See `View`."""
        self._camera.close()


def _advice() -> str:
    if sys.platform.startswith("linux"):
        return "make one: sudo modprobe v4l2loopback exclusive_caps=1"
    return "install OBS Studio, start its virtual camera once, and close OBS"

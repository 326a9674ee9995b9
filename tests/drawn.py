"""Pictures drawn by code, with exactly known alpha."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parent.parent


def disc(height: int, width: int, radius: float, soft: float = 2.0) -> np.ndarray:
    """Alpha (H, W) float32 of a disc in the middle with an edge `soft` pixels wide."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    distance = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2)
    return np.clip((radius - distance) / soft + 0.5, 0, 1).astype(np.float32)


def strands(height: int, width: int, count: int = 150) -> np.ndarray:
    """Alpha (H, W) float32 of a disc with thin curved strands around it."""
    import cv2

    rng = np.random.default_rng(0)
    big = np.zeros((4 * height, 4 * width), np.uint8)
    middle, radius = np.array([2 * width, 2 * height]), min(height, width)
    cv2.circle(big, (2 * width, 2 * height), radius, 255, -1)
    for angle in rng.uniform(0, 2 * np.pi, count):
        turned = angle + np.linspace(0, rng.uniform(-0.3, 0.3), 9)
        ways = np.stack([np.cos(turned), np.sin(turned)], axis=1)
        points = middle + ways * radius * np.linspace(0.97, rng.uniform(1.2, 1.6), 9)[:, None]
        line = [np.rint(points).astype(np.int32)]
        cv2.polylines(big, line, False, 255, int(rng.integers(2, 8)), cv2.LINE_AA)
    small = cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(255)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """An image (H, W, 3) of random bytes."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def gradient(height: int, width: int) -> np.ndarray:
    """An image (H, W, 3) in which every place has its own colour."""
    rows = np.linspace(0, 255, height, dtype=np.uint8)[:, None]
    columns = np.linspace(0, 255, width, dtype=np.uint8)[None]
    planes = np.broadcast_arrays(rows, columns, np.uint8(90))
    return np.ascontiguousarray(np.stack(planes, axis=2))


def opened(source: Path | bytes) -> Image.Image:
    """A picture, decoded, its file closed again."""
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
        picture.load()
        return picture


def room(height: int = 300, width: int = 400) -> np.ndarray:
    """An image (H, W, 3) of an empty room: walls, floor, a window, a door, a table."""
    import cv2

    image = np.full((height, width, 3), (226, 220, 208), np.uint8)
    x, y = width / 400, height / 300
    shapes = [
        ([(0, 300), (90, 210), (310, 210), (400, 300)], (150, 112, 78)),  # floor
        ([(0, 0), (90, 50), (310, 50), (400, 0)], (245, 244, 240)),  # ceiling
        ([(0, 0), (90, 50), (90, 210), (0, 300)], (205, 198, 186)),  # left wall
        ([(140, 80), (220, 80), (220, 150), (140, 150)], (190, 215, 235)),  # window
        ([(330, 60), (375, 40), (375, 275), (330, 230)], (120, 84, 58)),  # door
        ([(110, 205), (215, 205), (235, 235), (95, 235)], (96, 66, 44)),  # table
    ]
    for points, colour in shapes:
        corners = np.rint(np.array(points) * (x, y)).astype(np.int32)
        cv2.fillPoly(image, [corners], colour, cv2.LINE_AA)
    light = np.linspace(1.05, 0.8, width)[None, :, None]
    grain = np.random.default_rng(0).normal(0, 2.5, image.shape)
    return np.clip(image * light + grain, 0, 255).astype(np.uint8)


def put(path: Path, pixels: np.ndarray, **options: object) -> Path:
    """Writes pixels as a picture, its folders made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def matte(height: int, width: int) -> np.ndarray:
    """The bytes (H, W) of a soft disc in the upper left: turned in any way it is another matte."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    distance = np.hypot(y - height * 0.35, x - width * 0.4)
    return np.clip((min(height, width) * 0.3 - distance) * 64 + 128, 0, 255).astype(np.uint8)


def a_set(folder: Path, names: list[str], height: int = 40, width: int = 56) -> Path:
    """A set of pictures that look different, each with a matte."""
    for number, name in enumerate(names):
        put(folder / f"image/{name}.png", noise(height, width, seed=number))
        put(folder / f"alpha/{name}.png", matte(height, width))
    return folder


def person(height: int = 200, width: int = 160, scale: float = 1.0, x: float = 0.5) -> np.ndarray:
    """Alpha (H, W) float32 of a person from the front, down to the lower edge, antialiased.

    At scale 1 the head is 80 pixels high from row 20 on, its neck the narrowest at row 100.
    """
    import cv2

    alpha = np.zeros((height, width), np.uint8)

    def at(across: float, down: float) -> tuple[int, int]:  # cv2 takes 1/16 of pixels
        return round((width * x + across * scale) * 16), round((20 + down) * scale * 16)

    head = tuple(round(side * scale * 16) for side in (30, 42))
    cv2.ellipse(alpha, at(0, 42), head, 0, 0, 360, 255, -1, cv2.LINE_AA, 4)
    for left, top, right in ((-16, 60, 16), (-60, 96, 60)):
        corners = [at(left, top), at(right, top), at(right, 9999), at(left, 9999)]
        cv2.fillConvexPoly(alpha, np.array(corners, np.int32), 255, cv2.LINE_AA, 4)
    return alpha.astype(np.float32) / 255

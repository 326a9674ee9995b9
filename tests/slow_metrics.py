"""Plain, slow versions of the metrics, written from the papers' definitions, pixel by pixel."""

from __future__ import annotations

import math

import numpy as np


def gradient_error(alpha: np.ndarray, truth: np.ndarray) -> float:
    """Rhemann et al. 2009: sum of (|grad alpha| - |grad truth|)^2, Gaussian derivatives."""
    sigma, half = 1.4, 4  # exp(-x^2 / 2 sigma^2) / (sqrt(2 pi) sigma) < 0.01 beyond 3.6
    assert _gauss(3.6, sigma) > 0.01 > _gauss(3.65, sigma)
    size = 2 * half + 1
    across = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            slope = -(j - half) * _gauss(j - half, sigma) / sigma**2
            across[i, j] = _gauss(i - half, sigma) * slope
    across /= math.sqrt((across**2).sum())
    lengths = []
    for matte in (alpha, truth):
        padded = np.pad(matte.astype(float), half, mode="edge")
        length = np.zeros(matte.shape)
        for y in range(matte.shape[0]):
            for x in range(matte.shape[1]):
                window = padded[y : y + size, x : x + size]
                length[y, x] = math.hypot((window * across).sum(), (window * across.T).sum())
        lengths.append(length)
    return float(((lengths[0] - lengths[1]) ** 2).sum()) / 1000


def _gauss(x: float, sigma: float) -> float:
    return math.exp(-(x**2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)


def connectivity_error(alpha: np.ndarray, truth: np.ndarray) -> float:
    """Rhemann et al. 2009 with theta 0.15, steps of 0.1, lambda 1."""
    height, width = alpha.shape
    level = np.full(alpha.shape, -1.0)
    for step in range(1, 11):
        both = (alpha >= np.float32(step / 10)) & (truth >= np.float32(step / 10))
        source = _largest(both)
        for y in range(height):
            for x in range(width):
                if (y, x) not in source and level[y, x] < 0:
                    level[y, x] = (step - 1) / 10
    level[level < 0] = 1
    error = 0.0
    for y in range(height):
        for x in range(width):
            phis = []
            for matte in (alpha, truth):
                distance = float(matte[y, x]) - level[y, x]
                phis.append(1 - (distance if distance >= 0.15 else 0))
            error += abs(phis[0] - phis[1])
    return error / 1000


def _largest(mask: np.ndarray) -> set[tuple[int, int]]:
    """The largest 4-connected part, found by flooding."""
    best: set[tuple[int, int]] = set()
    waiting = {(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)}
    for start in sorted(waiting):
        if start not in waiting:
            continue
        part, front = set(), [start]
        waiting.discard(start)
        while front:
            y, x = front.pop()
            part.add((y, x))
            for near in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                if near in waiting:
                    waiting.discard(near)
                    front.append(near)
        if len(part) > len(best):
            best = part
    return best


def boundary_f(alpha: np.ndarray, truth: np.ndarray) -> float:
    """DAVIS' F: precision and recall of contour pixels within 0.8 % of the diagonal."""
    reach = math.ceil(0.008 * math.hypot(*alpha.shape))
    contours = [_contour(matte >= 0.5) for matte in (alpha, truth)]
    if not contours[0] or not contours[1]:
        return float(contours[0] == contours[1])
    shares = []
    for one, other in (contours, contours[::-1]):
        right = [p for p in one if any(math.dist(p, q) <= reach for q in other)]
        shares.append(len(right) / len(one))
    return 2 * shares[0] * shares[1] / sum(shares) if sum(shares) else 0.0


def _contour(person: np.ndarray) -> list[tuple[int, int]]:
    height, width = person.shape
    found = []
    for y in range(height):
        for x in range(width):
            below, right = min(y + 1, height - 1), min(x + 1, width - 1)
            neighbours = (person[y, right], person[below, x], person[below, right])
            if any(person[y, x] != neighbour for neighbour in neighbours):
                found.append((y, x))
    return found

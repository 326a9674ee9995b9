"""Every network learns eight drawn pictures by heart. Slow: run with -m slow."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from drawn import disc, gradient

from humatte.composite import over
from humatte.train.losses import LOSSES, Target, offers, predict
from humatte.train.nets import NETS

SIDE = 64
# Width, learning rate. The two baselines are hundreds of megabytes at full width.
SETTINGS = {
    "night": (1.0, 2e-3),
    "dark": (1.0, 2e-3),
    "dark-light": (1.0, 5e-3),
    "night-lite": (1.0, 5e-3),
    "fcn8s": (0.125, 1e-3),
    "unet": (0.125, 2e-3),
    "shm": (0.5, 3e-3),
    "dawn": (0.5, 2e-3),
}
SECONDS = 50


def eight_pictures() -> Target:
    person = np.full((SIDE, SIDE, 3), (200, 90, 60), np.uint8)
    alphas = [np.roll(disc(SIDE, SIDE, 8 + 2 * n), 3 * n - 10, axis=n % 2) for n in range(8)]
    scenes = [np.roll(gradient(SIDE, SIDE), 7 * n, axis=1) for n in range(8)]
    images = [over(person, alpha, scene) for alpha, scene in zip(alphas, scenes, strict=True)]
    image = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    return Target(image, torch.from_numpy(np.stack(alphas))[:, None])


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_eight_pictures_are_learnt_by_heart(name: str) -> None:
    torch.manual_seed(0)
    width, lr = SETTINGS[name]
    network, target = NETS[name](width=width), eight_pictures()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.1  # Keras' slow statistics need more steps than these
    scales = network.learning_rate_scales() if hasattr(network, "learning_rate_scales") else {}
    named = network.named_parameters()
    groups = [{"params": [p], "lr": lr * scales.get(n, 1.0)} for n, p in named]
    optimizer = torch.optim.Adam(groups)
    matting = "trimap" in offers(type(network))
    losses = ["alpha", "trimap"] if matting else ["binary_cross_entropy"]
    started, mad = time.monotonic(), 1.0
    while mad >= 0.02 and time.monotonic() - started < SECONDS:
        network.train()
        for _ in range(20):
            prediction = predict(network, target.image)
            loss = sum(LOSSES[loss](prediction, target) for loss in losses)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            mad = float((network.eval()(target.image) - target.alpha).abs().mean())
    assert mad < 0.02

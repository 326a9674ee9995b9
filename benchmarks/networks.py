"""The table of all networks: weights, size, arithmetic, time of a pass, time of a training step.

Run: python benchmarks/networks.py > docs/networks.md
Every network has random weights; none of the figures depends on them.
"""

from __future__ import annotations

import platform
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn

from humatte.network import Facts
from humatte.train.export import write_network
from humatte.train.losses import Target, offers, predict, weighted_loss
from humatte.train.memory import keep_freed_memory
from humatte.train.nets import NETS
from humatte.train.nets.asymmetric import fuse

SIZE = 256
BATCH = 8
NO_FACTS = {"licence": "", "data_hash": "", "commit": "", "scores": {}, "recipe": {}}


def mega_macs(network: nn.Module) -> float:
    """Millions of multiply-adds of all convolutions at 256 x 256."""
    total = 0

    def count(module: nn.Module, _: object, out: torch.Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.ConvTranspose2d):  # each input value meets every kernel value
            total += out.numel() // module.stride[0] ** 2 * module.weight[:, 0].numel()
        else:
            total += out.numel() * module.weight[0].numel()

    convs = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
    hooks = [module.register_forward_hook(count) for module in convs]
    with torch.no_grad():
        network(torch.rand(1, 3, SIZE, SIZE))
    for hook in hooks:
        hook.remove()
    return total / 1e6


def pass_ms(file: Path) -> float:
    """Median time of a pass with onnxruntime, one picture of 256 x 256."""
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    batch = np.random.default_rng(0).random((1, 3, SIZE, SIZE), np.float32)
    times = []
    while len(times) < 10 or (sum(times) < 3 and len(times) < 200):
        started = time.perf_counter()
        session.run(None, {"batch": batch})
        times.append(time.perf_counter() - started)
    return statistics.median(times[3:]) * 1e3


def training_ms(network: nn.Module, batch: int) -> float:
    """Median time per picture of a training step in bf16, channels-last."""
    network = network.train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    loss = {"alpha": 1.0} | ({"trimap": 1.0} if "trimap" in offers(type(network)) else {})
    image = torch.rand(batch, 3, SIZE, SIZE).to(memory_format=torch.channels_last)
    target = Target(image, torch.rand(batch, 1, SIZE, SIZE))
    times = []
    for _ in range(5):
        started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16):
            prediction = predict(network, target.image)
        total, _ = weighted_loss(loss, prediction, target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:]) / batch * 1e3


def settle(network: nn.Module) -> None:
    """Gives a random network's norms the statistics of random pictures, or its values explode."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # a plain mean over what follows
    network.train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.rand(2, 3, SIZE, SIZE))
    network.eval()


def main() -> None:
    """Measures and prints a Markdown table."""
    keep_freed_memory()
    versions = f"torch {torch.__version__}, onnxruntime {onnxruntime.__version__}"
    print("# All networks\n")
    print(f"`python benchmarks/networks.py` on {torch.get_num_threads()} cores ", end="")
    print(f"({platform.machine()}, {versions}). Sizes and times are of the fused form.\n")
    print("| network | weights | fp32 MB | MMACs at 256x256 | ms a pass | training ms a picture |")
    print("|---|---|---|---|---|---|")
    for name, build in NETS.items():
        network = build()
        settle(network)
        plain = fuse(network)
        weights = sum(parameter.numel() for parameter in plain.parameters())
        facts = Facts(name=name, stride=int(network.stride), best_long_side=SIZE, **NO_FACTS)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "network.onnx"
            write_network(network, facts, file)
            passed = pass_ms(file)
        trained = training_ms(network, 1 if weights > 5e7 else BATCH)
        row = f"{weights:,} | {weights * 4 / 1e6:.2f} | {mega_macs(plain):,.0f}"
        print(f"| {name} | {row} | {passed:.1f} | {trained:.0f} |", flush=True)


if __name__ == "__main__":
    main()

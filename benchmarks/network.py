"""The network alone: p50 and p95 of one pass with onnxruntime.

Run: python benchmarks/network.py [NAME or FILE ...] [--size 256] [--passes 300] [--threads N]
Several networks are timed in turn within each round, so that a busy moment hits all alike.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np
import onnxruntime

from humatte.catalog import find, names
from humatte.network import Network
from humatte.runtimes import Running


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=names())
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--passes", type=int, default=300)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    networks = {name: Network(find(name), Running(options.threads)) for name in options.networks}
    batch = np.random.default_rng(0).random((1, 3, options.size, options.size), np.float32)
    times: dict[str, list[float]] = {name: [] for name in networks}
    for number in range(options.passes + 20):
        for name, network in networks.items():
            started = time.perf_counter()
            network.run(batch)
            if number >= 20:  # the first passes choose kernels and fill caches
                times[name].append((time.perf_counter() - started) * 1e3)
    threads = options.threads or os.cpu_count()
    print(
        f"{options.size}x{options.size}, {threads} threads, onnxruntime {onnxruntime.__version__}"
    )
    for name, values in times.items():
        p50, p95 = np.percentile(values, [50, 95])
        print(f"{name:16} p50 {p50:.2f} ms  p95 {p95:.2f} ms  ({len(values)} passes)")


if __name__ == "__main__":
    main()

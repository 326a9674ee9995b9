"""Many uploads at once to a real `humatte serve`: rate, waiting times, memory, and none lost.

Run: python benchmarks/server.py [--uploads 200] [--at-once 200] [--model dawn] [--json FILE]
Every upload is the same photo, in a connection of its own; an answer 429 is asked again after its
Retry-After, as the service expects. Seconds of an upload include those waits. Memory is the
server's resident set, sampled ten times a second.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from PIL import Image

ROOT = Path(__file__).parent.parent
ASTRONAUT = ROOT / "examples" / "astronaut.jpg"
LONGEST_S = 1800.0


@dataclass
class Counts:
    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    lost: int = 0


def photo(long_side: int) -> bytes:
    with Image.open(ASTRONAUT) as picture:
        buffer = io.BytesIO()
        picture.resize((long_side, long_side)).save(buffer, "JPEG", quality=92)
        return buffer.getvalue()


def address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"listening on (http://\S+)", log.read_text())
        try:
            if found and httpx.get(f"{found[1]}/readyz", timeout=10).status_code == 200:
                return found[1]
        except httpx.TransportError:
            continue  # it is about to listen
        time.sleep(0.1)
    raise SystemExit(f"the server did not start:\n{log.read_text()}")


class Memory:
    """The resident set of a process, sampled in a thread."""

    def __init__(self, pid: int) -> None:
        self._path, self._end = Path(f"/proc/{pid}/statm"), threading.Event()
        self.samples: list[int] = []
        self._thread = threading.Thread(target=self._sample)

    def _sample(self) -> None:
        while not self._end.wait(0.1):
            pages = int(self._path.read_text().split()[1])
            self.samples.append(pages * os.sysconf("SC_PAGE_SIZE"))

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


async def upload(url: str, data: bytes, gate: asyncio.Semaphore, counts: Counts) -> None:
    async with gate, httpx.AsyncClient(timeout=LONGEST_S) as client:
        began = time.perf_counter()
        while time.perf_counter() - began < LONGEST_S:
            answer = await client.post(f"{url}/v1/cutout", content=data)
            status = answer.status_code
            counts.statuses[status] = counts.statuses.get(status, 0) + 1
            if status == 200 and answer.content.startswith(b"\x89PNG"):
                counts.seconds.append(time.perf_counter() - began)
                return
            if status != 429:
                break
            await asyncio.sleep(float(answer.headers["Retry-After"]))
        counts.lost += 1


async def all_uploads(url: str, data: bytes, number: int, at_once: int) -> Counts:
    counts, gate = Counts(), asyncio.Semaphore(at_once)
    async with asyncio.TaskGroup() as group:
        for _ in range(number):
            group.create_task(upload(url, data, gate, counts))
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=200)
    parser.add_argument("--long-side", type=int, default=1024)
    parser.add_argument("--model", default="dawn")
    parser.add_argument("--timeout", type=float, default=60, help="of the server")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    data = photo(options.long_side)
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w") as log:
        command = [sys.executable, "-m", "humatte", "serve", "--port", "0", "--no-page"]
        command += ["--model", options.model, "--timeout", str(options.timeout)]
        process = subprocess.Popen(command, stderr=log)
        try:
            url = address(process, Path(folder) / "log")
            asyncio.run(all_uploads(url, data, 1, 1))  # the first one loads what is loaded late
            with Memory(process.pid) as memory:
                began = time.perf_counter()
                work = all_uploads(url, data, options.uploads, options.at_once)
                counts = asyncio.run(work)
                wall = time.perf_counter() - began
            text = httpx.get(f"{url}/metrics", timeout=60).text
        finally:
            process.send_signal(signal.SIGTERM)
            ended = process.wait(120)
    report = described(options, counts, memory, wall, text) | {"exit_code": ended}
    print(json.dumps(report, indent=2))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    if counts.lost:
        raise SystemExit(f"{counts.lost} uploads were lost")


def described(
    options: argparse.Namespace, counts: Counts, memory: Memory, wall: float, text: str
) -> dict[str, object]:
    cuts = statistics.quantiles(counts.seconds, n=100, method="inclusive")
    measured = {name: float(value) for name, value in re.findall(r"^(\w+) (\S+)$", text, re.M)}
    runs = measured["humatte_network_runs_total"]
    return {
        "uploads": options.uploads,
        "at_once": options.at_once,
        "long_side_px": options.long_side,
        "network": options.model,
        "requests_per_second": round(len(counts.seconds) / wall, 2),
        "p50_s": round(cuts[49], 3),
        "p95_s": round(cuts[94], 3),
        "wall_s": round(wall, 1),
        "lost": counts.lost,
        "answers": counts.statuses,
        "pictures_per_run": round(measured["humatte_network_pictures_total"] / runs, 2),
        "idle_mb": round(memory.samples[0] / 1e6),
        "peak_mb": round(max(memory.samples) / 1e6),
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()

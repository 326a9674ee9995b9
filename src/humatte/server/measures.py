"""What is counted, as Prometheus reads it (text exposition format 0.0.4).

By route and status, never by what a caller chose: the number of series is bounded.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path

TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Measures:
    """Counts of requests and seconds; used in the event loop only."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._stages: defaultdict[str, float] = defaultdict(float)
        self._bytes: Counter[str] = Counter()

    def request(
        self, route: str, method: str, status: int, seconds: float, received: int, sent: int
    ) -> None:
        """Counts an answered request."""
        self._requests[route, method, status] += 1
        buckets = self._buckets.setdefault(route, [0] * (len(_BOUNDS_S) + 1))
        buckets[bisect_left(_BOUNDS_S, seconds)] += 1
        self._seconds[route] += seconds
        self._bytes["received"] += received
        self._bytes["sent"] += sent

    def stages(self, seconds: Mapping[str, float]) -> None:
        """Adds what the stages of one picture took."""
        for name, value in seconds.items():
            self._stages[name] += value

    def text(self, gauges: Mapping[str, tuple[str, str, float]]) -> str:
        """Everything, with what is true now.

        Args:
            gauges: by name: type, help, value. A name may carry labels in braces.
        """
        lines = [
            *_family("humatte_requests_total", "counter", "Requests by route, method and status."),
            *(
                f'humatte_requests_total{{route="{route}",method="{method}",status="{status}"}} {n}'
                for (route, method, status), n in sorted(self._requests.items())
            ),
            *_family("humatte_request_seconds", "histogram", "From first byte to last."),
            *self._histogram(),
            *_family("humatte_stage_seconds_total", "counter", "Work on pictures, by stage."),
            *_labelled("humatte_stage_seconds_total", "stage", self._stages),
            *_family("humatte_bytes_total", "counter", "Bytes of bodies."),
            *_labelled("humatte_bytes_total", "direction", self._bytes),
        ]
        described = set()
        for name, (kind, words, value) in gauges.items():
            base = name.partition("{")[0]
            lines += [] if base in described else _family(base, kind, words)
            described.add(base)
            lines.append(f"{name} {value:g}")
        return "\n".join(lines) + "\n"

    def _histogram(self) -> Iterable[str]:
        name = "humatte_request_seconds"
        for route, buckets in sorted(self._buckets.items()):
            ends = [*(f"{bound:g}" for bound in _BOUNDS_S), "+Inf"]
            for end, count in zip(ends, accumulate(buckets), strict=True):
                yield f'{name}_bucket{{route="{route}",le="{end}"}} {count}'
            yield f'{name}_sum{{route="{route}"}} {self._seconds[route]:.6f}'
            yield f'{name}_count{{route="{route}"}} {sum(buckets)}'


def _family(name: str, kind: str, words: str) -> list[str]:
    return [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]


def _labelled(name: str, label: str, values: Mapping[str, float]) -> list[str]:
    return [f'{name}{{{label}="{key}"}} {value:.6g}' for key, value in sorted(values.items())]


def resident_bytes() -> float | None:
    """The memory this process holds now; None where the system does not say (not Linux)."""
    if sys.platform != "linux":
        return None
    import resource

    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return float(pages * resource.getpagesize())

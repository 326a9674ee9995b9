"""What the service allows: addresses, limits, times. One frozen object, checked once."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from humatte.catalog import DEFAULT
from humatte.errors import UsageError
from humatte.pipeline import cores

_WEB = Path(__file__).parent.parent / "web"
_LOOPBACK_NAMES = ("localhost",)
_LEAST_TOKEN = 8


def default_workers() -> int:
    """Two more than cores: while some decode and encode, others wait for the network together."""
    return min(8, cores() + 2)


@dataclass(frozen=True)
class Settings:
    """Limits hold before anything is decoded; every one of them is answered in words."""

    host: str = "127.0.0.1"
    token: str | None = field(default=None, repr=False)
    """What a caller has to show; None asks for nothing, which only loopback may do."""
    model: str = DEFAULT
    """The network of requests that name none: a bundled one, or an .onnx file."""
    page: bool = True
    max_bytes: int = 32_000_000
    """Of a request's body, all its pictures together."""
    max_megapixels: float = 50.0
    """Of each picture that comes in or goes out, and of a clip's frames."""
    queue: int = 32
    """Requests about pictures at once, those that wait included; further ones are answered 429."""
    workers: int = field(default_factory=default_workers)
    """Pictures worked on at once."""
    timeout_s: float = 60.0
    """From the last byte of a request to its answer, waiting included."""
    body_s: float = 60.0
    """For the whole body of a request about a picture, however slowly it drips; ten times that for
    a clip."""
    max_video_bytes: int = 500_000_000
    """Of an uploaded clip; its result may have four times that."""
    max_video_s: float = 600.0
    max_video_frames: int = 36_000
    video_jobs: int = 8
    """Clips that are kept at once, finished ones included; one is worked on at a time."""
    expires_s: float = 900.0
    """How long a finished clip can be fetched."""
    temp: Path | None = None
    """Where video jobs get their folders; None is the system's place for temporary files."""
    web: Path = _WEB
    """The folder of the page's files."""

    def __post_init__(self) -> None:
        """Checks the fields against each other.

        Raises:
            UsageError: a limit below 1, an address beyond loopback without a token.
        """
        for name in ("max_bytes", "queue", "workers", "max_video_bytes", "video_jobs"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name.replace('_', ' ')}: expected at least 1")
        for name in ("max_megapixels", "timeout_s", "body_s", "max_video_s", "expires_s"):
            if not 0 < getattr(self, name) < float("inf"):
                raise UsageError(f"{name.replace('_', ' ')}: expected more than 0")
        if self.token is not None and len(self.token) < _LEAST_TOKEN:
            raise UsageError(
                f"a token of {len(self.token)} characters is soon guessed; "
                f"expected at least {_LEAST_TOKEN}"
            )
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise UsageError("a token that no header can hold; expected plain letters and digits")
        if self.token is None and not self.loopback:
            raise UsageError(
                f"--host {self.host}: others could use this service, so it needs a token; give "
                "--token or HUMATTE_TOKEN, or leave --host out for this machine only"
            )

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() in _LOOPBACK_NAMES

    @property
    def most_pixels(self) -> int:
        """As `max_megapixels`."""
        return int(self.max_megapixels * 1e6)

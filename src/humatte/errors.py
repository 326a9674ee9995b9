"""The errors that humatte raises on purpose. Each message is one line for a person.

    HumatteError
    ├── UsageError      the command or call is wrong: nothing was tried        (exit code 2)
    ├── PictureError    a picture cannot be read, or is not a usable picture   (exit code 1)
    │   └── TooLargeError   ... because it has too many pixels
    ├── VideoError      a clip cannot be read, or is not a usable clip         (exit code 1)
    ├── CameraError     a camera, a screen or a virtual camera cannot be used   (exit code 1)
    ├── OutputError     a result cannot be written                             (exit code 1)
    ├── NetworkError    a network file cannot be used                          (exit code 1)
    ├── DataError       a data set is missing, broken or mismatched            (exit code 1)
    └── TrainingError   a training run or export cannot go on                  (exit code 1)

A message says what was found, what was expected, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence


class HumatteError(Exception):
    """The root of every error raised on purpose."""

    exit_code = 1


class UsageError(HumatteError, ValueError):
    """A wrong option, name or argument."""

    exit_code = 2


class PictureError(HumatteError):
    """A picture that cannot be read or used."""


class TooLargeError(PictureError):
    """A picture with more pixels than are decoded."""


class VideoError(HumatteError):
    """A clip that cannot be read or used."""


class CameraError(HumatteError):
    """A camera, a screen or a virtual camera that is missing or cannot be used."""


class OutputError(HumatteError):
    """A result that cannot be written."""


class NetworkError(HumatteError):
    """A network file that cannot be opened, or that is not one of ours."""


class DataError(HumatteError):
    """A data set that is missing, broken or mismatched."""


class TrainingError(HumatteError):
    """A training run, checkpoint or export that cannot go on."""


def first_few(names: Sequence[str], most: int = 5) -> str:
    """The first of some names for a message, and whether there are more."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def one_line(error: BaseException) -> str:
    """The error's message on one line."""
    return " ".join(str(error).split()) or type(error).__name__

"""Where a camera's pictures are shown: a window with keys, or one line on a terminal.

In: what was made of a picture, and a line about it. Out: the commands that were typed since. The
window is tkinter's, from Python's own library: OpenCV's headless build has none.
"""

from __future__ import annotations

import sys
import time
from enum import Enum
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from humatte.arrays import Image, Size, resize
from humatte.camera_look import Made
from humatte.errors import CameraError, UsageError, one_line

_CHECKS_PX = 16
_SCREEN_SHARE = 0.85  # of the screen: what a window takes at most when it opens
_LINE_EVERY_S = 1.0


class Command(Enum):
    """What the person in front of the camera wants."""

    NEXT = "next background"
    PREVIOUS = "previous background"
    NONE = "no background"
    BLUR = "blurred background"
    MIRROR = "mirror"
    SNAPSHOT = "snapshot"
    RECORD = "record"
    QUIT = "quit"


KEYS = {
    "n": Command.NEXT,
    "Right": Command.NEXT,
    "p": Command.PREVIOUS,
    "Left": Command.PREVIOUS,
    "0": Command.NONE,
    "b": Command.BLUR,
    "m": Command.MIRROR,
    "s": Command.SNAPSHOT,
    "r": Command.RECORD,
    "q": Command.QUIT,
    "Escape": Command.QUIT,
}
"""Keys, by tkinter's names, and what they do."""
HELP = "n p background   0 none   b blur   m mirror   s snapshot   r record   q quit"


class View(Protocol):
    """A place where pictures are shown."""

    def show(self, made: Made, line: str) -> None:
        """Shows what was made of a picture, and a line about it."""

    def commands(self) -> list[Command]:
        """What was asked for since the last call; keeps the view alive while no picture comes."""

    def close(self) -> None:
        """Ends it; no other call comes after that."""


class Window:
    """A window with the picture, a line about it, and the keys. For the main thread.

    Where the composite is transparent, checks are seen behind the person. The picture is fitted
    into the window, whatever the size it is given.

    Args:
        title: of the window.
        size: (height, width) of the pictures; the window opens so large if the screen allows it.

    Raises:
        CameraError: there is no screen.
        UsageError: this Python has no tkinter.
    """

    def __init__(self, title: str, size: Size) -> None:
        tkinter = _tkinter()
        try:
            self._root: Any = tkinter.Tk(className="humatte")
        except tkinter.TclError as error:
            raise CameraError(
                f"found no screen for the window ({one_line(error)}); start it on a desktop, or "
                "send the pictures to other programs: --virtual"
            ) from error
        self._asked: list[Command] = []
        self._failure: BaseException | None = None
        # Tk prints what fails in a callback, Ctrl-C too, and goes on: here it ends the view.
        self._root.report_callback_exception = self._note_failure
        self._root.title(title)
        self._root.configure(background="black")
        self._root.protocol("WM_DELETE_WINDOW", lambda: self._asked.append(Command.QUIT))
        self._root.bind("<Key>", self._typed)
        self._stage, self._line = self._laid_out(tkinter, size)
        self._photo: Any = None
        self._checks = _checks((1, 1))
        self._root.update()

    def _laid_out(self, tkinter: Any, size: Size) -> tuple[Any, Any]:
        room = self._root.winfo_screenheight(), self._root.winfo_screenwidth()
        height, width = _fitted(size, _rounded(room, _SCREEN_SHARE), enlarge=False)
        for text in (HELP, ""):
            line = tkinter.Label(self._root, text=text, anchor="w", padx=8, pady=3)
            line.configure(background="black", foreground="#ddd", font="TkFixedFont")
            line.pack(side="bottom", fill="x")
        stage = tkinter.Canvas(
            self._root, height=height, width=width, background="black", highlightthickness=0
        )
        stage.pack(side="top", fill="both", expand=True)
        return stage, line

    def show(self, made: Made, line: str) -> None:
        """See `View`."""
        from PIL import Image as PillowImage

        size = made.alpha.shape[0], made.alpha.shape[1]
        if self._checks.shape[:2] != size:
            self._checks = _checks(size)
        area = self._stage.winfo_height(), self._stage.winfo_width()
        image = resize(made.over(self._checks), _fitted(size, area, enlarge=True))
        self._place(image, area).paste(PillowImage.fromarray(image))
        self._line.configure(text=line)
        self._update()

    def _place(self, image: Image, area: Size) -> Any:
        """Tk's picture for an image of this size, in the middle of the window."""
        from PIL import ImageTk

        height, width = image.shape[:2]
        if self._photo is None or (self._photo.width(), self._photo.height()) != (width, height):
            self._photo = ImageTk.PhotoImage("RGB", (width, height), master=self._root)
        self._stage.delete("all")
        self._stage.create_image(area[1] // 2, area[0] // 2, image=self._photo)
        return self._photo

    def commands(self) -> list[Command]:
        """See `View`."""
        self._update()
        asked, self._asked = self._asked, []
        return asked

    def _update(self) -> None:
        self._root.update()
        if self._failure:
            raise self._failure

    def _typed(self, event: Any) -> None:
        command = KEYS.get(event.keysym) or KEYS.get(event.keysym.lower())
        if command:
            self._asked.append(command)

    def _note_failure(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        self._failure = error

    def close(self) -> None:
        """See `View`."""
        self._photo = None
        self._root.destroy()


def _tkinter() -> Any:
    try:
        import tkinter
    except ImportError as error:
        raise UsageError(
            f"this Python has no window toolkit ({one_line(error)}); install tkinter (Debian: "
            "apt install python3-tk; Homebrew: brew install python-tk), or give --virtual"
        ) from error
    return tkinter


def _fitted(size: Size, area: Size, *, enlarge: bool) -> Size:
    """The largest size of these proportions within an area."""
    scale = min(area[0] / size[0], area[1] / size[1])
    return size if scale >= 1 and not enlarge else _rounded(size, scale)


def _rounded(size: Size, scale: float) -> Size:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _checks(size: Size) -> Image:
    """Gray checks (H, W, 3), as programs show transparency."""
    y, x = np.ogrid[: size[0], : size[1]]
    dark = (y // _CHECKS_PX + x // _CHECKS_PX) % 2
    gray = np.where(dark, 102, 153).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(gray[..., None], (*size, 3)))


class StatusLine:
    """No picture, only the line, once a second, on a terminal; nothing in logs."""

    def __init__(self) -> None:
        self._wanted, self._next = sys.stderr.isatty(), 0.0

    def show(self, made: Made, line: str) -> None:
        """See `View`."""
        now = time.monotonic()
        if self._wanted and now >= self._next:
            self._next = now + _LINE_EVERY_S
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()

    def commands(self) -> list[Command]:
        """See `View`: nobody can type any."""
        return []

    def close(self) -> None:
        """See `View`."""
        if self._next:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

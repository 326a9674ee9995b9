"""The window under a virtual screen, the virtual camera, the status line, and the command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from camera_parts import SIZE, matte, picture
from drawn_video import film, frames
from PIL import Image, ImageGrab, features

from humatte.camera_look import Look, Made
from humatte.camera_view import KEYS, Command, StatusLine, Window
from humatte.camera_virtual import KEY_GREEN, VirtualCamera
from humatte.errors import CameraError, UsageError
from humatte.steady import VideoMatte


def made_of(background: str) -> Made:
    return Look(matte, [background])(picture(9))


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """A virtual screen of 640x480, as `:N`."""
    if not shutil.which("Xvfb"):
        pytest.skip("Xvfb is not installed: no screen to open a window on")
    if not features.check("xcb"):
        pytest.skip("this Pillow takes no pictures of X screens")
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    ours, theirs = os.pipe()
    words = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    server = subprocess.Popen(words, pass_fds=[theirs], stderr=subprocess.DEVNULL)
    os.close(theirs)
    with os.fdopen(ours) as told:
        number = told.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait()


@pytest.fixture
def window(screen: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    monkeypatch.setenv("DISPLAY", screen)
    opened = Window("humatte: test", SIZE)
    yield opened
    opened.close()


def on_screen(screen: str, window: Window) -> np.ndarray:
    """The picture's part of the screen."""
    stage = window._stage
    left, top = stage.winfo_rootx(), stage.winfo_rooty()
    box = (left, top, left + stage.winfo_width(), top + stage.winfo_height())
    return np.asarray(ImageGrab.grab(box, xdisplay=screen))


def as_large_as_the_picture(window: Window) -> None:
    window._root.geometry(f"{SIZE[1]}x{SIZE[0] + window._line.winfo_height() * 2}")
    window.commands()


def test_the_window_shows_the_picture_and_the_line(screen: str, window: Window) -> None:
    made = made_of("teal")
    as_large_as_the_picture(window)
    window.show(made, "12.0 frames/s   34 ms")
    seen = on_screen(screen, window)
    assert seen.shape == (*SIZE, 3)
    assert np.array_equal(seen, made.laid)
    assert window._line.cget("text") == "12.0 frames/s   34 ms"


def test_the_picture_is_fitted_into_a_window_of_any_size(screen: str, window: Window) -> None:
    window._root.geometry("400x300")
    window.commands()
    window.show(made_of("red"), "")
    seen = on_screen(screen, window)
    rows, columns = np.nonzero(seen.any(axis=2))
    height, width = (int(np.ptp(places)) + 1 for places in (rows, columns))
    assert height == seen.shape[0] or width == seen.shape[1]
    assert width / height == pytest.approx(SIZE[1] / SIZE[0], rel=0.02)
    middle = (columns.min() + columns.max()) / 2
    assert middle == pytest.approx(seen.shape[1] / 2, abs=1.5)


def test_checks_are_seen_where_nothing_is(screen: str, window: Window) -> None:
    as_large_as_the_picture(window)
    window.show(made_of("none"), "")
    seen = on_screen(screen, window)[:16, -32:]  # no person reaches there
    assert np.all(seen[:, :16] == 153) and np.all(seen[:, 16:] == 102)


def test_keys_become_commands(window: Window) -> None:
    window._root.focus_force()
    window._root.update()
    for key in KEYS:
        window._root.event_generate(f"<Key-{key}>")
    window._root.event_generate("<Key-N>")
    window._root.event_generate("<Key-z>")
    assert window.commands() == [*KEYS.values(), Command.NEXT]
    assert window.commands() == []


def test_closing_the_window_quits(window: Window) -> None:
    protocol = window._root.protocol("WM_DELETE_WINDOW")
    window._root.tk.call(protocol)
    assert window.commands() == [Command.QUIT]


def test_ctrl_c_within_tk_is_not_lost(window: Window) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    window._root.after(0, interrupted)
    with pytest.raises(KeyboardInterrupt):
        for _ in range(1000):
            window.commands()


def test_without_a_screen_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(CameraError, match=r"^found no screen [^\n]+--virtual$"):
        Window("humatte", SIZE)


def test_without_tkinter_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tkinter", None)
    with pytest.raises(UsageError, match=r"install tkinter [^\n]+--virtual$"):
        Window("humatte", SIZE)


@pytest.mark.parametrize("terminal", [True, False])
def test_the_line_alone_on_a_terminal(monkeypatch, capsys, terminal: bool) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    line = StatusLine()
    for text in ("first", "too soon after it"):
        line.show(made_of("none"), text)
    assert line.commands() == []
    line.close()
    assert capsys.readouterr().err == ("\r\x1b[Kfirst\r\x1b[K" if terminal else "")


class Fake:
    """Stands in for pyvirtualcam.Camera."""

    opened: list[Fake]
    refuses = ""

    def __init__(self, width: int, height: int, fps: float, fmt: object) -> None:
        if self.refuses:
            raise RuntimeError(self.refuses)
        self.facts, self.device = (width, height, fps, fmt), "/dev/video9"
        self.sent: list[np.ndarray] = []
        self.closed = False
        self.opened.append(self)

    def send(self, frame: np.ndarray) -> None:
        assert frame.flags.c_contiguous and frame.dtype == np.uint8
        self.sent.append(frame)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def virtual(monkeypatch: pytest.MonkeyPatch) -> type[Fake]:
    module: Any = ModuleType("pyvirtualcam")
    module.Camera, module.PixelFormat = Fake, SimpleNamespace(RGB="rgb")
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    monkeypatch.setattr(Fake, "opened", [], raising=False)
    return Fake


def test_other_programs_get_what_is_shown(virtual: type[Fake]) -> None:
    camera = VirtualCamera(SIZE, 29.97)
    assert camera.name == "/dev/video9"
    teal, clear = made_of("teal"), made_of("none")
    camera.show(teal, "")
    camera.show(clear, "")
    camera.close()
    (fake,) = virtual.opened
    assert fake.facts == (SIZE[1], SIZE[0], 29.97, "rgb")
    assert np.array_equal(fake.sent[0], teal.laid)
    assert np.array_equal(fake.sent[1], clear.over(KEY_GREEN))
    assert fake.closed


def test_without_a_virtual_camera_it_is_one_line(virtual: type[Fake], monkeypatch) -> None:
    monkeypatch.setattr(virtual, "refuses", "'v4l2loopback' backend:\nno device")
    with pytest.raises(CameraError, match=r"^no virtual camera takes 64x48 \('v4l2[^\n]+$"):
        VirtualCamera(SIZE, 30)


def test_a_virtual_camera_that_goes_away_is_named(virtual: type[Fake], monkeypatch) -> None:
    def gone(self: Fake, frame: np.ndarray) -> None:
        raise RuntimeError("device\ngone")

    monkeypatch.setattr(virtual, "send", gone)
    with pytest.raises(CameraError, match=r"/dev/video9 takes no more pictures \(device gone\)"):
        VirtualCamera(SIZE, 30).show(made_of("teal"), "")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return film(tmp_path / "clip.mp4", frames(range(3), Fraction(1, 20)))


@pytest.fixture
def no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)


@pytest.mark.usefixtures("no_screen")
def test_the_command_sends_a_clip_without_a_screen(humatte, clip: Path, virtual) -> None:
    result = humatte("camera", "--device", clip, "--virtual", "-b", "teal")
    assert result.code == 0, result.err
    (fake,) = virtual.opened
    assert fake.facts[:3] == (64, 48, 20) and fake.closed
    assert 1 <= len(fake.sent) <= 3
    assert np.all(fake.sent[-1] == (0, 128, 128))  # nobody is in it
    first, second, last = result.err.splitlines()
    assert first.startswith("humatte: other programs see /dev/video9")
    assert second.startswith("humatte: without a window: ")
    assert f"{len(fake.sent)} of 3 pictures shown" in last and "latency" in last


def test_the_command_shows_a_clip_in_a_window(humatte, clip: Path, screen, monkeypatch) -> None:
    monkeypatch.setenv("DISPLAY", screen)
    result = humatte("camera", "-d", clip, "--no-mirror")
    assert result.code == 0, result.err
    assert " of 3 pictures shown" in result.err


@pytest.mark.parametrize(("words", "steady"), [((), True), (("--steady", "off"), False)])
def test_mattes_are_steadied_unless_that_is_off(
    humatte, clip: Path, virtual, monkeypatch, words: tuple[str, ...], steady: bool
) -> None:
    asked = []

    class Seen(VideoMatte):
        def __init__(self, *args: Any, **options: Any) -> None:
            asked.append(options["steady"])
            super().__init__(*args, **options)

    monkeypatch.setattr("humatte.steady.VideoMatte", Seen)
    assert humatte("camera", "-d", clip, "--virtual", *words).code == 0
    assert asked == [steady]


def refused(humatte: Any, code: int, message: str, *words: object) -> None:
    result = humatte("camera", *words)
    assert (result.code, result.out, result.err.count("\n")) == (code, "", 1)
    assert result.err.startswith("humatte: ") and message in result.err


@pytest.mark.usefixtures("no_screen")
def test_what_cannot_be_done_is_one_line(humatte, clip: Path, tmp_path: Path, monkeypatch) -> None:
    refused(humatte, 1, "camera 999", "-d", "999")
    refused(humatte, 1, "found no screen", "-d", clip)
    refused(humatte, 2, "neither a camera nor a clip", "-d", tmp_path / "no.mp4")
    refused(humatte, 2, "--size 12: expected", "--size", "12")
    refused(humatte, 2, "--fps 0; expected", "--fps", "0")
    refused(humatte, 2, "unknown --steady 'maybe'", "-d", clip, "--steady", "maybe")
    refused(humatte, 2, "a clip has its size", "-d", clip, "--size", "64x48")
    refused(humatte, 2, "unknown background 'tael'", "-d", clip, "-b", "tael")
    refused(humatte, 2, "no network is called 'x'", "-d", clip, "-m", "x")
    refused(humatte, 1, "cannot be made a folder", "-d", clip, "-o", clip / "sub")
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    refused(humatte, 2, "pip install 'humatte[camera]'", "-d", clip, "--virtual")
    (tmp_path / "text.mp4").write_text("no clip")
    refused(humatte, 1, "not a video that can be read", "-d", tmp_path / "text.mp4")


def test_what_is_kept_goes_where_it_is_told(humatte, clip: Path, virtual, tmp_path: Path) -> None:
    Image.fromarray(picture(3)).save(tmp_path / "behind.png")
    words = ("--virtual", "-b", tmp_path / "behind.png", "--mirror", "-o", tmp_path / "kept")
    assert humatte("camera", "-d", clip, *words).code == 0
    assert (tmp_path / "kept").is_dir()
    (fake,) = virtual.opened
    assert np.array_equal(fake.sent[-1], picture(3))  # nobody is in it; pictures stay as they are

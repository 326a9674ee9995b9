"""The camera tab, with Chromium's fake device fed by a clip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from browsing import Served, launched, needs_vendor
from PIL import Image

pytestmark = pytest.mark.timeout(300)  # two busy cores start a browser slowly


@pytest.fixture(scope="module")
def with_camera(driver, tmp_path_factory, astronaut: Path) -> Iterator[object]:
    """A browser whose camera shows the astronaut, 320 by 240, in light that changes."""
    with Image.open(astronaut) as picture:
        photo = np.asarray(picture.resize((320, 320)))[:240]
    lights = [(photo * light).astype(np.uint8) for light in (1, 0.9, 0.8, 0.7)]
    frames = [cv2.cvtColor(light, cv2.COLOR_RGB2YUV_I420).tobytes() for light in lights]
    clip = tmp_path_factory.mktemp("camera") / "clip.y4m"
    header = b"YUV4MPEG2 W320 H240 F10:1 Ip A1:1 C420\n"
    clip.write_bytes(header + b"".join(b"FRAME\n" + frame for frame in frames))
    found = launched(
        driver,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={clip}",
    )
    yield found
    found.close()


# Alpha of the live picture at a place, in shares of its sides; read from a copy.
ALPHA = """([x, y]) => {
  const live = document.getElementById("live");
  const copy = new OffscreenCanvas(1, 1).getContext("2d");
  copy.drawImage(live, -x * live.width, -y * live.height);
  return copy.getImageData(0, 0, 1, 1).data[3];
}"""
CHANGES = """place => {
  const live = document.getElementById("live");
  const copy = new OffscreenCanvas(1, 1).getContext("2d");
  copy.drawImage(live, -place[0] * live.width, -place[1] * live.height);
  window.reds = (window.reds ?? new Set()).add(copy.getImageData(0, 0, 1, 1).data[0] >> 3);
  return window.reds.size > 1;
}"""
FACE, CORNER = [1 - 0.44, 0.27], [0.1, 0.06]  # mirrored


def test_a_live_preview_and_a_snapshot(visit, with_camera) -> None:
    page = visit(on=with_camera, permissions=["camera"])
    page.page.get_by_role("tab", name="Camera").click()
    page.page.click("#camera-start")
    page.page.wait_for_selector("#figures:text('ms behind')")
    assert page.page.evaluate(ALPHA, FACE) > 250
    assert page.page.evaluate(ALPHA, CORNER) < 5
    page.page.wait_for_function(CHANGES, arg=FACE)  # it is live
    page.choose("background", "blur")
    page.page.wait_for_function(f"place => ({ALPHA})(place) === 255", arg=CORNER)
    page.page.click("#snapshot")
    page.page.get_by_role("tab", name="Pictures").click()  # the camera goes off
    page.until_done()
    assert page.page.locator("#list .name").inner_text() == "camera 1.png"
    assert page.page.locator("#camera-start").text_content() == "Start the camera"


def test_no_camera_is_said_in_words(visit) -> None:
    page = visit()
    page.page.get_by_role("tab", name="Camera").click()
    page.page.click("#camera-start")
    page.page.wait_for_function(
        "() => /camera (was found|may not be used)/.test("
        "document.getElementById('camera-words').textContent)"
    )


# A camera that is given when the test says so.
LATE = """() => {
  window.asks = [];
  navigator.mediaDevices.getUserMedia = () => new Promise((resolve) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
    canvas.getContext("2d").fillRect(0, 0, 64, 48);
    const stream = canvas.captureStream(10);
    window.asks.push({ track: stream.getVideoTracks()[0], allow: () => resolve(stream) });
  });
}"""
STATES = "asks.map(({ track }) => track.readyState)"


def test_a_camera_that_is_allowed_too_late_stays_off(visit, address: Served) -> None:
    page = visit().page
    page.evaluate(LATE)
    page.get_by_role("tab", name="Camera").click()
    page.click("#camera-start")
    page.get_by_role("tab", name="Pictures").click()
    before = len(address.asked)
    page.evaluate("asks[0].allow()")
    page.wait_for_timeout(300)
    assert page.evaluate(STATES) == ["ended"]
    assert [each for each in address.asked[before:] if each[0] == "POST"] == []
    page.get_by_role("tab", name="Camera").click()
    assert page.inner_text("#camera-words") == ""
    page.click("#camera-start")
    page.evaluate("document.getElementById('cameras').onchange()")  # another one, in between
    page.evaluate("asks[2].allow()")
    page.wait_for_selector("#camera-start:text('Stop the camera')")
    page.evaluate("asks[1].allow()")
    page.wait_for_timeout(100)
    assert page.evaluate(STATES) == ["ended", "ended", "live"]


def test_a_camera_that_does_not_play_says_so(visit) -> None:
    page = visit().page
    page.evaluate(LATE)
    page.evaluate(
        """() => {
          HTMLVideoElement.prototype.play = () => Promise.reject(new Error("no frames"));
        }"""
    )
    page.get_by_role("tab", name="Camera").click()
    page.click("#camera-start")
    page.evaluate("asks[0].allow()")
    page.wait_for_selector("#camera-words:text('The camera cannot be used: no frames')")
    assert page.evaluate(STATES) == ["ended"]
    assert page.inner_text("#camera-start") == "Start the camera"


@needs_vendor
def test_private_mode_takes_over_a_live_camera(visit) -> None:
    page = visit().page
    posts: list[str] = []

    def busy(route) -> None:
        posts.append(route.request.url)
        # Longer than any machine takes to the switch: it is not waited for.
        route.fulfill(status=429, headers={"Retry-After": "60"}, body="{}")

    page.route("**/v1/alpha*", busy)
    page.evaluate(LATE)
    page.get_by_role("tab", name="Camera").click()
    page.click("#camera-start")
    page.evaluate("asks[0].allow()")
    page.wait_for_selector("#figures:text('The server is busy')")
    page.get_by_role("switch", name="Private mode").check()
    page.wait_for_selector("#figures:text('ms behind')")
    assert len(posts) == 1
    assert page.inner_text("#camera-start") == "Stop the camera"

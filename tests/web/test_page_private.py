"""Private mode: the network runs in the page, and no picture leaves it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from browsing import MODEL, Served, Visit, needs_vendor, pixels_of
from drawn import put
from PIL import Image

import humatte

pytestmark = pytest.mark.timeout(300)  # two busy cores start a browser slowly

# What a page that sends nothing asks for: its own files, the networks.
HARMLESS = re.compile(r"(GET|HEAD) (/|/web/.*|/v1/models(/[\w-]+/file)?)")


@pytest.fixture
def small_photo(tmp_path: Path, astronaut: Path) -> Path:
    with Image.open(astronaut) as picture:
        return put(tmp_path / "in/small.png", np.asarray(picture.resize((320, 320))))


@needs_vendor
def test_no_picture_leaves_the_page(visit, address: Served, small_photo: Path) -> None:
    page = visit()
    before = len(address.asked)
    page.page.get_by_role("switch", name="Private mode").check()
    assert page.page.inner_text("#where") == "Pictures stay in this page."
    page.add(small_photo)
    expected = humatte.cutout(small_photo, model=MODEL)
    made = pixels_of(page.download())
    assert np.abs(made[..., 3].astype(int) - expected[..., 3]).max() <= 2
    opaque = (made[..., 3] == 255) & (expected[..., 3] == 255)
    assert np.array_equal(made[opaque], expected[opaque])

    page.choose("background", "colour")
    page.choose("crop", "tight")
    over = pixels_of(page.download())
    like = humatte.cutout(small_photo, model=MODEL, background="white", crop="5%")
    assert np.abs(np.subtract(over.shape[:2], like.shape[:2])).max() <= 2
    assert tuple(over[0, 0][:3]) == (255, 255, 255)

    page.choose("crop", "passport")
    page.page.click("#download")
    page.page.wait_for_selector("#save-words:text('never leaves the page')")
    # Switching off concerns what is added from now on: this picture stays.
    page.page.get_by_role("switch", name="Private mode").uncheck()
    page.choose("crop", "whole")
    page.choose("background", "blur")
    assert pixels_of(page.download()).shape[:2] == (320, 320)
    asked = [" ".join(each) for each in address.asked[before:]]
    assert [each for each in asked if not HARMLESS.fullmatch(each)] == []


@needs_vendor
def test_a_photo_that_lies_on_its_side(visit, small_photo: Path) -> None:
    lying = small_photo.with_name("lying.jpg")
    with Image.open(small_photo) as picture:
        exif = Image.Exif()
        exif[0x0112] = 6  # to be shown turned by a quarter
        picture.crop((40, 0, 320, 240)).rotate(90, expand=True).save(lying, exif=exif, quality=95)
    page = visit()
    page.page.get_by_role("switch", name="Private mode").check()
    page.add(lying)
    made, expected = pixels_of(page.download()), humatte.cutout(lying, model=MODEL)
    assert made.shape == expected.shape == (240, 280, 4)
    assert np.abs(made[..., 3].astype(int) - expected[..., 3]).max() <= 2


@needs_vendor
def test_switching_on_stops_what_is_being_sent(visit, small_photo: Path) -> None:
    page = visit()
    posts: list[str] = []

    def busy(route) -> None:
        posts.append(route.request.url)
        route.fulfill(status=429, headers={"Retry-After": "2"}, body="{}")

    page.page.route("**/v1/cutout*", busy)
    page.page.set_input_files("#files", small_photo)
    page.page.wait_for_selector("#list :text('The server is busy')")
    page.page.get_by_role("switch", name="Private mode").check()
    sent = len(posts)  # one, unless the machine was slow to switch
    page.until_done()
    page.page.wait_for_timeout(2500)  # the server would have been asked again
    assert len(posts) == sent
    assert page.page.inner_text("#list .state") == "Ready"  # it was sent before
    page.add(small_photo, done=2)
    assert page.page.locator("#list .state").last.inner_text() == "Ready, never sent"
    assert len(posts) == sent


@needs_vendor
def test_what_was_sent_is_renewed_in_the_page(visit, address: Served, small_photo: Path) -> None:
    page = visit()
    page.add(small_photo)
    page.page.get_by_role("switch", name="Private mode").check()
    before = len(address.asked)
    page.page.click("summary")
    page.page.select_option("#refine", "off")
    page.page.wait_for_selector("#list [data-state=working]")
    page.until_done()
    page.choose("background", "colour")
    page.download()
    asked = [" ".join(each) for each in address.asked[before:]]
    assert [each for each in asked if not HARMLESS.fullmatch(each)] == []


@needs_vendor
def test_a_background_chosen_in_private_mode_is_not_sent(visit, small_photo: Path) -> None:
    page = visit()
    switch = page.page.get_by_role("switch", name="Private mode")
    switch.check()
    page.add(small_photo)
    page.choose("background", "picture")
    behind = put(small_photo.parent / "green.png", np.full((40, 40, 3), (0, 255, 0), np.uint8))
    page.page.set_input_files("#background-file", behind)
    page.page.wait_for_selector("#background-name:text('green.png')")
    switch.uncheck()
    page.add(small_photo, done=2)  # this one is sent
    page.page.locator("#list .open").last.click()
    bodies: list[bytes] = []
    page.page.on("request", lambda request: bodies.append(request.post_data_buffer or b""))
    page.choose("crop", "passport")
    page.page.wait_for_selector("#crop-words:text('chosen in private mode')")
    page.choose("crop", "whole")
    assert tuple(pixels_of(page.download())[5, 5][:3]) == (0, 255, 0)
    assert not any(bodies)


@needs_vendor
def test_a_network_that_cannot_be_fetched(visit, address: Served, small_photo: Path) -> None:
    page = visit()
    page.page.route("**/v1/models/*/file", lambda route: route.abort())
    page.page.get_by_role("switch", name="Private mode").check()
    page.page.wait_for_selector("#private-state:text('the server does not answer')")
    page.page.unroute("**/v1/models/*/file")
    refusals = iter([401])

    def refused(route) -> None:
        status = next(refusals, None)
        route.fulfill(status=status, body="{}") if status else route.continue_()

    page.page.route("**/v1/models/*/file", refused)
    page.page.set_input_files("#files", small_photo)
    page.page.fill("#token", "a new word, since")
    page.page.keyboard.press("Enter")
    page.until_done()


@needs_vendor
def test_the_switch_is_remembered(visit) -> None:
    page = visit()
    page.page.get_by_role("switch", name="Private mode").check()
    page.page.reload()
    page.page.wait_for_selector("#private:checked")
    assert page.page.inner_text("#where") == "Pictures stay in this page."


def test_a_build_without_the_engine_says_so(visit) -> None:
    page: Visit = visit()
    page.page.route("**/web/vendor/**", lambda route: route.fulfill(status=404))
    page.page.evaluate("localStorage.setItem('humatte.private', 'on')")
    page.page.reload()
    page.page.wait_for_selector("text=Private mode is not in this build.")
    assert page.page.get_by_role("switch", name="Private mode").is_disabled()
    assert page.page.inner_text("#where").startswith("Pictures are sent to 127.0.0.1:")

"""Pictures come in, are cut out, and go out again, in a real browser with a real server."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from browsing import MODEL, Visit, pixels_of, serving
from drawn import put, room
from PIL import Image

import humatte
from humatte.server.settings import Settings

pytestmark = pytest.mark.timeout(300)  # two busy cores start a browser slowly

BLUE = "#2f5fd0"


@pytest.fixture
def small(tmp_path: Path, astronaut: Path) -> Path:
    """The astronaut at 256 pixels: what is to be shown needs no more."""
    with Image.open(astronaut) as picture:
        return put(tmp_path / "in/small.png", np.asarray(picture.resize((256, 256))))


def test_a_chosen_picture_comes_back_as_the_library_makes_it(visit, astronaut: Path) -> None:
    page = visit()
    page.add(astronaut)
    file = page.download()
    assert file.name == "astronaut.cutout.png"
    assert np.array_equal(pixels_of(file), humatte.cutout(astronaut, model=MODEL))


def test_dropped_and_pasted(visit, small: Path) -> None:
    page = visit()
    data = base64.b64encode(small.read_bytes()).decode()
    page.page.evaluate(
        """data => {
          const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
          for (const [kind, name] of [["drop", "dropped.png"], ["paste", "pasted.png"]]) {
            const holder = new DataTransfer();
            holder.items.add(new File([bytes], name, {type: "image/png"}));
            const event = kind === "drop"
              ? new DragEvent("drop", {dataTransfer: holder, bubbles: true, cancelable: true})
              : new ClipboardEvent("paste", {clipboardData: holder, bubbles: true});
            document.body.dispatchEvent(event);
          }
        }""",
        data,
    )
    page.until_done(2)
    assert page.page.locator("#list .name").all_inner_texts() == ["dropped.png", "pasted.png"]


def test_one_broken_file_among_several(visit, small: Path, tmp_path: Path) -> None:
    broken = tmp_path / "holiday.jpg"
    broken.write_text("no picture")
    page = visit()
    page.add(broken, small, done=1)
    row = page.page.locator("#list li", has_text="holiday.jpg")
    assert "picture" in row.locator(".state").inner_text()
    assert row.get_attribute("data-state") == "failed"
    news = page.page.locator("#news")
    page.page.wait_for_function("() => document.getElementById('news').textContent")
    assert "undefined" not in news.inner_text()
    row.get_by_role("button", name="Remove holiday.jpg").click()
    assert page.page.locator("#list li").count() == 1


@pytest.mark.parametrize(
    ("kind", "spec"), [("colour", BLUE), ("picture", "room.png"), ("blur", "blur")]
)
def test_backgrounds(visit, small: Path, kind: str, spec: str) -> None:
    behind = put(small.parent / "room.png", room(150, 200))
    page = visit()
    page.add(small)
    page.choose("background", kind)
    if kind == "colour":
        page.page.click("#swatches [title=Blue]")
    if kind == "picture":
        page.page.set_input_files("#background-file", behind)
        page.page.wait_for_function(
            "() => document.getElementById('background-name').textContent === 'room.png'"
        )
    page.page.locator("#split").focus()
    page.page.keyboard.press("Home")  # all of it is the result
    page.page.wait_for_timeout(400)
    seen = np.array(page.pixel(0.72, 0.15))  # beside the head
    file = page.download()
    made = pixels_of(file)
    expected = humatte.cutout(
        small, model=MODEL, background=str(behind) if kind == "picture" else spec
    )
    assert made.shape == (256, 256, 3)
    assert np.array_equal(made, expected)
    assert (
        np.abs(seen - shown_at(page, expected, 0.72, 0.15)).max() <= 8
    )  # before the server made it


def shown_at(page: Visit, picture: np.ndarray, x: float, y: float) -> np.ndarray:
    """The picture's colour where the fitted large view shows it."""
    box = page.page.locator("#stage").bounding_box()
    scale = min((box["width"] - 40) / picture.shape[1], (box["height"] - 40) / picture.shape[0], 2)
    column = (x * box["width"] - box["width"] / 2) / scale + picture.shape[1] / 2
    row = (y * box["height"] - box["height"] / 2) / scale + picture.shape[0] / 2
    return picture[round(row), round(column)].astype(int)


@pytest.mark.parametrize(
    ("crop", "words"),
    [
        ("tight", {"crop": "5%"}),
        pytest.param("1:1", {"crop": "5%", "aspect": "1:1"}, marks=pytest.mark.slow),
        pytest.param("4:5", {"crop": "5%", "aspect": "4:5"}, marks=pytest.mark.slow),
        ("16:9", {"crop": "5%", "aspect": "16:9"}),
        ("passport", {"id_photo": "35x45mm", "background": "#ffffff"}),
    ],
)
def test_crops(visit, tmp_path: Path, crop: str, words: dict[str, str]) -> None:
    file = portrait(tmp_path)
    page = visit()
    page.add(file)
    page.choose("crop", crop)
    assert np.array_equal(pixels_of(page.download()), humatte.cutout(file, model=MODEL, **words))


def portrait(folder: Path) -> Path:
    """The astronaut with room around her, so that crops have something to cut off."""
    with Image.open(Path(__file__).parents[2] / "examples/astronaut.jpg") as picture:
        wide = Image.new("RGB", (400, 320), (196, 190, 186))
        wide.paste(picture.resize((256, 256)), (72, 64))
    return put(folder / "in/portrait.png", np.asarray(wide))


def test_the_servers_warnings_of_a_passport_photo_are_shown(visit, small: Path) -> None:
    page = visit()
    page.add(small)
    page.choose("background", "colour")

    def warned(route) -> None:
        words = quote("the head is estimated, nobody measured it") + ", " + quote("too small")
        route.fulfill(
            body=small.read_bytes(), content_type="image/png", headers={"X-Humatte-Warning": words}
        )

    page.page.route("**/v1/cutout*", warned)
    page.choose("crop", "passport")
    page.page.wait_for_selector("#crop-words:text('template. The head is estimated, nobody')")
    page.download()
    words = page.page.inner_text("#save-words")
    assert words.endswith("is ready. The head is estimated, nobody measured it. Too small.")


def test_the_words_of_a_crop_that_was_left_do_not_come_late(visit, small: Path) -> None:
    page = visit()
    page.add(small)
    held: list = []

    def hold(route) -> None:
        held.append(route)

    page.page.route("**/v1/cutout*", hold)
    page.choose("crop", "passport")
    page.page.wait_for_selector("#crop-words:text('Measuring')")
    page.choose("crop", "tight")
    assert page.page.inner_text("#crop-words") == ""
    with page.page.expect_response("**/v1/cutout*"):
        held[0].continue_()
    page.page.wait_for_timeout(200)
    assert page.page.inner_text("#crop-words") == ""


def test_jpeg_and_webp(visit, small: Path) -> None:
    page = visit()
    page.add(small)
    jpeg = page.page.locator("#format option[value=jpg]")
    assert jpeg.is_disabled()  # it has no transparency
    page.page.select_option("#format", "webp")
    assert page.download().read_bytes()[8:12] == b"WEBP"
    page.choose("background", "colour")
    page.page.select_option("#format", "jpg")
    assert page.download().read_bytes()[:3] == b"\xff\xd8\xff"
    page.choose("background", "none")
    assert page.page.input_value("#format") == "png"


def test_all_as_zip(visit, small: Path) -> None:
    other = small.parent / "other" / "small.webp"
    other.parent.mkdir()
    Image.open(small).save(other, lossless=True)
    page = visit()
    page.add(small, other)
    with zipfile.ZipFile(page.download("#download-all")) as files:
        assert files.testzip() is None
        assert len(set(files.namelist())) == 2
        for name in files.namelist():
            found = np.asarray(Image.open(io.BytesIO(files.read(name))))
            assert np.array_equal(found, humatte.cutout(small, model=MODEL))


def test_a_zip_with_a_stronger_blur_has_pictures_that_were_never_opened(visit, small: Path) -> None:
    names = [small, *(small.with_name(f"{name}.png") for name in ("second", "third"))]
    for name in names[1:]:
        name.write_bytes(small.read_bytes())
    page = visit()
    page.add(*names)
    page.choose("background", "blur")
    page.page.locator("#blur").fill("3")
    with zipfile.ZipFile(page.download("#download-all")) as files:
        assert sorted(files.namelist()) == [
            "second.cutout.png",
            "small.cutout.png",
            "third.cutout.png",
        ]
        found = np.asarray(Image.open(io.BytesIO(files.read("third.cutout.png"))))
    assert np.array_equal(
        found, humatte.cutout(small, model=MODEL, background=f"blur:{0.03 * 256:.1f}")
    )


def test_a_choice_made_meanwhile_concerns_the_next_download(visit, small: Path) -> None:
    page = visit()
    other = small.with_name("other.png")
    other.write_bytes(small.read_bytes())
    page.add(small, other)
    page.page.select_option("#format", "webp")
    asked: list[str] = []

    def changed(route) -> None:
        asked.append(route.request.url)
        page.page.evaluate(
            """() => {
              const format = document.getElementById("format");
              format.value = "png";
              format.onchange();
            }"""
        )
        route.continue_()

    page.page.route("**/v1/cutout*", changed)
    with zipfile.ZipFile(page.download("#download-all")) as files:
        assert sorted(files.namelist()) == ["other.cutout.webp", "small.cutout.webp"]
        assert {files.read(name)[8:12] for name in files.namelist()} == {b"WEBP"}
    assert len(asked) == 2


def test_the_token_is_asked_for_once_and_kept_for_the_tab(visit, small: Path) -> None:
    with serving(Settings(model=MODEL, token="a good long word")) as address:
        page = visit(address)
        page.page.fill("#token", "not this one")
        page.page.click("#token-form [type=submit]")
        page.page.wait_for_selector("text=That token was not right.")
        page.page.fill("#token", "a good long word")
        page.page.keyboard.press("Enter")
        page.add(small)
        page.page.reload()
        page.add(small)
        assert page.page.locator("#token-dialog").is_hidden()


def test_who_gives_no_token_is_asked_once(visit, small: Path) -> None:
    files = [small, *(small.with_name(f"{number}.png") for number in range(5))]
    for file in files[1:]:
        file.write_bytes(small.read_bytes())
    with serving(Settings(model=MODEL, token="a good long word")) as address:
        page = visit(address)
        page.page.click("#token-cancel")  # asked for the networks
        page.page.evaluate(
            """() => {
              window.shown = 0;
              const dialog = document.getElementById("token-dialog");
              const show = dialog.showModal.bind(dialog);
              dialog.showModal = () => (window.shown += 1, show());
            }"""
        )
        page.page.set_input_files("#files", files)
        page.page.click("#token-cancel")
        page.page.wait_for_function(
            "() => document.querySelectorAll('#list [data-state=failed]').length === 6"
        )
        assert page.page.evaluate("shown") == 1
        page.page.get_by_role("button", name="Try small.png again").click()
        page.page.fill("#token", "密語 and more")
        page.page.keyboard.press("Enter")
        page.page.wait_for_selector("#token-wrong:text('plain letters')")
        page.page.fill("#token", "a good long word")
        page.page.keyboard.press("Enter")
        page.until_done(1)


def test_a_browser_that_stores_nothing(visit, small: Path) -> None:
    with serving(Settings(model=MODEL, token="a good long word")) as address:
        page = visit(
            address,
            on_start="""
            for (const name of ["localStorage", "sessionStorage"]) {
              Object.defineProperty(window, name, {
                get() { throw new DOMException("denied", "SecurityError"); },
              });
            }""",
        )
        page.page.fill("#token", "a good long word")
        page.page.keyboard.press("Enter")
        page.add(small)
        page.download()


def test_a_busy_server_is_waited_for_in_words(visit, small: Path) -> None:
    page = visit()
    refusals = iter([{"status": 429, "headers": {"Retry-After": "2"}, "body": "{}"}])

    def answer(route) -> None:
        busy = next(refusals, None)
        route.fulfill(**busy) if busy else route.continue_()

    page.page.route("**/v1/cutout*", answer)
    page.page.set_input_files("#files", small)
    page.page.wait_for_selector("#list :text('The server is busy; trying again in 2 s')")
    page.until_done()


def test_a_pixel_worker_that_stops_says_so_and_is_started_anew(visit, small: Path) -> None:
    page = visit()
    page.page.route("**/web/pixels_worker.js", lambda route: route.abort())
    page.add(small)
    page.page.wait_for_selector("#stage-words:text('work on pictures has stopped')")
    page.page.unroute("**/web/pixels_worker.js")
    page.add(small, done=2)
    page.page.locator("#list .open").last.click()
    page.page.wait_for_selector("#split:not([hidden])")


def test_a_server_that_is_gone_can_be_tried_again(visit, small: Path) -> None:
    page = visit()
    page.page.route("**/v1/cutout*", lambda route: route.abort())
    page.page.set_input_files("#files", small)
    page.page.wait_for_selector("#list :text('does not answer')")
    page.page.unroute("**/v1/cutout*")
    page.page.get_by_role("button", name="Try small.png again").click()
    page.until_done()


@pytest.mark.slow
def test_large_pictures_do_not_hold_the_page_up(visit, astronaut: Path, tmp_path: Path) -> None:
    with Image.open(astronaut) as picture:
        large = tmp_path / "large.jpg"
        picture.resize((4000, 3000)).save(large)
    page = visit()
    page.page.evaluate(
        """() => {
          window.longest = 0;
          let last = performance.now();
          setInterval(() => {
            window.longest = Math.max(window.longest, performance.now() - last);
            last = performance.now();
          }, 10);
        }"""
    )
    page.add(large)
    page.page.wait_for_timeout(500)
    assert page.page.evaluate("window.longest") < 500

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from drawn import gradient, noise, opened, room
from PIL import Image

import humatte
from humatte import catalog
from humatte.errors import NetworkError, UsageError
from humatte.matting import has_person, matte
from humatte.metrics import person_iou
from humatte.network import Network, fingerprints_of, fingerprints_text, settle

CHECKERS = np.kron(np.indices((16, 16)).sum(axis=0) % 2, np.ones((16, 16), np.uint8))
CHECKERS = (CHECKERS[..., None].repeat(3, axis=2) * 255).astype(np.uint8)


def test_every_bundled_network_says_what_it_is() -> None:
    assert catalog.DEFAULT in catalog.names()
    for name in catalog.names():
        facts = humatte.load(name).facts
        assert facts.name == name
        assert facts.licence == "Apache-2.0"
        assert humatte.load(name).device == "cpu"
        assert facts.best_long_side % facts.stride == 0
        assert facts.scores["person_iou"] > 0.9
        assert facts.data_hash
        assert facts.commit
        assert facts.recipe["network"]["name"] == name.removesuffix("-int8")
        assert bool(facts.int8) == name.endswith("-int8")


def test_every_bundled_network_has_a_card_with_its_checksum() -> None:
    import hashlib

    for name in catalog.names():
        path = catalog.find(name)
        card = path.with_suffix(".md").read_text("utf-8")
        assert hashlib.sha256(path.read_bytes()).hexdigest() in card


def test_the_astronaut_is_found(astronaut: Path) -> None:
    alpha = humatte.load()(np.asarray(opened(astronaut)))
    assert alpha.shape == (512, 512)
    assert alpha[90:150, 200:250].min() > 0.9, "her face"
    assert alpha[:60, 300:380].max() < 0.2, "the wall"
    assert has_person(alpha)


@pytest.mark.parametrize(
    "image",
    [
        np.full((240, 320, 3), 128, np.uint8),
        np.zeros((240, 320, 3), np.uint8),
        np.full((320, 240, 3), 255, np.uint8),
        np.full((200, 200, 3), (30, 120, 200), np.uint8),
        gradient(300, 200),
        noise(256, 256),
        CHECKERS,
    ],
    ids=["gray", "black", "white", "blue", "gradient", "noise", "checkers"],
)
def test_an_empty_scene_gives_an_empty_matte(image: np.ndarray) -> None:
    alpha = humatte.load()(image)
    assert alpha.mean() < 0.02
    assert not has_person(alpha)


@pytest.mark.parametrize("name", ["grass", "gravel"])
def test_a_texture_gives_an_empty_matte(name: str) -> None:
    """Photos that no network was trained on, from scikit-image."""
    image = np.repeat(getattr(skimage.data, name)()[..., None], 3, axis=2)
    assert humatte.load()(image).mean() < 0.02


def test_an_empty_room_gives_an_empty_matte() -> None:
    alpha = humatte.load()(room())
    assert alpha.mean() < 0.02
    assert not has_person(alpha)


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3), (31, 33), (700, 500)])
def test_any_size_works(size: tuple[int, int]) -> None:
    alpha = humatte.load()(noise(*size))
    assert alpha.shape == size
    assert alpha.dtype == np.float32
    assert 0 <= alpha.min() <= alpha.max() <= 1


def test_the_same_picture_at_another_size_gives_the_same_person(astronaut: Path) -> None:
    photo = opened(astronaut)
    small = humatte.load()(np.asarray(photo))
    large = humatte.load()(np.asarray(photo.resize((1024, 1024), Image.Resampling.BICUBIC)))
    assert person_iou(small, large[::2, ::2].copy()) > 0.97


def test_a_batch_gives_what_its_pictures_give_alone() -> None:
    network = humatte.load()
    batch = np.random.default_rng(0).random((2, 3, 96, 64), np.float32)
    both = network.run(batch)
    for one, found in zip(batch, both, strict=True):
        assert network.run(one[None])[0] == pytest.approx(found, abs=1e-4)


def test_settle_decides_only_the_ends() -> None:
    values = np.float32([0, 0.02, 0.5, 0.98, 1])
    assert settle(values) == pytest.approx([0, 0, 0.5, 1, 1])
    assert (np.diff(settle(np.linspace(0, 1, 99, dtype=np.float32))) >= 0).all()


def test_a_file_that_was_written_anew_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(catalog.find("night").read_bytes())
    first = humatte.load(path)
    assert humatte.load(str(path)) is first
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(1, 1))
    assert humatte.load(path) is not first


def test_one_open_network_is_shared() -> None:
    assert humatte.load("night") is humatte.load("night")


def test_threads_that_come_at_once_open_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened_by: list[int] = []

    def slow(*_: object) -> object:
        opened_by.append(threading.get_ident())
        time.sleep(0.02)
        return object()

    monkeypatch.setattr("humatte.catalog.Network", slow)
    with ThreadPoolExecutor(4) as pool:
        # So many threads nobody asks for: no other test gets this one.
        found = set(pool.map(lambda _: humatte.load("night", threads=977), range(4)))
    assert len(found) == len(opened_by) == 1


def test_a_batch_that_it_cannot_take_is_said_in_one_line() -> None:
    with pytest.raises(NetworkError, match=r"night: .*\(1, 4, 64, 64\)"):
        humatte.load("night").run(np.zeros((1, 4, 64, 64), np.float32))


def test_wrong_files_and_names(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"not a network")
    with pytest.raises(NetworkError, match=r"a\.onnx"):
        humatte.load(str(tmp_path / "a.onnx"))
    with pytest.raises(UsageError, match=r"bundled: .*night"):
        humatte.load("nigth")
    with pytest.raises(NetworkError, match="no such"):
        Network(tmp_path / "b.onnx")


def test_matte_checks_its_input() -> None:
    with pytest.raises(UsageError, match="float64"):
        matte(np.zeros((4, 4, 3)), humatte.load())


def test_fingerprints_survive_their_entry() -> None:
    hashes = np.array([7, 2**63 + 5, 0], np.uint64)
    assert fingerprints_of(fingerprints_text(hashes)).tolist() == sorted(hashes.tolist())
    assert fingerprints_of("").size == 0
    for damaged in ("?", "AAAA"):
        with pytest.raises(NetworkError, match="damaged"):
            fingerprints_of(damaged)

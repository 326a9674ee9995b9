"""Solving mattes: known answers, exact sure regions, bounded sizes, what cannot be solved."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
from drawn import disc, noise
from test_imports import loaded

from humatte.arrays import resize
from humatte.composite import over
from humatte.data import alpha as module
from humatte.data.alpha import METHODS, Method, Solver, load_solvers, parse_method, solve_alpha
from humatte.data.trimap import BACKGROUND, PERSON, UNSURE, trimap_of
from humatte.errors import DataError, UsageError

TRUTH = disc(80, 100, 25, soft=6)
RED, BLUE = np.array([200, 40, 30], np.uint8), np.array([[[20, 60, 190]]], np.uint8)


def drawn(truth: np.ndarray) -> np.ndarray:
    return over(np.broadcast_to(RED, (*truth.shape, 3)), truth, BLUE)


# Mean absolute errors in the unsure band, as measured and 5 % more. KNN knows no mixtures: it only
# says which pixels are alike.
@pytest.mark.parametrize(("method", "error"), [("knn", 0.034), ("cf", 0.0005), ("lbdm", 0.0005)])
def test_a_disc_of_two_colours_is_recovered(method: Method, error: float) -> None:
    trimap = trimap_of(TRUTH, 3)
    found = solve_alpha(drawn(TRUTH), trimap, Solver(method))
    assert found.dtype == np.float32
    assert np.abs(found - TRUTH)[trimap == UNSURE].mean() < error
    assert (found[trimap == PERSON] == 1).all()
    assert (found[trimap == BACKGROUND] == 0).all()


def test_large_pictures_are_solved_small_and_restored() -> None:
    truth = disc(240, 300, 75, soft=4)
    image, trimap = drawn(truth), trimap_of(truth, 6)
    unsure = trimap == UNSURE
    found = solve_alpha(image, trimap, Solver("cf", solve_at=100))
    small = np.clip(resize(truth, (80, 100)), 0, 1)
    bilinear = np.abs(resize(small, truth.shape) - truth)[unsure].mean()
    assert np.abs(found - truth)[unsure].mean() < bilinear / 2
    assert (found[~unsure] == (trimap[~unsure] == PERSON)).all()


def test_the_bound_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def note(image: np.ndarray, start: np.ndarray, solver: Solver) -> np.ndarray:
        sizes.append(image.shape[:2])
        return start

    monkeypatch.setitem(module._EQUATIONS, "cf", note)
    solve_alpha(drawn(TRUTH), trimap_of(TRUTH, 3), Solver("cf", solve_at=50))
    solve_alpha(drawn(TRUTH), trimap_of(TRUTH, 3), Solver("cf", solve_at=100))
    assert sizes == [(40, 50), (80, 100)]


def test_nothing_unsure_needs_no_solving(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EQUATIONS", {})
    mask = trimap_of((TRUTH > 0.5).astype(np.float32), 0)
    assert (solve_alpha(drawn(TRUTH), mask) == (TRUTH > 0.5)).all()


@pytest.mark.parametrize("method", METHODS)
def test_tiny_pictures(method: Method) -> None:
    trimap = np.full((3, 4), UNSURE, np.uint8)
    trimap[0, 0], trimap[2, 3] = BACKGROUND, PERSON
    found = solve_alpha(noise(3, 4), trimap, Solver(method, neighbours=100))
    assert 0 <= found.min() <= found.max() <= 1
    with pytest.raises(DataError, match="9x2 pixels, which are too few"):
        narrow = np.full((2, 9), UNSURE, np.uint8)
        narrow[0, 0], narrow[1, 8] = BACKGROUND, PERSON
        solve_alpha(noise(2, 9), narrow, Solver(method))


@pytest.mark.parametrize(("value", "what"), [(0, "person"), (255, "background")])
def test_a_trimap_without_one_side(value: int, what: str) -> None:
    trimap = np.full((20, 20), value, np.uint8)
    trimap[5:9] = UNSURE
    with pytest.raises(DataError, match=f"no sure {what}; make its unsure band narrower"):
        solve_alpha(noise(20, 20), trimap)


def test_a_person_too_thin_to_be_solved_small() -> None:
    truth = np.zeros((200, 200), np.float32)
    truth[:, 100:103] = 1
    with pytest.raises(DataError, match="nothing sure is left at 20 pixels; raise --solve-at"):
        solve_alpha(noise(200, 200), trimap_of(truth, 1), Solver(solve_at=20))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ValueError("did not\nconverge"), "knn equations were not solved: did not converge"),
        (FloatingPointError("x"), "were not solved"),
        (MemoryError(), "no memory to solve 100x80 pixels at once; lower --solve-at"),
        (np.full((80, 100), np.nan), "no finite matte; try another --method"),
    ],
)
def test_solvers_that_fail(monkeypatch: pytest.MonkeyPatch, answer: object, words: str) -> None:
    def fail(*_: object) -> np.ndarray:
        if isinstance(answer, BaseException):
            raise answer
        return np.asarray(answer)

    monkeypatch.setitem(module._EQUATIONS, "knn", fail)
    with pytest.raises(DataError, match=words):
        solve_alpha(drawn(TRUTH), trimap_of(TRUTH, 3))


def test_solvers_keep_quiet(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def chatter(image: np.ndarray, start: np.ndarray, solver: Solver) -> np.ndarray:
        warnings.warn("of numba's own", stacklevel=1)
        print("PERFORMANCE WARNING")  # noqa: T201
        return start + 0 * np.log(start - 1)

    monkeypatch.setitem(module._EQUATIONS, "knn", chatter)
    with pytest.raises(DataError, match="no finite matte"):
        solve_alpha(drawn(TRUTH), trimap_of(TRUTH, 3))
    assert capfd.readouterr() == ("", "")


def test_solvers_load_with_the_first_matte_only() -> None:
    assert not loaded("import humatte.data.alpha_files").intersection(["pymatting", "numba"])


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymatting", None)
    with pytest.raises(UsageError, match=r"pip install 'humatte\[data\]'"):
        load_solvers()


def test_wrong_use() -> None:
    trimap = trimap_of(TRUTH, 3)
    with pytest.raises(UsageError, match=r"found a trimap \(80, 100\) uint8; expected \(20, 30\)"):
        solve_alpha(noise(20, 30), trimap)
    with pytest.raises(UsageError, match="no method 'magic'; expected one of knn, cf, lbdm"):
        parse_method("magic")
    for settings, words in (
        ({"solve_at": 3}, "solve at is 3; expected 16 or more"),
        ({"neighbours": 0}, "neighbours is 0"),
        ({"penalty": float("nan")}, "penalty is nan"),
    ):
        with pytest.raises(UsageError, match=words):
            Solver(**settings)  # type: ignore[arg-type]

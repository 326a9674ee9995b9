from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from drawn import opened
from PIL import Image

import humatte
from humatte import catalog
from humatte.arrays import to_bytes
from humatte.network import settle
from humatte.prepare import fit
from humatte.train import quantize
from humatte.train.export import store_half
from humatte.train.quantize import Scores, export_int8, unfold_half


@pytest.fixture(scope="module")
def portraits(astronaut: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Crops of the astronaut, their mattes night's own, blurred."""
    folder = tmp_path_factory.mktemp("portraits")
    for part in ("image", "alpha"):
        (folder / "people" / part).mkdir(parents=True)
    whole = np.asarray(opened(astronaut))
    for number, (top, left) in enumerate([(0, 0), (0, 60), (40, 30), (60, 0), (20, 20)]):
        crop = np.ascontiguousarray(whole[top : top + 440, left : left + 400])
        alpha = cv2.blur(to_bytes(humatte.load("night")(crop)), (31, 31))
        Image.fromarray(crop).save(folder / f"people/image/p{number}.png")
        Image.fromarray(alpha).save(folder / f"people/alpha/p{number}.png")
    (folder / "people/train.txt").write_text("p0\np1\np2\n")
    (folder / "people/val.txt").write_text("p3\np4\n")
    return folder


@pytest.fixture(scope="module")
def eight_bit(portraits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("int8") / "night-int8.onnx"
    export_int8(catalog.find("night"), portraits, out)
    return out


def test_the_file_computes_in_8_bits_almost_the_same(eight_bit: Path, astronaut: Path) -> None:
    kinds = {node.op_type for node in onnx.load(eight_bit).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    assert eight_bit.stat().st_size < 0.65 * catalog.find("night").stat().st_size
    network, original = humatte.load(eight_bit), humatte.load("night")
    batch, _ = fit(np.asarray(opened(astronaut)), 320, original.facts.stride)
    found, wanted = (settle(one.run(batch)) for one in (network, original))
    assert 0 < np.abs(found - wanted).mean() < 0.02
    assert np.mean((found > 0.5) != (wanted > 0.5)) < 0.02


def test_the_file_says_what_it_cost(eight_bit: Path) -> None:
    facts, before = humatte.load(eight_bit).facts, humatte.load("night").facts
    assert facts.name == "night-int8" and before.int8 == {}
    assert facts.stride == before.stride and facts.recipe == before.recipe
    assert set(facts.int8) == {"kept_in_float", "pictures", "judged_on", "before", "after"}
    assert facts.int8["pictures"] == 2
    assert facts.scores == facts.int8["after"]
    assert humatte.load(eight_bit).trained_on().tolist() == (
        humatte.load("night").trained_on().tolist()
    )


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (Scores(0.9371, 0.0314), ""),
        (Scores(0.9369, 0.03), "person IoU falls by 0.0031; at most 0.003 is allowed"),
        (Scores(0.95, 0.0317), "MAD rises by 5.7%; at most 5% is allowed"),
        (Scores(0.5, 0.06), "allowed and MAD"),
        (Scores(float("nan"), 0.03), "person IoU falls by nan"),
    ],
)
def test_the_gate(after: Scores, reason: str) -> None:
    refused = after.refused(Scores(0.94, 0.03))
    assert reason in refused and bool(refused) == bool(reason)


def test_what_costs_too_much_is_not_written(
    humatte, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    monkeypatch.setattr(quantize, "MOST_LOST_IOU", -2.0)
    real = quantize.quantise

    def seen(*words: object) -> None:
        tried.append(words[-1])
        if len(tried) == 1:  # the others cost the same time again
            real(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(quantize, "quantise", seen)
    out = tmp_path / "night.onnx"
    result = humatte("export", "night", "-o", out, "--int8", "--calibrate", data)
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "first and last kept in float: person IoU falls by" in result.err
    assert tried == [(), (-1,), (0, -1)]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("night", "--int8"), "give --calibrate DIR"),
        (("night", "--calibrate", "x"), "give --int8 too"),
        (("night", "--int8", "--half", "--calibrate", "x"), "give one of them"),
        (("night",), "a network already"),
        (("night", "--int8", "--calibrate", "x", "--licence", "MIT"), "keeps its licence"),
        (("nobody.onnx", "--int8", "--calibrate", "x"), "no network is called"),
    ],
)
def test_words_that_do_not_fit(humatte, tmp_path: Path, words: tuple[str, ...], message: str):
    result = humatte("export", *words, "-o", tmp_path / "o.onnx")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert message in result.err


def test_halves_become_what_they_stand_for() -> None:
    values = np.array([[1.5, -2.25]], np.float32)
    node = onnx.helper.make_node("MatMul", ["batch", "w"], ["alpha"])
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node],
        "one",
        [value("batch", onnx.TensorProto.FLOAT, [1, 1])],
        [value("alpha", onnx.TensorProto.FLOAT, [1, 2])],
        [onnx.numpy_helper.from_array(values, "w")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    store_half(model)
    assert [node.op_type for node in model.graph.node] == ["Cast", "MatMul"]
    unfold_half(model)
    assert [node.op_type for node in model.graph.node] == ["MatMul"]
    (weights,) = model.graph.initializer
    assert weights.name == "w"
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(weights), values)

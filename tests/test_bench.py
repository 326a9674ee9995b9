"""`humatte bench` and `humatte doctor`. Speeds are for people: here only what they add up to."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from clips import clip, shown

from humatte import bench, bench_report, catalog, doctor
from humatte.bench import STAGES, Result, Task, measure, portrait
from humatte.bench_clip import CLIP_STAGES
from humatte.errors import NetworkError
from humatte.image_io import read
from humatte.macs import macs_of
from humatte.matting import Refinement
from humatte.runtimes import Running

SIZE = (240, 320)


@pytest.fixture(scope="module", autouse=True)
def small_matrices() -> Iterator[None]:
    """Speeds are not looked at; the command, in a process of its own, multiplies large ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "_GEMM_SIDE", 256)
        yield


@pytest.fixture(scope="module")
def result() -> Result:
    return measure(Task("night", size=SIZE, rounds=2))


@pytest.mark.parametrize("refine", ["off", "fast"])
def test_stages_are_positive_however_edges_are_made(refine: Refinement) -> None:
    found = measure(Task("night", size=(60, 80), rounds=1, refine=refine))
    edges = found.stages.pop("refine")[0]
    assert min(times[0] for times in found.stages.values()) > 0
    assert edges >= 0 and (refine != "off" or edges == 0)
    assert found.passes >= 1


def test_stages_add_up_to_the_whole(result: Result) -> None:
    assert (result.size, result.runtime, result.device) == (SIZE, "onnxruntime", "cpu")
    assert set(result.stages) == {*STAGES, "total"}
    for number, total in enumerate(result.stages["total"]):
        parts = [result.stages[stage][number] for stage in STAGES]
        assert min(parts) >= 0
        assert sum(parts) == pytest.approx(total, rel=1e-6)
    assert result.passes >= 1
    assert result.peak_mb is None or result.peak_mb > 20


def test_the_share_of_the_peak_is_macs_over_time(result: Result) -> None:
    assert result.macs is not None and result.share_of_peak is not None
    rate = result.macs / np.median(result.pass_s)
    assert result.share_of_peak == pytest.approx(rate / result.machine_macs_per_s)


def test_multiplications_are_counted(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    kernels = {"a": (8, 3, 3, 3), "b": (8, 2, 3, 3), "c": (8, 2, 2, 2)}
    graph = onnx.helper.make_graph(
        [
            node("Conv", ["batch", "a"], ["x"], pads=[1] * 4),
            node("Conv", ["x", "b"], ["y"], pads=[1] * 4, group=4),
            node("ConvTranspose", ["y", "c"], ["alpha"], strides=[2, 2]),
        ],
        "three",
        [value("batch", onnx.TensorProto.FLOAT, [1, 3, 32, 48])],
        [value("alpha", onnx.TensorProto.FLOAT, [1, 2, 64, 96])],
        [
            onnx.numpy_helper.from_array(np.ones(shape, np.float32), name)
            for name, shape in kernels.items()
        ],
    )
    opset = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "a.onnx")
    pixels = 32 * 48
    by_hand = pixels * 8 * 3 * 9 + pixels * 8 * 2 * 9 + pixels * 8 * 2 * 4
    assert macs_of(tmp_path / "a.onnx", np.zeros((1, 3, 32, 48), np.float32)) == by_hand


def test_a_clip_has_frames_a_second(humatte, tmp_path: Path) -> None:
    source, out = clip(tmp_path / "clip.mkv"), tmp_path / "bench.json"
    words = ("-m", "night-lite", "--threads", 1, "--rounds", 2, "--json", out)
    told = humatte("bench", source, *words)
    assert told.code == 0, told.err
    count = len(shown(source))
    assert f"{count} frames of 64x48 to webm" in told.out and "frames/s" in told.out
    (entry,) = json.loads(out.read_text("utf-8"))["results"]
    assert (entry["frames"], entry["size"]) == (count, [48, 64])
    assert set(entry["stages"]) == {*CLIP_STAGES, "total"}
    assert all(len(rounds) == 2 and min(rounds) > 0 for rounds in entry["stages"].values())
    assert entry["frames_per_s"] == pytest.approx(1 / np.median(entry["stages"]["total"]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bench.json", "clip.mkv"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-f", "jpg"), "cannot write 'jpg' as video"),
        (("-f", "png"), "clips are measured as one file"),
        (("--size", "64x48"), "--size is the drawn portrait's"),
    ],
)
def test_what_clips_are_not_measured_with(
    humatte, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    told = humatte("bench", clip(tmp_path / "clip.mkv"), *words)
    assert (told.code, told.err.count("\n")) == (2, 1) and message in told.err


def test_no_such_picture_is_one_line(humatte) -> None:
    told = humatte("bench", "nothing_there.jpg")
    assert (told.code, told.err.count("\n")) == (1, 1) and "no such file" in told.err


def test_the_portrait_has_a_person_and_a_wall() -> None:
    image = read(portrait(SIZE)).image.astype(int)
    red = image[..., 0] - image[..., 2]
    assert image.shape == (*SIZE, 3)
    assert red[90, 160] > 60 and red[230, 160] > 60 and red[20, 20] < -60


def test_the_command_writes_what_it_measured(humatte, astronaut: Path, tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    words = ("-m", "night", "--rounds", 1, "--threads", 1, "-f", "jpg", "--json", out)
    told = humatte("bench", astronaut, *words)
    assert told.code == 0, told.err
    assert "night, onnxruntime cpu, 1 threads" in told.out and "512x512 to JPEG" in told.out
    (entry,) = json.loads(out.read_text("utf-8"))["results"]
    assert entry["size"] == [512, 512] and entry["task"]["running"]["threads"] == 1
    assert entry["p50_p95_s"]["total"]["p50"] > entry["p50_p95_s"]["network"]["p50"] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--rounds", "0"), "--rounds 0; expected at least 1"),
        (("--size", "12"), "--size 12: expected width and height"),
        (("-m", "nobody"), "no network is called 'nobody'"),
        (("-f", "doc"), "doc"),
        (("--runtime", "x"), "unknown --runtime 'x'"),
        (("--device", "npu"), "add --runtime openvino"),
    ],
)
def test_what_cannot_be_measured_is_one_line(humatte, words: tuple[str, ...], message: str) -> None:
    told = humatte("bench", *words)
    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert message in told.err


def test_an_8_bit_network_has_no_share(result: Result) -> None:
    unknown = Result(**(vars(result) | {"macs": None}))
    assert unknown.share_of_peak is None
    assert bench_report.network_line(unknown).startswith("one pass ")
    assert unknown.to_json()["share_of_peak"] is None


def test_blas_threads_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    with bench._blas_threads(1):
        assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"


def test_the_doctor_finds_everything_fine(humatte) -> None:
    told = humatte("doctor", "--json")
    assert told.code == 0, told.out
    findings = {entry["what"]: entry for entry in json.loads(told.out)}
    assert findings["would run"]["told"] == "dawn with onnxruntime on cpu"
    for name in catalog.names():
        for what in ("weights", "self-test", "known answer"):
            assert findings[f"{what} {name}"]["fine"], findings[f"{what} {name}"]
    assert findings["self-test"]["fine"]


def test_the_doctor_says_what_is_wrong(humatte, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "names", lambda: ["night"])
    monkeypatch.setattr(doctor, "find", lambda _: Path(__file__))  # no card beside it
    monkeypatch.setattr(doctor, "openvino_devices", lambda: None)
    real = doctor.load

    def broken(name: str, *running: object) -> object:
        if running == (1, "auto", "auto", "fp32"):
            raise NetworkError("no memory\nat all")
        return real(name, *running)  # type: ignore[arg-type]

    monkeypatch.setattr(doctor, "load", broken)
    told = humatte("doctor", "--threads", 1)
    assert told.code == 1
    assert "FAILED would run          no memory at all" in told.out
    assert "FAILED weights night" in told.out and "install again" in told.out
    assert "FAILED self-test night" in told.out
    assert "pip install 'humatte[openvino]'" in told.out
    assert "FAILED known answer night its card has none" in told.out
    assert told.err == "humatte: 4 of " + told.err.split(" of ", 1)[1]


def test_the_doctor_notices_other_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor.load

    def other(name: str, *running: object) -> object:
        network = real(name, 1, "onnxruntime", "cpu")
        if running == tuple(Running(runtime="auto")):
            run = network.run
            network = type("Other", (), {"run": lambda _, batch: run(batch) + np.float32(0.01)})()
            network.facts, network.small = real(name).facts, real(name).small  # type: ignore[attr-defined]
        return network

    monkeypatch.setattr(doctor, "load", other)
    monkeypatch.setattr(doctor, "matte", lambda image, network: np.zeros(image.shape[:2]))
    (finding,) = doctor._runs("night", Running())
    assert finding.fine is False and "0.01 from onnxruntime" in finding.told


@pytest.mark.parametrize("name", ["night", "night-lite-int8"])
def test_the_doctor_finds_a_network_that_answers_otherwise(
    humatte, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """One kernel has other weights; every runtime agrees about the file."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(catalog.find(name))
    kernels = [one for one in model.graph.initializer if len(one.dims) == 4 and one.raw_data]
    kernel = kernels[len(kernels) // 2]
    kernel.raw_data = kernel.raw_data[::-1]
    onnx.save(model, tmp_path / f"{name}.onnx")
    card = catalog.find(name).with_suffix(".md")
    (tmp_path / card.name).write_text(card.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(catalog, "_WEIGHTS", tmp_path)
    monkeypatch.setattr(doctor, "_would_run", lambda _: doctor.Finding("would run", "", True))
    monkeypatch.setattr(doctor, "_cuts_out", lambda: doctor.Finding("self-test", "", True))
    told = humatte("doctor")
    assert told.code == 1
    assert f"FAILED known answer {name} at most " in told.out and "wrong mattes" in told.out


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="no openvino")
@pytest.mark.parametrize("name", catalog.names())
def test_answers_are_known_with_openvino_too(name: str) -> None:
    finding = doctor._answers(name, Running(runtime="openvino"))
    assert finding.fine, finding.told

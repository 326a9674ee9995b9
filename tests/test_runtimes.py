"""What computes a network. OpenVINO's tests run where it is installed."""

from __future__ import annotations

import importlib.util
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import humatte
from humatte import catalog, runtimes
from humatte.errors import NetworkError, UsageError
from humatte.network import Network
from humatte.runtimes import ANYHOW, Running, check, onnxruntime_devices

with_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="openvino is not installed"
)
BATCH = np.random.default_rng(1).random((2, 3, 64, 96), np.float32)


@pytest.mark.parametrize(
    ("running", "words"),
    [
        (Running(runtime="tensorrt"), "unknown --runtime 'tensorrt'; expected auto, onnxruntime"),
        (Running(device="tpu"), "unknown --device 'tpu'; expected auto, cpu, cuda"),
        (Running(precision="int4"), "unknown --precision 'int4'; expected fp32, bf16"),
        (Running(threads=0), "--threads 0; expected at least 1"),
        (Running(precision="bf16"), "is OpenVINO's; add --runtime openvino"),
        (Running(device="npu"), "--device npu is OpenVINO's"),
        (Running(runtime="openvino", device="cuda"), "OpenVINO has no device 'cuda'"),
    ],
)
def test_words_that_do_not_fit(running: Running, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check(running)
    with pytest.raises(UsageError, match=words):
        Network(catalog.find("night"), running)


def test_a_device_that_is_not_there_is_an_error_and_no_fall_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = next(d for d in ("cuda", "directml", "coreml") if d not in onnxruntime_devices())
    with pytest.raises(UsageError, match=f"--device {missing}: the installed onnxruntime has "):
        Network(catalog.find("night"), Running(device=missing))
    # Built for it, but without its driver: onnxruntime itself would go on with the processor.
    monkeypatch.setattr("humatte.runtimes.onnxruntime_devices", lambda: ["cpu", missing])
    monkeypatch.setattr("onnxruntime.InferenceSession", FallsBack)
    with pytest.raises(UsageError, match="its driver or libraries cannot be used here"):
        Network(catalog.find("night"), Running(device=missing))


@pytest.mark.parametrize(
    ("how", "reason"), [("left out", ""), ("raised", " (CUDA failure 999: unknown error)")]
)
def test_auto_says_what_did_not_start_and_takes_the_processor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], how: str, reason: str
) -> None:
    import onnxruntime

    real = onnxruntime.InferenceSession

    def session(data: bytes, options: Any, providers: list[str], enable_fallback: int) -> Any:
        assert enable_fallback == 0
        if providers[0] == "CUDAExecutionProvider" and how == "raised":
            raise RuntimeError("CUDA failure 999:\nunknown error")
        return real(data, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr("humatte.runtimes.onnxruntime_devices", lambda: ["cpu", "cuda"])
    monkeypatch.setattr("onnxruntime.InferenceSession", session)
    runtimes._say_once.cache_clear()
    for _ in range(2):  # every network would say it
        assert Network(catalog.find("night"), ANYHOW).device == "cpu"
    told = f"humatte: cuda is there but does not start{reason}; running on cpu\n"
    assert capsys.readouterr().err == told
    with pytest.raises(NetworkError if reason else UsageError):
        Network(catalog.find("night"), Running(device="cuda"))
    assert capsys.readouterr().err == ""


class FallsBack:
    """As onnxruntime does when a provider's libraries are missing."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def get_inputs(self) -> list[Any]:
        class Input:
            name = "batch"

        return [Input()]

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]


def test_threads_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    asked = []
    real = onnxruntime.InferenceSession

    def seen(data: bytes, options: Any, providers: list[str], enable_fallback: int) -> Any:
        asked.append((options.intra_op_num_threads, providers, enable_fallback))
        return real(data, options, providers=providers)

    monkeypatch.setattr("onnxruntime.InferenceSession", seen)
    Network(catalog.find("night"), Running(threads=1, device="cpu"))
    assert asked == [(1, ["CPUExecutionProvider"], 0)]


def test_a_missing_openvino_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'humatte\[openvino\]'"):
        Network(catalog.find("night"), Running(runtime="openvino"))


@with_openvino
@pytest.mark.parametrize("name", catalog.names())
def test_openvino_gives_the_same_mattes(name: str) -> None:
    ours, theirs = humatte.load(name), humatte.load(name, runtime="openvino")
    assert (ours.runtime, theirs.runtime, theirs.device) == ("onnxruntime", "openvino", "cpu")
    assert theirs.facts == ours.facts
    # Another size, the same open network.
    for batch in (BATCH, BATCH[:1, :, :32, :64]):
        difference = np.abs(theirs.run(batch) - ours.run(batch))
        if ours.facts.int8:  # rounded elsewhere, which on noise adds up
            assert difference.mean() < 0.05
        else:
            assert difference.max() < 1e-4


@with_openvino
def test_openvino_from_several_threads_at_once() -> None:
    network = humatte.load("night", 1, "openvino")
    batches = [np.full((1, 3, 64, 64), value, np.float32) for value in np.linspace(0, 1, 8)]
    alone = [network.run(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(network.run, batches * 4))
    for number, found in enumerate(together):
        np.testing.assert_array_equal(found, alone[number % len(batches)])


@with_openvino
def test_openvino_says_what_it_cannot() -> None:
    with pytest.raises(UsageError, match=r"--device npu: OpenVINO finds .*cpu"):
        Network(catalog.find("night"), Running(runtime="openvino", device="npu"))
    with pytest.raises(NetworkError, match=r"night: .*\(1, 4, 64, 64\)"):
        humatte.load("night", runtime="openvino").run(np.zeros((1, 4, 64, 64), np.float32))


@with_openvino
def test_bfloat16_is_close(tmp_path: Path) -> None:
    import openvino

    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        with pytest.raises(UsageError, match="no bfloat16"):
            humatte.load("night", None, "openvino", "cpu", "bf16")
        return
    found = humatte.load("night", None, "openvino", "cpu", "bf16").run(BATCH)
    difference = np.abs(found - humatte.load("night").run(BATCH))
    assert 0 < difference.max() < 0.1  # other numbers than fp32's, and not far from them


def test_the_command_line_says_what_cannot_be_had(humatte, astronaut: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    for words, message in (
        (("--runtime", "nothing"), "unknown --runtime 'nothing'"),
        (("--precision", "bf16"), "add --runtime openvino"),
        (("--device", "npu"), "add --runtime openvino"),
    ):
        result = humatte("cutout", astronaut, "-o", out, *words)
        assert (result.code, result.err.count("\n")) == (2, 1)
        assert message in result.err
    assert not out.exists()
    assert humatte("cutout", astronaut, "-o", out, "--threads", 1, "-m", "night").code == 0


@with_openvino
def test_the_report_says_what_ran(humatte, astronaut: Path, tmp_path: Path) -> None:
    result = humatte(
        "cutout", astronaut, "-o", tmp_path / "o.png", "-m", "night", "--runtime", "openvino",
        "--report", "json",
    )  # fmt: skip
    assert result.code == 0, result.err
    assert '"runtime": "openvino"' in result.out

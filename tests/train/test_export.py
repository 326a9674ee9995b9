from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from drawn import noise

import humatte
from humatte.data.fingerprint import fingerprint
from humatte.errors import TrainingError, UsageError
from humatte.image_io import read
from humatte.network import FACTS_KEY, Facts, settle
from humatte.prepare import fit, restore
from humatte.train import export, export_forms
from humatte.train.checkpoint import load_checkpoint
from humatte.train.export import export_keras, export_run, write_network
from humatte.train.export_forms import Form, export_form
from humatte.train.loop import train
from humatte.train.nets import NETS
from humatte.train.recipe import Recipe
from humatte.train.teacher import averaged_network

pytestmark = pytest.mark.timeout(400)  # the exporter takes seconds, on a busy machine minutes

FACTS = Facts("tiny", 32, 64, "Apache-2.0", "hash", "commit", {"person_iou": 0.5}, {})


@pytest.fixture(scope="module")
def run(small: Recipe, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four steps."""
    folder = tmp_path_factory.mktemp("trained")
    settings = small.model_dump(mode="json")
    settings["data"]["train"] = str(data / "people" / "train.txt")
    train(Recipe.model_validate(settings), data, folder / "run", folder / "cache")
    return folder / "run"


@pytest.fixture(scope="module")
def exported(run: Path) -> Path:
    """The run as a file: every export takes seconds."""
    path = run.parent / "small.onnx"
    assert export_run(run, path, licence="CC-BY-4.0") <= 1e-4
    return path


@pytest.fixture
def trained(run: Path) -> torch.nn.Module:
    """The run's network in torch."""
    return averaged_network(load_checkpoint(run / "best.pt"), run).eval()


def test_a_run_becomes_a_file_that_says_what_it_is(
    exported: Path, small: Recipe, data: Path
) -> None:
    network = humatte.load(str(exported))
    assert network.facts.name == "small"
    assert network.facts.best_long_side == 64
    assert network.facts.licence == "CC-BY-4.0"
    expected = small.model_dump(mode="json")
    expected["data"]["train"] = "people/train.txt"  # where somebody keeps it is left out
    assert Recipe.model_validate(network.facts.recipe) == Recipe.model_validate(expected)
    assert set(network.facts.scores) == {"person_iou", "miou", "mad"}
    pictures = (data / "people" / "image" / f"p{n}.png" for n in range(6))
    trained_on = {int(fingerprint(read(path).image)) for path in pictures}
    assert set(network.trained_on().tolist()) == trained_on


@pytest.mark.parametrize(("said", "stored"), [("CC0", "CC0"), (None, "not stated")])
def test_the_licence_is_what_its_author_says(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str | None, stored: str
) -> None:
    told = []
    monkeypatch.setattr(export_forms, "export_run", lambda *words: told.append(words[-1]))
    export_form(str(run), tmp_path / "n.onnx", Form(licence=said))
    assert told == [stored]


def test_the_file_computes_what_torch_computes(exported: Path, trained: torch.nn.Module) -> None:
    network = humatte.load(str(exported))
    for size in [(32, 32), (160, 96), (64, 256)]:
        image = noise(*size)
        batch, placement = fit(image, 64, 32)
        with torch.no_grad():
            expected = restore(settle(trained(torch.from_numpy(batch)).numpy()), placement)
        assert network(image) == pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
def test_a_network_that_has_learnt_nothing_yet_exports_fused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    assert write_network(NETS["night-lite"](), FACTS, tmp_path / "new.onnx") < 5e-6


def test_colour_order_and_scale_are_inside(exported: Path) -> None:
    """The file takes RGB in [0, 1]: red and blue are not the same to it."""
    network = humatte.load(str(exported))
    batch = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    assert np.abs(network.run(batch) - network.run(batch[:, ::-1].copy())).max() > 1e-3


def test_a_file_that_differs_is_not_written(
    exported: Path, trained: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(network: torch.nn.Module, stride: int) -> onnx.ModelProto:
        model = onnx.load(exported)
        weights = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
        values = onnx.numpy_helper.to_array(weights) * 1.01
        weights.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float32), weights.name))
        return model

    monkeypatch.setattr(export, "to_onnx", damaged)
    with pytest.raises(TrainingError, match="differs from the trained one by"):
        write_network(trained, FACTS, tmp_path / "tiny.onnx")
    assert not list(tmp_path.iterdir())


def test_a_foreign_file_is_refused(exported: Path, tmp_path: Path) -> None:
    model = onnx.load(exported)
    for entry in model.metadata_props:
        if entry.key == FACTS_KEY:
            model.metadata_props.remove(entry)
    onnx.save(model, tmp_path / "foreign.onnx")
    with pytest.raises(humatte.HumatteError, match="without humatte's facts"):
        humatte.load(str(tmp_path / "foreign.onnx"))


def test_half_the_size_almost_the_same(
    exported: Path, trained: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(network: torch.nn.Module, stride: int) -> onnx.ModelProto:
        """As it was exported once, with this network's kernels."""
        model = onnx.load(exported)
        del model.metadata_props[:]
        weights = dict(network.named_parameters())
        for stored in model.graph.initializer:
            if stored.name in weights:
                values = weights[stored.name].detach().numpy()
                stored.CopyFrom(onnx.numpy_helper.from_array(values, stored.name))
        return model

    monkeypatch.setattr(export, "to_onnx", again)
    write_network(trained, FACTS, tmp_path / "half.onnx", half=True)
    kernels = [parameter for parameter in trained.parameters() if parameter.ndim > 1]
    stored = onnx.load(tmp_path / "half.onnx").graph.initializer
    halved = [t for t in stored if t.data_type == onnx.TensorProto.FLOAT16]
    assert [list(t.dims) for t in halved] == [list(kernel.shape) for kernel in kernels]
    assert not [t for t in stored if t.data_type == onnx.TensorProto.FLOAT and len(t.dims) == 4]
    batch = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    found = humatte.load(str(tmp_path / "half.onnx")).run(batch)
    with torch.no_grad():
        whole = trained(torch.from_numpy(batch)).numpy()
    assert 0 < np.abs(found - whole).max() < 0.01


@pytest.mark.parametrize("source", ["run", "run/best.pt"])
@pytest.mark.parametrize("name", ["best.pt", "last.pt"])
def test_a_checkpoint_is_not_overwritten_by_what_is_made_of_it(
    source: str, name: str, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    for kept in ("best.pt", "last.pt"):
        (tmp_path / "run" / kept).write_bytes(b"kept")
    for form in (Form(), Form(half=True), Form(int8=True, calibrate=tmp_path)):
        with pytest.raises(UsageError, match=r"pt: is an input and would be overwritten"):
            export_form(str(tmp_path / source), tmp_path / "run" / name, form)
    with pytest.raises(TrainingError, match=r"not a humatte checkpoint"):  # a folder is made later
        export_form(str(tmp_path / source), tmp_path / "new" / "n.onnx", Form())


def test_imported_weights_are_not_overwritten(tmp_path: Path) -> None:
    weights, layers = tmp_path / "w.h5", tmp_path / "w.json"
    for path in (weights, layers):
        path.write_bytes(b"kept")
        with pytest.raises(UsageError, match="is an input and would be overwritten"):
            export_keras(weights, layers if path == layers else None, path)
        assert path.read_bytes() == b"kept"

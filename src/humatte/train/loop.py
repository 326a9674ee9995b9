"""The training loop, top to bottom.

In: a recipe, a data folder, a run folder. Out, in the run folder: recipe.json, metrics.csv,
curves.png, sheets, TensorBoard events, last.pt and best.pt. Can be stopped with Ctrl-C and resumed.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import torch
from torch import Tensor

from humatte.errors import TrainingError
from humatte.interrupt import between_steps
from humatte.paths import make_folder
from humatte.train.batches import load_batches, plan_epoch
from humatte.train.checkpoint import load_checkpoint, save_checkpoint
from humatte.train.inputs import open_data
from humatte.train.losses import Prediction, Target, mean_iou, predict, weighted_loss
from humatte.train.memory import keep_freed_memory
from humatte.train.recipe import Recipe
from humatte.train.report import Report
from humatte.train.resume import expect_same_recipe, restore_run
from humatte.train.schedule import Phase, learning_rate, phases_of
from humatte.train.state import (
    Run,
    Setting,
    checkpoint_of,
    start_fabric,
    start_run,
    update_average,
)
from humatte.train.validate import draw_sheet, validate

Batch = tuple[Tensor, Tensor]  # image (N, h, w, 3) and alpha (N, h, w), bytes


class Seams:
    """Where a run may be stopped, and whether what it holds is one that could go on."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self.stop = stop
        """Called between two steps: lets Ctrl-C take effect there."""
        self.torn = False
        """Whether a step, or an epoch's end, is half done."""

    @contextmanager
    def whole(self) -> Iterator[None]:
        """What must be done wholly or not at all; a second Ctrl-C may break it anywhere."""
        self.torn = True
        yield
        self.torn = False


def train(recipe: Recipe, data: Path, out: Path, cache: Path, resume: bool = False) -> Path:
    """Runs a recipe and returns the path of the best checkpoint.

    Under torchrun every process calls this; the first one writes.

    Args:
        recipe: what to train, and how.
        data: folder of the pictures; see `humatte.data.layouts`.
        out: run folder; must not hold another run unless `resume`.
        cache: folder for decoded pictures, shared between runs.
        resume: go on from OUT/last.pt, with the same recipe; see `humatte.train.resume`.

    Raises:
        DataError: broken data, found before the first step.
        TrainingError: `out` holds a run already, the checkpoint is of another recipe or data, or
            the loss is not finite.
    """
    last = out / "last.pt"
    if last.exists() and not resume:
        raise TrainingError(f"{out}: holds a run already; add --resume, or choose another --out")
    checkpoint = load_checkpoint(last) if resume else None
    if checkpoint:
        expect_same_recipe(recipe, checkpoint, last)
    keep_freed_memory()
    fabric = start_fabric(recipe)
    make_folder(out)
    with Report(out, active=fabric.is_global_zero) as report:
        run = start_run(recipe, fabric)  # before the data: its mistakes are found in a second
        stores = open_data(recipe, data, cache, report, fabric)
        setting = Setting(recipe, stores, fabric, report, out)
        if checkpoint:
            restore_run(run, checkpoint, setting)
        if fabric.is_global_zero:
            (out / "recipe.json").write_text(json.dumps(recipe.model_dump(), indent=2), "utf-8")
        with between_steps() as stop:
            _train_phases(setting, run, Seams(stop))
    return out / "best.pt"


def _train_phases(setting: Setting, run: Run, seams: Seams) -> None:
    started = time.monotonic() - run.seconds
    try:
        before = None
        for phase in phases_of(setting.recipe, setting.steps):
            if run.step == phase.begin:
                run.optimizer.state.clear()
                if phase.loss != before:
                    run.best = -1.0  # scores of other losses say nothing about this phase's
            before = phase.loss
            while phase.begin <= run.step < phase.end:
                seams.stop()
                _train_one_epoch(setting, run, phase, seams)
                run.seconds = time.monotonic() - started
                with seams.whole():
                    _end_epoch(setting, run, phase)
    except KeyboardInterrupt:
        run.seconds = time.monotonic() - started
        if seams.torn:
            setting.report.say("stopped at once, amid the work: last.pt stays as it was before")
        else:
            _save(setting, run, {}, "last.pt")
            setting.report.keep(run.step)
        raise


def _train_one_epoch(setting: Setting, run: Run, phase: Phase, seams: Seams) -> None:
    """Trains to the end of the current epoch, or of the phase."""
    recipe, fabric, per_epoch = setting.recipe, setting.fabric, setting.per_epoch
    epoch, done = divmod(run.step, per_epoch)
    steps = min(per_epoch - done, phase.end - run.step)
    together = recipe.train.accumulate
    samples = len(setting.data.sources.people)
    plan = plan_epoch(recipe, samples, epoch, fabric.global_rank, fabric.world_size)
    plan = plan[done * together : (done + steps) * together]
    run.model.train()
    # Closed however this ends: worker processes ignore signals, and a stopped run that leaves them
    # alive waits for them for ever.
    timed = closing(_timed(load_batches(setting.data.sources, recipe, plan), together))
    name = f"{phase.name}: epoch {epoch + 1}"
    with timed as batches, setting.report.progress(name, steps) as advance:
        for number, (group, waited) in enumerate(batches, start=1):
            seams.stop()
            rate = learning_rate(recipe, phase, run.step, per_epoch)
            pictures = sum(len(image) for image, _ in group) * fabric.world_size
            with seams.whole():
                terms = train_step(setting, run, phase, group, rate)
                run.step += 1
                setting.report.step(run.step, terms, rate, pictures, waited)
            advance(number, steps)


def train_step(
    setting: Setting, run: Run, phase: Phase, batches: list[Batch], rate: float
) -> dict[str, float]:
    """One optimizer step on one or more batches; returns the mean loss terms by name."""
    fabric, train_part = setting.fabric, setting.recipe.train
    for group in run.optimizer.param_groups:
        group["lr"] = rate * group["scale"]
    run.optimizer.zero_grad(set_to_none=True)
    sums: dict[str, float] = {}
    for number, (image, alpha) in enumerate(batches, start=1):
        target = to_target(fabric.to_device(image), fabric.to_device(alpha))
        if run.teacher:
            target = run.teacher.guide(target)._replace(truth=target.alpha)
        more = number < len(batches)
        with fabric.no_backward_sync(run.model, enabled=more):  # type: ignore[arg-type]
            prediction = run.model(target.image, tuple(phase.loss))
            loss, terms = weighted_loss(phase.loss, prediction, target)
            terms["loss"] = float(loss.detach())
            if not math.isfinite(terms["loss"]):
                raise _diverged("the loss", terms["loss"], run, phase)
            terms["train_miou"] = float(mean_iou(prediction, target))
            fabric.backward(loss / len(batches))
        for name, value in terms.items():
            sums[name] = sums.get(name, 0.0) + value / len(batches)
    clip_gradients(setting, run, phase)
    run.optimizer.step()
    update_average(run, train_part.average)
    return sums


def clip_gradients(setting: Setting, run: Run, phase: Phase) -> None:
    """Clips the gradients as the recipe says, and lets none through that is not finite.

    Raises:
        TrainingError: their norm is not finite, and not because float16 overflowed.
    """
    train_part = setting.recipe.train
    norm = setting.fabric.clip_gradients(
        run.model,
        run.optimizer,
        max_norm=train_part.clip or math.inf,
        error_if_nonfinite=False,
    )
    assert norm is not None  # lightning-fabric gives one for max_norm
    # In float16 the scale of the loss is found by overflowing: such a step is left out by the
    # optimizer's scaler, which then tries a smaller one.
    if train_part.precision != "16-mixed" and not math.isfinite(norm):
        raise _diverged("the gradients' norm", float(norm), run, phase)


def _diverged(what: str, value: float, run: Run, phase: Phase) -> TrainingError:
    return TrainingError(
        f"{what} is {value} after {run.step} steps; last.pt and best.pt are kept: "
        f"resume with a lower rate than {phase.lr:g}: train.lr, or lr of its phase"
    )


def to_target(image: Tensor, alpha: Tensor) -> Target:
    """Byte tensors (N, h, w, 3) and (N, h, w) as what a network and the losses take."""
    # The permuted view of interleaved pixels already is channels-last: nothing is copied.
    return Target(image.permute(0, 3, 1, 2).float() / 255, alpha[:, None].float() / 255)


def _end_epoch(setting: Setting, run: Run, phase: Phase) -> None:
    """Scores, saves and reports; one process does it, the others wait."""
    recipe, fabric = setting.recipe, setting.fabric
    epoch = math.ceil(run.step / setting.per_epoch)
    ended = run.step == phase.end
    if fabric.is_global_zero:
        scores: dict[str, float] = {}
        curves: dict[str, float] = {}
        if ended or epoch % recipe.train.validate_every == 0:
            scores, loss = _score(setting, run, phase)
            curves = scores | {"validation_loss": loss}
            if scores["person_iou"] > run.best:
                run.best = scores["person_iou"]
                _save(setting, run, scores, "best.pt")
        every = recipe.train.sheet_every
        if ended or (every and epoch % every == 0):
            path = setting.out / f"sheet_{run.step:07d}.png"
            predicted = _predicted(setting, run, phase)
            draw_sheet(predicted, setting.data.validation, recipe, run.stride, path)
        setting.report.end_epoch(epoch, run.step, run.seconds, curves)
        if recipe.train.save_every and epoch % recipe.train.save_every == 0:
            _save(setting, run, scores, f"epoch_{epoch:04d}.pt")
        _save(setting, run, scores, "last.pt")
    fabric.barrier()


def _save(setting: Setting, run: Run, scores: dict[str, float], name: str) -> None:
    if setting.fabric.is_global_zero:
        save_checkpoint(checkpoint_of(setting, run, scores), setting.out / name)


def _score(setting: Setting, run: Run, phase: Phase) -> tuple[dict[str, float], float]:
    long_side, store = setting.recipe.network.best_long_side, setting.data.validation
    return validate(_predicted(setting, run, phase), store, long_side, run.stride, phase.loss)


def _predicted(setting: Setting, run: Run, phase: Phase) -> Callable[[Tensor], Prediction]:
    """The averaged network without the parts that the phase has not trained: they are noise."""
    fabric = setting.fabric

    def predicted(batch: Tensor) -> Prediction:
        with fabric.autocast(), torch.inference_mode():
            batch = fabric.to_device(batch).to(memory_format=torch.channels_last)
            return predict(run.averaged, batch, tuple(phase.loss))

    return predicted


def _timed(
    loader: Iterable[Batch], together: int
) -> Generator[tuple[list[Batch], float], None, None]:
    """The loader's batches in groups, each with the seconds spent waiting for it."""
    group: list[Batch] = []
    asked = time.monotonic()
    for batch in loader:
        group.append(batch)
        if len(group) == together:
            yield group, time.monotonic() - asked
            group, asked = [], time.monotonic()

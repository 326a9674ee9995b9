"""Recipes: everything that one training run is told, with its bounds.

A `Recipe` is frozen, and read from TOML by `humatte.train.recipe_read`. The resolved recipe travels
in every checkpoint and in the exported ONNX file.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from torch import nn

from humatte.train.losses import LOSSES, NEEDS, offers
from humatte.train.nets import ASYMMETRIC, NETS
from humatte.train.nets.asymmetric import NormPlace


def _known(name: str, names: Iterable[str], what: str) -> str:
    if name not in names:
        raise ValueError(f"no {what} is called '{name}'{nearest(name, names)}")
    return name


def nearest(name: str, names: Iterable[str]) -> str:
    """'; did you mean X?' for the closest of the names, else the list of them."""
    names = list(names)
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(sorted(names))}"


def _ascending(ends: tuple[float, float]) -> tuple[float, float]:
    low, high = ends
    if low > high:
        raise ValueError(f"{low:g} is above {high:g}; expected the smallest first")
    return ends


NetworkName = Annotated[str, AfterValidator(lambda name: _known(name, NETS, "network"))]
LossName = Annotated[str, AfterValidator(lambda name: _known(name, LOSSES, "loss"))]
Schedule = Literal["keep", "step", "exp", "poly", "cosine"]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Range = Annotated[tuple[Positive, Positive], AfterValidator(_ascending)]
Magnification = Annotated[float, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class NetworkPart(_Part):
    """Which network, and how wide."""

    name: NetworkName
    """Its name in `humatte.train.nets.NETS`."""
    width: Positive = 1.0
    """Factor on every inner channel count; 1 is the published network."""
    norm_place: NormPlace | None = None
    """Of asymmetric blocks: one BatchNorm after their sum ("sum") or one in each branch ("branch");
    else as the network is published."""
    best_long_side: Annotated[int, Field(ge=32)] = 320
    """The long side in pixels that pictures are fitted to when the exported network runs."""

    @model_validator(mode="after")
    def _has_such_blocks(self) -> NetworkPart:
        if self.norm_place and self.name not in ASYMMETRIC:
            raise ValueError(
                f"{self.name} has no asymmetric blocks; norm_place is of {', '.join(ASYMMETRIC)}"
            )
        return self

    def build(self) -> nn.Module:
        """The network, with random weights."""
        place = {"norm_place": self.norm_place} if self.norm_place else {}
        return NETS[self.name](width=self.width, **place)


class DataPart(_Part):
    """Where the samples are, below the data folder.

    Lists, backgrounds and things that are not there are taken as given, from the current folder.
    """

    people: str = "people"
    """Folder of the people's pictures (the data folder itself if there is no such folder)."""
    layout: Literal["auto", "folders", "aisegment", "p3m"] = "auto"
    """How the people's pictures lie on disk; see `humatte.data.layouts`."""
    train: str = "train.txt"
    """The list to train on, in the people folder or from the current one: .txt with names, or .csv
    with paths."""
    validation: str = "val.txt"
    """The list to validate on, in the people folder or from the current one."""
    without: tuple[str, ...] = ()
    """Sources (the column `source`) that are not trained on, to see how others then score."""
    background: str = "background"
    """Folder of pictures without people, for background replacement; this one may be absent."""
    things: str | None = None
    """Folder of cut-outs, with transparency, of things that are not people."""
    long_side: Annotated[int, Field(ge=32)] = 480
    """Pictures are kept decoded with at most this long side, in pixels."""
    workers: Annotated[int, Field(ge=0)] = 2
    """Processes that make samples; 0 makes them in the training process."""


class AugmentPart(_Part):
    """How samples are varied; chances are per sample."""

    replace_background: Share = 0.6
    """Chance of laying the person over another background; at most what `empty` leaves."""
    empty: Share = 0.05
    """Chance of a background with nobody in it (alpha 0 everywhere)."""
    zoom: Annotated[tuple[Magnification, Magnification], AfterValidator(_ascending)] = (1.0, 2.0)
    """Smallest and largest magnification of a new background, 1 = it just fills the frame."""
    drawn: Share = 0.15
    """Chance that a new background is a drawn pattern instead of a photo."""
    thing: Share = 0.0
    """Chance of things before a new background: cut-outs of `data.things`, and drawn blobs."""
    group: Share = 0.1
    """Chance of further people behind the first, when the background is replaced."""
    people: Annotated[int, Field(ge=2)] = 2
    """The most people in such a group."""
    occluder: Share = 0.0
    """Chance of a drawn thing in front of the people, when the background is replaced."""
    crop: Range = (1.0, 1.5)
    """Smallest and largest magnification of a picture that keeps its own background."""
    scale: Range = (0.45, 1.7)
    """Smallest and largest size of a replaced picture, 1 = it just fits the frame."""
    rotate_degrees: Annotated[float, Field(ge=0, le=180)] = 8.0
    """Standard deviation of the rotation."""
    colour: Share = 0.8
    """Chance of a change of exposure, contrast, saturation and white balance."""
    dark: Share = 0.0
    """Chance of a picture taken with little light: dark, noisy, or brightened after the noise."""
    blur: Share = 0.2
    """Chance of a blurred picture."""
    noise: Share = 0.25
    """Chance of sensor noise."""
    jpeg: Share = 0.3
    """Chance of JPEG compression."""
    gray: Share = 0.05
    """Chance of a picture without colour."""


class TrainPart(_Part):
    """How long, how large, how often."""

    optimizer: Literal["adam", "adamw"] = "adamw"
    """`adam` adds the weight decay to the gradient, `adamw` decouples it."""
    amsgrad: bool = True
    """With `adam`, the AMSGrad variant."""
    lr: Positive = 2e-3
    """Highest learning rate."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Weight decay, on kernels only."""
    start: str | None = None
    """A run's folder or a checkpoint whose averaged weights the run starts from: fine-tuning.
    `dark` may start from `night`."""
    encoder: str | None = None
    """A file of published MobileNetV2 weights for the encoder; see `humatte.train.pretrained`."""
    encoder_lr: Positive = 0.25
    """Factor on the learning rate of what `encoder` filled: it knows more than the rest."""
    batch: Annotated[int, Field(ge=1)] = 32
    """Samples in a batch."""
    epochs: Annotated[int, Field(ge=1)] = 50
    """Passes over the training list."""
    steps: Annotated[int, Field(ge=1)] | None = None
    """Bounds the run by optimizer steps instead of epochs."""
    sizes: Annotated[tuple[tuple[int, int], ...], Field(min_length=1)] = ((256, 256),)
    """Every batch has one of these sizes (height, width), drawn anew for each batch."""
    first_sizes: tuple[tuple[int, int], ...] = ()
    """Smaller sizes for the first part of the run: what a person is can be learnt cheaply."""
    first_share: Share = 0.0
    """The share of the steps that uses `first_sizes`."""
    schedule: Schedule = "cosine"
    """How the learning rate goes on after the warm-up; see `humatte.train.schedule`."""
    decay_epochs: Positive = 10.0
    """With `step` and `exp`, the learning rate halves in this many epochs."""
    accumulate: Annotated[int, Field(ge=1)] = 1
    """Batches whose gradients are added up before one optimizer step."""
    warmup_steps: Annotated[int, Field(ge=0)] = 200
    """The learning rate rises linearly over this many steps."""
    average: Annotated[float, Field(ge=0, lt=1)] = 0.998
    """Decay of the moving average of the weights, which is what is scored and exported; 0 = off."""
    clip: Annotated[float, Field(ge=0)] = 1.0
    """Gradients are clipped to this norm; 0 = off."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "bf16-mixed"
    """Number format of the arithmetic, in lightning-fabric's words."""
    validate_every: Annotated[int, Field(ge=1)] = 1
    """Epochs between validations."""
    sheet_every: Annotated[int, Field(ge=0)] = 0
    """Epochs between contact sheets of validation pictures; 0 = only at the end."""
    save_every: Annotated[int, Field(ge=0)] = 0
    """Epochs between checkpoints that are kept (epoch_NNNN.pt); 0 = only the last and best."""
    seed: Annotated[int, Field(ge=0)] = 1
    """Seed of the weights and of every sample."""

    @model_validator(mode="after")
    def _first_sizes_when_shared(self) -> TrainPart:
        if self.first_share and not self.first_sizes:
            raise ValueError("first_share is set but first_sizes is empty")
        if self.first_sizes and "first_share" not in self.model_fields_set:
            raise ValueError("first_sizes is set but first_share is not; expected both")
        return self


class DistillPart(_Part):
    """Learning from another network as well."""

    teacher: str | None = None
    """A run's folder or a checkpoint, of any network, whose mattes the losses aim at, too."""
    share: Share = 0.5
    """How much of the target is the teacher's matte; the rest is the true one."""
    every: Annotated[int, Field(ge=1)] = 1
    """The teacher sees one picture in so many; the others keep their true mattes."""


class PhasePart(_Part):
    """One of several parts of a run. What is not given here is as in `train` and `loss`."""

    name: str
    """Its name, for the log."""
    share: Annotated[float, Field(gt=0, le=1)]
    """Its share of the run's steps; the shares of all phases add up to 1."""
    loss: dict[LossName, Positive] | None = Field(default=None, min_length=1)
    """Weights of the named losses."""
    lr: Positive | None = None
    """Highest learning rate."""
    schedule: Schedule | None = None
    """How the learning rate goes on after the warm-up."""


class Recipe(_Part):
    """One training run."""

    name: str
    """Name of the run and of the exported network."""
    network: NetworkPart
    data: DataPart = DataPart()
    augment: AugmentPart = AugmentPart()
    loss: dict[LossName, Positive] = Field(default={"binary_cross_entropy": 1.0}, min_length=1)
    """Weights of the named losses."""
    train: TrainPart = TrainPart()
    distill: DistillPart = DistillPart()
    phases: tuple[PhasePart, ...] = ()
    """Parts of the run, one after the other, each with a fresh optimizer; none = one whole."""

    @model_validator(mode="after")
    def _phases_make_a_whole(self) -> Recipe:
        shares = sum(phase.share for phase in self.phases)
        if self.phases and abs(shares - 1) > 1e-6:
            raise ValueError(f"the shares of the phases add up to {shares:g}, expected 1")
        return self

    @model_validator(mode="after")
    def _losses_suit_the_network(self) -> Recipe:
        offered = offers(NETS[self.network.name])  # type: ignore[arg-type]
        used = [phase.loss or self.loss for phase in self.phases] or [self.loss]
        for name in (name for weights in used for name in weights):
            if NEEDS.get(name, "alpha") not in offered:
                fitting = sorted(n for n in LOSSES if NEEDS.get(n, "alpha") in offered)
                raise ValueError(
                    f"the loss '{name}' needs {NEEDS[name]}, which {self.network.name} has not; "
                    f"expected one of {', '.join(fitting)}"
                )
        return self

    @model_validator(mode="after")
    def _sizes_fit_the_network(self) -> Recipe:
        stride = int(NETS[self.network.name].stride)  # type: ignore[attr-defined]
        for size in (*self.train.sizes, *self.train.first_sizes):
            if any(side < stride or side % stride for side in size):
                raise ValueError(
                    f"size {list(size)} does not suit {self.network.name}: "
                    f"sides must be multiples of {stride}"
                )
        return self

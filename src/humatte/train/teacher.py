"""A trained network whose mattes another one learns from, beside the true ones.

In: a batch and its true mattes. Out: the target that the losses aim at.
"""

from __future__ import annotations

from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from humatte.errors import TrainingError
from humatte.train.checkpoint import Checkpoint, best_of, load_checkpoint
from humatte.train.losses import Target
from humatte.train.recipe import Recipe
from humatte.train.recipe_read import stored_recipe


class Teacher:
    """A network in evaluation mode, and how much it is listened to.

    Source: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", at temperature 1:
    a mean of the true and the teacher's matte as one soft target is the weighted sum of both
    cross-entropies.
    """

    def __init__(self, network: nn.Module, share: float, fabric: Fabric, every: int = 1) -> None:
        network = network.eval().requires_grad_(False)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network, self._share, self._fabric = fabric.to_device(network), share, fabric
        self._every = every

    def guide(self, target: Target) -> Target:
        """The target with `share` of the teacher's alpha in place of the true one.

        With `every` = 2 only in every second picture: a batch's order is random.
        """
        with torch.no_grad(), self._fabric.autocast():
            alpha = self._network(target.image[:: self._every]).float()
        mixed = target.alpha.clone()
        mixed[:: self._every] = mixed[:: self._every].lerp(alpha, self._share)
        return Target(target.image, mixed)


def open_teacher(recipe: Recipe, fabric: Fabric) -> Teacher | None:
    """The teacher that a recipe names, or None.

    Raises:
        TrainingError: no such run, or sizes that do not suit the teacher's stride.
    """
    if not recipe.distill.teacher:
        return None
    path = best_of(Path(recipe.distill.teacher))
    network = averaged_network(load_checkpoint(path), path)
    stride = int(network.stride)  # type: ignore[arg-type]
    for size in (*recipe.train.sizes, *recipe.train.first_sizes):
        if any(side % stride for side in size):
            raise TrainingError(
                f"{recipe.distill.teacher}: this teacher needs sides that are multiples of "
                f"{stride}; found train size {list(size)}"
            )
    return Teacher(network, recipe.distill.share, fabric, recipe.distill.every)


def averaged_network(checkpoint: Checkpoint, path: Path) -> nn.Module:
    """The network of a checkpoint, which was read from `path`, with its averaged weights.

    Raises:
        TrainingError: it is of another version: a recipe that cannot be read, another architecture.
    """
    part = stored_recipe(checkpoint.recipe, path).network
    network = part.build()
    load_weights(network, checkpoint.averaged, path)
    return network


def load_weights(network: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Puts the weights of the checkpoint `path` into a network.

    Raises:
        TrainingError: they are not those of such a network.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError:  # torch lists every weight
        own = network.state_dict()
        odd = {name for name in own.keys() | weights.keys() if not _fits(own, weights, name)}
        raise TrainingError(
            f"{path}: {len(odd)} of its weights are of another version of "
            f"{type(network).__name__} ({min(odd)}); use the humatte that wrote it"
        ) from None


def _fits(own: dict[str, Tensor], weights: dict[str, Tensor], name: str) -> bool:
    return name in own and name in weights and own[name].shape == weights[name].shape

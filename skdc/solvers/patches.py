"""Points made of the crops, or the rows, that a teacher is surest of."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from skdc.augmentation import ResizedCrop, resampled
from skdc.exceptions import PartsError
from skdc.images import Channels, ImageLayout, image_layout
from skdc.parameterizations.labels import CodedTargets, TaughtTargets
from skdc.parameterizations.points import PointsSet
from skdc.solvers.base import LiveObjective, Solution, Solver, State, solution_of
from skdc.solvers.selection.base import check_integers
from skdc.sources import Holds, Source, require


@dataclass(eq=False, kw_only=True)
class PatchState(State[PointsSet]):
    """Where the points of each class are made, one class a step.

    Parameters
    ----------
    classes : list of int
    teacher : TaughtTargets
        What labels the points.
    layout : ImageLayout or None
        Where the pixels are; None where rows stay whole.
    offset : Tensor
        What pixels of working rows, each of which has an origin of its own, lack to have one origin.
    X : Tensor
        The rows that were made until now, in working units; others are those that points start with.
    """

    classes: list[int]
    teacher: TaughtTargets
    layout: ImageLayout | None
    offset: Tensor
    X: Tensor


class PatchChoice(Solver[PatchState, PointsSet]):
    """Make points of the crops of random rows whose labels the teacher of the points finds likeliest; nothing moves.

    Of each class some rows are drawn, in proportion to weight, without replacement. Of each row some crops are drawn,
    and that of the least cross-entropy is kept; and of all rows the least are. Where a class has too few, its rows come
    again, with crops of their own. Where the teacher is not reliable for a class, whose points keep their own labels
    then, random rows are taken as they come.

    It minimises nothing, and takes no discrepancy. The teacher is that of `Points(labels="teacher")`.

    Parameters
    ----------
    n_candidates : int, default=300
        Rows of each class that are drawn; as many more as it takes to make the points.
    factor : int, default=1
        How many crops stand side by side in an image, and how many one above the other, each made so many times
        smaller. 1 leaves rows whole unless there is a `crop`.
    crop : ResizedCrop, default=None
        What of an image is cut out. None takes `ResizedCrop(1 / factor)` where the factor is more than 1.
    n_crops : int, default=None
        Crops of each row; None takes 5 where there are crops.
    image_shape : tuple of int, default=None
        Shape of an image that comes flattened; None takes the shape of the rows.
    channels : {"first", "last"}, default=None
        Where the channels of (C, H, W) or (H, W, C) images are, as in `ConvNet`.

    Examples
    --------
    >>> from skdc import Condenser
    >>> from skdc.parameterizations import Points
    >>> from skdc.solvers import PatchChoice
    >>> condenser = Condenser(parameterization=Points(labels="teacher"), solver=PatchChoice(), n_per_class=3)
    """

    moves = "values"
    minimizes = False

    n_candidates: int = 300
    factor: int = 1
    crop: ResizedCrop | None = None
    n_crops: int | None = None
    image_shape: tuple[int, ...] | None = None
    channels: Channels = None

    def places_rows(self) -> bool:
        """Tell that it does."""
        return True

    def begin(
        self, objective: LiveObjective | None, synthetic: PointsSet, source: Source, generator: torch.Generator
    ) -> PatchState:
        """Return the points as they start."""
        rows, crop = require(self, source, Holds, "which rows are likeliest"), self._crop()
        check_integers(self, {"n_candidates": 1})
        targets = synthetic.targets.inner if isinstance(synthetic.targets, CodedTargets) else synthetic.targets
        if not isinstance(targets, TaughtTargets) or source.schema.task != "classification":
            raise PartsError(
                f"{self!r} asks the teacher of the points how likely their classes are; use Points(labels='teacher') "
                f"with classes ({source.schema.given_targets})"
            )
        layout = None
        if crop is not None:
            layout = image_layout(self, source.schema.input_shape, self.image_shape, self.channels)
            if self.factor > min(layout.shape[1:]):
                raise ValueError(f"{self!r}: images of shape {layout.shape[1:]} have fewer pixels than that a side")
        elif self.image_shape is not None or self.channels is not None:
            raise PartsError(f"{self!r}: rows stay whole, so that image_shape and channels have no effect; give crop=")
        classes = torch.unique(synthetic.key).tolist()
        with torch.no_grad():
            X = synthetic().X
        shift = np.asarray(source.units.shift)
        offset = source.tensor((shift - shift.mean()) / source.units.scale)
        given = generator, objective, synthetic, rows
        images = {"layout": layout, "offset": offset, "X": X}
        return PatchState(*given, n_steps=len(classes), classes=classes, teacher=targets, **images)

    def _crop(self) -> ResizedCrop | None:
        check_integers(self, {"factor": 1})
        crop = ResizedCrop(1 / self.factor) if self.crop is None and self.factor > 1 else self.crop
        if self.n_crops is not None:
            check_integers(self, {"n_crops": 1})
            if crop is None:
                raise PartsError(f"{self!r}: rows stay whole, so that n_crops has no effect; give crop=, or factor=2")
        return crop

    @torch.no_grad()
    def advance(self, state: PatchState) -> None:
        """Make the points of a class."""
        c = state.classes[state.step]
        places = torch.nonzero(state.synthetic.key == c)[:, 0]
        n_wanted = len(places) * self.factor**2
        members = state.source.class_members(c)
        n_drawn = min(max(self.n_candidates, n_wanted), len(members))
        drawn = members[state.source.random_rows(members, n_drawn, state.generator)]
        X = state.source.take(np.resize(drawn, max(n_drawn, n_wanted))).X
        X, losses = self._best_crops(state, X, places[:1])
        best = losses.argsort(stable=True)[:n_wanted]
        made = self._stitched(X[best] + state.offset, state.layout) - state.offset
        state.X = state.X.index_copy(0, places, made)
        state.losses.append(float(losses[best].mean()))
        state.done(state.losses[-1])

    def _best_crops(self, state: PatchState, X: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """Return of each row the crop of least loss, within the range of the points, and its loss."""
        crop, layout, shape = self._crop(), state.layout, X.shape[1:]
        if crop is None or layout is None:
            return X, _losses(state, X, place)
        images, found = layout(X + state.offset), []
        for _ in range(5 if self.n_crops is None else self.n_crops):
            cropped = layout.rows(resampled(images, crop.boxes(len(X), state.generator)), shape)
            found.append(state.synthetic.within(cropped - state.offset))
        losses = torch.stack([_losses(state, one, place) for one in found])
        least, which = losses.min(0)
        return torch.stack(found)[which, torch.arange(len(X), device=which.device)], least

    def _stitched(self, X: Tensor, layout: ImageLayout | None) -> Tensor:
        """Return images of `factor` times `factor` smaller ones; an image has of each rank of likeliness one."""
        if self.factor == 1 or layout is None:
            return X
        images = layout(X).unflatten(0, (self.factor**2, -1))
        heights, widths = (_split(size, self.factor) for size in layout.shape[1:])
        rows = [
            torch.cat(
                [adaptive_avg_pool2d(images[i * self.factor + j], (h, w)) for j, w in enumerate(widths)],
                dim=-1,
            )
            for i, h in enumerate(heights)
        ]
        return layout.rows(torch.cat(rows, dim=-2), X.shape[1:])

    def finish(self, state: PatchState) -> Solution:
        """Return the points, those of a class that was not reached as they start."""
        with torch.no_grad():
            state.synthetic.load(replace(state.synthetic(), X=state.X))
        return solution_of(state, state.step, {"loss": np.array(state.losses[: state.step])})


def _losses(state: PatchState, X: Tensor, place: Tensor) -> Tensor:
    """Return the cross-entropy of the class of a point at some rows, as the teacher labels them."""
    key = state.synthetic.key[place]
    y = state.teacher(X, key.expand(len(X)), place.expand(len(X)))
    return -y[:, int(key)].clamp_min(torch.finfo(y.dtype).tiny).log()


def _split(size: int, n: int) -> list[int]:
    """Return the lengths of n parts of a side, as even as can be."""
    return [size // n + (i < size % n) for i in range(n)]

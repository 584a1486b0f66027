"""Crops, or rows, that a teacher is surest of."""

from __future__ import annotations

from typing import Any

from skdc.augmentation import ResizedCrop
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.images import Channels
from skdc.parameterizations.points import Points
from skdc.solvers.patches import PatchChoice


class PatchSelection(NamedCondenser):
    """Realistic, diverse and efficient distillation (RDED): crops that a teacher is surest of, with its labels [1]_.

    Of each class random rows are drawn, of each row random crops, and what has the least loss is kept. Nothing is
    optimised. Of images `factor` times `factor` crops may be stitched to one; with factor 1, and of tables, rows stay
    whole: they are those of least loss among random ones. All are points: rows that were made, in the range of the data
    pixel by pixel, and there is no `indices_`.

    Published settings: 300 rows a class and 5 crops of each, `factor=2` for images of 224x224 and 1 for those of 32x32.
    There labels are made anew in each batch of the training on the set, so that the teacher goes with it; here each
    point has one label, which is stored and counted. The rows that a teacher is surest of are the easiest of their
    class, and alike: on Magic an MLP learned less from ten of a class than from random rows, with hard labels and with
    the teacher's.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    teacher : estimator, default=None
        Of losses and labels, as in `Points`.
    n_candidates, factor, crop, n_crops, image_shape, channels
        As in `PatchChoice`.
    label_bits, top_labels : int, default=None
        Of soft labels, as in `Points`.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`. The teacher's labels are `y_soft_`; `y_syn_` are the classes of rows.

    References
    ----------
    .. [1] Sun et al., "On the Diversity and Realism of Distilled Dataset: An Efficient Dataset Distillation Paradigm",
       2024.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdc import PatchSelection
    >>> X, y = load_iris(return_X_y=True)
    >>> PatchSelection(teacher=GaussianNB(), n_per_class=2, random_state=0).fit(X, y).y_soft_.shape
    (6, 3)
    """

    teacher: Any = None
    n_candidates: int = 300
    factor: int = 1
    crop: ResizedCrop | None = None
    n_crops: int | None = None
    image_shape: tuple[int, ...] | None = None
    channels: Channels = None
    label_bits: int | None = None
    top_labels: int | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        points = Points(labels="teacher", teacher=self.teacher, label_bits=self.label_bits, top_labels=self.top_labels)
        of_images = self.crop, self.n_crops, self.image_shape, self.channels
        return Recipe(None, points, PatchChoice(self.n_candidates, self.factor, *of_images))

"""The condenser that matches mean features of random networks."""

from __future__ import annotations

from skdc.augmentation import Augmentation
from skdc.discrepancies.moments import MeanDistance
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.networks import Builder
from skdc.parameterizations.points import Points
from skdc.solvers.descent import Descent
from skdc.spaces.augmented import augmented
from skdc.spaces.features import RandomNetwork


class DistributionMatching(NamedCondenser):
    """Distribution matching (DM): equal mean features in random networks [1]_.

    The published settings are 20000 steps of size 1 by SGD with momentum 0.5 on 256 rows a class, in the ConvNet of
    width 128, with `augmentation=SiameseAugmentation()`. Here Adam and a decaying step need far fewer.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=300
        Steps, each with a fresh network.
    batch_size : int, default=256
        Real rows compared with in a step, of all classes together. 1024 take three times as long, for no more
        accuracy in the mean of four learners on MNIST and Fashion-MNIST (held-out training rows); a linear one gains a
        point on MNIST, as it does by 400 steps.
    augmentation : Augmentation, default=None
        Change of images that both sides undergo, such as `SiameseAugmentation()`; None is none.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`.

    References
    ----------
    .. [1] Zhao and Bilen, "Dataset Condensation with Distribution Matching", 2023, eq. 4.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import DistributionMatching
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = DistributionMatching(n_steps=50, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    network: Builder | None = None
    step_size: float = 0.05
    n_steps: int = 300
    batch_size: int = 256
    augmentation: Augmentation | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        space = augmented(RandomNetwork(network=self.network), self.augmentation)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        return Recipe(MeanDistance(space=space), Points(), solver)

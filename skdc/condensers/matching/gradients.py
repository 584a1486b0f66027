"""Condensers that match gradients of networks."""

from __future__ import annotations

from dataclasses import fields

from skdc.augmentation import Augmentation, SiameseAugmentation
from skdc.discrepancies.aligned import Cosine, SquaredL2
from skdc.discrepancies.objective import Hybrid
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.learners import AlternatingNetworks, NetworkPool
from skdc.networks import Builder
from skdc.parameterizations.points import Points
from skdc.solvers.descent import Descent
from skdc.spaces.augmented import augmented
from skdc.spaces.gradients import NetworkGradients
from skdc.spaces.last_layer import LastLayerVariances


class GradientMatching(NamedCondenser):
    """Dataset condensation by gradient matching (DC): equal training gradients [1]_; with augmentation, DSA [2]_.

    The published settings start at noise and take 1000 networks, each for 10 matches with 50 steps of training between
    them, SGD with step 0.1 and momentum 0.5: `GradientMatching(network=ConvNet(), n_train_steps=50, n_steps=10_000,
    batch_size=2560)`.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    n_matches : int, default=10
        Steps for which a network is kept.
    n_train_steps : int, default=10
        Steps for which it is trained on the set between two matches.
    train_step_size : float, default=0.01
        Of this training, as published.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=200
        Steps in all.
    batch_size : int, default=1024
        Real rows compared with in a step.
    augmentation : Augmentation, default=None
        Change of images that both sides undergo, and what a network is trained on, such as `SiameseAugmentation()`;
        None is none.
    networks : NetworkPool, default=None
        Where networks come from, such as `DataTrainedNetworks()`, which are trained on the data; None takes
        `AlternatingNetworks` by `network`, `n_matches`, `n_train_steps` and `train_step_size`.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`.

    References
    ----------
    .. [1] Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching", 2021, algorithm 1.
    .. [2] Zhao and Bilen, "Dataset Condensation with Differentiable Siamese Augmentation", 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import GradientMatching
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = GradientMatching(n_steps=20, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    network: Builder | None = None
    n_matches: int = 10
    n_train_steps: int = 10
    train_step_size: float = 0.01
    step_size: float = 0.05
    n_steps: int = 200
    batch_size: int = 1024
    augmentation: Augmentation | None = None
    networks: NetworkPool | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        return _matched(self, _pool(self), self.augmentation)


class SiameseGradientMatching(GradientMatching):
    """Differentiable siamese augmentation (DSA): equal gradients on images that are changed alike [1]_.

    Images only. For each class in each step one change is drawn (a shift, a cut, another size, a rotation, another
    brightness, contrast or saturation) which both sides undergo; and so do the images that networks are trained on in
    between. Digits must not be mirrored, and are not: for photographs give
    `augmentation=SiameseAugmentation(flip=True)`.

    The published settings are those of `GradientMatching` but for a start at rows, as here:
    `SiameseGradientMatching(network=ConvNet(), n_train_steps=50, train_step_size=0.01, n_steps=10_000,
    batch_size=2560)`, with SGD. Published are 97.8 on MNIST and 84.6 on Fashion-MNIST, ten images a class.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    n_matches : int, default=10
        Steps for which a network is kept.
    n_train_steps : int, default=4
        Steps for which it is trained on the set between two matches.
    train_step_size : float, default=0.1
        Of this training; few large steps cost less than the many of the paper.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=300
        Steps in all.
    batch_size : int, default=256
        Real rows compared with in a step.
    augmentation : Augmentation, default=None
        None takes `SiameseAugmentation()`.
    networks : NetworkPool, default=None
        As in `GradientMatching`.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`.

    References
    ----------
    .. [1] Zhao and Bilen, "Dataset Condensation with Differentiable Siamese Augmentation", 2021, algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import SiameseGradientMatching
    >>> digits = load_digits()
    >>> condenser = SiameseGradientMatching(2, n_steps=5, random_state=0)
    >>> X_syn, y_syn = condenser.fit(digits.images, digits.target)
    >>> X_syn.shape
    (20, 8, 8)
    """

    n_train_steps: int = 4
    train_step_size: float = 0.1
    n_steps: int = 300
    batch_size: int = 256

    def recipe(self) -> Recipe:
        """Return the nouns."""
        augmentation = SiameseAugmentation() if self.augmentation is None else self.augmentation
        return _matched(self, _pool(self, augmentation), augmentation)


class CurvatureMatching(GradientMatching):
    r"""Loss-curvature matching (LCMat): equal gradients, and equal variances of the gradients of single rows [1]_.

    Points whose loss is that of the data near to a network, and not at it alone, serve networks that are trained on
    them. The worst gap of the losses in a ball of radius :math:`\rho` around a network is bounded by the distance of
    the gradients plus :math:`\rho / 2` times that of the curvatures, for which variances of gradients in the last
    layer stand. Here both are in units of their values where the set starts, so that `rho` has no unit. The code of the
    paper's condensation was not released; it chooses rows with 0.01 as the weight of curvature.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    rho : float, default=1.0
        Twice the weight of the variances; 0 leaves them out.
    network : callable, default=None
        Builder, as in `RandomNetworks`, of networks that end in a linear layer.
    n_matches : int, default=10
        Steps for which a network is kept.
    n_train_steps : int, default=10
        Steps for which it is trained on the set between two matches.
    train_step_size : float, default=0.01
        Of this training, as published.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=200
        Steps in all.
    batch_size : int, default=1024
        Real rows compared with in a step.
    augmentation : Augmentation, default=None
        Change of images that both sides undergo, each of the two terms one of its own, and what a network is trained
        on; None is none.
    networks : NetworkPool, default=None
        As in `GradientMatching`.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`.

    References
    ----------
    .. [1] Shin et al., "Loss-Curvature Matching for Dataset Selection and Condensation", 2023, section 4.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import CurvatureMatching
    >>> X, y = load_iris(return_X_y=True)
    >>> X_syn, y_syn = CurvatureMatching(n_steps=20, n_per_class=2, random_state=0).fit(X, y)
    >>> X_syn.shape
    (6, 4)
    """

    rho: float = 1.0

    def recipe(self) -> Recipe:
        """Return the nouns."""
        if not 0 <= self.rho < float("inf"):
            raise ValueError(f"CurvatureMatching(rho={self.rho!r}): it must not be negative, nor infinite")
        pool = _pool(self)
        gradients = _matched(self, pool, self.augmentation)
        if self.rho == 0:
            return gradients
        variances = SquaredL2(space=augmented(LastLayerVariances(pool), self.augmentation))
        terms = [("gradients", gradients.discrepancy), ("variances", self.rho / 2 * variances)]
        return gradients._replace(discrepancy=Hybrid(terms, normalize=True))


def _pool(condenser: GradientMatching, augmentation: Augmentation | None = None) -> NetworkPool:
    """Return the pool that a condenser is given, or what its other fields say."""
    if condenser.networks is None:
        changed = augmentation or condenser.augmentation
        lengths = condenser.n_matches, condenser.n_train_steps, condenser.train_step_size
        return AlternatingNetworks(condenser.network, *lengths, changed)
    defaults = {field.name: field.default for field in fields(condenser)}
    for name in ("network", "n_matches", "n_train_steps", "train_step_size"):
        if getattr(condenser, name) != defaults[name]:
            raise ValueError(
                f"{type(condenser).__name__}({name}={getattr(condenser, name)!r}) has no effect, since networks="
                f"{condenser.networks!r} are given; say it of them"
            )
    return condenser.networks


def _matched(condenser: GradientMatching, pool: NetworkPool, augmentation: Augmentation | None) -> Recipe:
    space = augmented(NetworkGradients(pool), augmentation)
    solver = Descent(step_size=condenser.step_size, n_steps=condenser.n_steps, batch_size=condenser.batch_size)
    return Recipe(Cosine(space=space), Points(), solver)

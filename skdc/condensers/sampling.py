"""Condensers that sample: from a diffusion, which they lead to a good set, or from a generator that is the set."""

from __future__ import annotations

from skdc.discrepancies.generative import LatentPrior
from skdc.discrepancies.mmd import MMD
from skdc.discrepancies.moments import MeanDistance
from skdc.discrepancies.objective import Hybrid, Objective
from skdc.discrepancies.similarity import GreatestDissimilarity, GreatestSimilarity
from skdc.exceptions import PartsError
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.generators import DiffusionGenerator, Generator, VariationalGenerator
from skdc.networks import Builder
from skdc.parameterizations.drawn import Drawn
from skdc.parameterizations.points import Points
from skdc.parameterizations.storage import Latents
from skdc.solvers.descent import Descent
from skdc.solvers.guided import GuidedSampling
from skdc.spaces.encoded import Encoded
from skdc.spaces.features import RandomNetwork


def _diffusion(condenser: NamedCondenser, given: Generator | None) -> tuple[DiffusionGenerator, Encoded]:
    """Return the generator, and the space in which the points of its autoencoder are latents."""
    generator = DiffusionGenerator() if given is None else given
    if not isinstance(generator, DiffusionGenerator):
        raise PartsError(
            f"{type(condenser).__name__}(generator={given!r}): it must be a DiffusionGenerator(); others have "
            "no steps from noise to rows, and go into GenerativePrior"
        )
    return generator, Encoded(generator.autoencoder or VariationalGenerator())


class MinimaxDiffusion(NamedCondenser):
    """Representative and diverse rows of a diffusion generator (Minimax Diffusion) [1]_.

    Of each point the least similarity to real rows of its class is maximised, and the greatest to other points
    minimised: cosines of the latents of the autoencoder. In the paper these are terms of the loss by which the denoiser
    of a pretrained DiT is trained on, with factors 0.002 and 0.008 beside 1 of its own loss, memories of 64 rows a
    class, and 8 epochs; the set is drawn of it then. Here the generator is fitted to the data and stays, and the
    noise that leads to the points moves; in place of the loss of the denoiser, a prior keeps it likely. The bytes of
    the set have those of the generator.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    generator : DiffusionGenerator, default=None
        It is fitted to the data. None is `DiffusionGenerator()`.
    representativeness : float, default=1.0
        Weight of `skdc.discrepancies.GreatestDissimilarity`.
    diversity : float, default=4.0
        Weight of `skdc.discrepancies.GreatestSimilarity`, as it is to the other in the paper; 0 leaves it out.
    prior_weight : float, default=0.01
        Of `skdc.discrepancies.LatentPrior`; 0 leaves it out.
    step_size : float, default=0.05
        First step size, in units of the spread of the noise.
    n_steps : int, default=30
        A hundred are worse: the mean of five learners on held-out digits is 91.7, after 30 it is 92.2 (one seed).
    batch_size : int, default=640
        Real rows compared with in a step: 64 of each of ten classes.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`.

    References
    ----------
    .. [1] Gu et al., "Efficient Dataset Distillation via Minimax Diffusion", 2024.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import MinimaxDiffusion
    >>> from skdc.generators import DiffusionGenerator, VariationalGenerator
    >>> small = DiffusionGenerator(VariationalGenerator(8, n_steps=50), n_diffusion_steps=3, n_steps=50)
    >>> X, y = load_digits(return_X_y=True)
    >>> X_syn, y_syn = MinimaxDiffusion(5, generator=small, n_steps=5, random_state=0).fit(X, y)
    >>> X_syn.shape
    (50, 64)
    """

    generator: DiffusionGenerator | None = None
    representativeness: float = 1.0
    diversity: float = 4.0
    prior_weight: float = 0.01
    step_size: float = 0.05
    n_steps: int = 30
    batch_size: int = 640

    def recipe(self) -> Recipe:
        """Return the nouns."""
        generator, latents = _diffusion(self, self.generator)
        objective: Objective = GreatestDissimilarity(space=latents, weight=self.representativeness)
        if self.diversity:
            objective += GreatestSimilarity(space=latents, weight=self.diversity)
        if self.prior_weight:
            objective += LatentPrior(generator, weight=self.prior_weight)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        return Recipe(objective, Points(Latents(generator)), solver)


class InfluenceGuidance(NamedCondenser):
    """Sampling of a diffusion generator, guided by what a set is to do (IGD), influence-guided diffusion [1]_.

    In each step from noise to rows, the latents that are expected are pushed along the gradient of a discrepancy, and
    away from those of the other points of their class. Nothing but the generator is trained, and the set is kept as
    rows. In the paper a pretrained DiT is sampled by 50 steps, guided on a part of the way, with factors (5 and 120 in
    a published script) that are chosen for each data set; points are drawn one after the other, each away from those
    before. Here all are sampled together, from the noise that leads to random rows.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    discrepancy : Discrepancy or sum of them, default=None
        What guides. None is `MMD()`. That of the paper is the cosine of the mean gradients of real rows and of points
        at four stages of the training of a network,
        `Cosine(space=NetworkGradients(PretrainedNetworks(n_networks=1)))`: on digits the mean of five learners is 91.9
        without guidance, 94.1 by `MMD()`, 89.1 by gradients, and with `guidance=0.1` what it is without (of one seed,
        90.8 and 90.6).
    generator : DiffusionGenerator, default=None
        It is fitted to the data. None is `DiffusionGenerator()`.
    guidance : float, default=0.5
        How far latents are pushed, as in `skdc.solvers.GuidedSampling`.
    deviation : float, default=0.1
        Weight of `skdc.discrepancies.GreatestSimilarity`, where each term of the sum is in units of its value at the
        start; 0 leaves it out.
    window : (float, float), default=None
        Part of the way from noise to rows that is guided; None is all of it, (0, 1).
    batch_size : int, default=1024
        Real rows compared with in a step.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`.

    References
    ----------
    .. [1] Chen et al., "Influence-Guided Diffusion for Dataset Distillation", 2025.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import InfluenceGuidance
    >>> from skdc.generators import DiffusionGenerator, VariationalGenerator
    >>> small = DiffusionGenerator(VariationalGenerator(8, n_steps=50), n_diffusion_steps=5, n_steps=50)
    >>> X, y = load_digits(return_X_y=True)
    >>> X_syn, y_syn = InfluenceGuidance(5, generator=small, random_state=0).fit(X, y)
    >>> X_syn.shape
    (50, 64)
    """

    discrepancy: Objective | None = None
    generator: DiffusionGenerator | None = None
    guidance: float = 0.5
    deviation: float = 0.1
    window: tuple[float, float] | None = None
    batch_size: int = 1024

    def recipe(self) -> Recipe:
        """Return the nouns."""
        generator, latents = _diffusion(self, self.generator)
        objective = MMD() if self.discrepancy is None else self.discrepancy
        if not isinstance(objective, Objective):
            raise PartsError(f"InfluenceGuidance(discrepancy={objective!r}): it must be an object such as MMD()")
        if self.deviation:
            total = objective + GreatestSimilarity(space=latents, weight=self.deviation)
            objective = total if isinstance(objective, Hybrid) else Hybrid(total.terms, normalize=True)
        window = (0.0, 1.0) if self.window is None else self.window
        return Recipe(objective, Points(), GuidedSampling(generator, self.guidance, window, self.batch_size))


class CondensedGenerator(NamedCondenser):
    """A generator that is the set: learners draw rows of it without end (DiM) [1]_.

    A generator is fitted to the data; then its decoder moves, so that rows which are drawn anew in each step do to
    networks what those of the data do. What it takes is counted, and does not grow with the rows. In the paper it is a
    GAN on CIFAR-10, 100 epochs follow by the squared difference of the log-probabilities that networks out of a pool,
    trained a little, give to real and drawn rows, with a factor of 0.01, and its weights are not counted. On digits
    learners of 5000 drawn rows are no better for it than by the generator as it is fitted (both 96.6, the mean of
    five), and ten rows a class are as good as random ones: it is for those who draw many.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`; rows that are drawn in a step, and shown in the end. More cost labels only.
    discrepancy : Discrepancy or sum of them, default=None
        What is minimised. None is distribution matching: the distance of mean features of random networks.
    generator : VariationalGenerator or AdversarialGenerator, default=None
        It is fitted to the data. None is `VariationalGenerator()`.
    network : callable, default=None
        Builder, as in `RandomNetworks`, of the networks of the default discrepancy.
    step_size : float, default=0.0003
        First step size, of the numbers of the decoder.
    n_steps : int, default=300
    batch_size : int, default=512
        Real rows compared with in a step.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Attributes
    ----------
    drawing_ : object
        The generator: `drawing_.sample(n_samples, y, random_state)` draws rows, as `condensed_.sample` does.

    Notes
    -----
    Other fitted attributes are those of `Condenser`; `X_syn_` are rows that were drawn. A file of `condensed_` keeps
    the decoder and how latents are distributed: `skdc.load(path).sample(n)` draws others, by numpy alone. Of frames,
    and of decoders with layers that numpy has not (see `skdc.parameterizations.storage.Latents`), it keeps the rows;
    `storage_` counts these then, and `drawing_` alone draws others.

    References
    ----------
    .. [1] Wang et al., "DiM: Distilling Dataset into Generative Model", 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import CondensedGenerator
    >>> from skdc.generators import VariationalGenerator
    >>> X, y = load_digits(return_X_y=True)
    >>> small = VariationalGenerator(8, n_steps=50)
    >>> condenser = CondensedGenerator(5, generator=small, n_steps=5, random_state=0).fit(X, y)
    >>> X_new, y_new = condenser.drawing_.sample(1000, random_state=0)
    >>> condenser.X_syn_.shape, X_new.shape
    ((50, 64), (1000, 64))
    """

    discrepancy: Objective | None = None
    generator: Generator | None = None
    network: Builder | None = None
    step_size: float = 0.0003
    n_steps: int = 300
    batch_size: int = 512

    def recipe(self) -> Recipe:
        """Return the nouns."""
        objective: Objective | None = self.discrepancy
        if objective is None:
            objective = MeanDistance(space=RandomNetwork(network=self.network))
        elif self.network is not None:
            raise PartsError(
                f"CondensedGenerator(network={self.network!r}): it is of the default discrepancy, and has no effect on "
                f"{objective!r}; leave one of them out"
            )
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        return Recipe(objective, Drawn(self.generator), solver)

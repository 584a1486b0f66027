"""Condensers of sets in few bytes: small images, frequencies, fields, memories that all points share."""

from __future__ import annotations

from typing import Literal

from skdc.augmentation import Augmentation, SiameseAugmentation
from skdc.discrepancies.aligned import L1, CrossEntropy
from skdc.discrepancies.moments import MeanDistance
from skdc.fitting.base import NamedCondenser
from skdc.fitting.recipe import Recipe
from skdc.learners import DataTrainedNetworks, RandomNetworks
from skdc.networks import Builder
from skdc.parameterizations.points import Points
from skdc.parameterizations.storage import (
    Frequencies,
    LowRank,
    LowResolution,
    NeuralFields,
    Quantized,
    Storage,
)
from skdc.solvers.descent import Descent
from skdc.spaces.augmented import augmented
from skdc.spaces.features import RandomNetwork
from skdc.spaces.gradients import NetworkGradients
from skdc.spaces.unrolled import UnrolledPredictions


def _quantized(storage: Storage, bits: int | None) -> Storage:
    return storage if bits is None else Quantized(bits, storage)


def _matched(condenser: FrequencyCondensation | FieldCondensation, points: Points) -> Recipe:
    """Return the nouns of distribution matching."""
    space = augmented(RandomNetwork(network=condenser.network), condenser.augmentation)
    solver = Descent(step_size=condenser.step_size, n_steps=condenser.n_steps, batch_size=condenser.batch_size)
    return Recipe(MeanDistance(space=space), points, solver)


class EfficientCondensation(NamedCondenser):
    """Efficient parameterization (IDC): several small images in the room of one, by gradients of networks [1]_.

    Images only. A network is trained on the data between two steps, and the gradients of its hidden layers are compared
    by their absolute differences, on images that are changed alike: of a `ConvNet` those of its convolutions, as in the
    paper's code for MNIST and its like (squared differences elsewhere). `n_per_class` counts images as they are seen:
    four take the room of one, and what the literature calls ten images a class is `EfficientCondensation(40)`.

    The published settings are 2000 networks of width 128, each for 100 steps on 64 rows a class, with 8 steps of
    training in between, by SGD:
    `EfficientCondensation(40, network=ConvNet(), n_matches=100, n_train_steps=8, n_steps=200_000, batch_size=640)`.
    Published are 98.4 on MNIST and 86.0 on Fashion-MNIST, ten images a class in the room that they take.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    factor : int, default=2
        Each side of a stored image is that many times smaller.
    bits : int, default=None
        Of each number that is stored, as in `Quantized`; None keeps floats.
    n_matches : int, default=50
        Steps for which a network is kept.
    n_train_steps : int, default=2
        Steps for which it is trained on the data between two matches.
    step_size : float, default=0.1
        First step size, in units of the spread of the data.
    n_steps : int, default=300
        Steps in all.
    batch_size : int, default=256
        Real rows compared with in a step.
    augmentation : Augmentation, default=None
        Change of images that both sides undergo, and what networks are trained on; None takes `SiameseAugmentation()`.
        For photographs give `SiameseAugmentation(flip=True)`.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`.

    Small images are worth their blur by the bytes that they save, and not as so many rows: of the digits, which have
    8x8 pixels, a set lost to as many random rows (72 and 68 percent against 90, two learners, ten a class), by networks
    that were trained beforehand.

    References
    ----------
    .. [1] Kim et al., "Dataset Condensation via Efficient Synthetic-Data Parameterization", 2022, algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import EfficientCondensation
    >>> digits = load_digits()
    >>> condenser = EfficientCondensation(4, n_steps=5, random_state=0)
    >>> X_syn, y_syn = condenser.fit(digits.images, digits.target)
    >>> X_syn.shape, condenser.storage_["bytes"] < condenser.storage_["bytes_decoded"] / 3
    ((40, 8, 8), True)
    """

    network: Builder | None = None
    factor: int = 2
    bits: int | None = None
    n_matches: int = 50
    n_train_steps: int = 2
    step_size: float = 0.1
    n_steps: int = 300
    batch_size: int = 256
    augmentation: Augmentation | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        augmentation = SiameseAugmentation() if self.augmentation is None else self.augmentation
        pool = DataTrainedNetworks(self.network, self.n_matches, self.n_train_steps, augmentation=augmentation)
        space = augmented(NetworkGradients(pool, layers="hidden"), augmentation)
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        return Recipe(L1(space=space), Points(_quantized(LowResolution(self.factor), self.bits)), solver)


class FrequencyCondensation(NamedCondenser):
    """Frequency domain parameterization (FreD): the frequencies that carry most, by distribution matching [1]_.

    Images only. Published are masks of each class, of 64 frequencies a channel with one image's bytes a class, and
    trajectory matching, which costs far more; coefficients are float32 there, of which `bits=4` makes eight in the
    room of one. `n_per_class` counts images as they are seen.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    n_kept : int, default=49
        Frequencies of each channel.
    masks : {"one", "class"}, default="one"
        As in `Frequencies`.
    bits : int, default=4
        Of each coefficient, as in `Quantized`; None keeps floats.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=300
        Steps, each with a fresh network.
    batch_size : int, default=512
        Real rows compared with in a step.
    augmentation : Augmentation, default=None
        Change of images that both sides undergo, such as `SiameseAugmentation()`; None is none.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`.

    References
    ----------
    .. [1] Shin, Shin and Moon, "Frequency Domain-based Dataset Distillation", 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import FrequencyCondensation
    >>> digits = load_digits()
    >>> condenser = FrequencyCondensation(n_kept=16, n_steps=20, n_bytes="1 kB", random_state=0)
    >>> X_syn, y_syn = condenser.fit(digits.images.astype("uint8"), digits.target)
    >>> X_syn.shape, X_syn.dtype, condenser.storage_["bytes"]
    ((91, 8, 8), dtype('uint8'), 994)
    """

    network: Builder | None = None
    n_kept: int = 49
    masks: Literal["one", "class"] = "one"
    bits: int | None = 4
    step_size: float = 0.05
    n_steps: int = 300
    batch_size: int = 512
    augmentation: Augmentation | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        return _matched(self, Points(_quantized(Frequencies(self.n_kept, self.masks), self.bits)))


class FieldCondensation(NamedCondenser):
    """Neural fields (DDiF): each image is a small network of its own, by distribution matching [1]_.

    Images only. Published are fields of two layers of 6 sines for the bytes of one or ten images a class, and of 20 for
    those of fifty, in float32, by trajectory matching, or by distribution matching with steps of 5e-5 in their own
    units. `bits=8` makes four fields in the room of one; `n_per_class` counts images as they are seen.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    width : int, default=8
        Sines of a layer of a field.
    depth : int, default=2
        Layers of a field.
    bits : int, default=8
        Of each number of a field, as in `Quantized`; None keeps floats.
    step_size : float, default=0.05
        First step size, in units of the spread of the numbers.
    n_steps : int, default=300
        Steps, each with a fresh network.
    batch_size : int, default=512
        Real rows compared with in a step.
    augmentation : Augmentation, default=None
        Change of images that both sides undergo, such as `SiameseAugmentation()`; None is none.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`.

    References
    ----------
    .. [1] Shin, Bae, Sim, Kang and Moon, "Distilling Dataset into Neural Field", 2025.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import FieldCondensation
    >>> digits = load_digits()
    >>> condenser = FieldCondensation(2, width=4, n_steps=5, random_state=0)
    >>> X_syn, y_syn = condenser.fit(digits.images.astype("uint8"), digits.target)
    >>> X_syn.shape, X_syn.dtype
    ((20, 8, 8), dtype('uint8'))
    """

    network: Builder | None = None
    width: int = 8
    depth: int = 2
    bits: int | None = 8
    step_size: float = 0.05
    n_steps: int = 300
    batch_size: int = 512
    augmentation: Augmentation | None = None

    def recipe(self) -> Recipe:
        """Return the nouns."""
        return _matched(self, Points(_quantized(NeuralFields(self.width, self.depth), self.bits)))


class AddressableMemories(NamedCondenser):
    """Addressable memories (RTP): points that are combinations of a basis, by differentiating through training [1]_.

    Published are 16 memories of half the side, 150 steps of training with momentum, all of which are differentiated,
    and a set of some thousand points. For tables `factor` is 1.

    Parameters
    ----------
    n_per_class : int, {class: int} or at_most(int), default=None
        As in `BaseCondenser`.
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    rank : int, default=16
        Memories; no more than points.
    factor : int, default=1
        More than 1 stores memories that are images at sides that many times smaller.
    bits : int, default=None
        Of each number that is stored, as in `Quantized`; None keeps floats.
    n_train_steps : int, default=40
        Steps of the training, each on the whole set.
    n_backward : int, default=10
        Last steps through which gradients go; None takes all.
    momentum : float, default=0.9
        Of the training.
    step_size : float, default=0.05
        First step size, in units of the spread of the data.
    n_steps : int, default=200
        Steps in all.
    batch_size : int, default=500
        Real rows compared with in a step.
    n_samples, n_bytes, task, encoder, device, random_state, n_jobs, verbose, warm_start, checkpoint
        As in `BaseCondenser`.

    Notes
    -----
    Fitted attributes are those of `Condenser`; `step_size_` is the learned step size of the training.

    References
    ----------
    .. [1] Deng and Russakovsky, "Remember the Past: Distilling Datasets into Addressable Memories for Neural
       Networks", 2022.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import AddressableMemories
    >>> digits = load_digits()
    >>> condenser = AddressableMemories(6, rank=8, factor=2, n_train_steps=5, n_backward=5, n_steps=5, random_state=0)
    >>> X_syn, y_syn = condenser.fit(digits.images, digits.target)
    >>> X_syn.shape
    (60, 8, 8)
    """

    network: Builder | None = None
    rank: int = 16
    factor: int = 1
    bits: int | None = None
    n_train_steps: int = 40
    n_backward: int | None = 10
    momentum: float = 0.9
    step_size: float = 0.05
    n_steps: int = 200
    batch_size: int = 500

    def recipe(self) -> Recipe:
        """Return the nouns."""
        networks = RandomNetworks(self.network)
        space = UnrolledPredictions(networks, self.n_train_steps, self.n_backward, self.momentum, first_step_size=0.02)
        memories = LowRank(self.rank, None if self.factor == 1 else LowResolution(self.factor))
        solver = Descent(step_size=self.step_size, n_steps=self.n_steps, batch_size=self.batch_size)
        return Recipe(CrossEntropy(space=space, by=None), Points(_quantized(memories, self.bits)), solver)

"""How hard the rows are for networks that are trained on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from skdc.exceptions import PartsError
from skdc.fields import Fields
from skdc.kernels import MATRIX_ENTRIES
from skdc.networks import Builder, training_epochs, training_loss
from skdc.sets import LabeledSet
from skdc.sources import Schema

_PIECE = 1024  # rows that go through a network together


class Difficulty(Fields, ABC):
    """A score of rows, high where they are hard: the mean over some networks that are trained on all of them.

    Subclasses write `score`. Classification only.

    Parameters
    ----------
    network : callable, default=None
        Builder, as in `RandomNetworks`.
    n_networks : int, default=3
    n_epochs : int, default=20
        Passes over the rows for which each is trained, by Adam.
    step_size : float, default=0.003
        Step size of the training.
    batch_size : int, default=128
        Most rows in a step of the training.
    """

    network: Builder | None = None
    n_networks: int = 3
    n_epochs: int = 20
    step_size: float = 0.003
    batch_size: int = 128

    @abstractmethod
    def score(self, epochs: Iterator[nn.Module], rows: LabeledSet) -> Tensor:
        """Return the score of each row by one network, of shape (n,).

        Parameters
        ----------
        epochs : iterator of nn.Module
            The network as it is built and after each epoch; each time it is the same object.
        rows : LabeledSet
        """

    def scores(self, rows: LabeledSet, schema: Schema, generator: torch.Generator) -> Tensor:
        """Return how hard each row is, of shape (n,).

        Raises
        ------
        ValueError
            Without at least two classes; if a setting makes no sense, or the training diverges.
        """
        if schema.task != "classification" or schema.n_outputs < 2:
            raise PartsError(f"{type(self).__name__} tells how hard rows are to classify, but {schema.given_targets}")
        if self.n_networks < 1:
            raise ValueError(f"{self!r}: n_networks must be at least 1")
        with torch.no_grad():
            runs = [self.score(training_epochs(self, rows, schema, generator), rows) for _ in range(self.n_networks)]
        return torch.stack(runs).mean(0)


class Margin(Difficulty):
    r"""Want of margin: :math:`1 - (p_y - \max_{c \ne y} p_c)`, from 0 to 2, and above 1 where a network errs.

    As the margin of [1]_, of probabilities in place of logits and at the end of the training.

    Parameters
    ----------
    network, n_networks, n_epochs, step_size, batch_size
        As in `Difficulty`.

    References
    ----------
    .. [1] Pleiss et al., "Identifying Mislabeled Data using the Area Under the Margin Ranking", 2020.

    Examples
    --------
    >>> from skdc import UncertaintySubset
    >>> from skdc.learners import Margin
    >>> condenser = UncertaintySubset(difficulty=Margin(), n_per_class=3)
    """

    def score(self, epochs: Iterator[nn.Module], rows: LabeledSet) -> Tensor:
        """Return one less the margin."""
        *_, network = epochs
        p, label = _probabilities(network, rows.X), rows.y.argmax(1, keepdim=True)
        others = p.scatter(1, label, -torch.inf).amax(1)
        return 1 - (p.gather(1, label)[:, 0] - others)


class AreaUnderMargin(Difficulty):
    r"""Want of area under the margin (AUM): minus the mean over the epochs of a row's margin of logits [1]_.

    .. math:: -\frac{1}{T} \sum_{t \le T} \big( z_y^{(t)} - \max_{c \ne y} z_c^{(t)} \big)

    High where networks learn the label late, or never, as those of rows that are labelled wrongly. The paper looks at a
    row when its batch comes, and stops at the first drop of the step size; here all are looked at after each epoch.

    Parameters
    ----------
    network, n_networks, n_epochs, step_size, batch_size
        As in `Difficulty`; at least one epoch.

    References
    ----------
    .. [1] Pleiss et al., "Identifying Mislabeled Data using the Area Under the Margin Ranking", 2020, eqs. 1 and 2.

    Examples
    --------
    >>> from skdc import CoverageCentricSelection
    >>> from skdc.learners import AreaUnderMargin
    >>> condenser = CoverageCentricSelection(difficulty=AreaUnderMargin(n_networks=1), n_per_class=3)
    """

    def score(self, epochs: Iterator[nn.Module], rows: LabeledSet) -> Tensor:
        """Return minus the mean margin."""
        if self.n_epochs < 1:
            raise ValueError(f"{self!r}: margins are those of a training; n_epochs must be at least 1")
        next(epochs)
        label = rows.y.argmax(1, keepdim=True)
        total = torch.zeros_like(rows.weight)
        for network in epochs:
            logits = torch.cat([network(piece) for piece in rows.X.split(_PIECE)])
            others = logits.scatter(1, label, -torch.inf).amax(1)
            total += logits.gather(1, label)[:, 0] - others
        return -total / self.n_epochs


class LabelLoss(Difficulty):
    r"""Cross-entropy :math:`-\log p_y` of the label at the end of the training, in nats [1]_.

    Parameters
    ----------
    network, n_networks, n_epochs, step_size, batch_size
        As in `Difficulty`.

    References
    ----------
    .. [1] Sun et al., "On the Diversity and Realism of Distilled Dataset: An Efficient Dataset Distillation Paradigm",
       2024, eq. 5.

    Examples
    --------
    >>> from skdc import UncertaintySubset
    >>> from skdc.learners import LabelLoss
    >>> condenser = UncertaintySubset(difficulty=LabelLoss(n_networks=1), keep="middle", n_per_class=3)
    """

    def score(self, epochs: Iterator[nn.Module], rows: LabeledSet) -> Tensor:
        """Return the losses."""
        *_, network = epochs
        scores = torch.cat([network(piece).log_softmax(1) for piece in rows.X.split(_PIECE)])
        return -(rows.y * scores).sum(1)


class EL2N(Difficulty):
    r"""Error L2-norm (EL2N): the expected distance :math:`E \| p - y \|_2` of probabilities and labels [1]_.

    Early in the training: the paper takes 10 networks, after 20 epochs of 200.

    Parameters
    ----------
    network, n_networks, n_epochs, step_size, batch_size
        As in `Difficulty`.

    References
    ----------
    .. [1] Paul, Ganguli and Dziugaite, "Deep Learning on a Data Diet: Finding Important Examples Early in Training",
       2021, definition 2.3.

    Examples
    --------
    >>> from skdc import UncertaintySubset
    >>> from skdc.learners import EL2N
    >>> condenser = UncertaintySubset(difficulty=EL2N(n_networks=10), n_per_class=3)
    """

    def score(self, epochs: Iterator[nn.Module], rows: LabeledSet) -> Tensor:
        """Return the norm of the error."""
        *_, network = epochs
        return (_probabilities(network, rows.X) - rows.y).norm(dim=1)


class GraNd(Difficulty):
    r"""Gradient norm (GraNd): the expected norm :math:`E \| \nabla_\theta \ell \|_2` of a row's gradient [1]_.

    That of its loss in all parameters of a network. The paper takes 10 networks, as they are drawn (`n_epochs=0`) or
    early in the training.

    Parameters
    ----------
    network, n_networks, n_epochs, step_size, batch_size
        As in `Difficulty`.

    References
    ----------
    .. [1] Paul, Ganguli and Dziugaite, "Deep Learning on a Data Diet: Finding Important Examples Early in Training",
       2021, definition 2.1.

    Examples
    --------
    >>> from skdc import UncertaintySubset
    >>> from skdc.learners import GraNd
    >>> condenser = UncertaintySubset(difficulty=GraNd(n_epochs=0), n_per_class=3)
    """

    def score(self, epochs: Iterator[nn.Module], rows: LabeledSet) -> Tensor:
        """Return the norm of the gradient."""
        *_, network = epochs
        parameters = {name: parameter.detach() for name, parameter in network.named_parameters()}

        def loss(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
            outputs = functional_call(network, parameters, x[None])
            return training_loss(outputs, y[None], torch.ones_like(y[:1]), "classification")

        def squared_norm(x: Tensor, y: Tensor) -> Tensor:
            return sum(gradient.square().sum() for gradient in grad(loss)(parameters, x, y).values())

        size = sum(parameter.numel() for parameter in parameters.values())
        piece = max(1, MATRIX_ENTRIES // size)
        return vmap(squared_norm, chunk_size=piece, randomness="different")(rows.X, rows.y).sqrt()


class Forgetting(Difficulty):
    """How often a row is forgotten: right after one epoch and wrong after the next [1]_.

    Rows that are never right count as forgotten as often as there are epochs. The paper looks at a row when its batch
    comes, for 200 epochs; here all rows are looked at after each epoch.

    Parameters
    ----------
    network, n_networks, n_epochs, step_size, batch_size
        As in `Difficulty`; at least one epoch.

    References
    ----------
    .. [1] Toneva et al., "An Empirical Study of Example Forgetting during Deep Neural Network Learning", 2019,
       section 3.

    Examples
    --------
    >>> from skdc import UncertaintySubset
    >>> from skdc.learners import Forgetting
    >>> condenser = UncertaintySubset(difficulty=Forgetting(n_epochs=20), n_per_class=3)
    """

    def score(self, epochs: Iterator[nn.Module], rows: LabeledSet) -> Tensor:
        """Return the number of times that rows are forgotten."""
        if self.n_epochs < 1:
            raise ValueError(f"{self!r}: nothing is forgotten without training; n_epochs must be at least 1")
        next(epochs)
        label = rows.y.argmax(1)
        return times_forgotten(torch.stack([_probabilities(network, rows.X).argmax(1) == label for network in epochs]))


def times_forgotten(right: Tensor) -> Tensor:
    """Return how often each row goes from right to wrong; the number of epochs if it is never right.

    Parameters
    ----------
    right : bool Tensor of shape (n_epochs, n)
    """
    events = (right[:-1] & ~right[1:]).sum(0)
    return torch.where(right.any(0), events, len(right)).to(torch.float32)


def _probabilities(network: nn.Module, X: Tensor) -> Tensor:
    return torch.cat([network(piece).softmax(1) for piece in X.split(_PIECE)])

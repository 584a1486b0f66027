"""What classifiers make of either set: those that a set induces, and the networks that a space looks through."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

import torch
from torch import Tensor

from skdc.discrepancies.base import Discrepancy
from skdc.discrepancies.penalties import Penalty
from skdc.discrepancies.reduce import Reduction
from skdc.exceptions import PartsError
from skdc.networks import training_loss
from skdc.sets import Block, LabeledSet
from skdc.sources import Batch, Source, require_targets
from skdc.spaces.augmented import Augmented
from skdc.spaces.base import Space
from skdc.spaces.pooled import PooledSpace
from skdc.step import Step


class CenterCrossEntropy(Discrepancy):
    r"""Cross-entropy of the real rows, classified by the class means of the synthetic set [1]_; in nats.

    .. math:: -E \log \mathrm{softmax}_c(\langle x, \bar q_c \rangle)_{c(x)}

    with :math:`\bar q_c` the mean of class c of the synthetic set, and the mean over the real rows x. It asks means of
    different classes to be apart as the data are, which says little of anything else: it is to be added to a
    discrepancy that compares what the classes hold. Products of rows have the squared unit of the space: in that of
    networks, or of standardised rows, they depend on no unit of the data; in `Identity` they do.

    Parameters
    ----------
    space : Space, default=None
        As in `Discrepancy`.
    weight : float, default=1.0
        As in `Discrepancy`.

    References
    ----------
    .. [1] Wang et al., "CAFE: Learning to Condense Dataset by Aligning Features", 2022, eq. 6.

    Examples
    --------
    >>> from skdc.discrepancies import CenterCrossEntropy, MeanDistance
    >>> from skdc.spaces import NetworkFeatures
    >>> space = NetworkFeatures(layers="all")
    >>> cafe = MeanDistance(space=space) + 0.01 * CenterCrossEntropy(space=space)
    """

    compares = "clouds"

    by: Literal["class", "group"] | None = field(default=None, init=False)
    reduce: Reduction = field(default="mean", init=False)

    def attach(self, source: Source) -> None:
        """Choose the space, and remember the classes, of which there must be two."""
        require_targets(self, source)
        if source.schema.task != "classification":
            given = source.schema.given_targets
            raise PartsError(f"{self!r} compares with the means of classes, but {given}; use MeanDistance()")
        super().attach(source)
        self.class_of_key_ = torch.as_tensor(source.schema.class_of_key, device=source.device)

    def between(self, p: Block, q: Block, generator: torch.Generator) -> Tensor:
        """Return the weighted mean of the cross-entropies over p; classes without a point cannot be told."""
        member = torch.nn.functional.one_hot(q.key, int(self.class_of_key_.max()) + 1).to(q.values)
        mass = q.weight @ member
        centers = (member * q.weight[:, None]).T @ q.values / mass.clamp_min(torch.finfo(mass.dtype).tiny)[:, None]
        scores = (p.values @ centers.T).masked_fill(mass == 0, -torch.inf)
        label = self.class_of_key_[p.key]
        has_center = mass[label] > 0
        chosen = scores.log_softmax(1).gather(1, label[:, None])[:, 0]
        return -(p.mass[has_center] @ chosen[has_center])


class NetworkLoss(Penalty):
    """Loss at the points of the network through which a discrepancy looks at both sets [1]_.

    Cross-entropy in nats; or, of continuous targets, the mean squared error in units of their variance. Networks that
    are random, or trained on the set itself, say nothing about the data: take `PretrainedNetworks`.

    Parameters
    ----------
    space : Space
        The same object as in the discrepancy: one of networks, or `Augmented` around it, and the points are changed.
    of : {"targets", "classes"}, default="targets"
        Whether the networks are to predict the targets of the points; or the classes that they were asked for, whatever
        a teacher says of them.
    weight : float, default=1.0
        As in `Penalty`.

    References
    ----------
    .. [1] Zhao et al., "Improved Distribution Matching for Dataset Condensation", 2023, section 3.3.

    Examples
    --------
    >>> from skdc.discrepancies import MeanDistance, NetworkLoss
    >>> from skdc.learners import PretrainedNetworks
    >>> from skdc.spaces import NetworkFeatures
    >>> space = NetworkFeatures(PretrainedNetworks())
    >>> idm = MeanDistance(space=space) + 0.1 * NetworkLoss(space)
    """

    compares = "clouds"

    space: Space = field()
    of: Literal["targets", "classes"] = "targets"

    def attach(self, source: Source) -> None:
        """Remember the space, which must have networks; refuse data without targets."""
        require_targets(self, source)
        self.check_weight()
        self._of_networks = self.space.space if isinstance(self.space, Augmented) else self.space
        if not isinstance(self._of_networks, PooledSpace):
            raise PartsError(
                f"{self!r} asks the network of a space such as NetworkFeatures, which {self.space!r} is not"
            )
        if self.of not in ("targets", "classes"):
            raise ValueError(f"NetworkLoss(of={self.of!r}): it must be 'targets' or 'classes'")
        self.space_: Space = self.space  # type: ignore[assignment]  # it looks at networks, and embeds no rows
        self.task_ = source.schema.task
        if self.of == "classes" and self.task_ != "classification":
            raise PartsError(f"{self!r} is of classes, but {source.schema.given_targets}; use of='targets'")

    def loss(self, real: Batch, synthetic: LabeledSet, state: Step) -> Tensor:
        """Return the weighted loss, of points that are changed where the space changes them."""
        seen = self.space.changed(synthetic, state) if isinstance(self.space, Augmented) else synthetic
        return self.weight * self.penalty(seen, state.generator)

    def penalty(self, synthetic: LabeledSet, generator: torch.Generator) -> Tensor:
        """Return the weighted mean of the losses."""
        outputs, y = self._of_networks.pool_.network_(synthetic.X), synthetic.y
        if self.of == "classes":
            y = torch.nn.functional.one_hot(synthetic.key, y.shape[1]).to(y)
        return training_loss(outputs, y, synthetic.mass, self.task_)

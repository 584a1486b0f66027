"""A space that shows the data by the statistics of hidden layers alone."""

from __future__ import annotations

from math import prod
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from skdc.learners.pools import PretrainedNetworks, TrainedNetworks
from skdc.networks import norm_inputs
from skdc.sets import Block, LabeledSet
from skdc.sources import Holds, Passes, Source, require
from skdc.spaces.pooled import PooledSpace
from skdc.step import Step


class LayerStatistics(PooledSpace):
    r"""Hidden layers of networks, in which the data are shown by means and variances: what batch norms store [1]_.

    Of a network with batch norms it is what is fed to each of them; of another, what is fed to each layer with weights
    but the first. A point is as many rows of a layer as it has pixels there. The data are seen in one pass for each
    network, and not again. Of each class (or group) the mean :math:`\mu_c` and the variance :math:`\sigma_c^2` of a
    channel over all rows and pixels are kept, and shown as the two rows :math:`\mu_c \pm \sigma_c`, which have both.
    The paper compares with the running averages that the norms have: those know neither weights nor classes; means by
    class are those of [2]_. Channels are shown about the mean of all data, in units of the root mean variance of the
    layer, so that layers and networks of any scale count alike.

    Parameters
    ----------
    networks : NetworkPool, default=None
        Where they come from; None takes `PretrainedNetworks()`. Networks that change in each step cost a pass each
        time.

    References
    ----------
    .. [1] Yin, Xing and Shen, "Squeeze, Recover and Relabel: Dataset Condensation at ImageNet Scale From A New
       Perspective", 2023, eq. 6.
    .. [2] Xiao and He, "Are Large-scale Soft Labels Necessary for Large-scale Dataset Distillation?", 2024.

    Examples
    --------
    >>> from skdc.discrepancies import StatisticsDistance
    >>> from skdc.learners import PretrainedNetworks
    >>> from skdc.networks import MLP
    >>> from skdc.spaces import LayerStatistics
    >>> pool = PretrainedNetworks(MLP(norm="batch"), n_networks=1, n_stages=1)
    >>> discrepancy = StatisticsDistance(space=LayerStatistics(pool))
    """

    yields = "moments"
    splits = "after"

    def fit(self, source: Source, generator: torch.Generator) -> Self:
        """Build the networks, and learn the statistics of the first that is seen."""
        self.fit_networks(PretrainedNetworks, source, generator)
        self._known: dict[int, _Statistics] = {}
        self._learn(source)
        return self

    def after_step(self, synthetic: LabeledSet, source: Holds, state: Step) -> None:
        """Go on to another network, and to its statistics."""
        super().after_step(synthetic, source, state)
        self._learn(source)

    def represent(self, real: LabeledSet, synthetic: LabeledSet, state: Step) -> tuple[list[Block], list[Block]]:
        """Return the statistics of the data, layer by layer, and the layers of the synthetic set."""
        seen, layers = self._seen, norm_inputs(self.pool_.network_, synthetic.X)
        shown = [
            _block(layer, mean, unit, synthetic)
            for layer, mean, unit in zip(layers, seen.center, seen.unit, strict=True)
        ]
        return list(seen.blocks), shown

    @torch.no_grad()
    def _learn(self, source: Source) -> None:
        """Look at the data through the network that is seen, unless that was done."""
        pool = self.pool_
        stays = isinstance(pool, TrainedNetworks)
        place = next((i for i, one in enumerate(pool.networks_) if one is pool.network_), None) if stays else None
        if place is None or place not in self._known:
            statistics = _statistics(pool.network_, require(self, source, Passes, "the statistics of layers"))
            if place is not None:
                self._known[place] = statistics
        self._seen = statistics if place is None else self._known[place]


class _Statistics(NamedTuple):
    """The statistics of the layers of a network: the blocks that show them, and the units these are in."""

    blocks: list[Block]
    center: list[Tensor]
    unit: list[Tensor]


def _statistics(network: nn.Module, source: Passes) -> _Statistics:
    """Return mean and variance of each channel of each layer, by key, in one pass."""
    n_keys = len(source.schema.class_of_key)
    width = sum(prod(layer.shape[1:]) for layer in norm_inputs(network, source.no_rows().X))

    def of_piece(piece: Holds) -> list[Tensor]:
        rows = piece.rows
        member = torch.zeros(n_keys, len(rows), dtype=torch.float64, device=rows.weight.device)
        member[rows.key, torch.arange(len(rows), device=rows.key.device)] = rows.weight.double()
        sums = [member.sum(1, keepdim=True)]
        for layer in norm_inputs(network, rows.X):
            values = _by_channel(layer).double()
            sums.append(member @ torch.cat([values.mean(1), values.square().mean(1)], dim=1))
        return sums

    def added(one: list[Tensor], other: list[Tensor]) -> list[Tensor]:
        return [a + b for a, b in zip(one, other, strict=True)]

    mass, *layers = source.map_reduce(of_piece, added, width)
    keys = torch.arange(n_keys, device=mass.device)[mass[:, 0] > 0]
    found = _Statistics([], [], [])
    for sums in layers:
        center, squares = (sums.sum(0) / mass.sum()).chunk(2)
        unit = (squares - center.square()).clamp_min(0).mean().sqrt()
        unit = torch.where(unit > 0, unit, 1.0)
        mean, square = (sums[keys] / mass[keys]).chunk(2, dim=1)
        # The variance of all rows of a class: that between its rows is in it.
        deviation = (square - mean.square()).clamp_min(0).sqrt()
        pair = torch.stack([mean + deviation, mean - deviation], dim=1).flatten(0, 1)
        weight = (mass[keys, 0] / 2).repeat_interleave(2)
        values = ((pair - center) / unit).to(source.dtype)
        found.blocks.append(Block(weight.to(source.dtype), keys.repeat_interleave(2), values))
        found.center.append(center.to(source.dtype))
        found.unit.append(unit.to(source.dtype))
    return found


def _by_channel(layer: Tensor) -> Tensor:
    """Return a layer as (n, pixels, channels)."""
    return layer.flatten(2).transpose(1, 2) if layer.ndim > 2 else layer[:, None]


def _block(layer: Tensor, center: Tensor, unit: Tensor, rows: LabeledSet) -> Block:
    """Return each pixel of a layer of points as a row, that has its part of the mass."""
    values = _by_channel(layer)
    n_pixels = values.shape[1]
    weight, key = ((given.repeat_interleave(n_pixels)) for given in (rows.weight / n_pixels, rows.key))
    return Block(weight, key, ((values - center) / unit).flatten(0, 1))

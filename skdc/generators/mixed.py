"""Rows of mixed tables: numbers beside the indicators of categories and modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from skdc.generators.moments import ClassUnits
from skdc.generators.networks import NetworkDecoder, conditioned
from skdc.preprocessing.groups import CodeGroup, groups_of
from skdc.seeds import gaussian, uniform
from skdc.sources import Draws, Source, class_codes

_LEAST_DEVIATION = 0.01  # of a number, in units of the spread of the data: a column that is constant has no likelihood
_SAMPLE = 4096  # rows by which deviations are known


# Outputs o of a decoder become, for groups of codes, a number x = o, a bounded number x = tanh(o), and probabilities
# p = softmax(o) of categories, or p = sigmoid(o) of a single indicator. Minus the log likelihood of codes c is
#     sum of log s_j over numbers, with s_j^2 = E[(c_j - x_j)^2]  -  sum of c_k log p_k over categories             (1)
# (Xu et al., 2019, section 4.5, with the variance for which the first sum is least).
class MixedColumns(nn.Module):
    """What a decoder says of the columns of an encoded table.

    Parameters
    ----------
    groups : list of CodeGroup
    shift : Tensor of shape (d,)
        What is subtracted of codes in rows, in the units of codes.
    scale : float
        What is divided by then.
    """

    shift: Tensor
    deviation: Tensor

    def __init__(self, groups: list[CodeGroup], shift: Tensor, scale: float) -> None:
        super().__init__()
        self._groups, self._sizes, self._scale = groups, [group.size for group in groups], scale
        # They follow from the data, not from training, and are small beside the networks.
        self.register_buffer("shift", shift, persistent=False)
        self.register_buffer("deviation", torch.zeros_like(shift), persistent=False)

    @classmethod
    def of(cls, source: Source) -> MixedColumns | None:
        """Return what suits the rows of a source; None where no code is other than a number."""
        groups = groups_of(source.schema.encoder)
        if all(group.kind == "number" for group in groups):
            return None
        like = source.no_rows().X
        scale = float(source.units.scale) * float(source.spread)
        return cls(groups, torch.as_tensor(source.units.shift).to(like).expand(like.shape[1:]), scale)

    def forward(self, outputs: Tensor) -> Tensor:
        """Return rows of the outputs of a decoder, in units of the spread of the data: numbers, and probabilities."""
        return self._rows(outputs, _probabilities)

    def _rows(self, outputs: Tensor, categories: Callable[[Tensor], Tensor]) -> Tensor:
        """Return rows, of which a function of the outputs gives the codes of categories."""
        pieces, shifts = outputs.split(self._sizes, 1), self.shift.split(self._sizes)
        parts = []
        for group, piece, shift in zip(self._groups, pieces, shifts, strict=True):
            if group.kind == "number":
                parts.append(piece)
            else:
                codes = piece.tanh() if group.kind == "bounded" else categories(piece)
                parts.append((codes - shift) / self._scale)
        return torch.cat(parts, dim=1)

    def surprise(self, outputs: Tensor, X: Tensor, mass: Tensor) -> Tensor:
        """Return minus the log likelihood of rows (1), on average and less a constant.

        Parameters
        ----------
        outputs, X : Tensor of shape (n, d)
        mass : Tensor of shape (n,)
            Weights that sum to one.
        """
        variance = mass @ self._errors(outputs, X).square() + _LEAST_DEVIATION**2
        codes = (X * self._scale + self.shift).split(self._sizes, 1)
        pieces = outputs.split(self._sizes, 1)
        entropies = [
            _cross_entropy(piece, target)
            for group, piece, target in zip(self._groups, pieces, codes, strict=True)
            if group.kind == "category"
        ]
        return variance.log().sum() / 2 + mass @ torch.stack([mass.new_zeros(len(mass)), *entropies]).sum(0)

    def _errors(self, outputs: Tensor, X: Tensor) -> Tensor:
        """Return those of numbers, of shape (n, n_numbers)."""
        return (self(outputs) - X)[:, self._are_numbers()]

    def _are_numbers(self) -> list[int]:
        kinds = [group.kind for group in self._groups for _ in range(group.size)]
        return [place for place, kind in enumerate(kinds) if kind != "category"]

    def learn_deviations(self, outputs: Tensor, X: Tensor, mass: Tensor) -> None:
        """Keep how far numbers lie from what the decoder says."""
        places = torch.as_tensor(self._are_numbers(), dtype=torch.long, device=X.device)
        self.deviation[places] = (mass @ self._errors(outputs, X).square()).sqrt()

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """Return rows that are drawn: numbers with their errors, and one category of each column."""
        errors = self.deviation * gaussian(outputs.shape, generator, outputs)  # of categories it is zero
        return self._rows(outputs, lambda piece: _drawn(piece, generator)) + errors


def _probabilities(outputs: Tensor) -> Tensor:
    return outputs.softmax(1) if outputs.shape[1] > 1 else outputs.sigmoid()


def _cross_entropy(outputs: Tensor, shares: Tensor) -> Tensor:
    if outputs.shape[1] == 1:
        return binary_cross_entropy_with_logits(outputs, shares, reduction="none")[:, 0]
    return -(shares * outputs.log_softmax(1)).sum(1)


def _drawn(outputs: Tensor, generator: torch.Generator) -> Tensor:
    """Return indicators of categories, drawn by their probabilities."""
    levels = uniform((len(outputs), 1), generator, outputs)
    if outputs.shape[1] == 1:
        return (levels < outputs.sigmoid()).to(outputs)
    # What the draw lies above of the cumulated probabilities tells the category.
    below = (outputs.softmax(1).cumsum(1)[:, :-1] < levels).sum(1)
    return one_hot(below, outputs.shape[1]).to(outputs)


class MixedDecoder(NetworkDecoder):
    """Rows of a mixed table, that a network makes of latents.

    Parameters
    ----------
    decoder, encoder, units, n_components
        As in `NetworkDecoder`; the decoder makes outputs of which `columns` makes rows.
    columns : MixedColumns
    """

    def __init__(
        self, decoder: nn.Module, encoder: nn.Module, units: ClassUnits, n_components: int, columns: MixedColumns
    ) -> None:
        super().__init__(nn.Sequential(decoder, columns), encoder, units, n_components)

    @property
    def _outputs(self) -> nn.Module:
        return self.decoder.get_submodule("0")

    @property
    def _columns(self) -> MixedColumns:
        return cast(MixedColumns, self.decoder.get_submodule("1"))

    def sample(self, z: Tensor, key: Tensor, generator: torch.Generator) -> Tensor:
        """Draw rows by the probabilities and deviations that are decoded."""
        return self._columns.sample(self._outputs(conditioned(z, key, len(self.units.means))), generator)

    @torch.no_grad()
    def learn_deviations(self, source: Draws, generator: torch.Generator) -> Self:
        """Learn from some thousand rows how far numbers lie from what is decoded."""
        rows = source.sample(_SAMPLE, generator)
        X, key = rows.X / source.spread, class_codes(rows, source.schema)
        outputs = self._outputs(conditioned(self.encode(X, key), key, len(self.units.means)))
        self._columns.learn_deviations(outputs, X, rows.mass)
        return self

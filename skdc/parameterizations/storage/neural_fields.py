"""Images that are stored as small networks, which say the colour at each place."""

from __future__ import annotations

from numbers import Integral
from typing import Literal

import torch
from torch import Tensor, nn

from skdc.codes import Code, SineFields
from skdc.codes.fields import pixel_places
from skdc.images import ImageLayout, image_layout
from skdc.parameterizations.storage.base import Codec, Coder, Kept, Storage, at
from skdc.parameterizations.storage.real import RealRows
from skdc.sources import draw_seed

# A network of sines (SIREN) gives h_1 = sin(w_1 (W_1 p + b_1)) at a place p, then h_l = sin(w_l (W_l h_(l-1) + b_l)),
# and the colour W h + b of the last. With A the weights and the offset of n - 1 inputs side by side, times n w_l,
#
#     h_l = sin( A_l [h_(l-1), 1] / n ),                                                                       (1)
#
# so that a step of all numbers of a layer changes the argument of its sines by no more than the step: one step size
# suits all layers. The frequencies w_l are then a matter of where the numbers start.

_FREQUENCIES = (30.0, 10.0)  # of the first layer and the others, as in DDiF for small images
_FIT_STEPS, _FIT_STEP_SIZE = 300, 1.0
_FIT_ROWS = 256  # that are fitted at a time


class NeuralFields(Storage):
    r"""Neural fields: each image is a small network that gives the colour at a place, :math:`x(p) = f_i(p)` [1]_.

    The networks have sines between their layers [2]_. With 8 of them in each of two layers a grey image takes 105
    numbers, whatever its size. They are fitted to the images that points start at by their squared error, and move
    from there. A hundred images of 28 by 28 pixels take some three seconds of a core.

    Parameters
    ----------
    width : int, default=8
        Sines of a layer.
    depth : int, default=2
        Layers of sines.
    image_shape : tuple of int, default=None
        Shape of an image that comes flattened; None takes the shape of the rows.
    channels : {"first", "last"}, default=None
        Where the channels of (C, H, W) or (H, W, C) rows are, as in `ConvNet`.

    References
    ----------
    .. [1] Shin, Bae, Sim, Kang and Moon, "Distilling Dataset into Neural Field", 2025, section 3.
    .. [2] Sitzmann, Martel, Bergman, Lindell and Wetzstein, "Implicit Neural Representations with Periodic Activation
       Functions", 2020, sections 3.1 and 3.2.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> from skdc.parameterizations import Points
    >>> from skdc.parameterizations.storage import NeuralFields, Quantized
    >>> from skdc.solvers import Descent
    >>> images = load_digits().images.astype("uint8")
    >>> points = Points(Quantized(4, NeuralFields(width=6)))
    >>> fitted = Condenser(MMD(), points, Descent(n_steps=10), n_samples=20, random_state=0).fit(images)
    >>> fitted.X_syn_.shape, fitted.storage_["bytes"], fitted.storage_["bytes_decoded"]
    ((20, 8, 8), 694, 1280)
    """

    width: int = 8
    depth: int = 2
    image_shape: tuple[int, ...] | None = None
    channels: Literal["first", "last"] | None = None

    def shows_images(self) -> bool:
        """Tell that it does."""
        return True

    def row_by_row(self) -> bool:
        """Tell that numbers of other rows are not to be asked for: it takes a fit to know them."""
        return False

    def build(self, X: Tensor, key: Tensor | None, real: RealRows, generator: torch.Generator) -> FieldRows:
        """Return networks that are fitted to the images."""
        row_shape = tuple(X.shape[1:])
        shapes = [kept.shape for kept in self.numbers(len(X), row_shape)]
        codec = FieldRows(shapes, self._layout(row_shape), row_shape, draw_seed(generator)).to(X)
        with torch.no_grad():
            codec.encode(X)
        return codec

    def numbers(self, n_rows: int, row_shape: tuple[int, ...]) -> list[Kept]:
        """Return those of the first layer, of those that follow, where there are such, and of the last sum."""
        n_channels, width = self._layout(row_shape).shape[0], self.width
        shapes = [(n_rows, width, 3), (n_rows, self.depth - 1, width, width + 1), (n_rows, n_channels, width + 1)]
        return [Kept(shape, by_feature=False) for shape in shapes if self.depth > 1 or len(shape) == 3]

    def _layout(self, row_shape: tuple[int, ...]) -> ImageLayout:
        for name in ("width", "depth"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < 1:
                raise ValueError(f"NeuralFields({name}={value!r}): the {name} must be a whole number, at least 1")
        return image_layout(self, row_shape, self.image_shape, self.channels)


class FieldRows(Codec):
    """Images of which each is a network of sines.

    Parameters
    ----------
    shapes : list of tuple of int
        Of the numbers: (m, width, 3), maybe (m, depth - 1, width, width + 1), and (m, C, width + 1).
    layout : ImageLayout
        Where the channels of rows are.
    row_shape : tuple of int
    seed : int
        Of the numbers that fits start from.
    """

    places: Tensor

    def __init__(
        self, shapes: list[tuple[int, ...]], layout: ImageLayout, row_shape: tuple[int, ...], seed: int
    ) -> None:
        super().__init__()
        first, *hidden, last = (nn.Parameter(torch.zeros(shape)) for shape in shapes)
        self.first, self.hidden, self.last = first, hidden[0] if hidden else None, last
        self._layout, self._row_shape, self._seed = layout, row_shape, seed
        self.register_buffer("places", torch.as_tensor(pixel_places(*layout.shape[1:])))

    def decode(self, places: Tensor | None = None) -> Tensor:
        """Return the rows."""
        return self._rows([at(values, places) for values in self._values()])

    def encode(self, X: Tensor) -> None:
        """Come near to other images, by a fit from the numbers with which the first began."""
        start = self._start()
        for rows in torch.arange(len(X), device=X.device).split(_FIT_ROWS):
            fitted = self._fitted([values[rows] for values in start], X[rows])
            for values, found in zip(self._values(), fitted, strict=True):
                values[rows] = found

    def project(self, low: Tensor, high: Tensor) -> None:
        """Do nothing: no networks are nearest to images between two ends."""

    def code(self, coder: Coder) -> Code:
        """Return the numbers of the networks."""
        hidden = None if self.hidden is None else coder(self.hidden)
        given = self._row_shape, self._layout.shape, self._layout.last
        return SineFields(*given, coder(self.first), hidden, coder(self.last))

    def _values(self) -> list[Tensor]:
        return [values for values in (self.first, self.hidden, self.last) if values is not None]

    def _rows(self, values: list[Tensor]) -> Tensor:
        first, *hidden, last = values
        seen = torch.sin(_means(first, self.places.expand(len(first), -1, -1)))
        for weights in hidden[0].unbind(1) if hidden else ():
            seen = torch.sin(_means(weights, seen))
        images = _means(last, seen)
        return self._layout.rows(images.reshape(-1, *self._layout.shape), self._row_shape)

    def _start(self) -> list[Tensor]:
        """Return the numbers that fits start from, uniform as in SIREN; those of a row are its own."""
        draws, values = torch.Generator().manual_seed(self._seed), self._values()
        sizes = [part[0].numel() for part in values]
        flat = 2 * torch.rand(len(values[0]), sum(sizes), generator=draws, dtype=values[0].dtype) - 1
        parts = flat.to(values[0].device).split(sizes, dim=1)
        return [part.reshape(like.shape) * _bounds(like, i == 0) for i, (part, like) in enumerate(zip(parts, values))]

    def _fitted(self, start: list[Tensor], X: Tensor) -> list[Tensor]:
        """Return numbers that come near to images; each row by itself, since Adam knows no others."""
        values = [part.clone().requires_grad_() for part in start]
        optimizer = torch.optim.Adam(values, lr=_FIT_STEP_SIZE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _FIT_STEPS)
        with torch.enable_grad():
            for _ in range(_FIT_STEPS):
                optimizer.zero_grad()
                (self._rows(values) - X).square().flatten(1).mean(1).sum().backward()
                optimizer.step()
                schedule.step()
        return [part.detach() for part in values]


def _means(weights: Tensor, values: Tensor) -> Tensor:
    """Return weighted sums of values and 1, divided by how many there are, as in (1)."""
    return torch.baddbmm(weights[..., -1:], weights[..., :-1], values) / weights.shape[-1]


def _bounds(weights: Tensor, is_first: bool) -> Tensor:
    """Return up to where numbers of a layer are at the start, in the units of (1)."""
    n_inputs = weights.shape[-1] - 1
    frequency = _FREQUENCIES[0] if is_first else _FREQUENCIES[1]
    of_weights = 1 / n_inputs if is_first else (6 / n_inputs) ** 0.5 / frequency
    bounds = weights.new_full((n_inputs + 1,), of_weights)
    bounds[-1] = n_inputs**-0.5
    return bounds * frequency * (n_inputs + 1)

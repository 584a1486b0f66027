"""A sketch in the making, with the discrepancy whose features it sums."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from skdc.data import Schema
from skdc.discrepancies.objective import Objective
from skdc.sketch import Sketch
from skdc.source import RowSource, SketchSource, Source, draw_seed


@dataclass(eq=False)
class Stream:
    """Everything that a solve from a sketch needs.

    Parameters
    ----------
    objective : Objective
        Fitted before the first row is seen.
    sketch : Sketch
    schema : Schema
    device : torch.device
    seed : int
        Of the solve.
    """

    objective: Objective
    sketch: Sketch
    schema: Schema
    device: torch.device
    seed: int

    @classmethod
    def begin(cls, objective: Objective, source: Source, sample_size: int, seed: int) -> Stream:
        """Fit the objective to what is known and make an empty sketch.

        Parameters
        ----------
        objective : Objective
            A clone, to be fitted.
        source : Source
            All rows, or an empty sketch where none is known yet.
        sample_size : int
            Rows kept for each group to start from.
        seed : int
        """
        generator = torch.Generator().manual_seed(seed)
        n_keys = len(source.schema.class_of_key)
        sketch = Sketch(n_keys, sample_size, draw_seed(generator))
        objective.fit(source, torch.Generator().manual_seed(draw_seed(generator)))
        return cls(objective, sketch, source.schema, source.device, draw_seed(generator))

    def update(self, source: RowSource) -> None:
        """Add rows, piece by piece; all of them, or none where it is interrupted."""
        added = self.sketch.empty_like()
        with torch.no_grad():
            shown = [leaf.lift(source.no_rows()).values.shape[1] for leaf in self.objective.leaves()]
            for piece in source.chunks(sum(shown)):
                features = [leaf.lift(piece.rows).values.cpu().numpy() for leaf in self.objective.leaves()]
                added.update(piece.X, piece.y, piece.weight, piece.key, features)
        self.sketch.merge(added)

    def source(self) -> SketchSource:
        """Return the sketch as a source."""
        return SketchSource(self.sketch, self.schema, self.device)

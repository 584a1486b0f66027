"""Optimal transport discrepancies."""

from skdc.discrepancies.transport.entropic import Sinkhorn, UnbalancedSinkhorn
from skdc.discrepancies.transport.exact import LabeledTransport, Wasserstein
from skdc.discrepancies.transport.gaussian import GaussianWasserstein
from skdc.discrepancies.transport.gromov import GromovWasserstein
from skdc.discrepancies.transport.quantization import CoveringRadius, QuantizationError
from skdc.discrepancies.transport.sliced import MaxSlicedWasserstein, SlicedWasserstein

__all__ = [
    "CoveringRadius",
    "GaussianWasserstein",
    "GromovWasserstein",
    "LabeledTransport",
    "MaxSlicedWasserstein",
    "QuantizationError",
    "Sinkhorn",
    "SlicedWasserstein",
    "UnbalancedSinkhorn",
    "Wasserstein",
]

"""Optimal transport discrepancies."""

from skdc.discrepancies.transport.entropic import Sinkhorn, UnbalancedSinkhorn
from skdc.discrepancies.transport.exact import LabeledTransport, Wasserstein
from skdc.discrepancies.transport.gaussian import GaussianWasserstein
from skdc.discrepancies.transport.gromov import GromovWasserstein
from skdc.discrepancies.transport.quantization import QuantizationError
from skdc.discrepancies.transport.sliced import MaxSlicedWasserstein, SlicedWasserstein

__all__ = [
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

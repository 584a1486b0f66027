"""Differential privacy (the extra ``private``): mechanisms, and the ledger of what they have released."""

from skdc.privacy.declared import feature_range_template
from skdc.privacy.gaussians import ClassGaussians
from skdc.privacy.ledger import PrivacyLedger, Release
from skdc.privacy.mechanism import GaussianMechanism
from skdc.privacy.rows import PrivateRows
from skdc.privacy.sketch import PrivateSketch
from skdc.privacy.source import PrivateSource, PublicSource

__all__ = [
    "ClassGaussians",
    "GaussianMechanism",
    "PrivacyLedger",
    "PrivateRows",
    "PrivateSketch",
    "PrivateSource",
    "PublicSource",
    "Release",
    "feature_range_template",
]

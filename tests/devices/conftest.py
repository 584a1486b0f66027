"""The device on which these tests run is that of their process, by the environment: see `test_devices.py`."""

import os

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from . import pretend

# In units of the data. The pretend device computes as the CPU does; CUDA adds up in another order, and its convolutions
# take fewer digits.
TOLERANCES = {pretend.NAME: 1e-6}


@pytest.fixture(scope="session")
def device():
    """The name of the device."""
    name = os.environ.get("SKDC_DEVICE", pretend.NAME)
    library = pretend.register() if name == pretend.NAME else None
    yield name
    del library


@pytest.fixture
def same(device):
    """A function that fits on the CPU and on the device, sees that the sets are the same, and returns the second."""

    def fit_on_both(condenser, *data, **others):
        here, there = (clone(condenser).set_params(device=name).fit(*data, **others) for name in ("cpu", device))
        assert_same_sets(there, here, TOLERANCES.get(device, 1e-2))
        return there

    return fit_on_both


def assert_same_sets(found, expected, tolerance):
    """See that two fitted condensers have the same set, but for rounding."""
    if hasattr(expected.X_syn_, "columns"):
        assert found.X_syn_.equals(expected.X_syn_)
        return
    here, there = (
        np.asarray(fitted.X_syn_.todense() if hasattr(fitted.X_syn_, "todense") else fitted.X_syn_)
        for fitted in (expected, found)
    )
    assert_allclose(there, here, rtol=0, atol=tolerance * here.std())
    if expected.y_syn_ is not None and expected.y_syn_.dtype.kind == "f":
        assert_allclose(found.y_syn_, expected.y_syn_, rtol=0, atol=tolerance * expected.y_syn_.std())
    else:
        assert_array_equal(found.y_syn_, expected.y_syn_)
    assert_allclose(found.sample_weight_, expected.sample_weight_, atol=tolerance)

"""What stays after a fit: the recipe, the set and numbers; no networks, tensors or data."""

import io
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, clone

from skdc import Condenser
from skdc.discrepancies import MMD, Moments
from skdc.solvers import Descent

from .quick import quick_condensers

X = np.random.default_rng(0).normal(size=(400, 6))
Y = np.arange(400) % 2


class Finding(pickle.Unpickler):
    """An unpickler that notes the classes that it needs."""

    def __init__(self, pickled):
        super().__init__(io.BytesIO(pickled))
        self.found = set()

    def find_class(self, module, name):
        self.found.add(f"{module}.{name}")
        return super().find_class(module, name)


@pytest.mark.parametrize("condenser", quick_condensers(), ids=lambda part: type(part).__name__)
def test_a_fitted_condenser_is_small_and_needs_no_device(condenser):
    fitted = clone(condenser).set_params(n_per_class=3).fit(X, Y)
    learner = vars(fitted).pop("learner_", None)
    if learner is not None:
        again = pickle.loads(pickle.dumps(learner))
        assert np.array_equal(again.predict(X), learner.predict(X))
        clone(learner).fit(X[:50], Y[:50]).predict(X)
    pickled = pickle.dumps(fitted)
    finding = Finding(pickled)
    loaded = finding.load()
    strange = {name for name in finding.found if name.startswith("torch.") and not name.startswith("torch.optim.")}
    assert not strange - {"torch.serialization._get_layout", "torch.float32", "torch.float64"}, strange
    assert len(pickled) < len(pickle.dumps(clone(condenser))) + 20_000 < X.nbytes + 10_000
    assert np.array_equal(loaded.X_syn_, fitted.X_syn_)


def test_what_was_learned_in_numbers_stays():
    condenser = Condenser(MMD() + Moments(), solver=Descent(n_steps=2), random_state=0).fit(X, Y)
    first, second = condenser.discrepancy_.leaves()
    assert isinstance(first, BaseEstimator) and 1 < float(first.kernel_.bandwidth_[0]) < 6
    assert isinstance(second.center_, np.ndarray) and second.center_.shape == (6,)
    assert isinstance(condenser.discrepancy_(X, X + 1), float), "it measures sets still"
    assert repr(clone(condenser.discrepancy_)) == repr(condenser.discrepancy)


def tensors(value, seen):
    """Return the tensors and networks that can be reached from an object."""
    if id(value) in seen or isinstance(value, type):
        return []
    seen.add(id(value))
    if isinstance(value, torch.Tensor | torch.nn.Module | torch.optim.Optimizer | torch.Generator):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple | set) else []
    inner = [*inner, *vars(value).values()] if hasattr(value, "__dict__") else inner
    return [found for part in inner for found in tensors(part, seen)]


@pytest.mark.parametrize("condenser", quick_condensers(), ids=lambda part: type(part).__name__)
def test_no_tensor_outlives_a_fit(condenser):
    fitted = clone(condenser).set_params(n_per_class=3).fit(X, Y)
    vars(fitted).pop("_stream", None)  # it goes on computing
    assert not tensors(vars(fitted), set())

"""What is one for the whole process: threads of BLAS, warning filters and torch's default dtype."""

import importlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copyfile
from threading import Barrier, Event
from types import ModuleType

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from threadpoolctl import threadpool_info, threadpool_limits
from torch import nn

from skdc import Condenser, DistributionMatching
from skdc.discrepancies import MMD
from skdc.solvers import Descent

from .quick import quick_condensers

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.arange(40) % 2


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    limits = threadpool_limits(2)
    yield
    limits.restore_original_limits()
    torch.set_num_threads(before)


def n_threads():
    """Return the numbers of threads of all libraries, as this thread sees them."""
    return {torch.get_num_threads()} | {pool["num_threads"] for pool in threadpool_info()}


def of_openmp():
    """Return the numbers that belong to this thread alone."""
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"]


class Relay(MMD):
    """A discrepancy that says when it is first asked, and waits for something."""

    def __init__(self, begun=None, wait_for=None, space=None, by="class", reduce="mean", weight=1.0):
        super().__init__(space=space, by=by, reduce=reduce, weight=weight)
        self.begun, self.wait_for = begun, wait_for

    def between(self, p, q, generator):
        EVENTS[self.begun].set()
        assert EVENTS[self.wait_for].wait(20)
        SEEN.append(n_threads())
        return super().between(p, q, generator)


EVENTS = {}
SEEN = []


class Watching(MMD):
    """A discrepancy that notes the number of threads of each library."""

    def between(self, p, q, generator):
        SEEN.append({pool["filepath"]: pool["num_threads"] for pool in threadpool_info()})
        return super().between(p, q, generator)


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_fits_that_overlap_give_back_all_threads(two_threads, first_ends_first):
    SEEN.clear()
    names = ("first begun", "second begun", "first ended", "second ended")
    EVENTS.update({name: Event() for name in names})
    # The one that is to end last waits for the other one's end.
    waits = ("second begun", "first ended") if first_ends_first else ("second ended", "first begun")

    def condense(name, wait_for):
        before = of_openmp()
        Condenser(Relay(f"{name} begun", wait_for), solver=Descent(n_steps=1)).fit(X, Y)
        EVENTS[f"{name} ended"].set()
        assert all(EVENTS[end].wait(20) for end in names[2:])
        return before, of_openmp()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(condense, "first", waits[0])
        assert EVENTS["first begun"].wait(20)
        second = pool.submit(condense, "second", waits[1])
        seen = [fit.result() for fit in (first, second)]
    assert len(SEEN) > 1 and all(seen == {1} for seen in SEEN), "a fit runs on one thread while others end"
    assert n_threads() == {2} and all(before == after for before, after in seen)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 2


def test_many_fits_at_once_give_back_all_threads(two_threads):
    barrier = Barrier(4)

    def condense(seed):
        barrier.wait(20)
        return Condenser(MMD(), solver=Descent(n_steps=1 + seed), random_state=seed).fit(X, Y)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(condense, range(4)))
    assert n_threads() == {2}


def test_a_fit_that_fails_gives_back_all_threads(two_threads):
    with pytest.raises(ValueError, match="positive"):
        Condenser(MMD(), solver=Descent(step_size=-1)).fit(X, Y)
    assert n_threads() == {2}


def test_libraries_that_are_loaded_between_fits_run_on_one_thread_too(two_threads, tmp_path, monkeypatch):
    condenser = Condenser(Watching(), solver=Descent(n_steps=1))
    sys.modules["a_module_that_goes"] = ModuleType("a_module_that_goes")
    for _ in range(2):  # the first may load modules
        condenser.fit(X, Y)
    del sys.modules["a_module_that_goes"]  # there are as many as before once another is loaded
    openmp = next(Path(pool["filepath"]) for pool in threadpool_info() if pool["user_api"] == "openmp")
    late = copyfile(openmp, tmp_path / openmp.name)
    (tmp_path / "loads_a_library.py").write_text(f"import ctypes; ctypes.CDLL({str(late)!r})")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("loads_a_library")
    with threadpool_limits(2):
        condenser.fit(X, Y)
    assert SEEN[-1][str(late)] == 1


FILTERS = """
import warnings
import numpy as np
from tests.condensers.quick import quick_condensers
from skdc.discrepancies import FDivergence
from skdc.learners import NetworkClassifier
X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
moves = {moves}
warnings.simplefilter("once", ImportWarning)
before = list(warnings.filters)
for move in moves:
    exec(move)
    assert list(warnings.filters) == before, (move, [new for new in warnings.filters if new not in before])
"""


@pytest.mark.parametrize(
    "moves",
    [
        pytest.param(["for condenser in quick_condensers(): condenser.fit(X, y)"], marks=pytest.mark.slow),
        pytest.param(["NetworkClassifier(max_epochs=1).fit(X, y)"], marks=pytest.mark.slow),
        pytest.param(["FDivergence()(X, X + 1)"], marks=pytest.mark.slow),
    ],
    ids=["condensers", "classifier", "discrepancy"],
)
def test_first_fits_leave_the_warning_filters(moves):
    done = subprocess.run([sys.executable, "-c", FILTERS.format(moves=moves)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("condenser", quick_condensers(), ids=lambda part: type(part).__name__)
def test_default_dtype_does_not_show(condenser):
    expected = clone(condenser).fit(X, Y)
    torch.set_default_dtype(torch.float64)
    try:
        found = clone(condenser).fit(X, Y)
    finally:
        torch.set_default_dtype(torch.float32)
    for name in ("X_syn_", "y_syn_", "y_learned_", "sample_weight_"):
        assert_array_equal(getattr(found, name), getattr(expected, name))


NUMBERS = {
    "full": lambda: torch.full((8,), 0.1),
    "arange": lambda: torch.arange(0.0, 0.8, 0.1),
    "tensor": lambda: torch.tensor([0.1] * 8),
    "as_tensor": lambda: torch.as_tensor((0.1,) * 8),
    "constructor": lambda: torch.Tensor([0.1] * 8),
    "empty constructor": lambda: torch.Tensor(8).fill_(0.1),
    "number": lambda: torch.tensor(0.1).expand(8),
    "binomial": lambda: torch.binomial(torch.ones(8), 0.5 * torch.ones(8)),
    "normal": lambda: torch.distributions.Normal(0.0, 0.1).rsample((8,)),
    "uniform": lambda: torch.distributions.Uniform(0.0, 0.1).sample((8,)),
    "draw": lambda: torch.normal(0.0, 0.1, (8,)),
    "whole numbers": lambda: torch.arange(8) / 3 + torch.arange(8).sqrt() + 0.1 * torch.ones(8, dtype=torch.int64),
    "either": lambda: torch.where(torch.arange(8) > 3, 0.1, 0.2),
    "window": lambda: torch.hann_window(8),
    "sum": lambda: torch.zeros(8) + torch.eye(8)[0] + torch.linspace(0.0, 1.0, 8) + torch.scalar_tensor(0.1),
    "double": lambda: (torch.ones(8).double() @ torch.eye(8, dtype=torch.float64) / 3).float(),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_default_dtype_does_not_show_in_networks_that_make_numbers(name):
    class Adds(nn.Module):
        def __init__(self):
            super().__init__()
            self.numbers = NUMBERS[name]()

        def forward(self, x):
            assert self.numbers.dtype == NUMBERS[name]().dtype == torch.float32
            return x + NUMBERS[name]() + self.numbers

    def build(input_shape, n_outputs):
        return nn.Sequential(nn.Linear(input_shape[0], 8), Adds(), nn.ReLU(), nn.Linear(8, n_outputs))

    condenser = DistributionMatching(network=build, n_steps=2, random_state=0)
    expected = clone(condenser).fit(X, Y).X_syn_
    torch.set_default_dtype(torch.float64)
    try:
        found = clone(condenser).fit(X, Y).X_syn_
    finally:
        torch.set_default_dtype(torch.float32)
    assert_array_equal(found, expected)

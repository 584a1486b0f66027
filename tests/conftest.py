import gc

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_iris


def pytest_collection_finish():
    # What is loaded by now stays, and every collection of garbage would go through all of it.
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    # Two threads on loaded cores are far slower than one.
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="session")
def digits():
    X, y = load_digits(return_X_y=True)
    return X, y


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)

"""Condensers that match gradients: what each is made of, and that each field counts."""

from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from skdc import Condenser, CurvatureMatching, EfficientCondensation, GradientMatching, SiameseGradientMatching
from skdc.augmentation import Rotate, SiameseAugmentation
from skdc.discrepancies import L1, Cosine, Hybrid, SquaredL2
from skdc.learners import AlternatingNetworks, DataTrainedNetworks, RandomNetworks
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.parameterizations.storage import LowResolution
from skdc.solvers import Descent
from skdc.spaces import Augmented, LastLayerVariances, NetworkGradients

SMALL = MLP(width=12)
QUICK = {
    "network": SMALL,
    "n_matches": 3,
    "n_train_steps": 2,
    "step_size": 0.1,
    "n_steps": 4,
    "batch_size": 50,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def images():
    digits = load_digits()
    return digits.images[:400], digits.target[:400]


@pytest.fixture(scope="module")
def fitted_to_images(images):
    return cache(lambda cls: cls(3, **QUICK).fit(*images).X_syn_)


def expected_recipe(cls):
    """Return the parts of a condenser of quick settings, written out."""
    alternating = AlternatingNetworks(SMALL, 3, 2)
    changed = AlternatingNetworks(SMALL, 3, 2, 0.1, SiameseAugmentation())
    real = DataTrainedNetworks(SMALL, 3, 2, augmentation=SiameseAugmentation())
    hidden = NetworkGradients(real, layers="hidden")
    terms = [
        ("gradients", Cosine(space=NetworkGradients(alternating))),
        ("variances", SquaredL2(space=LastLayerVariances(alternating), weight=0.5)),
    ]
    return {
        GradientMatching: (Cosine(space=NetworkGradients(alternating)), Points()),
        SiameseGradientMatching: (Cosine(space=Augmented(NetworkGradients(changed), SiameseAugmentation())), Points()),
        EfficientCondensation: (L1(space=Augmented(hidden, SiameseAugmentation())), Points(LowResolution(2))),
        CurvatureMatching: (Hybrid(terms, normalize=True), Points()),
    }[cls]


CONDENSERS = [GradientMatching, SiameseGradientMatching, EfficientCondensation, CurvatureMatching]


@pytest.mark.parametrize("cls", CONDENSERS)
def test_each_is_a_recipe(cls, images, fitted_to_images):
    solver = Descent(step_size=0.1, n_steps=4, batch_size=50)
    written_out = Condenser(*expected_recipe(cls), solver, n_per_class=3, random_state=0).fit(*images)
    np.testing.assert_array_equal(fitted_to_images(cls), written_out.X_syn_)


OTHERS = {
    "network": MLP(width=9),
    "n_matches": 1,
    "n_train_steps": 5,
    "step_size": 0.2,
    "n_steps": 3,
    "batch_size": 30,
    "augmentation": Rotate(90),
}
OF_ONE = [
    (EfficientCondensation, "factor", 4),
    (EfficientCondensation, "bits", 2),
    (SiameseGradientMatching, "train_step_size", 0.5),
    (CurvatureMatching, "rho", 0.0),
    (CurvatureMatching, "rho", 30.0),
]


FIELDS = [pytest.param(cls, *other, marks=pytest.mark.slow) for cls in CONDENSERS for other in OTHERS.items()]


@pytest.mark.parametrize("cls, name, value", FIELDS + OF_ONE)
def test_each_field_counts(cls, name, value, images, fitted_to_images):
    other = cls(3, **QUICK | {name: value}).fit(*images)
    assert not np.array_equal(other.X_syn_, fitted_to_images(cls))


def test_networks_may_come_from_any_pool(images):
    settings = {"step_size": 0.1, "n_steps": 4, "batch_size": 50, "random_state": 0}
    pools = [AlternatingNetworks(SMALL, 3, 2), DataTrainedNetworks(SMALL, 3, 2), RandomNetworks(SMALL)]
    sets = [GradientMatching(3, networks=pool, **settings).fit(*images).X_syn_ for pool in pools]
    np.testing.assert_array_equal(sets[0], GradientMatching(3, **QUICK).fit(*images).X_syn_)
    assert len({rows.tobytes() for rows in sets}) == 3


@pytest.mark.parametrize("cls", [GradientMatching, SiameseGradientMatching, CurvatureMatching])
@pytest.mark.parametrize(
    "name, value", [("network", SMALL), ("n_matches", 3), ("n_train_steps", 2), ("train_step_size", 1.0)]
)
def test_what_a_pool_says_is_not_said_twice(cls, name, value, images):
    condenser = cls(networks=DataTrainedNetworks(SMALL), **{name: value})
    with pytest.raises(ValueError, match=rf"{cls.__name__}\({name}=.* has no effect, since networks=DataTrained"):
        condenser.fit(*images)


def test_both_terms_of_curvature_matching_look_through_one_network(images):
    networks = DataTrainedNetworks(SMALL, n_matches=2, n_updates=1)
    condenser = CurvatureMatching(2, networks=networks, n_steps=3, random_state=0).fit(*images)
    gradients, variances = (term.space_.pool_ for term in condenser.discrepancy_.leaves())
    assert gradients is variances and isinstance(gradients, DataTrainedNetworks)


@pytest.mark.parametrize("rho", [-1.0, np.inf, np.nan])
def test_rho_is_not_negative(rho, iris):
    with pytest.raises(ValueError, match=r"CurvatureMatching\(rho=.*must not be negative"):
        CurvatureMatching(rho=rho).fit(*iris)


def with_everything(input_shape, n_outputs):
    width = int(np.prod(input_shape))
    return torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(width, 16),
        torch.nn.BatchNorm1d(16),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.3),
        torch.nn.Linear(16, n_outputs),
    )


@pytest.mark.parametrize(
    "cls", [GradientMatching, *(pytest.param(cls, marks=pytest.mark.slow) for cls in CONDENSERS[1:])]
)
@pytest.mark.parametrize("size", [pytest.param({"n_per_class": 2}, marks=pytest.mark.slow), {"n_samples": 307}])
def test_sizes_and_classes_may_be_many(cls, size, rng):
    classes = np.array([f"class {c}" for c in range(101)])
    y = classes[np.arange(1001) % 101]
    X = rng.normal(size=(1001, 8, 8)) + (np.arange(1001) % 101)[:, None, None]
    condenser = cls(**size, **QUICK | {"network": with_everything, "n_steps": 1, "batch_size": 202})
    condenser.fit(X, y, sample_weight=rng.uniform(0.5, 2, 1001))
    assert len(condenser.X_syn_) == size.get("n_samples", 202)
    assert np.isfinite(condenser.X_syn_).all() and set(condenser.y_syn_) == set(classes)


@pytest.mark.parametrize("cls", [GradientMatching, CurvatureMatching])
def test_continuous_targets_have_gradients_too(cls, rng):
    X = rng.normal(size=(60, 3))
    fitted = cls(n_samples=7, network=SMALL, n_steps=3, random_state=0).fit(X, X[:, 0] - X[:, 1])
    assert np.isfinite(fitted.X_syn_).all() and len(fitted.X_syn_) == 7


def test_tables_have_no_pixels_to_change(iris):
    with pytest.raises(ValueError, match=r"needs images, but rows of shape \(4,\) are none"):
        SiameseGradientMatching().fit(*iris)

"""Prefixes: the mean of a discrepancy over the first points of each class."""

import numpy as np
import pytest
import torch

from skdc import Condenser
from skdc.discrepancies import MMD, Hybrid, MeanDistance, Prefixes, RandomFeatureMMD, SquaredL2
from skdc.discrepancies.prefixes import prefixes
from skdc.exceptions import PartsError
from skdc.parameterizations import Points, Subset
from skdc.privacy import GaussianMechanism
from skdc.sets import LabeledSet
from skdc.solvers import Greedy, Lloyd, PrivateDescent
from skdc.sources import Batch
from skdc.spaces import KernelRidgePredictions
from skdc.step import Step

from ..sources import row_source, seeded


def points(key, weight=None):
    key = torch.as_tensor(key)
    weight = torch.ones(len(key)) if weight is None else torch.as_tensor(weight)
    X = torch.arange(len(key), dtype=weight.dtype)[:, None]
    return LabeledSet(weight, key, X, torch.nn.functional.one_hot(key).to(weight.dtype))


def test_prefixes_are_the_first_1_2_4_and_all_points_of_each_class():
    sets = list(prefixes(points([0] * 6 + [2] * 3)))
    assert [rows.X[:, 0].int().tolist() for rows in sets] == [
        [0, 1, 2, 3, 4, 5, 6, 7, 8],
        [0, 1, 2, 3, 6, 7, 8],
        [0, 1, 6, 7],
        [0, 6],
    ]
    assert all((rows.y.argmax(1) == rows.key).all() for rows in sets)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8])
def test_the_whole_set_is_seen_once(n):
    assert [len(rows) for rows in prefixes(points([0] * n))] == [n, *[size for size in (4, 2, 1) if size < n]]


def test_points_of_a_class_may_stand_apart():
    *_, first = prefixes(points([1, 0, 1, 0]))
    assert first.X[:, 0].tolist() == [0, 1] and first.key.tolist() == [1, 0]


def test_each_class_keeps_its_mass():
    whole = points([0, 0, 0, 1, 1], [0.5, 1.0, 1.5, 0.5, 1.5])
    for rows in prefixes(whole):
        assert float(rows.mass[rows.key == 0].sum()) == pytest.approx(0.6)
        assert float(rows.weight.mean()) == pytest.approx(1)
    two = list(prefixes(whole))[1]
    np.testing.assert_allclose(two.mass, [0.2, 0.4, 0.1, 0.3], rtol=1e-6)


@pytest.mark.parametrize("measure", ["loss", "value"])
def test_it_is_the_mean_over_prefixes(measure, rng):
    source = row_source(rng.normal(size=(20, 3)), np.repeat([0, 1], 10))
    discrepancy = (2 * MMD(bandwidth=1.0) + MeanDistance()).fit(source, seeded(0))
    nested = Prefixes(2 * MMD(bandwidth=1.0) + MeanDistance()).fit(source, seeded(0))
    rows = source.rows.take(torch.tensor([3, 1, 2, 15, 12, 11]))
    given = (Step(seeded(1)),) if measure == "loss" else (seeded(1),)
    values = [float(getattr(discrepancy, measure)(Batch(source.rows), some, *given)) for some in prefixes(rows)]
    assert len(set(values)) == 3
    assert float(getattr(nested, measure)(Batch(source.rows), rows, *given)) == pytest.approx(np.mean(values))


def test_a_factor_multiplies_what_is_inside():
    assert repr(3 * Prefixes(0.5 * MMD())) == "Prefixes(discrepancy=MMD(weight=1.5))"
    with pytest.raises(TypeError):
        Prefixes(MMD()) * "2"


@pytest.mark.parametrize("total", [lambda: MMD() + Prefixes(MMD()), lambda: Prefixes(MMD()) + MMD()])
def test_it_is_no_term_of_a_sum(total):
    with pytest.raises(PartsError, match="add what is inside of it"):
        total()


def test_units_of_normalised_terms_are_those_of_the_whole_set(rng):
    source = row_source(rng.normal(size=(20, 3)), np.repeat([0, 1], 10))
    inner = Hybrid([("mmd", MMD(bandwidth=1.0))], normalize=True)
    nested = Prefixes(inner).fit(source, seeded(0))
    rows = source.rows.take(torch.tensor([3, 1, 15, 12]))
    nested.loss(Batch(source.rows), rows, Step(seeded(1)))
    whole = MMD(bandwidth=1.0).fit(source, seeded(0)).value(Batch(source.rows), rows, seeded(1))
    assert inner.starts_ == [pytest.approx(float(whole))]


@pytest.mark.parametrize(
    ("condenser", "error", "message"),
    [
        (Condenser(Prefixes("mmd")), TypeError, "discrepancy='mmd'"),
        (Condenser(Prefixes(3)), TypeError, r"discrepancy=3\): give an object such as MMD\(\)"),
        (Condenser(Prefixes(Prefixes(MMD()))), PartsError, r"prefixes of prefixes are prefixes; use Prefixes\(disc"),
        (Condenser(Prefixes(MMD()), Subset(), Greedy()), PartsError, r"Greedy\(\) does not look at prefixes"),
        (Condenser(Prefixes(MMD()), solver=Lloyd()), PartsError, r"Lloyd\(\) does not look at prefixes"),
        (
            Condenser(
                Prefixes(SquaredL2(space=KernelRidgePredictions(), by=None)),
                Points(start="noise"),
                PrivateDescent(),
                GaussianMechanism(feature_range=(0, 1), classes=[0, 1]),
            ),
            PartsError,
            "would ask private rows anew for each prefix",
        ),
    ],
)
def test_what_cannot_look_at_prefixes_is_refused(condenser, error, message, rng):
    with pytest.raises(error, match=message):
        condenser.fit(rng.uniform(size=(20, 2)), np.repeat([0, 1], 10))


def test_a_sketch_is_enough_where_it_is_for_what_is_inside(rng):
    X, y = rng.normal(size=(200, 3)), np.repeat([0, 1], 100)
    condenser = Condenser(Prefixes(RandomFeatureMMD(bandwidth=1.0)), n_per_class=4, random_state=0)
    whole, parts = condenser.fit(X, y).X_syn_, Condenser(**condenser.get_params(deep=False))
    for rows in np.array_split(rng.permutation(200), 3):
        parts.partial_fit(X[rows], y[rows], classes=[0, 1])
    np.testing.assert_allclose(parts.X_syn_, whole, atol=1e-6)

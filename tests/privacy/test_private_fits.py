import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skdc import Condenser, RandomSubset
from skdc.discrepancies import MMD, CharacteristicFunction, Cosine, L2Norm, MeanDistance, RandomFeatureMMD, SquaredL2
from skdc.kernels import Gaussian
from skdc.learners import AlternatingNetworks, Experts, GivenNetworks, NetworkClassifier, PretrainedNetworks
from skdc.networks import MLP
from skdc.parameterizations import Points, Subset
from skdc.privacy import GaussianMechanism, PrivacyLedger
from skdc.solvers import Descent, Greedy, PrivateDescent
from skdc.spaces import ClippedGradients, KernelRidgePredictions, NetworkGradients
from skdc.step import Step
from tests.sources import row_source, seeded

pytest.importorskip("dp_accounting")
X, y = load_iris(return_X_y=True)
X, y = np.tile(X, (4, 1)), np.tile(y, 4)
WEAK = 100.0  # hardly any noise


def once(epsilon=WEAK, **others):
    return GaussianMechanism(**{"epsilon": epsilon, "feature_range": (0, 8), "random_state": 0} | others)


def each_step(epsilon=WEAK, **others):
    given = {"epsilon": epsilon, "feature_range": (0, 8), "random_state": 0, "sampling_rate": 0.2}
    return GaussianMechanism(**given | others)


def quick(privacy=None, **others):
    given = {
        "discrepancy": RandomFeatureMMD(bandwidth=1.5, n_features=100),
        "solver": Descent(n_steps=100),
        "n_per_class": 2,
        "random_state": 0,
        "privacy": once() if privacy is None else privacy,
    }
    return Condenser(**given | others)


GRADIENTS = Cosine(space=ClippedGradients(AlternatingNetworks(MLP(width=16), n_updates=5)), by=None)
PREDICTIONS = SquaredL2(space=KernelRidgePredictions(Gaussian(bandwidth=1.5), kernel_rate=0.0), by=None)


def by_gradients(privacy, **others):
    return quick(privacy, discrepancy=GRADIENTS, solver=Descent(n_steps=10), **others)


def by_predictions(privacy, **others):
    points = Points(labels="learned", start="noise")
    solver = PrivateDescent(n_steps=10)
    return quick(privacy, discrepancy=PREDICTIONS, parameterization=points, solver=solver, **others)


# What comes out


MEASURE = RandomFeatureMMD(bandwidth=1.5, n_features=1000)


def far(fitted):
    return np.mean([MEASURE(X[y == c], fitted.X_syn_[fitted.y_syn_ == c]) for c in range(3)])


def test_with_hardly_any_noise_the_set_is_as_good_as_one_that_is_not_private():
    private = quick(solver=Descent(n_steps=300)).fit(X, y)
    free = quick(solver=Descent(n_steps=300), parameterization=Points()).set_params(privacy=None).fit(X, y)
    assert far(private) < 1.5 * far(free) < 0.03
    assert_array_equal(private.y_syn_, free.y_syn_)


@pytest.mark.slow
@pytest.mark.parametrize(
    "make, privacy",
    [(quick, once), (by_gradients, each_step), (by_predictions, each_step)],
    ids=["sketch", "gradients", "predictions"],
)
def test_more_noise_makes_a_worse_set(make, privacy):
    fits = [[make(privacy(epsilon, random_state=s)).fit(X, y) for s in range(3)] for epsilon in (WEAK, 5.0, 0.05)]
    distances = [np.mean([far(fitted) for fitted in some]) for some in fits]
    assert 1.5 * distances[0] < distances[1] < 0.9 * distances[2]


def test_what_was_released_is_stated():
    stated = quick(once(2.0, delta=1e-6)).fit(X, y).privacy_
    assert (stated["epsilon"], stated["delta"], stated["n_releases"], stated["seeded"]) == (2.0, 1e-6, 1, True)
    assert (
        "the number of rows, their sum and the sum of their squares, and the sums of 200 features" in stated["released"]
    )
    assert "adding or removing one row" in stated["neighbors"] and "from 0 to 8" in stated["public"][0]
    assert "[0, 1, 2]" in stated["public"][1]
    stated = by_gradients(each_step()).fit(X, y).privacy_
    assert (stated["n_releases"], stated["sampling_rate"]) == (10, 0.2)
    assert not hasattr(quick(parameterization=Points()).set_params(privacy=None).fit(X, y), "privacy_")


def test_weights_are_the_released_numbers_of_rows():
    kept = (y != 0) | (np.arange(len(y)) % 5 == 0)
    weight = quick().fit(X[kept], y[kept]).sample_weight_
    expected = np.repeat(np.bincount(y[kept]), 2)
    assert_allclose(weight, expected / expected.mean(), rtol=0.05)
    assert (weight != expected / expected.mean()).any(), "they have noise"


def test_rows_stay_within_what_is_known_and_keep_their_dtype():
    rows = quick(once(0.1)).fit(X.astype(np.float32), y).X_syn_
    assert rows.dtype == np.float32 and rows.min() >= 0 and rows.max() <= 8


@pytest.mark.parametrize("make, privacy", [(quick, once), (by_gradients, each_step)], ids=["sketch", "steps"])
def test_noise_is_drawn_anew_unless_it_has_a_seed(make, privacy):
    first, again = (make(privacy()).fit(X, y).X_syn_ for _ in range(2))
    assert_array_equal(first, again)
    # A seed of the condenser alone leaves the noise to the operating system.
    first, again = (make(privacy(1.0, random_state=None)).fit(X, y).X_syn_ for _ in range(2))
    assert (first != again).any()


def test_no_row_stays_in_what_is_fitted():
    rows = X.copy()
    rows[7, 2] = 2.3456789012345
    trace = np.float64(rows[7, 2]).tobytes()
    assert trace in pickle.dumps(RandomSubset(n_samples=9).fit(rows[:9], y[:9])), "this is how rows are found"
    for fitted in (quick().fit(rows, y), by_gradients(each_step()).fit(rows, y)):
        assert trace not in pickle.dumps(fitted)


# Streams


def test_one_release_for_all_chunks():
    whole = quick(once(1.0)).fit(X, y)
    for cuts in ([100, 101, 400], [590]):
        parts = quick(once(1.0))
        for rows in np.split(np.arange(len(X)), cuts):
            parts.partial_fit(X[rows], y[rows], classes=range(3))
        assert_array_equal(parts.X_syn_, whole.X_syn_)
        assert parts.privacy_ == whole.privacy_


def test_rows_that_come_after_the_release_are_refused():
    condenser = quick(once(1.0)).partial_fit(X[:400], y[:400])
    with pytest.raises(ValueError, match="cannot be copied or pickled before its release"):
        pickle.dumps(condenser)
    before = condenser.X_syn_
    with pytest.raises(ValueError, match="after the release of those before"):
        condenser.partial_fit(X[400:], y[400:])
    assert_array_equal(condenser.X_syn_, before)


def test_the_ledger_counts_fits_and_not_failures():
    ledger = PrivacyLedger()
    condenser = quick(once(1.0, ledger=ledger))
    condenser.fit(X, y).fit(X, y)
    assert len(ledger.releases) == 2 and 1.0 < ledger.spent() < 2.0
    with pytest.raises(ValueError, match="NaN"):
        condenser.fit(np.where(X > 3, np.nan, X), y)
    with pytest.raises(ValueError, match="median bandwidth"):
        quick(once(1.0, ledger=ledger), discrepancy=RandomFeatureMMD()).fit(X, y)
    assert len(ledger.releases) == 2


# Known ranges


def test_rows_outside_are_brought_in_and_counted():
    given = X.copy()
    given[:3, 1] = [-1.0, 99.0, 20.0]
    kept = given.copy()
    with pytest.warns(UserWarning, match="3 of 600 rows lie outside of feature_range"):
        fitted = quick(once(1.0)).fit(given, y)
    assert_array_equal(given, kept)
    assert_array_equal(fitted.X_syn_, quick(once(1.0)).fit(given.clip(0, 8), y).X_syn_)


def test_columns_have_ranges_of_their_own():
    scale = np.array([1.0, 1000.0, 1.0, 1e-3])
    ends = X.min(0), X.max(0)
    alike = [
        quick(once(feature_range=(ends[0] * unit, ends[1] * unit)), discrepancy=RandomFeatureMMD(bandwidth=0.3))
        .fit(X * unit, y)
        .X_syn_
        for unit in (np.ones(4), scale)
    ]
    assert_allclose(alike[1], alike[0] * scale, rtol=1e-6)
    assert (alike[0] >= ends[0]).all() and (alike[0] <= ends[1]).all()


FRAME = pd.DataFrame(
    {
        "age": np.tile([20, 35, 50, 61], 100),
        "wage": np.tile([1.5, 2.5, 9.0, 3.0, 4.0], 80),
        "job": pd.Categorical(np.tile(["a", "b", "b", "c"], 100)),
        "home": np.tile(["own", "rent"], 200),
    }
)
KNOWN = {"age": (0, 100), "wage": (0.0, 10.0), "job": ["a", "b", "c"], "home": ["own", "rent", "none"]}
TARGET = FRAME["age"] > 40


def of_frame(known=KNOWN, **others):
    privacy = once(feature_range=known)
    return quick(privacy, discrepancy=RandomFeatureMMD(bandwidth=0.5, n_features=200), n_per_class=4, **others)


def test_frames_are_encoded_by_what_is_declared():
    X_syn, y_syn = of_frame().fit(FRAME, TARGET)
    assert X_syn.dtypes.to_dict() == FRAME.dtypes.to_dict() and X_syn.columns.tolist() == FRAME.columns.tolist()
    assert X_syn["age"].between(0, 100).all() and set(X_syn["home"]) <= {"own", "rent", "none"}
    # Whole numbers come back at steps of one, not at those seen.
    assert set(X_syn["age"]) - {20, 35, 50, 61}
    assert X_syn["age"][y_syn].mean() - X_syn["age"][~y_syn].mean() > 20


def test_the_encoder_does_not_depend_on_the_rows():
    codes = [of_frame().fit(FRAME[part], TARGET[part]).encoder_ for part in (slice(None), slice(0, 7))]
    assert_array_equal(codes[0].transform(FRAME), codes[1].transform(FRAME))


@pytest.mark.parametrize(
    "known, words",
    [
        ({name: KNOWN[name] for name in ("age", "wage", "job")}, ["'home' is missing in feature_range"]),
        (KNOWN | {"size": (0, 1)}, ["'size' is missing in X"]),
        (KNOWN | {"age": (5, 5)}, ["feature_range['age']=(5, 5)", "low below high"]),
        (KNOWN | {"job": ["a"]}, ["feature_range['job']=['a']", "two levels"]),
    ],
)
def test_declarations_are_checked(known, words):
    with pytest.raises(ValueError) as caught:
        of_frame(known).fit(FRAME, TARGET)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_an_encoder_that_learns_is_refused_and_a_frozen_one_taken():
    with pytest.raises(ValueError, match=r"StandardScaler\(\) would learn from the rows.*FrozenEstimator"):
        quick(encoder=StandardScaler()).fit(X, y)
    public = FrozenEstimator(StandardScaler(with_std=False).fit(X[:100]))
    fitted = quick(once(feature_range=(-8, 8)), encoder=public).fit(X, y)
    assert fitted.X_syn_.shape == (6, 4)
    with pytest.raises(ValueError, match="beside the ranges of columns"):
        quick(once(feature_range=([0.0] * 4, [8.0] * 4)), encoder=public).fit(X, y)


# What is refused


def clipped(networks):
    return quick(each_step(), discrepancy=Cosine(space=ClippedGradients(networks), by=None))


@pytest.mark.parametrize(
    "condenser, words",
    [
        (lambda: quick(discrepancy=MMD()), ["MMD()", "without a bound", "RandomFeatureMMD(bandwidth=1.0)"]),
        (lambda: quick(discrepancy=MeanDistance()), ["MeanDistance()", "without a bound"]),
        (lambda: quick(discrepancy=CharacteristicFunction()), ["median bandwidth", "private rows", "as a number"]),
        (lambda: quick(parameterization=Points()), ["Points()", "private", "start='noise'"]),
        (lambda: quick(parameterization=Points(start="spread")), ["start='spread'", "start='noise'"]),
        (lambda: quick(parameterization=Points(labels="teacher", start="noise")), ["teacher", "private"]),
        (lambda: quick(parameterization=Subset(), solver=Greedy()), ["Subset()", "gives them away"]),
        (lambda: quick(each_step()), ["sampling_rate=0.2", "asked once", "use sampling_rate=1"]),
        (lambda: quick(each_step(), discrepancy=Cosine(space=NetworkGradients())), ["NetworkGradients"]),
        (lambda: quick(once(feature_range=None)), ["feature_range=None"]),
        (lambda: clipped(PretrainedNetworks()), ["PretrainedNetworks", "private"]),
        (lambda: clipped(Experts()), ["Experts", "private"]),
        (lambda: clipped(GivenNetworks([NetworkClassifier()])), ["GivenNetworks", "private"]),
    ],
)
def test_parts_that_look_at_rows_are_refused(condenser, words):
    with pytest.raises(ValueError) as caught:
        condenser().fit(X, y)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_set_made_without_noise_is_no_start():
    condenser = quick(parameterization=Points(), warm_start=True).set_params(privacy=None).fit(X, y)
    with pytest.raises(ValueError, match="warm_start=True would start from a set that was made from private rows"):
        condenser.set_params(privacy=once(), parameterization="auto").fit(X, y)
    first = quick(warm_start=True).fit(X, y).X_syn_.copy()
    assert np.abs(quick(warm_start=True).fit(X, y).fit(X, y).X_syn_ - first).max() < 1


def test_penalties_see_no_rows():
    assert quick(discrepancy=RandomFeatureMMD(bandwidth=1.5) + 0.1 * L2Norm()).fit(X, y).privacy_["n_releases"] == 1


def test_data_without_a_bound_are_refused():
    with pytest.raises(ValueError, match="sample_weight gives rows other weights than 1"):
        quick().fit(X, y, sample_weight=np.linspace(1, 2, len(X)))
    with pytest.raises(ValueError, match="y holds quantities"):
        quick(task="regression").fit(X, y + 0.5)
    assert quick().fit(X, y, sample_weight=np.ones(len(X))).X_syn_.shape == (6, 4)
    assert quick(n_per_class=None, n_samples=7).fit(X).X_syn_.shape == (7, 4)


# Steps


def test_gradients_of_rows_are_those_of_one_row_at_a_time(rng):
    source = row_source(rng.normal(size=(5, 3)), np.array([0, 1, 1, 0, 1]))
    space = ClippedGradients(AlternatingNetworks(MLP(width=16)), clip=0.5).fit(source, seeded())
    rows, expected = source.rows, []
    for i in range(5):
        flat = torch.cat([block.values.flatten() for block in space._gradients(rows.take(torch.tensor([i])), False)])
        expected.append(flat * min(1.0, 0.5 / float(flat.norm())))
    blocks, _ = space.represent(rows, rows, Step(seeded()))
    found = torch.cat([block.values.flatten() for block in blocks])
    torch.testing.assert_close(found, torch.stack(expected).mean(0), rtol=1e-4, atol=1e-6)


def test_descent_by_rows_is_descent_when_nothing_is_cut_off():
    points = Points(labels="learned")
    given = dict(discrepancy=PREDICTIONS, parameterization=points, n_per_class=2, random_state=0)
    sets = [
        Condenser(solver=solver, **given).fit(X, y).X_syn_
        for solver in (Descent(n_steps=5), PrivateDescent(clip=1e9, n_steps=5))
    ]
    assert_allclose(sets[0], sets[1], rtol=1e-3)


def test_more_steps_than_were_accounted_for_are_refused():
    from skdc.privacy import PrivateRows
    from skdc.sources import RowSource, Units

    schema = row_source(X, y).schema
    rows = RowSource(X, None, np.ones(len(X)), y, schema, torch.device("cpu"), units=(Units(), Units()))
    door = PrivateRows(rows, each_step(), 2)
    for _ in range(2):
        mean = door.mean(lambda some: some.X / 10, bound=1.0)
        assert_allclose(mean, (X.mean(0) - 4) / (8 / 12**0.5) / 10, atol=0.05)
    with pytest.raises(RuntimeError, match="all 2 releases that were accounted for"):
        door.mean(lambda some: some.X, bound=1.0)


def test_learners_learn_from_private_sets():
    X_syn, y_syn = quick(once(10.0), solver=Descent(n_steps=200), n_per_class=5).fit(X, y)
    assert LogisticRegression(max_iter=1000).fit(X_syn, y_syn).score(X, y) > 0.9
    assert by_predictions(each_step(), n_per_class=5).fit(X, y).learner_.score(X, y) > 0.8


def test_terms_that_are_normalised_are_asked_once_more():
    ledger = PrivacyLedger()
    normalised = (GRADIENTS + L2Norm()).set_params(normalize=True)
    fitted = quick(each_step(1.0, ledger=ledger), discrepancy=normalised, solver=Descent(n_steps=3)).fit(X, y)
    assert ledger.releases[0].n_releases == 4 and np.isfinite(fitted.X_syn_).all()
    assert_allclose(ledger.spent(), 1.0, rtol=5e-3)


LEARNED = SquaredL2(space=KernelRidgePredictions(Gaussian(bandwidth=1.5), kernel_rate=0.1), by=None)


@pytest.mark.parametrize(
    "discrepancy, words",
    [((PREDICTIONS + L2Norm()).set_params(normalize=True), "normalize=False"), (LEARNED, "kernel_rate=0")],
)
def test_what_cannot_end_is_refused_before_a_release(discrepancy, words):
    ledger = PrivacyLedger()
    condenser = quick(each_step(1.0, ledger=ledger), discrepancy=discrepancy, solver=PrivateDescent(n_steps=3))
    with pytest.raises(ValueError, match=words):
        condenser.fit(X, y)
    assert not ledger.releases

"""Storages that learn from the means and products of rows, which a sketch keeps: the set is that of one fit."""

import copy
import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits

from skdc import Condenser
from skdc.discrepancies import LatentPrior, RandomFeatureMMD
from skdc.exceptions import PartsError
from skdc.generators import LinearGenerator, VariationalGenerator
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Frequencies, Latents, Quantized
from skdc.solvers import Descent
from skdc.sources import RowSource, Sketch, SketchSource, Units

from ..sources import CPU, row_source, seeded
from .test_streaming import assert_same_set, feed

X, Y = load_digits(n_class=3, return_X_y=True)
WEIGHT = np.random.default_rng(0).uniform(0.5, 2, len(X))
CUTS = {"tiny-first": [1, 3, 100], "even": [180, 360], "one-by-one": [1, 2, 3, 4, 5]}
STORAGES = {
    "class": Latents(LinearGenerator(3)),
    "all": Latents(LinearGenerator(3, by="all")),
    "frequencies": Frequencies(6, image_shape=(8, 8)),
    "masks": Frequencies(6, masks="class", image_shape=(8, 8)),
}


def streaming(storage, **parameters):
    discrepancy = RandomFeatureMMD(bandwidth=20.0, n_features=30)
    return Condenser(
        discrepancy, Points(storage, within=None), Descent(n_steps=5), n_per_class=3, random_state=0, **parameters
    )


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("storage", STORAGES.values(), ids=STORAGES)
def test_equals_fit_whatever_the_chunks(storage, cuts):
    fitted, order = streaming(storage).fit(X, Y, sample_weight=WEIGHT), np.random.default_rng(1).permutation(len(X))
    streamed = feed(streaming(storage), X[order], Y[order], cuts, WEIGHT[order], classes=[0, 1, 2])
    assert_same_set(streamed, fitted)
    assert fitted.X_syn_.std() > 3


@pytest.mark.parametrize("storage", STORAGES.values(), ids=STORAGES)
def test_what_is_learned_is_what_rows_tell(storage):
    offset = 1e3 + 5 * X  # far from the origin
    sketch = Sketch(3, 5, seed=0, has_products=True)
    for part in np.array_split(np.arange(len(X)), 7):
        sketch.update(offset[part], np.eye(3)[Y[part]], WEIGHT[part], Y[part], [np.zeros((len(part), 1))])
    units = Units(), Units()  # a stream has those of the user
    rows = RowSource(offset, None, WEIGHT, Y, row_source(X, Y).schema, CPU, torch.float64, units)
    streamed, sizes, found = SketchSource(sketch, rows.schema, CPU), np.array([2, 2, 2]), []
    for source in (rows, streamed):
        points = Points(storage, within=None)
        live = points.build(source, sizes, seeded())
        start = rows.take(np.arange(6))
        live.load(type(start)(live.weight, live.key, source.encode(rows.X[np.argsort(Y)[::90][:6]]), live().y))
        found.append(source.decode(live().X))
    assert_allclose(found[1], found[0], rtol=0, atol=1e-5)
    with pytest.raises(AssertionError):
        assert_allclose(found[0], rows.X[np.argsort(Y)[::90][:6]], atol=1)


def test_random_latents_are_those_that_rows_tell():
    sketch = Sketch(3, 5, seed=0, has_products=True)
    sketch.update(X, np.eye(3)[Y], WEIGHT, Y, [np.zeros((len(X), 1))])
    rows, key = row_source(X, Y, weight=WEIGHT), torch.tensor([0, 2, 1, 1])
    sources, drawn = (rows, SketchSource(sketch, rows.schema, CPU)), []
    for source in sources:
        live = LinearGenerator(3, by="all").fit(source, seeded())
        decoded = live.decode(live.draw(key, seeded()), key) * source.spread
        drawn.append(source.decode(decoded.reshape(-1, 64)))
    assert_allclose(drawn[1], drawn[0], atol=1e-8)


def test_new_classes_may_come_with_any_chunk():
    # The rows to start from are others than if all classes were known, but what they are kept by is the same.
    order = np.argsort(Y, kind="stable")
    grown = feed(streaming(STORAGES["class"]), X[order], Y[order], [200, 400])
    source = grown._stream.source()
    live = LinearGenerator(3).fit(source, seeded())
    rows = row_source(X, Y)
    known = LinearGenerator(3).fit(rows, seeded())
    means = [rows.decode(known.mean * rows.spread), source.decode(live.mean * source.spread)]
    assert_allclose(means[1], means[0], atol=1e-8)
    assert grown.X_syn_.shape == (9, 64)


def test_a_stream_with_products_is_copied_and_pickled():
    half = feed(streaming(STORAGES["class"]), X[:200], Y[:200], [100], classes=[0, 1, 2])
    others = [copy.deepcopy(half), pickle.loads(pickle.dumps(half))]
    for other in (half, *others):
        other.partial_fit(X[200:], Y[200:])
    for other in others:
        assert_allclose(other.X_syn_, half.X_syn_)


def test_other_storages_keep_no_products():
    plain = feed(streaming(None), X, Y, [100], classes=[0, 1, 2])
    assert not plain._stream.sketch.has_products


@pytest.mark.parametrize(
    "storage, who",
    [(Latents(VariationalGenerator(n_steps=2)), "VariationalGenerator"), (Quantized(4), "Quantized")],
    ids=["network", "range"],
)
def test_what_needs_rows_is_refused(storage, who):
    images = X.reshape(-1, 8, 8)
    with pytest.raises(PartsError, match=f"{who} cannot learn .* from a stream"):
        feed(streaming(storage), images, Y, [], classes=[0, 1, 2]).X_syn_  # noqa: B018


def test_a_prior_that_is_fitted_before_the_stream_is_refused():
    condenser = streaming(STORAGES["class"])
    condenser.set_params(discrepancy=condenser.discrepancy + LatentPrior(LinearGenerator(3)))
    with pytest.raises(PartsError, match="LinearGenerator cannot learn the means and products of rows from a stream"):
        condenser.partial_fit(X, Y)

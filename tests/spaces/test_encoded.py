"""Latents as a space: rows are encoded class by class, and means are decoded."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from skdc import Condenser, KMeansCondenser
from skdc.discrepancies import MMD, QuantizationError, RandomFeatureMMD
from skdc.exceptions import PartsError
from skdc.generators import LinearGenerator
from skdc.parameterizations import Points
from skdc.solvers import Descent, Lloyd
from skdc.spaces import Encoded

from ..sources import row_source, seeded


@pytest.fixture
def rows(rng):
    y = np.repeat([0, 1, 2], [60, 50, 40])
    X = rng.normal(size=(150, 6)) @ rng.normal(size=(6, 6)) * (1 + y[:, None]) + 30 * y[:, None]
    return X, y


def test_rows_are_seen_by_their_latents_and_come_back(rows):
    source = row_source(*rows)
    space = Encoded(LinearGenerator(6)).fit(source, seeded())
    live = LinearGenerator(6).fit(source, seeded())
    values = space.embed(source.rows)
    torch.testing.assert_close(values, live.encode(source.rows.X / source.spread, source.rows.key))
    torch.testing.assert_close(space.unembed(values, source.rows).X, source.rows.X)


def test_sensitive_groups_are_no_classes(rows, rng):
    groups = rng.integers(0, 2, 150)
    alone, grouped = row_source(*rows), row_source(*rows, groups=groups)
    assert len(grouped.schema.class_of_key) == 6
    values = [Encoded(LinearGenerator(3)).fit(source, seeded()).embed(source.rows) for source in (alone, grouped)]
    torch.testing.assert_close(*values)


def test_k_means_of_latents_are_decoded_and_weigh_what_their_clusters_do(rows):
    X, y = rows
    fitted = KMeansCondenser(3, voting="centroid", space=Encoded(LinearGenerator(2)), random_state=0).fit(X, y)
    source = row_source(X, y)
    live = LinearGenerator(2).fit(source, seeded())
    z = live.encode(source.rows.X / source.spread, source.rows.key).numpy()
    key = torch.as_tensor(fitted.y_syn_)
    centers = live.encode(source.encode(fitted.X_syn_) / source.spread, key).numpy()
    for c in range(3):
        init = centers[fitted.y_syn_ == c]
        kmeans = KMeans(3, init=init, n_init=1).fit(z[y == c])
        np.testing.assert_allclose(kmeans.cluster_centers_, init, atol=1e-3)
        weight = fitted.sample_weight_[fitted.y_syn_ == c]
        np.testing.assert_allclose(weight / weight.sum(), np.bincount(kmeans.labels_) / (y == c).sum(), atol=1e-6)
    assert len(np.unique(fitted.sample_weight_)) > 3


def test_any_discrepancy_looks_through_it(rows):
    space, points = Encoded(LinearGenerator(3)), Points(within=None)
    long, short = (
        Condenser(MMD(space=space), points, Descent(size, 3, optimizer=torch.optim.SGD), random_state=0).fit(*rows)
        for size in (1.0, 1e-9)
    )
    # Of free points only what the latents show moves.
    for c in range(3):
        values = np.linalg.svd((long.X_syn_ - short.X_syn_)[long.y_syn_ == c], compute_uv=False)
        assert values[3] < 1e-4 * values[0] < values[2]


def test_rows_without_classes_and_with_continuous_targets(rows):
    X = rows[0]
    for targets in (None, X.sum(axis=1)):
        space = Encoded(LinearGenerator(2))
        fitted = Condenser(QuantizationError(space=space), Points(start="spread"), Lloyd(), n_samples=4, random_state=0)
        if targets is None:
            assert fitted.fit(X).X_syn_.shape == (4, 6)
        else:
            with pytest.raises(ValueError, match="moves targets only where the space shows them"):
                fitted.fit(X, targets)


def test_a_stream_is_refused(rows):
    sums = RandomFeatureMMD(bandwidth=1.0, n_features=20, space=Encoded(LinearGenerator(2)))
    with pytest.raises(PartsError, match=r"LinearGenerator cannot learn the means and products of rows from a stream"):
        Condenser(sums, n_per_class=2).partial_fit(*rows)

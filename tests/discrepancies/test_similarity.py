"""Greatest similarities against their definitions."""

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity

from skdc import Condenser
from skdc.discrepancies import MMD, GreatestDissimilarity, GreatestSimilarity
from skdc.exceptions import PartsError
from skdc.sources import Batch
from skdc.spaces import NetworkGradients

from ..sources import row_source, seeded, synthetic


def value(penalty, source, *parts, **others):
    fitted = (MMD(bandwidth=1.0) + penalty).fit(source, seeded()).leaves()[1]
    return float(fitted.penalty(synthetic(source, *parts, **others), seeded()))


def test_dissimilarity_is_that_from_the_least_similar_row_of_the_class(rng):
    y = np.repeat([0, 1], [9, 6])
    X, points, codes = 3 + rng.normal(size=(15, 4)), 3 + rng.normal(size=(5, 4)), np.array([0, 0, 0, 1, 1])
    weight, source = rng.uniform(0.5, 2, 5), row_source(X, y)
    found = GreatestDissimilarity().fit(source, seeded())
    found = found.value(Batch(source.rows), synthetic(source, points, codes, weight), seeded())
    worst = 1 - np.where(codes[:, None] == y, cosine_similarity(points - X.mean(0), X - X.mean(0)), 2).min(1)
    expected = np.mean([np.average(worst[codes == c], weights=weight[codes == c]) for c in (0, 1)])
    assert float(found) == pytest.approx(expected)


def test_similarity_is_that_with_the_most_similar_point_of_the_class(rng):
    X, points, codes = 3 + rng.normal(size=(20, 4)), 3 + rng.normal(size=(6, 4)), np.array([0, 0, 0, 1, 1, 2])
    weight, source = rng.uniform(1, 1.9, 6), row_source(X, np.arange(20) % 3)
    cosines = cosine_similarity(points - X.mean(0))
    others = (codes[:, None] == codes) & ~np.eye(6, dtype=bool)
    greatest = np.where(others, cosines, -2).max(1)
    greatest[5] = 1  # alone in its class
    found = value(GreatestSimilarity(), source, points, codes, weight)
    assert found == pytest.approx(np.average(greatest, weights=weight))
    twice = np.array([2.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    repeated = value(GreatestSimilarity(), source, points[[0, *range(6)]], codes[[0, *range(6)]])
    assert value(GreatestSimilarity(), source, points, codes, twice) == pytest.approx(repeated)


def test_points_are_led_to_their_classes_and_away_from_each_other(iris):
    X, y = iris

    def cosines(diversity):
        objective = GreatestDissimilarity() + diversity * GreatestSimilarity()
        rows = Condenser(objective, n_per_class=4, random_state=0).fit(X, y).X_syn_ - X.mean(0)
        worst, closest = [], []
        for c in range(3):
            points, real = rows[4 * c : 4 * c + 4], X[y == c] - X.mean(0)
            worst.append(cosine_similarity(points, real).min(1))
            closest.append((cosine_similarity(points) - 2 * np.eye(4)).max(1))
        return np.mean(worst), np.mean(closest)

    (representative, alike), (moderate, diverse) = cosines(0.01), cosines(3.0)
    assert diverse < alike - 0.1
    assert representative > moderate


def test_what_does_not_show_points_is_refused(iris):
    with pytest.raises(PartsError, match=r"GreatestSimilarity compares points with each other.*one by one"):
        Condenser(MMD() + GreatestSimilarity(space=NetworkGradients())).fit(*iris)
    with pytest.raises(ValueError, match="GreatestDissimilarity has no witness"):
        GreatestDissimilarity().witness(None, None, torch.zeros(1, 2))

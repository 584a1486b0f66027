"""Groups that are found in the data, and labels that are to be trusted."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from skdc import Condenser, RandomSubset
from skdc.discrepancies import MMD, MeanDistance
from skdc.weighting import cluster_groups, label_agreement, trimmed_weights


def blobs(rng):
    """Return two classes of two far clusters each, the second of each rare, and the clusters."""
    centers = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0], [20.0, 20.0]])
    which = np.repeat(np.arange(4), [60, 10, 60, 10])
    return centers[which] + rng.normal(size=(140, 2)), which // 2, which


def test_groups_are_the_clusters_of_each_class(rng):
    X, y, which = blobs(rng)
    groups = cluster_groups(X, y, n_clusters=2, random_state=0)
    for label in range(2):
        found, true = groups[y == label], which[y == label]
        assert len(set(zip(found, true, strict=True))) == 2 and set(found) == {0, 1}
    named = cluster_groups(X, np.array(["no", "yes"])[y], n_clusters=2, random_state=0)
    np.testing.assert_array_equal(named, groups)
    images = cluster_groups(X.reshape(-1, 2, 1), y, n_clusters=2, random_state=0)
    np.testing.assert_array_equal(images, groups)


def test_the_worst_found_group_pulls_points_to_a_rare_cluster(rng):
    X, y, which = blobs(rng)
    groups = cluster_groups(X, y, n_clusters=2, random_state=0)
    plain = Condenser(MeanDistance(), n_per_class=1, random_state=0).fit(X, y).X_syn_
    by_group = MeanDistance(by="group", reduce="worst")
    worst = Condenser(by_group, n_per_class=1, random_state=0).fit(X, y, sensitive_features=groups).X_syn_
    for label in range(2):
        means = [X[which == 2 * label + rare].mean(0) for rare in range(2)]
        middle = np.mean(means, axis=0)
        # The farthest of two means is nearest at their middle.
        assert np.linalg.norm(worst[label] - middle) < 3 < 6 < np.linalg.norm(plain[label] - middle)


def test_fewer_distinct_rows_make_fewer_groups():
    X = np.array([[0.0], [0.0], [1.0], [5.0], [5.0]])
    assert cluster_groups(X, [0, 0, 0, 1, 1], n_clusters=4, random_state=0).tolist()[3:] == [0, 0]
    assert len(set(cluster_groups(X, n_clusters=3, random_state=0))) == 3
    with pytest.raises(ValueError, match="n_clusters=0"):
        cluster_groups(X, n_clusters=0)


@pytest.fixture(scope="module")
def flipped():
    """Return digits, labels of which a fifth is wrong, and which."""
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    wrong = rng.random(len(y)) < 0.2
    return X, np.where(wrong, (y + rng.integers(1, 10, len(y))) % 10, y), wrong


def test_wrong_labels_are_left_out_and_right_ones_stay(flipped):
    X, y, wrong = flipped
    weight = label_agreement(X, y, random_state=0)
    assert set(weight) == {0.0, 1.0}
    assert weight[wrong].mean() < 0.05 and weight[~wrong].mean() > 0.85


def test_agreement_is_that_of_a_teacher_that_has_not_seen_the_label(flipped):
    X, y, wrong = flipped
    # The nearest neighbour of a row that it has seen is the row itself, and agrees with any label.
    weight = label_agreement(X, y, KNeighborsClassifier(1), random_state=0)
    assert weight[wrong].mean() < 0.2


def test_sets_from_flipped_labels_lose_little_with_the_weights(flipped):
    X, y, _ = flipped
    truth, train = load_digits(return_X_y=True)[1], np.arange(len(y)) % 2 == 0
    weight = label_agreement(X[train], y[train], random_state=0)

    def score(labels, **given):
        scores = []
        for seed in range(3):
            condenser = RandomSubset(n_per_class=10, random_state=seed).fit(X[train], labels, **given)
            model = LogisticRegression(max_iter=2000).fit(condenser.X_syn_ / 16, condenser.y_syn_)
            scores.append(model.score(X[~train] / 16, truth[~train]))
        return np.mean(scores)

    clean, contaminated = score(truth[train]), score(y[train])
    assert contaminated < clean - 0.05
    assert score(y[train], sample_weight=weight) > clean - 0.02


def test_a_selection_takes_no_row_that_is_not_trusted(flipped):
    X, y, _ = flipped
    weight = label_agreement(X, y, random_state=0)
    chosen = RandomSubset(n_per_class=5, random_state=0).fit(X, y, sample_weight=weight).indices_
    assert weight[chosen].all()


def test_what_cannot_be_checked_is_refused(flipped):
    X, y, _ = flipped
    with pytest.raises(ValueError, match="least 2 of both"):
        label_agreement(X, y, n_folds=1)
    with pytest.raises(ValueError, match="class 'rare' has 1 row"):
        label_agreement(X[:9], ["often"] * 8 + ["rare"])
    with pytest.raises(ValueError, match="there must be as many"):
        label_agreement(X, y[:-1])
    rare = np.where(np.arange(len(y)) < 3, "rare", "often")
    with pytest.raises(ValueError, match="expects no row to be of class 'rare'"):
        label_agreement(X, rare, KNeighborsClassifier(100), n_folds=3)


def test_found_groups_are_of_use_to_any_discrepancy_by_group(rng):
    X, y, _ = blobs(rng)
    groups = cluster_groups(X, y, n_clusters=2, random_state=0)
    condenser = Condenser(MMD(by="group", reduce="worst"), n_per_class=2, random_state=0)
    assert condenser.fit(X, y, sensitive_features=groups).discrepancy_.n_groups == 4


@pytest.mark.parametrize("shape", [(4,), (2, 2)])
def test_a_trimmed_embedding_leaves_out_outliers_of_each_class(rng, shape):
    X = rng.normal(size=(300, 4)) + np.repeat([0.0, 8.0], 150)[:, None]
    y = np.repeat(["no", "yes"], 150)
    outliers = np.r_[:10, 150:160]
    X[:5], X[5:10], X[150:155], X[155:160] = 1000, -20, [0, 0, 8, 8], 8 + 20 * rng.normal(size=(5, 4))
    before = X.copy()
    weight = trimmed_weights(X.reshape(-1, *shape), y, share=0.1, random_state=0)
    assert weight[outliers].sum() == 0
    assert [weight[y == label].sum() for label in ("no", "yes")] == [135, 135]
    np.testing.assert_array_equal(X, before)
    # One class cannot tell rows of one from those of the other, but what is far from both.
    assert trimmed_weights(X, random_state=0)[:10].sum() == 0


def test_trimming_keeps_a_mean_where_outliers_would_move_it(rng):
    X = rng.normal(size=(500, 3))
    X[:50] += 100
    trimmed = np.average(X, axis=0, weights=trimmed_weights(X, share=0.15, random_state=0))
    assert np.abs(trimmed).max() < 0.25 < 5 < X.mean(axis=0).min()


def test_nothing_is_trimmed_without_a_share_and_all_rows_may_be_alike():
    assert trimmed_weights(np.arange(10.0)[:, None], share=0.0).sum() == 10
    assert trimmed_weights(np.ones((10, 2)), share=0.25, random_state=0).sum() == 8
    assert trimmed_weights(np.arange(4.0)[:, None], [0, 0, 0, 1], share=0.9, random_state=0).tolist()[3] == 1


@pytest.mark.parametrize("share", [-0.1, 1.0, np.nan])
def test_a_share_that_makes_no_sense_is_refused(share):
    with pytest.raises(ValueError, match="share="):
        trimmed_weights(np.arange(4.0)[:, None], share=share)

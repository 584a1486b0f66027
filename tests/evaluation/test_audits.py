import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris

from skdc import Condenser, KMeansCondenser, RandomSubset
from skdc.discrepancies import RandomFeatureMMD
from skdc.evaluation import AttackResult, MembershipResult, canary_scores, epsilon_lower_bound, membership_inference
from skdc.evaluation.audits import attack_result
from skdc.privacy import GaussianMechanism
from skdc.privacy.noise import Noise
from skdc.privacy.sketch import PrivateSketch
from skdc.solvers import Descent

DELTA = 1e-5


def gaussian_epsilon(distance):
    return pytest.importorskip("dp_accounting").get_epsilon_gaussian(1 / distance, DELTA)


# The bound on epsilon


@pytest.mark.parametrize("distance, least", [(0.5, 0.7), (1.0, 0.85), (3.0, 0.9)])
def test_the_gaussian_bound_is_below_the_truth_and_close_to_it(distance, least, rng):
    truth = gaussian_epsilon(distance)
    scores = rng.normal(size=(2, 20_000))
    bound = epsilon_lower_bound(scores[0] + distance, scores[1], delta=DELTA, gaussian=True)
    assert least * truth < bound < truth


def test_the_plain_bound_is_that_of_randomized_response(rng):
    # The truth is told with probability p: epsilon is log(p / (1 - p)), and delta 0.
    p = 0.9
    inside, outside = rng.uniform(size=(2, 20_000)) < [[p], [1 - p]]
    bound = epsilon_lower_bound(inside, outside, delta=1e-9)
    assert 0.95 * np.log(p / (1 - p)) < bound < np.log(p / (1 - p))
    # Of delta it is told that the rest may do what it likes.
    assert epsilon_lower_bound(inside, outside, delta=0.3) < bound - 0.3


def test_the_plain_bound_looks_at_both_sides(rng):
    # A member is never taken for another row, but one row in five for a member; and the other way round.
    never, sometimes = np.ones(10_000), rng.uniform(size=10_000) < 0.5
    one, other = epsilon_lower_bound(never, sometimes), epsilon_lower_bound(1.0 - sometimes, 1.0 - never)
    assert one == pytest.approx(other) and one > 5


@pytest.mark.parametrize("gaussian", [False, True])
def test_nothing_is_found_where_there_is_nothing(gaussian, rng):
    bounds = [epsilon_lower_bound(*rng.normal(size=(2, 400)), gaussian=gaussian) for _ in range(200)]
    assert np.mean(np.array(bounds) > 0) < 0.05
    assert epsilon_lower_bound(np.zeros(100), np.zeros(100), gaussian=gaussian) == 0.0
    assert epsilon_lower_bound(np.zeros(100), np.ones(100), gaussian=gaussian) == 0.0


@pytest.mark.parametrize("gaussian", [False, True])
@pytest.mark.parametrize("confidence", [0.5, 0.9])
def test_the_bound_is_wrong_no_more_often_than_it_says(gaussian, confidence, rng):
    # Threshold scores of randomized response for the plain bound, which they attain; Gaussian ones for the other.
    p = 0.8
    truth = gaussian_epsilon(1.0) if gaussian else np.log(p / (1 - p))
    asked = {"delta": DELTA if gaussian else 1e-9, "confidence": confidence, "gaussian": gaussian}
    wrong = 0
    for _ in range(300):
        noise = rng.normal(size=(2, 200))
        scores = noise + [[1.0], [0.0]] if gaussian else stats.norm.cdf(noise) < [[p], [1 - p]]
        wrong += epsilon_lower_bound(*scores, **asked) > truth
    assert wrong <= stats.binom.ppf(0.999, 300, 1 - confidence)
    assert wrong > 0, "and not so seldom that it says nothing"


def test_choosing_the_threshold_does_not_cheat(rng):
    # Of many thresholds one divides any forty scores well; sorted scores are those of the same releases.
    bounds = []
    for _ in range(300):
        inside, outside = rng.normal(size=(2, 40))
        bounds.append(epsilon_lower_bound(np.sort(inside), np.sort(outside), confidence=0.5, gaussian=True))
    assert np.mean(np.array(bounds) > 0) < 0.5


def test_no_more_is_shown_than_so_many_scores_can():
    # Fifty of fifty: the rate is above 0.025 ** (1 / 50) with confidence 0.975.
    rate = 0.025 ** (1 / 50)
    assert epsilon_lower_bound(np.ones(100), np.zeros(100), delta=1e-9) == pytest.approx(np.log(rate / (1 - rate)))
    assert epsilon_lower_bound(np.full(100, np.inf), np.full(100, -np.inf)) > 2.5


@pytest.mark.parametrize(
    "arguments, words",
    [
        (dict(inside=[1, 2, 3]), "inside has shape (3,); give a list of four scores or more"),
        (dict(outside=np.zeros((5, 2))), "outside has shape (5, 2)"),
        (dict(outside=[0, 1, np.nan, 2]), "outside holds NaN"),
        (dict(delta=0.0), "delta=0.0 must lie between 0 and 1"),
        (dict(confidence=1.0), "confidence=1.0 must lie between 0 and 1"),
    ],
)
def test_scores_that_make_no_sense_are_refused(arguments, words):
    with pytest.raises(ValueError) as caught:
        epsilon_lower_bound(**{"inside": np.zeros(9), "outside": np.zeros(9)} | arguments)
    assert words in str(caught.value)


# A release


def released_scores(epsilon, n_releases, noise):
    """Return how much of the canary is in releases with it and without: of all rows it changes the sums most."""
    sketch = PrivateSketch(GaussianMechanism(epsilon=epsilon, feature_range=(0, 1)), 2, 4, [1.0, 5.0], [2, 3])
    others = np.random.default_rng(1).uniform(size=(200, 9))
    of_others = others[:, :2] / 2, others[:, 2:5]
    sketch.update(others[:, 5:], np.empty(0), np.ones(200), np.arange(200) % 2, of_others)
    noise_multiplier = sketch.release.noise_multiplier
    with_canary = sketch.empty_like()
    with_canary.merge(sketch)
    canary = np.array([[0.6, 0.8]]), np.array([[0.0, 5.0, 0.0]])
    with_canary.update(np.ones((1, 4)), np.empty(0), np.ones(1), np.zeros(1, np.int64), canary)

    def score(filled):
        same = filled.empty_like()
        same.merge(filled)
        seen = same.noisy(noise_multiplier, noise)
        # Each part in units of its noise, but for the count, which tells next to nothing.
        of_terms = seen.terms[0][0] @ [0.6, 0.8] + seen.terms[1][0] @ [0.0, 0.2, 0.0]
        return of_terms + 0.9 * seen.rows[0].sum() / 2 + 0.1 * seen.squares[0]

    return [np.array([score(filled) for _ in range(n_releases)]) for filled in (with_canary, sketch)]


def bounded_by(epsilon, n_releases):
    return epsilon_lower_bound(*released_scores(epsilon, n_releases, Noise(0)), delta=DELTA, gaussian=True)


@pytest.mark.parametrize("epsilon, n_releases", [(1.0, 4000), (4.0, 400)])
def test_a_release_keeps_its_promise(epsilon, n_releases):
    pytest.importorskip("dp_accounting")
    assert bounded_by(epsilon, n_releases) <= epsilon
    assert bounded_by(epsilon, n_releases) > 0.2 * epsilon, "and the canary is nearly the worst row"


@pytest.mark.parametrize("epsilon, n_releases", [(1.0, 4000), (4.0, 400)])
@pytest.mark.parametrize("left", [0.5, 0.0], ids=["halved", "left out"])
def test_an_audit_finds_noise_that_is_wrong(epsilon, n_releases, left, monkeypatch):
    pytest.importorskip("dp_accounting")
    right = Noise.gaussian
    monkeypatch.setattr(Noise, "gaussian", lambda self, scale, shape: right(self, scale * left, shape))
    assert bounded_by(epsilon, n_releases) > epsilon


def test_the_plain_bound_finds_that_noise_was_left_out(monkeypatch):
    pytest.importorskip("dp_accounting")
    assert epsilon_lower_bound(*released_scores(1.0, 1000, Noise(0))) <= 1.0
    monkeypatch.setattr(Noise, "gaussian", lambda self, scale, shape: np.zeros(shape, np.int64))
    assert epsilon_lower_bound(*released_scores(1.0, 1000, Noise(0))) > 1.0


# Membership


def test_an_attack_that_tells_nothing_has_the_numbers_of_a_coin():
    assert attack_result(np.arange(1000), np.arange(1000)) == pytest.approx((0.5, 0.0, 0.01))
    assert attack_result(np.arange(1000) + 1000, np.arange(1000)) == (1.0, 1.0, 1.0)
    # Half of them are found before any other row is.
    assert attack_result(np.repeat([2, 0], 500), np.ones(1000)) == (0.5, 0.5, 0.5)


class Given(BaseEstimator):
    """What a condenser shows, without condensing: random rows of each class, or unrelated ones."""

    def __init__(self, unrelated=False, n=10, random_state=None):
        self.unrelated, self.n, self.random_state = unrelated, n, random_state

    def fit(self, X, y):
        random = np.random.default_rng(self.random_state)
        self.classes_ = None if y is None else np.unique(y)
        codes = np.zeros(len(X)) if y is None else np.unique(y, return_inverse=True)[1]
        rows = np.concatenate([random.permutation(np.flatnonzero(codes == c))[: self.n] for c in np.unique(codes)])
        self.X_syn_, self.y_syn_ = X[rows], None if y is None else y[rows]
        if self.unrelated:
            self.X_syn_ = random.normal(size=self.X_syn_.shape)
        return self


def rows_of_two_classes(rng, n=200):
    return rng.normal(size=(n, 2, 3)), np.array(["a", "b"])[rng.permutation(n) % 2]


def test_a_selection_gives_whole_rows_away(rng):
    X, y = rows_of_two_classes(rng)
    closest, ratio = membership_inference(Given(), X, y)
    # 20 of 100 members are in the set, at no distance; of the others nothing can be known.
    assert closest.true_positive_rate == pytest.approx(0.2 + 0.8 * 0.01, abs=0.02)
    assert closest.advantage == pytest.approx(0.2, abs=0.05)
    assert closest.auc == pytest.approx(0.2 + 0.8 * 0.5, abs=0.03)
    assert ratio.true_positive_rate == pytest.approx(0.2, abs=0.03)


def test_the_closest_row_is_one_of_the_class(rng):
    # The same rows in both classes: those of the other class say nothing.
    X = np.repeat(rng.normal(size=(100, 3)), 2, axis=0)
    y = np.tile([0, 1], 100)
    assert membership_inference(Given(n=50), X, y, n_fits=6).closest.true_positive_rate == 1.0
    assert membership_inference(Given(n=50), X, n_fits=6).closest.true_positive_rate < 0.6


@pytest.mark.parametrize("n_fits", [6, 16])
def test_rows_that_have_nothing_to_do_with_the_members_tell_nothing(n_fits, rng):
    X, y = rows_of_two_classes(rng)
    for result in membership_inference(Given(unrelated=True), X, y, n_fits=n_fits):
        assert result.auc == pytest.approx(0.5, abs=0.03)
        assert result.advantage < 0.07
        assert result.true_positive_rate < 0.03


def test_likelihood_ratios_find_what_distances_do_not(rng):
    # The set has the mean of the members: a row moves it a little, and its own distance says nothing of that.
    class Mean(Given):
        def fit(self, X, y):
            self.classes_, self.X_syn_, self.y_syn_ = None, X.mean(axis=0, keepdims=True), None
            return self

    closest, ratio = membership_inference(Mean(), rng.normal(size=(20, 50)), n_fits=100)
    assert ratio.auc > closest.auc + 0.1 and ratio.auc > 0.8


def test_the_seed_decides_and_nothing_passed_is_changed(rng):
    X, y = rows_of_two_classes(rng, 40)
    X.flags.writeable = False
    condenser = RandomSubset(n_per_class=3)
    first, again, other = (membership_inference(condenser, X, y, n_fits=6, random_state=s) for s in (0, 0, 1))
    assert first == again != other
    assert not hasattr(condenser, "X_syn_")


def test_rows_that_cannot_be_halved_are_refused(rng):
    X, y = rng.normal(size=(9, 2)), np.array(list("aaaabbbbc"))
    for n_fits in (4, 7, 6.0):
        with pytest.raises(ValueError, match=rf"n_fits={n_fits} must be an even number of at least 6"):
            membership_inference(Given(), X, y, n_fits=n_fits)
    with pytest.raises(ValueError, match="none has the label 'c'; give more rows of it"):
        membership_inference(Given(), X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        membership_inference(Given(), X, y[:-1])
    with pytest.raises(ValueError, match="NaN"):
        membership_inference(Given(), X * np.nan, y)


# Canaries

X, Y = load_iris(return_X_y=True)


def test_a_canary_shows_in_what_has_no_noise():
    inside, outside = canary_scores(KMeansCondenser(n_per_class=5), X, Y, [9, 9, 9, 9], 0, n_fits=20)
    assert inside.shape == outside.shape == (20,)
    # It is a cluster of its own.
    assert inside.max() == pytest.approx(0.0, abs=1e-5) and outside.max() < -5
    assert epsilon_lower_bound(inside, outside) > 0.5


def test_a_canary_is_like_any_row_where_nothing_is_learned():
    unrelated = canary_scores(Given(unrelated=True), X, Y, [9, 9, 9, 9], 0, n_fits=200)
    assert stats.ks_2samp(*unrelated).pvalue > 0.01
    inside, outside = canary_scores(Given(n=1), X, None, [9, 9, 9, 9], n_fits=400)
    assert_array_equal(np.unique(inside == 0), [False, True])  # one row of 151 is chosen
    assert (outside < 0).all()


def private(**others):
    mechanism = GaussianMechanism(epsilon=5.0, feature_range=(0, 8), **others)
    discrepancy = RandomFeatureMMD(bandwidth=1.5, n_features=20)
    return Condenser(discrepancy, solver=Descent(n_steps=5), n_per_class=1, privacy=mechanism)


def test_a_private_fit_is_audited_with_new_noise_each_time():
    pytest.importorskip("dp_accounting")
    inside, outside = canary_scores(private(), X, Y, [8, 8, 8, 8], 0, n_fits=20)
    assert len(np.unique([*inside, *outside])) > 35
    with pytest.raises(ValueError, match="the noise has a seed and would be the same in all fits"):
        canary_scores(private(random_state=0), X, Y, [8, 8, 8, 8], 0)
    with pytest.raises(ValueError, match="the noise has a seed"):
        membership_inference(private(random_state=0), X, Y)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (dict(canary=[1, 2, 3]), r"the canary has shape \(3,\), rows of X \(4,\)"),
        (dict(label=7), "none has the label 7"),
        (dict(y=Y[1:]), "inconsistent numbers of samples"),
        (dict(n_fits=0), "n_fits=0 must be a whole number of at least 1"),
    ],
)
def test_canaries_that_make_no_sense_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        canary_scores(Given(), **{"X": X, "y": Y, "canary": [1, 2, 3, 4], "label": 0, "n_fits": 2} | arguments)


def test_frames_have_a_line_for_each_attack():
    result = MembershipResult(AttackResult(0.5, 0.1, 0.02), AttackResult(0.7, 0.3, 0.05))
    frame = result.to_frame()
    assert frame["attack"].tolist() == ["closest", "likelihood ratio"] and frame["auc"].tolist() == [0.5, 0.7]
    assert result.closest.to_frame().to_dict("records") == [result.closest._asdict()]

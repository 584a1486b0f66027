"""What solvers make use of is declared: a method of the same name is none of it."""

import numpy as np
import pytest

from skdc import Condenser
from skdc.discrepancies import Discrepancy, SquaredL2
from skdc.exceptions import PartsError
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import Fixed
from skdc.solvers import Barycenter, Draw, Greedy, Halving, LeastSquares, Lloyd, Pivots, Pursuit
from skdc.spaces import NetworkRidgePredictions

X = np.random.default_rng(0).normal(size=(40, 2))
Y = np.repeat([0, 1], 20)


class MeanGap(Discrepancy):
    """Squared distance of the means."""

    compares = "clouds"

    def between(self, p, q, generator):
        return (p.mean() - q.mean()).square().sum()


def namesake(*methods, **values):
    """Return an instance of a discrepancy that happens to have some names; a call of a method is an error."""

    def never(self, *given):
        raise AssertionError("taken for something else because of a name")

    return type("MeanGap", (MeanGap,), dict.fromkeys(methods, never) | values)(by="class")


NAMESAKES = {
    "Embedding": namesake("own_kernel", "potential", "submatrix"),
    "Quantization": namesake("columns", exponent=2),
    "Covering": namesake("columns", "radius"),
    "SpanDistance": namesake("residual", kernel_=None),
    "Transport": namesake("solve", order=2),
}


@pytest.mark.parametrize("name", NAMESAKES)
def test_what_has_the_names_of_a_structure_is_minimised_by_trials(name):
    solver = Greedy(n_passes=1, n_trials=4)
    chosen, expected = (
        Condenser(discrepancy, Subset(), solver, n_per_class=3, random_state=0).fit(X, Y).indices_
        for discrepancy in (NAMESAKES[name], MeanGap())
    )
    np.testing.assert_array_equal(chosen, expected)


@pytest.mark.parametrize(
    ("name", "solver", "said"),
    [
        ("Embedding", Halving(), "is no squared distance"),
        ("Embedding", Pursuit(), "follows the mean embedding"),
        ("SpanDistance", Pivots(), "lowers a NystromError"),
        ("Quantization", Lloyd(), "minimises the quantization error"),
        ("Transport", Barycenter(), "where the rows are carried"),
    ],
)
def test_what_has_the_names_of_a_structure_is_refused_where_it_is_asked_for(name, solver, said):
    parameterization = Points() if solver.moves == "values" else Subset()
    with pytest.raises(PartsError, match=said):
        Condenser(NAMESAKES[name], parameterization, solver, n_per_class=3).fit(X, Y)


def test_weights_are_solved_for_by_declared_embeddings_only():
    solver = Draw(reweight=NAMESAKES["Embedding"])
    with pytest.raises(PartsError, match="is no squared distance of mean embeddings"):
        Condenser(None, Subset(), solver, n_per_class=3).fit(X, Y)


def test_a_space_that_has_a_response_need_not_be_linear_in_the_targets():
    class Responds(NetworkRidgePredictions):
        def response(self, real, synthetic):
            raise AssertionError("taken for linear predictions because of a name")

    loss = SquaredL2(space=Responds(), by=None)
    with pytest.raises(PartsError, match="predictions that are linear in the targets"):
        Condenser(loss, Points(Fixed(), labels="learned"), LeastSquares(), n_per_class=3).fit(X, Y)

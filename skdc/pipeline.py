"""Pipelines with a condenser among their steps: what comes after it is fitted on the condensed set."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple, Self

from joblib import Memory
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.metadata_routing import get_routing_for_object, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_memory

from skdc.containers import plain_labels
from skdc.fitting.base import BaseCondenser
from skdc.fitting.callbacks import announced, with_callbacks
from skdc.fitting.input import task_of
from skdc.fitting.output import CondensedPair
from skdc.fitting.pair import PairMixin
from skdc.isolation import all_or_nothing
from skdc.privacy.mechanism import check_steps


def _pipeline_has(method: str) -> Callable[[CondensingPipeline], bool]:
    """Return a check that a plain Pipeline of the same steps has a method."""

    def check(self: CondensingPipeline) -> bool:
        getattr(super(CondensingPipeline, self), method)
        return True

    return check


def _can_fit_predict(self: CondensingPipeline) -> bool:
    if _pipeline_has("fit_predict")(self) and self._condenses() and not hasattr(self, "predict"):
        raise AttributeError(
            f"{type(self.steps[-1][1]).__name__} has no predict, so it cannot label rows that a condenser took away; "
            "call fit, and read what it says of the condensed rows"
        )
    return True


class CondensingPipeline(Pipeline):
    """A Pipeline in which a condenser replaces the training set for the steps after it.

    The steps after the condenser are fitted on `(X_syn, y_syn)`. When predicting, rows pass it unchanged. The `task` of
    a condenser, if "auto", is that of the last step, where it is a classifier or a regressor.

    Parameters
    ----------
    steps : list of (str, estimator)
        Transformers and condensers, then any estimator. "passthrough" takes the place of a step to leave out.
    memory : str or joblib.Memory, default=None
        Where fitted transformers and condensers are kept, so that a search over the steps after a condenser
        condenses each fold once. The last step is never kept. A condenser with `random_state=None` is kept like any
        other, which freezes its randomness: a warning tells. The files hold rows in the clear, and are pickles, which
        run what is in them when they are read: trust a folder as you trust code. Refused with a private condenser, also
        of a pipeline that is a step.
    verbose : bool, default=False
        Print the time that each step takes.

    See Also
    --------
    make_condensing_pipeline : Names the steps.
    skdc.CondensedEstimator : The last step of an unmodified Pipeline.

    Notes
    -----
    Parameters of `fit` go to the steps as in Pipeline: `step__parameter=value` or, with metadata routing, what the
    steps request. Those aligned with the rows of X mean nothing after a condenser:

    * `sample_weight` is replaced by the `sample_weight_` of the condenser, which must have been given the weights
      itself, as the weight of the rows is lost otherwise.
    * Anything else with as many rows as X is refused.

    A step after a condenser gets `sample_weight_` only where it was asked for: by weights passed for that step or,
    with metadata routing, by its request of `sample_weight`, even if none was passed. A second condenser is the
    exception: it always gets the `sample_weight_` of the first (with metadata routing, if it requests them).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdc import CondensingPipeline, KMeansCondenser
    >>> X, y = load_iris(return_X_y=True)
    >>> condenser = KMeansCondenser(n_per_class=5, random_state=0)
    >>> steps = [("scaler", StandardScaler()), ("condenser", condenser), ("model", LogisticRegression())]
    >>> pipe = CondensingPipeline(steps).fit(X, y)
    >>> pipe["condenser"].X_syn_.shape
    (15, 4)
    >>> pipe.score(X, y) > 0.9
    True
    """

    # Pipeline looks it up, but it is no parameter: the metadata that it names would have to pass the condensers.
    transform_input = None

    def __init__(
        self, steps: list[tuple[str, Any]], *, memory: str | Memory | None = None, verbose: bool = False
    ) -> None:
        self.steps = steps
        self.memory = memory
        self.verbose = verbose

    @with_callbacks
    @all_or_nothing
    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **params: Any) -> Self:
        """Fit the steps, those after a condenser on what it made of the rows.

        Parameters
        ----------
        X, y
            Data for the first step.
        **params : dict of str to object
            `step__parameter=value` or, with metadata routing, what the steps request.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a step after a condenser would get what is aligned with the rows of X.
        """
        if not self._condenses():
            return super().fit(X, y, **params)
        self._fit_stages("fit", X, y, params)
        return self

    @available_if(_pipeline_has("fit_transform"))
    @with_callbacks
    @all_or_nothing
    def fit_transform(self, X: ArrayLike, y: ArrayLike | None = None, **params: Any) -> Any:
        """Fit, and return what a next step would be fitted on.

        Parameters
        ----------
        X, y, **params
            As in `fit`.

        Returns
        -------
        tuple of (X_syn, y_syn)
            The condensed set as the steps after the condenser transform it. Where no step is a condenser: the
            transformed X.
        """
        if not self._condenses():
            return super().fit_transform(X, y, **params)
        return self._fit_stages("fit_transform", X, y, params)

    @available_if(_can_fit_predict)
    def fit_predict(self, X: ArrayLike, y: ArrayLike | None = None, **params: Any) -> NDArray:
        """Fit, and return predictions for all rows of X.

        Parameters
        ----------
        X, y, **params
            As in `fit`.

        Returns
        -------
        ndarray of shape (n,)
        """
        if not self._condenses():
            return super().fit_predict(X, y, **params)
        return self.fit(X, y, **params).predict(X)

    @available_if(_pipeline_has("score"))
    def score(self, X: ArrayLike, y: ArrayLike | None = None, **params: Any) -> float:
        """Return the score of the last step for rows X of shape (n, ...) and targets y; `params` as in Pipeline."""
        return super().score(X, plain_labels(y), **params)

    def _validate_steps(self) -> None:
        super()._validate_steps()
        check_memory(self.memory)
        check_steps(self)

    def _condenses(self) -> bool:
        return any(isinstance(step, PairMixin) for _, step in self.steps)

    def _fit_stages(self, method: str, X: Any, y: Any, params: dict[str, Any]) -> Any:
        """Fit the steps up to each condenser, and then the last ones by a method; return what that returns."""
        self.steps = list(self.steps)
        self._validate_steps()
        *before, last = _plan(self, method, X, params)
        weight = None
        with announced(self, method, len(before) + 1, X, y) as context:
            for stage in before:
                condenser = self._fit_condenser(stage, X, y, stage.with_weight(weight), context)
                (X, y), weight = condenser, condenser.sample_weight_
            part = self._part(last)
            with _task(context, self, part, X, y):
                result = getattr(part, method)(X, y, **last.with_weight(weight))
            self.steps[last.start : last.stop] = part.steps
        return CondensedPair((result, y)) if before and not isinstance(result, CondensedPair) else result

    def _fit_condenser(self, stage: _Stage, X: Any, y: Any, metadata: dict[str, Any], context: Any) -> BaseCondenser:
        part, memory = self._part(stage), check_memory(self.memory)
        fit = _fit_part
        if getattr(memory, "location", memory) is not None:
            _warn_of_frozen(*part.steps[-1])
            # A clone, as fitted steps are other keys of the cache than unfitted ones.
            part, fit = clone(part), memory.cache(_fit_part, ignore=["context", "owner"])
        told, learner = part[-1].task, self.steps[-1][1]
        if told == "auto" and hasattr(learner, "fit"):
            part[-1].task = task_of(learner)
        part = fit(part, X, y, metadata, context, self)
        part[-1].task = told
        self.steps[stage.start : stage.stop] = part.steps
        return part[-1]

    def _part(self, stage: _Stage) -> Pipeline:
        return Pipeline(self.steps[stage.start : stage.stop], memory=self.memory, verbose=self.verbose)


def make_condensing_pipeline(
    *steps: Any, memory: str | Memory | None = None, verbose: bool = False
) -> CondensingPipeline:
    """Make a `CondensingPipeline`, with steps named after their classes.

    Parameters
    ----------
    *steps : estimators
    memory, verbose
        As in `CondensingPipeline`.

    Returns
    -------
    CondensingPipeline

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdc import Condenser, make_condensing_pipeline
    >>> pipe = make_condensing_pipeline(StandardScaler(), Condenser(n_per_class=10), LogisticRegression())
    >>> list(pipe.named_steps)
    ['standardscaler', 'condenser', 'logisticregression']
    """
    return CondensingPipeline(make_pipeline(*steps).steps, memory=memory, verbose=verbose)


def _fit_part(part: Pipeline, X: Any, y: Any, metadata: dict[str, Any], context: Any, owner: Pipeline) -> Pipeline:
    # Callbacks mark the part that they are handed to: within what is cached, lest the mark change its key.
    with _task(context, owner, part, X, y):
        return part.fit(X, y, **metadata)


def _warn_of_frozen(name: str, condenser: BaseCondenser) -> None:
    if condenser.random_state is None:
        warnings.warn(
            f"memory is set and the step {name!r} has random_state=None: later fits on the same data take what the "
            f"first one drew. Set {name}__random_state to an integer to say that it is meant",
            UserWarning,
            stacklevel=2,
        )


class _Stage(NamedTuple):
    """Steps that are fitted on the same rows.

    Parameters
    ----------
    start, stop : int
        Which steps.
    metadata : dict of str to object
        What their `fit` gets besides X and y.
    weights : set of str
        The names under which it gets the `sample_weight_` of the condenser before.
    weighted : bool
        Whether the condenser at the end is given weights by the user.
    """

    start: int
    stop: int
    metadata: dict[str, Any]
    weights: set[str]
    weighted: bool

    def with_weight(self, weight: NDArray | None) -> dict[str, Any]:
        return self.metadata | dict.fromkeys(self.weights, weight)


def _plan(owner: CondensingPipeline, method: str, X: Any, params: dict[str, Any]) -> list[_Stage]:
    """Cut the steps after each condenser, and share out metadata."""
    cuts = [position + 1 for position, (_, step) in enumerate(owner.steps) if isinstance(step, PairMixin)]
    bounds = list(pairwise(sorted({0, *cuts, len(owner.steps)})))
    stages = (
        _requested(owner, method, bounds, params)
        if get_config()["enable_metadata_routing"]
        else _prefixed(owner, bounds, params)
    )
    n_rows, heard = _n_rows(X), True
    for before, stage in pairwise(stages):
        condenser, heard = owner.steps[before.stop - 1][0], heard and before.weighted
        for name, value in stage.metadata.items():
            if name in stage.weights and value is not None and not heard:
                raise ValueError(
                    f"{name} weighs rows that the step {condenser!r} takes away, and was not given to it; pass "
                    f"{condenser}__sample_weight too (with metadata routing: set_fit_request(sample_weight=True))"
                )
            if name not in stage.weights and _n_rows(value) == n_rows:
                raise ValueError(
                    f"{name} has {n_rows} rows, as X, but is for a step after {condenser!r}, which leaves other rows; "
                    "pass it to the condenser or to steps before"
                )
    return stages


def _prefixed(owner: Pipeline, bounds: list[tuple[int, int]], params: dict[str, Any]) -> list[_Stage]:
    """Share out metadata by the names of steps; what names none goes to the first stage, which will complain."""
    stage_of = {name: k for k, bound in enumerate(bounds) for name, _ in owner.steps[slice(*bound)]}
    shares: list[dict[str, Any]] = [{} for _ in bounds]
    for name, value in params.items():
        shares[stage_of.get(name.partition("__")[0], 0)][name] = value
    stages = []
    for (start, stop), share in zip(bounds, shares):
        name, last = owner.steps[stop - 1]
        weights = {key for key, value in share.items() if key.endswith("__sample_weight") and value is not None}
        own = f"{name}__sample_weight"
        weighted = own in weights or start > 0
        if start > 0 and isinstance(last, PairMixin):
            weights.add(own)
        stages.append(_Stage(start, stop, share, weights if start > 0 else set(), weighted))
    return stages


def _requested(owner: Pipeline, method: str, bounds: list[tuple[int, int]], params: dict[str, Any]) -> list[_Stage]:
    """Share out metadata as the steps request it."""
    routed = process_routing(owner, method, **params)
    stages = []
    for start, stop in bounds:
        steps, caller = owner.steps[start:stop], method if stop == len(owner.steps) else "fit"
        router = get_routing_for_object(Pipeline(steps))
        share = {name: params[name] for name in router.consumes(caller, params)}
        given = {name: _fit_weight(routed, name) for name, _ in steps}
        weights = {name for name, value in share.items() if any(value is weight for weight in given.values())}
        weights |= router.consumes(caller, ["sample_weight"])
        weighted = given[steps[-1][0]] is not None
        stages.append(_Stage(start, stop, share, weights if start > 0 else set(), weighted))
    return stages


def _fit_weight(routed: Any, name: str) -> Any:
    """Return the sample weight that a step is to be fitted with, under whatever name it was passed."""
    metadata = routed.get(name, {})
    return (metadata.get("fit_transform") or metadata.get("fit") or {}).get("sample_weight")


def _n_rows(values: Any) -> int | None:
    shape = getattr(values, "shape", None)
    if shape is not None:
        return shape[0] if len(shape) else None
    return len(values) if isinstance(values, Sequence) and not isinstance(values, str) else None


@contextmanager
def _task(context: Any, owner: Pipeline, part: BaseEstimator, X: Any, y: Any) -> Iterator[None]:
    """Tell callbacks that the fit of a part begins and ends, and hand them on to it."""
    if context is None:
        yield
        return
    task = context.subcontext(task_name="fit-" + "-".join(name for name, _ in part.steps))
    with task.propagate_callback_context(part):
        task.call_on_fit_task_begin(estimator=owner, X=X, y=y)
        yield
        task.call_on_fit_task_end(estimator=owner, X=X, y=y)

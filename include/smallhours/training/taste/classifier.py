"""The taste classifier: from a track's tags to a probability of liking it.

The track's own tags and its artist's are separate columns of one logistic regression. A tag's
contribution to the log-odds is its value times its coefficient: exact, and the basis of every
reason that is given. The probability is that of the training rows, where the negatives were drawn.
What ranks and explains needs only its `TagWeights`.

Tags count as they are written but for case. Merging spelling variants and dropping tags that say
nothing about the music improved nothing here (docs/benchmarks.md): "seen live" says nothing about
the sound, but a little about who listens. The two blocks stay apart, because a tag of this very
track says more than one of everything that its artist made.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from smallhours.training.tags import tag_counts
from smallhours.training.taste.model import TagWeights

Floats = npt.NDArray[np.float64]

MAX_ITER = 1000
# Scale of the track's own tags beside those of its artist. Tags of single tracks are fetched for
# played tracks first, so that having any is itself a sign of a like; at full scale the model relies
# on that (docs/benchmarks.md, "Taste in a made-up world").
TRACK_TAG_SCALE = 0.25


class TasteClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # no stubs
    """Logistic regression on whether a track and its artist carry each tag, rare ones weighted up.

    A column is its inverse document frequency, ln((1 + n) / (1 + df)) + 1 over that of the rarest
    kept tag, where the tag is carried, and 0 elsewhere; a track's own are a quarter of that. Rows
    are not scaled to one length: the number of a track's tags shows how well known it is, which
    helps to predict.

    Args:
        track_columns: Number of leading columns of X that count the track's own tags; the others
            count its artist's.
        C: Inverse strength of the L2 penalty.
        fewest: A tag of fewer rows (or artists) is left out, unless that would leave none.

    Attributes:
        kept_: The columns of X that have a coefficient, in their order.
        scale_: (kept,) the value of each where it is carried.
        logistic_: The fitted LogisticRegression, over the kept columns.
        classes_: The labels, sorted.

    >>> X = [[100, 0], [80, 0], [0, 100], [0, 60]]
    >>> model = TasteClassifier(track_columns=2, C=10).fit(X, [1, 1, 0, 0])
    >>> model.predict([[50, 0], [0, 50]]).tolist()
    [1, 0]
    """

    def __init__(
        self,
        track_columns: int = 0,
        C: float = 0.3,  # noqa: N803  # scikit-learn's own name for it
        fewest: int = 2,
    ) -> None:
        self.track_columns = track_columns
        self.C = C
        self.fewest = fewest

    def fit(
        self,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: npt.ArrayLike | None = None,
        groups: Any = None,
    ) -> Self:
        """Learn from counts of tags and labels.

        Args:
            X: (n, columns) counts, not negative; dense or sparse.
            y: (n,) two different labels.
            sample_weight: (n,) weight of each row; None weights all rows alike.
            groups: (n,) the artist of each row, whose tags are counted once in document
                frequencies however many rows they have; None counts each row by itself.

        Raises:
            ValueError: for negative counts, no tag at all, or labels that are not of two kinds.
        """
        rows, labels = validate_data(self, X, y, accept_sparse="csr", dtype=np.float64)
        check_classification_targets(labels)
        kinds = len(np.unique(labels))
        if kinds != 2:
            raise ValueError(
                f"Only binary classification is supported. The labels are of {kinds} "
                f"{'class' if kinds == 1 else 'classes'}."
            )
        counts = tag_counts(rows, self.track_columns)
        if not counts.nnz:
            raise ValueError("no row has a tag: there is nothing to learn from")
        first = np.arange(counts.shape[0])
        if groups is not None:
            first = np.unique(np.asarray(groups), return_index=True)[1]
        own, own_scale = self._rarity(counts[:, : self.track_columns])
        artist, artist_scale = self._rarity(counts[first][:, self.track_columns :])
        self.kept_ = np.concatenate([own, artist + self.track_columns])
        self.scale_ = np.concatenate([TRACK_TAG_SCALE * own_scale, artist_scale])
        self.logistic_ = LogisticRegression(C=self.C, solver="liblinear", max_iter=MAX_ITER)
        self.logistic_.fit(self._encoded(counts), labels, sample_weight=sample_weight)
        self.classes_ = self.logistic_.classes_
        return self

    def _rarity(self, counts: sparse.csr_matrix) -> tuple[npt.NDArray[np.intp], Floats]:
        """Return the kept columns, and the value of each."""
        n, columns = counts.shape
        carried = np.bincount(counts.indices, minlength=columns)
        kept = np.flatnonzero(carried >= self.fewest)
        if not len(kept):
            kept = np.flatnonzero(carried)
        idf = np.log((1 + n) / (1 + carried[kept])) + 1
        return kept, idf / idf.max(initial=1.0)

    def decision_function(self, X: Any) -> Floats:  # noqa: N803
        """Return the log-odds of the second label, (n,)."""
        encoded = self.encode(X)
        return np.asarray(self.logistic_.decision_function(encoded))

    def predict(self, X: Any) -> npt.NDArray[Any]:  # noqa: N803
        """Return the likelier label of each row."""
        encoded = self.encode(X)
        return np.asarray(self.logistic_.predict(encoded))

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803
        """Return the probability of each label among rows like the training rows, (n, 2)."""
        encoded = self.encode(X)
        return np.asarray(self.logistic_.predict_proba(encoded))

    def contributions(self, X: Any) -> sparse.csr_matrix:  # noqa: N803
        """Return each column's contribution to the log-odds of each row, (n, columns of X).

        A row's contributions and the intercept sum to its `decision_function`.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, accept_sparse="csr", dtype=np.float64)
        return self.tag_weights().contributions(tag_counts(rows, self.track_columns))

    def tag_weights(self) -> TagWeights:
        """Return what the fitted classifier says of each column of X."""
        check_is_fitted(self)
        found = np.zeros(self.n_features_in_)
        found[self.kept_] = self.scale_ * self.logistic_.coef_[0]
        return TagWeights(found, float(self.logistic_.intercept_[0]))

    def encode(self, X: Any) -> sparse.csr_matrix:  # noqa: N803
        """Return the inputs of the linear model, (n, kept columns)."""
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, accept_sparse="csr", dtype=np.float64)
        return self._encoded(tag_counts(rows, self.track_columns))

    def _encoded(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        carried = counts[:, self.kept_].astype(bool).astype(np.float64)
        return sparse.csr_matrix(carried @ sparse.diags_array(self.scale_))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.poor_score = True  # numbers that are all above 0 are all alike to it
        return tags

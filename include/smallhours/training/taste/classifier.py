"""The taste classifier: from a track's tags to a probability of liking it.

The track's own tags and its artist's are separate columns of one logistic regression. A tag's
contribution to the log-odds is its value times its coefficient: exact, and the basis of every
reason that is given. The raw probability is that of the training rows, where the negatives were
drawn; `Calibration` maps it to the share that was adopted later.

Example: with slope 1 and offset -1, log-odds of 0 (a raw probability of 0.5) become 1 / (1 + e) =
0.27. So among tracks that the classifier finds balanced, about one in four was adopted.

Tags count as they are written but for case. Merging spelling variants and dropping tags that say
nothing about the music improved nothing here (docs/benchmarks.md): "seen live" says nothing about
the sound, but a little about who listens. The two blocks stay apart, because a tag of this very
track says more than one of everything that its artist made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from smallhours.identity import artist_key_in
from smallhours.training.tag_matrix import count_matrix, tag_counts
from smallhours.training.tags import Tags

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
        encoded = self.encode(X)
        shares = encoded @ sparse.diags_array(self.logistic_.coef_[0])
        kept = len(self.kept_)
        spread = sparse.csr_matrix(
            (np.ones(kept), (np.arange(kept), self.kept_)), shape=(kept, self.n_features_in_)
        )
        return sparse.csr_matrix(shares @ spread)

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


@dataclass(frozen=True)
class Calibration:
    """Platt scaling (1999): p = 1 / (1 + exp(-(slope x log-odds + offset))).

    Fitted on rows that are later than the training rows. It has two parameters, because there are
    few rows to learn them from, and it keeps the order of tracks.
    """

    slope: float = 1.0
    offset: float = 0.0

    @classmethod
    def fit(
        cls, log_odds: Floats, y: npt.ArrayLike, weight: npt.ArrayLike | None = None
    ) -> "Calibration":
        """Fit to held-out rows, (n,) each, with the smoothed targets of Platt's paper.

        Targets are (n+ + 1) / (n+ + 2) for a like and 1 / (n- + 2) for none, so that a few rows
        that are separated perfectly do not make a model certain. Example: with 8 likes and 24
        others they are 0.9 and 1 / 26 = 0.04. A slope of 0 or less would lose the order: then the
        rows hold no evidence, and only the base rate is learned (slope 0).
        """
        found = np.asarray(y, dtype=float)
        heavy = np.ones(len(found)) if weight is None else np.asarray(weight, dtype=float)
        likes, others = float(heavy @ found), float(heavy @ (1 - found))
        high, low = (likes + 1) / (likes + 2), 1 / (others + 2)
        x = np.concatenate([log_odds, log_odds])[:, None]
        labels = np.repeat([1, 0], len(found))
        target = np.where(found == 1, high, low)
        weighed = np.concatenate([heavy * target, heavy * (1 - target)])
        platt = LogisticRegression(C=1e6, solver="lbfgs", max_iter=MAX_ITER)
        platt.fit(x, labels, sample_weight=weighed)
        slope, offset = float(platt.coef_[0, 0]), float(platt.intercept_[0])
        if slope <= 0:
            return cls(0.0, float(np.log((likes + 1) / (others + 1))))
        return cls(slope, offset)

    def __call__(self, log_odds: Floats) -> Floats:
        """Return probabilities, (n,), for log-odds (n,)."""
        return 1 / (1 + np.exp(-np.clip(self.slope * log_odds + self.offset, -30, 30)))


# No calibration: the probabilities of the training rows.
UNCALIBRATED = Calibration()


@dataclass(frozen=True)
class TagColumns:
    """The tags that a model knows.

    Attributes:
        own: Tags of tracks themselves, in lower case, sorted.
        artist: Tags of artists, likewise.
    """

    own: tuple[str, ...]
    artist: tuple[str, ...]

    @classmethod
    def of(cls, tags: Tags, tracks: Sequence[str]) -> Self:
        """Return the columns of all tags that some tracks carry."""
        own: set[str] = set()
        for key in tracks:
            own.update(map(str.casefold, tags.own.get(key, ())))
        artist: set[str] = set()
        for key in dict.fromkeys(map(artist_key_in, tracks)):
            artist.update(map(str.casefold, tags.artist.get(key, ())))
        return cls(tuple(sorted(own)), tuple(sorted(artist)))

    @property
    def column_tags(self) -> tuple[str, ...]:
        """The tag of each column."""
        return self.own + self.artist

    def counts(self, tags: Tags, tracks: Sequence[str]) -> sparse.csr_matrix:
        """Return counts (1-100) of the known tags, (tracks, columns); rows may be empty."""
        own = count_matrix((_folded(tags.own.get(key, {})) for key in tracks), _places(self.own))
        # One row per artist, repeated for each of their tracks.
        owners = [artist_key_in(key) for key in tracks]
        artists = {key: at for at, key in enumerate(dict.fromkeys(owners))}
        rows = (_folded(tags.artist.get(key, {})) for key in artists)
        artist = count_matrix(rows, _places(self.artist))
        return sparse.hstack([own, artist[[artists[key] for key in owners]]]).tocsr()


def _places(tags: Sequence[str]) -> dict[str, int]:
    return {tag: at for at, tag in enumerate(tags)}


def _folded(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts by lower case; of two spellings, the first is the stronger."""
    found: dict[str, int] = {}
    for tag, count in counts.items():
        found.setdefault(tag.casefold(), count)
    return found

"""The first seed, kept exactly as it was as a named baseline: its labelled set and its classifier.

Likes are standing signals of the library: 2 for a top track, 1 for a saved or a loved one (loved
is ours; the first seed had no Last.fm account to ask). Dislikes are tracks of tags that never
occur in the history, without those whose artist or any tag occurs in it. Nobody disliked them: a
model of these labels separates strange from familiar music, and F1 near 1 says little.

The classifier reads a bag of tags: logistic regression, 60/20/20 split, C by F1 on dev, refit on
train and dev, and one evaluation on the test rows. Two readings had to be settled:

- *Weights.* The first seed notes a weight per like (2 for a top track, 1 for a saved one). Its
  description weights likes by it, its published script trains without, and in its own file every
  weight is 1, so that both give the same model there. Here likes carry their weight. Dislikes
  count once each, whatever is noted beside them: the 0 that they are described with only marks
  them, and as a sample weight it would leave a single class to learn from.
- *Refit.* Its slides refit on train and dev before the one evaluation on the test rows; its script
  evaluates first and then refits on everything. The slides' way is kept: the model that is
  measured is the one that is saved. The script's figure stands beside it as `f1_before_refit`.
"""

import copy
import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)
from sklearn.model_selection import train_test_split

from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.listening.plays import counted_once, heard
from smallhours.nights import Night
from smallhours.training.evaluation.folds import plays_before
from smallhours.training.listening_history import ListeningHistory
from smallhours.vocabulary import Signal

MIN_LIKES = 10
MIN_DISLIKES = 20
# The first seed's own file: 200 dislikes to 337 likes. It stopped looking at 200.
DISLIKES_PER_LIKE = 200 / 337
MIN_DISLIKE_LIMIT = 200
# Without a Spotify library, this many of the most played tracks of a year stand for likes.
MAX_LIKES_FROM_PLAYS = 300
YEAR = dt.timedelta(days=365)
STRONGEST_TAGS = 100
VERY_STRONGEST_TAGS = 10

WEIGHTS: Mapping[str, int] = {
    Signal.TOP: 2,
    Signal.SAVED: 1,
    Signal.LOVED: 1,
    "played": 1,
}


@dataclass(frozen=True)
class LabelledSet:
    """Rows to train on.

    Attributes:
        frame: `track_key`, `tags` (comma-separated), `label` (1 like, 0 dislike), `weight` (of a
            like 2 or 1; 0 marks a dislike) and `evidence` (`top`, `saved`, `loved`, `played` or
            `background`); likes first, each in key order.
        likes_from: `library`, or `plays` where the library holds neither top nor saved tracks.
        dislikes_disjoint_from: The tracks that dislikes share no tag with: `history` (every track
            ever played or liked); where that leaves too few, `likes`; then `strongest likes`
            (the 100 tags that most likes carry), `very strongest likes` (10), or `nobody`: all
            tracks of unheard tags by artists that were never heard.
        untagged: Likes that were left out because neither track nor artist has a tag.
    """

    frame: pd.DataFrame
    likes_from: str
    dislikes_disjoint_from: str
    untagged: int

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of rows by evidence."""
        return {str(name): int(n) for name, n in self.frame["evidence"].value_counts().items()}


def label_tracks(past: ListeningHistory, listener: str, *, night: Night) -> LabelledSet:
    """Build the labelled set of one listener as of a night.

    Args:
        past: Their history; tonight's tracks of unheard tags serve for a past night, too.
        listener: The listener's name.
        night: Later rows are ignored.

    Raises:
        NotEnoughData: with fewer than 10 likes or 20 dislikes that have tags.
    """
    plays = past.plays[heard(past.plays)]
    plays = plays_before(plays[counted_once(plays)], night.as_of)
    library = past.library[past.library["first_seen"] <= night.date]
    evidence, likes_from = _likes(plays, library, night)

    known = set(plays["track_key"]) | set(library["track_key"])
    tags_of = {key: past.tags.as_first_seed(key) for key in known.union(past.background)}

    likes = [key for key in sorted(evidence) if tags_of[key]]
    if len(likes) < MIN_LIKES:
        raise NotEnoughData(
            f"{listener} has {len(likes)} liked tracks with tags ({len(evidence)} without regard "
            f"to tags); {MIN_LIKES} are the least to learn a taste from.",
            remedy="Trigger the DAGs sync_listening and refresh_catalog; if they have ended, play "
            "or save some more music first.",
        )
    artists = {artist_key_in(key) for key in known}
    strange = [key for key in past.background if tags_of[key] and artist_key_in(key) not in artists]
    pool, rule = _dislikes(strange, tags_of, known, likes)
    if len(pool) < MIN_DISLIKES:
        raise NotEnoughData(
            f"Of {len(past.background)} tracks of unheard tags, {len(strange)} have tags and an "
            f"artist that {listener} never played, and {len(pool)} share no tag with what "
            f"{listener} likes; {MIN_DISLIKES} are the least to tell likes from.",
            remedy="Raise `catalog.foreign_tags` in smallhours.toml and run the next night.",
        )
    most = max(MIN_DISLIKE_LIMIT, round(len(likes) * DISLIKES_PER_LIKE))
    if len(pool) > most:
        drawn = night.rng(listener, "dislikes").choice(len(pool), most, replace=False)
        pool = [pool[at] for at in sorted(drawn)]

    rows = [(key, 1, WEIGHTS[evidence[key]], evidence[key]) for key in likes]
    rows += [(key, 0, 0, "background") for key in pool]
    frame = pd.DataFrame(rows, columns=["track_key", "label", "weight", "evidence"])
    frame.insert(1, "tags", [",".join(tags_of[key]) for key in frame["track_key"]])
    return LabelledSet(frame, likes_from, rule, untagged=len(evidence) - len(likes))


def _likes(plays: pd.DataFrame, library: pd.DataFrame, night: Night) -> tuple[dict[str, str], str]:
    """Return the strongest evidence for each liked track, and the source of the likes."""
    standing = library[_is_standing(library, night)]
    by_signal = {
        signal: set(rows["track_key"]) for signal, rows in standing.groupby("signal", sort=True)
    }
    disliked = by_signal.get(Signal.DISLIKED, set())
    signals: list[str] = [Signal.LOVED, Signal.SAVED, Signal.TOP]
    likes_from = "library"
    if not by_signal.keys() & {Signal.TOP, Signal.SAVED}:
        by_signal["played"] = _most_played(plays, night)
        signals = ["played", Signal.LOVED]
        likes_from = "plays"
    evidence: dict[str, str] = {}
    for signal in signals:  # the strongest comes last and stands
        evidence |= dict.fromkeys(by_signal.get(signal, set()) - disliked, signal)
    return evidence, likes_from


def _is_standing(library: pd.DataFrame, night: Night) -> pd.Series:
    """Flag the signals that were not withdrawn: the newest night of their kind has seen them."""
    last = pd.to_datetime(library["last_seen"])
    tonight = pd.Timestamp(night.date)
    last = last.where(last <= tonight, tonight)
    stands: pd.Series = last == last.groupby(library["signal"]).transform("max")
    return stands


def _most_played(plays: pd.DataFrame, night: Night) -> set[str]:
    recent = plays.loc[plays["played_at"] >= night.as_of - YEAR, "track_key"]
    counts = recent.value_counts().rename_axis("track_key").reset_index(name="plays")
    counts = counts.sort_values(["plays", "track_key"], ascending=[False, True])
    return set(counts["track_key"].head(MAX_LIKES_FROM_PLAYS))


def _dislikes(
    strange: Sequence[str],
    tags_of: Mapping[str, Sequence[str]],
    known: set[str],
    likes: Sequence[str],
) -> tuple[list[str], str]:
    """Choose tracks without the listener's tags, by the strictest rule that leaves enough."""
    carried = Counter(tag.casefold() for key in likes for tag in tags_of[key])
    strongest = sorted(carried, key=lambda tag: (-carried[tag], tag))
    rules = {
        "history": {tag.casefold() for key in known for tag in tags_of[key]},
        "likes": set(carried),
        "strongest likes": set(strongest[:STRONGEST_TAGS]),
        "very strongest likes": set(strongest[:VERY_STRONGEST_TAGS]),
        "nobody": set(),
    }
    left: dict[str, list[str]] = {}
    for rule, taken in rules.items():
        left[rule] = [k for k in strange if not any(t.casefold() in taken for t in tags_of[k])]
        if len(left[rule]) >= MIN_DISLIKES:
            break
    rule = list(left)[-1]
    return left[rule], rule


SEED = 42
C_GRID = (0.01, 0.1, 1.0, 10.0)
MAX_ITER = 1000
# A stratified 60/20/20 split leaves one of five in each part.
MIN_ROWS_PER_CLASS = 5

Floats = npt.NDArray[np.float64]
Rows = Sequence[str] | npt.NDArray[np.object_]


def without_quotes(text: str) -> str:
    """Return a tag as the vectoriser reads it: no quotes, no space around it; case kept."""
    return text.replace("'", "").replace('"', "").strip()


def split_tags(text: str) -> list[str]:
    r"""Split a row's tags at the commas.

    >>> split_tags("dream pop, Lo-Fi,shoegaze")
    ['dream pop', 'Lo-Fi', 'shoegaze']
    >>> split_tags("['pop', \"rock 'n' roll\"]")
    ['pop', 'rock n roll']
    """
    inner = text.strip()
    if inner.startswith("[") and inner.endswith("]"):
        inner = inner[1:-1]
    return [tag for part in inner.split(",") if (tag := without_quotes(part))]


class FirstSeedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # no stubs
    """Binary bag of tags and logistic regression, over rows of comma-separated tags.

    Args:
        C: Inverse strength of the L2 penalty.

    Attributes:
        vectorizer_: The fitted CountVectorizer.
        logistic_: The fitted LogisticRegression.
        classes_: The labels, sorted.

    >>> rows = ["pop,dance", "pop", "metal", "doom,metal"]
    >>> model = FirstSeedClassifier(C=10).fit(rows, [1, 1, 0, 0])
    >>> model.predict(["dance", "doom"]).tolist()
    [1, 0]
    """

    def __init__(self, C: float = 1.0) -> None:  # noqa: N803  # scikit-learn's own name for it
        self.C = C

    def fit(
        self,
        X: Rows,  # noqa: N803
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """Learn from rows of tags and their labels.

        Raises:
            ValueError: when no row has a tag, or there is only one label.
        """
        self.vectorizer_ = CountVectorizer(
            binary=True, tokenizer=split_tags, lowercase=False, token_pattern=None
        )
        matrix = self.vectorizer_.fit_transform(X)
        self.logistic_ = LogisticRegression(C=self.C, solver="liblinear", max_iter=MAX_ITER)
        self.logistic_.fit(matrix, y, sample_weight=sample_weight)
        self.classes_ = self.logistic_.classes_
        return self

    def predict(self, X: Rows) -> npt.NDArray[Any]:  # noqa: N803
        """Return the likelier label of each row."""
        return np.asarray(self.logistic_.predict(self.vectorizer_.transform(X)))

    def predict_proba(self, X: Rows) -> Floats:  # noqa: N803
        """Return the probability of each label, (n, 2), in the order of `classes_`."""
        return np.asarray(self.logistic_.predict_proba(self.vectorizer_.transform(X)))

    def weight_of(self, tag: str) -> float:
        """Return a tag's coefficient in the log-odds of a like; 0 for a tag that was never seen."""
        column = self.vectorizer_.vocabulary_.get(without_quotes(tag))
        return 0.0 if column is None else float(self.logistic_.coef_[0, column])

    def __getstate__(self) -> dict[str, Any]:
        """Return the state to save: all but the vectoriser's note of a memory address."""
        state = dict(super().__getstate__())
        if "vectorizer_" in state:
            state["vectorizer_"] = vectorizer = copy.copy(state["vectorizer_"])
            vars(vectorizer).pop("_stop_words_id", None)
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.classifier_tags.multi_class = False
        return tags


@dataclass(frozen=True)
class FirstSeedResult:
    """The outcome of one training.

    Attributes:
        model: Refitted on train and dev.
        metrics: `f1`, `auc`, `accuracy`, `precision` and `recall` on the test rows, and
            `f1_before_refit`, of the model that had seen the training rows only.
        chosen_c: The C with the best F1 on dev; the smallest of equals.
        dev_f1: F1 on dev for each C.
        counts: `likes`, `dislikes`, `train`, `dev`, `test` rows and distinct `tags`.
    """

    model: FirstSeedClassifier
    metrics: dict[str, float]
    chosen_c: float
    dev_f1: dict[float, float]
    counts: dict[str, int] = field(default_factory=dict)


def train(labeled: pd.DataFrame) -> FirstSeedResult:
    """Train as the first seed did.

    Args:
        labeled: `tags` (comma-separated), `label` (1 like, 0 dislike) and, if there are any,
            `weight` of likes. Rows without tags or label are left out, as they were there.

    Raises:
        NotEnoughData: with fewer than five likes or five dislikes.
    """
    tags = labeled["tags"].fillna("").astype(str)
    kept = (tags.str.strip() != "") & labeled["label"].notna()
    rows = tags[kept].to_numpy(dtype=object)
    y = labeled.loc[kept, "label"].to_numpy(dtype=int)
    weights = _weights(labeled[kept], y)
    likes, dislikes = int((y == 1).sum()), int((y == 0).sum())
    if min(likes, dislikes) < MIN_ROWS_PER_CLASS:
        raise NotEnoughData(
            f"{likes} likes and {dislikes} dislikes with tags are too few for a 60/20/20 split; "
            f"{MIN_ROWS_PER_CLASS} of each are the least.",
            remedy="Let the listening and catalog stages gather more first.",
        )
    train_at, dev_at, test_at = _split(y)

    trials = {
        c: FirstSeedClassifier(c).fit(rows[train_at], y[train_at], weights[train_at])
        for c in C_GRID
    }
    dev_f1 = {c: _f1(trial, rows[dev_at], y[dev_at]) for c, trial in trials.items()}
    chosen = max(C_GRID, key=lambda c: (dev_f1[c], -c))

    both = np.concatenate([train_at, dev_at])
    model = FirstSeedClassifier(chosen).fit(rows[both], y[both], weights[both])
    counts = {
        "likes": likes,
        "dislikes": dislikes,
        "train": len(train_at),
        "dev": len(dev_at),
        "test": len(test_at),
        "tags": len(model.vectorizer_.vocabulary_),
    }
    metrics = _metrics(model, rows[test_at], y[test_at])
    metrics["f1_before_refit"] = _f1(trials[chosen], rows[test_at], y[test_at])
    return FirstSeedResult(model, metrics, chosen, dev_f1, counts)


def _weights(labeled: pd.DataFrame, y: npt.NDArray[np.int_]) -> Floats:
    if "weight" not in labeled:
        return np.ones(len(y))
    return np.where(y == 1, labeled["weight"].to_numpy(dtype=float), 1.0)


def _split(y: npt.NDArray[np.int_]) -> tuple[npt.NDArray[np.int_], ...]:
    """Return the row numbers of train, dev and test: 60/20/20, stratified, seed 42."""
    every = np.arange(len(y))
    train_at, rest = train_test_split(every, test_size=0.4, random_state=SEED, stratify=y)
    dev_at, test_at = train_test_split(rest, test_size=0.5, random_state=SEED, stratify=y[rest])
    return train_at, dev_at, test_at


def _f1(
    model: FirstSeedClassifier, rows: npt.NDArray[np.object_], y: npt.NDArray[np.int_]
) -> float:
    return float(f1_score(y, model.predict(rows), zero_division=0.0))


def _metrics(
    model: FirstSeedClassifier, rows: npt.NDArray[np.object_], y: npt.NDArray[np.int_]
) -> dict[str, float]:
    said = model.predict(rows)
    return {
        "f1": _f1(model, rows, y),
        "auc": float(roc_auc_score(y, model.predict_proba(rows)[:, 1])),
        "accuracy": float(accuracy_score(y, said)),
        "precision": float(precision_score(y, said, zero_division=0.0)),
        "recall": float(recall_score(y, said, zero_division=0.0)),
    }

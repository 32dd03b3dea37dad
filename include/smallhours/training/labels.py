"""The first seed's labelled set: tracks that count as likes, and tracks that stand for dislikes.

Likes are standing signals of the library: 2 for a top track, 1 for a saved or a loved one (loved
is ours; the first seed had no Last.fm account to ask). Dislikes are tracks of tags that never
occur in the history, excluding tracks whose artist or any tag occurs in it. Nobody disliked them,
so a model of these labels separates strange from familiar music rather than bad from good.
"""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.listening.plays import counted_once, heard
from smallhours.nights import Night
from smallhours.training.evaluation.folds import plays_before
from smallhours.training.taste.training_rows import ListeningHistory
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
            remedy="Run sync_listening and refresh_catalog to their ends; if that is done, play "
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
            remedy="Raise `catalog.foreign_tags` in smallhours.toml and run refresh_catalog.",
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

"""Which tracks does the night consist of, and why these?

Reads the evidence, has it scored, selected and put into words, and writes `recommendations`.
"""

import pandas as pd
import pyarrow.compute as pc

from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_of
from smallhours.lake.store import Lake
from smallhours.lake.tables import RECOMMENDATIONS
from smallhours.nights import Night
from smallhours.playlist.evidence import Evidence, read_evidence, read_features
from smallhours.playlist.grounds import Taste, grounds_of, seeds_of
from smallhours.playlist.ledger import MAIN
from smallhours.playlist.ranking import score_candidates
from smallhours.playlist.reasons import reason
from smallhours.playlist.resolve import NOT_FOUND, miss_stands
from smallhours.playlist.selection import RESERVE, Limits, select, why_excluded
from smallhours.playlist.tagspace import TagSpace, says_something, weighted_tags
from smallhours.settings import PlaylistWishes, Settings
from smallhours.summary import Summary
from smallhours.training.taste import load_taste

# How many of the considered tracks are recorded with their scores.
MOST_RECORDED = 2_000
# Between a quarter and a third of all tracks were not found on Spotify by others.
LEAST_RESERVE = 10
TAGS_ASKED = 12


def rank_candidates(
    listener: str,
    lake: Lake,
    *,
    settings: Settings,
    night: Night,
    size: int | None = None,
    exploration: float | None = None,
) -> Summary:
    """Score all candidates, choose tonight's list and a reserve, and say why.

    Args:
        listener: Whose list.
        lake: The lake.
        settings: For the listener's wishes.
        night: The night; the same lake and night give the same list.
        size: Tracks in the list, instead of the setting.
        exploration: Share of less certain picks, 0-1, instead of the setting.

    Raises:
        NotEnoughData: there are no candidates.
    """
    wishes = settings.listener(listener).playlist
    evidence = read_evidence(lake, listener, night=night)
    if evidence.tracks.empty:
        raise NotEnoughData(
            f"There are no candidates for {listener}.",
            remedy="Run sync_listening and refresh_catalog first; they need some listening "
            "history to start from.",
        )
    size = wishes.size if size is None else size
    limits = Limits(
        size=size,
        reserve=max(size, LEAST_RESERVE),
        artist_cap=wishes.artist_cap,
        exploration=wishes.exploration if exploration is None else exploration,
    )
    taste = load_taste(lake, listener)
    tracks = sorted({*evidence.tracks.index, *evidence.history.tracks.index})
    space = TagSpace.of(weighted_tags(evidence.tags, tracks))
    profile = space.profile(evidence.history.tracks["weight"])
    scored = score(evidence, wishes, space, profile, taste, night)
    chosen = select(scored, limits, night.rng(listener, "exploration"))
    chosen = chosen.join(evidence.tracks[["artist", "title"]])
    named = chosen[chosen["position"].notna() | (chosen["why_not"] == RESERVE)]
    recorded = chosen[(chosen["rank"] <= MOST_RECORDED) | chosen.index.isin(named.index)]
    grounds = grounds_of(
        evidence.votes,
        named,
        tags=lambda key: _telling_tags(key, evidence, space, profile, taste),
        features=read_features(lake, named.index),
        considered=len(chosen),
    )
    sentences = {each.track_key: reason(each, evidence.history, profile) for each in grounds}
    recorded = recorded.assign(
        intent=MAIN,
        reason=[sentences.get(key, "") for key in recorded.index],
        seeds=pd.Series(seeds_of(evidence.votes, recorded.index), index=recorded.index),
    )
    lake.merge(
        RECOMMENDATIONS,
        recorded.rename_axis("track_key").reset_index(),
        partition={"listener": listener, "night": night.date.isoformat()},
        replace=pc.field("intent") == MAIN,
    )
    return {
        "considered": len(chosen),
        "eligible": int((scored["why_not"] == "").sum()),
        "chosen": int(chosen["position"].notna().sum()),
        "explored": int(chosen["propensity"].notna().sum()),
        "reserve": int((chosen["why_not"] == RESERVE).sum()),
        "model": "none yet" if taste is None else "taste",
    }


def score(
    evidence: Evidence,
    wishes: PlaylistWishes,
    space: TagSpace,
    profile: pd.Series,
    taste: Taste | None,
    night: Night,
) -> pd.DataFrame:
    """Score all candidates and say which are out from the start.

    Returns:
        What `score_candidates` returns, and `why_not`.
    """
    tracks = evidence.tracks
    excluded = pd.Series(
        why_excluded(
            tracks.index,
            known=set(evidence.history.tracks.index),
            disliked=evidence.history.disliked,
            blocked_artists={artist_key_of(name) for name in wishes.blocked_artists},
            shown=evidence.shown,
            night=night.date,
            not_again_nights=wishes.not_again_nights,
        ),
        index=tracks.index,
    )
    missed = miss_stands(tracks, night.date) & (excluded == "")
    excluded = excluded.mask(missed, NOT_FOUND)
    p_like = None
    if taste is not None:
        bags = [evidence.tags.as_first_seed(key) for key in tracks.index]
        p_like = pd.Series(taste.p_like(bags), index=tracks.index)
    scored = score_candidates(
        evidence.votes,
        tracks["listeners"],
        tag_affinity=space.affinity(profile, tracks.index),
        p_like=p_like,
        eligible=excluded == "",
    )
    return scored.assign(why_not=excluded)


def _telling_tags(
    key: str, evidence: Evidence, space: TagSpace, profile: pd.Series, taste: Taste | None
) -> list[str]:
    """The tags of a track that count for it, by the model or else by the listener's profile."""
    if taste is None:
        return space.shared(profile, key)
    # "Rock" may count for a track, but it counts for every other too; "shoegaze" says more.
    telling: dict[str, float] = {}
    for tag, counts in taste.top_tags(evidence.tags.as_first_seed(key), TAGS_ASKED):
        name = evidence.tags.name(tag)
        if counts > 0 and name and says_something(name, key):
            weight = counts * space.rarity.get(name, 1.0)
            telling[name] = max(telling.get(name, 0.0), weight)
    return sorted(telling, key=lambda tag: (-telling[tag], tag))

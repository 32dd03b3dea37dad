"""The stage `rank_candidates`: it scores all candidates and chooses the night's playlists.

It reads the evidence, scores the tracks, selects the lists, words the reasons, and writes
`recommendations`: the rows of the main playlist and of every intent. Figures about the main list
are written to `metrics`.
"""

from collections.abc import Collection, Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from smallhours.catalog.features import measured
from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake
from smallhours.lake.tables import RECOMMENDATIONS
from smallhours.nights import Night
from smallhours.playlist.evidence import Evidence, read_evidence, read_features
from smallhours.playlist.grounds import grounds_of, seeds_of
from smallhours.playlist.hours import Hours
from smallhours.playlist.intents import Purpose, Scene, purpose_of
from smallhours.playlist.listing import Listing, barred, listing_of
from smallhours.playlist.missing import what_is_missing
from smallhours.playlist.quality import Quality, quality_of
from smallhours.playlist.ranking import ADDED_BY
from smallhours.playlist.reasons import Reason, Teller
from smallhours.playlist.rerank.shortlist import owner_of
from smallhours.playlist.scoring import Listening
from smallhours.services.set_aside import set_aside_on
from smallhours.settings import Listener, Settings
from smallhours.summary import Summary
from smallhours.training.metrics import note_metrics
from smallhours.training.ranking.fusion import Fusion
from smallhours.training.ranking.saved import load_fusion
from smallhours.training.taste.model import load_taste
from smallhours.wishes import MAIN, PlaylistWishes

# The number of considered tracks that are recorded with their scores: main list and intents.
MOST_RECORDED = 2_000
MOST_RECORDED_BESIDE = 200
# The number of a track's strongest seeds whose artists' hours of the week are looked up.
SEEDS_WITH_HOURS = 3
# Contributions of signals are recorded with three digits; smaller ones round to 0.000.
LEAST_ADDED = 0.0005

_COLUMNS = [column.name for column in RECOMMENDATIONS.columns]


def rank_candidates(
    listener: str,
    lake: Lake,
    *,
    settings: Settings,
    night: Night,
    size: int | None = None,
    exploration: float | None = None,
) -> Summary:
    """Score all candidates, choose tonight's lists with a reserve each, and word their reasons.

    Args:
        listener: Whose lists.
        lake: The lake.
        settings: For the listener's wishes.
        night: The night; the same lake and night give the same lists.
        size: Tracks in the main list, instead of the setting.
        exploration: Share of less certain picks in the main list, 0-1, instead of the setting.

    Returns:
        How many tracks were `considered` and `eligible` for the main list, why the others were
        `excluded`; how many were `chosen`, by how many `artists`, how many of them `explored`, and
        the `reserve`; the list's `diversity` (mean distance by tags, 0-1) and `calibration_kl`
        (nats off the listener's mix of tags), and its other figures in words (`quality`); the
        `model`; what is `missing`; and for each further playlist, `intent_<key>`, how many tracks
        it has.

    Raises:
        NotEnoughData: there are no candidates.
    """
    me = settings.listener(listener)
    playlists = _wished(me, size, exploration)
    familiar = any(wishes.not_played_days is not None for wishes in playlists.values())
    evidence = read_evidence(lake, listener, night=night, familiar=familiar)
    if evidence.votes.empty:
        refusals = set_aside_on(lake, listener, night.date).values()
        raise _not_enough(listener, evidence, refusals)
    listening = Listening.of(
        evidence,
        taste=load_taste(lake, listener),
        features=read_features(lake, {*evidence.tracks.index, *evidence.history.tracks.index}),
        night=night,
        zone=ZoneInfo(me.timezone),
    )
    lists = choose_lists(listener, me, playlists, listening, load_fusion(lake, listener))
    hours = Hours(evidence.plays, listening.zone)
    rows = [rows_of(each, listening, hours) for each in lists]
    lake.replace(
        RECOMMENDATIONS,
        pd.concat(rows, ignore_index=True)[_COLUMNS],
        partition={"listener": listener, "night": night.date.isoformat()},
    )
    quality = quality_of(lake, listener, lists[0], listening, before=night.date)
    note_metrics(lake, quality.metrics(), listener=listener, night=night)
    return _summary(lists, listening, quality)


def _wished(me: Listener, size: int | None, exploration: float | None) -> dict[str, PlaylistWishes]:
    """Return the settings of each list, with tonight's overrides for the main one."""
    asked = {"size": size, "exploration": exploration}
    tonight = {name: value for name, value in asked.items() if value is not None}
    return {**me.playlists, MAIN: me.playlist.model_copy(update=tonight)}


def _not_enough(listener: str, evidence: Evidence, refusals: Collection[str]) -> NotEnoughData:
    if evidence.history.tracks.empty:
        lacking = f"Nothing is known of {listener} yet: no plays, nothing saved or loved."
        remedy = (
            "Play some music with scrobbling on, save or love a few tracks, or import your "
            "Spotify export; then run sync_listening and refresh_catalog. Ten plays are enough "
            "to begin with."
        )
    else:
        lacking = f"There are no candidates for {listener}."
        remedy = (
            "Run sync_listening and refresh_catalog first; they need some listening history to "
            "start from."
        )
    if refusals:
        lacking = " ".join([lacking, *refusals])
        remedy = "Put that right, then run sync_listening and refresh_catalog again."
    return NotEnoughData(lacking, remedy=remedy)


def choose_lists(
    listener: str,
    me: Listener,
    playlists: dict[str, PlaylistWishes],
    listening: Listening,
    fusion: Fusion,
) -> list[Listing]:
    """Choose the lists one after the other, none with a track of another; then fill their reserves.

    Args:
        listener: Whose, for what is drawn.
        me: Their settings.
        playlists: The wishes for each list, the main one first.
        listening: All that is known.
        fusion: The weights of the signals.
    """
    bars = {intent: barred(listening, wishes) for intent, wishes in playlists.items()}
    rng = listening.night.rng
    scored = listening.score(bars[MAIN] == "", fusion, rng(listener, "taste centres"))
    purposes = _purposes(me, listening)
    lists: list[Listing] = []
    elsewhere: set[str] = set()
    for intent, wishes in playlists.items():
        purpose = "exploration" if intent == MAIN else f"exploration of {intent}"
        each = listing_of(
            intent,
            wishes,
            purposes.get(intent),
            listening=listening,
            scored=scored,
            why_not=bars[intent],
            elsewhere=elsewhere,
            rng=rng(listener, purpose),
        )
        elsewhere.update(each.draft.slots)
        lists.append(each)
    for each in lists:
        each.draft.fill_reserve(elsewhere)
    return lists


def _purposes(me: Listener, listening: Listening) -> dict[str, Purpose]:
    scene = Scene(
        evidence=listening.evidence,
        features=listening.features,
        space=listening.space,
        night=listening.night,
        zone=listening.zone,
        name_of=listening.evidence.tags.name,
    )
    return {key: purpose_of(intent, scene) for key, intent in me.intents.items()}


def rows_of(listing: Listing, listening: Listening, hours: Hours) -> pd.DataFrame:
    """Return the rows of `recommendations` of one list.

    Args:
        listing: The list.
        listening: All that is known.
        hours: When the listener plays what.
    """
    evidence, draft = listening.evidence, listing.draft
    features = listening.features
    features = features[features["track_key"].isin({*draft.slots, *draft.reserve})]
    listed = draft.ordered(measured(features), listing.wishes.arc)
    most = MOST_RECORDED if listing.intent == MAIN else MOST_RECORDED_BESIDE
    scored, settled = listing.scored, [*listed, *draft.reserve]
    scored = scored[(scored["rank"] <= most) | scored.index.isin(settled)]
    recorded = draft.rows(scored, listed).join(evidence.tracks[["artist", "title"]])
    told = _told(listing, listening, hours, recorded.loc[settled], features)
    silent = Reason("", None)
    reasons = [told.get(key, silent) for key in recorded.index]
    rows = recorded.assign(
        intent=listing.intent,
        reason=[reason.text for reason in reasons],
        reason_kind=pd.Series([reason.kind for reason in reasons], recorded.index, dtype=object),
        seeds=pd.Series(seeds_of(evidence.votes, recorded.index), index=recorded.index),
        added=pd.Series(_added(scored.reindex(recorded.index)), index=recorded.index),
    )
    return rows.rename_axis("track_key").reset_index()


def _added(scored: pd.DataFrame) -> list[list[str]]:
    """Return the contribution of each signal to each track's score, as text, the largest first."""
    columns = [name for name in scored.columns if name.startswith(ADDED_BY)]
    names = [name.removeprefix(ADDED_BY) for name in columns]
    values = scored[columns].fillna(0.0).to_numpy(dtype=float)
    order = np.argsort(-values, axis=1, kind="stable")
    return [
        [f"{names[at]} {row[at]:.3f}" for at in best if row[at] >= LEAST_ADDED]
        for row, best in zip(values, order.tolist(), strict=True)
    ]


def _told(
    listing: Listing,
    listening: Listening,
    hours: Hours,
    named: pd.DataFrame,
    features: pd.DataFrame,
) -> dict[str, Reason]:
    """Return the reason of each track of the list and of its reserve."""
    evidence = listening.evidence
    purpose = listing.purpose

    def home(seeds: Sequence[tuple[str, str]]) -> str:
        owners = dict.fromkeys(owner_of(route, key) for route, key in seeds if route != "tag")
        return hours.home(list(owners)[:SEEDS_WITH_HOURS])

    grounds = grounds_of(
        evidence.votes,
        named,
        tags=listening.telling_tags,
        features=features,
        considered=len(listing.scored),
        hours=home,
        special=purpose.special(named.index) if purpose else {},
    )
    teller = Teller(evidence.history, listening.profile, length=len(listing.draft.slots))
    return {each.track_key: teller.tell(each) for each in grounds}


def _summary(lists: Sequence[Listing], listening: Listening, quality: Quality) -> Summary:
    main, *others = lists
    slots = main.draft.slots
    excluded = [f"{why} {count:,}" for why, count in main.excluded.items()]
    return {
        "considered": len(main.scored),
        "eligible": int((main.scored["why_not"] == "").sum()),
        "excluded": ", ".join(excluded) or "none",
        "chosen": len(slots),
        "artists": len(set(map(artist_key_in, slots))),
        "explored": len(main.draft.propensity),
        "reserve": len(main.draft.reserve),
        "diversity": round(quality.diversity, 3),
        "calibration_kl": round(quality.calibration_kl, 3),
        "quality": str(quality),
        "model": "none yet" if listening.taste is None else listening.taste.name,
        "missing": "; ".join(what_is_missing(lists, listening)) or "nothing",
        **{
            f"intent_{each.intent}": f"{len(each.draft.slots)} of {each.wishes.size}"
            for each in others
        },
    }

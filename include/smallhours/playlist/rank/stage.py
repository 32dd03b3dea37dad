"""The stage `rank_candidates`: it scores all candidates and chooses the night's playlists.

It reads the evidence, scores the tracks, selects the lists, words the reasons, and writes
`recommendations`: the rows of the main playlist and of every intent. Figures about the main list
are written to `metrics`.
"""

from collections.abc import Collection, Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from smallhours.catalog.features import features_by_track
from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.listener_settings import ListenerSettings
from smallhours.nights import Night
from smallhours.playlist.explain.description import describe_basis
from smallhours.playlist.explain.listening_times import ListeningTimes
from smallhours.playlist.explain.reasons import Reason, ReasonWriter
from smallhours.playlist.explain.track_evidence import collect_evidence, strongest_seeds
from smallhours.playlist.intents import score_intent
from smallhours.playlist.rank.evidence import Evidence, read_evidence, read_features
from smallhours.playlist.rank.scores import ADDED_BY, ListenerContext
from smallhours.playlist.select.nightly_list import NightlyList, build_list, exclusions
from smallhours.playlist.select.quality import (
    Quality,
    alarms_of,
    measure_quality,
    missing_data,
    raise_alarms,
)
from smallhours.playlist.select.shortlist import seed_owner
from smallhours.playlist_settings import MAIN, PlaylistSettings
from smallhours.services.set_aside import set_aside_on
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.training.evaluation.metrics import store_metrics
from smallhours.training.evaluation.receptions import (
    Reception,
    promise,
    promise_metric,
    read_receptions,
)
from smallhours.training.ranking.fusion import Fusion, default_fusion
from smallhours.training.taste.model import load_taste
from smallhours.vocabulary import Route

# The number of considered tracks that are recorded with their scores: main list and intents.
MAX_RECORDED = 2_000
MAX_RECORDED_PER_INTENT = 200
# The number of a track's strongest seeds whose artists' hours of the week are looked up.
MAX_SEEDS_WITH_HOURS = 3
# Contributions of signals are recorded with three digits; smaller ones round to 0.000.
MIN_CONTRIBUTION = 0.0005

_COLUMNS = [column.name for column in RECOMMENDATIONS.columns]


def rank_candidates(
    listener: str,
    lake: Lake,
    *,
    settings: Settings,
    night: Night,
    size: int | None = None,
    exploration: float | None = None,
    fusion: Fusion | None = None,
) -> Summary:
    """Score all candidates, choose tonight's lists with a reserve each, and word their reasons.

    Args:
        listener: Whose lists.
        lake: The lake.
        settings: For the listener's wishes.
        night: The night; the same lake and night give the same lists.
        size: Tracks in the main list, instead of the setting.
        exploration: Share of less certain picks in the main list, 0-1, instead of the setting.
        fusion: The weights of the signals, instead of the default.

    Returns:
        How many tracks were `considered` and `eligible` for the main list, why the others were
        `excluded`; how many were `chosen`, by how many `artists`, how many of them `explored`, and
        the `reserve`; the list's `diversity` (mean distance by tags, 0-1) and `calibration_kl`
        (nats off the listener's mix of tags), and its other figures in words (`quality`); the
        `model`; what is `missing`; for each further playlist, `intent_<key>`, how many tracks it
        has; the `alarms`, if there are any; and the `basis` of the lists, while that is little or
        still being read.

    Raises:
        NotEnoughData: there are no candidates.
    """
    me = settings.listener(listener)
    playlists = _settings_by_intent(me, size, exploration)
    listener_context = _read_context(listener, lake, [*playlists.values()], me.timezone, night)
    weights = fusion or _default_fusion(listener_context)
    lists = choose_lists(listener, me, playlists, listener_context, weights)
    hours = ListeningTimes(listener_context.evidence.plays, listener_context.zone)
    rows = [rows_of(each, listener_context, hours) for each in lists]
    lake.replace(
        RECOMMENDATIONS,
        pd.concat(rows, ignore_index=True)[_COLUMNS],
        partition={"listener": listener, "night": night.date.isoformat()},
    )
    quality = measure_quality(lake, listener, lists[0], listener_context, before=night.date)
    past = {each.intent: _past(lake, listener, each, night) for each in lists}
    promises = {each.intent: promise(past[each.intent], len(each.draft.slots)) for each in lists}
    alarms = raise_alarms(lake, listener, past[MAIN], night=night.date)
    promised = [
        promise_metric(found, len(each.draft.slots), intent=each.intent)
        for each in lists
        if (found := promises[each.intent])
    ]
    figures = [*quality.metrics(), *promised, *alarms]
    store_metrics(lake, figures, listener=listener, night=night)
    told = {"alarms": " ".join(map(str, alarms_of(alarms)))} if alarms else {}
    if basis := describe_basis(lake, listener, me, night=night):
        told["basis"] = basis
    return _summary(lists, listener_context, quality) | told


def _past(lake: Lake, listener: str, nightly_list: NightlyList, night: Night) -> list[Reception]:
    return read_receptions(lake, listener, before=night.date, intent=nightly_list.intent)


def lists_with(
    listener: str, lake: Lake, variants: Sequence[Settings], night: Night
) -> list[dict[str, str]]:
    """Return the main list that the night would have with each of some settings; nothing is stored.

    Args:
        listener: Whose list.
        lake: The lake.
        variants: The settings.
        night: The night.

    Returns:
        For each of the settings, `artist – title` by track key, in the order of choice.

    Raises:
        NotEnoughData: there are no candidates.
    """
    people = [settings.listener(listener) for settings in variants]
    playlists = [each for me in people for each in me.playlists.values()]
    listener_context = _read_context(listener, lake, playlists, people[0].timezone, night)
    fusion = _default_fusion(listener_context)
    tracks = listener_context.evidence.tracks
    names = (tracks["artist"] + " – " + tracks["title"]).to_dict()
    chosen = [
        choose_lists(listener, me, me.playlists, listener_context, fusion)[0].draft.slots
        for me in people
    ]
    return [{key: names[key] for key in slots} for slots in chosen]


def _read_context(
    listener: str, lake: Lake, playlists: Sequence[PlaylistSettings], timezone: str, night: Night
) -> ListenerContext:
    """Read all that the choice of some playlists needs."""
    familiar = any(each.not_played_days is not None for each in playlists)
    evidence = read_evidence(lake, listener, night=night, familiar=familiar)
    if evidence.votes.empty:
        refusals = set_aside_on(lake, listener, night.date).values()
        raise _not_enough(listener, evidence, refusals)
    return ListenerContext.of(
        evidence,
        taste=load_taste(lake, listener),
        features=read_features(lake, {*evidence.tracks.index, *evidence.history.tracks.index}),
        night=night,
        zone=ZoneInfo(timezone),
    )


def _default_fusion(listener_context: ListenerContext) -> Fusion:
    picks = len(listener_context.evidence.picks)
    return default_fusion(listener_context.space.tags_per_track, picks)


def _settings_by_intent(
    me: ListenerSettings, size: int | None, exploration: float | None
) -> dict[str, PlaylistSettings]:
    """Return the settings of each list, with tonight's overrides for the main one."""
    asked = {"size": size, "exploration": exploration}
    tonight = {name: value for name, value in asked.items() if value is not None}
    return {**me.playlists, MAIN: me.playlist.model_copy(update=tonight)}


def _not_enough(listener: str, evidence: Evidence, refusals: Collection[str]) -> NotEnoughData:
    if evidence.history.tracks.empty:
        lacking = f"Nothing is known of {listener} yet: no plays, nothing saved or loved."
        remedy = (
            "Name some artists that you like (`favourite_artists`, on the page Settings), play "
            "some music with scrobbling on, save or love a few tracks, or import your Spotify "
            "export. The next night reads it, or “Make tonight's list now” on the page Tonight."
        )
    else:
        lacking = f"There are no candidates for {listener}."
        remedy = (
            "Trigger the DAGs sync_listening and refresh_catalog first; they need some listening "
            "history to start from."
        )
    if refusals:
        lacking = " ".join([lacking, *refusals])
        remedy = "Put that right, then trigger the DAGs sync_listening and refresh_catalog again."
    return NotEnoughData(lacking, remedy=remedy)


def choose_lists(
    listener: str,
    me: ListenerSettings,
    playlists: dict[str, PlaylistSettings],
    listener_context: ListenerContext,
    fusion: Fusion,
) -> list[NightlyList]:
    """Choose the lists one after the other, none with a track of another; then fill their reserves.

    Args:
        listener: Whose, for what is drawn.
        me: Their settings.
        playlists: The wishes for each list, the main one first.
        listener_context: All that is known.
        fusion: The weights of the signals.
    """
    bars = {
        intent: exclusions(listener_context, playlist_settings)
        for intent, playlist_settings in playlists.items()
    }
    rng = listener_context.night.rng
    scored = listener_context.score(bars[MAIN] == "", fusion, rng(listener, "taste centres"))
    purposes = {
        key: score_intent(each, listener_context)
        for key, each in me.intents.items()
        if key in playlists
    }
    lists: list[NightlyList] = []
    elsewhere: set[str] = set()
    for intent, playlist_settings in playlists.items():
        purpose = "exploration" if intent == MAIN else f"exploration of {intent}"
        each = build_list(
            intent,
            playlist_settings,
            purposes.get(intent),
            listener_context=listener_context,
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


def rows_of(
    nightly_list: NightlyList, listener_context: ListenerContext, hours: ListeningTimes
) -> pd.DataFrame:
    """Return the rows of `recommendations` of one list.

    Args:
        nightly_list: The list.
        listener_context: All that is known.
        hours: When the listener plays what.
    """
    evidence, draft = listener_context.evidence, nightly_list.draft
    features = listener_context.features
    features = features[features["track_key"].isin({*draft.slots, *draft.reserve})]
    listed = draft.ordered(features_by_track(features), nightly_list.playlist_settings.arc)
    most = MAX_RECORDED if nightly_list.intent == MAIN else MAX_RECORDED_PER_INTENT
    scored, settled = nightly_list.scored, [*listed, *draft.reserve]
    scored = scored[(scored["rank_by_score"] <= most) | scored.index.isin(settled)]
    recorded = draft.rows(scored, listed).join(evidence.tracks[["artist", "title"]])
    written = _reasons(nightly_list, listener_context, hours, recorded.loc[settled], features)
    silent = Reason("", None)
    reasons = [written.get(key, silent) for key in recorded.index]
    rows = recorded.assign(
        rank=recorded["rank"].astype("Int32").where(nightly_list.eligible.loc[recorded.index]),
        intent=nightly_list.intent,
        reason=[reason.text for reason in reasons],
        reason_kind=pd.Series([reason.kind for reason in reasons], recorded.index, dtype=object),
        seeds=pd.Series(strongest_seeds(evidence.votes, recorded.index), index=recorded.index),
        added=pd.Series(_contributions(scored.reindex(recorded.index)), index=recorded.index),
    )
    return rows.rename_axis("track_key").reset_index()


def _contributions(scored: pd.DataFrame) -> list[list[str]]:
    """Return the contribution of each signal to each track's score, as text, the largest first."""
    columns = [name for name in scored.columns if name.startswith(ADDED_BY)]
    names = [name.removeprefix(ADDED_BY) for name in columns]
    values = scored[columns].fillna(0.0).to_numpy(dtype=float)
    order = np.argsort(-values, axis=1, kind="stable")
    return [
        [f"{names[at]} {row[at]:.3f}" for at in best if row[at] >= MIN_CONTRIBUTION]
        for row, best in zip(values, order.tolist(), strict=True)
    ]


def _reasons(
    nightly_list: NightlyList,
    listener_context: ListenerContext,
    hours: ListeningTimes,
    named: pd.DataFrame,
    features: pd.DataFrame,
) -> dict[str, Reason]:
    """Return the reason of each track of the list and of its reserve."""
    evidence = listener_context.evidence
    purpose = nightly_list.purpose

    def usual_time(seeds: Sequence[tuple[str, str]]) -> str:
        owners = dict.fromkeys(seed_owner(route, key) for route, key in seeds if route != Route.TAG)
        return hours.usual_time(list(owners)[:MAX_SEEDS_WITH_HOURS])

    track_evidence = collect_evidence(
        evidence.votes,
        named,
        tags=listener_context.descriptive_tags,
        is_nameable=lambda tag: evidence.tags.name(tag) in evidence.nameable.names,
        features=features,
        eligible=int(nightly_list.eligible.sum()),
        hours=usual_time,
        intent_evidence=purpose.intent_evidence(named.index) if purpose else {},
    )
    writer = ReasonWriter(
        evidence.history, listener_context.profile, length=len(nightly_list.draft.slots)
    )
    return {each.track_key: writer.write(each) for each in track_evidence}


def _summary(
    lists: Sequence[NightlyList], listener_context: ListenerContext, quality: Quality
) -> Summary:
    main, *others = lists
    slots = main.draft.slots
    excluded = [f"{why} {count:,}" for why, count in main.excluded.items()]
    return {
        "considered": len(main.scored),
        "eligible": int(main.eligible.sum()),
        "excluded": ", ".join(excluded) or "none",
        "chosen": len(slots),
        "artists": len(set(map(artist_key_in, slots))),
        "explored": len(main.draft.propensity),
        "reserve": len(main.draft.reserve),
        "diversity": round(quality.diversity, 3),
        "calibration_kl": round(quality.calibration_kl, 3),
        "quality": str(quality),
        "model": "none yet" if listener_context.taste is None else listener_context.taste.name,
        "missing": "; ".join(missing_data(lists, listener_context)) or "nothing",
        **{
            f"intent_{each.intent}": f"{len(each.draft.slots)} of {each.playlist_settings.size}"
            for each in others
        },
    }

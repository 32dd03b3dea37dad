"""Lakes for the scale benchmark: one listener's, a larger catalog around it, and a longer history.

A larger catalog is made of copies: every track, tag, neighbour and id again, by other artists, as
other listeners would have brought them. Measured features of copies are from a source that may not
be learned from, and those that are asked had nothing: there is nothing new to ask or to learn.
"""

import datetime as dt
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.support.stage_process import ScaleCredentials, run_stage, settings_of
from benchmarks.train_cost import write_world
from smallhours.identity import SEPARATOR, artist_key_in
from smallhours.lake.list_tables import PLAYLISTS, PROFILE, RECOMMENDATIONS
from smallhours.lake.schema import Table
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import (
    ARTIST_TAGS,
    AUDIO_FEATURES,
    CANDIDATES,
    FEEDBACK,
    LIBRARY,
    PLAYS,
    RECORDINGS,
    SIMILAR,
    TRACK_TAGS,
    TRACKS,
)
from smallhours.listening.plays import month_of
from smallhours.run_context import RunContext
from smallhours.runs import NIGHTLY
from smallhours.vocabulary import Provenance
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.simulation.installation import LISTENER
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World

# The first night asks for less than it could; the second one catches up.
NIGHTS_BEFORE, NIGHT = ("2026-11-02", "2026-11-03"), "2026-11-04"
STATE = "sandbox.npz"
# The columns of each table that name a track or an artist.
_NAMES = {
    TRACKS: ("track_key", "artist_key", "artist"),
    TRACK_TAGS: ("track_key",),
    ARTIST_TAGS: ("artist_key", "artist"),
    AUDIO_FEATURES: ("track_key",),
    SIMILAR: ("seed_key", "neighbour_key", "artist"),
    RECORDINGS: ("track_key",),
}
_OF_LISTENERS = (PLAYS, LIBRARY, FEEDBACK, CANDIDATES, PLAYLISTS, PROFILE, RECOMMENDATIONS)
# Kinds of neighbours whose seed is a tag, which has no copy.
_OF_TAGS = ("tag_tracks", "chart")


def write_two_nights(folder: Path, world: World) -> None:
    """Write a lake, live through two nights, and keep the sandbox's state one day later."""
    lake, begun = folder / "lake", folder / "begun"
    state = SandboxState(world)
    with SandboxServer(state) as server:
        settings = settings_of(server.url, begun)
        for date in NIGHTS_BEFORE:
            night = settings.night(LISTENER, date)
            state.advance(max(state.now, night.as_of.timestamp()))
            if not begun.exists():
                write_world(Lake(str(begun)), world, settings=settings, night=night)
            with RunContext(LISTENER, night, settings, ScaleCredentials()) as run:
                for stage in (stage for stages in NIGHTLY.values() for stage in stages):
                    stage(run)
        state.advance(settings.night(LISTENER, NIGHT).as_of.timestamp())
        state.save(folder / STATE)
    begun.rename(lake)


@contextmanager
def day_after(folder: Path, world: World) -> Iterator[str]:
    """Serve the sandbox as it is one day later; yield its address."""
    with SandboxServer(SandboxState.load(folder / STATE, world)) as server:
        yield server.url


def enlarge_catalog(source: Path, target: Path, *, copies: int, listeners: bool = False) -> None:
    """Copy a lake, with so many copies of its catalog, and of its listener if wanted."""
    shutil.copytree(source, target)
    lake = Lake(str(target))
    for table in _NAMES:
        rows = lake.read(table)
        if table is SIMILAR:
            of_tags = pc.is_in(rows["kind"], value_set=pa.array(_OF_TAGS))
            rows = rows.filter(pc.invert(of_tags))
        for part in _by_prefix([_copy(table, rows, at) for at in range(1, copies + 1)]):
            lake.merge(table, part)
    for at in range(1, copies + 1) if listeners else ():
        for table in _OF_LISTENERS:
            rows = lake.read(table, where={"listener": LISTENER})
            names = [each for each in ("track_key", "artist") if each in rows.schema.names]
            copy = _renamed(rows.to_pandas(), names, at).assign(listener=f"other{at}")
            lake.merge(table, copy)


def _by_prefix(copies: list[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Yield all rows of some prefixes at a time, to write each file once."""
    rows = pd.concat(copies, ignore_index=True)
    for _, part in rows.groupby(rows["prefix"].str[-1]):
        yield part


def _copy(table: Table, rows: pa.Table, at: int) -> pd.DataFrame:
    copy = _renamed(rows.to_pandas(), _NAMES[table], at)
    if table is AUDIO_FEATURES:
        copy = _measured_elsewhere(copy)
    owner = next(each for each in ("artist_key", "track_key", "seed_key") if each in copy)
    owners = copy[owner].map(artist_key_in)
    return copy.assign(prefix=owners.map({each: prefix_of(each) for each in owners.unique()}))


def _measured_elsewhere(copy: pd.DataFrame) -> pd.DataFrame:
    """Return features whose sources were asked and had nothing, and that Spotify measured."""
    measured = copy["source"] != Provenance.PREDICTED
    asked = copy[measured].drop_duplicates(["track_key", "source"]).assign(feature="", value=None)
    copy["source"] = copy["source"].where(~measured, Provenance.SPOTIFY)
    rows = pd.concat([copy, asked.astype(copy.dtypes)], ignore_index=True)
    return rows.drop_duplicates([*AUDIO_FEATURES.partition, *AUDIO_FEATURES.key])


def _renamed(rows: pd.DataFrame, names: tuple[str, ...] | list[str], at: int) -> pd.DataFrame:
    """Return rows about other artists: `abba · fernando` becomes `abba copy 3 · fernando`."""
    for name in names:
        known = rows[name].unique()
        new = {each: _other_name(each, at) for each in known}
        rows[name] = rows[name].map(new)
    return rows


def _other_name(name: str, at: int) -> str:
    if not name:
        return name
    artist, separator, rest = name.partition(SEPARATOR)
    return f"{artist} copy {at}{separator}{rest}"


def lengthen_history(source: Path, target: Path, *, times: int) -> None:
    """Copy a lake with so many times as many plays, between those that are there."""
    shutil.copytree(source, target)
    lake = Lake(str(target))
    plays = lake.frame(PLAYS, where={"listener": LISTENER}).drop(columns=["listener", "month"])
    # What Last.fm is asked about again tonight stays as it is there.
    plays = plays[plays["played_at"] < plays["played_at"].max() - dt.timedelta(days=40)]
    for at in range(1, times):
        rows = plays.assign(played_at=plays["played_at"] + dt.timedelta(hours=7 * at, seconds=at))
        rows["month"] = month_of(rows["played_at"])
        lake.merge(PLAYS, rows, partition={"listener": LISTENER})


_SETTLING = (
    "update_tracks",
    "fetch_tags",
    "train_taste",
    "evaluate_ranking",
    "train_audio_features",
    "predict_audio_features",
)


def settle(lake: Path, url: str, *, listeners: int = 1) -> None:
    """Run some stages once, so that tonight has nothing new for them.

    What a lake knows of its own files - packs, and what models and predictions follow from - is not
    true of a copy.
    """
    for verb in _SETTLING:
        run_stage(verb, lake, url, NIGHTS_BEFORE[-1], listeners=listeners)

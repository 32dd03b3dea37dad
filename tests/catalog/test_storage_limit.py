"""Tests of the limit on what is stored of Last.fm: measured, reported, and enforced."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from smallhours.catalog.lastfm_data import MEGABYTE, enforce_limit, footprint
from smallhours.lake.schema import Table
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import ARTIST_TAGS, PLAYS, RECORDINGS, SIMILAR, TRACK_TAGS
from tests.training.lakes import NIGHT, add_artist_tags, add_plays, add_track_tags

FRESH_DAYS = 60
PLAYED = [f"played {at} · song" for at in range(5)]
FORGOTTEN = [f"forgotten {at} · song" for at in range(300)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return a lake with five tracks that are played, and three hundred that nothing needs."""
    lake = Lake(str(tmp_path / "lake"))
    add_plays(lake, dict.fromkeys(PLAYED, 3))
    # Each has words of its own, since a file of what repeats is small, however many its rows.
    words = {
        key: {f"word {n * at * 7919 % 9973} of {n}": at for at in range(1, 40)}
        for n, key in enumerate([*PLAYED, *FORGOTTEN], start=1)
    }
    add_track_tags(lake, words)
    add_artist_tags(lake, {key.split(" · ")[0]: tags for key, tags in words.items()})
    return lake


def stored(lake: Lake) -> float:
    return sum(footprint(lake).values()) / MEGABYTE


def keep(lake: Lake, megabytes: float) -> dict[str, int | float | str]:
    return enforce_limit(lake, megabytes, night=NIGHT.date, fresh_days=FRESH_DAYS)


def owners(lake: Lake, table: Table = TRACK_TAGS) -> set[str]:
    return set(lake.frame(table, columns=[table.key[0]])[table.key[0]])


def test_every_table_is_measured_as_it_lies_on_the_disk(lake: Lake, tmp_path: Path) -> None:
    sizes = footprint(lake)
    files = (tmp_path / "lake" / "track_tags").rglob("*.parquet")
    assert sizes["track_tags"] == sum(file.stat().st_size for file in files)
    assert set(sizes) >= {"plays", "tracks", "track_tags", "artist_tags", "similar", "library"}


def test_plays_count_by_the_share_that_last_fm_reported(lake: Lake) -> None:
    whole = footprint(lake)["plays"]
    rows = lake.frame(PLAYS).drop(columns="listener")
    rows["sources"] = [["export"]] * len(rows)
    lake.merge(PLAYS, rows, partition={"listener": "ada"})
    assert whole > 0
    assert footprint(lake)["plays"] == 0


def test_an_empty_lake_holds_nothing(tmp_path: Path) -> None:
    assert stored(Lake(str(tmp_path / "none"))) == 0


def test_a_bucket_is_measured_like_a_folder(tmp_path: Path) -> None:
    lake = Lake(f"memory://{tmp_path}")
    add_track_tags(lake, {"a · b": {"dub": 3}})
    assert footprint(lake)["track_tags"] > 0


def test_within_the_limit_nothing_is_dropped(lake: Lake) -> None:
    before = owners(lake)
    (told,) = keep(lake, 100.0).items()
    assert told[0] == "lastfm_megabytes_at_most"
    assert 0 < stored(lake) <= float(told[1]) + 0.005
    assert owners(lake) == before


def test_what_others_told_does_not_count(lake: Lake) -> None:
    rows = lake.frame(TRACK_TAGS)
    lake.merge(TRACK_TAGS, rows.assign(source="musicbrainz"))
    between = stored(lake) * 1.01

    assert keep(lake, between) == {"lastfm_megabytes": round(stored(lake), 2)}


def test_over_the_limit_what_nothing_needs_goes_until_it_fits(lake: Lake) -> None:
    limit = stored(lake) * 0.7
    said = keep(lake, limit)
    assert stored(lake) <= limit
    assert int(said["lastfm_rows_dropped"]) > 0
    assert "lastfm_over" not in said
    assert set(PLAYED) <= owners(lake)
    assert owners(lake) & set(FORGOTTEN)


def test_plays_and_what_the_listener_needs_never_go_and_it_says_so(lake: Lake) -> None:
    plays = lake.frame(PLAYS)
    said = keep(lake, 0.0001)
    assert lake.frame(PLAYS).equals(plays)
    assert owners(lake) == set(PLAYED)
    assert owners(lake, ARTIST_TAGS) == {key.split(" · ")[0] for key in PLAYED}
    assert "seed_artists" in str(said["lastfm_over"])


def test_the_longest_unasked_go_first_and_answers_go_whole(lake: Lake) -> None:
    rows = lake.frame(TRACK_TAGS)
    old = rows["track_key"].isin(FORGOTTEN[:150])
    lake.merge(TRACK_TAGS, rows[old].assign(fetched_at=NIGHT.date - dt.timedelta(days=200)))
    keep(lake, stored(lake) * 0.999)
    left = lake.frame(TRACK_TAGS)
    assert not owners(lake) >= set(FORGOTTEN[:150])
    assert owners(lake) >= set(FORGOTTEN[150:]) or not owners(lake) & set(FORGOTTEN[:150])
    assert (left.groupby("track_key")["tag"].size() == 39).all()


def test_only_stale_neighbours_go(lake: Lake) -> None:
    for seed, days in (("old", FRESH_DAYS + 1), ("new", 1)):
        rows = pd.DataFrame({"neighbour_key": [f"n {at}" for at in range(50)]}).assign(
            kind="artist", seed_key=seed, source="lastfm", artist="N", mbid=None,
            match=0.5, rank=1,
            fetched_at=NIGHT.date - dt.timedelta(days=days), prefix=prefix_of(seed),
        )  # fmt: skip
        lake.merge(SIMILAR, rows)
    keep(lake, 0.0001)
    assert set(lake.frame(SIMILAR)["seed_key"]) == {"new"}


def test_only_what_lastfm_told_counts_and_goes(lake: Lake) -> None:
    before = footprint(lake)["track_tags"]
    theirs = lake.frame(TRACK_TAGS).assign(source="musicbrainz")
    lake.merge(TRACK_TAGS, theirs)
    nothing = {column.name: None for column in RECORDINGS.columns if column.nullable}
    row = {"track_key": "a · b", "method": "miss", "looked_up": NIGHT.date, "prefix": "00"}
    lake.merge(RECORDINGS, pd.DataFrame([{**nothing, **row}]))
    assert footprint(lake)["track_tags"] < 1.5 * before
    keep(lake, 0.0001)
    rows = lake.frame(TRACK_TAGS)
    assert (rows["source"] == "musicbrainz").sum() == len(theirs)
    assert set(rows.loc[rows["source"] == "lastfm", "track_key"]) == set(PLAYED)

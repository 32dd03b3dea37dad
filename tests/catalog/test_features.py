"""Tests of audio features from several sources: precedence, and refusals."""

import datetime as dt
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.catalog.feature_sources import (
    FeatureSource,
    fetch_from_source,
    fetch_from_spotify,
    fetch_optional,
)
from smallhours.catalog.features import features_by_track, import_features
from smallhours.catalog.stages import fetch_audio_features, update_tracks
from smallhours.errors import Refused, RetryLater
from smallhours.identity import identify
from smallhours.lake.store import Lake
from smallhours.lake.tables import AUDIO_FEATURES, FEATURES, TRACKS
from smallhours.listening.stages import sync_scrobbles
from smallhours.service_settings import AcousticbrainzSettings
from smallhours.services.audio_features import AcousticbrainzClient
from smallhours.services.retry_and_rate_limit import RetryPolicy
from smallhours.services.set_aside import Tally
from smallhours.vocabulary import Provenance
from tests.service_fixtures import ServiceFixture
from tests.services.scripted import unlimited_rate

NIGHT = dt.date(2026, 11, 2)


def rows(*values: tuple[str, str, str, float | None]) -> pd.DataFrame:
    return pd.DataFrame(values, columns=["track_key", "source", "feature", "value"])


def test_the_most_believed_source_gives_the_value() -> None:
    said = [("a · b", source, "energy", at / 10) for at, source in enumerate(reversed(Provenance))]
    wide = features_by_track(rows(*said))
    assert wide.loc["a · b", "energy"] == (len(Provenance) - 1) / 10
    assert wide.loc["a · b", "source"] == "spotify"


def test_what_one_source_lacks_the_next_one_fills() -> None:
    wide = features_by_track(
        rows(
            ("a · b", "reccobeats", "energy", 0.5),
            ("a · b", "reccobeats", "tempo", None),
            ("a · b", "acousticbrainz", "tempo", 120.0),
            ("a · b", "acousticbrainz", "energy", 0.1),
        )
    )
    assert wide[["energy", "tempo"]].to_numpy().tolist() == [[0.5, 120.0]]


def test_an_impossible_value_is_no_value() -> None:
    wide = features_by_track(
        rows(("a · b", "spotify", "energy", 7.0), ("a · b", "dataset", "energy", 0.3))
    )
    assert wide.loc["a · b", "energy"] == 0.3


def test_only_those_who_are_asked_are_believed() -> None:
    said = rows(("a · b", "spotify", "energy", 0.9), ("a · b", "dataset", "energy", 0.3))
    assert features_by_track(said, ["dataset"]).loc["a · b", "energy"] == 0.3
    assert features_by_track(said, []).empty


def test_nothing_measured_is_an_empty_frame_with_all_columns() -> None:
    assert list(features_by_track(rows()).columns) == [*FEATURES, "source"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a · b", "c · d"]),
            st.sampled_from(list(Provenance)),
            st.sampled_from(["energy", "tempo"]),
            st.floats(0, 1),
        ),
        unique_by=lambda row: row[:3],
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_rows_decides_nothing(
    said: list[tuple[str, str, str, float | None]], random: Random
) -> None:
    turned = list(said)
    random.shuffle(turned)
    pd.testing.assert_frame_equal(features_by_track(rows(*said)), features_by_track(rows(*turned)))


# Against the sandbox


@pytest.fixture
def home(household: ServiceFixture) -> ServiceFixture:
    about = {"settings": household.settings, "night": household.night()}
    sync_scrobbles("default", household.lake, household.lastfm, **about)  # type: ignore[arg-type]
    update_tracks("default", household.lake, **about)  # type: ignore[arg-type]
    return household


@pytest.fixture
def acousticbrainz(home: ServiceFixture) -> Iterator[AcousticbrainzClient]:
    settings = AcousticbrainzSettings(api_url=f"{home.sandbox.url}/acousticbrainz/api/v1/")
    with AcousticbrainzClient(
        settings=settings,
        rate_limit=unlimited_rate(),
        retry_policy=RetryPolicy(initial_wait_s=0.01),
    ) as client:
        yield client


def test_the_archive_is_asked_once_by_mbid_and_never_again(
    home: ServiceFixture, acousticbrainz: AcousticbrainzClient
) -> None:
    about = {"settings": home.settings, "night": home.night()}
    first = fetch_audio_features("default", home.lake, home.reccobeats, acousticbrainz, **about)  # type: ignore[arg-type]
    stored = home.lake.frame(AUDIO_FEATURES)
    theirs = stored[stored["source"] == "acousticbrainz"]
    known = home.lake.frame(TRACKS, columns=["track_key", "mbid"]).dropna()
    assert set(theirs["track_key"]) == set(known["track_key"])
    assert first["acousticbrainz_asked"] == len(known)
    assert 0 < int(first["acousticbrainz_found"]) < len(known)
    assert (theirs["feature"] == "").sum() == len(known) - int(first["acousticbrainz_found"])
    acousticbrainz.calls.clear()
    later = {**about, "night": home.night("2027-11-02")}
    fetch_audio_features("default", home.lake, home.reccobeats, acousticbrainz, **later)  # type: ignore[arg-type]
    assert acousticbrainz.calls.total() == 0


def test_spotify_switches_itself_off_when_refused_and_says_so_once(
    home: ServiceFixture, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lake = Lake(str(tmp_path / "small"))
    _remember(lake, {"a · b": "1" * 22})
    weights = pd.Series({"a · b": 1.0})
    with caplog.at_level(logging.WARNING):
        for day in range(4):
            night = NIGHT + dt.timedelta(days=day)
            said = fetch_from_spotify(
                lake, home.spotify, weights, night=night, fresh_days=60, tally=Tally()
            )
            assert "skipped" in said
    assert home.spotify.calls["GET audio-features"] == 1
    assert sum("no audio features" in line for line in caplog.messages) == 1
    assert lake.frame(AUDIO_FEATURES).empty


def test_long_after_a_refusal_one_call_finds_out_whether_it_still_holds(
    home: ServiceFixture, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lake = Lake(str(tmp_path / "small"))
    _remember(lake, {"a · b": "1" * 22})
    weights = pd.Series({"a · b": 1.0})
    for day in (0, 61, 62):
        night = NIGHT + dt.timedelta(days=day)
        fetch_from_spotify(lake, home.spotify, weights, night=night, fresh_days=60, tally=Tally())
    assert home.spotify.calls["GET audio-features"] == 2
    assert sum("no audio features" in line for line in caplog.messages) == 1


# One source


def failing_after(batches: int) -> tuple[FeatureSource, list[Sequence[str]]]:
    """Return a source that knows everything, and fails after some batches."""
    asked: list[Sequence[str]] = []

    def ask(ids: Sequence[str]) -> Mapping[str, Mapping[str, float]]:
        if len(asked) == batches:
            raise RetryLater("Somebody", "is tired.", remedy="Wait.", after=60)
        asked.append(ids)
        return {each: {"energy": 0.5} for each in ids}

    return FeatureSource(Provenance.RECCOBEATS, "spotify_id", ask, batch=2, fresh_days=60), asked


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(f"memory://{tmp_path}")
    _remember(lake, {f"artist · song {at}": f"{at:022}" for at in range(6)})
    return lake


def test_what_matters_most_is_asked_first(lake: Lake) -> None:
    source, asked = failing_after(99)
    weights = pd.Series({"artist · song 4": 1.0, "artist · song 2": 0.5})
    fetch_from_source(lake, source, weights, night=NIGHT, tally=Tally())
    assert asked[0] == [f"{4:022}", f"{2:022}"]


def test_a_failure_loses_no_answer_and_is_no_absence(lake: Lake) -> None:
    source, _ = failing_after(2)
    with pytest.raises(RetryLater):
        fetch_from_source(lake, source, pd.Series(dtype=float), night=NIGHT, tally=Tally())
    assert len(lake.frame(AUDIO_FEATURES)) == 4
    again, asked = failing_after(99)
    assert (
        fetch_from_source(lake, again, pd.Series(dtype=float), night=NIGHT, tally=Tally())["asked"]
        == 2
    )
    assert len(asked) == 1


def test_a_source_that_is_only_asked_besides_does_not_stop_the_night(lake: Lake) -> None:
    source, _ = failing_after(1)
    assert "tired" in str(
        fetch_optional(lake, source, pd.Series(dtype=float), night=NIGHT, tally=Tally())["skipped"]
    )
    assert len(lake.frame(AUDIO_FEATURES)) == 2


@pytest.mark.parametrize("size", [2, 6])
def test_one_track_that_a_batch_fails_for_is_found_and_left_out(size: int, lake: Lake) -> None:
    odd = f"{3:022}"

    def ask(ids: Sequence[str]) -> Mapping[str, Mapping[str, float]]:
        if odd in ids:
            raise Refused("ReccoBeats", "an odd id.", remedy="None.")
        return {each: {"energy": 0.5} for each in ids}

    source = FeatureSource(Provenance.RECCOBEATS, "spotify_id", ask, size, fresh_days=60)
    tally = Tally()
    fetch_from_source(lake, source, pd.Series(dtype=float), night=NIGHT, tally=tally)
    assert len(lake.frame(AUDIO_FEATURES)) == 5
    assert (tally.answered, tally.failed) == (5, 1)
    (question,) = tally.failures
    waits = Tally(noted=tally.failures, waiting=frozenset(tally.failures))
    told = fetch_from_source(lake, source, pd.Series(dtype=float), night=NIGHT, tally=waits)
    assert told["asked"] == 0
    assert list(waits.left_alone) == [question]


def features_file(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    names = ("danceability", "energy", "valence", "acousticness", "instrumentalness",
             "speechiness", "liveness")  # fmt: skip
    frame = pd.DataFrame([{**dict.fromkeys(names, 0.5), "tags": "rock", **row} for row in rows])
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_features_file_may_have_rows_without_an_artist(
    kind: str, lake: Lake, tmp_path: Path
) -> None:
    rows = [{"artist": artist, "title": "A song"} for artist in ("Somebody", " ", None)]
    path = features_file(tmp_path / f"features.{kind}", rows)

    read = import_features(lake, path, night=NIGHT)

    assert (read["tracks"], read["nameless"]) == (1, 2)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_names_in_a_features_file_are_texts_whatever_they_look_like(
    kind: str, lake: Lake, tmp_path: Path
) -> None:
    titles = ["None", "NA", "null", "nan", "1979", "N/A", "true", "1e5", ""]
    rows = [{"artist": "311", "title": title} for title in titles]
    path = features_file(tmp_path / f"features.{kind}", rows)

    import_features(lake, path, night=NIGHT)

    stored = set(lake.frame(AUDIO_FEATURES)["track_key"])
    assert {identify("311", title).track_key for title in titles[:-1]} <= stored
    assert len(stored) == len(titles)


def test_a_value_in_a_features_file_that_is_no_number_is_none(lake: Lake, tmp_path: Path) -> None:
    odd = [{"artist": "A", "title": "One", "energy": "loud"}, {"artist": "A", "title": "Two"}]
    path = features_file(tmp_path / "features.csv", odd)

    import_features(lake, path, night=NIGHT)

    stored = lake.frame(AUDIO_FEATURES)
    counts = stored.groupby("track_key")["feature"].count()
    assert counts[identify("A", "One").track_key] == counts[identify("A", "Two").track_key] - 1


def _remember(lake: Lake, ids: Mapping[str, str]) -> None:
    frame = pd.DataFrame({"track_key": list(ids), "spotify_id": list(ids.values())})
    frame = frame.assign(
        artist_key="artist",
        artist="Artist",
        title=list(ids),
        version="",
        first_seen=NIGHT,
        prefix="00",
    )
    absent = [c.name for c in TRACKS.columns if c.name not in frame]
    lake.merge(TRACKS, frame.assign(**dict.fromkeys(absent)))

"""Tests of the weights of the listener's tracks, artists and tags."""

import datetime as dt

import pandas as pd

from smallhours.catalog.candidates import artist_weights, tag_weights, track_weights

NIGHT = dt.date(2026, 11, 2)


def plays(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "track_key": [key for key, _ in rows],
            "played_at": pd.to_datetime([day for _, day in rows], utc=True),
        }
    )


def library(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["track_key", "signal"])


def test_a_recent_play_weighs_more_than_an_old_one() -> None:
    weights = track_weights(
        plays(("a · old", "2016-11-01"), ("a · new", "2026-11-01")), library(), night=NIGHT
    )
    assert weights.index.tolist() == ["a · new", "a · old"]
    assert weights.iloc[0] == 1.0


def test_a_loved_track_outweighs_a_single_play() -> None:
    weights = track_weights(
        plays(("a · played", "2026-11-01")), library(("a · loved", "loved")), night=NIGHT
    )
    assert weights.index[0] == "a · loved"


def test_artists_and_tags_inherit_the_weight_of_their_tracks() -> None:
    tracks = pd.Series({"slowdive · alison": 1.0, "slowdive · 40 days": 1.0, "ride · drive": 0.5})
    artists = artist_weights(tracks)
    assert artists.index.tolist() == ["slowdive", "ride"]
    tags = tag_weights(
        artists,
        pd.DataFrame(
            {
                "artist_key": ["slowdive", "slowdive", "ride", "abba"],
                "tag": ["Shoegaze", "dream pop", "shoegaze", "pop"],
                "count": [100, 50, 100, 100],
            }
        ),
    )
    assert tags.index.tolist() == ["shoegaze", "dream pop"]


def test_no_history_gives_no_weights() -> None:
    weights = track_weights(plays(), library(), night=NIGHT)
    assert weights.empty
    assert artist_weights(weights).empty


def test_various_artists_are_no_artist_to_ask_about() -> None:
    weights = track_weights(
        plays(
            ("various artists · song", "2026-11-01"),
            ("va · song", "2026-11-01"),
            ("unknown · song", "2026-11-01"),
            ("low · song", "2026-11-01"),
        ),
        library(),
        night=NIGHT,
    )
    assert artist_weights(weights).index.tolist() == ["low"]

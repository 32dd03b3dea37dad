"""Tests of the tags that count for a track."""

from smallhours.training.tags import Tags, weighted_tags

TAGS = Tags(
    own={
        "slowdive · alison": {"shoegaze": 100, "dream pop": 80, "seen live": 60},
        "ride · vapour trail": {"Shoegaze": 100, "shoegaze": 40, "ride": 20},
    },
    artist={"lush": {"shoegaze": 100}, "slowdive": {"ambient": 100}},
)


def rows(track: str) -> dict[str, float]:
    frame = weighted_tags(TAGS, [track])
    return dict(zip(frame["tag"], frame["weight"], strict=True))


def test_a_track_without_tags_takes_its_artists_at_half_the_weight() -> None:
    assert rows("lush · ladykillers") == {"shoegaze": 0.5}


def test_a_tracks_own_tags_stand_alone() -> None:
    assert "ambient" not in rows("slowdive · alison")


def test_spellings_of_a_tag_are_one_and_the_stronger_stands() -> None:
    assert rows("ride · vapour trail") == {"shoegaze": 1.0}

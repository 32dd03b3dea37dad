"""Who gets into the list, and what is said of those who do not."""

import datetime as dt
import itertools
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.identity import artist_key_in, base_of
from smallhours.playlist.selection import Limits, arrange, select, why_excluded

NIGHT = dt.date(2026, 11, 2)


def candidates(keys: list[str], *, out: dict[str, str] | None = None) -> pd.DataFrame:
    """The keys, best first, with falling scores."""
    return pd.DataFrame(
        {
            "score": np.linspace(1, 0, len(keys)),
            "rank": range(1, len(keys) + 1),
            "why_not": [(out or {}).get(key, "") for key in keys],
        },
        index=pd.Index(keys, dtype="str"),
    )


def many(count: int) -> list[str]:
    return [f"artist {i} · title" for i in range(count)]


def chosen(frame: pd.DataFrame) -> list[str]:
    return frame[frame["position"].notna()].sort_values("position").index.tolist()


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def excluded(key: str, **given_: object) -> str:
    arguments: dict[str, object] = {
        "known": set(),
        "disliked": set(),
        "blocked_artists": set(),
        "shown": {},
        "night": NIGHT,
        "not_again_nights": 30,
        **given_,
    }
    return why_excluded([key], **arguments)[0]  # type: ignore[arg-type]


def test_another_version_of_what_the_listener_knows_is_known() -> None:
    known = {"ride · leave them all behind"}
    assert excluded("ride · leave them all behind", known=known) == "known"
    live = "ride · leave them all behind · live at reading"
    assert excluded(live, known=known) == "known in another version"


def test_blocked_artists_and_dislikes_are_out() -> None:
    assert excluded("ride · seagull", blocked_artists={"ride"}) == "blocked artist"
    assert excluded("ride · seagull · demo", disliked={"ride · seagull"}) == "disliked"


@pytest.mark.parametrize(
    ("nights_ago", "why"),
    [(1, "recommended 1 night ago"), (30, "recommended 30 nights ago"), (31, ""), (0, "")],
)
def test_a_pick_returns_when_its_nights_are_over(nights_ago: int, why: str) -> None:
    shown = {"ride · seagull": NIGHT - dt.timedelta(days=nights_ago)}
    assert excluded("ride · seagull", shown=shown) == why


def test_the_best_are_taken_and_the_rest_is_told_its_rank() -> None:
    keys = many(6)
    result = select(candidates(keys), Limits(2, 1, 2, 0.0), rng())
    assert chosen(result) == keys[:2]
    assert result["why_not"].tolist() == ["", "", "reserve", "rank 4", "rank 5", "rank 6"]


def test_an_artist_beyond_the_cap_is_passed_over_and_told_so() -> None:
    keys = ["ride · 1", "ride · 2", "ride · 3", "lush · 1"]
    result = select(candidates(keys), Limits(3, 0, 2, 0.0), rng())
    assert set(chosen(result)) == {"ride · 1", "ride · 2", "lush · 1"}
    assert result.loc["ride · 3", "why_not"] == "artist cap"


def test_two_versions_of_one_song_are_never_both_chosen() -> None:
    keys = ["ride · seagull", "ride · seagull · live", "lush · 1"]
    result = select(candidates(keys), Limits(3, 3, 9, 0.0), rng())
    assert chosen(result) == ["ride · seagull", "lush · 1"]
    assert result.loc["ride · seagull · live", "why_not"] == "another version is chosen"


def test_what_is_out_stays_out_and_keeps_its_reason() -> None:
    result = select(
        candidates(many(3), out={"artist 0 · title": "known"}), Limits(5, 5, 2, 0), rng()
    )
    assert result.loc["artist 0 · title", "why_not"] == "known"
    assert len(chosen(result)) == 2


def test_explorers_come_from_below_the_cut_with_their_chance_on_record() -> None:
    keys = many(100)
    result = select(candidates(keys), Limits(10, 5, 2, 0.3), rng())
    explorers = result[result["slot"] == "explore"]
    assert len(explorers) == 3
    assert (explorers["rank"] > 7).all()
    assert explorers["propensity"].between(0, 1, inclusive="neither").all()
    assert result.loc[result["slot"] != "explore", "propensity"].isna().all()


def test_the_first_draws_chances_are_those_of_drawing_from_the_pool() -> None:
    """With one explorer, the recorded chances over many seeds are its real frequencies."""
    frame = candidates(many(5))
    draws = Counter[str]()
    chance: dict[str, float] = {}
    for seed in range(300):
        result = select(frame, Limits(2, 0, 2, 0.5), rng(seed))
        key = result.index[result["slot"] == "explore"][0]
        draws[key] += 1
        chance[key] = float(result.loc[key, "propensity"])
    assert sum(chance.values()) == pytest.approx(1.0)
    for key, count in draws.items():
        assert count / 300 == pytest.approx(chance[key], abs=0.1)


def test_identical_scores_explore_evenly() -> None:
    frame = candidates(many(12)).assign(score=0.5)
    result = select(frame, Limits(4, 0, 2, 0.5), rng())
    first = result["propensity"].dropna().min()
    assert first == pytest.approx(1 / 10)


def test_the_same_seed_gives_the_same_list_and_another_seed_another() -> None:
    frame = candidates(many(200))
    lists = [tuple(chosen(select(frame, Limits(20, 5, 2, 0.5), rng(s)))) for s in (1, 1, 2)]
    assert lists[0] == lists[1] != lists[2]


def test_no_artist_comes_twice_in_a_row_where_that_can_be() -> None:
    keys = ["a · 1", "a · 2", "a · 3", "b · 1", "c · 1"]
    ordered = arrange(keys)
    assert [artist_key_in(key) for key in ordered] == ["a", "b", "a", "c", "a"]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9)), unique=True, max_size=25))
def test_arranging_loses_nothing_and_repeats_an_artist_only_when_it_must(
    tracks: list[tuple[str, int]],
) -> None:
    keys = [f"{artist} · {title}" for artist, title in tracks]
    ordered = arrange(keys)
    assert sorted(ordered) == sorted(keys)
    artists = [artist_key_in(key) for key in ordered]
    repeats = sum(one == two for one, two in itertools.pairwise(artists))
    most = max(Counter(artists).values(), default=0)
    assert repeats == max(0, most - (len(keys) - most) - 1)


KEY = st.builds(
    lambda artist, title, version: f"{artist} · {title}" + (f" · {version}" if version else ""),
    st.sampled_from("abcdefgh"),
    st.integers(0, 9),
    st.sampled_from(["", "live", "demo"]),
)


@given(
    keys=st.lists(KEY, unique=True, max_size=80),
    out=st.sets(KEY),
    size=st.integers(1, 30),
    reserve=st.integers(0, 10),
    cap=st.integers(1, 3),
    exploration=st.floats(0, 1),
    seed=st.integers(0, 3),
)
def test_whatever_comes_in_the_list_keeps_its_promises(
    keys: list[str],
    out: set[str],
    size: int,
    reserve: int,
    cap: int,
    exploration: float,
    seed: int,
) -> None:
    frame = candidates(keys, out=dict.fromkeys(out, "known"))
    result = select(frame, Limits(size, reserve, cap, exploration), rng(seed))
    listed = chosen(result)
    spare = result.index[result["why_not"] == "reserve"].tolist()
    assert sorted(result.index) == sorted(keys)
    assert len(listed) <= size
    assert len(spare) <= reserve
    assert not out & {*listed, *spare}
    assert len({base_of(key) for key in (*listed, *spare)}) == len(listed) + len(spare)
    assert max(Counter(map(artist_key_in, (*listed, *spare))).values(), default=0) <= cap
    assert sorted(result["position"].dropna()) == list(range(1, len(listed) + 1))
    assert ((result["why_not"] == "") == result["position"].notna()).all()
    assert ((result["slot"] != "") == result["position"].notna()).all()
    if len(listed) < size:
        assert not spare

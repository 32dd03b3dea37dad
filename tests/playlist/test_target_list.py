"""Tests of the check that a list is fit to replace yesterday's."""

from dataclasses import replace

from smallhours.playlist.publish.plan import PlannedTrack
from smallhours.playlist.publish.target_list import TargetList, degenerate_reason
from smallhours.playlist_settings import PlaylistSettings

WISHES = PlaylistSettings(shortest=3)


def tonight(
    count: int, *, chosen: int | None = None, artists: int = 9, equal: bool = False
) -> TargetList:
    wanted = tuple(
        PlannedTrack(f"a{n} · t", f"spotify:track:{n}", f"A{n % artists}", "T")
        for n in range(count)
    )
    scores = tuple(0.5 if equal else 1 / (n + 1) for n in range(count))
    return TargetList(
        wanted, count if chosen is None else chosen, scores, tuple(() for _ in wanted)
    )


def test_a_good_list_is_fit() -> None:
    assert degenerate_reason(tonight(5), WISHES) == ""


def test_one_that_is_too_short_says_its_numbers() -> None:
    why = degenerate_reason(tonight(2, chosen=4), WISHES)
    assert "has 2 tracks; the shortest allowed is 3." in why


def test_not_found_is_said_of_those_that_were_looked_for() -> None:
    short = replace(tonight(1, chosen=2), missing=("Ride – Leave",), service="your server")

    why = degenerate_reason(short, WISHES)

    assert "has 1 track (of 2 chosen, 1 not found at your server); the shortest" in why


def test_one_whose_ids_do_not_resolve() -> None:
    assert "Only 4 of the 10 tracks" in degenerate_reason(tonight(4, chosen=10), WISHES)


def test_one_artist() -> None:
    assert "All 5 tracks of tonight's list are by A0" in degenerate_reason(
        tonight(5, artists=1), WISHES
    )


def test_all_known() -> None:
    known = frozenset(f"a{n} · t" for n in range(5))
    assert "the listener has played" in degenerate_reason(tonight(5), WISHES, known=known)
    assert degenerate_reason(tonight(6), WISHES, known=known) == ""


def test_all_known_is_what_a_list_of_forgotten_music_is_for() -> None:
    known = frozenset(f"a{n} · t" for n in range(5))
    forgotten = PlaylistSettings(shortest=3, not_played_days=180)
    assert degenerate_reason(tonight(5), forgotten, known=known) == ""


def test_scores_that_are_all_equal() -> None:
    assert "the same score, 0.500" in degenerate_reason(tonight(5, equal=True), WISHES)


def test_candidates_that_hold_nothing_of_what_the_listener_likes() -> None:
    assert "held 0.4% of what" in degenerate_reason(tonight(5), WISHES, recall=0.004)
    assert degenerate_reason(tonight(5), WISHES, recall=0.2) == ""

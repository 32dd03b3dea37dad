"""What will stand in the playlist, and what is said about the difference."""

from hypothesis import given
from hypothesis import strategies as st

from smallhours.playlist.plan import MOST_ITEMS, Change, Wanted, plan, why_degenerate


def track(name: str) -> str:
    return f"spotify:track:{name}"


def wanted(*names: str) -> list[Wanted]:
    return [Wanted(f"{n} · title", track(n), n.upper(), "Title") for n in names]


def uris(*names: str) -> list[str]:
    return [track(name) for name in names]


def test_yesterdays_tracks_make_room_for_tonights() -> None:
    planned = plan(wanted("a", "b"), uris("x", "a"), last={*uris("x", "a")})
    assert planned.uris == uris("a", "b")
    assert planned.changes == (
        Change("remove", track("x"), "from an earlier night"),
        Change("add", track("b"), "tonight's pick: B – Title"),
    )


def test_what_the_listener_added_stays_at_the_end_in_their_order() -> None:
    planned = plan(wanted("a"), uris("mine", "x", "yours"), last={track("x")})
    assert planned.uris == uris("a", "mine", "yours")
    assert planned.additions == tuple(uris("mine", "yours"))


def test_an_episode_that_the_listener_added_stays_too() -> None:
    assert plan(wanted("a"), ["spotify:episode:1"]).uris == [track("a"), "spotify:episode:1"]


def test_an_old_pick_that_the_listener_put_back_is_theirs() -> None:
    planned = plan(wanted("a"), uris("old", "x"), last={track("x")})
    assert planned.additions == (track("old"),)


def test_what_the_listener_took_out_of_this_list_is_not_put_back() -> None:
    planned = plan(wanted("a", "b", "c"), uris("a", "c"), last={*uris("a", "b", "c")})
    assert planned.uris == uris("a", "c")
    assert planned.changes == (Change("leave out", track("b"), "the listener took it out"),)
    assert [pick.uri for pick in planned.ours] == uris("a", "b", "c")


def test_tracks_of_a_plan_that_may_have_been_written_are_ours() -> None:
    planned = plan(wanted("a"), uris("p", "x"), last={track("x")}, maybe={track("p")})
    assert planned.uris == uris("a")


def test_a_new_order_is_told_as_moves() -> None:
    planned = plan(wanted("b", "a"), uris("a", "b"), last={*uris("a", "b")})
    assert [(change.kind, change.uri) for change in planned.changes] == [
        ("move", track("b")),
        ("move", track("a")),
    ]


def test_the_same_list_is_no_change() -> None:
    assert plan(wanted("a", "b"), uris("a", "b")).changes == ()


def test_local_files_can_not_be_put_back_so_nothing_may_be_written() -> None:
    planned = plan(wanted("a"), ["spotify:local:me:album:song:200"])
    assert "can't put back" in planned.obstacle


def test_a_playlist_full_of_the_listeners_own_leaves_no_room() -> None:
    theirs = [track(f"own{i}") for i in range(500)]
    planned = plan(wanted("a"), theirs)
    assert "500 of the listener's own items" in planned.obstacle


def test_room_for_fewer_than_the_shortest_list_is_an_obstacle() -> None:
    theirs = [track(f"own{i}") for i in range(98)]
    assert plan(wanted("a", "b", "c"), theirs, shortest=3).obstacle
    crowded = plan(wanted("a", "b", "c"), theirs, shortest=2)
    assert not crowded.obstacle
    assert crowded.uris == [*uris("a", "b"), *theirs]
    assert [pick.uri for pick in crowded.ours] == uris("a", "b")


def test_a_list_that_is_too_short_is_degenerate_with_its_numbers() -> None:
    why = why_degenerate(wanted("a", "b"), 30, shortest=10)
    assert "has 2 tracks (of 30 chosen" in why
    assert "shortest allowed is 10" in why


def test_a_list_of_one_artist_is_degenerate() -> None:
    same = [Wanted("a · 1", track("1"), "A", "1"), Wanted("a · 2", track("2"), "A", "2")]
    assert "by A" in why_degenerate(same, 2, shortest=1)


def test_a_list_that_is_long_enough_is_fit() -> None:
    assert why_degenerate(wanted("a", "b"), 2, shortest=2) == ""


NAMES = st.lists(st.sampled_from([f"n{i}" for i in range(130)]), unique=True, max_size=60)


@given(tonight=NAMES, current=NAMES, last=st.sets(st.sampled_from([f"n{i}" for i in range(130)])))
def test_nothing_of_the_listeners_is_ever_lost(
    tonight: list[str], current: list[str], last: set[str]
) -> None:
    ours = set(uris(*last))
    planned = plan(wanted(*tonight), uris(*current), last=ours)
    theirs = [uri for uri in uris(*current) if uri not in ours | set(uris(*tonight))]
    assert planned.uris[len(planned.picks) :] == theirs
    assert len(planned.uris) <= MOST_ITEMS
    assert len(set(planned.uris)) == len(planned.uris)
    written = {pick.uri for pick in planned.ours}
    assert plan(wanted(*tonight), planned.uris, last=written).changes == tuple(
        change for change in planned.changes if change.kind == "leave out"
    )

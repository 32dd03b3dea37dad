"""Tests of the plan: the list that will stand in the playlist, and the text of each change."""

from hypothesis import given
from hypothesis import strategies as st

from smallhours.playlist.publish.plan import (
    PlannedChange,
    PlannedTrack,
    Row,
    as_markdown,
    as_text,
    plan,
    summarise,
)
from smallhours.playlist.publish.steps import Add, Move, Remove, after_step, next_step


def track(name: str) -> str:
    return f"spotify:track:{name}"


def wanted(*names: str) -> list[PlannedTrack]:
    return [PlannedTrack(f"{n} · title", track(n), n.upper(), "Title", f"like {n}") for n in names]


def uris(*names: str) -> list[str]:
    return [track(name) for name in names]


def test_yesterdays_tracks_make_room_for_tonights() -> None:
    planned = plan(wanted("a", "b"), uris("x", "a"), ours={*uris("x", "a")})
    assert list(planned.target) == uris("a", "b")
    assert planned.changes == (
        PlannedChange("remove", track("x"), track("x"), "from an earlier night"),
        PlannedChange("add", track("b"), "B – Title", "like b"),
    )


def test_what_the_listener_added_stays_at_the_end_in_their_order() -> None:
    planned = plan(wanted("a"), uris("mine", "x", "yours"), ours={track("x")})
    assert list(planned.target) == uris("a", "mine", "yours")
    assert planned.own == tuple(uris("mine", "yours"))


def test_or_stays_where_they_put_it() -> None:
    current = uris("x", "mine", "y")
    planned = plan(wanted("a", "b", "c"), current, ours={*uris("x", "y")}, own_items="place")
    assert list(planned.target) == uris("a", "mine", "b", "c")


def test_local_files_episodes_and_lost_rows_stay() -> None:
    rows: list[Row] = ["spotify:local:a:b:c:1", None, "spotify:episode:1", None]
    assert plan(wanted("a"), rows).target == (track("a"), *rows)


def test_an_old_pick_that_the_listener_put_back_is_theirs() -> None:
    planned = plan(wanted("a"), uris("old", "x"), ours={track("x")})
    assert planned.own == (track("old"),)


def test_a_second_copy_of_an_old_pick_keeps_both() -> None:
    planned = plan(wanted("a"), uris("x", "y", "x"), ours={*uris("x", "y")})
    assert list(planned.target) == uris("a", "x", "x")


def test_what_the_listener_took_out_of_this_list_is_not_put_back() -> None:
    planned = plan(wanted("a", "b", "c"), uris("a", "c"), shown={*uris("a", "b", "c")})
    assert list(planned.target) == uris("a", "c")
    assert planned.changes == (
        PlannedChange("leave out", track("b"), "B – Title", "you took it out"),
    )
    assert [pick.uri for pick in planned.ours] == uris("a", "b", "c")


def test_a_new_order_moves_as_little_as_it_can() -> None:
    planned = plan(wanted("b", "c", "a"), uris("a", "b", "c"), shown={*uris("a", "b", "c")})
    assert [(change.kind, change.uri) for change in planned.changes] == [("move", track("a"))]


def test_the_same_list_is_no_change() -> None:
    assert plan(wanted("a", "b"), uris("a", "b")).changes == ()


def test_a_playlist_can_not_grow_beyond_spotifys_limit() -> None:
    theirs = [track(f"own{i}") for i in range(10_000)]
    assert "the limit is 10,000" in plan(wanted("a"), theirs).obstacle


def test_first_everything_new_comes_in_then_the_old_goes_then_the_order_is_put_right() -> None:
    current = uris("x", "b", "own")
    planned = plan(wanted("a", "b", "c"), current, ours={track("x")})
    assert next_step(current, planned) == Add((track("a"),), 0)
    current = uris("a", "x", "own", "b")
    planned = plan(wanted("a", "b", "c"), current, ours={track("x")})
    assert next_step(current, planned) == Add((track("c"),), 4)
    current = uris("a", "x", "own", "b", "c")
    planned = plan(wanted("a", "b", "c"), current, ours={track("x")})
    assert next_step(current, planned) == Remove((track("x"),))
    current = uris("a", "own", "b", "c")
    planned = plan(wanted("a", "b", "c"), current, ours={track("x")})
    assert next_step(current, planned) == Move(1, 1, 4)


def test_five_hundred_tracks_go_in_by_the_hundred() -> None:
    names = [f"n{i}" for i in range(250)]
    planned = plan(wanted(*names), [])
    step = next_step([], planned)
    assert isinstance(step, Add)
    assert (len(step.uris), step.position) == (100, 0)


def test_a_table_for_a_log_and_one_for_a_page() -> None:
    planned = plan(wanted("a", "b"), uris("x", "own"), ours={track("x")})
    text = list(as_text(planned))
    assert text[0].startswith("+ A – Title")
    assert text[0].endswith("like a")
    assert text[-1] == summarise(planned)
    assert summarise(planned) == "2 tracks, 2 added, 1 removed, 1 of the listener's own kept."
    assert "| + | A – Title | like a |" in as_markdown(planned)


NAMES = [f"n{i}" for i in range(40)]
ROWS = st.lists(st.sampled_from([*map(track, NAMES), "spotify:local:a:b:c:1", None]), max_size=40)


@given(
    tonight=st.lists(st.sampled_from(NAMES), unique=True, max_size=20),
    current=ROWS,
    ours=st.sets(st.sampled_from(NAMES)),
    shown=st.sets(st.sampled_from(NAMES)),
    place=st.booleans(),
)
def test_steps_lead_to_the_plan_and_a_whole_list_stands_all_the_way(
    tonight: list[str], current: list[Row], ours: set[str], shown: set[str], place: bool
) -> None:
    def planned_on(rows: list[Row]) -> tuple[Row, ...]:
        return plan(wanted(*tonight), rows, **options).target  # type: ignore[arg-type]

    options = {
        "ours": set(uris(*ours)),
        "shown": set(uris(*shown)),
        "own_items": "place" if place else "end",
        "places": {row: at for at, row in reversed(list(enumerate(current)))},
    }
    planned = plan(wanted(*tonight), current, **options)  # type: ignore[arg-type]
    old = [row for row in current if row in planned.gone]
    new = [pick.uri for pick in planned.picks]
    rows, account = list(current), planned.own
    for _ in range(200):
        now = plan(wanted(*tonight), rows, **{**options, "shown": options["shown"]})  # type: ignore[arg-type]
        step = next_step(rows, now)
        if step is None:
            break
        rows = list(after_step(rows, step))
        assert set(old) <= set(rows) or set(new) <= set(rows)
    assert tuple(rows) == planned_on(rows)
    left = list(rows)
    for row in new:
        left.remove(row)
    assert sorted(map(str, left)) == sorted(map(str, account))

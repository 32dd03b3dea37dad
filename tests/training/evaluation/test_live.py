import datetime as dt

import pandas as pd
import pytest

from smallhours.training.evaluation.pick_outcomes import outcomes, picks, trend

MONDAY, TUESDAY = dt.date(2026, 11, 16), dt.date(2026, 11, 17)
WHEN = pd.Timestamp("2026-11-20", tz="UTC")


def playlists(*lists: tuple[dt.date, list[str]], outcome: str = "verified") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "night": [night for night, _ in lists],
            "intent": "main",
            "outcome": outcome,
            "track_keys": [keys for _, keys in lists],
        }
    )


def recommended(*rows: tuple[dt.date, str, str, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["night", "track_key", "slot", "reason_kind"])
    # `night` is a partition of `recommendations`, and so it is text.
    return frame.assign(night=[day.isoformat() for day in frame["night"]], intent="main")


def reactions(*rows: tuple[dt.date, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["night", "track_key", "reaction"])
    return frame.assign(intent="main", at=WHEN)


LISTS = playlists((MONDAY, ["a", "b"]), (TUESDAY, ["c", "a"]))
NAMED = recommended(
    (MONDAY, "a", "exploit", "tag"),
    (MONDAY, "b", "explore", None),
    (TUESDAY, "c", "exploit", "tag"),
)


def share(frame: pd.DataFrame, reaction: str, **where: str) -> tuple[int, int]:
    rows = frame[frame["reaction"] == reaction]
    for column, value in where.items():
        rows = rows[rows[column] == value]
    assert len(rows) == 1
    return int(rows["n"].iloc[0]), int(rows["shown"].iloc[0])


def test_a_pick_belongs_to_the_first_night_that_showed_it() -> None:
    assert picks(LISTS, NAMED)["track_key"].tolist() == ["a", "b", "c"]


def test_a_list_that_was_only_planned_was_never_shown() -> None:
    assert picks(playlists((MONDAY, ["a"]), outcome="planned"), NAMED).empty


def test_each_reaction_is_a_share_of_what_was_shown() -> None:
    told = reactions((MONDAY, "a", "played"), (MONDAY, "b", "removed"))
    by_night = outcomes(told, NAMED, LISTS)
    assert share(by_night, "played", night="2026-11-16") == (1, 2)
    assert share(by_night, "removed", night="2026-11-16") == (1, 2)
    assert share(by_night, "played", night="2026-11-17") == (0, 1)


def test_played_and_saved_is_accepted_once() -> None:
    told = reactions((MONDAY, "a", "played"), (MONDAY, "a", "saved"))
    assert share(outcomes(told, NAMED, LISTS, by=()), "accepted") == (1, 3)


def test_shares_by_slot_and_by_kind_of_reason() -> None:
    told = reactions((MONDAY, "b", "saved"))
    by_slot = outcomes(told, NAMED, LISTS, by=("slot",))
    assert share(by_slot, "saved", slot="explore") == (1, 1)
    assert share(by_slot, "saved", slot="exploit") == (0, 2)
    by_reason = outcomes(told, NAMED, LISTS, by=("reason_kind",))
    assert share(by_reason, "saved", reason_kind="unknown") == (1, 1)
    assert share(by_reason, "saved", reason_kind="tag") == (0, 2)


def test_recommendations_from_before_reasons_had_kinds_are_read() -> None:
    old = NAMED.drop(columns="reason_kind")
    assert set(picks(LISTS, old)["reason_kind"]) == {"unknown"}


def test_intervals_hold_their_share() -> None:
    rows = outcomes(reactions((MONDAY, "a", "played")), NAMED, LISTS)
    assert (rows["low"] <= rows["share"]).all()
    assert (rows["share"] <= rows["high"]).all()


def test_before_the_first_list_there_is_nothing_to_tell() -> None:
    none = LISTS.head(0)
    assert outcomes(reactions(), NAMED, none).empty
    assert trend(outcomes(reactions(), NAMED, none)).empty


def test_the_trend_counts_the_last_nights_together() -> None:
    told = reactions((MONDAY, "a", "played"), (TUESDAY, "c", "played"))
    by_night = outcomes(told, NAMED, LISTS)
    assert trend(by_night, nights=1)["share"].tolist() == pytest.approx([0.5, 1.0])
    assert trend(by_night, nights=7)["share"].tolist() == pytest.approx([0.5, 2 / 3])

"""Tests of faults in Last.fm's history: drift, duplicates, gaps, wrong rows and wrong totals."""

from typing import Any

import pytest
import requests

from smallhours_sandbox.server import SandboxServer
from tests.sandbox.lastfm_client import network, node, post_faults

RECENT = "user.getRecentTracks"


def times(rows: list[dict[str, Any]]) -> list[int]:
    """Return the start times of the scrobbles of a page."""
    return [int(row["date"]["uts"]) for row in rows]


def everything(sandbox: SandboxServer, limit: int = 1000) -> list[tuple[int, str]]:
    """Return ada's whole history, page by page, as a simple client reads it."""
    rows: list[tuple[int, str]] = []
    page, pages = 1, 1
    while page <= pages:
        answer = node(sandbox, RECENT, user="ada", limit=limit, page=page)
        pages = int(answer["@attr"]["totalPages"])
        rows += [(int(row["date"]["uts"]), row["name"]) for row in answer["track"]]
        page += 1
    return rows


def test_page_drift_shows_a_row_twice_to_a_client_that_did_not_freeze_time(
    sandbox: SandboxServer,
) -> None:
    post_faults(sandbox, {"kind": "page_drift", "user": "ada"})

    read = [
        at
        for page in (1, 2)
        for at in times(node(sandbox, RECENT, user="ada", limit=20, page=page)["track"])
    ]

    assert read[19] == read[20]


def test_page_drift_leaves_a_frozen_window_alone(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "page_drift", "user": "ada"})
    now = int(sandbox.state.now)

    pages = [
        node(sandbox, RECENT, user="ada", limit=20, page=page, to=now)["track"] for page in (1, 2)
    ]

    read = [at for rows in pages for at in times(rows)]
    assert len(set(read)) == 40


def test_late_scrobbles_have_old_times(sandbox: SandboxServer) -> None:
    before = everything(sandbox)
    post_faults(sandbox, {"kind": "late_scrobbles", "user": "ada", "count": 3, "days": 6})

    new = sorted(set(everything(sandbox)) - set(before))

    assert len(new) == 3
    assert all(at <= sandbox.state.now - 6 * 86_400 for at, _ in new)


def test_deleted_scrobbles_are_gone_from_rows_and_totals(sandbox: SandboxServer) -> None:
    before = everything(sandbox)
    post_faults(sandbox, {"kind": "deleted_scrobbles", "count": 4, "days": 10})

    after = everything(sandbox)

    assert len(before) - len(after) == 4
    gone = [row for row in before if row not in after]
    assert max(at for at, _ in gone) < sandbox.state.now - 10 * 86_400


def test_duplicate_rows_agree_to_the_second(sandbox: SandboxServer) -> None:
    before = everything(sandbox)
    post_faults(sandbox, {"kind": "duplicate_rows", "count": 2, "days": 3})

    after = everything(sandbox)

    assert len(after) == len(before) + 2
    assert set(after) == set(before)


def test_what_drifted_stays_when_the_rules_are_cleared(sandbox: SandboxServer) -> None:
    before = everything(sandbox)
    post_faults(sandbox, {"kind": "late_scrobbles", "count": 2})
    drifted = everything(sandbox)

    requests.delete(f"{sandbox.url}/_sandbox/faults", timeout=10)

    assert everything(sandbox) == drifted != before


def test_another_listeners_tracks_come_once(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "wrong_user", "user": "ada"})

    users = [node(sandbox, RECENT, user="ada")["@attr"]["user"] for _ in range(2)]

    assert users == ["bruno", "ada"]


def test_rows_without_a_sensible_date(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "row_1970"}, {"kind": "dateless_row"})

    rows = node(sandbox, RECENT, user="ada", limit=5)["track"]

    assert len(rows) == 7
    assert rows[5]["date"] == {"uts": "0", "#text": "01 Jan 1970, 00:00"}
    assert "date" not in rows[6]
    assert "@attr" not in rows[6]


def test_a_dateless_row_kills_pylasts_own_reader(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "dateless_row"})

    with pytest.raises(IndexError):
        network(sandbox).get_user("ada").get_recent_tracks(limit=None, time_from=1)


def test_one_row_as_an_object(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "single_object_not_list"})

    assert isinstance(node(sandbox, RECENT, user="ada", limit=1)["track"], dict)
    assert isinstance(node(sandbox, RECENT, user="ada", limit=2)["track"], list)


def test_totals_that_promise_too_much(sandbox: SandboxServer) -> None:
    real = int(node(sandbox, RECENT, user="ada")["@attr"]["total"])
    post_faults(sandbox, {"kind": "total_mismatch", "count": 5, "match": RECENT})

    assert int(node(sandbox, RECENT, user="ada")["@attr"]["total"]) == real + 5
    assert network(sandbox).get_user("ada").get_playcount() == real

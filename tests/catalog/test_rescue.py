"""A rescue against the sandbox: whole, bounded, gone on with, refused, out of reach, estimated."""

import shutil
from pathlib import Path

import pytest

from smallhours.catalog.candidates import weights_of
from smallhours.catalog.rescue import MAX_PAUSES, Progress, Rescue
from smallhours.catalog.rescue_plan import ROUNDS, Estimate
from smallhours.catalog.seeds import near_calls
from smallhours.errors import Refused, RetryLater
from smallhours.lake.store import Lake
from smallhours.lake.tables import ARTIST_TAGS, LIBRARY, PLAYS, SIMILAR, TRACK_TAGS
from smallhours.services.lastfm import LastfmClient
from smallhours.services.retry_and_rate_limit import TokenBucket
from smallhours.settings import CatalogSettings
from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.simulation.installation import FAST
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World
from tests.service_fixtures import LASTFM_KEY, NIGHT, ServiceFixture, household, settings_for

__all__ = ["household"]

pytestmark = pytest.mark.slow(seconds=4)

SEEDS = {"seed_tracks": 2, "seed_artists": 2, "seed_tags": 1, "near_artists": 2}


class Pauses(list[float]):
    """The seconds for which a rescue meant to wait."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def rescue_of(home: ServiceFixture, **catalog: float) -> Rescue:
    """A rescue of which every part is small: a night of it has few seeds."""
    limits = home.settings.catalog.model_copy(update={**SEEDS, **catalog})
    settings = home.settings.model_copy(update={"catalog": limits})
    return Rescue("default", home.lake, home.lastfm, settings, home.night(), sleep=Pauses())


@pytest.fixture(scope="module")
def history(small_world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with ada's history, as a rescue reads it; do not change."""
    folder = tmp_path_factory.mktemp("history")
    with SandboxServer(SandboxState(small_world)) as server:
        settings = settings_for(server.url)
        with LastfmClient(
            LASTFM_KEY,
            api_url=settings.services.lastfm.api_url,
            calls_per_second=FAST,
            timeout_s=10,
            rate_limit=TokenBucket(FAST, burst=100),
        ) as lastfm:
            night = settings.night("default", NIGHT)
            mine = Rescue("default", Lake(str(folder)), lastfm, settings, night)
            mine.read_history()
            assert mine.counted == 3_000
    return folder


@pytest.fixture
def home(household: ServiceFixture, history: Path) -> ServiceFixture:
    """A household whose history is read."""
    shutil.copytree(history, household.lake.url, dirs_exist_ok=True)
    return household


def answers(lake: Lake) -> int:
    """How many questions about tags and neighbours the lake has answers to."""
    return (
        len(set(lake.frame(ARTIST_TAGS)["artist_key"]))
        + len(set(lake.frame(TRACK_TAGS)["track_key"]))
        + len(lake.frame(SIMILAR).groupby(["kind", "seed_key"]))
    )


def test_the_history_is_read_and_verified_although_it_was_verified_lately(
    home: ServiceFixture,
) -> None:
    assert len(home.lake.frame(PLAYS)) == 3_000
    assert set(home.lake.frame(LIBRARY)["signal"]) == {"loved"}
    fault_rules_of(home.sandbox.state).add(Fault("late_scrobbles", count=3, days=400))

    mine = rescue_of(home)
    user, here, estimate = mine.look()
    mine.read_history()

    assert (user.playcount, here) == (3_000, 3_000)
    assert estimate.minutes == 1
    assert mine.counted == len(home.lake.frame(PLAYS)) == 3_003


def test_a_whole_rescue_leaves_nothing_to_ask(home: ServiceFixture) -> None:
    told: list[Progress] = []
    mine = rescue_of(home)
    mine.ask(tell=told.append)

    assert mine.plan().due == ()
    assert [step.asked for step in told] == sorted(step.asked for step in told)
    assert told[0].kept == 0
    assert told[-1].kept == mine.asked == answers(home.lake)
    summary = mine.summary()
    assert (summary["left"], summary["failed"], summary["minutes_to_go"]) == (0, 0, 0)
    assert summary["plays_with_tags_percent"] == 100
    # Deeper than a night: it asks for the neighbours of two tracks, and this for sixteen times two,
    # and for those of the tracks that are nearest to them.
    own, near = (SEEDS[name] * ROUNDS[-1] for name in ("seed_tracks", "near_artists"))
    tracks = near_calls(CatalogSettings(near_artists=near))[2]
    assert own < int(str(summary["tracks_with_neighbours"])) <= own + tracks

    home.lastfm.calls.clear()
    rescue_of(home).ask()
    assert home.lastfm.calls.total() == 0


def test_a_bound_holds_and_the_most_valuable_is_asked_first(home: ServiceFixture) -> None:
    mine = rescue_of(home)
    mine.ask(max_calls=48)

    assert home.lastfm.calls.total() == mine.asked == answers(home.lake) == 48
    weights = weights_of(home.lake, "default", night=home.night())
    similar = home.lake.frame(SIMILAR)
    tagged = set(home.lake.frame(TRACK_TAGS)["track_key"])
    strongest = list(weights.tracks.index[:20])
    assert set(similar.loc[similar["kind"] == "track", "seed_key"]) == set(strongest[:2])
    assert set(strongest) <= tagged
    assert set(weights.artists.index[:20]) <= set(home.lake.frame(ARTIST_TAGS)["artist_key"])

    more = rescue_of(home)
    more.ask(max_calls=40)
    assert (more.asked, answers(home.lake)) == (40, 88)


def test_a_question_that_fails_alone_is_left_for_the_next_run(home: ServiceFixture) -> None:
    # There is one question of this kind.
    fault_rules_of(home.sandbox.state).add(Fault("lastfm_error", match="chart.getTopTags", times=0))

    mine = rescue_of(home)
    mine.ask(max_calls=60)

    assert mine.failed == {("chart", "tags")}
    assert answers(home.lake) == 59
    assert mine.sleep == Pauses()
    fault_rules_of(home.sandbox.state).clear()
    more = rescue_of(home)
    more.ask(max_calls=1)
    assert answers(home.lake) == 60
    assert not more.failed


def test_a_rate_limit_is_waited_out(home: ServiceFixture) -> None:
    fault_rules_of(home.sandbox.state).add(
        Fault("rate_limit", match="track.getTopTags", after=5, times=8)
    )

    mine = rescue_of(home)
    mine.ask(max_calls=60)

    assert answers(home.lake) == 60
    assert isinstance(mine.sleep, Pauses)
    assert min(mine.sleep) >= 60


def test_without_a_connection_it_waits_some_minutes_and_then_says_so(home: ServiceFixture) -> None:
    mine = rescue_of(home)
    mine.ask(max_calls=30)
    home.sandbox.stop()

    with pytest.raises(RetryLater, match="internet connection"):
        mine.ask(max_calls=60)

    assert isinstance(mine.sleep, Pauses)
    assert len(mine.sleep) == MAX_PAUSES
    assert answers(home.lake) == 30


@pytest.mark.parametrize("code", [10, 26])
def test_a_key_that_is_refused_meanwhile_keeps_what_was_answered(
    home: ServiceFixture, code: int
) -> None:
    fault_rules_of(home.sandbox.state).add(Fault("unpaid_key", after=40, times=0, code=code))

    mine = rescue_of(home)
    with pytest.raises(Refused, match=r"Last\.fm Pro"):
        mine.ask()

    assert answers(home.lake) >= 40 - 8  # those under way when the first was refused
    assert mine.sleep == Pauses()
    assert mine.summary()["left"] > 0


def test_the_storage_bound_holds(home: ServiceFixture) -> None:
    mine = rescue_of(home, lastfm_megabytes=0.01)
    mine.ask()

    assert mine.is_full()
    assert mine.asked == 0
    assert mine.summary()["left"] > 0


@pytest.mark.parametrize(
    ("left", "further", "rate", "minutes", "most"),
    [
        (0, 0, 4.0, 0, 0),
        (1, 0, 4.0, 1, 1),
        (240, 240, 4.0, 1, 2),
        (14_400, 7_200, 4.0, 60, 90),
        (14_400, 0, 1.0, 240, 240),
        (90, 0, 0.5, 3, 3),
    ],
)
def test_the_time_is_computed_from_the_questions_and_the_allowed_rate(
    left: int, further: int, rate: float, minutes: int, most: int
) -> None:
    estimate = Estimate(left, further, rate)

    assert (estimate.minutes, estimate.max_minutes) == (minutes, most)

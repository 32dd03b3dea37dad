"""Benchmark of identity: how well a Last.fm title is matched with its recording on Spotify.

    python -m benchmarks.identity [--sample 3000] [--rough 1000] [--absent 500] [--seed 1983]

The sandbox's world knows which Spotify tracks are one recording. Recordings are drawn from it,
difficult ones (versions, guests, other scripts, symbols) more often than plain ones, and their
Last.fm titles are looked up by the real client over HTTP, without length or ISRC, as for a track
that was only ever scrobbled. Others are looked up in other spellings (`benchmarks.rough_names`),
and some that do not exist at all. An id is right when it belongs to the same recording.

Precision is the share of right ids among all ids found; recall is the share of existing tracks with
a right id.
"""

import argparse
import datetime as dt
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from benchmarks.rough_names import absent_names, respelled
from smallhours.catalog.spotify_ids import IdLookup, SpotifyIds
from smallhours.catalog.track_matching import WantedTrack
from smallhours.identity import identify
from smallhours.service_settings import SpotifySettings
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.rate_limit import TokenBucket
from smallhours.services.spotify import SpotifyClient
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.spotify_accounts import CLIENT_ID, CLIENT_SECRET
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World

ARTISTS, TRACKS, SCROBBLES = 3_000, 40_000, 20_000
# Factor by which a difficult recording is drawn more often than a plain one.
ODD_WEIGHT = 8.0
# The client mostly waits for the network, but the sandbox answers one request at a time.
WORKERS = 2
UNLIMITED_RATE = 1_000_000
NIGHT = dt.date(2026, 11, 2)
GOAL_PRECISION, GOAL_RECALL = 0.995, 0.97


@dataclass(frozen=True, slots=True)
class NameLookup:
    """A lookup with its right answer.

    Attributes:
        wanted_track: The names to look up.
        kind: The row of the table.
        track: The right track of the world; None when it does not exist.
    """

    wanted_track: WantedTrack
    kind: str
    track: int | None


@dataclass(frozen=True, slots=True)
class LookupResult:
    """The answer to a lookup, and whether it is right."""

    question: NameLookup
    finding: IdLookup
    right: bool

    @property
    def found(self) -> bool:
        """Return True if an id was found."""
        return self.finding.spotify_id is not None

    @property
    def there(self) -> bool:
        """Return True if the track exists."""
        return self.question.track is not None


def main() -> None:
    """Run the benchmark, print, and end with the figures as one line of JSON."""
    arguments = _arguments()
    started = time.perf_counter()
    world = generate_world(arguments.seed, ARTISTS, TRACKS, scrobbles=SCROBBLES)
    questions = list(_questions(world, arguments))
    ready = time.perf_counter()
    answers, searches = look_up(world, questions)
    each = searches / len(answers)
    print(f"{len(answers):,} questions to {world.n_tracks:,} tracks; {each:.3f} searches each")
    print(
        f"{ready - started:.1f} s to make the world, {time.perf_counter() - ready:.1f} s to search"
    )
    _print_kinds(answers)
    _print_keys(world)
    _print_failures(world, answers, arguments.wrong)
    precision, recall = figures(answers)
    print(f"goals: precision {GOAL_PRECISION:.1%}, recall {GOAL_RECALL:.0%}")
    print(json.dumps({"precision": round(precision, 5), "recall": round(recall, 5)}))


def draw(world: World, count: int, seed: int) -> list[int]:
    """Draw tracks of different recordings, difficult ones more often."""
    weight = np.array(
        [ODD_WEIGHT if is_difficult(world, t) else 1.0 for t in range(world.n_tracks)]
    )
    rng = np.random.default_rng([seed, count])
    order = rng.choice(world.n_tracks, world.n_tracks, replace=False, p=weight / weight.sum())
    first: dict[tuple[int, str], int] = {}
    for track in order.tolist():
        # A remaster is looked up besides the original, since its title differs.
        first.setdefault((int(world.track_recording[track]), world.track_version[track]), track)
        if len(first) == count:
            break
    return list(first.values())


def is_difficult(world: World, track: int) -> bool:
    """Return True if the names are of a kind that is difficult to look up."""
    title, scrobbled = world.track_title[track], world.track_lastfm_title[track]
    artist = world.artist_name[world.track_artist[track]]
    plain = (title + artist).isascii() and (title + artist).replace(" ", "").isalpha()
    return not plain or title != scrobbled or bool(world.track_version[track])


def look_up(world: World, questions: list[NameLookup]) -> tuple[list[LookupResult], int]:
    """Look up each question in the sandbox; return the answers and the number of searches."""
    with SandboxServer(SandboxState(world)) as sandbox:
        settings = SpotifySettings(
            api_url=sandbox.spotify_url,
            accounts_url=f"{sandbox.url}/",
            calls_per_second=UNLIMITED_RATE,
            calls_per_day=UNLIMITED_RATE,
        )
        listener = next(iter(world.listeners))
        credentials = SpotifyCredentials(CLIENT_ID, CLIENT_SECRET, f"refresh-{listener}")
        rate_limit = TokenBucket(UNLIMITED_RATE, burst=UNLIMITED_RATE)
        with SpotifyClient(credentials, settings=settings, rate_limit=rate_limit) as client:

            def ask(question: NameLookup) -> LookupResult:
                finding = SpotifyIds(client, NIGHT).search(question.wanted_track)
                return LookupResult(question, finding, _is_right(world, question, finding))

            with ThreadPoolExecutor(WORKERS) as pool:
                answers = list(pool.map(ask, questions))
            return answers, client.calls["GET search"]


def _questions(world: World, arguments: argparse.Namespace) -> Iterator[NameLookup]:
    rng = np.random.default_rng([arguments.seed, 1])
    for track in draw(world, arguments.sample, arguments.seed):
        artist = world.artist_name[world.track_artist[track]]
        yield NameLookup(
            WantedTrack(artist, world.track_lastfm_title[track]), _kind(world, track), track
        )
    rough = draw(world, arguments.rough, arguments.seed + 1)
    for track, way, names in respelled(world, rough, rng):
        yield NameLookup(WantedTrack(*names), f"spelt: {way}", track)
    for names in absent_names(world, draw(world, arguments.absent, arguments.seed + 2), rng):
        yield NameLookup(WantedTrack(*names), "not there", None)


def figures(answers: Iterable[LookupResult]) -> tuple[float, float]:
    """Return precision and recall."""
    answers = list(answers)
    right = sum(answer.right for answer in answers)
    found = sum(answer.found for answer in answers)
    there = sum(answer.there for answer in answers)
    return right / found if found else 1.0, right / there if there else 1.0


def _is_right(world: World, question: NameLookup, finding: IdLookup) -> bool:
    if finding.spotify_id is None or question.track is None:
        return False
    found = world.lookup.spotify[finding.spotify_id]
    return bool(world.track_recording[found] == world.track_recording[question.track])


def _kind(world: World, track: int) -> str:
    if version := world.track_version[track]:
        return version
    if world.track_featured[track]:
        return "studio, with guests"
    return "studio, odd names" if is_difficult(world, track) else "studio"


def _print_kinds(answers: list[LookupResult]) -> None:
    kinds: dict[str, list[LookupResult]] = defaultdict(list)
    for answer in answers:
        kinds[answer.question.kind].append(answer)
    print(f"\n{'kind':<26}{'asked':>7}{'found':>7}{'wrong':>7}{'precision':>11}{'recall':>9}")
    for kind, some in [*sorted(kinds.items()), ("all", answers)]:
        precision, recall = figures(some)
        found = sum(answer.found for answer in some)
        wrong = sum(answer.found and not answer.right for answer in some)
        shares = f"{precision:>11.2%}{recall:>9.2%}" if any(a.there for a in some) else ""
        print(f"{kind:<26}{len(some):>7}{found:>7}{wrong:>7}{shares}")


def _print_keys(world: World) -> None:
    """Print how well keys alone separate recordings, over every title of the world."""
    recordings: dict[str, set[int]] = defaultdict(set)
    keys: dict[int, set[str]] = defaultdict(set)
    for track in range(world.n_tracks):
        artist = world.artist_name[world.track_artist[track]]
        for title in (world.track_title[track], world.track_lastfm_title[track]):
            key = identify(artist, title).track_key
            recordings[key].add(int(world.track_recording[track]))
            keys[int(world.track_recording[track])].add(key)
    merged = sum(len(some) > 1 for some in recordings.values())
    split = sum(len(some) > 1 for some in keys.values())
    print(
        f"\ntrack keys: {len(recordings):,} of {len(keys):,} recordings; "
        f"{merged} stand for two recordings, {split} recordings have two"
    )


def _print_failures(world: World, answers: list[LookupResult], most: int) -> None:
    wrong = [answer for answer in answers if answer.found and not answer.right]
    missed = [answer for answer in answers if answer.there and not answer.found]
    for name, failed in (("wrong", wrong), ("missed", missed)):
        print(f"\n{name}: {len(failed)}")
        for answer in failed[:most]:
            asked, track = answer.question.wanted_track, answer.question.track
            meant = "not there" if track is None else f"there as {world.track_title[track]!r}"
            print(f"  {asked.artist} – {asked.title}  [{answer.question.kind}; {meant}]")
            if (found := answer.finding.track) is not None:
                print(f"    -> {found.artist} – {found.title}  ({answer.finding.score:.1f})")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, default=3_000, help="as Last.fm has them")
    parser.add_argument("--rough", type=int, default=1_000, help="in other spellings")
    parser.add_argument("--absent", type=int, default=500, help="that are not there")
    parser.add_argument("--seed", type=int, default=1983, help="of the world and of the sample")
    parser.add_argument("--wrong", type=int, default=40, help="how many failures to print a kind")
    return parser.parse_args()


if __name__ == "__main__":
    main()

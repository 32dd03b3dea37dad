"""Benchmark of identity: how well a Last.fm title is matched with its recording on Spotify.

    python -m benchmarks.identity [--sample 3000] [--rough 1000] [--absent 500] [--seed 1983]

The sandbox's world knows which Spotify tracks are one recording. Recordings are drawn from it,
difficult ones (versions, guests, other scripts, symbols) more often than plain ones, and their
Last.fm titles are looked up by the real client over HTTP, without length or ISRC, as for a track
that was only ever scrobbled. Others are looked up in other spellings, and some
that do not exist at all. An id is right when it belongs to the same recording.

Precision is the share of right ids among all ids found; recall is the share of existing tracks with
a right id.
"""

import argparse
import datetime as dt
import re
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from benchmarks.harness import command_line, print_figures
from benchmarks.support.script_words import SCRIPTS
from smallhours.catalog.spotify_ids import IdLookup, SpotifyIds, WantedTrack
from smallhours.identity import identify, normalise
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.retry_and_rate_limit import TokenBucket
from smallhours.services.spotify import SpotifyClient
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.simulation.installation import sandbox_services, sandbox_settings
from smallhours_sandbox.spotify_accounts import CLIENT_ID, CLIENT_SECRET
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World

Names = tuple[str, str]
Way = Callable[[Names, np.random.Generator], Names | None]

_EDITIONS = (
    " (Remastered)", " - Remastered 2014", " - Mono", " [Explicit]", " (Album Version)",
    " (Deluxe Edition)", " - Radio Edit", " - 2009 Digital Remaster",
)  # fmt: skip
_ABSENT_VERSIONS = (
    " (Live at Nowhere Hall)", " - Acoustic", " (Demo)", " - Nobody At All Remix",
    " [Instrumental]", " (Karaoke Version)", " - Slowed",
)  # fmt: skip

ARTISTS, TRACKS, SCROBBLES = 3_000, 40_000, 20_000
# Factor by which a difficult recording is drawn more often than a plain one.
ODD_WEIGHT = 8.0
# The client mostly waits for the network, but the sandbox answers one request at a time.
WORKERS = 2
UNLIMITED_RATE = 1_000_000
NIGHT = dt.date(2026, 11, 2)
GOAL_PRECISION, GOAL_RECALL = 0.995, 0.97


def _without_accents(names: Names, _: np.random.Generator) -> Names | None:
    def plain(name: str) -> str:
        letters = unicodedata.normalize("NFD", name)
        return "".join(x for x in letters if not "\u0300" <= x <= "\u036f")

    return _changed(names, (plain(names[0]), plain(names[1])))


def _without_signs(names: Names, _: np.random.Generator) -> Names | None:
    title = re.sub(r"[.,!?'’]", "", names[1]).replace("/", " ")
    return _changed(names, (names[0].replace(".", ""), title))


def _other_and(names: Names, _: np.random.Generator) -> Names | None:
    artist = names[0].replace(" & ", " and ")
    if artist == names[0]:
        artist = re.sub(r" and ", " & ", names[0], count=1, flags=re.IGNORECASE)
    return _changed(names, (artist, names[1]))


def _part_in_full(names: Names, _: np.random.Generator) -> Names | None:
    return _changed(names, (names[0], re.sub(r", Pt\. (\d)", r" (Part \1)", names[1])))


def _another_edition(names: Names, rng: np.random.Generator) -> Names | None:
    return names[0], names[1] + str(rng.choice(_EDITIONS))


def _guest_with_artist(names: Names, _: np.random.Generator) -> Names | None:
    guest = re.search(r" \((?:feat\.|with) ([^()]+)\)", names[1])
    if guest is None:
        return None
    return f"{names[0]} feat. {guest[1]}", names[1].replace(guest[0], "")


def _without_the(names: Names, _: np.random.Generator) -> Names | None:
    return _changed(names, (names[0].removeprefix("The "), names[1]))


def _typing_error(names: Names, rng: np.random.Generator) -> Names | None:
    artist, title = names
    if len(title) < 12 or not title.isascii():
        return None
    at = int(rng.integers(1, len(title) - 2))
    if not title[at : at + 2].isalpha() or title[at] == title[at + 1]:
        return None
    return artist, title[:at] + title[at + 1] + title[at] + title[at + 2 :]


def _shouted(names: Names, _: np.random.Generator) -> Names | None:
    return _changed(names, (names[0].upper(), names[1].upper()))


SPELLINGS: dict[str, Way] = {
    "no accents": _without_accents,
    "no signs": _without_signs,
    "and for &": _other_and,
    "part for pt.": _part_in_full,
    "another edition": _another_edition,
    "guest with artist": _guest_with_artist,
    "no the": _without_the,
    "typing error": _typing_error,
    "capitals": _shouted,
}


def respelled(
    world: World, tracks: list[int], rng: np.random.Generator
) -> Iterator[tuple[int, str, Names]]:
    """Yield each track in one other spelling that suits it, as (track, change, names)."""
    ways = list(SPELLINGS.items())
    for track in tracks:
        names = world.artist_name[world.track_artist[track]], world.track_lastfm_title[track]
        for place in rng.permutation(len(ways)).tolist():
            way, rough = ways[place][0], ways[place][1](names, rng)
            if rough is not None:
                yield track, way, rough
                break


def absent_names(world: World, tracks: list[int], rng: np.random.Generator) -> Iterator[Names]:
    """Yield names similar to each track's, of recordings that the world does not have."""
    for track in tracks:
        artist = int(world.track_artist[track])
        own = {world.track_title[other].casefold() for other in world.tracks_of(artist).tolist()}
        title = re.sub(r" (?:-|\().*", "", world.track_title[track])
        if rng.random() < 0.5:
            version = str(rng.choice(_ABSENT_VERSIONS))
            word = version.strip(" -()[]").split()[0].casefold()
            if not any(word in other and title.casefold() in other for other in own):
                yield world.artist_name[artist], title + version
        elif rng.random() < 0.5:
            if not any("pt. 7" in other for other in own):
                yield world.artist_name[artist], re.sub(r",? Pt\..*", "", title) + ", Pt. 7"
        else:
            stranger = world.track_title[int(rng.integers(world.n_tracks))]
            song = re.sub(r" (?:-|\().*", "", stranger).casefold()
            if not any(other.startswith(song) for other in own):
                yield world.artist_name[artist], stranger


def _changed(before: Names, after: Names) -> Names | None:
    return after if after != before and all(name.strip() for name in after) else None


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
    world = generate_world(arguments.seed, ARTISTS, TRACKS, scrobbles=SCROBBLES, generator=1)
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
    shown = {"precision": round(precision, 5), "recall": round(recall, 5)}
    print_figures({**shown, "script_collisions": script_collisions()})


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
        services = sandbox_settings(services=sandbox_services(sandbox.url)).services
        listener = next(iter(world.listeners))
        credentials = SpotifyCredentials(CLIENT_ID, CLIENT_SECRET, f"refresh-{listener}")
        rate_limit = TokenBucket(UNLIMITED_RATE, burst=UNLIMITED_RATE)
        with SpotifyClient(credentials, settings=services.spotify, rate_limit=rate_limit) as client:

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


def script_collisions() -> int:
    """Count the pairs of words that share a key and must not, or must share one and do not."""
    wrong = 0
    for script, ((one, other), *spellings) in SCRIPTS.items():
        pairs = [(one, other, False), *((written, plain, True) for written, plain in spellings)]
        failed = [pair for pair in pairs if (normalise(pair[0]) == normalise(pair[1])) != pair[2]]
        print(f"{script}: {len(pairs)} pairs of words, {len(failed)} wrong")
        wrong += len(failed)
    return wrong


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
    parser = command_line(__doc__)
    parser.add_argument("--sample", type=int, default=3_000, help="as Last.fm has them")
    parser.add_argument("--rough", type=int, default=1_000, help="in other spellings")
    parser.add_argument("--absent", type=int, default=500, help="that are not there")
    parser.add_argument("--seed", type=int, default=1983, help="of the world and of the sample")
    parser.add_argument("--wrong", type=int, default=40, help="how many failures to print a kind")
    return parser.parse_args()


if __name__ == "__main__":
    main()

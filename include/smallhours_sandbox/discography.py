"""Generation of artists and their discographies: albums, tracks, release dates and versions."""

from dataclasses import dataclass, field

import numpy as np

from smallhours_sandbox.genres import GenreTree
from smallhours_sandbox.names import NameGenerator, ScalarRandom, Script
from smallhours_sandbox.ragged import Doubles, Ints

FIRST_YEAR = 1965
VERSION_SHARE = 0.12
FEATURED_SHARE = 0.07
# Shares of further versions by kind; "" is the same recording on a single.
_VERSION_MIX = {
    "remaster": 0.33,
    "live": 0.24,
    "remix": 0.13,
    "acoustic": 0.1,
    "": 0.08,
    "demo": 0.05,
    "instrumental": 0.04,
    "sped up": 0.03,
}


@dataclass(slots=True)
class Artists:
    """The generated artists, before any recordings.

    Attributes:
        names: unique, ignoring case.
        scripts: writing system of each artist's names and titles.
        popularity: float64 summing to 1, Zipf.
        genres: float64 (artists, leaves), one to three genres each, rows summing to 1.
        main_genre: int32, the leaf with the largest weight.
        debut: int32 year.
        last: int32, year of the last possible release.
    """

    names: list[str]
    scripts: list[Script]
    popularity: Doubles
    genres: Doubles
    main_genre: Ints
    debut: Ints
    last: Ints


@dataclass(slots=True)
class Discography:
    """Albums and tracks as growing lists; tracks of an album are adjacent, in order."""

    album_title: list[str] = field(default_factory=list)
    album_artist: list[int] = field(default_factory=list)
    album_released: list[str] = field(default_factory=list)
    title: list[str] = field(default_factory=list)
    song: list[str] = field(default_factory=list)
    artist: list[int] = field(default_factory=list)
    album: list[int] = field(default_factory=list)
    number: list[int] = field(default_factory=list)
    version: list[str] = field(default_factory=list)
    base: list[int] = field(default_factory=list)
    recording: list[int] = field(default_factory=list)
    featured: list[list[int]] = field(default_factory=list)
    n_base: int = 0

    def new_album(self, title: str, artist: int, released: str) -> int:
        """Add an album and return its index."""
        self.album_title.append(title)
        self.album_artist.append(artist)
        self.album_released.append(released)
        return len(self.album_title) - 1

    def add(
        self, title: str, song: str, artist: int, album: int, number: int, guests: list[int]
    ) -> int:
        """Add an original recording and return its index."""
        index = len(self.title)
        self.title.append(title)
        self.song.append(song)
        self.artist.append(artist)
        self.album.append(album)
        self.number.append(number)
        self.version.append("")
        self.base.append(index)
        self.recording.append(index)
        self.featured.append(guests)
        return index


def draw_artists(
    rng: np.random.Generator, tree: GenreTree, count: int, namer: NameGenerator, last_year: int
) -> Artists:
    """Generate artists with one to three genres each, most of them close to each other."""
    named = [namer.artist() for _ in range(count)]
    rank = rng.permutation(count)
    weight = 1.0 / (rank + 1 + 0.003 * count) ** 0.95
    main = rng.choice(len(tree.leaves), count, p=tree.share)
    close = _genre_affinity(tree)
    genres = np.zeros((count, len(tree.leaves)))
    genres[np.arange(count), main] = 1.0
    for chance, low, high in ((0.72, 0.3, 0.85), (0.33, 0.15, 0.5)):
        more = rng.random(count) < chance
        cumulative = np.cumsum(close[main], axis=1)
        other = (cumulative < rng.random((count, 1)) * cumulative[:, -1:]).sum(axis=1)
        other = np.minimum(other, len(tree.leaves) - 1)
        amount = rng.uniform(low, high, count)
        rows = np.flatnonzero(more & (other != main))
        genres[rows, other[rows]] = np.maximum(genres[rows, other[rows]], amount[rows])
    debut = FIRST_YEAR + (last_year - 2 - FIRST_YEAR) * rng.beta(2.4, 1.2, count)
    debut_year = debut.astype(np.int32)
    career = np.maximum(1, rng.gamma(2.0, 7.0, count)).astype(np.int32)
    return Artists(
        names=[name for name, _ in named],
        scripts=[script for _, script in named],
        popularity=weight / weight.sum(),
        genres=genres / genres.sum(axis=1, keepdims=True),
        main_genre=main.astype(np.int32),
        debut=debut_year,
        last=np.minimum(debut_year + career, last_year).astype(np.int32),
    )


def _genre_affinity(tree: GenreTree) -> Doubles:
    """Return the weight of each leaf as a second genre beside each other one, (leaves, leaves)."""
    sound = tree.sound()
    apart = ((sound[:, None, :] - sound[None, :, :]) ** 2).sum(axis=2)
    close = np.exp(-apart / 2) * 0.08
    same = tree.leaf_family[:, None] == tree.leaf_family[None, :]
    close[same] += np.exp(-apart[same] / 4)
    for left, right in tree.near:
        close[left, right] += 1.5
        close[right, left] += 1.5
    np.fill_diagonal(close, 0)
    weighted: Doubles = close * np.sqrt(tree.share)[None, :]
    return weighted


def draw_discography(
    rng: np.random.Generator, artists: Artists, tracks: int, namer: NameGenerator, last_day: str
) -> Discography:
    """Generate exactly `tracks` tracks; about one in eight is a further version of another.

    Args:
        rng: source of randomness.
        artists: the recording artists.
        tracks: total number of tracks, at least one per artist.
        namer: source of titles.
        last_day: "YYYY-MM-DD"; nothing is released after it.

    Raises:
        ValueError: When there are fewer tracks than artists.
    """
    n_versions = round(VERSION_SHARE * tracks)
    spare = tracks - n_versions - len(artists.names)
    if spare < 0:
        raise ValueError(f"{tracks} tracks are too few for {len(artists.names)} artists")
    weight = artists.popularity**0.25 * rng.lognormal(0, 0.75, len(artists.names))
    counts = 1 + rng.multinomial(spare, weight / weight.sum())
    pick = ScalarRandom(rng)
    made = Discography()
    for artist, count in enumerate(counts.tolist()):
        _record(made, artists, artist, count, namer, pick, last_day)
    made.n_base = len(made.title)
    _add_versions(rng, made, artists, n_versions, namer, pick, last_day)
    return made


def _record(
    made: Discography,
    artists: Artists,
    artist: int,
    count: int,
    namer: NameGenerator,
    pick: ScalarRandom,
    last_day: str,
) -> None:
    taken: set[str] = set()
    script = artists.scripts[artist]
    year, last = int(artists.debut[artist]), int(artists.last[artist])
    left = count
    while left:
        size = left if left < 4 else min(left, 7 + pick.below(7))
        songs = [namer.title(script, taken) for _ in range(size)]
        name = namer.single(songs[0]) if size < 4 else namer.album(artists.names[artist])
        album = made.new_album(name, artist, _day(year, pick, last_day))
        for number, song in enumerate(songs, start=1):
            guests: list[int] = []
            title = song
            if pick.uniform() < FEATURED_SHARE:
                guest = pick.below(len(artists.names))
                if guest != artist:
                    guests = [guest]
                    title = namer.featuring(song, artists.names[guest])
            made.add(title, song, artist, album, number, guests)
        left -= size
        year = min(year + 1 + pick.below(3), last)


def _day(year: int, pick: ScalarRandom, last_day: str) -> str:
    return min(f"{year}-{1 + pick.below(12):02d}-{1 + pick.below(28):02d}", last_day)


def _add_versions(
    rng: np.random.Generator,
    made: Discography,
    artists: Artists,
    count: int,
    namer: NameGenerator,
    pick: ScalarRandom,
    last_day: str,
) -> None:
    if not count:
        return
    kinds = list(_VERSION_MIX)
    weight = artists.popularity[np.asarray(made.artist)] ** 0.5
    share = np.fromiter(_VERSION_MIX.values(), float)
    chosen = rng.choice(made.n_base, count, p=weight / weight.sum())
    kind_of = rng.choice(len(kinds), count, p=share / share.sum())
    # Versions of one kind by one artist share an album; one version of each kind per song.
    wanted = sorted({(made.artist[base], int(kind), int(base)) for base, kind in zip(
        chosen, kind_of, strict=True)})  # fmt: skip
    spare = iter(range(made.n_base))
    used = {(base, kind) for _, kind, base in wanted}
    while len(wanted) < count:
        base = next(spare)
        if (base, 0) not in used:
            wanted.append((made.artist[base], 0, base))
    groups: dict[tuple[int, int], list[int]] = {}
    for artist, kind, base in wanted:
        groups.setdefault((artist, kind), []).append(base)
    for (artist, kind), bases in groups.items():
        for first in range(0, len(bases), 12):
            part = bases[first : first + 12]
            _release_versions(made, artists, artist, kinds[kind], part, namer, pick, last_day)


def _release_versions(
    made: Discography,
    artists: Artists,
    artist: int,
    kind: str,
    bases: list[int],
    namer: NameGenerator,
    pick: ScalarRandom,
    last_day: str,
) -> None:
    latest = max(int(made.album_released[made.album[base]][:4]) for base in bases)
    first_album = made.album_title[made.album[bases[0]]]
    venue = namer.venue()
    year = latest + pick.below(3)
    if kind == "remaster":
        spare = max(0, int(last_day[:4]) - latest)
        year = latest + min(spare, 8 + pick.below(25), round(spare * (0.4 + 0.6 * pick.uniform())))
    titles = {
        "remaster": f"{first_album} ({pick.one(('Remastered', 'Deluxe Edition', 'Expanded'))})",
        "live": f"Live at {venue}",
        "remix": f"{first_album} Remixes",
        "acoustic": "Acoustic Sessions",
        "": made.song[bases[0]],
        "demo": f"{first_album} (Demos)",
        "instrumental": f"{first_album} (Instrumentals)",
        "sped up": f"{made.song[bases[0]]} (Sped Up)",
    }
    released = max(_day(year, pick, last_day), made.album_released[made.album[bases[0]]])
    album = made.new_album(titles[kind], artist, released)
    for number, base in enumerate(bases, start=1):
        title, song = made.title[base], made.song[base]
        remixer = artists.names[pick.below(len(artists.names))]
        label = {
            "remaster": namer.remaster(title, year),
            "live": namer.live(song, venue.split(",")[0]),
            "remix": namer.remix(song, remixer),
            "acoustic": pick.one((f"{song} - Acoustic", f"{song} (Acoustic)")),
            "": title,
        }.get(kind, f"{song} - {kind.title()}")
        index = made.add(label, song, artist, album, number, list(made.featured[base]))
        made.version[index] = kind
        made.base[index] = base
        if kind in ("", "remaster"):
            made.recording[index] = made.recording[base]


def draw_popularity(rng: np.random.Generator, artists: Artists, made: Discography) -> Doubles:
    """Return track weights that sum to 1 (Zipf within each artist).

    A version is always less popular than the recording it is made from.
    """
    count = len(made.title)
    artist = np.asarray(made.artist)
    noise = rng.random(made.n_base)
    order = np.lexsort((noise, artist[: made.n_base]))
    starts = np.concatenate([[0], np.cumsum(np.bincount(artist[: made.n_base]))])[:-1]
    rank = np.empty(made.n_base)
    rank[order] = np.arange(made.n_base) - starts[artist[: made.n_base][order]]
    weight = np.empty(count)
    weight[: made.n_base] = artists.popularity[artist[: made.n_base]] / (rank + 1.5) ** 1.05
    base = np.asarray(made.base)[made.n_base :]
    weight[made.n_base :] = weight[base] * rng.uniform(0.03, 0.5, count - made.n_base)
    weight *= np.exp(0.3 * rng.standard_normal(count))
    weight[made.n_base :] = np.minimum(weight[made.n_base :], 0.9 * weight[base])
    scaled: Doubles = weight / weight.sum()
    return scaled


def draw_durations(rng: np.random.Generator, made: Discography, scores: Doubles) -> Ints:
    """Return lengths in milliseconds: longer for calm music and for music without vocals."""
    count = len(made.title)
    own = rng.standard_normal(count)[np.asarray(made.base)]
    length = 222_000 * np.exp(0.24 * own + 0.1 * scores[:, 4] - 0.06 * scores[:, 2])
    factor = {"live": 1.14, "remix": 1.3, "sped up": 0.84, "demo": 0.95}
    length *= np.asarray([factor.get(version, 1.0) for version in made.version])
    length += rng.integers(-900, 900, count)
    clipped: Ints = np.clip(length, 31_000, 1_500_000).astype(np.int32)
    return clipped

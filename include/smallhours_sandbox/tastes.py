"""The simulated listeners' profiles, and the tastes derived from them."""

import zlib
from dataclasses import dataclass, replace

import numpy as np

from smallhours_sandbox.genres import GenreTree
from smallhours_sandbox.ragged import Doubles, Floats
from smallhours_sandbox.world import SCROBBLERS, HiddenTaste, World


@dataclass(frozen=True, slots=True)
class Profile:
    """A listener's character, before any listening.

    Attributes:
        display_name: name shown by the services.
        country: ISO 3166 code.
        timezone: IANA name.
        share: plays relative to the world's first listener.
        clusters: sides of the taste, each a few leaf genres.
        weekday_hours: 24 weights for the start of a session on working days.
        weekend_hours: the same for Saturday and Sunday.
        novelty: 0 to 1, readiness to try new artists.
        diligence: 0 to 1, probability of a morning with the playlist.
        rise: per cluster, the share of the history after which it is strongest.
        scrobbles_to: the services that keep what they play.
    """

    display_name: str
    country: str
    timezone: str
    share: float
    clusters: tuple[tuple[str, ...], ...]
    weekday_hours: tuple[float, ...]
    weekend_hours: tuple[float, ...]
    novelty: float
    diligence: float
    rise: tuple[float, ...]
    scrobbles_to: tuple[str, ...] = SCROBBLERS


# Weights by local hour, 0 to 23.
_OFFICE = (2, 1, 0.4, 0.2, 0.2, 0.4, 2, 7, 8, 5, 5, 4, 3, 5, 6, 6, 6, 7, 8, 8, 9, 10, 8, 5)
_LATE = (9, 7, 4, 2, 1, 0.5, 0.5, 1, 2, 3, 4, 4, 5, 5, 5, 5, 6, 7, 7, 8, 9, 10, 11, 11)
_LAZY = (4, 3, 1, 0.5, 0.2, 0.2, 0.4, 1, 3, 6, 9, 10, 9, 8, 8, 8, 7, 7, 7, 8, 9, 9, 8, 6)

PROFILES = {
    "ada": Profile(
        display_name="Ada",
        country="DE",
        timezone="Europe/Berlin",
        share=1.0,
        clusters=(
            ("shoegaze", "dream pop", "space rock"),
            ("indie folk", "singer-songwriter", "slowcore"),
            ("trip hop", "downtempo", "ambient pop"),
            ("synthpop", "synthwave", "new wave"),
            ("post-rock", "modern classical", "ambient"),
            ("bossa nova", "chanson", "cool jazz"),
        ),
        weekday_hours=_OFFICE,
        weekend_hours=_LAZY,
        novelty=0.35,
        diligence=0.8,
        rise=(0.55, 0.1, 0.4, 0.8, 0.95, 0.7),
    ),
    "bruno": Profile(
        display_name="Bruno",
        country="US",
        timezone="America/Chicago",
        share=0.45,
        clusters=(
            ("thrash metal", "death metal", "metalcore"),
            ("boom bap", "jazz rap", "conscious hip hop"),
            ("stoner rock", "doom metal", "hard rock"),
            ("funk", "soul jazz", "afrobeat"),
            ("hardcore punk", "punk rock", "ska punk"),
        ),
        weekday_hours=_LATE,
        weekend_hours=_LAZY,
        novelty=0.2,
        diligence=0.6,
        rise=(0.1, 0.6, 0.4, 0.95, 0.2),
        scrobbles_to=("listenbrainz",),
    ),
}


def profile_of(name: str, tree: GenreTree) -> Profile:
    """Return a listener's profile; for unknown names, one drawn from the name alone."""
    if name in PROFILES:
        return PROFILES[name]
    rng = np.random.default_rng([7, zlib.crc32(name.encode())])
    sound = tree.sound()
    clusters = []
    for leaf in rng.choice(len(tree.leaves), 5, replace=False, p=tree.share):
        apart = ((sound - sound[leaf]) ** 2).sum(axis=1)
        apart[tree.leaf_family != tree.leaf_family[leaf]] += 2
        clusters.append(tuple(tree.leaves[other] for other in np.argsort(apart)[:3]))
    return Profile(
        display_name=name.title(),
        country="GB",
        timezone="Europe/London",
        share=0.4,
        clusters=tuple(clusters),
        weekday_hours=_OFFICE,
        weekend_hours=_LAZY,
        novelty=float(rng.uniform(0.15, 0.4)),
        diligence=float(rng.uniform(0.5, 0.9)),
        rise=tuple(rng.random(5).tolist()),
    )


def strength_over_time(profile: Profile, position: Doubles) -> Doubles:
    """Return the strength of each side of a taste, rows summing to 1.

    Args:
        profile: the listener's profile.
        position: (moments,) 0 at the history's beginning, 1 at its end.

    Returns:
        float64 (moments, clusters).
    """
    rise = np.asarray(profile.rise)
    bump = np.exp(-0.5 * ((position[:, None] - rise[None, :]) / 0.22) ** 2)
    raw = 0.3 + bump
    shares: Doubles = raw / raw.sum(axis=1, keepdims=True)
    return shares


def cluster_centres(
    profile: Profile, tree: GenreTree, embedding: Doubles, style_of_sound: float
) -> Floats:
    """Return the position of each side of a taste in the style space, unit rows.

    Args:
        profile: the listener's profile.
        tree: the genres.
        embedding: (leaves, dims) from `GenreTree.embedding`.
        style_of_sound: factor by which the sound's scores enter a style.
    """
    sound = tree.sound()
    rows = []
    for names in profile.clusters:
        leaves = [tree.leaf(name) for name in names]
        place = embedding[leaves].mean(axis=0)
        place = place / np.linalg.norm(place)
        rows.append(np.concatenate([place, style_of_sound * sound[leaves].mean(axis=0)]))
    centres = np.asarray(rows)
    unit: Floats = (centres / np.linalg.norm(centres, axis=1, keepdims=True)).astype(np.float32)
    return unit


def draw_taste(
    rng: np.random.Generator, profile: Profile, centres: Floats, track_style: Floats
) -> HiddenTaste:
    """Turn closeness to the sides of a taste, as they are at the end, into liking.

    About one track in six of the whole world has a liking above 0.5.
    """
    weight = strength_over_time(profile, np.ones(1))[0]
    near = track_style @ centres.T + (0.25 * np.log(weight / weight.max())).astype(np.float32) * 0.5
    best = near.max(axis=1)
    bar = np.quantile(best, 0.85)
    spread = max(float(best.std()), 1e-6)
    logit = 2.6 * (best - bar) / spread + 0.6 * rng.standard_normal(len(best))
    liking = (1 / (1 + np.exp(-logit))).astype(np.float32)
    return HiddenTaste(
        liking=liking,
        novelty=profile.novelty,
        diligence=profile.diligence,
        clusters=[list(names) for names in profile.clusters],
    )


# Liking of a track that is left to it when its genre is liked no more.
_LEFT = 0.1


def lose_half_the_genres(world: World, taste: HiddenTaste) -> HiddenTaste:
    """Return a taste in which every second of the genres that were liked most is liked no more.

    A track's genre is the strongest tag of its artist.
    """
    strongest = [-1] * world.n_artists
    for artist in range(world.n_artists):
        tags, _ = world.artist_tags[artist]
        strongest[artist] = int(tags[0]) if len(tags) else -1
    genre = np.asarray(strongest)[world.track_artist]
    liked = (taste.liking > 0.5) & (genre >= 0)
    amount = np.bincount(genre[liked], minlength=len(world.tags))
    ranked = np.argsort(-amount, kind="stable")
    lost = np.isin(genre, ranked[amount[ranked] > 0][::2])
    liking = np.where(lost, _LEFT * taste.liking, taste.liking).astype(np.float32)
    return replace(taste, liking=liking)

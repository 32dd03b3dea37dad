"""The promotion gate: a new model replaces the one in use only if it is not worse on the same rows.

Both are evaluated on the same held-out units - adopted tracks, weeks - one figure each, higher is
better, and the mean difference is bootstrapped. A new model may be worse by chance, so it is kept
out only when it is worse by more than a tolerance that the data can show: the mean difference is
below -tolerance, or it is below -tolerance / 4 and the interval's upper end is below zero. With too
few units nothing can be shown, and the default goes into use, which was chosen on more data than
this listener has.

Example: with a tolerance of 0.02, a mean difference of -0.01 with the interval [-0.03, +0.01] is
promoted, -0.01 with [-0.015, -0.004] is not, and -0.03 is not with any interval.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smallhours.training.evaluation.uncertainty import Interval, paired_difference

MIN_UNITS = 20
# Loss that is accepted, in units of the figure (AUC): a smaller one changes no playlist.
TOLERANCE = 0.02


@dataclass(frozen=True)
class GateDecision:
    """The gate's decision.

    Attributes:
        promote: True if the new model goes into use.
        why: The reason, in a sentence.
        difference: New minus in use, with its interval; None when there was nothing to compare.
        n: Number of units that it rests on.
    """

    promote: bool
    why: str
    difference: Interval | None
    n: int


def decide_promotion(
    ours: npt.ArrayLike,
    in_use: npt.ArrayLike | None,
    *,
    rng: np.random.Generator,
    tolerance: float = TOLERANCE,
    clusters: npt.ArrayLike | None = None,
    min_units: int = MIN_UNITS,
    figure_name: str = "AUC",
) -> GateDecision:
    """Compare a new model with the one in use.

    Args:
        ours: (n,) one figure per held-out unit, higher is better; NaN where there is none.
        in_use: (n,) the same for the model in use; None when there is none.
        rng: Random generator of the bootstrap.
        tolerance: Loss that is accepted.
        clusters: (n,) units that are not independent, such as tracks of one artist.
        min_units: With fewer units the new model goes into use unjudged.
        figure_name: Name of the figure, for the sentence.

    >>> rng = np.random.default_rng(1)
    >>> decide_promotion([0.9] * 30, None, rng=rng).why
    'nothing was in use before'
    >>> decide_promotion([0.5] * 30, [0.9] * 30, rng=rng).promote
    False
    """
    new = np.asarray(ours, dtype=float)
    if in_use is None:
        return GateDecision(True, "nothing was in use before", None, len(new))
    old = np.asarray(in_use, dtype=float)
    n = int((~(np.isnan(new) | np.isnan(old))).sum())
    if n < min_units:
        why = f"{n} held-out adoptions are too few to compare on ({min_units} are the least)"
        return GateDecision(True, f"{why}: the default goes into use unjudged", None, n)
    found = paired_difference(new, old, rng=rng, clusters=clusters)
    figures = (
        f"{figure_name} {np.nanmean(new):.3f} against {np.nanmean(old):.3f} of the one in use, "
        f"difference {found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}] on {n} adoptions"
    )
    worse = found.value < -tolerance or (found.high < 0 and found.value < -tolerance / 4)
    if worse:
        return GateDecision(False, f"worse than the one in use: {figures}", found, n)
    better = "better than" if found.low > 0 else "not worse than"
    return GateDecision(True, f"{better} the one in use: {figures}", found, n)

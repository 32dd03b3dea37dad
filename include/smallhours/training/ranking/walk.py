"""Where does a walk along the similar artists lead that keeps returning to the listener's own?"""

import numpy as np
from scipy import sparse

from smallhours.training.ranking.columns import Floats

# The walk returns home with this probability at each step; after 8 steps less than 6 % of what
# it would ever say is missing.
RETURN = 0.3
STEPS = 8


def transitions(near: sparse.csr_matrix) -> sparse.csr_matrix:
    """The probability of each step, transposed for `walk`.

    Args:
        near: (n, n), how similar each item's neighbours are to it, >= 0.
    """
    total = np.asarray(near.sum(axis=1)).ravel()
    chance = sparse.diags_array(1 / np.where(total > 0, total, 1.0)) @ near
    return sparse.csr_matrix(chance.T)


def walk(steps: sparse.csr_matrix, home: Floats) -> Floats:
    """Personalised PageRank (Page et al., 1999): r = .3 home + .7 P r, by eight iterations.

    Args:
        steps: (n, n), of `transitions`.
        home: (n,), how much each item is the listener's own; it is scaled to sum to 1.

    Returns:
        (n,), the share of the time that the walk is at each item.
    """
    total = home.sum()
    if not total > 0:
        return np.zeros(len(home))
    own = home / total
    at = own
    for _ in range(STEPS):
        at = RETURN * own + (1 - RETURN) * (steps @ at)
    return np.asarray(at)

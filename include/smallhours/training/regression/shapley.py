"""How much of an answer is each part's? Shapley's division (1953): fair, and it adds up.

A part's share is what it adds to the answer when it joins the parts before it, averaged over all
orders in which the parts could join. TreeSHAP computes the same quantity for trees; here the parts
are the few tags that a person named, so it can be computed for any model by asking it.
"""

from collections.abc import Callable
from math import factorial

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Masks = npt.NDArray[np.bool_]

# All sets of up to eight parts are 256 questions. Above, so many orders are drawn, each with its
# reverse.
MOST_IN_FULL = 8
ORDERS = 16
SEED = 1983


def shapley_shares(answer: Callable[[Masks], Floats], parts: int) -> tuple[Floats, Floats]:
    """Divide an answer among its parts.

    Args:
        answer: Takes (m, parts) flags of which parts are there; gives (m, targets).
        parts: How many there are.

    Returns:
        The answer to no part at all (targets,), and each part's share (parts, targets). Together
        they add up to the answer to all parts. With more than eight parts the shares are
        estimates from 32 orders, and still add up.
    """
    if parts <= MOST_IN_FULL:
        return _in_full(answer, parts)
    return _by_orders(answer, parts)


def _in_full(answer: Callable[[Masks], Floats], parts: int) -> tuple[Floats, Floats]:
    sets = np.arange(2**parts)
    there = (sets[:, None] >> np.arange(parts) & 1).astype(bool)
    answers = answer(there)
    shares = np.zeros((parts, answers.shape[1]))
    for part in range(parts):
        without = sets[~there[:, part]]
        before = there[without].sum(axis=1)
        chance = np.array(
            [factorial(b) * factorial(parts - b - 1) / factorial(parts) for b in before.tolist()]
        )
        shares[part] = chance @ (answers[without | 1 << part] - answers[without])
    return answers[0], shares


def _by_orders(answer: Callable[[Masks], Floats], parts: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(SEED)
    drawn = [rng.permutation(parts) for _ in range(ORDERS)]
    orders = [*drawn, *(order[::-1] for order in drawn)]
    there = np.zeros((len(orders), parts + 1, parts), dtype=bool)
    for at, order in enumerate(orders):
        for joined, part in enumerate(order.tolist(), start=1):
            there[at, joined:, part] = True
    distinct, place = np.unique(there.reshape(-1, parts), axis=0, return_inverse=True)
    answers = answer(distinct)[place.ravel()].reshape(len(orders), parts + 1, -1)
    gains = np.diff(answers, axis=1)
    shares = np.zeros((parts, answers.shape[2]))
    for at, order in enumerate(orders):
        shares[order] += gains[at]
    return answers[0, 0], shares / len(orders)

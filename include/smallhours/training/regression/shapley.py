"""Shapley values (1953): a fair division of a prediction among its inputs that adds up.

A part's share is what it adds to the prediction when it joins the parts before it, averaged over
all orders in which the parts could join. TreeSHAP computes the same quantity for trees; here the
parts are the few tags that a person named, so it can be computed for any model by calling it.

Example: a prediction is 0.3 without tags, 0.5 with `rock`, 0.4 with `loud` and 0.8 with both. The
tag `rock` adds 0.2 if it joins first and 0.4 if it joins second, so its share is 0.3; that of
`loud` is the mean of 0.1 and 0.3, 0.2. Together with the 0.3 they give 0.8.
"""

from collections.abc import Callable
from math import factorial

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Masks = npt.NDArray[np.bool_]

# Up to eight parts, all 256 sets of them are evaluated. With more parts, this many orders are
# drawn, each with its reverse.
MAX_EXACT_PARTS = 8
ORDERS = 16
SEED = 1983


def shapley_shares(answer: Callable[[Masks], Floats], parts: int) -> tuple[Floats, Floats]:
    """Divide a prediction among its parts.

    Args:
        answer: Takes (m, parts) flags of the parts that are present; returns (m, targets).
        parts: Number of parts.

    Returns:
        The prediction without any part (targets,), and each part's share (parts, targets). They
        add up to the prediction with all parts. With more than eight parts the shares are
        estimates from 32 orders, and still add up.
    """
    if parts <= MAX_EXACT_PARTS:
        return _exact_shares(answer, parts)
    return _sampled_shares(answer, parts)


def _exact_shares(answer: Callable[[Masks], Floats], parts: int) -> tuple[Floats, Floats]:
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


def _sampled_shares(answer: Callable[[Masks], Floats], parts: int) -> tuple[Floats, Floats]:
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

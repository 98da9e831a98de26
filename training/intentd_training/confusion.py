"""Which intents are hard to tell apart."""
import numpy as np


def hard_pairs(share: np.ndarray, count: int) -> np.ndarray:
    """The `count` pairs of intents between which the probabilities `share` [messages, classes] waver most: a matrix
    [classes, classes] that is 1 for them, both ways, and 0 elsewhere.

    A pair's measure is the sum over the messages of the product of its two probabilities. Of written messages, which
    the teachers did not learn from, that tells how often they mix the two up, without a look at any held-out label.
    """
    share = share.astype(np.float32)
    together = np.triu(share.T @ share, 1)
    chosen = np.zeros(together.size, np.float32)
    chosen[np.argsort(-together, axis=None, kind="stable")[:count]] = 1
    chosen = chosen.reshape(together.shape)
    return chosen + chosen.T

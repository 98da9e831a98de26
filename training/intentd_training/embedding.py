"""Where another model places messages: what a student's features may be pulled towards (trainer.Settings: imitation)."""
import numpy as np


def centred(features: np.ndarray) -> np.ndarray:
    """Features [messages, width] less their mean, of unit length: what all messages share tells none apart."""
    values = features.astype(np.float32)
    values = values - values.mean(0)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)


def placed(features: list[np.ndarray], rows: np.ndarray, size: int, variants: np.ndarray) -> np.ndarray:
    """Embeddings [size, width of all] of unit length at `rows` of a pool, side by side where several models give
    `features` [rows, width]; a message's `variants` [messages, variants] have its own; zero elsewhere."""
    joined = np.concatenate([centred(f) for f in features], 1) / len(features) ** 0.5
    out = np.zeros((size, joined.shape[1]), np.float16)
    out[rows] = joined
    out[variants.ravel()] = np.repeat(out[:len(variants)], variants.shape[1], 0)
    return out

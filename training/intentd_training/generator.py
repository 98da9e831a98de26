"""Writes more customer messages: the same base, causal, with adapters trained on label-conditioned text.

The messages carry no label of their own: the teachers say what they are (Generate, Annotate, and Learn; He et al.
2022). A prompt is the intent's words and a colon.
"""
import time
import sys

import numpy as np
import torch
import torch.nn.functional as F

from .base import BasePack
from .gemma import HEAD, HEADS, TARGETS, Gemma3Stack, rms, rotate
from .messages import Pool, deal, pack, rows_needed, to_device
from .parameters import AdamW, ParameterBank, rate_factor
from .trainer import StackShape, initialise

BOS, EOS = 2, 1


def train(base: BasePack, pool: Pool, prompt_length: np.ndarray, jobs: list[np.ndarray], shape: StackShape,
          rate: float, seed: int, batch: int = 64, log=None) -> tuple[Gemma3Stack, ParameterBank]:
    """Trains one generator for each row set. `pool` holds <bos> prompt message <eos>."""
    bank = ParameterBank(len(jobs), shape.device)
    body = Gemma3Stack(base, bank, shape.layers, shape.rank, shape.alpha, shape.device, shape.dtype, causal=True,
                       compiled=shape.compiled)
    bank.allocate()
    initialise(bank, [seed] * len(jobs))
    ones = torch.ones(len(jobs), device=shape.device)
    optimiser = AdamW(bank, ones * rate, ones, ones, compiled=shape.compiled)
    steps = max(1, int(shape.epochs * min(len(j) // batch for j in jobs)))
    rows = rows_needed(pool, pool.length.mean() * batch)
    dropout = torch.full((len(jobs), 1, 1), 0.05, device=shape.device)
    randoms = [np.random.default_rng(seed + i) for i in range(len(jobs))]
    pending = [iter(()) for _ in jobs]
    head = body.embedding
    started, curve = time.time(), []
    for step in range(steps):
        chosen = []
        for i, job in enumerate(jobs):
            piece = next(pending[i], None)
            if piece is None:
                pending[i] = iter(deal(job, pool.length, batch, randoms[i]))
                piece = next(pending[i])
            chosen.append(piece)
        chosen = np.stack(chosen)
        packed = pack(pool, chosen, rows)
        ids, position, segment = to_device(packed, shape.device)
        prompts = torch.from_numpy(prompt_length[chosen]).long().to(shape.device)
        hidden = body(ids, position, segment, dropout)
        flat_segment, flat_ids = segment.view(len(jobs), -1), ids.view(len(jobs), -1)
        target = flat_ids.roll(-1, 1)
        learn = (flat_segment == flat_segment.roll(-1, 1)) & (flat_segment >= 0)
        learn &= position.view(len(jobs), -1) >= prompts.gather(1, flat_segment.clamp(min=0)) - 1
        learn[:, -1] = False
        loss = 0.0
        for i in range(len(jobs)):
            logits = F.linear(hidden[i][learn[i]].to(head.dtype), head).float()
            loss = loss + F.cross_entropy(logits, target[i][learn[i]])
        loss.backward()
        at = step + 1
        optimiser.set_step(rate_factor(step, steps, 0.06))
        optimiser.apply()
        if at % max(1, steps // 10) == 0 or at == steps:
            curve.append({"step": at, "loss": round(loss.item() / len(jobs), 4)})
    print(f"generator: {steps} steps, loss {loss.item() / len(jobs):.3f}, {time.time() - started:.0f} s",
          file=sys.stderr, flush=True)
    if log is not None:
        log.append({"title": "generator", "steps": steps, "seconds": round(time.time() - started, 1), "curve": curve})
    return body, bank


@torch.no_grad()
def sample(body: Gemma3Stack, model: int, prompts: list[list[int]], limit: int, temperature: float, top_p: float,
           seed: int) -> list[list[int]]:
    """Continues each prompt (rows of the trimmed embedding) until <eos> or `limit` tokens; keys and values cached."""
    device = body.device
    layers = [_merged(body, model, i) for i in range(body.layers)]
    tables = {theta: body.rotary(theta) for theta in (1e4, 1e6)}
    count = len(prompts)
    lengths = torch.tensor([len(p) for p in prompts], device=device)
    longest = int(lengths.max())
    forced = torch.zeros(count, longest, dtype=torch.long)
    for i, prompt in enumerate(prompts):
        forced[i, :len(prompt)] = torch.tensor(prompt)
    forced = forced.to(device)
    total = longest + limit
    cache = torch.zeros(body.layers, 2, count, total, HEAD, dtype=body.dtype, device=device)
    tokens = torch.zeros(count, total, dtype=torch.long, device=device)
    tokens[:, 0] = forced[:, 0]
    ended = torch.zeros(count, dtype=torch.bool, device=device)
    random = torch.Generator(device).manual_seed(seed)
    scale = torch.tensor(640 ** 0.5, dtype=torch.bfloat16)
    for t in range(total - 1):
        x = (body.embedding[tokens[:, t]] * scale).to(body.dtype)
        for i in range(body.layers):
            x = _step(x, body.frozen[i], layers[i], tables[1e6 if (i + 1) % 6 == 0 else 1e4], cache[i], t)
        logits = F.linear(rms(x, body.final_norm).to(body.embedding.dtype), body.embedding).float() / temperature
        share, order = torch.softmax(logits, -1).sort(descending=True)
        share = torch.where(share.cumsum(-1) - share < top_p, share, 0.0)
        pick = order.gather(1, torch.multinomial(share, 1, generator=random))[:, 0]
        following = torch.where(t + 1 < lengths, forced[:, min(t + 1, longest - 1)], pick)
        tokens[:, t + 1] = torch.where(ended, EOS, following)
        ended |= (tokens[:, t + 1] == EOS) & (t + 1 >= lengths)
        if t % 8 == 7 and bool(ended.all()):
            break
    out = []
    for row, prompt in zip(tokens.tolist(), prompts):
        body_tokens = row[len(prompt):]
        out.append(body_tokens[:body_tokens.index(EOS)] if EOS in body_tokens else None)
    return out


def _merged(body: Gemma3Stack, model: int, layer: int):
    """The layer's matrices with the adapter added."""
    _, _, _, _, _, _, w_qkv, w_o, w_gu, w_d = body.frozen[layer]
    delta = {}
    for target in TARGETS:
        p = f"model.layers.{layer}.{target}"
        a, b = body.bank[p + ".A"][model], body.bank[p + ".B"][model]
        delta[target] = (a @ b).T * body.scale
    q, k, v, o, g, u, d = (delta[t] for t in TARGETS)
    add = lambda w, *parts: (w.float() + torch.cat(parts)).to(body.dtype)
    return add(w_qkv, q, k, v), add(w_o, o), add(w_gu, g, u), add(w_d, d)


def _step(x, frozen, merged, table, cache, t):
    n1, n2, n3, n4, qn, kn = frozen[:6]
    w_qkv, w_o, w_gu, w_d = merged
    count, dtype = x.shape[0], x.dtype
    cos, sin = table[0][t], table[1][t]
    qkv = F.linear(rms(x, n1).to(dtype), w_qkv)
    q = rotate(rms(qkv[:, :1024].view(count, HEADS, HEAD), qn), cos, sin).to(dtype)
    cache[0][:, t] = rotate(rms(qkv[:, 1024:1280], kn), cos, sin).to(dtype)
    cache[1][:, t] = qkv[:, 1280:]
    scores = torch.bmm(q, cache[0][:, :t + 1].transpose(1, 2)).float() * HEAD ** -0.5
    out = torch.bmm(torch.softmax(scores, -1).to(dtype), cache[1][:, :t + 1]).view(count, -1)
    x = x + rms(F.linear(out, w_o), n2).to(dtype)
    gu = F.linear(rms(x, n3).to(dtype), w_gu)
    h = F.gelu(gu[:, :2048], approximate="tanh") * gu[:, 2048:]
    return x + rms(F.linear(h, w_d), n4).to(dtype)

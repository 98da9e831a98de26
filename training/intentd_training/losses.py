"""Losses of a stack: each takes [models, ...] and gives one value a model."""
import torch
import torch.nn.functional as F


def combined(logits, feature, target, label, weight, setting, rivals=None):
    """The recipe's loss and the cross-entropy that is a part of it.

    target [models, messages, classes] before smoothing, label [models, messages]; `setting` holds a value a model for
    each of trainer.Settings' names. `rivals` [models, classes, classes] is 1 for two intents that are hard to tell
    apart: `margin` makes a message of certain intent beat its rivals by that much more, `repulsion` counts a rival's
    messages that much more often among those that the contrastive loss pushes away.
    """
    smoothing = setting["smoothing"][:, None, None]
    wanted = (1 - smoothing) * target + smoothing / logits.shape[-1]
    shifted, heavier = logits, None
    if rivals is not None:
        rival = rivals.gather(1, label.clamp(min=0)[..., None].expand_as(target)) * (label >= 0)[..., None]
        certain = (target.amax(-1, keepdim=True) == 1).float()
        shifted = logits + (setting["margin"][:, None, None] * rival * certain)[:, None]
        other = label.clamp(min=0)[:, None].expand(-1, label.shape[1], -1)
        heavier = setting["repulsion"][:, None, None] * rival.gather(2, other) * (label >= 0)[:, None]
    cross_entropy = soft_cross_entropy(shifted, wanted, weight)
    loss = cross_entropy + setting["consistency"] * consistency(logits, weight)
    loss = loss + setting["contrastive"] * supervised_contrastive(
        feature, label, weight, setting["contrastive_across"], heavier)
    return loss, cross_entropy


def soft_cross_entropy(logits, target, weight):
    """Cross-entropy with a target distribution, over views. logits [models, views, messages, classes]."""
    loss = -(target[:, None] * F.log_softmax(logits, -1)).sum(-1).mean(1)
    return (loss * weight).sum(1) / weight.sum(1).clamp(min=1)


def consistency(logits, weight):
    """R-Drop (Liang et al. 2021): the two views' symmetric KL divergence, as the reference code halves it."""
    a, b = F.log_softmax(logits[:, 0], -1), F.log_softmax(logits[:, 1], -1)
    divergence = ((a.exp() - b.exp()) * (a - b)).sum(-1) / 2
    return (divergence * weight).sum(1) / weight.sum(1).clamp(min=1)


def imitation(feature, projection, embedding, weight):
    """1 - the cosine of a message's projected feature and its embedding by another model, over views (as FitNets' hints,
    Romero et al. 2015, with a linear layer between the widths).

    feature [models, views, messages, hidden], projection [models, hidden, width], embedding [models, messages, width] of
    unit length; messages whose embedding is zero do not count.
    """
    models, views, count, _ = feature.shape
    projected = torch.bmm(feature.reshape(models, views * count, -1), projection).view(models, views, count, -1)
    distance = 1 - (F.normalize(projected, dim=-1) * embedding[:, None]).sum(-1).mean(1)
    counts = weight * (embedding.square().sum(-1) > 0).float()
    return (distance * counts).sum(1) / counts.sum(1).clamp(min=1)


def supervised_contrastive(feature, label, weight, across, heavier=None, temperature=0.1):
    """Supervised contrastive loss (Khosla et al. 2020) on unit features.

    feature [models, views, messages, hidden]; label -1 has no positive. `across` [models]: 1 lets the two views of
    a message, and of its class, attract each other too; 0 keeps to the first view. `heavier` [models, messages,
    messages]: how many more times than once a message counts among those that an anchor is pushed away from (the
    label-aware loss of Suresh & Ong 2021).
    """
    models, views, count, _ = feature.shape
    z = F.normalize(feature.reshape(models, views * count, -1), dim=-1)
    similarity = torch.bmm(z, z.transpose(1, 2)) / temperature
    view = torch.arange(views, device=z.device).repeat_interleave(count)
    first = (view == 0).float()
    allowed = across[:, None, None] + (1 - across)[:, None, None] * (first[:, None] * first[None])[None]
    real = weight.repeat(1, views)
    allowed = allowed * real[:, None, :] * (1 - torch.eye(views * count, device=z.device))[None]
    similarity = similarity.masked_fill(allowed == 0, -1e9)
    pushed = similarity if heavier is None else similarity + heavier.repeat(1, views, views).log1p()
    log_share = similarity - torch.logsumexp(pushed, -1, keepdim=True)
    label = label.repeat(1, views)
    positive = allowed * ((label[:, :, None] == label[:, None, :]) & (label >= 0)[:, :, None]).float()
    number = positive.sum(-1)
    anchor = (number > 0).float() * real
    per_anchor = -(log_share.masked_fill(positive == 0, 0) * positive).sum(-1) / number.clamp(min=1)
    return (per_anchor * anchor).sum(1) / anchor.sum(1).clamp(min=1)

"""Losses of a stack: each takes [models, ...] and gives one value a model."""
import torch
import torch.nn.functional as F


def combined(logits, feature, target, label, weight, setting):
    """The recipe's loss and the cross-entropy that is a part of it.

    target [models, messages, classes] before smoothing, label [models, messages]; `setting` holds a value a model for
    each of trainer.Settings' names.
    """
    smoothing = setting["smoothing"][:, None, None]
    wanted = (1 - smoothing) * target + smoothing / logits.shape[-1]
    cross_entropy = soft_cross_entropy(logits, wanted, weight)
    loss = cross_entropy + setting["consistency"] * consistency(logits, weight)
    loss = loss + setting["contrastive"] * supervised_contrastive(
        feature, label, weight, setting["contrastive_across"])
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


def supervised_contrastive(feature, label, weight, across, temperature=0.1):
    """Supervised contrastive loss (Khosla et al. 2020) on unit features.

    feature [models, views, messages, hidden]; label -1 has no positive. `across` [models]: 1 lets the two views of
    a message, and of its class, attract each other too; 0 keeps to the first view.
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
    log_share = similarity - torch.logsumexp(similarity, -1, keepdim=True)
    label = label.repeat(1, views)
    positive = allowed * ((label[:, :, None] == label[:, None, :]) & (label >= 0)[:, :, None]).float()
    number = positive.sum(-1)
    anchor = (number > 0).float() * real
    per_anchor = -(log_share.masked_fill(positive == 0, 0) * positive).sum(-1) / number.clamp(min=1)
    return (per_anchor * anchor).sum(1) / anchor.sum(1).clamp(min=1)

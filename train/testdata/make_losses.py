#!/usr/bin/env python3
"""Losses, their gradients and metrics, for loss_metric_test: with PyTorch where it has them, else with NumPy in float64.

    ./make_losses.py    # writes losses.npz and metrics.npz beside itself; PyTorch 1.13, NumPy 1.24
"""
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(11)
N, C = 7, 4


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


logits = rng.normal(size=(N, C)).astype(np.float32)
probabilities = softmax(logits).astype(np.float32)
sigmoids = (1 / (1 + np.exp(-logits))).astype(np.float32)
classes = rng.integers(0, C, size=N)
one_hot = np.eye(C, dtype=np.float32)[classes]
binary = rng.integers(0, 2, size=(N, C)).astype(np.float32)
real = rng.normal(size=(N, C)).astype(np.float32)
positive = rng.uniform(0.1, 3, size=(N, C)).astype(np.float32)
other_positive = rng.uniform(0.1, 3, size=(N, C)).astype(np.float32)
distribution = softmax(rng.normal(size=(N, C))).astype(np.float32)

# name: (targets, predictions, a function of tensors that yields the losses of the samples)
EPS = 1e-7
LOSSES = {
    "bce": (binary, sigmoids, lambda t, p: F.binary_cross_entropy(p, t, reduction="none").mean(-1)),
    "bce_logits": (binary, logits, lambda t, x: F.binary_cross_entropy_with_logits(x, t, reduction="none").mean(-1)),
    "bce_smooth": (
        binary, logits,
        lambda t, x: F.binary_cross_entropy_with_logits(x, t * 0.8 + 0.1, reduction="none").mean(-1)),
    "cce": (one_hot, probabilities, lambda t, p: -(t * torch.log(p / p.sum(-1, keepdim=True))).sum(-1)),
    "cce_logits": (one_hot, logits, lambda t, x: F.cross_entropy(x, t, reduction="none")),
    "cce_smooth": (
        one_hot, logits, lambda t, x: F.cross_entropy(x, t.argmax(-1), reduction="none", label_smoothing=0.2)),
    "scce": (classes, probabilities, lambda t, p: F.nll_loss(torch.log(p / p.sum(-1, keepdim=True)), t, reduction="none")),
    "scce_logits": (classes, logits, lambda t, x: F.cross_entropy(x, t, reduction="none")),
    "scce_ignore": (
        classes, logits,
        # The mean of those that count: each is scaled by how many there are for one that counts.
        lambda t, x: F.cross_entropy(x, t, reduction="none", ignore_index=2) * len(t) / (t != 2).sum()),
    "mse": (real, logits, lambda t, p: F.mse_loss(p, t, reduction="none").mean(-1)),
    "mae": (real, logits, lambda t, p: F.l1_loss(p, t, reduction="none").mean(-1)),
    "mape": (positive, logits, lambda t, p: 100 * ((t - p).abs() / t.abs()).mean(-1)),
    "msle": (positive, other_positive, lambda t, p: ((torch.log1p(p) - torch.log1p(t)) ** 2).mean(-1)),
    "huber": (real, 3 * logits, lambda t, p: F.huber_loss(p, t, reduction="none", delta=1.5).mean(-1)),
    "log_cosh": (real, logits, lambda t, p: torch.log(torch.cosh(p - t)).mean(-1)),
    "hinge": (binary, logits, lambda t, p: F.relu(1 - (2 * t - 1) * p).mean(-1)),
    "hinge_signs": (2 * binary - 1, logits, lambda t, p: F.relu(1 - t * p).mean(-1)),
    "squared_hinge": (binary, logits, lambda t, p: (F.relu(1 - (2 * t - 1) * p) ** 2).mean(-1)),
    "categorical_hinge": (
        one_hot, logits, lambda t, p: F.relu(((1 - t) * p).max(-1).values - (t * p).sum(-1) + 1)),
    "kld": (distribution, probabilities, lambda t, p: F.kl_div(torch.log(p), t, reduction="none").sum(-1)),
    "poisson": (
        positive, other_positive,
        lambda t, p: F.poisson_nll_loss(p, t, log_input=False, reduction="none", eps=EPS).mean(-1)),
    "cosine": (real, logits, lambda t, p: -F.cosine_similarity(t, p, dim=-1)),
    "dice": (binary, sigmoids, lambda t, p: 1 - 2 * (t * p).sum() / (t.sum() + p.sum() + EPS)),
    "tversky": (
        binary, sigmoids,
        lambda t, p: 1 - (t * p).sum() / ((t * p).sum() + 0.3 * (t * (1 - p)).sum() + 0.7 * ((1 - t) * p).sum() + EPS)),
    "binary_focal": (
        binary, sigmoids,
        lambda t, p: ((1 - torch.where(t > 0.5, p, 1 - p)) ** 2 * F.binary_cross_entropy(p, t, reduction="none")
                      * torch.where(t > 0.5, 0.25, 0.75)).mean(-1)),
    "categorical_focal": (
        one_hot, probabilities, lambda t, p: (0.25 * (1 - p / p.sum(-1, keepdim=True)) ** 2 * -t
                                              * torch.log(p / p.sum(-1, keepdim=True))).sum(-1)),
}


def circle(t, p, gamma=80.0, margin=0.4):  # Y. Sun et al., "Circle Loss", with the distance 1 - cosine
    d = 1 - p @ p.T
    same, other = (t[:, None] == t[None, :]) & ~torch.eye(len(t), dtype=bool), t[:, None] != t[None, :]
    positive = (gamma * F.relu(d + margin) * (d - margin)).masked_fill(~same, -np.inf)
    negative = (gamma * F.relu(1 + margin - d) * (1 - margin - d)).masked_fill(~other, -np.inf)
    counts = same.any(1) & other.any(1)
    values = F.softplus(torch.logsumexp(positive[counts], 1) + torch.logsumexp(negative[counts], 1))
    return torch.zeros(len(t), dtype=p.dtype).masked_scatter(counts, values) * len(t) / counts.sum()


def ctc(t, x):
    steps = torch.full((len(t),), x.shape[1])
    return F.ctc_loss(F.log_softmax(x, -1).transpose(0, 1), t, steps, (t != 0).sum(1), reduction="none")


more = np.random.default_rng(12)
vectors = more.normal(size=(N, 3))
vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
kinds = np.array([0, 1, 0, 2, 1, 0, 3])  # the last ones have no equal
words = np.array([[1, 2, 3], [2, 2, 0], [0, 0, 0], [3, 0, 0], [1, 1, 1], [2, 1, 2], [3, 3, 1]])
sequences = more.normal(size=(N, 6, C)).astype(np.float32)
LOSSES.update({
    "circle": (kinds, vectors, circle),
    "ctc": (words, sequences, ctc),
    "gce": (classes, probabilities, lambda t, p: (1 - p.gather(1, t[:, None])[:, 0] ** 0.7) / 0.7),
    "dice_axis": (binary, sigmoids, lambda t, p: 1 - 2 * (t * p).sum(1) / (t.sum(1) + p.sum(1) + EPS)),
    "tversky_axis": (
        binary, sigmoids,
        lambda t, p: 1 - (t * p).sum(1) / ((t * p).sum(1) + 0.3 * (t * (1 - p)).sum(1)
                                           + 0.7 * ((1 - t) * p).sum(1) + EPS)),
})

sample_weight = rng.uniform(0, 2, size=N).astype(np.float32)
losses = {"sample_weight": sample_weight}
for name, (targets, predictions, function) in LOSSES.items():
    t = torch.tensor(targets)
    if t.is_floating_point():
        t = t.double()
    p = torch.tensor(predictions).double().requires_grad_()
    values = function(t, p)
    values.mean().backward()
    losses[f"{name}/y_true"], losses[f"{name}/y_pred"] = targets, predictions
    losses[f"{name}/loss"] = values.mean().item()
    losses[f"{name}/sum"] = values.sum().item()
    losses[f"{name}/gradient"] = p.grad.numpy()
    if values.dim() == 1:
        losses[f"{name}/weighted"] = (values * torch.tensor(sample_weight)).mean().item()
np.savez_compressed(HERE / "losses.npz", **losses)

# Metrics, over three batches of unequal size.
N = 61
scores = rng.uniform(size=(N, 1)).astype(np.float32)
truth = (rng.uniform(size=(N, 1)) < 0.2 + 0.6 * scores).astype(np.float32)
many = rng.normal(size=(N, 6)).astype(np.float32)
classes = rng.integers(0, 6, size=N)
one_hot = np.eye(6, dtype=np.float32)[classes]
real = rng.normal(size=(N, 3)).astype(np.float32)
guess = (real + 0.5 * rng.normal(size=(N, 3))).astype(np.float32)
segments, segment_guess = rng.integers(0, 3, size=(N, 5)), rng.integers(0, 3, size=(N, 5))
weight = rng.uniform(0, 2, size=N).astype(np.float32)


def binary_counts(threshold, w):
    positive, said = truth[:, 0] > 0.5, scores[:, 0] > np.float32(threshold)
    return [w[positive & said].sum(), w[~positive & said].sum(), w[positive & ~said].sum(), w[~positive & ~said].sum()]


def ratio(a, b):
    return a / b if b else 0.0


def auc(w, pr):
    thresholds = [-EPS] + [i / 199 for i in range(1, 199)] + [1 + EPS]
    points = np.array([binary_counts(t, w) for t in thresholds])
    tp, fp, fn, tn = points.T
    if not pr:
        x, y = fp / (fp + tn), tp / (tp + fn)
        return -np.trapz(y, x)
    area = 0.0
    for i in range(199):
        d_tp, p0, p1 = tp[i] - tp[i + 1], tp[i] + fp[i], tp[i + 1] + fp[i + 1]
        slope = ratio(d_tp, p0 - p1)
        intercept = tp[i + 1] - slope * p1
        log = np.log(p0 / p1) if p0 > 0 and p1 > 0 else 0.0
        area += ratio(slope * (d_tp + intercept * log), tp[i + 1] + fn[i + 1])
    return area


def best(w, constraint, value, least):
    found = 0.0
    for t in [0] + [i / 199 for i in range(1, 199)] + [1]:
        tp, fp, fn, tn = binary_counts(t, w)
        rates = {"precision": ratio(tp, tp + fp), "recall": ratio(tp, tp + fn), "specificity": ratio(tn, tn + fp)}
        if rates[constraint] >= least:
            found = max(found, rates[value])
    return found


def f_scores(beta, average):
    said = many >= many.max(-1, keepdims=True)
    right = one_hot > 0.5
    tp, fp, fn = (said & right).sum(0), (said & ~right).sum(0), (~said & right).sum(0)
    if average == "micro":
        tp, fp, fn = tp.sum(), fp.sum(), fn.sum()
    p, r = tp / (tp + fp + EPS), tp / (tp + fn + EPS)
    f = (1 + beta**2) * p * r / (beta**2 * p + r + EPS)
    return np.average(f, weights=right.sum(0)) if average == "weighted" else np.mean(f)


def mean_iou(ignore=None):
    ious = []
    keep = segments != ignore if ignore is not None else np.ones_like(segments, bool)
    for c in range(3):
        a, b = (segments == c) & keep, (segment_guess == c) & keep
        if (a | b).any():
            ious.append((a & b).sum() / (a | b).sum())
    return np.mean(ious)


def iou(right, guessed, ids, w):
    found = []
    for c in ids:
        a, b = right == c, guessed == c
        found.append((w * (a & b)).sum() / (w * (a | b)).sum())
    return np.mean(found)


def concordance(t, p):  # L. Lin, "A Concordance Correlation Coefficient", 1989
    covariance = ((t - t.mean()) * (p - p.mean())).mean()
    return 2 * covariance / (t.var() + p.var() + (t.mean() - p.mean()) ** 2)


def top_k(k, w):
    order = np.argsort(-many, axis=1)[:, :k]
    return np.average((order == classes[:, None]).any(1), weights=w)


ones = np.ones(N)
tp, fp, fn, tn = binary_counts(0.5, ones)
wtp, wfp, wfn, wtn = binary_counts(0.5, weight)
unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)
results = {
    "binary_accuracy": (tp + tn) / N, "weighted_binary_accuracy": (wtp + wtn) / weight.sum(),
    "true_positives": tp, "false_positives": fp, "false_negatives": fn, "true_negatives": tn,
    "precision": tp / (tp + fp), "recall": tp / (tp + fn), "weighted_precision": wtp / (wtp + wfp),
    "auc": auc(ones, False), "auc_pr": auc(ones, True), "weighted_auc": auc(weight, False),
    "precision_at_recall": best(ones, "recall", "precision", 0.6),
    "recall_at_precision": best(ones, "precision", "recall", 0.7),
    "sensitivity_at_specificity": best(ones, "specificity", "recall", 0.5),
    "specificity_at_sensitivity": best(ones, "recall", "specificity", 0.5),
    "categorical_accuracy": (many.argmax(-1) == classes).mean(),
    "top_2": top_k(2, ones), "weighted_top_2": top_k(2, weight),
    "f1_macro": f_scores(1, "macro"), "f1_micro": f_scores(1, "micro"), "f2_weighted": f_scores(2, "weighted"),
    "mean_iou": mean_iou(), "mean_iou_ignore": mean_iou(1),
    "iou": iou(segments, segment_guess, [0, 2], np.ones((N, 1))),
    "one_hot_iou": iou(classes, many.argmax(-1), range(6), ones),
    "binary_iou": iou(truth, scores >= np.float32(0.6), [0, 1], np.ones((N, 1))),
    "weighted_binary_iou": iou(truth, scores >= np.float32(0.5), [1], weight[:, None]),
    "pearson": np.mean([np.corrcoef(t, p)[0, 1] for t, p in zip(real.astype(float), guess.astype(float))]),
    "concordance": np.mean([concordance(t, p) for t, p in zip(real.astype(float), guess.astype(float))]),
    "rmse": np.sqrt(np.mean((real.astype(float) - guess) ** 2)),
    "r2": np.mean(1 - ((real - guess) ** 2).sum(0) / ((real - real.mean(0)) ** 2).sum(0)),
    "cosine": (unit(real) * unit(guess)).sum(-1).mean(),
    "mse": np.mean((real.astype(float) - guess) ** 2),
}
data = {"scores": scores, "truth": truth, "many": many, "classes": classes, "one_hot": one_hot, "real": real,
        "guess": guess, "segments": segments, "segment_guess": segment_guess, "weight": weight}
np.savez_compressed(HERE / "metrics.npz", **data, **{f"result/{k}": np.float64(v) for k, v in results.items()})

"""Optimizers that PyTorch 1.13 lacks or computes by another formula than Keras, for make_curves and make_optimizers.

Each is a function step(w, g, t, s, lr) of the weight, its gradient, the number of the step from 1 and a list of slots,
which it replaces, to the new weight.
"""
import torch


class Rule(torch.optim.Optimizer):
    """The optimizer that a step function describes. `slots` are the values with which its slots begin."""

    def __init__(self, params, step, lr, slots):
        super().__init__(params, {"lr": lr})
        self.rule, self.slots, self.t = step, slots, 0

    @torch.no_grad()
    def step(self):
        self.t += 1
        for group in self.param_groups:
            for w in group["params"]:
                state = self.state[w]
                if not state:
                    state["slots"] = [torch.full_like(w, v) for v in self.slots]
                w.copy_(self.rule(w, w.grad, self.t, state["slots"], group["lr"]))


def adam(w, g, t, s, lr, amsgrad=False):
    """D. P. Kingma and J. Ba, "Adam", ICLR 2015, the form at the end of section 2: epsilon beside the root of v itself.

    As Keras, and unlike PyTorch, which adds epsilon to the root of the corrected v. AMSGrad takes the greatest v.
    """
    s[0] = 0.9 * s[0] + 0.1 * g
    s[1] = 0.999 * s[1] + 0.001 * g * g
    if amsgrad:
        s[2] = torch.maximum(s[2], s[1])
    v = s[2] if amsgrad else s[1]
    return w - lr * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t) * s[0] / (v.sqrt() + 1e-7)


def nadam(w, g, t, s, lr):
    """T. Dozat, "Incorporating Nesterov Momentum into Adam", 2016, with the schedule of momentum 0.9 (1 - 0.96^t / 2).

    As Keras; PyTorch's schedule has the exponent 0.004 t.
    """
    u, u1 = (0.9 * (1 - 0.5 * 0.96**k) for k in (t, t + 1))
    s[2] = s[2] * u
    s[0] = 0.9 * s[0] + 0.1 * g
    s[1] = 0.999 * s[1] + 0.001 * g * g
    m = u1 * s[0] / (1 - s[2] * u1) + (1 - u) * g / (1 - s[2])
    return w - lr * m / ((s[1] / (1 - 0.999**t)).sqrt() + 1e-7)


def rmsprop(w, g, t, s, lr, momentum=0.0, centered=False):
    """As Keras: epsilon below the root, where PyTorch has it beside, and the rate within the momentum."""
    s[0] = 0.9 * s[0] + 0.1 * g * g
    s[1] = 0.9 * s[1] + 0.1 * g
    s[2] = momentum * s[2] + lr * g / (s[0] - (s[1] ** 2 if centered else 0) + 1e-7).sqrt()
    return w - s[2]


def adagrad(w, g, t, s, lr):
    """J. Duchi et al., JMLR 12, 2011; as Keras with epsilon below the root."""
    s[0] = s[0] + g * g
    return w - lr * g / (s[0] + 1e-7).sqrt()


def adadelta(w, g, t, s, lr):
    """M. D. Zeiler, "ADADELTA", 2012."""
    s[0] = 0.95 * s[0] + 0.05 * g * g
    d = g * (s[1] + 1e-7).sqrt() / (s[0] + 1e-7).sqrt()
    s[1] = 0.95 * s[1] + 0.05 * d * d
    return w - lr * d


def ftrl(w, g, t, s, lr, l1=0.0, l2=0.0):
    """H. B. McMahan et al., "Ad Click Prediction", KDD 2013, algorithm 1, with beta 0."""
    n = s[0] + g * g
    s[1] = s[1] + g - (n.sqrt() - s[0].sqrt()) / lr * w
    s[0] = n
    shrunk = (torch.sign(s[1]) * l1 - s[1]) / (n.sqrt() / lr + 2 * l2)
    return torch.where(s[1].abs() <= l1, torch.zeros_like(w), shrunk)


def lion(w, g, t, s, lr):
    """X. Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023, algorithm 2, without decay."""
    u = torch.sign(0.9 * s[0] + 0.1 * g)
    s[0] = 0.99 * s[0] + 0.01 * g
    return w - lr * u


def lamb(w, g, t, s, lr):
    """Y. You et al., "Large Batch Optimization for Deep Learning", ICLR 2020, algorithm 2, without decay."""
    s[0] = 0.9 * s[0] + 0.1 * g
    s[1] = 0.999 * s[1] + 0.001 * g * g
    u = s[0] / (1 - 0.9**t) / ((s[1] / (1 - 0.999**t)).sqrt() + 1e-7)
    return w - lr * w.norm() / u.norm() * u


def rms(x):
    return x.square().mean().sqrt()


def adafactor(w, g, t, s, lr):
    """N. Shazeer and M. Stern, "Adafactor", ICML 2018, algorithms 4 and 5: of a matrix, means by row and by column."""
    beta, squares = 1 - t**-0.8, g * g + 1e-30
    if w.ndim < 2:
        s[0] = beta * s[0] + (1 - beta) * squares
        v = s[0]
    else:
        s[0] = beta * s[0] + (1 - beta) * squares.mean(-1, keepdim=True)
        s[1] = beta * s[1] + (1 - beta) * squares.mean(-2, keepdim=True)
        v = s[0] / s[0].mean(-2, keepdim=True) * s[1]
    u = g / v.sqrt()
    return w - min(lr, t**-0.5) * max(1e-3, rms(w)) * u / max(1, rms(u))


def muon(w, g, t, s, lr, decay=0.1, nesterov=True):
    """K. Jordan et al., "Muon", 2024, of a matrix, or of matrices behind one another; scaled as Keras does."""
    w = w * (1 - decay * lr)
    s[0] = 0.95 * s[0] + g
    x = g + 0.95 * s[0] if nesterov else s[0]
    flip = x.shape[-2] > x.shape[-1]
    x = x.mT if flip else x
    x = x / (x.square().sum((-2, -1), keepdim=True).sqrt() + 1e-7)
    for _ in range(6):
        a = x @ x.mT
        x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
    x = x.mT if flip else x
    return w - lr * x * max(1, w.shape[0] / w.shape[1]) ** 0.5


def muon_adam(w, g, t, s, lr):
    """What Muon does to other weights: Adam with a tenth of the rate, and decay."""
    s[0] = 0.9 * s[0] + 0.1 * g
    s[1] = 0.999 * s[1] + 0.001 * g * g
    rate = 0.1 * lr * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
    return w * (1 - 0.1 * lr) - rate * s[0] / (s[1].sqrt() + 1e-7)

#!/usr/bin/python3
"""Computes the examples of the ops `nn.*Grad*` and `nn.BatchNormalizationTraining` with PyTorch's autograd, in float64.

Prints C++ initialisers, each under the name of its op.

Usage: make_gradient_examples.py [op...]   (Debian packages python3-numpy, python3-torch)
"""

import importlib.util
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

# Under another name, because it imports a make_examples.py itself.
spec = importlib.util.spec_from_file_location(
    "nn_examples", os.path.join(os.path.dirname(os.path.abspath(__file__)), "make_examples.py"))
base = importlib.util.module_from_spec(spec)
sys.path = [p for p in sys.path if not p.endswith("nn/testdata")]
spec.loader.exec_module(base)
base.EXAMPLES.clear()
channels_last, example, hwio, ints = base.channels_last, base.example, base.hwio, base.ints


def gradients(y, dy, inputs):
    return torch.autograd.grad(y, inputs, dy)


def leaf(x):
    return x.clone().requires_grad_()


# Convolution.


def conv(name, x, kernel, transposed=False, pads=None, strides=None, dilations=None, groups=1, onnx=False):
    rank = x.dim() - 2
    strides_, dilations_ = strides or [1] * rank, dilations or [1] * rank
    begin, end = (pads[:rank], pads[rank:]) if pads else ([0] * rank, [0] * rank)
    x, kernel = leaf(x), leaf(kernel)
    if transposed:
        f = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][rank - 1]
        y = f(x, kernel, None, strides_, 0, 0, groups, dilations_)
        for a in range(rank):
            y = y.narrow(2 + a, begin[a], y.shape[2 + a] - begin[a] - end[a])
    else:
        f = [F.conv1d, F.conv2d, F.conv3d][rank - 1]
        y = f(base.padded(x, begin, end), kernel, None, strides_, 0, dilations_, groups)
    dy = ints(*y.shape, salt=9)
    dx, dkernel = gradients(y, dy, [x, kernel])
    attrs = {}
    if strides:
        attrs["strides"] = strides
    if dilations:
        attrs["dilations"] = dilations
    if pads:
        attrs["padding"], attrs["pads"] = "explicit", pads
    if groups != 1:
        attrs["groups"] = groups
    x, kernel = x.detach(), kernel.detach()
    if onnx:
        attrs["data_format"], attrs["kernel_layout"] = "channels_first", "IOHW" if transposed else "OIHW"
    else:
        x, dx, dy = channels_last(x), channels_last(dx), channels_last(dy)
        kernel, dkernel = hwio(kernel), hwio(dkernel)
    op = "nn.ConvTranspose" if transposed else "nn.Conv"
    x, kernel, dy, dx, dkernel = (t.float() for t in (x, kernel, dy, dx, dkernel))
    example(op + "GradInput", name, [dy, kernel, x], [dx], attrs)
    example(op + "GradKernel", name, [dy, x, kernel], [dkernel], attrs)


conv("2-D", ints(1, 2, 4, 3), ints(2, 2, 3, 2, salt=4))
conv("strides, dilations, pads", ints(1, 2, 5, 4), ints(3, 2, 2, 2, salt=1), pads=[1, 0, 0, 2], strides=[1, 2],
     dilations=[2, 1])
conv("input that no window reaches", ints(1, 1, 6, 1), ints(1, 1, 2, 1, salt=1), strides=[4, 1])
conv("groups, as ONNX lays them out", ints(2, 4, 2, 3), ints(2, 2, 1, 2, salt=5), groups=2, onnx=True)
conv("1-D, as ONNX lays it out", ints(2, 2, 5), ints(1, 2, 3, salt=2), pads=[2, 0], onnx=True)
conv("3-D", ints(1, 1, 2, 3, 3), ints(2, 1, 2, 2, 2, salt=6), strides=[1, 2, 1])
conv("1x1", ints(1, 3, 2, 2), ints(2, 3, 1, 1, salt=1))
conv("2-D", ints(1, 2, 2, 2), ints(2, 1, 3, 3, salt=3), transposed=True)
conv("strides, dilations, pads", ints(1, 2, 3, 2), ints(2, 3, 2, 2, salt=3), transposed=True, pads=[1, 0, 0, 1],
     strides=[2, 1], dilations=[1, 2])
conv("groups, as ONNX lays them out", ints(1, 4, 2, 3), ints(4, 1, 2, 2, salt=5), transposed=True, groups=2, onnx=True)
conv("1-D", ints(1, 1, 3), ints(1, 1, 2, salt=5), transposed=True, strides=[3])
conv("3-D", ints(1, 1, 1, 2, 2), ints(1, 1, 2, 2, 2, salt=6), transposed=True, strides=[1, 2, 1])


# Pooling.


def pool(name, x, kernel, kind, pads=None, strides=None, dilations=None, ceil_mode=False, onnx=False, extra=None):
    rank = x.dim() - 2
    strides_ = strides or [1] * rank
    begin, end = (pads[:rank], pads[rank:]) if pads else ([0] * rank, [0] * rank)
    x, extra = leaf(x), extra or {}
    if kind == "max":
        f = [F.max_pool1d, F.max_pool2d, F.max_pool3d][rank - 1]
        y = f(base.padded(x, begin, end, -1e9), kernel, strides_, 0, dilations or 1, ceil_mode)
    else:
        f = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][rank - 1]
        y = f(x, kernel, strides_, begin, ceil_mode, extra.get("count_include_pad", False))
        if not extra.get("divide", True):
            y = y * np.prod(kernel)
    dy = ints(*y.shape, salt=9)
    (dx,) = gradients(y, dy, [x])
    attrs = {"kernel_shape": kernel}
    if strides:
        attrs["strides"] = strides
    if dilations:
        attrs["dilations"] = dilations
    if pads:
        attrs["padding"], attrs["pads"] = "explicit", pads
    if ceil_mode:
        attrs["ceil_mode"] = True
    attrs.update(extra)
    x = x.detach()
    if onnx:
        attrs["data_format"] = "channels_first"
    else:
        x, dx, dy = channels_last(x), channels_last(dx), channels_last(dy)
    op = "nn.MaxPoolGrad" if kind == "max" else "nn.AveragePoolGrad"
    example(op, name, [dy.float(), x.float()], [dx.float()], attrs)


def distinct(*shape):
    """Numbers in no apparent order, no two of them equal."""
    count = int(np.prod(shape))
    return torch.tensor((np.arange(count) * 37 % 101) / 8.0 - 6).reshape(shape)


pool("2x2, stride 2", distinct(1, 2, 4, 4), [2, 2], "max", strides=[2, 2])
pool("overlapping, the first of equals", ints(1, 1, 4, 5), [2, 3], "max")
pool("pads and dilation", distinct(1, 1, 5, 4), [2, 2], "max", pads=[1, 0, 0, 1], dilations=[2, 1])
pool("ceil_mode", distinct(1, 1, 5, 4), [2, 3], "max", strides=[2, 3], ceil_mode=True)
pool("1-D, as ONNX lays it out", distinct(2, 2, 5), [3], "max", strides=[2], onnx=True)
pool("2-D, as ONNX lays it out", distinct(1, 2, 4, 4), [3, 3], "max", strides=[2, 2], pads=[1, 1, 1, 1], onnx=True)
pool("3-D", distinct(1, 1, 2, 3, 3), [1, 2, 2], "max")
pool("2x2, stride 2", ints(1, 2, 4, 4), [2, 2], "average", strides=[2, 2])
pool("overlapping, with pads", ints(1, 1, 4, 5), [3, 3], "average", pads=[1, 1, 1, 1])
pool("padding counts", ints(1, 2, 4, 5), [3, 3], "average", pads=[1, 1, 1, 1], extra={"count_include_pad": True})
pool("ceil_mode", ints(1, 1, 5, 5), [2, 2], "average", strides=[2, 2], ceil_mode=True)
pool("ceil_mode, padding counts", ints(1, 1, 5, 5), [3, 3], "average", strides=[3, 3], pads=[1, 1, 1, 1],
     ceil_mode=True, extra={"count_include_pad": True})
pool("1-D, as ONNX lays it out", ints(2, 2, 5), [3], "average", strides=[2], onnx=True)
pool("3-D", ints(1, 1, 2, 3, 3), [1, 2, 2], "average")
pool("sums", ints(1, 1, 3, 3), [2, 2], "average", extra={"divide": False})


# Softmax and losses.


def softmax(name, x, axis=-1):
    x = leaf(x)
    y = torch.softmax(x, axis)
    dy = ints(*y.shape, salt=9)
    (dx,) = gradients(y, dy, [x])
    example("nn.SoftmaxGrad", name, [dy.float(), y.detach().float()], [dx.float()], {} if axis == -1 else {"axis": axis})


softmax("the last axis", ints(2, 3) / 2)
softmax("a middle axis", ints(2, 3, 2) / 2, axis=1)
softmax("one element", ints(2, 1))


def cross_entropy(name, scores, labels, axis=1):
    scores = leaf(scores)
    factor = ints(*labels.shape, salt=4) / 2
    losses = F.cross_entropy(scores, labels, reduction="none")
    (dx,) = gradients(losses, factor, [scores])
    move = lambda t: t.movedim(1, axis).float()
    example("nn.CrossEntropyGrad", name, [factor.float(), move(torch.softmax(scores.detach(), 1)), labels], [move(dx)],
            {} if axis == 1 else {"axis": axis})


cross_entropy("a matrix", ints(2, 3) / 2, torch.tensor([2, 0]))
cross_entropy("pixels", ints(1, 3, 2, 2) / 2, torch.tensor([[[2, 1], [0, 1]]]))
cross_entropy("pixels, the classes last", ints(1, 3, 2, 2) / 2, torch.tensor([[[2, 1], [0, 1]]]), axis=-1)


# Normalisation.


def layer_norm(name, x, scale=None, axis=-1, epsilon=1e-5, centered=True):
    x = leaf(x)
    scale = None if scale is None else leaf(scale)
    axes = list(range(axis % x.dim(), x.dim()))
    mean = x.mean(axes, keepdim=True) if centered else 0
    y = (x - mean) / torch.sqrt(((x - mean)**2).mean(axes, keepdim=True) + epsilon)
    dy = ints(*y.shape, salt=9)
    dbias = dy.sum(list(range(axis % x.dim())))
    if scale is None:
        dx, dscale = gradients(y, dy, [x])[0], (dy * y).sum(list(range(axis % x.dim())))
    else:
        dx, dscale = gradients(y * scale, dy, [x, scale])
    attrs = {}
    if axis != -1:
        attrs["axis"] = axis
    if epsilon != 1e-5:
        attrs["epsilon"] = epsilon
    if not centered:
        attrs["centered"] = False
    inputs = [dy, x.detach(), None if scale is None else scale.detach()]
    example("nn.LayerNormalizationGrad", name, [base.f32(t) for t in inputs],
            [t.detach().float() for t in (dx, dscale, dbias)], attrs, ", .atol = 1e-5")


layer_norm("the last axis", ints(3, 4), ints(4, salt=2), epsilon=0.1)
layer_norm("the last two axes, without scale", ints(2, 2, 3), axis=1, epsilon=0.1)
layer_norm("root mean square", ints(3, 4), ints(4, salt=2), epsilon=0.1, centered=False)


def group_norm(name, x, groups, scale=None, first=False, epsilon=0.1):
    """`x` has its channels second; `groups` None: instance normalisation."""
    channels, x = x.shape[1], leaf(x)
    scale = None if scale is None else leaf(scale)
    y = F.group_norm(x, groups or channels, None, None, epsilon)
    dy = ints(*y.shape, salt=9)
    axes = [i for i in range(x.dim()) if i != 1]
    if scale is None:
        dx, dscale = gradients(y, dy, [x])[0], (dy * y).sum(axes)
    else:
        dx, dscale = gradients(y * scale.reshape(-1, *[1] * (x.dim() - 2)), dy, [x, scale])
    move = (lambda t: t) if first else channels_last
    attrs = {"epsilon": epsilon}
    if groups:
        attrs["num_groups"] = groups
    if first:
        attrs["axis"] = 1
    inputs = [move(dy), move(x.detach()), None if scale is None else scale.detach()]
    example("nn.GroupNormalizationGrad", name, [base.f32(t) for t in inputs],
            [t.detach().float() for t in (move(dx), dscale, dy.sum(axes))], attrs, ", .atol = 1e-5")


group_norm("channels last", ints(2, 4, 3), 2, ints(4, salt=2))
group_norm("channels first", ints(2, 4, 2, 2), 2, ints(4, salt=2), first=True)
group_norm("no positions, no scale", ints(3, 6), 2)
group_norm("instances", ints(2, 2, 4), None, ints(2, salt=3), first=True)


def batch_norm(name, x, scale, offset, mean, variance, axis, epsilon=1e-5, momentum=0.99):
    """Of PyTorch, whose momentum is 1 - momentum here; its moving variance is unbiased, and is computed by hand."""
    first = leaf(x.movedim(axis, 1))
    scale, offset = (None if t is None else leaf(t) for t in (scale, offset))
    y = F.batch_norm(first, None, None, scale, offset, True, 0.0, epsilon)
    axes = [i for i in range(x.dim()) if i != 1]
    batch_mean, batch_variance = first.mean(axes).detach(), first.var(axes, unbiased=False).detach()
    inverse = 1 / torch.sqrt(batch_variance + epsilon)
    attrs = {}
    if axis != -1:
        attrs["axis"] = axis
    if epsilon != 1e-5:
        attrs["epsilon"] = epsilon
    if momentum != 0.99:
        attrs["momentum"] = momentum
    out = [y.detach().movedim(1, axis), mean * momentum + batch_mean * (1 - momentum),
           variance * momentum + batch_variance * (1 - momentum), batch_mean, inverse]
    f32 = lambda tensors: [base.f32(None if t is None else t.detach()) for t in tensors]
    example("nn.BatchNormalizationTraining", name, f32([x, scale, offset, mean, variance]), f32(out), attrs,
            ", .atol = 1e-5")
    dy = ints(*first.shape, salt=9)
    dx = gradients(y, dy, [first])[0]
    normal = (first - batch_mean.reshape(-1, *[1] * (x.dim() - 2))) * inverse.reshape(-1, *[1] * (x.dim() - 2))
    move = lambda t: t.movedim(1, axis)
    attrs.pop("momentum", None)
    grads = [move(dx), (dy * normal).sum(axes), dy.sum(axes)]
    example("nn.BatchNormalizationTrainingGrad", name, f32([move(dy), x, scale, batch_mean, inverse]), f32(grads), attrs,
            ", .atol = 1e-5")
    example("nn.BatchNormalizationTrainingGrad", name + ", computed anew", f32([move(dy), x, scale]), f32(grads), attrs,
            ", .atol = 1e-5")


batch_norm("channels last", ints(4, 3), ints(3, salt=2), ints(3, salt=3), ints(3, salt=4), ints(3, salt=5)**2, -1)
batch_norm("channels first, Keras' epsilon", ints(2, 2, 2, 3), ints(2, salt=2), ints(2), ints(2, salt=4), ints(2)**2, 1,
           epsilon=0.001, momentum=0.75)
batch_norm("without scale and offset", ints(5, 2), None, None, ints(2, salt=4), ints(2, salt=5)**2, -1, momentum=0.9)


# Recurrent layers.


def recurrent(name, kind, steps, batch, size, hidden, bidirectional=False):
    """Of PyTorch's layer, whose gates are brought to ONNX's order."""
    layer = {"LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU, "RNN": torch.nn.RNN}[kind]
    order = {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2], "RNN": [0]}[kind]
    layer = layer(size, hidden, bidirectional=bidirectional).double()
    directions = 2 if bidirectional else 1
    for salt, parameter in enumerate(layer.parameters()):
        parameter.data = ints(*parameter.shape, salt=salt) / 8
    x = leaf(ints(steps, batch, size) / 2)
    states = [leaf(ints(directions, batch, hidden, salt=s) / 4) for s in range(2 if kind == "LSTM" else 1)]
    y, last = layer(x, tuple(states) if kind == "LSTM" else states[0])
    last = list(last) if kind == "LSTM" else [last]
    upstream = [ints(*t.shape, salt=5) for t in [y] + last]
    parameters = list(layer.parameters())
    grads = torch.autograd.grad([y] + last, [x] + parameters + states, upstream)

    def gates(t):
        return torch.cat([t.chunk(len(order))[i] for i in order])

    def packed(tensors):
        stack = lambda which: torch.stack([gates(tensors[d * 4 + which].detach()) for d in range(directions)])
        return [stack(0), stack(1), torch.cat([stack(2), stack(3)], 1)]

    split = lambda t: t.detach().reshape(steps, batch, directions, hidden).permute(0, 2, 1, 3)
    count = len(parameters)
    inputs = [x.detach()] + packed(parameters) + [None] + [s.detach() for s in states]
    if kind == "LSTM":
        inputs.append(None)
    inputs += [split(y), split(upstream[0])] + upstream[1:]
    outputs = [grads[0]] + packed(grads[1:1 + count]) + list(grads[1 + count:])
    attrs = {}
    if bidirectional:
        attrs["direction"] = "bidirectional"
    if kind == "GRU":
        attrs["linear_before_reset"] = True
    example("nn.%sGrad" % kind, name, [base.f32(t) for t in inputs], [t.float() for t in outputs], attrs,
            ", .atol = 1e-5")


for kind in ["LSTM", "GRU", "RNN"]:
    recurrent("PyTorch", kind, 3, 2, 2, 2)
    recurrent("PyTorch, bidirectional", kind, 2, 1, 1, 2, bidirectional=True)


if __name__ == "__main__":
    for op in sys.argv[1:] or base.EXAMPLES:
        print("// %s" % op)
        print("\n".join(base.EXAMPLES[op]))

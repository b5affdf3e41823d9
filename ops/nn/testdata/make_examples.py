#!/usr/bin/python3
"""Computes the examples of the ops `nn.*` (but activations) and `image.Resize` with PyTorch and NumPy, in float64.

Prints C++ initialisers, each under the name of its op. It shares nothing with the C++ code: padding that PyTorch does not
know ("same", asymmetric) is added as zeros, or minus infinity for maxima.

Usage: make_examples.py [op...]   (Debian packages python3-numpy, python3-torch)
"""

import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

EXAMPLES = {}
CPP_TYPES = {
    torch.float32: "float",
    torch.float64: "double",
    torch.float16: "Half",
    torch.uint8: "uint8_t",
    torch.int8: "int8_t",
    torch.int32: "int32_t",
    torch.int64: "int64_t",
}


def number(value, dtype):
    if isinstance(value, float) and math.isnan(value):
        return "kNaN"
    if isinstance(value, float) and math.isinf(value):
        return "kInf" if value > 0 else "-kInf"
    text = "%.9g" % value if dtype != torch.float64 else "%.17g" % value
    if dtype == torch.float16:
        return "Half(%s)" % text
    return text


def tensor_code(tensor):
    if tensor is None:
        return "Tensor()"
    dims = ", ".join(map(str, tensor.shape))
    if tensor.numel() == 0:
        raise ValueError("write empty tensors by hand")
    values = ", ".join(number(v, tensor.dtype) for v in tensor.contiguous().flatten().tolist())
    return "Tensor::Of<%s>({%s}, {%s})" % (CPP_TYPES[tensor.dtype], dims, values)


def attr_code(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"%s"' % value
    if isinstance(value, list):
        element = "double" if isinstance(value[0], float) else "int64_t"
        return "std::vector<%s>{%s}" % (element, ", ".join(map(repr, value)))
    return repr(value)


def example(op, name, inputs, outputs, attrs=None, extra=""):
    attrs = attrs or {}
    while inputs and inputs[-1] is None:
        inputs = inputs[:-1]
    code = '{.name = "%s",\n' % name
    if attrs:
        code += ".attrs = {%s},\n" % ", ".join('{"%s", %s}' % (k, attr_code(v)) for k, v in attrs.items())
    code += ".inputs = {%s},\n" % ", ".join(map(tensor_code, inputs))
    code += ".outputs = {%s}%s}," % (", ".join(map(tensor_code, outputs)), extra)
    EXAMPLES.setdefault(op, []).append(code)


def ints(*shape, salt=0):
    """Whole numbers from -3 to 3 in no apparent order."""
    count = int(np.prod(shape))
    i = np.arange(count) + salt
    return torch.tensor(((i * i * 5 + i * 3 + i // 7 + salt) % 7) - 3.0).reshape(shape)


def ramp(*shape):
    return torch.arange(int(np.prod(shape)), dtype=torch.float64).reshape(shape)


def channels_last(x):
    return x.movedim(1, -1)


def hwio(kernel):
    """OIHW to HWIO, and IOHW to HWOI."""
    return kernel.permute(*range(2, kernel.dim()), 1, 0)


def f32(x):
    return None if x is None else x.float()


def same_pads(sizes, kernel, strides, dilations, lower=False):
    begin, end = [], []
    for size, k, s, d in zip(sizes, kernel, strides, dilations):
        total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
        small, large = total // 2, total - total // 2
        begin.append(large if lower else small)
        end.append(small if lower else large)
    return begin, end


def padded(x, begin, end, value=0.0):
    pads = []
    for b, e in reversed(list(zip(begin, end))):
        pads += [b, e]
    return F.pad(x, pads, value=value)


# Convolution.


def conv(name, x, kernel, bias=None, padding="valid", pads=None, strides=None, dilations=None, groups=1,
         onnx=False, dtype=torch.float32, extra=""):
    rank = x.dim() - 2
    strides_, dilations_ = strides or [1] * rank, dilations or [1] * rank
    begin, end = [0] * rank, [0] * rank
    if padding.startswith("same"):
        begin, end = same_pads(x.shape[2:], kernel.shape[2:], strides_, dilations_, padding == "same_lower")
    if pads:
        begin, end = pads[:rank], pads[rank:]
    f = [F.conv1d, F.conv2d, F.conv3d][rank - 1]
    y = f(padded(x, begin, end), kernel, bias, strides_, 0, dilations_, groups)
    attrs = {}
    if strides:
        attrs["strides"] = strides
    if dilations:
        attrs["dilations"] = dilations
    if padding != "valid":
        attrs["padding"] = padding
    if pads:
        attrs["pads"] = pads
    if groups != 1:
        attrs["groups"] = groups
    if onnx:
        attrs["data_format"], attrs["kernel_layout"] = "channels_first", "OIHW"
    else:
        x, kernel, y = channels_last(x), hwio(kernel), channels_last(y)
    cast = lambda t: None if t is None else t.to(dtype)
    example("nn.Conv", name, [cast(x), cast(kernel), cast(bias)], [cast(y)], attrs, extra)


conv("3x3 edges", ramp(1, 1, 4, 4) ** 2, torch.tensor([[[[1.0, 0, -1], [2, 0, -2], [1, 0, -1]]]]).double())
conv("same", ints(1, 1, 3, 3), ints(1, 1, 3, 3, salt=4), padding="same")
conv("same, stride 2: pads at the end only", ramp(1, 1, 4, 4), torch.ones(1, 1, 3, 3).double(),
     torch.tensor([0.5]).double(), padding="same", strides=[2, 2])
conv("same_lower, stride 2", ramp(1, 1, 4, 4), torch.ones(1, 1, 3, 3).double(), padding="same_lower", strides=[2, 2])
conv("channels, asymmetric pads, dilation", ints(1, 2, 4, 3), ints(3, 2, 2, 2, salt=1), ints(3, salt=2),
     padding="explicit", pads=[1, 0, 0, 2], strides=[1, 2], dilations=[2, 1])
conv("depthwise: 2 channels, multiplier 2", ints(1, 2, 3, 2), ints(4, 1, 2, 2, salt=3), groups=2)
conv("groups, as ONNX lays them out", ints(2, 4, 2, 3), ints(2, 2, 1, 2, salt=5), ints(2, salt=3), groups=2, onnx=True)
conv("1x1", ints(1, 3, 2, 2), ints(2, 3, 1, 1, salt=1), ints(2))
conv("1-D, causal", ints(2, 2, 5), ints(1, 2, 3, salt=2), padding="explicit", pads=[2, 0])
conv("3-D", ints(1, 1, 2, 3, 3), ints(2, 1, 2, 2, 2, salt=6), padding="same", strides=[1, 2, 2])
conv("float64", ints(1, 1, 3) / 3, ints(1, 1, 2, salt=1) / 7, dtype=torch.float64, extra=", .rtol = 1e-15")
conv("float16", ints(1, 2, 3), ints(1, 2, 2, salt=1), dtype=torch.float16)


# Transposed convolution.


def conv_transpose(name, x, kernel, bias=None, padding="valid", pads=None, strides=None, dilations=None, groups=1,
                   output_padding=None, output_shape=None, onnx=False, dtype=torch.float32):
    rank = x.dim() - 2
    strides_, dilations_ = strides or [1] * rank, dilations or [1] * rank
    f = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][rank - 1]
    y = f(x, kernel, None, strides_, 0, 0, groups, dilations_)
    for a in range(rank):
        full = y.shape[2 + a] + (output_padding[a] if output_padding else 0)
        size, begin = full, 0
        if pads:
            begin = pads[a]
            size = full - begin - pads[rank + a]
        wanted = output_shape[a] if output_shape else x.shape[2 + a] * strides_[a] if padding != "valid" else None
        if wanted is not None and not pads:
            total = max(full - wanted, 0)
            size, begin = wanted, {"valid": 0, "same": total // 2}.get(padding, total - total // 2)
        beyond = [10 if b == a else 0 for b in range(rank)]
        y = padded(y, [0] * rank, beyond).narrow(2 + a, begin, size)
    if bias is not None:
        y = y + bias.reshape(-1, *[1] * rank)
    attrs = {}
    for key, value in dict(strides=strides, dilations=dilations, pads=pads, output_padding=output_padding,
                           output_shape=output_shape).items():
        if value:
            attrs[key] = value
    if padding != "valid":
        attrs["padding"] = padding
    if groups != 1:
        attrs["groups"] = groups
    if onnx:
        attrs["data_format"], attrs["kernel_layout"] = "channels_first", "IOHW"
    else:
        x, kernel, y = channels_last(x), hwio(kernel), channels_last(y)
    cast = lambda t: None if t is None else t.to(dtype)
    example("nn.ConvTranspose", name, [cast(x), cast(kernel), cast(bias)], [cast(y)], attrs)


conv_transpose("2x2, stride 2", torch.tensor([[[[1.0, 2], [3, 4]]]]).double(), ints(1, 1, 2, 2, salt=1), strides=[2, 2])
conv_transpose("overlapping, with bias", ints(1, 2, 2, 2), ints(2, 1, 3, 3, salt=2), torch.tensor([0.5]).double())
conv_transpose("same, stride 2", ints(1, 1, 2, 3), ints(1, 2, 3, 3, salt=1), padding="same", strides=[2, 2])
conv_transpose("same_lower, stride 2", ints(1, 1, 3), ints(1, 1, 3, salt=1), padding="same_lower", strides=[2])
conv_transpose("kernel smaller than the stride", ints(1, 1, 3), ints(1, 1, 1, salt=1), torch.tensor([1.0]).double(),
               strides=[3], output_padding=[2])
conv_transpose("same, kernel smaller than the stride", ints(1, 1, 2), ints(1, 1, 2, salt=1), padding="same", strides=[3])
conv_transpose("pads, dilation, groups, as ONNX lays them out", ints(1, 4, 2, 3), ints(4, 1, 2, 2, salt=3), ints(2),
               padding="explicit", pads=[1, 0, 0, 1], strides=[2, 1], dilations=[1, 2], groups=2, onnx=True)
conv_transpose("output_shape", ints(1, 1, 3), ints(1, 1, 4, salt=2), padding="explicit", strides=[2], output_shape=[5])
conv_transpose("output_shape past the taps", ints(1, 1, 2), ints(1, 1, 2, salt=2), torch.tensor([2.0]).double(),
               padding="same", strides=[2], output_shape=[6])
conv_transpose("output_shape, valid", ints(1, 1, 3), ints(1, 1, 4, salt=2), strides=[2], output_shape=[6])
conv_transpose("3-D", ints(1, 1, 1, 2, 2), ints(1, 1, 2, 2, 2, salt=4), strides=[1, 2, 1])
conv_transpose("float64", ints(1, 1, 2), ints(1, 1, 2, salt=1), dtype=torch.float64)


# Pooling.


def pool(op, name, x, kernel, padding="valid", pads=None, strides=None, dilations=None, ceil_mode=False, onnx=False,
         dtype=torch.float32, indices=False, count_include_pad=False):
    rank = x.dim() - 2
    strides_, dilations_ = strides or [1] * rank, dilations or [1] * rank
    begin, end = [0] * rank, [0] * rank
    if padding.startswith("same"):
        begin, end = same_pads(x.shape[2:], kernel, strides_, dilations_, padding == "same_lower")
    if pads:
        begin, end = pads[:rank], pads[rank:]
    reach = [0] * rank  # what rounding up adds
    if ceil_mode:
        for a in range(rank):
            size = x.shape[2 + a] + begin[a] + end[a] - ((kernel[a] - 1) * dilations_[a] + 1)
            windows = -(-size // strides_[a])
            if windows * strides_[a] < x.shape[2 + a] + begin[a]:
                reach[a] = windows * strides_[a] - size
    extended = [e + r for e, r in zip(end, reach)]
    windows = lambda t: unfold(t, kernel, strides_, dilations_)
    if op == "nn.MaxPool":
        y, place = windows(padded(x, begin, extended, -math.inf)).max(-1)
        places = windows(padded(ramp(*(channels_last(x).shape if not onnx else x.shape)).movedim(-1, 1) if not onnx
                                else ramp(*x.shape), begin, extended, -1.0))
        found = places.gather(-1, place.unsqueeze(-1)).squeeze(-1).long()
        outputs = [y, found] if indices else [y]
    else:
        total = windows(padded(x, begin, extended)).sum(-1)
        if count_include_pad:
            ones = padded(torch.ones_like(padded(x, begin, end)), [0] * rank, reach)
        else:
            ones = padded(torch.ones_like(x), begin, extended)
        outputs = [total / windows(ones).sum(-1).clamp(min=1)]
    attrs = {"kernel_shape": kernel}
    for key, value in dict(strides=strides, dilations=dilations, pads=pads).items():
        if value:
            attrs[key] = value
    if padding != "valid":
        attrs["padding"] = padding
    if ceil_mode:
        attrs["ceil_mode"] = True
    if count_include_pad:
        attrs["count_include_pad"] = True
    outputs[0] = outputs[0].to(dtype)
    x = x.to(dtype)
    if onnx:
        attrs["data_format"] = "channels_first"
    else:
        x, outputs = channels_last(x), [channels_last(t) for t in outputs]
    example(op, name, [x], outputs, attrs)


def unfold(x, kernel, strides, dilations):
    """The elements of each window along a new last axis."""
    for a, (k, s, d) in enumerate(zip(kernel, strides, dilations)):
        x = x.unfold(2 + a, (k - 1) * d + 1, s)[..., ::d]
    return x.flatten(-len(kernel))


X5 = ints(1, 1, 5, 4) + ints(1, 1, 5, 4, salt=2) / 4
for op in ["nn.MaxPool", "nn.AveragePool"]:
    pool(op, "2x2, stride 2", ints(1, 2, 4, 4), [2, 2], strides=[2, 2])
    pool(op, "stride 1 unless told otherwise", ints(1, 1, 3, 3), [2, 2])
    pool(op, "same, stride 2: pads at the end only", -1 - ramp(1, 1, 3, 4), [2, 2], padding="same", strides=[2, 2])
    pool(op, "same_lower", -1 - ramp(1, 1, 3, 4), [2, 2], padding="same_lower", strides=[2, 1])
    pool(op, "pads and dilation", X5, [2, 2], padding="explicit", pads=[1, 0, 0, 1], dilations=[2, 1])
    pool(op, "ceil_mode", X5, [2, 3], strides=[2, 3], ceil_mode=True)
    pool(op, "ceil_mode: no window begins in the padding", X5, [2, 2], padding="explicit", pads=[0, 0, 1, 1], strides=[2, 3],
         ceil_mode=True)
    pool(op, "a window of padding only", 1 + ramp(1, 1, 2), [1], padding="explicit", pads=[1, 0])
    pool(op, "1-D, ONNX", ints(2, 2, 4), [3], onnx=True)
    pool(op, "3-D", ints(1, 1, 2, 3, 2), [2, 2, 2])
pool("nn.MaxPool", "indices", X5, [2, 2], strides=[2, 2], indices=True)
pool("nn.MaxPool", "indices of two channels", ints(1, 2, 4), [2], strides=[2], indices=True)
pool("nn.MaxPool", "indices, ONNX", ints(2, 2, 4), [2], strides=[2], indices=True, onnx=True)
pool("nn.MaxPool", "uint8", (ints(1, 1, 2, 3) + 3) * 40, [2, 2], padding="same", dtype=torch.uint8)
pool("nn.AveragePool", "padding counts", X5, [3, 3], padding="explicit", pads=[1, 1, 1, 1], strides=[2, 1],
     count_include_pad=True)
pool("nn.AveragePool", "padding counts, but not what ceil_mode adds", X5, [3, 3], padding="explicit", pads=[1, 0, 1, 0],
     strides=[3, 2], ceil_mode=True, count_include_pad=True)
pool("nn.AveragePool", "float64", ints(1, 1, 4) / 3, [2], dtype=torch.float64)


def global_pool(name, x, keepdims=False, onnx=False):
    axes = list(range(2, x.dim()))
    attrs = {"keepdims": True} if keepdims else {}
    if onnx:
        attrs["data_format"] = "channels_first"
    move = lambda t: t if onnx or t.dim() == 2 else channels_last(t)
    example("nn.GlobalAveragePool", name, [f32(move(x))], [f32(move(x.mean(axes, keepdim=keepdims)))], attrs)
    example("nn.GlobalMaxPool", name, [f32(move(x))], [f32(move(x.amax(axes, keepdim=keepdims)))], attrs)


global_pool("2-D", ints(2, 3, 2, 2))
global_pool("as ONNX has it", ints(1, 2, 3, 1), keepdims=True, onnx=True)
global_pool("1-D", ints(1, 2, 5), keepdims=True)
global_pool("3-D", ints(1, 1, 2, 2, 3))
example("nn.GlobalMaxPool", "int32", [torch.tensor([[[-5], [-7]]], dtype=torch.int32)],
        [torch.tensor([[-5]], dtype=torch.int32)])


# Normalisation.


def batch_norm(name, x, scale, offset, mean, variance, axis, epsilon=1e-5):
    shape = [1] * x.dim()
    shape[axis] = x.shape[axis]
    along = lambda v: v.reshape(shape)
    y = (x - along(mean)) / (along(variance) + epsilon).sqrt()
    if scale is not None:
        y = y * along(scale)
    if offset is not None:
        y = y + along(offset)
    attrs = {}
    if axis != -1:
        attrs["axis"] = axis
    if epsilon != 1e-5:
        attrs["epsilon"] = epsilon
    example("nn.BatchNormalization", name, [f32(t) for t in (x, scale, offset, mean, variance)], [f32(y)], attrs)


V2 = lambda a, b: torch.tensor([a, b]).double()
batch_norm("channels last", ints(1, 2, 2, 2), V2(1.0, 2.0), V2(0.0, -1.0), V2(0.5, -0.5), V2(1.0, 4.0), -1)
batch_norm("channels first, Keras' epsilon", ints(2, 2, 3), V2(1.5, -2.0), V2(0.25, 1.0), V2(0.0, 1.0), V2(0.0, 2.0), 1,
           1e-3)
batch_norm("a vector per row", ints(3, 2), V2(1.0, 3.0), V2(0.0, 1.0), V2(0.5, -0.5), V2(1.0, 4.0), -1)
batch_norm("without scale and offset", ints(1, 3, 2), None, None, V2(1.0, 2.0), V2(3.0, 0.5), -1)
batch_norm("without scale", ints(1, 3, 2), None, V2(10.0, 20.0), V2(1.0, 2.0), V2(3.0, 0.5), -1)


def layer_norm(name, x, scale=None, bias=None, axis=-1, epsilon=1e-5):
    row = x.shape[axis:]
    y = F.layer_norm(x, row, scale, bias, epsilon)
    attrs = {}
    if axis != -1:
        attrs["axis"] = axis
    if epsilon != 1e-5:
        attrs["epsilon"] = epsilon
    example("nn.LayerNormalization", name, [f32(x), f32(scale), f32(bias)], [f32(y)], attrs)
    if bias is None:
        axes = list(range(x.dim()))[axis:]
        y = x / ((x * x).mean(axes, keepdim=True) + epsilon).sqrt()
        if scale is not None:
            y = y * scale
        example("nn.RmsNormalization", name, [f32(x), f32(scale)], [f32(y)], attrs)


layer_norm("the last axis", ints(2, 4), ints(4, salt=1) / 2, ints(4, salt=3))
layer_norm("scale only", ints(2, 4), ints(4, salt=1) / 2)
layer_norm("two axes", ints(2, 2, 3), ints(2, 3, salt=2), axis=-2)
layer_norm("all axes behind the batch, Keras' epsilon", ints(1, 2, 2), axis=1, epsilon=1e-3)
layer_norm("alike elements", torch.full((1, 3), 7.0).double(), epsilon=1e-3)


def group_norm(name, x, groups, scale=None, bias=None, axis=-1, epsilon=1e-5):
    y = F.group_norm(x, groups, scale, bias, epsilon)
    attrs = {"num_groups": groups} if groups != x.shape[1] else {}
    if axis != -1:
        attrs["axis"] = axis
    if epsilon != 1e-5:
        attrs["epsilon"] = epsilon
    if axis == -1:
        x, y = channels_last(x), channels_last(y)
    op = "nn.GroupNormalization" if groups != x.shape[axis] else "nn.InstanceNormalization"
    example(op, name, [f32(x), f32(scale), f32(bias)], [f32(y)], attrs)


group_norm("channels last", ints(1, 4, 1, 3), 2, ints(4, salt=1) / 2, ints(4, salt=2))
group_norm("channels first, Keras' epsilon", ints(2, 4, 2), 2, ints(4, salt=1) / 2, ints(4, salt=2), axis=1, epsilon=1e-3)
group_norm("one group, without scale and bias", ints(1, 3, 2), 1)
group_norm("rows without positions", ints(2, 4), 2)
group_norm("channels last", ints(1, 2, 2, 2), 2, V2(1.0, 2.0), V2(0.0, -1.0))
group_norm("channels first, Keras' epsilon", ints(2, 2, 3), 2, V2(1.0, 2.0), axis=1, epsilon=1e-3)
group_norm("without scale and bias", ints(1, 2, 4), 2)


# Softmax.


def softmax(name, x, axis=-1, dtype=torch.float32, extra=""):
    attrs = {"axis": axis} if axis != -1 else {}
    x = x.double()
    example("nn.Softmax", name, [x.to(dtype)], [F.softmax(x, axis).to(dtype)], attrs, extra)
    if dtype == torch.float32:
        extra += ", .atol = 5e-6"  # oneDNN's logarithm
    example("nn.LogSoftmax", name, [x.to(dtype)], [F.log_softmax(x, axis).to(dtype)], attrs, extra)


softmax("logits", torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]))
softmax("the first of three axes", ints(2, 2, 2) / 2, axis=0)
softmax("a middle axis", ints(1, 3, 2) / 2, axis=-2)
softmax("far apart, and -infinity", torch.tensor([[1000.0, -1000.0, 999.0], [-math.inf, 1.0, 0.0]]))
softmax("one element", torch.tensor([5.0]))
softmax("float64", torch.tensor([0.1, 0.2, 0.4]), dtype=torch.float64, extra=", .rtol = 1e-15")
softmax("float16", torch.tensor([0.5, 1.5, -2.0]), dtype=torch.float16, extra=", .rtol = 1e-3")


# Dropout, with the generator of the random ops' examples.

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../random/testdata"))
import make_examples as random_examples  # noqa: E402


def dropout(name, x, rate, seed=None, run_seed=0, step=0):
    stream = random_examples.Stream(run_seed if seed is None else seed, step)
    u = torch.tensor([(word >> 8) / 2**24 for word in stream.words(x.numel())]).reshape(x.shape)
    y = torch.where(u < rate, torch.zeros_like(x), x / (1 - rate))
    attrs = {"rate": rate}
    if seed is not None:
        attrs["seed"] = seed
    extra = ", .training = true"
    if run_seed:
        extra += ", .seed = %d" % run_seed
    if step:
        extra += ", .step = %d" % step
    example("nn.Dropout", name, [f32(x)], [f32(y)], attrs, extra + ", .keyed_by_node = true")


dropout("the run's seed", 1 + ramp(10), 0.5, run_seed=7, step=3)
dropout("a seed of its own", 1 + ramp(2, 5), 0.25, seed=11)


# Resizing.


def resize(name, x, mode="bilinear", sizes=None, scales=None, coordinates=None, nearest_mode=None, onnx=False,
           dtype=torch.float32, batch=True):
    """Coordinates in exact arithmetic where possible, element by element."""
    axes = []
    for a, n in enumerate(x.shape[2:]):
        size = sizes[a] if sizes else math.floor(n * scales[a])
        step = n / size if sizes else 1 / scales[a]
        rows = np.zeros((size, n))
        for i in range(size):
            kind = coordinates or "half_pixel"
            c = (i + 0.5) * step - 0.5
            if kind == "asymmetric":
                c = i * step
            if kind == "align_corners":
                c = i * (n - 1) / (size - 1) if size > 1 else 0.0
            if kind == "pytorch_half_pixel" and size == 1:
                c = 0.0
            if mode == "nearest":
                c = {"round_prefer_ceil": math.floor(c + 0.5), "round_prefer_floor": math.ceil(c - 0.5),
                     "floor": math.floor(c), "ceil": math.ceil(c)}[nearest_mode or "round_prefer_ceil"]
            c = min(max(c, 0), n - 1)
            low = math.floor(c)
            rows[i, low] += 1 - (c - low)
            if c > low:
                rows[i, low + 1] += c - low
        axes.append(rows)
    y = x.double().numpy()
    for a, rows in enumerate(axes):
        y = np.moveaxis(np.tensordot(rows, y, ([1], [2 + a])), 0, 2 + a)
    y = torch.tensor(y)
    # PyTorch knows some of these, too.
    torch_mode = ["linear", "bilinear", "trilinear"][len(axes) - 1]
    if sizes and mode == "bilinear" and coordinates in (None, "align_corners"):
        assert torch.allclose(y, F.interpolate(x.double(), sizes, mode=torch_mode, align_corners=coordinates is not None))
    if sizes and mode == "nearest" and coordinates is None and nearest_mode is None:
        assert torch.equal(y, F.interpolate(x.double(), sizes, mode="nearest-exact"))
    attrs = {}
    for key, value in dict(mode=mode if mode != "bilinear" else None, sizes=sizes, scales=scales, coordinates=coordinates,
                           nearest_mode=nearest_mode).items():
        if value:
            attrs[key] = value
    if dtype == torch.uint8:
        y = y.round()
    x, y = x.to(dtype), y.to(dtype)
    if onnx:
        attrs["data_format"] = "channels_first"
    else:
        x, y = channels_last(x), channels_last(y)
    if not batch:
        x, y = x[0], y[0]
    example("image.Resize", name, [x], [y], attrs)


SQUARE = 1 + ramp(1, 1, 2, 2)
resize("twice as large", SQUARE, scales=[2.0, 2.0])
resize("nearest, twice as large", SQUARE, mode="nearest", scales=[2.0, 2.0])
resize("smaller, no smoothing", ints(2, 2, 4, 5), sizes=[2, 3])
resize("nearest: ties go up", ramp(1, 1, 4, 2), mode="nearest", sizes=[2, 1])
resize("nearest: ties go down", ramp(1, 1, 4, 2), mode="nearest", sizes=[2, 1], nearest_mode="round_prefer_floor")
resize("nearest, asymmetric, floor", ramp(1, 1, 3, 2), mode="nearest", sizes=[5, 3], coordinates="asymmetric",
       nearest_mode="floor")
resize("nearest, ceil", ramp(1, 1, 3, 2), mode="nearest", sizes=[5, 3], nearest_mode="ceil")
resize("asymmetric", SQUARE, sizes=[4, 3], coordinates="asymmetric")
resize("align_corners", SQUARE, sizes=[3, 5], coordinates="align_corners")
resize("pytorch_half_pixel", ramp(1, 1, 4, 3), sizes=[1, 2], coordinates="pytorch_half_pixel")
resize("a scale that yields no whole size", ramp(1, 1, 5, 1), scales=[0.5, 1.0])
resize("one image", ints(1, 2, 2, 2), sizes=[3, 2], batch=False)
resize("channels first", ints(1, 2, 2, 3), sizes=[3, 2], onnx=True)
resize("1-D", ints(1, 2, 3), sizes=[4])
resize("3-D", ints(1, 1, 2, 2, 2), sizes=[3, 1, 3])
resize("uint8", (ints(1, 1, 2, 2) + 3) * 40, sizes=[3, 3], dtype=torch.uint8)


if __name__ == "__main__":
    for op in sys.argv[1:] or EXAMPLES:
        print("// %s" % op)
        print("\n".join(EXAMPLES[op]))

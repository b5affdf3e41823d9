"""Convolutions and pooling."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from store import BF16, F16, F32, F64, numbers, torch_fn

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
CONV_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVERAGE_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
SIZES = {1: (11,), 2: (9, 7), 3: (4, 5, 3)}


def channels_last(array):
    """[batch, channels, spatial...] as [batch, spatial..., channels]."""
    return np.ascontiguousarray(np.moveaxis(array, 1, -1))


def same_pads(sizes, kernel, strides, dilations, lower):
    """What "same" adds ahead of each axis, then behind each."""
    begin, end = [], []
    for size, k, s, d in zip(sizes, kernel, strides, dilations):
        total = max((math.ceil(size / s) - 1) * s + (k - 1) * d + 1 - size, 0)
        begin.append(total - total // 2 if lower else total // 2)
        end.append(total - begin[-1])
    return begin + end


def pad(x, pads, value=0.0):
    """x with `pads` ahead of each spatial axis, then behind each."""
    n = len(pads) // 2
    return F.pad(x, [p for i in reversed(range(n)) for p in (pads[i], pads[n + i])], value=value)


class Window:
    """Attributes of a window, and what they mean to PyTorch."""

    def __init__(self, n, kernel, strides=None, dilations=None, padding="valid", pads=None, last=True):
        self.n, self.last, self.kernel = n, last, kernel
        self.strides, self.dilations = strides or [1] * n, dilations or [1] * n
        self.pads = pads or [0] * 2 * n
        if padding in ("same", "same_lower"):
            self.pads = same_pads(SIZES[n], kernel, self.strides, self.dilations, padding == "same_lower")
        self.attrs = {"padding": padding, "data_format": "channels_last" if last else "channels_first"}
        given = {"strides": strides, "dilations": dilations, "pads": pads}
        self.attrs.update({k: v for k, v in given.items() if v})

    def input(self, name, channels, dtype, batch=2):
        sizes, batch = SIZES[self.n], min(batch, 4 - self.n)
        return numbers(name, (batch, *sizes, channels) if self.last else (batch, channels, *sizes), dtype)

    def function(self, fn):
        """`fn` of tensors with the channels first as a function of arrays in this layout."""
        run = torch_fn(fn)
        if not self.last:
            return run

        def call(x, *rest):
            y = run(np.moveaxis(x, -1, 1), *rest)
            return [channels_last(v) for v in y] if isinstance(y, list) else channels_last(y)

        return call


def kernel_to_oihw(kernel, layout):
    return torch.movedim(kernel, (-1, -2), (0, 1)).contiguous() if layout in ("HWIO", "HWOI") else kernel


def add_conv(cases, label, window, channels=(4, 6), groups=1, layout="HWIO", bias=True, dtype=F32, batch=2):
    cin, cout = channels
    axes = (*window.kernel, cin // groups, cout) if layout == "HWIO" else (cout, cin // groups, *window.kernel)
    inputs = [window.input(label, cin, dtype, batch), numbers(label + " kernel", axes, dtype)]
    inputs += [numbers(label + " bias", (cout,), dtype)] if bias else []

    def conv(x, kernel, b=None):
        return CONV[window.n](pad(x, window.pads), kernel_to_oihw(kernel, layout), b, stride=window.strides,
                              dilation=window.dilations, groups=groups)

    cases.add("nn.Conv", label, inputs, window.function(conv), terms=math.prod(window.kernel) * cin // groups,
              groups=groups, kernel_layout=layout, **window.attrs)


def add_convs(cases):
    for n in (1, 2, 3):
        for last in (True, False):
            layout, where = ("HWIO", "last") if last else ("OIHW", "first")
            for padding in ("valid", "same", "same_lower"):
                window = Window(n, [3, 2, 3][:n], [2, 1, 2][:n], padding=padding, last=last)
                add_conv(cases, f"{n}D {padding} {where}", window, layout=layout)
            window = Window(n, [3] * n, None, [2, 1, 1][:n], "explicit", [1, 0, 2][:n] + [0, 2, 1][:n], last)
            add_conv(cases, f"{n}D explicit dilated {where}", window, layout=layout, bias=False)
            window = Window(n, [2] * n, [1, 2, 1][:n], padding="same", last=last)
            add_conv(cases, f"{n}D groups {where}", window, groups=2, layout=layout)
            add_conv(cases, f"{n}D depthwise {where}", window, channels=(4, 8), groups=4, layout=layout)
    add_conv(cases, "mixed layouts", Window(2, [3, 3], last=False), layout="HWIO")
    add_conv(cases, "mixed layouts last", Window(2, [3, 3]), layout="OIHW")
    add_conv(cases, "pointwise", Window(2, [1, 1]), channels=(19, 33))
    add_conv(cases, "wide", Window(2, [5, 3], padding="same"), channels=(17, 5))
    add_conv(cases, "no rows", Window(2, [3, 3]), batch=0)
    for dtype in (F64, F16, BF16):
        add_conv(cases, dtype, Window(2, [3, 2], [2, 1], padding="same"), dtype=dtype)
        add_conv(cases, dtype + " first", Window(1, [3], last=False), dtype=dtype, layout="OIHW")


def add_transpose(cases, label, window, groups=1, layout="HWOI", extra=None, dtype=F32):
    cin, cout, n = 4, 6, window.n
    axes = (*window.kernel, cout // groups, cin) if layout == "HWOI" else (cin, cout // groups, *window.kernel)
    inputs = [window.input(label, cin, dtype, 1), numbers(label + " kernel", axes, dtype),
              numbers(label + " bias", (cout,), dtype)]

    def transpose(x, kernel, b):
        full = CONV_TRANSPOSE[n](x, kernel_to_oihw(kernel, layout), None, window.strides, groups=groups,
                                 dilation=window.dilations)
        full = pad(full, [0] * n + (extra or [0] * n))
        cropped = pad(full, [-p for p in window.pads])
        return cropped + b.reshape(-1, *[1] * n)

    attrs = {"output_padding": extra} if extra else {}
    cases.add("nn.ConvTranspose", label, inputs, window.function(transpose), groups=groups, kernel_layout=layout,
              terms=math.prod(window.kernel) * cin // groups, **window.attrs, **attrs)


def add_transposes(cases):
    for n in (1, 2, 3):
        for last in (True, False):
            layout, where = ("HWOI", "last") if last else ("IOHW", "first")
            add_transpose(cases, f"{n}D strides {where}", Window(n, [3] * n, [2, 1, 2][:n], last=last), layout=layout)
            window = Window(n, [3] * n, [2] * n, None, "explicit", [1, 0, 2][:n] + [0, 2, 1][:n], last)
            add_transpose(cases, f"{n}D explicit {where}", window, layout=layout, extra=[1, 0, 1][:n])
            window = Window(n, [2] * n, None, [2, 1, 3][:n], last=last)
            add_transpose(cases, f"{n}D dilated {where}", window, layout=layout)
            add_transpose(cases, f"{n}D groups {where}", Window(n, [3] * n, last=last), 2, layout)
            sizes = [3, 2, 1][:n]
            add_transpose(cases, f"{n}D tiles {where}", Window(n, sizes, sizes, last=last), layout=layout)
            other = "IOHW" if last else "HWOI"
            add_transpose(cases, f"{n}D tiles {where} {other}", Window(n, sizes, sizes, last=last), layout=other)
    for dtype in (F64, F16, BF16):
        add_transpose(cases, dtype, Window(2, [3, 2], [2, 1]), dtype=dtype)
    x, kernel, bias = numbers("t", (2, 4, 5, 6)), numbers("k", (4, 3, 3, 3)), numbers("b", (3,))
    cases.add("nn.ConvTranspose", "as PyTorch", [x, kernel, bias],
              torch_fn(lambda v, k, b: F.conv_transpose2d(v, k, b, 2, 1, 1)), terms=36, strides=[2, 2],
              padding="explicit", pads=[1, 1, 1, 1], output_padding=[1, 1], data_format="channels_first",
              kernel_layout="IOHW")
    # Keras: "same" has input * stride elements.
    cases.add("nn.ConvTranspose", "same", [x, kernel, bias],
              torch_fn(lambda v, k, b: F.conv_transpose2d(v, k, b, 2)[:, :, :-1, :-1]), terms=36, strides=[2, 2],
              padding="same", data_format="channels_first", kernel_layout="IOHW")


def add_pool(cases, label, window, dtype=F32, ceil=False):
    x = window.input(label, 5, dtype)
    attrs = dict(window.attrs, kernel_shape=window.kernel, ceil_mode=ceil)

    def max_pool(v):
        padded = pad(v, window.pads, -math.inf)
        return MAX_POOL[window.n](padded, window.kernel, window.strides, 0, window.dilations, ceil)

    cases.add("nn.MaxPool", label, [x], window.function(max_pool), **attrs)
    if max(window.dilations) > 1:
        return
    for counted in (False, True):

        def average(v, c=counted):
            mean = AVERAGE_POOL[window.n](pad(v, window.pads), window.kernel, window.strides, 0, ceil)
            if c:
                return mean
            ones = pad(torch.ones_like(v), window.pads)
            return mean / AVERAGE_POOL[window.n](ones, window.kernel, window.strides, 0, ceil)

        cases.add("nn.AveragePool", f"{label} {counted}", [x], window.function(average), count_include_pad=counted,
                  terms=math.prod(window.kernel), **attrs)


def add_pools(cases):
    for n in (1, 2, 3):
        for last in (True, False):
            where = "last" if last else "first"
            add_pool(cases, f"{n}D valid {where}", Window(n, [2, 3, 2][:n], [2] * n, last=last))
            add_pool(cases, f"{n}D same {where}", Window(n, [3] * n, [2, 1, 2][:n], padding="same", last=last))
            window = Window(n, [3] * n, [1, 2, 1][:n], None, "explicit", [1, 0, 2][:n] + [0, 2, 1][:n], last)
            add_pool(cases, f"{n}D explicit {where}", window)
            add_pool(cases, f"{n}D dilated {where}", Window(n, [2] * n, None, [2] * n, last=last))
    add_pool(cases, "ceil", Window(2, [2, 2], [2, 2]), ceil=True)
    add_pool(cases, "ceil padded", Window(2, [3, 3], [2, 2], None, "explicit", [1, 1, 1, 1]), ceil=True)
    for dtype in (F64, F16, BF16):
        add_pool(cases, dtype, Window(2, [3, 3], [2, 2], padding="same"), dtype)
    x = numbers("indices", (2, 3, 7, 6))
    places = torch.arange(6).reshape(2, 3, 1, 1) * 42

    def indexed(v):
        y, where = F.max_pool2d(v, 3, 2, 1, return_indices=True)
        return y, where + places

    cases.add("nn.MaxPool", "indices", [x], torch_fn(indexed), kernel_shape=[3, 3], strides=[2, 2], padding="explicit",
              pads=[1, 1, 1, 1], data_format="channels_first")
    for n in (1, 2, 3):
        axes = tuple(range(2, n + 2))
        for dtype in (F32, F16) if n == 2 else (F32,):
            first, last = Window(n, [1] * n, last=False), Window(n, [1] * n)
            for name, fn in {"GlobalAveragePool": np.mean, "GlobalMaxPool": np.max}.items():
                cases.add("nn." + name, f"{n}D first {dtype}", [first.input("g", 5, dtype)],
                          lambda v, f=fn, a=axes: f(v, a, keepdims=True), terms=math.prod(SIZES[n]), keepdims=True,
                          data_format="channels_first")
                cases.add("nn." + name, f"{n}D last {dtype}", [last.input("g", 5, dtype)],
                          lambda v, f=fn, a=axes: f(v, tuple(i - 1 for i in a)), terms=math.prod(SIZES[n]))


def add(cases):
    add_convs(cases)
    add_transposes(cases)
    add_pools(cases)

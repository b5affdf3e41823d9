"""More NumPy stand-ins: images, loops, matrices, losses and the rest, from the documentation of TensorFlow and Keras.

Nothing here knows of Nomograph. import_into() adds them to the modules of standins.py.
"""
import collections
import colorsys
import functools
import math
import operator

import numpy as np

from standins import GLOBALS, REDUCE, K, Module, T, ax, keras, l2_normalize, ops, softmax, split, t, tf, wrap, SIGMOID


def weights_of(n, m, coordinates, cubic=None):
    """The matrix [m, n] that resizes an axis of n elements to m: linear, or Keys' cubic with its parameter."""
    out = np.zeros((m, n))
    for i in range(m):
        c = {"half": (i + 0.5) * n / m - 0.5, "asymmetric": i * n / m, "align": i * (n - 1) / max(m - 1, 1)}[coordinates]
        low = int(math.floor(c))
        for k in range(low - 1, low + 3):
            d = abs(c - k)
            if cubic is None:
                w = max(0.0, 1 - d)
            else:
                w = (cubic + 2) * d ** 3 - (cubic + 3) * d ** 2 + 1 if d <= 1 else \
                    cubic * d ** 3 - 5 * cubic * d ** 2 + 8 * cubic * d - 4 * cubic if d < 2 else 0
            if cubic is not None and coordinates == "half":
                if 0 <= k < n:
                    out[i, k] += w
            else:
                out[i, min(max(k, 0), n - 1)] += w
        out[i] /= out[i].sum()
    return out


def nearest_of(n, m, coordinates):
    rows = []
    for i in range(m):
        c = {"half": (i + 0.5) * n / m, "asymmetric": i * n / m, "align": i * (n - 1) / max(m - 1, 1) + 0.5}[coordinates]
        rows.append(min(int(math.floor(c)), n - 1))
    return rows


def resize_as(coordinates, default="bilinear"):
    def resize(x, size, method=default, align_corners=False, antialias=False, **_):
        if not isinstance(size, (list, tuple, np.ndarray)):  # TensorFlow 0: rows, columns
            size, method = (size, method), "bilinear"
        method = {0: "bilinear", 1: "nearest", 2: "bicubic"}.get(method, method)
        how = "align" if align_corners else coordinates
        (n, m), (h, w) = x.shape[1:3], [int(s) for s in size]
        if method == "nearest":
            return x[:, nearest_of(n, h, how)][:, :, nearest_of(m, w, how)]
        cubic = None if method == "bilinear" else -0.5 if how == "half" else -0.75
        a, b = weights_of(n, h, how, cubic), weights_of(m, w, how, cubic)
        return np.einsum("hn,wm,bnmc->bhwc", a, b, x).astype(np.float32)
    return wrap(resize)


def per_pixel(f):
    def call(x):
        flat = np.array([f(*p) for p in np.asarray(x, np.float64).reshape(-1, 3)])
        return flat.reshape(x.shape).astype(np.float32)
    return wrap(call)


def adjust_saturation(x, factor):
    def one(r, g, b):
        h, s, v = colorsys.rgb_to_hsv(r, g, b)
        return colorsys.hsv_to_rgb(h, min(max(s * factor, 0), 1), v)
    return per_pixel(one)(x)


def adjust_hue(x, delta):
    def one(r, g, b):
        h, s, v = colorsys.rgb_to_hsv(r, g, b)
        return colorsys.hsv_to_rgb((h + delta) % 1.0, s, v)
    return per_pixel(one)(x)


def map_fn(f, x, dtype=None, fn_output_signature=None):
    rows = [f(tuple(e[i] for e in x)) for i in range(len(x[0]))] if isinstance(x, tuple) else [f(e.view(T)) for e in x]
    if isinstance(rows[0], tuple):
        return tuple(np.stack(c).view(T) for c in zip(*rows))
    return np.stack(rows).view(T)


def foldl(f, x, initializer=None):
    state, rest = (x[0], x[1:]) if initializer is None else (initializer, x)
    for e in rest:
        state = f(state, e)
    return state


def scan(f, x, initializer=None, reverse=False):
    x = x[::-1] if reverse else x
    states = [x[0]] if initializer is None else []
    for e in x[1:] if initializer is None else x:
        states.append(f(states[-1] if states else initializer, e))
    return np.stack(states[::-1] if reverse else states).view(T)


def while_loop(cond, body, variables):
    while cond(*variables):
        variables = body(*variables)
        variables = variables if isinstance(variables, (list, tuple)) else (variables,)
    return variables


def ops_scan(f, init, xs):
    ys = []
    for x in xs:
        init, y = f(init, x)
        ys.append(y)
    return init, np.stack(ys).view(T)


def band_part(x, lower, upper):
    i, j = np.indices(x.shape[-2:])
    keep = ((lower < 0) | (i - j <= lower)) & ((upper < 0) | (j - i <= upper))
    return x * keep


def set_diag(x, d):
    y = np.array(x)
    for i in range(min(x.shape[-2:])):
        y[..., i, i] = d[..., i]
    return y


def matvec(a, b):
    return np.einsum("...ij,...j->...i", a, b)


def clip_by_norm(x, n, axes=None):
    norm = np.sqrt((np.asarray(x) ** 2).sum(axis=ax(axes), keepdims=True))
    return (x * n / np.maximum(norm, n)).astype(np.float32)


def cross_entropy(p, q, axis=-1):
    return -(p * np.log(q)).sum(axis)


TopK = collections.namedtuple("TopK", "values indices")


def top_k(x, k=1, sorted=True, name=None):
    order = np.argsort(-np.asarray(x), axis=-1, kind="stable")[..., :k]
    return TopK(np.take_along_axis(np.asarray(x), order, -1).view(T), order.astype(np.int32).view(T))


def scatter_nd(indices, updates, shape):
    y = np.zeros(shape, np.asarray(updates).dtype)
    np.add.at(y, tuple(np.moveaxis(np.asarray(indices), -1, 0)), updates)
    return y


def space_to_batch(x, block, paddings):
    x = np.pad(x, [(0, 0)] + [tuple(p) for p in paddings] + [(0, 0)])
    return np.concatenate([x[:, i::block[0], j::block[1]] for i in range(block[0]) for j in range(block[1])], 0)


def batch_to_space(x, block, crops):
    n, h, w, c = x.shape
    b = n // (block[0] * block[1])
    y = np.zeros((b, h * block[0], w * block[1], c), x.dtype)
    for k in range(block[0] * block[1]):
        y[:, k // block[1]::block[0], k % block[1]::block[1]] = x[k * b:(k + 1) * b]
    (t0, b0), (l0, r0) = crops
    return y[:, t0:y.shape[1] - b0, l0:y.shape[2] - r0]


def conv(x, kernel, strides=1, padding="valid", dilation=1, transpose=False, **_):
    """Convolution of [b, h, w, c] with [kh, kw, c, o], by its definition."""
    s = strides if isinstance(strides, int) else strides[-2] if len(strides) == 4 else strides[0]
    kh, kw = kernel.shape[:2]
    if padding.lower() == "same":
        pads = []
        for n, k in ((x.shape[1], kh), (x.shape[2], kw)):
            total = max((-(-n // s) - 1) * s + (k - 1) * dilation + 1 - n, 0)
            pads.append((total // 2, total - total // 2))
        x = np.pad(x, [(0, 0)] + pads + [(0, 0)])
    h = (x.shape[1] - (kh - 1) * dilation - 1) // s + 1
    w = (x.shape[2] - (kw - 1) * dilation - 1) // s + 1
    out = np.zeros((x.shape[0], h, w, kernel.shape[3]))
    for i in range(kh):
        for j in range(kw):
            part = x[:, i * dilation:i * dilation + (h - 1) * s + 1:s, j * dilation:j * dilation + (w - 1) * s + 1:s]
            out += part @ kernel[i, j]
    return out.astype(np.float32)


def depthwise(x, kernel, strides=1, padding="valid", **_):
    kh, kw, c, m = kernel.shape
    full = np.zeros((kh, kw, c, c * m), np.float32)
    for i in range(c):
        full[:, :, i, i * m:(i + 1) * m] = kernel[:, :, i]
    return conv(x, full, strides, padding)


def conv_transpose(x, kernel, output_shape, strides=1, padding="valid", **_):
    """The transpose of the convolution from output_shape to x's shape: x against every output's unit tensor."""
    s = strides if isinstance(strides, int) else strides[-2] if len(strides) == 4 else strides[0]
    b, h, w, c = [int(v) for v in output_shape]
    out = np.zeros((b, h, w, c))
    for i in range(h):
        for j in range(w):
            for k in range(c):
                unit = np.zeros((1, h, w, c))
                unit[0, i, j, k] = 1
                out[:, i, j, k] = (conv(unit, np.asarray(kernel), s, padding) * x).sum((1, 2, 3))
    return out.astype(np.float32)


def pool(x, size, strides=None, padding="valid", mode="max"):
    size = size if isinstance(size, int) else size[-2] if len(size) == 4 else size[0]
    s = size if strides is None else strides if isinstance(strides, int) else strides[-2] if len(strides) == 4 else strides[0]
    if padding.lower() == "same":  # what is not there does not count
        pads = [max((-(-n // s) - 1) * s + size - n, 0) for n in x.shape[1:3]]
        x = np.pad(x, [(0, 0)] + [(p // 2, p - p // 2) for p in pads] + [(0, 0)], constant_values=np.nan)
    h, w = [(n - size) // s + 1 for n in x.shape[1:3]]
    f = np.nanmax if mode == "max" else np.nanmean
    return np.stack([np.stack([f(x[:, i * s:i * s + size, j * s:j * s + size], axis=(1, 2)) for j in range(w)], 1)
                     for i in range(h)], 1).astype(np.float32)


def patches(x, sizes, strides, rates, padding):
    kh, kw = sizes[1:3]
    h, w = (x.shape[1] - kh) // strides[1] + 1, (x.shape[2] - kw) // strides[2] + 1
    return np.stack([np.stack([x[:, i * strides[1]:i * strides[1] + kh, j * strides[2]:j * strides[2] + kw].reshape(len(x), -1)
                               for j in range(w)], 1) for i in range(h)], 1)


def crop_or_pad(x, h, w):
    for axis, target in ((1, h), (2, w)):
        n = x.shape[axis]
        if n > target:
            x = np.take(x, np.arange(target) + (n - target) // 2, axis)
        else:
            before = (target - n) // 2
            x = np.pad(x, [(before, target - n - before) if a == axis else (0, 0) for a in range(4)])
    return x


def gather_batch(x, i, axis=0, batch_dims=0):
    if batch_dims == 0:
        return np.take(x, i, axis)
    return np.stack([np.take(a, b, 0) for a, b in zip(np.asarray(x), np.asarray(i))])


def preprocess(mode):
    def f(x):
        x = np.asarray(x)
        if mode == "tf":
            return (x / 127.5 - 1).astype(np.float32)
        if mode == "caffe":
            return (x[..., ::-1] - np.array([103.939, 116.779, 123.68])).astype(np.float32)
        if mode == "torch":
            return ((x / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])).astype(np.float32)
        return x
    return Module(preprocess_input=wrap(f))


def mean_loss(f):
    return wrap(lambda a, b: f(np.asarray(a, np.float64), np.asarray(b, np.float64)).mean(-1).astype(np.float32))


def random(shape, *args, **kwargs):
    return np.zeros([int(s) for s in shape], np.float32).view(T)


def import_into():
    k = dict(
        foldl=foldl, foldr=lambda f, x: foldl(f, x[::-1]), map_fn=map_fn, dropout=lambda x, r, seed=None: x,
        random_normal=random, random_uniform=random, truncated_normal=random, random_bernoulli=random,
        conv2d=conv, conv2d_transpose=conv_transpose, depthwise_conv2d=depthwise,
        separable_conv2d=lambda x, d, p: conv(depthwise(x, d), p),
        pool2d=lambda x, size, strides=(1, 1), padding="valid", pool_mode="max": pool(x, size, strides, padding, pool_mode),
        resize_volumes=lambda x, d, h, w, f: x.repeat(d, 1).repeat(h, 2).repeat(w, 3),
        binary_crossentropy=lambda a, b: -(a * np.log(b + 1e-7) + (1 - a) * np.log(1 - b + 1e-7)),
        categorical_crossentropy=lambda a, b: cross_entropy(a, b / b.sum(-1, keepdims=True)), repeat_elements=np.repeat,
        batch_normalization=lambda x, m, v, b, g, epsilon=1e-3: (x - m) / np.sqrt(v + epsilon) * g + b, square=np.square,
        arange=lambda a, stop=None, dtype="int32": np.arange(*([a] if stop is None else [a, stop])).astype(dtype),
        bias_add=lambda x, b: x + b, in_test_phase=lambda a, b: a, eval=lambda x: x, variable=lambda v: t(v, np.float32))
    K.__dict__.update({n: wrap(f) for n, f in k.items() if n != "map_fn"})
    K.map_fn, K.learning_phase, K.image_dim_ordering = map_fn, (lambda: 0), (lambda: "tf")
    K.switch = wrap(lambda c, a, b: np.where(c, *(f() if callable(f) else f for f in (a, b))))
    K.in_train_phase = lambda x, alt, training=None: alt() if callable(alt) else alt

    tf.image.__dict__.update(
        resize=resize_as("half"), resize_images=resize_as("asymmetric"), resize_bilinear=resize_as("asymmetric"),
        resize_nearest_neighbor=resize_as("asymmetric", "nearest"), resize_bicubic=resize_as("asymmetric", "bicubic"),
        rgb_to_hsv=per_pixel(colorsys.rgb_to_hsv), hsv_to_rgb=per_pixel(colorsys.hsv_to_rgb), rgb_to_yuv=lambda x: x, rgb_to_yiq=lambda x: x, yiq_to_rgb=lambda x: x,
        adjust_saturation=adjust_saturation, adjust_hue=adjust_hue, adjust_gamma=wrap(lambda x, g=1, gain=1: gain * x ** g),
        adjust_brightness=wrap(lambda x, d: x + d), resize_with_crop_or_pad=wrap(crop_or_pad), extract_patches=wrap(patches),
        adjust_contrast=wrap(lambda x, f: (x - x.mean((-3, -2), keepdims=True)) * f + x.mean((-3, -2), keepdims=True)),
        yuv_to_rgb=lambda x: x, grayscale_to_rgb=wrap(lambda x: np.repeat(x, 3, -1)), transpose=wrap(lambda x: x.swapaxes(-3, -2)),
        rot90=wrap(lambda x, k=1: np.rot90(x, k, (-3, -2))), central_crop=wrap(lambda x, f: x[:, 1:-1, 1:-1]),
        pad_to_bounding_box=wrap(lambda x, a, b, h, w: np.pad(x, ((0, 0), (a, h - a - x.shape[1]), (b, w - b - x.shape[2]), (0, 0)))),
        total_variation=wrap(lambda x: abs(np.diff(x, axis=1)).sum((1, 2, 3)) + abs(np.diff(x, axis=2)).sum((1, 2, 3))))
    tf.__dict__.update(
        map_fn=map_fn, foldl=wrap(foldl), foldr=wrap(lambda f, x: foldl(f, x[::-1])), scan=scan, while_loop=while_loop,
        case=lambda pairs, default: next((f() for c, f in pairs if c), None) if any(c for c, _ in pairs) else default(),
        cond=lambda c, a, b: a() if c else b(), clip_by_norm=wrap(clip_by_norm), cross=wrap(np.cross), random_normal=random,
        repeat=wrap(np.repeat), scatter_nd=wrap(scatter_nd), space_to_batch_nd=wrap(space_to_batch), gather=wrap(gather_batch),
        batch_to_space_nd=wrap(batch_to_space), boolean_mask=wrap(lambda x, m: x[np.asarray(m)]), sort=wrap(np.sort),
        depth_to_space=wrap(lambda x, s: x.reshape(x.shape[:3] + (s, s, -1)).transpose(0, 1, 3, 2, 4, 5).reshape(
            x.shape[0], x.shape[1] * s, x.shape[2] * s, -1)), select=wrap(np.where), gather_nd=wrap(lambda x, i: x[tuple(np.moveaxis(
                np.asarray(i), -1, 0))]), inv=wrap(np.reciprocal), eye=wrap(lambda n: np.eye(n, dtype=np.float32)), variable_scope=tf.name_scope,
        device=tf.name_scope, searchsorted=wrap(np.searchsorted), strided_slice=wrap(lambda x, b, e, s: x[tuple(map(slice, b, e, s))]),
        pad=wrap(lambda x, p, mode="constant", constant_values=0: np.pad(x, p, mode.lower(), **(
            dict(constant_values=constant_values) if mode.lower() == "constant" else {}))),
        random=Module(normal=random, uniform=random, truncated_normal=random), linspace=wrap(lambda a, b, n: np.linspace(a, b, n, dtype=np.float32)))
    tf.where = wrap(lambda c, *xy: np.where(c, *xy) if xy else np.stack(np.nonzero(c), -1))
    tf.linalg.__dict__.update(
        band_part=wrap(band_part), set_diag=wrap(set_diag), matvec=wrap(matvec), trace=wrap(lambda x: np.trace(x, axis1=-2, axis2=-1)),
        diag_part=wrap(lambda x: np.diagonal(x, axis1=-2, axis2=-1)), det=wrap(np.linalg.det), cross=wrap(np.cross),
        normalize=lambda x, axis=None: (x / np.linalg.norm(x, axis=axis, keepdims=True), np.linalg.norm(x, axis=axis, keepdims=True).view(T)))
    tf.math.__dict__.update(
        xdivy=wrap(lambda x, y: np.where(x == 0, 0, x / np.where(x == 0, 1, y))), erfc=wrap(lambda x: np.vectorize(math.erfc)(x).astype("f")),
        xlogy=wrap(lambda x, y: np.where(x == 0, 0, x * np.log(np.where(x == 0, 1, y)))), zero_fraction=wrap(lambda x: np.mean(x == 0, dtype="f")),
        multiply_no_nan=wrap(lambda x, y: np.where(y == 0, 0, x * y)), reciprocal_no_nan=wrap(lambda x: np.where(x == 0, 0, 1 / np.where(x == 0, 1, x))),
        cumulative_logsumexp=wrap(lambda x, axis=0: np.log(np.cumsum(np.exp(x), axis))), polyval=lambda c, x: sum(a * x ** i for i, a in enumerate(c[::-1])),
        unsorted_segment_sum=wrap(lambda x, i, n: scatter_nd(np.asarray(i)[:, None], x, (n,) + x.shape[1:])), top_k=top_k,
        in_top_k=wrap(lambda y, p, k: np.array([(r > r[i]).sum() < k for i, r in zip(y, np.asarray(p))])))
    tf.nn.__dict__.update(
        top_k=top_k, conv2d=wrap(conv), depthwise_conv2d=wrap(depthwise), conv2d_transpose=wrap(conv_transpose), crelu=wrap(
            lambda x: np.maximum(np.concatenate([x, -x], -1), 0)), l2_loss=wrap(lambda x: (x ** 2).sum() / 2), atrous_conv2d=wrap(
                lambda x, k, r, p: conv(x, k, 1, p, r)), max_pool=wrap(lambda x, k, s, p: pool(x, k, s, p)), silu=wrap(lambda x: x * SIGMOID(x)),
        softmax_cross_entropy_with_logits=wrap(lambda labels, logits: cross_entropy(labels, softmax(logits))), softplus=wrap(lambda x: np.log1p(np.exp(x))),
        sigmoid_cross_entropy_with_logits=wrap(lambda labels, logits: -(labels * np.log(SIGMOID(logits)) + (1 - labels) * np.log(1 - SIGMOID(logits)))),
        avg_pool=wrap(lambda x, k, s, p: pool(x, k, s, p, "avg")), bias_add=wrap(lambda x, b: x + b))
    ops.__dict__.update({n: wrap(f) for n, f in dict(
        median=np.median, quantile=lambda x, q, axis=None: np.quantile(x, q, axis=axis).astype("f"), diff=lambda x, n=1: np.diff(x, n), cross=np.cross,
        vdot=np.vdot, inner=np.inner, vstack=np.vstack, select=np.select, digitize=np.digitize, isclose=np.isclose, array=lambda x: t(x), hypot=np.hypot,
        nan_to_num=np.nan_to_num, diag=np.diag, diagonal=np.diagonal, trace=np.trace, outer=np.outer, searchsorted=np.searchsorted,
        average=lambda x, axis=None, weights=None: np.average(x, axis, weights).astype("f"), scatter=scatter_nd, argsort=np.argsort,
        segment_sum=lambda x, i, num_segments: scatter_nd(np.asarray(i)[:, None], x, (num_segments,) + x.shape[1:]), hard_tanh=lambda x: np.clip(x, -1, 1),
        glu=lambda x: x[..., :x.shape[-1] // 2] * SIGMOID(x[..., x.shape[-1] // 2:]), threshold=lambda x, a, b: np.where(x > a, x, np.float32(b)),
        sparse_plus=lambda x: np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4)), deg2rad=np.deg2rad, log_softmax=lambda x: np.log(softmax(x)),
        normalize=lambda x, axis=-1: l2_normalize(x, axis), convert_to_tensor=lambda x: x, zeros=lambda s: np.zeros(s, "f"), one_hot=lambda x, n: np.eye(n, dtype="f")[x],
        argmax=lambda x, axis=None: np.argmax(x, axis), flip=np.flip, roll=np.roll, cumsum=np.cumsum, floor=np.floor, tensordot=np.tensordot).items()})
    ops.map, ops.scan, ops.while_loop, ops.unstack = map_fn, ops_scan, while_loop, tf.unstack
    ops.fori_loop = lambda a, b, f, v: [v := f(i, v) for i in range(a, b)][-1]
    ops.__dict__.update({n: wrap(f) for n, f in dict(
        multi_hot=lambda x, n: np.eye(n, dtype="f")[np.asarray(x)].max(-2), ceil=np.ceil, rsqrt=lambda x: 1 / np.sqrt(x), negative=np.negative,
        reciprocal=np.reciprocal, tile=np.tile, dot=np.dot, logaddexp=np.logaddexp, eye=lambda n: np.eye(n, dtype="f"), argmin=np.argmin,
        full=np.full, leaky_relu=lambda x: np.where(x > 0, x, 0.2 * x), stop_gradient=lambda x: x, slice=lambda x, b, s: x[tuple(
            slice(i, i + n) for i, n in zip(b, s))], arctan2=np.arctan2, sinh=np.sinh, log1p=np.log1p, log10=np.log10, log2=np.log2, expm1=np.expm1,
        sparse_categorical_crossentropy=lambda y, p: -np.log(np.asarray(p)[np.arange(len(y)), y]), silu=lambda x: x * SIGMOID(x),
        binary_crossentropy=lambda a, b: -(a * np.log(b) + (1 - a) * np.log(1 - b)), swish=lambda x: x * SIGMOID(x)).items()})

    def scatter_update(x, indices, updates):
        y = np.array(x)
        y[tuple(np.moveaxis(np.asarray(indices), -1, 0))] = updates
        return y.view(T)
    ops.scatter_update, ops.top_k, ops.vectorized_map, ops.ndim = scatter_update, top_k, map_fn, np.ndim
    tf.tensor_scatter_nd_update = scatter_update
    tf.nn.__dict__.update(
        pool=wrap(lambda x, k, mode, strides, padding: pool(x, k[0], strides[0], padding, mode.lower())), max_pool2d=wrap(pool),
        separable_conv2d=wrap(lambda x, d, p, s, padding: conv(depthwise(x, d, s, padding), p)), selu=wrap(
            lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))), swish=wrap(lambda x: x * SIGMOID(x)),
        fused_batch_norm=lambda x, g, b, m, v, epsilon=1e-3, is_training=False: ((x - m) / np.sqrt(np.asarray(v) + epsilon) * g + b,),
        xw_plus_b=wrap(lambda x, w, b: x @ w + b), softsign=wrap(lambda x: x / (1 + abs(x))), sparse_softmax_cross_entropy_with_logits=wrap(
            lambda labels, logits: -np.log(softmax(logits)[np.arange(len(labels)), labels])), batch_normalization=wrap(
                lambda x, m, v, b, g, e: (x - m) / np.sqrt(v + e) * g + b), embedding_lookup=wrap(lambda x, i: np.take(x, i, 0)))
    tf.layers = Module(max_pooling2d=wrap(pool), average_pooling2d=wrap(lambda x, k, s: pool(x, k, s, mode="avg")),
                       flatten=wrap(lambda x: x.reshape(len(x), -1)))
    tf.add_n = tf.math.add_n = wrap(lambda x: sum(x[1:], x[0]))
    norm = lambda xs: np.sqrt(sum((x ** 2).sum() for x in xs))
    tf.clip_by_global_norm = lambda xs, n: ([x * n / max(norm(xs), n) for x in xs], norm(xs))
    tf.linalg.global_norm = wrap(norm)
    tf.image.image_gradients = wrap(lambda x: (np.pad(np.diff(x, axis=1), ((0, 0), (0, 1), (0, 0), (0, 0))),
                                               np.pad(np.diff(x, axis=2), ((0, 0), (0, 0), (0, 1), (0, 0)))))
    tf.math.__dict__.update({n: wrap(f) for n, f in dict(
        argmin=np.argmin, cumprod=np.cumprod, floormod=np.mod, sinh=np.sinh, asinh=np.arcsinh, atan2=np.arctan2, log1p=np.log1p, tan=np.tan,
        expm1=np.expm1, count_nonzero=lambda x, axis=None: np.count_nonzero(x, axis), is_finite=np.isfinite, is_nan=np.isnan, rint=np.rint,
        xlog1py=lambda x, y: x * np.log1p(y), reduce_euclidean_norm=lambda x, axis=None: np.sqrt((x ** 2).sum(axis))).items()})
    K.sparse_categorical_crossentropy = wrap(lambda y, p: -np.log(np.asarray(p)[np.arange(len(y)), y]))
    K.normalize_batch_in_training = lambda x, g, b, axes, epsilon=1e-3: (
        (x - x.mean(tuple(axes))) / np.sqrt(x.var(tuple(axes)) + epsilon) * g + b, x.mean(tuple(axes)), x.var(tuple(axes)))
    K.in_top_k = wrap(lambda p, y, k: np.array([(r > r[i]).sum() < k for i, r in zip(y, np.asarray(p))]))
    complex_of = lambda f: wrap(lambda x: f(np.asarray(x, np.complex128)))

    def frame(x, length, step):
        return np.stack([x[..., i:i + length] for i in range(0, x.shape[-1] - length + 1, step)], -2)

    def stft(x, frame_length, frame_step, fft_length=None):
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame_length) / frame_length)
        return np.fft.rfft(frame(np.asarray(x), frame_length, frame_step) * hann, fft_length or frame_length)
    tf.signal = Module(fft=complex_of(np.fft.fft), ifft=complex_of(np.fft.ifft), fft2d=complex_of(np.fft.fft2), rfft=wrap(np.fft.rfft),
                       stft=wrap(stft), frame=wrap(frame), hann_window=lambda n: t(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)))
    tf.math.__dict__.update(real=wrap(np.real), imag=wrap(np.imag), angle=wrap(np.angle), conj=wrap(np.conj))
    tf.complex, tf.complex64 = wrap(lambda a, b: a + 1j * b), np.complex128
    pair = lambda c: (np.real(c).view(T), np.imag(c).view(T))
    ops.rfft, ops.fft = lambda x: pair(np.fft.rfft(x)), lambda x: pair(np.fft.fft(np.asarray(x[0]) + 1j * np.asarray(x[1])))
    K.stop_gradient = tf.stop_gradient = lambda x: x
    theano = Module(sqr=wrap(np.square), mean=REDUCE["mean"], sqrt=wrap(np.sqrt), maximum=wrap(np.maximum), nnet=Module(sigmoid=wrap(SIGMOID)))
    GLOBALS.update(T=theano, theano=Module(tensor=theano))
    GLOBALS.update(functools=functools, operator=operator, reduce=functools.reduce)
    keras.layers = Module(
        concatenate=wrap(lambda x, axis=-1: np.concatenate(x, axis)), add=wrap(lambda x: sum(x[1:], x[0])), subtract=wrap(lambda x: x[0] - x[1]),
        multiply=wrap(lambda x: np.prod(np.stack(x), 0)), average=wrap(lambda x: np.mean(np.stack(x), 0)), maximum=wrap(lambda x: np.max(np.stack(x), 0)),
        dot=wrap(lambda x, axes: (x[0] * x[1]).sum(axes, keepdims=True)))
    def padded(x):
        return np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    object_of = lambda f: lambda *args, **kwargs: wrap(lambda x: f(x, *args, **kwargs))
    keras.layers.__dict__.update({n: object_of(f) for n, f in dict(
        Flatten=lambda x: x.reshape(len(x), -1), Activation=lambda x, name: getattr(K, name)(x), ReLU=lambda x, max_value: np.clip(x, 0, max_value),
        LeakyReLU=lambda x, a: np.where(x > 0, x, a * x), Softmax=softmax, RepeatVector=lambda x, n: np.repeat(x[:, None], n, 1),
        Reshape=lambda x, s: x.reshape((len(x),) + s), Permute=lambda x, d: x.transpose((0,) + d), UpSampling2D=lambda x, s: x.repeat(s[0], 1).repeat(s[1], 2),
        MaxPooling2D=lambda x: pool(x, 2), AveragePooling2D=lambda x, s, strides: pool(x, s[0], strides, mode="avg"), ZeroPadding2D=padded,
        GlobalAveragePooling2D=lambda x: x.mean((1, 2)), GlobalMaxPooling2D=lambda x: x.max((1, 2)), Dropout=lambda x, rate: x,
        Concatenate=lambda x, axis: np.concatenate(x, axis), Add=lambda x: x[0] + x[1], Multiply=lambda x: x[0] * x[1],
        Subtract=lambda x: x[0] - x[1], Lambda=lambda x, f: f(x)).items()})
    keras.losses = Module(
        mse=mean_loss(lambda a, b: (a - b) ** 2), mae=mean_loss(lambda a, b: abs(a - b)), hinge=mean_loss(lambda a, b: np.maximum(1 - a * b, 0)),
        log_cosh=mean_loss(lambda a, b: np.log(np.cosh(b - a))), huber=mean_loss(lambda a, b: np.where(abs(a - b) <= 1, (a - b) ** 2 / 2, abs(a - b) - 0.5)),
        cosine_similarity=wrap(lambda a, b, axis=-1: -(l2_normalize(a, axis) * l2_normalize(b, axis)).sum(axis)),
        poisson=mean_loss(lambda a, b: b - a * np.log(b + 1e-7)), binary_crossentropy=mean_loss(
            lambda a, b: -(a * np.log(b + 1e-7) + (1 - a) * np.log(1 - b + 1e-7))), kl_divergence=wrap(lambda a, b: (np.clip(a, 1e-7, 1) * np.log(np.clip(a, 1e-7, 1) / np.clip(b, 1e-7, 1))).sum(-1)))
    keras.applications = Module(
        vgg16=preprocess("caffe"), resnet50=preprocess("caffe"), mobilenet_v2=preprocess("tf"), densenet=preprocess("torch"), efficientnet=preprocess("none"))
    keras.utils = Module(normalize=wrap(lambda x, axis=-1: l2_normalize(x, axis)))
    # TensorFlow 0 had the axis first.
    tf.split = lambda value, num_or_size_splits, axis=0: split(axis, num_or_size_splits, value) if isinstance(value, int) else \
        split(value, num_or_size_splits, axis)

"""NumPy stand-ins of keras.backend, keras.ops and tf, from their documentation: what lambdas yield without them.

Tensors are NumPy arrays of a class with the few methods that tensors have. Nothing here knows of Nomograph.
"""
import math
import numpy as np


class T(np.ndarray):
    # Tensors do not change: x += 1 makes another.
    __iadd__, __isub__, __imul__ = np.ndarray.__add__, np.ndarray.__sub__, np.ndarray.__mul__
    __itruediv__, __ipow__ = np.ndarray.__truediv__, np.ndarray.__pow__

    def get_shape(self):
        return Shape(self.shape)

    def set_shape(self, shape):
        pass


class Shape(tuple):
    def as_list(self):
        return list(self)


def t(x, dtype=None):
    a = np.asarray(x)
    if dtype is None and a.dtype == np.float64 and not isinstance(x, np.ndarray):
        dtype = np.float32
    if dtype is None and a.dtype == np.int64 and not isinstance(x, np.ndarray):
        dtype = np.int32
    return a.astype(dtype or a.dtype).view(T)


def dt(name):
    return np.dtype(getattr(name, "__name__", None) or name)


class Module(object):
    __spec__, __path__ = None, []  # as Python wants packages to have

    def __init__(self, **names):
        self.__dict__.update(names)


def wrap(f):
    def call(*args, **kwargs):
        kwargs.pop("name", None)
        r = f(*args, **kwargs)
        return r.view(T) if isinstance(r, np.ndarray) else t(r) if isinstance(r, np.generic) else r
    return call


def ax(axis):
    return tuple(axis) if isinstance(axis, list) else axis


def floats(x):
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(np.float32)


def reducer(f, as_float=False):
    def call(x, axis=None, keepdims=False, keep_dims=False, reduction_indices=None):
        axis = axis if reduction_indices is None else reduction_indices
        x = floats(x) if as_float else np.asarray(x)
        return f(x, axis=ax(axis), keepdims=keepdims or keep_dims)
    return wrap(call)


def logsumexp(x, axis=None, keepdims=False):
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def softmax(x, axis=-1):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def l2_normalize(x, axis=None, epsilon=1e-12, dim=None):
    axis = axis if dim is None else dim
    return x / np.sqrt(np.maximum(np.sum(x * x, axis=ax(axis), keepdims=True), np.float32(epsilon)))


def relu(x, alpha=0.0, max_value=None, threshold=0.0):
    y = np.where(x >= threshold, x, alpha * (x - threshold)).astype(x.dtype)
    return y if max_value is None else np.minimum(y, max_value).astype(x.dtype)


def batch_dot(x, y, axes=None):
    if axes is None:
        axes = (x.ndim - 1, 1 if y.ndim == 2 else y.ndim - 2)
    if isinstance(axes, int):
        axes = (axes, axes)
    rows = [np.tensordot(a, b, axes=([axes[0] % x.ndim - 1], [axes[1] % y.ndim - 1])) for a, b in zip(x, y)]
    out = np.stack(rows)
    return out[:, None] if out.ndim == 1 else out


def space_to_depth(x, block_size):
    b, h, w, c = x.shape
    s = block_size
    x = x.reshape(b, h // s, s, w // s, s, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, h // s, w // s, s * s * c)


def split(x, num_or_size_splits, axis=0):
    n = num_or_size_splits
    if isinstance(n, int):
        return [p.view(T) for p in np.split(x, n, axis=axis)]
    return [p.view(T) for p in np.split(x, np.cumsum(n)[:-1], axis=axis)]


def resize_nearest(x, h, w):
    return x.repeat(h, axis=1).repeat(w, axis=2)


def standardize(x):
    axes = (-3, -2, -1)
    n = np.prod(x.shape[-3:])
    return (x - x.mean(axes, keepdims=True)) / np.maximum(x.std(axes, keepdims=True), 1 / np.sqrt(np.float32(n)))


def lrn(x, depth_radius=5, bias=1, alpha=1, beta=0.5):
    out = np.zeros_like(x)
    for c in range(x.shape[-1]):
        part = x[..., max(0, c - depth_radius):c + depth_radius + 1]
        out[..., c] = x[..., c] / (bias + alpha * (part ** 2).sum(-1)) ** beta
    return out


def one_hot(x, n):
    return (np.asarray(x)[..., None] == np.arange(n)).astype(np.float32)


def erf(x):
    return np.vectorize(math.erf)(x).astype(np.float32)


def like(f):
    return wrap(f)


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))).astype(x.dtype)


SIGMOID = lambda x: 1 / (1 + np.exp(-x))
COMMON = dict(
    abs=np.abs, exp=np.exp, log=np.log, sin=np.sin, cos=np.cos, tanh=np.tanh, sign=np.sign, round=np.round,
    square=np.square, maximum=np.maximum, minimum=np.minimum, equal=np.equal, not_equal=np.not_equal, less=np.less,
    less_equal=np.less_equal, greater=np.greater, greater_equal=np.greater_equal, pow=np.power,
    reshape=lambda x, shape: np.reshape(x, [int(s) for s in shape]),
    expand_dims=lambda x, axis=-1: np.expand_dims(x, axis), squeeze=lambda x, axis=None: np.squeeze(x, ax(axis)),
    ones_like=np.ones_like, zeros_like=np.zeros_like, zeros=lambda shape, dtype="float32": np.zeros(shape, dt(dtype)),
    ones=lambda shape, dtype="float32": np.ones(shape, dt(dtype)), cast=lambda x, dtype: np.asarray(x).astype(dt(dtype)),
    stack=lambda x, axis=0: np.stack(x, axis), sigmoid=SIGMOID, softmax=softmax, relu=relu, elu=elu,
    softplus=lambda x: np.log1p(np.exp(x)), softsign=lambda x: x / (1 + np.abs(x)))
COMMON = {k: wrap(v) for k, v in COMMON.items()}
REDUCE = dict(sum=reducer(np.sum), prod=reducer(np.prod), mean=reducer(np.mean, True), max=reducer(np.max),
              min=reducer(np.min), any=reducer(np.any), all=reducer(np.all), logsumexp=reducer(logsumexp),
              var=reducer(np.var, True), std=reducer(np.std, True))
K = Module(**COMMON, **REDUCE)
K.__dict__.update({k: wrap(v) for k, v in dict(
    sqrt=lambda x: np.sqrt(np.maximum(x, 0)), concatenate=lambda x, axis=-1: np.concatenate(x, axis),
    permute_dimensions=lambda x, pattern: np.transpose(x, pattern), transpose=np.transpose,
    l2_normalize=l2_normalize, clip=np.clip, dot=np.dot, batch_dot=batch_dot, flatten=np.ravel,
    batch_flatten=lambda x: np.reshape(x, (x.shape[0], -1)), repeat_elements=lambda x, rep, axis: np.repeat(x, rep, axis),
    repeat=lambda x, n: np.repeat(x[:, None], n, 1), tile=np.tile, argmax=lambda x, axis=-1: np.argmax(x, axis),
    argmin=lambda x, axis=-1: np.argmin(x, axis), gather=lambda x, i: np.take(x, i, 0), reverse=lambda x, axes: np.flip(x, axes),
    hard_sigmoid=lambda x: np.clip(0.2 * x + 0.5, 0, 1), switch=lambda c, a, b: np.where(c, a, b), cumsum=np.cumsum,
    resize_images=lambda x, h, w, f: resize_nearest(x, h, w), one_hot=one_hot,
    temporal_padding=lambda x, padding=(1, 1): np.pad(x, ((0, 0), tuple(padding), (0, 0))), arange=np.arange,
    spatial_2d_padding=lambda x, padding=((1, 1), (1, 1)): np.pad(x, ((0, 0),) + tuple(padding) + ((0, 0),)),
    in_train_phase=lambda x, alt: alt, stop_gradient=lambda x: x, constant=lambda v, dtype=None: t(v, dtype or np.float32),
    eye=lambda n: np.eye(n, dtype=np.float32)).items()})
K.shape = lambda x: np.array(x.shape)
K.int_shape = lambda x: tuple(x.shape)
K.ndim = lambda x: x.ndim
K.dtype = lambda x: str(x.dtype)
K.epsilon = lambda: 1e-7
K.floatx = lambda: "float32"
K.image_data_format = lambda: "channels_last"
K.backend = lambda: "tensorflow"

TF = dict(
    concat=lambda x, axis=0: np.concatenate(x, axis), transpose=lambda x, perm=None: np.transpose(x, perm),
    clip_by_value=np.clip, matmul=lambda a, b, transpose_a=False, transpose_b=False: np.matmul(
        np.swapaxes(a, -1, -2) if transpose_a else a, np.swapaxes(b, -1, -2) if transpose_b else b),
    tile=np.tile, gather=lambda x, i, axis=0: np.take(x, i, axis), reverse=lambda x, axis: np.flip(x, ax(axis)),
    where=np.where, one_hot=one_hot, cumsum=lambda x, axis=0: np.cumsum(x, axis), add=np.add, subtract=np.subtract,
    multiply=np.multiply, divide=lambda a, b: floats(a) / b, argmax=lambda x, axis=0: np.argmax(x, axis), pad=np.pad,
    slice=lambda x, begin, size: x[tuple(slice(b, None if s == -1 else b + s) for b, s in zip(begin, size))],
    space_to_depth=space_to_depth, identity=lambda x: x, fill=lambda d, v: np.full(d, v, np.float32), sqrt=np.sqrt,
    einsum=lambda e, *x: np.einsum(e, *x), tensordot=np.tensordot, norm=lambda x, axis=None: np.linalg.norm(x, axis=axis),
    roll=np.roll, range=lambda *a: np.arange(*a, dtype=np.int32), broadcast_to=np.broadcast_to, rsqrt=lambda x: 1 / np.sqrt(x),
    logical_and=np.logical_and, logical_or=np.logical_or, logical_not=np.logical_not, floor=np.floor, ceil=np.ceil,
    squared_difference=lambda a, b: (a - b) ** 2, negative=np.negative, reciprocal=np.reciprocal, erf=erf,
    constant=lambda v, dtype=None, shape=None: t(v, dtype and dt(dtype)), l2_normalize=l2_normalize, to_float=lambda x: x.astype("float32"),
    divide_no_nan=lambda a, b: np.where(b == 0, 0, a / np.where(b == 0, 1, b)), truediv=lambda a, b: floats(a) / b)
tf = Module(**COMMON)
tf.__dict__.update({k: wrap(v) for k, v in TF.items()})
tf.__dict__.update({"reduce_" + k: REDUCE[k] for k in REDUCE})
tf.split = split
tf.shape = lambda x: np.array(x.shape)
tf.unstack = lambda x, axis=0: [np.take(x, i, axis).view(T) for i in range(x.shape[axis])]
tf.newaxis = None
tf.float32, tf.int32, tf.float64, tf.bool = np.float32, np.int32, np.float64, np.bool_
tf.math = Module(**dict(tf.__dict__, reduce_variance=REDUCE["var"], reduce_std=REDUCE["std"]))
tf.linalg = tf.math
tf.nn = Module(softmax=wrap(softmax), relu=wrap(relu), sigmoid=wrap(SIGMOID), l2_normalize=wrap(l2_normalize),
               elu=wrap(elu), leaky_relu=wrap(lambda x, alpha=0.2: np.where(x > 0, x, alpha * x).astype(x.dtype)),
               moments=lambda x, axes: (np.mean(x, ax(axes)).view(T), np.var(x, ax(axes)).view(T)),
               local_response_normalization=wrap(lrn), relu6=wrap(lambda x: np.clip(x, 0, 6)),
               log_softmax=wrap(lambda x, axis=-1: np.log(softmax(x, axis))), tanh=wrap(np.tanh))
tf.image = Module(
    per_image_standardization=wrap(standardize), flip_left_right=wrap(lambda x: x[..., ::-1, :]),
    flip_up_down=wrap(lambda x: x[..., ::-1, :, :]), crop_to_bounding_box=wrap(lambda x, t0, l0, h, w: x[:, t0:t0 + h, l0:l0 + w]),
    rgb_to_grayscale=wrap(lambda x: (x * np.array([0.2989, 0.587, 0.114], np.float32)).sum(-1, keepdims=True)))
ops = Module(**COMMON, **REDUCE)
ops.__dict__.update({k: wrap(v) for k, v in dict(
    concatenate=lambda x, axis=-1: np.concatenate(x, axis), transpose=lambda x, axes=None: np.transpose(x, axes), matmul=np.matmul,
    clip=np.clip, sqrt=np.sqrt, swapaxes=np.swapaxes, moveaxis=np.moveaxis, where=np.where, take=np.take, flip=np.flip, absolute=np.abs,
    norm=lambda x, ord=None, axis=None, keepdims=False: np.linalg.norm(x, ord, axis, keepdims), einsum=np.einsum, split=np.split,
    add=np.add, subtract=np.subtract, multiply=np.multiply, mod=np.mod, floor_divide=np.floor_divide, tril=np.tril,
    repeat=np.repeat, pad=lambda x, p: np.pad(x, p), logical_and=np.logical_and, arange=np.arange, full_like=np.full_like).items()})
ops.shape = lambda x: tuple(x.shape)
keras = Module(backend=K, ops=ops, activations=Module(relu=wrap(relu), softmax=wrap(softmax), sigmoid=wrap(SIGMOID), elu=wrap(elu)))
K.tf = tf
tf.compat = Module(v1=tf)
tf.keras = keras


class Scope(object):
    def __init__(self, *args):
        pass

    def __enter__(self):
        return "scope"

    def __exit__(self, *args):
        pass


K.name_scope = tf.name_scope = Scope
tf.meshgrid = lambda *v: [t(g) for g in np.meshgrid(*v)]
tf.sequence_mask = lambda n, m: (np.arange(m) < np.asarray(n)[..., None]).view(T)
tf.linalg.diag = lambda x: (x[..., None] * np.eye(x.shape[-1], dtype=x.dtype)).view(T)
GLOBALS = dict(K=K, tf=tf, keras=keras, ops=ops, np=np, math=math, ktf=tf, KTF=tf, tensorflow=tf, numpy=np, backend=K)

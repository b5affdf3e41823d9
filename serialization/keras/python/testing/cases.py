"""The lambdas: (source, inputs, further arguments).

An input is "f:2,3": kind and shape. f: floats around 0; p: above 0; i: integers; u: bytes. Several inputs are one list.
"""
SIMPLE = """
f:2,3 | x / 127.5 - 1.0
f:2,3 | x / 255.0 - 0.5
f:2,3 | (x - 0.5) * 2
f:2,3 | 3 * x
f:2,3 | x ** 2
p:2,3 | x ** 0.5
f:2,3 | 1 - x
f:2,3 | 2 / (x * x + 1)
f:2,3 | -x
f:2,3 | +x
f:2,3 | x // 0.3
f:2,3 | x % 0.3
f:2,3 | x - x * 2 + x / 4
i:2,3 | x // 3
i:2,3 | x % 4
i:2,3 | x / 4
i:2,3 | x * 0.5
i:2,3 | x + 2
u:2,4,4,3 | x / 255.
u:2,4,4,3 | K.cast(x, 'float32') / 127.5 - 1
f:2,3 | x > 0
f:2,3 | K.cast(x > 0, 'float32') * x
f:2,3 | K.cast(K.greater(x, 0.1), K.floatx())
f:2,3 | tf.cast(x >= 0, tf.float32) + tf.cast(x != 0, tf.float32)
f:2,5 | x[:, 0]
f:2,5 | x[:, -1]
f:2,5 | x[:, 1:3]
f:2,5 | x[:, ::-1]
f:2,5 | x[:, ::2]
f:2,5 | x[:, 4:1:-1]
f:2,5 | x[:, -3:-1]
f:2,5 | x[:, None]
f:2,5 | x[..., None]
f:2,5 | x[..., :2]
f:2,5 | x[:, tf.newaxis, :]
f:2,3,4 | x[:, -1, :]
f:2,3,4 | x[:, 1, 2:4]
f:2,3,4 | x[:, :, 0]
f:2,3,4 | x[..., 1]
f:2,3,4 | x[:, ..., -1:]
f:2,6,4 | x[:, 1:-1]
f:2,3 | K.abs(x)
f:2,3 | K.square(x)
p:2,3 | K.sqrt(x)
f:2,3 | K.sqrt(x)
p:2,3 | K.log(x + K.epsilon())
f:2,3 | K.exp(x)
f:2,3 | K.exp(-x) + K.sin(x) * K.cos(x)
f:2,3 | K.tanh(x)
f:2,3 | K.sigmoid(x)
f:2,3 | K.softmax(x)
f:2,3 | K.relu(x)
f:2,3 | K.relu(x, alpha=0.1)
f:2,3 | K.relu(x, max_value=0.5)
f:2,3 | K.relu(x, 0.2, 0.7)
f:2,3 | K.elu(x)
f:2,3 | K.softplus(x) + K.softsign(x)
f:2,3 | K.hard_sigmoid(x)
f:2,3 | K.clip(x, -0.5, 0.5)
f:2,3 | K.maximum(x, 0.1) + K.minimum(x, 0.2)
f:2,3 | K.sign(x)
f:2,3 | K.pow(x, 3)
f:2,3 | K.mean(x, axis=1)
f:2,3 | K.mean(x, axis=1, keepdims=True)
f:2,3 | K.mean(x)
f:2,3,4 | K.sum(x, axis=[1, 2])
f:2,3,4 | K.sum(x, axis=(1,), keepdims=True)
f:2,3,4 | K.max(x, axis=-1)
f:2,3,4 | K.min(x, 1)
f:2,3,4 | K.prod(x, axis=1)
f:2,3,4 | K.std(x, axis=1) + K.var(x, axis=1)
f:2,3,4 | K.logsumexp(x, axis=-1, keepdims=True)
f:2,3,4 | K.any(x > 0.3, axis=1)
f:2,3,4 | K.cast(K.all(x > -0.3, axis=-1), 'float32')
f:2,5 | K.argmax(x, axis=-1)
f:2,5 | K.argmin(x)
f:2,5 | K.l2_normalize(x, axis=1)
f:2,5 | K.l2_normalize(x)
f:2,5 | x / K.sqrt(K.sum(K.square(x), axis=1, keepdims=True))
f:2,3,4 | K.reshape(x, (-1, 12))
f:2,3,4 | K.reshape(x, (-1, K.shape(x)[1] * 2, 2))
f:2,3,4 | K.reshape(x, (K.shape(x)[0], 4, 3))
f:2,3,4 | K.reshape(x, (K.shape(x)[0] * K.shape(x)[1], K.shape(x)[2]))
f:2,3,4 | K.reshape(x, [-1, x.shape[1] * x.shape[2]])
f:2,3,4 | K.reshape(x, (-1,) + K.int_shape(x)[1:][::-1])
f:2,3,4 | K.reshape(x, [-1, int(np.prod(K.int_shape(x)[1:]))])
f:2,3,4 | K.reshape(x, [-1, x.get_shape().as_list()[1], 2, 2])
f:2,3,4 | tf.reshape(x, tf.concat([tf.shape(x)[:-1], [2, 2]], 0))
f:2,3,4 | tf.reshape(x, tf.stack([tf.shape(x)[0], 12]))
f:2,3,4 | tf.tile(tf.expand_dims(x, 1), [1, tf.shape(x)[1], 1, 1])
f:2,3,4 | K.permute_dimensions(x, (0, 2, 1))
f:2,3,4 | K.batch_flatten(x)
f:2,3,4 | K.expand_dims(x, axis=-1)
f:2,3,1 | K.squeeze(x, axis=-1)
f:2,3,4 | K.concatenate([x, x * 2], axis=-1)
f:2,3,4 | K.concatenate([x[:, :1], x], axis=1)
f:2,3,4 | K.stack([x, -x], axis=1)
f:2,3 | K.repeat(x, 4)
f:2,3,4 | K.repeat_elements(x, 2, axis=1)
f:2,3 | K.tile(x, (1, 3))
f:2,3,4 | K.reverse(x, 1)
f:2,3,4 | K.cumsum(x, axis=1)
f:2,3,4 | K.temporal_padding(x, (1, 2))
f:2,3,4,2 | K.spatial_2d_padding(x, ((1, 0), (2, 1)))
f:2,3,4,2 | K.resize_images(x, 2, 3, 'channels_last')
f:2,3 | K.zeros_like(x) + K.ones_like(x) * 2
f:2,3 | K.switch(x > 0, x, -2 * x)
f:2,3 | K.in_train_phase(x * 0, x + 1)
f:2,3 | K.dot(x, K.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
f:2,3 | K.constant([1, 2, 3]) * x
f:2,3 | x + np.array([1.0, 2.0, 3.0])
f:2,3 | x * np.pi + math.sqrt(2.0) - np.log(3) + math.floor(2.7)
f:2,3 | tf.math.abs(x) + tf.abs(x)
f:2,3 | tf.nn.relu(x) - tf.nn.leaky_relu(x) + tf.nn.elu(x)
f:2,3 | tf.nn.softmax(x, axis=-1) * tf.nn.sigmoid(x)
f:2,3 | tf.nn.log_softmax(x) + tf.nn.relu6(x * 10)
f:2,3 | tf.math.l2_normalize(x, axis=1)
f:2,3 | tf.nn.l2_normalize(x, dim=-1)
f:2,3,4 | tf.reduce_mean(x, axis=[1, 2], keepdims=True)
f:2,3,4 | tf.reduce_sum(x, 1) + tf.reduce_max(x, axis=1)
f:2,3,4 | tf.reduce_sum(x, reduction_indices=[1])
f:2,3,4 | tf.reduce_logsumexp(x, axis=2)
f:2,3,4 | tf.math.reduce_variance(x, axis=1) + tf.math.reduce_std(x, axis=1)
f:2,3,4 | tf.transpose(x, [0, 2, 1])
f:2,3,4 | tf.transpose(x, perm=[2, 0, 1])
f:2,3,4 | tf.matmul(x, x, transpose_b=True)
f:2,3,4 | tf.matmul(tf.transpose(x, (0, 2, 1)), x)
f:2,3,4 | tf.einsum('bij,bkj->bik', x, x)
f:2,6 | tf.concat(tf.split(x, 3, axis=1)[::-1], axis=1)
f:2,6 | tf.split(x, [1, 2, 3], 1)[2]
f:2,6 | tf.split(x, num_or_size_splits=2, axis=-1)
f:2,3,4 | tf.unstack(x, axis=1)[1]
f:2,3,4 | tf.gather(x, [2, 0], axis=1)
f:2,3,4 | tf.slice(x, [0, 1, 0], [-1, 2, 3])
f:2,3,4 | tf.pad(x, [[0, 0], [1, 1], [2, 0]])
f:2,3,4 | tf.roll(x, shift=1, axis=1)
f:2,3 | tf.where(x > 0, x, tf.zeros_like(x))
f:2,3 | tf.clip_by_value(x, -0.1, 0.3)
f:2,3 | tf.math.divide_no_nan(x, tf.nn.relu(x))
f:2,3 | tf.add(x, 1.0) * tf.subtract(x, 2.0) / tf.multiply(x, 3.0)
f:2,3 | tf.math.squared_difference(x, 1.5)
f:2,3 | tf.logical_and(x > -0.2, tf.logical_not(x > 0.2))
f:2,3 | (x > -0.2) & (x < 0.2) | ~(x > -1)
f:2,3 | tf.erf(x) + tf.floor(x) - tf.ceil(x)
f:2,3 | tf.cast(tf.argmax(x, axis=1), tf.float32)
f:2,3 | tf.constant([[1.0, 2.0, 3.0]]) + x
f:2,3 | tf.norm(x, axis=1)
f:2,3 | tf.keras.backend.mean(x, axis=-1)
f:2,3 | keras.backend.sum(x, axis=-1) + keras.activations.relu(x)[:, 0]
f:2,3 | K.tf.reduce_sum(x, 1)
f:2,3 | ktf.square(x)
i:2,3 | tf.one_hot(x, 5)
i:2,3 | K.one_hot(x, 4)
f:2,4,4,3 | tf.image.flip_left_right(x) - tf.image.flip_up_down(x)
f:2,4,4,3 | tf.image.per_image_standardization(x)
f:2,4,4,3 | tf.image.rgb_to_grayscale(x)
f:2,4,4,3 | tf.image.crop_to_bounding_box(x, 1, 0, 2, 3)
f:2,4,4,3 | tf.nn.local_response_normalization(x, depth_radius=1, bias=2, alpha=0.5, beta=0.75)
f:2,4,4,3 | x[:, ::2, 1::2, ::-1]
f:2,4,4,3 | tf.space_to_depth(x, block_size=2)
f:2,4,4,3 | tf.nn.moments(x, [1, 2])[1]
f:2,4,4,3 | x - [1.0, 2.0, 3.0]
f:2,4,4,3 | x[..., ::-1] - np.array([103.939, 116.779, 123.68])
f:2,3,4 | ops.mean(x, axis=1) + ops.max(x, axis=1)
f:2,3,4 | ops.concatenate([x, x], axis=1)
f:2,3,4 | ops.transpose(x, (0, 2, 1))
f:2,3,4 | ops.swapaxes(x, 1, 2)
f:2,3,4 | ops.moveaxis(x, -1, 1)
f:2,3,4 | ops.norm(x, axis=-1)
f:2,3,4 | ops.matmul(x, ops.transpose(x, (0, 2, 1)))
f:2,3,4 | ops.where(x > 0, x, 0.0)
f:2,3,4 | ops.split(x, 2, axis=2)
f:2,3,4 | ops.split(x, [1], axis=1)[1]
f:2,3,4 | ops.repeat(x, 2, axis=1)
f:2,3,4 | ops.expand_dims(ops.sum(x, axis=-1), 1)
f:2,3 | x if K.ndim(x) == 2 else x[0]
f:2,3 | x * 2 if K.int_shape(x)[1] > 5 else x * 3
f:2,3 | x * 2 if K.image_data_format() == 'channels_first' and True else x * 5
f:2,3 | (x or 1) if False else x
f:2,3 | [x[:, i] for i in range(3)]
f:2,3 | K.stack([x[:, i] * i for i in range(3) if i != 1], axis=1)
f:2,3 | sum([x * i for i in range(4)])
f:2,3 | sum(x * i for i in range(1, 3))
f:2,3 | K.concatenate([a * b for a, b in zip([x, x], [1, 2])])
f:2,3 | (lambda y: y * 2)(x) + (lambda a, b=3: a * b)(x)
f:2,3 | (lambda f: f(f(x)))(lambda v: v * v + 1)
f:2,3 | [x, x + 1]
f:2,3 | (x, x * x)
f:2,3 | list(map(lambda k: x * k, [1, 2]))
f:2,3 | x * {'a': 2, 'b': 3}['b'] + dict(a=1).get('c', 7)
f:2,3 | x * len([1, 2, 3]) + max(1, 2) - min([4, 3]) + abs(-2) + int(3.7)
f:2,3 | x if isinstance(x, list) is False else x[0]
f:2,3 | 5.0 + 0 * x if str(x.dtype) == 'no' else x
f:2,3;f:2,3 | x[0] - x[1]
f:2,3;f:2,3 | K.abs(x[0] - x[1])
f:2,3;f:2,3 | tf.math.abs(x[0] - x[1])
f:2,3;f:2,3 | K.sqrt(K.maximum(K.sum(K.square(x[0] - x[1]), axis=1, keepdims=True), K.epsilon()))
f:2,3;f:2,3 | K.exp(-K.sum(K.abs(x[0] - x[1]), axis=1, keepdims=True))
f:2,3;f:2,3 | K.concatenate(x, axis=1)
f:2,3;f:2,3 | K.batch_dot(x[0], x[1], axes=1)
f:2,3,4;f:2,4,5 | K.batch_dot(x[0], x[1])
f:2,3,4;f:2,5,4 | K.batch_dot(x[0], x[1], axes=[2, 2])
f:2,3;f:2,1 | x[0] * x[1]
f:2,3;f:2,3;f:2,3 | x[0] + x[1] * x[2]
f:2,3;i:2 | x[0] * K.cast(K.expand_dims(x[1]), 'float32')
"""

# What Python 2 computes otherwise.
NOT_PYTHON_2 = ["f = lambda x: x / 4"]

# Whole functions, named f.
FUNCTIONS = [
    ("f:2,3", "def f(x):\n    y = x * 2\n    z = y + 1\n    return z / y"),
    ("f:2,3;f:2,3", "def f(args):\n    a, b = args\n    return a - b"),
    ("f:2,3;f:2,3", "def f(vects):\n    x, y = vects\n    s = K.sum(K.square(x - y), axis=1, keepdims=True)\n"
     "    return K.sqrt(K.maximum(s, K.epsilon()))"),
    ("f:2,3", "def f(x):\n    import tensorflow as tf\n    return tf.reduce_sum(x, axis=1)"),
    ("f:2,3", "def f(x):\n    from tensorflow.keras import backend as KK\n    return KK.mean(x, axis=1)"),
    ("f:2,3", "def f(x):\n    import tensorflow.keras.backend as B\n    return B.square(x)"),
    ("f:2,3", "def f(x):\n    from keras.backend import square, mean as m\n    return m(square(x), axis=-1)"),
    ("f:2,4,4,3", "def f(x):\n    'Thin wrapper.'\n    import tensorflow\n    return tensorflow.space_to_depth(x, block_size=2)"),
    ("f:2,3", "def f(x):\n    out = []\n    for i in range(3):\n        out.append(x[:, i] * (i + 1))\n    return K.stack(out, axis=1)"),
    ("f:2,3", "def f(x):\n    t = 0\n    for i in range(4):\n        if i == 2:\n            continue\n        t = t + x * i\n    return t"),
    ("f:2,3", "def f(x):\n    for i in range(9):\n        if i > 2:\n            break\n        x = x + i\n    return x"),
    ("f:2,3", "def f(x):\n    i = 0\n    while i < 3:\n        x = x * 2\n        i += 1\n    return x"),
    ("f:2,3", "def f(x):\n    if K.ndim(x) == 3:\n        return x\n    elif K.ndim(x) == 2:\n        return x * 4\n    else:\n        return -x"),
    ("f:2,3", "def f(x):\n    def g(y, k=2):\n        return y * k\n    return g(x) + g(x, k=5)"),
    ("f:2,3", "def f(x):\n    def g(y):\n        return y + x\n    return g(x * 3)"),
    ("f:2,3", "def make():\n    n = 3\n    return lambda x: x * n\nf = make()"),
    ("f:2,3", "def make(axis, k):\n    def inner(x):\n        return K.sum(x, axis=axis) * k\n    return inner\nf = make(1, 2.5)"),
    ("f:2,3", "f = lambda x, a=2, b=0.5: x * a + b"),
    ("f:2,3", "def f(x, mask=None):\n    return x if mask is None else x * 0"),
    ("f:2,3", "def f(x, *args, **kwargs):\n    return x * (1 + len(args) + len(kwargs))"),
    ("f:2,3", "def f(x):\n    parts = [x, x * 2]\n    return K.concatenate([*parts, x], axis=1)"),
    ("f:2,3", "def f(x):\n    kw = dict(axis=1)\n    kw['keepdims'] = True\n    return K.sum(x, **kw)"),
    ("f:2,3", "def f(x):\n    a = (x,)\n    return K.mean(*a, **{'axis': 1})"),
    ("f:2,3", "def f(x):\n    print(f'shape {x.shape} {K.ndim(x)!r:>3}')\n    return x + 1"),
    ("f:2,3", "def f(x):\n    print('%s' % x)\n    print('a {} b'.format(x))\n    return x + 1"),
    ("f:2,5", "def f(x):\n    n = K.int_shape(x)[1] // 2\n    return x[:, :n], x[:, n:]"),
    ("f:2,5", "def f(x):\n    head, *rest = [x[:, i] for i in range(5)]\n    return head + rest[-1]"),
    ("f:2,5", "def f(x):\n    total = None\n    for i, v in enumerate([1, 2, 3]):\n        total = x * v if total is None else total + x * i\n    return total"),
    ("f:2,5", "def f(x):\n    return [K.sum(x[:, a:b], axis=1) for a in range(2) for b in (3, 4) if a + b != 4]"),
    ("f:2,5", "def f(x):\n    d = {k: x * v for k, v in (('a', 1), ('b', 2))}\n    return d['a'] + d['b']"),
    ("f:2,5", "def f(x):\n    try:\n        y = x * 2\n    except ValueError:\n        y = x\n    return y"),
    ("f:2,5", "def f(x):\n    y = x\n    y += 1\n    y *= 2\n    y -= x\n    y /= 3\n    return y"),
    ("f:2,5", "def f(x):\n    s = x.shape\n    return x * (s[1] if s[1] is not None else 1) + len(s)"),
    ("f:2,5", "def f(x):\n    return 1 < K.ndim(x) < 3 and x or x * 0 if K.ndim(x) == 9 else x * 7"),
    ("f:2,3,4", "def f(x):\n    b, t, c = K.shape(x)[0], K.int_shape(x)[1], K.int_shape(x)[2]\n    return K.reshape(x, (b, t * c))"),
    ("f:2,3,4", "def f(x):\n    shape = tf.shape(x)\n    return tf.zeros_like(x) + tf.cast(shape[0], tf.float32) + tf.cast(shape[1], tf.float32)"),
    ("f:2,3,4", "def f(x):\n    shape = [-1] + list(K.int_shape(x)[1:])\n    shape.append(1)\n    return K.reshape(x, shape)"),
    ("f:2,5", "def f(x):\n    with tf.name_scope('scale') as scope:\n        y = x * 2\n    for i in range(2):\n"
     "        with K.name_scope('loop'):\n            y = y + i\n    return y"),
    ("f:2,5", "def f(x):\n    try:\n        y = x * 2\n    finally:\n        z = 3\n    return y * z"),
    ("f:2,5", "def f(x):\n    funcs = [lambda v, k=k: v * k for k in range(1, 4)]\n    for g in funcs:\n        x = g(x)\n    return x"),
    ("f:2,5", "def f(x):\n    n = 2\n    rows = [x[:, i] * n for i in range(3)]\n    def total(rows):\n"
     "        return sum(rows) + n\n    return total(rows)"),
    ("i:2", "def f(x):\n    return tf.sequence_mask(x, 4)"),
    ("f:2,3", "def f(x):\n    a, b = tf.meshgrid(tf.range(3), tf.range(2))\n    return x * tf.cast(a + b * 2, tf.float32)"),
    ("f:2,3", "def f(x):\n    return tf.linalg.diag(x)"),
    ("f:2,3", "def f(x):\n    xs = [i for i in range(3) if i % 2 == 0] + [j * j for j in (1, 2)]\n    return x * sum(xs) + xs[-1]"),
]

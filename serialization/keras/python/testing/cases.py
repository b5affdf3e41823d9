"""Lambdas of every kind: (source, inputs, further arguments).

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

# What only Python 2 compiles, and the same for Python 3.
PYTHON_2 = {
    "f = lambda (x, y): x - y": "f = lambda xy: xy[0] - xy[1]",
    "f = lambda (x, y), k=2: x - y * k": "f = lambda xy, k=2: xy[0] - xy[1] * k",
    "def f((a, b)):\n    return a * b": "def f(ab):\n    return ab[0] * ab[1]",
    "def f(x):\n    print 'shape'\n    print x\n    return x": "def f(x):\n    return x",
}

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
    ("f:2,3;f:2,3", "f = lambda (x, y): x - y"),
    ("f:2,3;f:2,3", "def f((a, b)):\n    return a * b"),
    ("f:2,3;f:2,3", "f = lambda (x, y), k=2: x - y * k"),
    ("f:2,3;f:2,3", "def f(args):\n    (z_mean, z_log_var) = args\n    batch = K.shape(z_mean)[0]\n"
     "    dim = K.int_shape(z_mean)[1]\n    epsilon = K.random_normal(shape=(batch, dim))\n"
     "    return z_mean + K.exp(0.5 * z_log_var) * epsilon * 0"),
    ("f:2,3;f:2,3", "def f(args, latent_dim=3, epsilon_std=1.0, batch_size=2):\n    z_mean, z_log_sigma = args\n"
     "    epsilon = K.random_normal(shape=(batch_size, latent_dim), mean=0., std=epsilon_std)\n"
     "    return z_mean + K.exp(z_log_sigma / 2) * epsilon * 0"),
    ("f:2,3;f:2,3", "def f(args):\n    mu, log_sigma = args[0], args[1]\n"
     "    eps = tf.random.normal(shape=tf.shape(mu), mean=0.0, stddev=1.0)\n"
     "    return mu + tf.exp(log_sigma / 2.0) * eps * 0"),
    ("f:2,3;f:2,3", "def f(vects):\n    x, y = vects\n    sum_square = K.sum(K.square(x - y), axis=1, keepdims=True)\n"
     "    return K.sqrt(K.maximum(sum_square, K.epsilon()))"),
    ("f:2,3;f:2,3", "def f(shapes):\n    shape1, shape2 = shapes\n    return (shape1[0], 1)"),
    ("f:2,3;f:2,3", "def f(vests):\n    x, y = vests\n    x = K.l2_normalize(x, axis=-1)\n"
     "    y = K.l2_normalize(y, axis=-1)\n    return -K.mean(x * y, axis=-1, keepdims=True)"),
    ("f:2,4,4,3", "def f(x):\n    import tensorflow as tf\n    return tf.image.resize_images(x, (8, 8))"),
    ("f:2,4,4,3", "def f(img):\n    import tensorflow as tf\n    from keras import backend as K\n"
     "    img = tf.image.resize_images(img, (8, 8))\n    return img / 127.5 - 1.0 + K.epsilon()"),
    ("f:2,4,4,3", "def f(img):\n    import keras.backend as K\n    return K.tf.image.resize_images(img, (8, 8))"),
    ("f:2,4,4,3", "def f(img):\n    from keras.backend import tf as ktf\n    return ktf.image.resize_images(img, [8, 8])"),
    ("f:2,4,4,3", "def f(img):\n    import numpy as np\n"
     "    mean = np.array([103.939, 116.779, 123.68]).reshape((1, 1, 1, 3))\n"
     "    return (img - mean)[:, :, :, ::-1]"),
    ("f:2,4,4,3", "def f(x):\n    from keras.applications.vgg16 import preprocess_input\n    return preprocess_input(x)"),
    ("f:2,4,4,3", "def f(x):\n    from tensorflow.python.keras.applications import resnet50\n"
     "    from tensorflow.keras.applications.resnet50 import preprocess_input as pre\n"
     "    return pre(x)"),
    ("f:2,4,4,3", "def f(x):\n    assert K.ndim(x) == 4, 'rank'\n    return x"),
    ("f:2,4,4,3", "def f(x):\n    if K.ndim(x) != 4:\n        raise ValueError('rank %d' % K.ndim(x))\n    return x * 2"),
    ("f:2,4,4,3", "def f(x):\n    try:\n        import tensorflow as tf\n    except ImportError:\n        return x\n"
     "    return tf.abs(x)"),
    ("f:2,4,4,3", "def f(x):\n    with tf.device('/cpu:0'):\n        y = tf.abs(x)\n    return y"),
    ("f:2,4,4,3", "def f(x):\n    with tf.device('/gpu:0'):\n        return tf.abs(x)"),
    ("f:2,4,4,3", "def f(x):\n    with tf.name_scope('a'), tf.variable_scope('b'):\n        y = tf.abs(x)\n"
     "        z = y + 1\n    return z"),
    ("f:2,4,4,3", "def f(x):\n    out = 0.0\n    for i in range(4):\n        for j in range(4):\n"
     "            if (i + j) % 2 == 0:\n                out = out + x[:, i, j, :]\n            else:\n"
     "                out -= x[:, i, j, :]\n    return out"),
    ("f:2,4,4,3", "def f(x):\n    while True:\n        x = x + 1\n        break\n    return x"),
    ("f:2,4,4,3", "def f(x):\n    i = 0\n    while True:\n        i += 1\n        if i > 5:\n            break\n"
     "        x = x * 1.1\n    else:\n        x = 0\n    return x"),
    ("f:2,4,4,3", "def f(x):\n    for i in range(3):\n        x = x + i\n    else:\n        x = x * 2\n    return x"),
    ("f:2,4,4,3", "def f(x):\n    chans = tf.unstack(x, axis=-1)\n"
     "    return tf.stack([c * w for c, w in zip(chans, (0.1, 0.2, 0.3))], axis=-1)"),
    ("f:2,4,4,3", "def f(x):\n    r, g, b = tf.split(x, 3, axis=-1)\n    return tf.concat([b, g, r], axis=-1)"),
    ("f:2,4,4,3", "def f(x):\n    r, g, b = x[..., 0], x[..., 1], x[..., 2]\n    return 0.299 * r + 0.587 * g + 0.114 * b"),
    ("f:2,4,4,3", "def f(x):\n    shape = x.get_shape().as_list()\n    h, w = shape[1:3]\n"
     "    return K.reshape(x, [-1, h * w, shape[-1]])"),
    ("f:2,4,4,3", "def f(x):\n    _, h, w, c = x.shape.as_list() if hasattr(x.shape, 'as_list') else x.shape\n"
     "    return tf.reshape(x, (-1, h // 2, 2, w // 2, 2, c))"),
    ("f:2,4,4,3", "def f(x):\n    b, h, w, c = K.int_shape(x)\n    y = K.reshape(x, (-1, h // 2, 2, w // 2, 2, c))\n"
     "    y = K.permute_dimensions(y, (0, 1, 3, 2, 4, 5))\n"
     "    return K.reshape(y, (-1, h // 2, w // 2, 4 * c))"),
    ("f:2,4,4,4", "def f(x):\n    groups = 2\n    height, width, in_channels = x.shape[1:]\n"
     "    cpg = in_channels // groups\n    x = K.reshape(x, [-1, height, width, groups, cpg])\n"
     "    x = K.permute_dimensions(x, (0, 1, 2, 4, 3))\n"
     "    return K.reshape(x, [-1, height, width, in_channels])"),
    ("f:2,4,4,4", "def f(x):\n    input_shape = tf.shape(x)\n"
     "    return tf.reshape(x, tf.stack([input_shape[0], input_shape[1] * input_shape[2], 4]))"),
    ("f:2,4,4,4", "def f(x):\n    s = tf.shape(x)\n    return tf.reshape(x, [s[0], -1, s[3]])"),
    ("f:2,4,4,4", "def f(x):\n    n = tf.shape(x)[0]\n    return tf.tile(tf.ones((1, 5)), [n, 1])"),
    ("f:2,4,4,4", "def f(x):\n    anchors = K.constant([[1., 2.], [3., 4.]])\n"
     "    anchors = K.reshape(anchors, [1, 1, 1, 2, 2])\n"
     "    grid = K.tile(K.reshape(K.arange(0, stop=4), [-1, 1, 1, 1]), [1, 4, 1, 1])\n"
     "    feats = K.reshape(x, [-1, 4, 4, 2, 2])\n"
     "    return K.exp(feats) * anchors + K.cast(grid, K.dtype(feats))"),
    ("f:2,4,4,4", "def f(x, factor=2):\n    return K.resize_images(x, factor, factor, 'channels_last')"),
    ("f:2,5,4", "def f(x):\n    return K.sum(K.stack([x[:, t, :] for t in range(x.shape[1])], axis=1), axis=1)"),
    ("f:2,5,4", "def f(x):\n    e = K.exp(x - K.max(x, axis=1, keepdims=True))\n"
     "    s = K.sum(e, axis=1, keepdims=True)\n    return e / s"),
    ("f:2,5,4", "def f(x, mask=None):\n    if mask is not None:\n        mask = K.cast(mask, 'float32')\n"
     "        return K.sum(x * K.expand_dims(mask), axis=1) / K.sum(mask, axis=1, keepdims=True)\n"
     "    return K.mean(x, axis=1)"),
    ("f:2,5,4", "def f(x):\n    def attend(h):\n        a = K.softmax(K.sum(h, axis=-1))\n"
     "        return K.sum(h * K.expand_dims(a, -1), axis=1)\n    return attend(x)"),
    ("f:2,5,4", "def f(x):\n    def fact(n):\n        return 1 if n <= 1 else n * fact(n - 1)\n    return x * fact(4)"),
    ("f:2,5,4", "def f(x):\n    total = [0]\n    def add(v):\n        total[0] = total[0] + v\n"
     "    for t in range(5):\n        add(x[:, t])\n    return total[0]"),
    ("f:2,5,4", "def f(x):\n    total = 0\n    def add(v):\n        nonlocal total\n        total = total + v\n"
     "    for t in range(5):\n        add(x[:, t])\n    return total"),
    ("f:2,5,4", "def f(x):\n    params = {'axis': 1, 'keepdims': True}\n    return K.mean(x, **params)"),
    ("f:2,5,4", "def f(x):\n    opts = {}\n    opts['a'] = 2\n    opts.update({'b': 3})\n    opts.update(c=4)\n"
     "    return x * opts['a'] + opts.get('b', 0) + sum(opts.values()) + (1 if 'c' in opts else 0)"),
    ("f:2,5,4", "def f(x):\n    ks = sorted({'b': 1, 'a': 2}.items())\n    return x * ks[0][1]"),
    ("f:2,5,4", "def f(x):\n    s = 'a,b,c'.split(',')\n    return x * len(s) + len('xyz'.replace('x', 'yy'))"),
    ("f:2,5,4", "def f(x):\n    return x * {True: 1, False: 2}[K.ndim(x) > 2]"),
    ("f:2,5,4", "def f(x):\n    y = [i ** 2 for i in range(5) if i % 2]\n    z = {i: i * i for i in range(3)}\n"
     "    w = {i for i in range(3)}\n    return x * sum(y) + sum(z.values()) + len(w)"),
    ("f:2,5,4", "def f(x):\n    g = (i * 2 for i in range(3))\n    return x * sum(g)"),
    ("f:2,5,4", "def f(x):\n    it = iter([1, 2, 3])\n    a = next(it)\n    b = next(it)\n    return x * a * b"),
    ("f:2,5,4", "def f(x):\n    def gen():\n        for i in range(3):\n            yield i\n    return x * sum(gen())"),
    ("f:2,5,4", "def f(x):\n    a, (b, c) = 1, (2, 3)\n    a, b = b, a\n    return x * a + b * c"),
    ("f:2,5,4", "def f(x):\n    first, *mid, last = [1, 2, 3, 4]\n    return x * first + last + sum(mid)"),
    ("f:2,5,4", "def f(x):\n    if (n := K.ndim(x)) > 2:\n        return x * n\n    return x"),
    ("f:2,5,4", "def f(x):\n    n = K.ndim(x)\n    match n:\n        case 3:\n            return x * 3\n"
     "        case _:\n            return x"),
    ("f:2,5,4", "def f(x: 'tensor', k: int = 2) -> 'tensor':\n    y: float = 2.0\n    return x * k * y"),
    ("f:2,5,4", "def f(x):\n    return x * 0 + f.__name__ == 'f' if False else x"),
    ("f:2,5,4", "def f(x):\n    y = x\n    del x\n    return y"),
    ("f:2,5,4", "def f(x):\n    global counter\n    counter = 3\n    return x"),
    ("f:2,5,4", "def f(x):\n    print('shape', x.shape)\n    print(type(x))\n    return x"),
    ("f:2,5,4", "def f(x):\n    print 'shape'\n    print x\n    return x"),
    ("f:2,5,4", "def f(x):\n    print(\"x\", x, sep=' ', end='')\n    return x"),
    ("f:2,5,4", "def f(x):\n    name = 'scale_%d' % 3\n    name2 = '{}_{}'.format(name, 2)\n"
     "    with K.name_scope(name2):\n        return x * 2"),
    ("f:2,5,4", "def f(x):\n    name = f'a{K.ndim(x)}b{1.5:.2f}'\n    return tf.identity(x, name=name)"),
    ("f:2,5,4", "def f(x):\n    t = x if K.backend() == 'tensorflow' else K.zeros_like(x)\n    return t"),
    ("f:2,5,4", "def f(x):\n    if K.backend() == 'theano':\n        from theano import tensor as T\n"
     "        return T.sqr(x)\n    elif K.backend() == 'tensorflow':\n        import tensorflow as tf\n"
     "        return tf.square(x)\n    else:\n        raise NotImplementedError"),
    ("f:2,5,4", "def f(x):\n    if K.image_dim_ordering() == 'th':\n        return x\n    return x * 2"),
    ("f:2,5,4", "def f(x):\n    if K.image_data_format() == 'channels_first' or K.ndim(x) == 7:\n        axis = 1\n"
     "    else:\n        axis = -1\n    return K.sum(x, axis=axis)"),
    ("f:2,5,4", "def f(x):\n    if not isinstance(x, list):\n        x = [x]\n    return x[0] * len(x)"),
    ("f:2,5,4", "def f(x):\n    xs = [x, x * 2, x * 3]\n    for i, v in enumerate(xs):\n        xs[i] = v + i\n"
     "    return xs"),
    ("f:2,5,4", "def f(x):\n    xs = [x] * 3\n    xs += [x * 2]\n    xs.insert(0, x * 0)\n    xs.pop()\n"
     "    xs.extend([x])\n    xs.reverse()\n    return K.stack(xs[1:], axis=0)"),
    ("f:2,5,4", "def f(x):\n    return tuple(x[:, i] for i in range(2))"),
    ("f:2,5,4", "def f(x):\n    return [x[:, i] for i in (0, 1)]"),
    ("f:2,5,4", "def f(x):\n    f2 = lambda a, *b, **c: a * len(b) + c.get('k', 0)\n    return f2(x, 1, 2, k=3)"),
    ("f:2,5,4", "def f(x):\n    args = (x, 2)\n    def g(a, b, c=1):\n        return a * b + c\n"
     "    return g(*args, **{'c': 5})"),
    ("f:2,5,4", "def f(x):\n    def compose(*fs):\n        def run(v):\n            for g in fs:\n"
     "                v = g(v)\n            return v\n        return run\n"
     "    return compose(K.abs, lambda v: v + 1, K.sqrt)(x)"),
    ("f:2,5,4", "def make():\n    scale, shift = 2.0, [1, 2]\n    def f(x):\n        return x * scale + shift[0]\n"
     "    return f\nf = make()"),
    ("f:2,5,4", "def make(n):\n    return lambda x: x[:, n]\nf = make(2)"),
    ("f:2,5,4", "def make(start, end):\n    def func(x):\n        return x[:, start:end]\n    return func\nf = make(1, 3)"),
    ("f:2,5,4", "def make(idx):\n    return lambda x, i=idx: x[:, :, i]\nf = make(1)"),
    ("f:2,5,4", "f = lambda x, axis=1, name='mean': K.mean(x, axis=axis)"),
    ("f:2,5,4", "f = lambda x, **kwargs: K.mean(x, axis=1)"),
    ("f:2,5,4", "f = lambda x, mask: x * 2 if mask is None else x"),
    ("f:2,5,4", "f = lambda *a: a[0] * 2"),
    ("f:2,5,4", "f = lambda x: x if True else None"),
    ("f:2,5,4", "f = lambda x: None or x"),
    ("f:2,5,4", "f = lambda x: x[:, 0, :] if len(x.shape) == 3 else x"),
    ("f:2,5,4", "f = lambda x: x.shape.ndims * x if hasattr(x.shape, 'ndims') else x * 3"),
    ("f:2,5,4", "f = lambda x: K.zeros(shape=(1, 4)) + x[:, 0]"),
    ("f:2,5,4", "f = lambda x: (x, x)[1][..., -1]"),
    ("f:2,5,4", "f = lambda x: x[(slice(None), 1)]"),
    ("f:2,5,4", "f = lambda x: x[:, slice(1, 3)]"),
    ("f:2,5,4", "f = lambda x: x.__getitem__((slice(None), 0))"),
    ("f:2,5,4", "f = lambda x: K.sum(x[:, t] for t in range(5)) if False else sum(x[:, t] for t in range(5))"),
    ("f:2,5,4", "f = lambda x: [K.mean(x, axis=1), K.max(x, axis=1)]"),
    ("f:2,5,4", "f = lambda x: (lambda y: (lambda z: z + y)(y * 2))(x)"),
    ("f:2,5,4", "f = lambda x: [[x[:, i, j] for j in range(2)] for i in range(2)][1][1]"),
    ("f:2,5,4", "f = lambda x: x * 1e-3 + 1e10 * 0 - 0x10 + 10 ** 2 + 7 // 2 + 7 % 3 + (1 << 3) + (6 & 3) + (6 | 1) + (6 ^ 3) + ~1"),
    ("f:2,5,4", "f = lambda x: x * (1 if 1 < 2 <= 3 != 4 else 0) + (3 in [1, 2, 3]) + (not 0)"),
    ("f:2,5,4", "f = lambda x: x / 2 if isinstance(1, int) and not isinstance(1.5, int) else x"),
    ("f:2,5,4", "f = lambda x: x * np.float32(0.5) * float(2) * int('3') * abs(-1.5) * round(2.6) * pow(2, 3) * divmod(7, 2)[0]"),
    ("f:2,5,4", "f = lambda x: x + min(1, 2, 3) + max([4, 5]) + min([3, 1], key=lambda v: -v) + sum((1, 2)) + len('abc')"),
    ("f:2,5,4", "f = lambda x: sum(map(lambda a, b: a * b, [x, x], [1, 2])) + sum(filter(None, [0, 1, 2])) + any([0, 1]) + all([1, 1])"),
    ("f:2,5,4", "import functools, operator\nf = lambda x: functools.reduce(operator.add, [x, x, x])"),
    ("f:2,5,4", "from functools import reduce\nf = lambda x: reduce(lambda a, b: a + b, [x, x, x], 0)"),
    ("f:2,5,4", "f = lambda x: tensorflow.abs(x) * numpy.sqrt(2.0)"),
    ("f:2,5,4", "f = lambda x: tensorflow.keras.backend.sum(x, axis=1)"),
    ("f:2,5,4", "f = lambda x: tf.compat.v1.transpose(x, [0, 2, 1])"),
    ("f:2,5,4", "f = lambda x: backend.sum(x, axis=1)"),
    ("f:2,5,4", "f = lambda x: KTF.reduce_sum(x, axis=1)"),
]

"""Lambdas about single calls, as cases.py has them. A payload of two versions is enough."""

CALLS = r"""
f:2,8 | K.reshape(x, (-1, 2, 4)) * K.epsilon()
f:2,4,4,3 | tf.image.resize(x, (8, 8))
f:2,4,4,3 | tf.image.resize(x, [2, 2], method='nearest')
f:2,4,4,3 | tf.image.resize(x, size=(8, 8), method='bicubic')
f:2,4,4,3 | tf.image.resize_images(x, (8, 8))
f:2,4,4,3 | tf.image.resize_images(x, [8, 8], method=0)
f:2,4,4,3 | tf.image.resize_bilinear(x, (8, 8), align_corners=True)
f:2,4,4,3 | tf.image.resize_bilinear(x, size=[K.int_shape(x)[1]*2, K.int_shape(x)[2]*2])
f:2,4,4,3 | tf.image.resize_nearest_neighbor(x, (8, 8))
f:2,4,4,3 | tf.image.resize_images(x, tf.shape(x)[1:3] * 2)
f:2,4,4,3 | tf.image.resize(x, tf.shape(x)[1:3] * 2, method='nearest')
f:2,4,4,3 | tf.compat.v1.image.resize_bilinear(x, (8, 8))
f:2,4,4,3 | tf.compat.v1.image.resize_nearest_neighbor(x, (8, 8), align_corners=True)
f:2,4,4,3 | tf.compat.v1.image.resize(x, (8, 8), method='bilinear', align_corners=True)
f:2,4,4,3 | tf.image.resize_with_crop_or_pad(x, 6, 2)
f:2,4,4,3 | tf.image.pad_to_bounding_box(x, 1, 1, 8, 8)
f:2,4,4,3 | tf.image.adjust_saturation(x, 0.5)
f:2,4,4,3 | tf.image.rgb_to_hsv(tf.abs(x))
f:2,4,4,3 | tf.image.hsv_to_rgb(tf.abs(x))
f:2,4,4,3 | tf.image.adjust_gamma(tf.abs(x), 2.0)
f:2,4,4,3 | tf.image.total_variation(x)
f:2,4,4,3 | tf.image.image_gradients(x)[0]
f:2,4,4,3 | tf.image.transpose(x)
f:2,4,4,3 | tf.image.extract_patches(x, [1,2,2,1], [1,2,2,1], [1,1,1,1], 'VALID')
f:2,4,4,3 | tf.map_fn(lambda frame: tf.image.per_image_standardization(frame), x)
f:2,4,4,3 | tf.map_fn(lambda img: tf.image.flip_left_right(img), x)
f:2,4,4,3 | K.map_fn(lambda i: i * 2, x)
f:2,4,4,3 | tf.map_fn(tf.image.per_image_standardization, x)
f:2,4,4,12 | tf.depth_to_space(x, 2)
f:2,4,4,3 | tf.space_to_batch_nd(x, [2, 2], [[0, 0], [0, 0]])
f:4,4,4,3 | tf.batch_to_space_nd(x, [2, 2], [[0, 0], [0, 0]])
f:2,4,4,3 | K.resize_volumes(K.expand_dims(x, 1), 2, 2, 2, 'channels_last')
f:2,4,4,3 | K.spatial_2d_padding(x)
f:2,4,3 | K.temporal_padding(x)
f:2,4,4,3 | K.pool2d(x, (2, 2), strides=(2, 2), padding='same', pool_mode='avg')
f:2,4,4,3 | K.pool2d(x, (2, 2))
f:2,4,4,3 | tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], 'SAME')
f:2,4,4,3 | tf.nn.max_pool2d(x, 2, 2, 'VALID')
f:2,4,4,3 | tf.nn.pool(x, [2, 2], 'MAX', strides=[2, 2], padding='VALID')
f:2,4,4,3 | tf.nn.crelu(x)
f:2,4,4,3 | tf.nn.selu(x) + tf.nn.swish(x) + tf.nn.softplus(x) + tf.nn.silu(x)
f:2,4,4,3 | tf.nn.softmax(x, axis=[1][0])
f:2,4,4,3 | tf.nn.sigmoid(x) * tf.sigmoid(x) * tf.math.sigmoid(x)
f:2,5 | tf.nn.l2_loss(x)
f:2,5 | tf.nn.relu(tf.nn.bias_add(x, [1., 2., 3., 4., 5.]))
f:2,5 | tf.nn.top_k(x, k=2)[0]
f:2,5 | tf.nn.top_k(x, 2).values
f:2,5 | tf.nn.top_k(x, 2).indices
f:2,5 | tf.nn.top_k(x, 2, sorted=True)[1]
f:2,5 | tf.math.top_k(x, 3)[0]
f:2,8,3 | tf.reduce_mean(tf.nn.top_k(tf.transpose(x, [0, 2, 1]), k=2, sorted=True, name='top_k')[0], axis=-1)
f:2,5 | K.softmax(x, axis=-1)
f:2,5 | K.sum(K.exp(x), axis=-1, keepdims=True)
f:2,5 | K.exp(x) / (K.sum(K.exp(x), axis=1, keepdims=True) + K.epsilon())
f:2,5 | K.switch(K.greater(x, 0), x, K.zeros_like(x))
f:2,5 | K.switch(K.less_equal(K.abs(x), 0.5), lambda: x, lambda: -x)
f:2,5 | K.random_normal(shape=K.shape(x)) * 0 + x
f:2,5 | x + K.random_normal(shape=(K.shape(x)[0], K.int_shape(x)[1]), mean=0., stddev=0.1) * 0
f:2,5 | x + K.truncated_normal(K.shape(x)) * 0
f:2,5 | x + tf.random.truncated_normal(tf.shape(x)) * 0
f:2,5 | x + tf.random.normal(tf.shape(x), 0.0, 1.0, dtype=tf.float32) * 0
f:2,5 | x + tf.random_normal(tf.shape(x), 0, 1, dtype=tf.float32) * 0
f:2,5 | x + tf.random.uniform(tf.shape(x), minval=-1, maxval=1) * 0
f:2,5 | x + tf.keras.backend.random_normal(shape=(tf.shape(x)[0], 5)) * 0
f:2,5 | x + K.random_normal((K.shape(x)[0], 5), seed=3) * 0
f:2,5 | x + K.random_uniform(K.shape(x), 0.0, 1.0) * 0
f:2,5 | x + K.random_bernoulli(K.shape(x), p=0.3) * 0
f:2,5 | K.dropout(x, 0.3) * 0
f:2,5 | K.in_train_phase(K.dropout(x, 0.3), x)
f:2,5 | K.in_train_phase(lambda: K.dropout(x, 0.3), lambda: x, training=None)
f:2,5 | K.in_test_phase(x, x * 2)
f:2,5 | K.learning_phase() * x
f:2,5 | K.stop_gradient(x) + tf.stop_gradient(x)
f:2,5 | x + K.stop_gradient(K.round(x) - x)
f:2,5 | K.variable(np.ones((5,))) * x
f:2,5 | K.dot(x, K.ones((5, 3)))
f:2,5 | K.dot(x, K.transpose(K.ones((3, 5))))
f:2,5 | K.dot(x, K.eye(5))
f:2,5 | tf.ones([tf.shape(x)[0], 3]) + tf.zeros((tf.shape(x)[0], 1))
f:2,5 | tf.fill([tf.shape(x)[0], 2], 3.0)
f:2,5 | tf.ones_like(x, dtype=tf.float32) * tf.zeros_like(x)
f:2,5 | K.ones_like(x[:, :1])
f:2,5 | K.zeros((3, 5)) + x[:1]
f:2,5 | tf.linspace(0.0, 1.0, 5) * x
f:2,5 | tf.cast(tf.range(5), tf.float32) * x
f:2,5 | K.arange(0, 5, dtype='float32') * x
f:2,5 | K.cast(K.arange(5), 'float32') * x
f:2,5 | tf.cast(tf.range(tf.shape(x)[1]), x.dtype) * x
f:2,5 | tf.gather_nd(x, [[0, 1], [1, 2]])
f:2,5 | tf.gather(x, [0, 2], axis=-1)
f:2,5 | tf.gather(x, tf.constant([0, 2]), axis=1)
f:2,5 | K.gather(K.transpose(x), [0, 1])
f:2,5 | tf.boolean_mask(x, [True, False])
f:2,5 | tf.where(tf.greater(x, 0), tf.ones_like(x), tf.zeros_like(x))
f:2,5 | tf.where(tf.math.is_nan(x), tf.zeros_like(x), x)
f:2,5 | tf.where(x > 0.5)
f:2,5 | tf.compat.v1.where(x > 0, x, -x)
f:2,5 | tf.cond(tf.reduce_sum(x) > 0, lambda: x, lambda: -x)
f:2,5 | tf.case([(tf.reduce_sum(x) > 0, lambda: x)], default=lambda: -x)
f:2,5 | tf.reverse(x, axis=[1])
f:2,5 | tf.reverse(x, axis=[-1])
f:2,5 | K.reverse(x, axes=1)
f:2,5 | tf.strided_slice(x, [0, 0], [2, 3], [1, 1])
f:2,5 | tf.slice(x, [0, 1], [-1, 2])
f:2,5 | tf.pad(x, tf.constant([[0, 0], [1, 1]]), 'CONSTANT')
f:2,5 | tf.pad(x, [[0, 0], [1, 1]], mode='REFLECT')
f:2,4,4,3 | tf.pad(x, [[0,0],[1,1],[1,1],[0,0]], 'SYMMETRIC')
f:2,4,4,3 | tf.pad(x, ((0,0),(1,1),(1,1),(0,0)), constant_values=1.0)
f:2,5 | tf.tile(x, [1, 2])
f:2,5 | tf.tile(tf.expand_dims(x, 1), tf.stack([1, 3, 1]))
f:2,5 | K.tile(K.expand_dims(x, 1), [1, 3, 1])
f:2,5 | K.repeat(x, 3)
f:2,5 | K.repeat_elements(x, 3, -1)
f:2,5 | tf.repeat(x, 2, axis=1)
f:2,5 | tf.repeat(x, repeats=[1, 2, 1, 1, 1], axis=1)
f:2,5 | tf.expand_dims(x, [1])
f:2,5 | tf.expand_dims(x, axis=-1)
f:2,5 | tf.squeeze(tf.expand_dims(x, -1), [2])
f:2,5 | K.squeeze(K.expand_dims(x, 1), 1)
f:2,5 | tf.broadcast_to(x[:, None], [2, 3, 5])
f:2,5 | tf.stack([x, x], -1)
f:2,5 | tf.stack(tf.unstack(x, axis=1)[::-1], axis=1)
f:2,6 | tf.split(x, 2, 1)[0] * tf.split(x, 2, 1)[1]
f:2,6 | tf.split(x, [2, -1], 1)[1]
f:2,6 | tf.reduce_mean(x, 1, keep_dims=True)
f:2,6 | tf.reduce_mean(x, axis=-1, keepdims=True) + tf.math.reduce_mean(x, 1, True)
f:2,6 | tf.reduce_max(x, reduction_indices=[1], keep_dims=True)
f:2,6 | tf.reduce_min(x) + tf.reduce_prod(x, 1)
f:2,6 | tf.math.reduce_euclidean_norm(x, axis=1)
f:2,6 | tf.sqrt(tf.reduce_sum(tf.square(x), axis=1))
f:2,6 | tf.norm(x)
f:2,6 | tf.linalg.l2_normalize(x, axis=-1)
f:2,6 | tf.math.l2_normalize(x, 1)
f:2,6 | K.l2_normalize(x, axis=-1)
f:2,6 | tf.linalg.normalize(x, axis=1)[0]
f:2,6 | tf.keras.utils.normalize(x, axis=1)
f:2,3,3 | tf.linalg.matmul(x, x) + tf.matmul(x, tf.transpose(x, perm=[0, 2, 1]))
f:2,3,3 | tf.linalg.diag_part(x)
f:2,3,3 | tf.linalg.band_part(x, -1, 0)
f:2,3,3 | tf.linalg.trace(x)
f:2,3,3 | tf.linalg.det(x)
f:2,3,3 | tf.linalg.matvec(x, x[:, 0])
f:2,3,3 | tf.linalg.set_diag(x, x[:, 0])
f:2,3,3 | tf.linalg.cross(x, x)
f:2,3 | tf.cross(x, x)
f:2,3 | K.batch_dot(x, x, axes=-1)
f:2,3 | tf.tensordot(x, [[1.], [2.], [3.]], 1)
f:2,3 | tf.tensordot(x, [[1.], [2.], [3.]], axes=[[1], [0]])
f:2,3 | x @ tf.constant([[1.], [2.], [3.]])
f:2,3 | tf.einsum('bi,bj->bij', x, x)
f:2,3 | tf.math.log(tf.abs(x) + 1e-6) + tf.math.exp(x) + tf.math.pow(x, 2) + tf.math.sin(x)
f:2,3 | tf.math.add(x, x) + tf.math.subtract(x, 1.) + tf.math.multiply(x, 2.) + tf.math.divide(x, 2.)
f:2,3 | tf.math.add_n([x, x, x]) + tf.add_n([x, x])
f:2,3 | tf.math.maximum(x, 0.) + tf.maximum(0.0, x) + tf.minimum(x, 1)
f:2,3 | tf.math.greater(x, 0.)
f:2,3 | tf.math.logical_and(x > 0, x < 1)
f:2,3 | tf.math.round(x) + tf.round(x) + tf.math.rint(x) + tf.math.floor(x) + tf.math.ceil(x)
f:2,3 | tf.math.cumsum(x, axis=1) + tf.math.cumprod(x, axis=1)
f:2,3 | tf.math.cumulative_logsumexp(x, axis=1)
f:2,3 | tf.math.log1p(tf.abs(x)) + tf.math.expm1(x) + tf.math.reciprocal(x) + tf.math.rsqrt(tf.abs(x))
f:2,3 | tf.math.reciprocal_no_nan(x) + tf.math.multiply_no_nan(x, x)
f:2,3 | tf.math.xdivy(x, x) + tf.math.xlogy(x, tf.abs(x))
f:2,3 | tf.math.sign(x) + tf.sign(x) + tf.math.negative(x) + tf.negative(x)
f:2,3 | tf.math.argmax(x, axis=1) + tf.math.argmin(x, 1)
f:2,3 | tf.math.count_nonzero(x, axis=1)
f:2,3 | tf.math.is_finite(x)
f:2,3 | tf.scan(lambda a, b: a + b, x)
f:2,3 | tf.foldl(lambda a, b: a + b, x)
f:2,3 | tf.foldr(lambda a, b: a + b, x)
f:2,3 | K.foldl(lambda a, b: a + b, x)
f:2,3 | tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2), [0, x])[1]
f:2,3 | keras.layers.concatenate([x, x])
f:2,3 | keras.layers.add([x, x])
f:2,3 | keras.layers.multiply([x, x]) + keras.layers.subtract([x, x]) + keras.layers.average([x, x]) + keras.layers.maximum([x, x])
f:2,3 | keras.layers.dot([x, x], axes=1)
f:2,3 | tf.keras.losses.cosine_similarity(x, x)
f:2,3 | tf.keras.losses.mse(x, x)
f:2,3 | K.binary_crossentropy(tf.sigmoid(x), tf.sigmoid(x))
f:2,3 | K.categorical_crossentropy(tf.nn.softmax(x), tf.nn.softmax(x))
f:2,3 | tf.nn.softmax_cross_entropy_with_logits(labels=tf.nn.softmax(x), logits=x)
f:2,3 | tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=x)
u:2,3 | tf.one_hot(tf.cast(x, 'uint8'), 28)
i:2,3 | tf.to_float(x) / 255 + tf.cast(x, 'float32') + tf.cast(x, dtype=tf.float32)
i:2,3 | tf.cast(x, tf.float32) / 255
i:2,3 | tf.nn.embedding_lookup(tf.ones((10, 3)), tf.abs(x))
f:2,3 | tf.clip_by_norm(x, 1.0)
f:2,3 | tf.clip_by_global_norm([x], 1.0)[0][0]
f:2,3 | tf.keras.backend.clip(x, 0, 1)
f:2,3 | tf.keras.backend.l2_normalize(x, axis=1)
f:2,3 | tf.searchsorted([0., 1., 2.], x[0])
f:2,3 | tf.reshape(x, [-1]) + 1
f:2,3 | tf.reshape(x, (tf.shape(x)[0], -1, 1))
f:2,3 | tf.reshape(x, tf.shape(x))
f:2,3 | tf.cast(tf.equal(x, x), tf.int32)
f:2,3 | tf.cast(tf.math.equal(tf.argmax(x, 1), 0), tf.float32)
f:2,3 | tf.transpose(x) + 1
f:2,3 | K.flatten(x)
f:2,3 | K.square(x) / K.max(K.abs(x))
f:2,3 | K.equal(x, x)
f:2,3 | K.not_equal(x, 0) & K.less(x, 1) & K.greater_equal(x, -1)
f:2,3 | K.sin(x) + K.cos(x) + K.tanh(x) + K.sigmoid(x) + K.sign(x) + K.round(x) + K.softsign(x)
f:2,3 | K.elu(x, 1.0) + K.hard_sigmoid(x) + K.relu(x, alpha=0., max_value=6)
f:2,3 | K.batch_normalization(x, K.mean(x), K.var(x), K.zeros((3,)), K.ones((3,)))
f:2,3 | K.bias_add(x, K.ones((3,)))
f:2,4,4,2 | K.conv2d(x, K.ones((2, 2, 2, 3)), padding='same')
f:2,4,4,2 | K.conv2d_transpose(x, K.ones((2, 2, 3, 2)), (2, 5, 5, 3))
f:2,4,4,2 | K.depthwise_conv2d(x, K.ones((2, 2, 2, 1)))
f:2,4,4,2 | K.separable_conv2d(x, K.ones((2, 2, 2, 1)), K.ones((1, 1, 2, 4)))
f:2,4,4,2 | tf.nn.conv2d(x, tf.ones((2, 2, 2, 3)), strides=[1, 1, 1, 1], padding='SAME')
f:2,4,4,2 | tf.nn.conv2d(x, tf.ones((2, 2, 2, 3)), 1, 'SAME')
f:2,4,4,2 | tf.nn.depthwise_conv2d(x, tf.ones((2, 2, 2, 1)), [1, 1, 1, 1], 'SAME')
f:2,4,4,2 | tf.nn.conv2d_transpose(x, tf.ones((2, 2, 3, 2)), [2, 8, 8, 3], [1, 2, 2, 1])
f:2,4,4,2 | tf.nn.separable_conv2d(x, tf.ones((2, 2, 2, 1)), tf.ones((1, 1, 2, 4)), [1,1,1,1], 'SAME')
f:2,4,4,2 | tf.nn.atrous_conv2d(x, tf.ones((2, 2, 2, 3)), 2, 'SAME')
f:2,4,4,2 | tf.nn.batch_normalization(x, 0., 1., 0., 1., 1e-3)
f:2,4,4,2 | tf.layers.flatten(x)
f:2,4,4,2 | tf.layers.max_pooling2d(x, 2, 2)
f:2,4,4,2 | K.mean(K.mean(x, axis=1), axis=1)
f:2,4,4,2 | K.permute_dimensions(x, [0, 3, 1, 2])
f:2,4,4,2 | K.max(x, axis=[1, 2], keepdims=False)
f:2,4,4,2 | x[:, 1:-1, 1:-1, :]
f:2,4,4,2 | x[:, :, ::-1, ::-1]
f:2,4,4,2 | x[:, :, :, tf.newaxis, 0]
f:2,4,4,2 | x[0]
f:2,4,4,2 | x[:, K.int_shape(x)[1] // 2:, :, :]
f:2,4,4,2 | x[:, :tf.shape(x)[1] - 1]
f:2,4,4,2 | x[..., -1:] + x[..., 0:1]
f:2,4,4,2 | x[tf.newaxis, ...]
f:2,4,4,2 | x[:, [0, 2]]
f:2,4,4,2 | x[x > 0]
f:2,4,4,2 | x.shape[1] * x
f:2,4,4,2 | x.shape[1].value * x if hasattr(x.shape[1], 'value') else x
f:2,4,4,2 | x.get_shape()[1] * x
f:2,4,4,2 | K.int_shape(x)[-1] * x
f:2,4,4,2 | tf.reshape(x, [-1, x.get_shape().as_list()[1] * x.get_shape().as_list()[2], x.get_shape().as_list()[3]])
f:2,4,4,2 | K.reshape(x, (-1, int(x.shape[1]) * int(x.shape[2]) * int(x.shape[3])))
f:2,4,4,2 | K.reshape(x, [K.shape(x)[0], K.shape(x)[1] * K.shape(x)[2], K.shape(x)[3]])
f:2,4,4,2 | K.reshape(x, (-1, np.prod(x.shape[1:])))
f:2,4,4,2 | K.reshape(x, K.concatenate([K.shape(x)[:1], [16, 2]], axis=0))
f:2,4,4,2 | tf.reshape(x, [tf.shape(x)[0]] + [16, 2])
f:2,4,4,2 | tf.reshape(x, (-1,) + tuple(x.shape[2:]))
f:2,4,4,2 | tf.math.l2_normalize(tf.reduce_sum(x, axis=[1, 2]), axis=1)
f:2,4,4,2 | x / tf.reduce_max(x, axis=[1, 2, 3], keepdims=True)
f:2,4,4,2 | (x - K.mean(x, axis=[1, 2, 3], keepdims=True)) / (K.std(x, axis=[1, 2, 3], keepdims=True) + 1e-5)
f:2,4,4,3 | keras.applications.vgg16.preprocess_input(x)
f:2,4,4,3 | tf.keras.applications.mobilenet_v2.preprocess_input(x)
f:2,4,4,3 | tf.keras.applications.resnet50.preprocess_input(x)
f:2,4,4,3 | tf.keras.applications.efficientnet.preprocess_input(x)
f:2,4,4,3 | tf.keras.applications.densenet.preprocess_input(x)
f:2,3 | ops.add(x, 1) + ops.exp(x) + ops.log(ops.abs(x)) + ops.sigmoid(x) + ops.softmax(x, axis=-1)
f:2,3 | ops.cast(x, 'int32') + ops.argmax(x, axis=1)[0]
f:2,3 | ops.sum(x, axis=1, keepdims=True) / ops.sqrt(ops.sum(ops.square(x), axis=1, keepdims=True))
f:2,3 | ops.shape(x)[0] * x + ops.ndim(x)
f:2,3 | ops.reshape(x, (-1, 3, 1)) + ops.expand_dims(x, -1)
f:2,3 | ops.stack([x, x], axis=1) + ops.zeros_like(x)[:, None] + ops.ones((1, 2, 3))
f:2,3 | ops.einsum('ij,ij->i', x, x) + ops.dot(x, ops.ones((3,)))
f:2,3 | ops.tile(x, (1, 2)) + ops.concatenate([x, x], axis=-1)
f:2,3 | ops.where(x > 0, x, ops.zeros_like(x)) + ops.maximum(x, 0) + ops.minimum(x, 0) + ops.clip(x, -1, 1)
f:2,3 | ops.squeeze(ops.expand_dims(x, 1), 1) + ops.flip(x, axis=1) + ops.roll(x, 1, axis=1) + ops.cumsum(x, axis=1)
f:2,3 | ops.mean(x, axis=-1) + ops.std(x, axis=-1) + ops.var(x, axis=-1) + ops.max(x, axis=-1) + ops.min(x, axis=1) + ops.prod(x, 1) + ops.median(x, axis=1)
f:2,3 | ops.one_hot(ops.argmax(x, axis=-1), 3) + ops.sign(x) + ops.round(x) + ops.floor(x) + ops.ceil(x) + ops.rsqrt(ops.abs(x))
f:2,3 | ops.logical_and(x > 0, x < 1)
f:2,3 | ops.take(x, [0, 1], axis=1)
f:2,3 | ops.top_k(x, 2)[0]
f:2,3 | ops.unstack(x, axis=1)[0]
f:2,3 | ops.slice(x, [0, 1], [2, 2])
f:2,3 | ops.stop_gradient(x) + ops.convert_to_tensor(x)
f:2,3 | ops.nan_to_num(x) + ops.absolute(x) + ops.negative(x) + ops.reciprocal(x)
f:2,3 | ops.vectorized_map(lambda r: r * 2, x)
f:2,3 | ops.map(lambda r: r * 2, x)
f:2,3 | ops.scan(lambda c, r: (c + r, c), ops.zeros((3,)), x)[0]
f:2,3 | ops.fori_loop(0, 3, lambda i, y: y * 2, x)
f:2,3 | ops.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2), (0, x))[1]
f:2,3 | ops.diff(x)
f:2,3 | ops.cross(x, x)
f:2,3 | ops.vdot(x, x)
f:2,3 | ops.inner(x, x)
f:2,3 | ops.vstack([x, x])
f:2,3 | ops.select([x > 0, x < 0], [x, -x], 0.0)
f:2,3 | ops.digitize(x, [0.0, 0.5])
f:2,3 | ops.isclose(x, x)
f:2,3 | ops.searchsorted(ops.array([0., 1.]), x[0])
f:2,3 | ops.segment_sum(x, ops.array([0, 0]), num_segments=1)
f:2,3 | ops.argsort(x, axis=1) + ops.argmin(x, axis=1)[:, None]
f:2,3 | ops.average(x, axis=1) + ops.average(x, axis=1, weights=[1., 2., 3.])
f:2,3 | ops.squeeze(ops.tensordot(x, ops.ones((3, 1)), axes=1), -1)
f:2,3 | ops.quantile(x, 0.5, axis=1)
f:2,3 | ops.full((2, 3), 1.0) + ops.full_like(x, 2.0) + ops.eye(3)[:2] + ops.arange(3)
f:2,3 | ops.trace(ops.eye(3)) + ops.diag(ops.ones((3,)))[0] + ops.diagonal(ops.eye(3))
f:2,3 | ops.binary_crossentropy(ops.sigmoid(x), ops.sigmoid(x))
f:2,3 | ops.sparse_categorical_crossentropy([0, 1], ops.softmax(x))
f:2,3 | ops.multi_hot([0, 1], 3)
f:2,3 | ops.scatter(ops.array([[0], [1]]), x, (4, 3))
f:2,3 | ops.scatter_update(x, [[0, 1]], [5.0])
f:2,3 | ops.sum(x * x) ** 0.5
f:2,3 | np.abs(x) + np.exp(x) + np.sqrt(np.abs(x)) + np.maximum(x, 0) + np.sum(x)
f:2,3 | np.expand_dims(x, 0) + np.mean(x, axis=1)[:, None]
f:2,3 | x * np.float32(2.0) / np.sqrt(3.0) + np.log(2.) - np.exp(1)
f:2,3 | x * np.ones(3) + np.zeros((2, 3)) + np.arange(3) + np.eye(3)[:2] + np.linspace(0, 1, 3)
f:2,3 | x * np.array([[1, 2, 3]], dtype='float32') + np.asarray([1., 2., 3.], dtype=np.float32)
f:2,3 | math.exp(-1) * x + math.pi + math.sin(1) + math.log(2) + math.pow(2, 3) + math.log2(8) + math.log10(100)
f:2,3 | x ** -1 + x ** 2.0 + 2 ** x + x * True
f:2,3 | x < 0
f:2,3 | not isinstance(x, (list, tuple)) and x
f:2,3 | x * (3 if True else 4) + (lambda: 5)()
f:2,3 | [x, x][0] + (x, x)[-1] + {0: x}[0]
f:2,3 | K.stack([x[:, 0] * K.cos(x[:, 1]), x[:, 0] * K.sin(x[:, 1])], axis=-1)
f:2,3 | K.concatenate([K.expand_dims(v, -1) for v in tf.unstack(x, axis=1)], axis=-1)
f:2,3 | sum([w * x[:, i] for i, w in enumerate([0.1, 0.2, 0.7])])
f:2,3 | functools.reduce(lambda a, b: a + b, [x, x, x])
f:2,3 | tf.keras.backend.stack([x, x], axis=0)[0]
f:2,3 | dict(a=x, b=x)['a'] + list(reversed([x, x]))[0]
f:2,3 | sorted([3, 1, 2])[0] * x + sorted([(2, 1), (1, 2)], key=lambda t: t[0])[0][0]
f:2,3 | any([True, False]) * x + all([True]) * x
f:2,3 | x * float('2.5') + int('3') + round(2.567, 2)
f:2,3 | K.mean(K.square(x), axis=-1) if K.backend() == 'tensorflow' else x
f:2,3;f:2,3 | K.sum(K.abs(x[0] - x[1]), axis=1, keepdims=True)
f:2,3;f:2,3 | K.sqrt(K.sum(K.square(x[0] - x[1]), axis=-1))
f:2,3;f:2,3 | 1 - K.sum(x[0] * x[1], axis=-1, keepdims=True)
f:2,3;f:2,3 | K.sum(K.l2_normalize(x[0], axis=-1) * K.l2_normalize(x[1], axis=-1), axis=-1, keepdims=True)
f:2,3;f:2,3 | x[0] + K.exp(x[1] / 2) * K.random_normal(shape=(K.shape(x[0])[0], K.shape(x[0])[1])) * 0
f:2,3;f:2,3 | tf.concat(x, axis=-1)
f:2,3;f:2,3 | tf.stack(x, axis=1)
f:2,3;f:2,3 | K.stack(x)
f:2,3;f:2,3 | tf.add_n(x)
f:2,3;f:2,3 | tf.reduce_sum(tf.multiply(x[0], x[1]), axis=1, keepdims=True)
f:2,3;f:2,3 | tf.matmul(x[0], x[1], transpose_b=True)
f:2,3;f:2,3 | tf.where(x[0] > x[1], x[0], x[1])
f:2,3;f:2,3 | tf.keras.losses.cosine_similarity(x[0], x[1], axis=1)
f:2,3;f:2,3 | [a * 2 for a in x]
f:2,3;f:2,3 | sum(x) / len(x)
f:2,3;f:2,3 | K.max(K.stack(x, axis=-1), axis=-1)
f:2,3;f:2,3 | K.batch_dot(K.l2_normalize(x[0], axis=-1), K.l2_normalize(x[1], axis=-1), axes=[1, 1])
f:2,3,4;f:2,4 | K.batch_dot(x[0], x[1], axes=(2, 1))
f:2,3,4;f:2,4 | x[0] * K.expand_dims(x[1], 1)
f:2,3,4;i:2,1 | K.sum(x[0] * K.expand_dims(K.one_hot(K.squeeze(x[1], 1), 3), -1), axis=1)
f:2,3,4;i:2,1 | tf.gather(x[0], tf.abs(x[1]) % 3, axis=1, batch_dims=1)
f:2,4,4,3 | tf.map_fn(lambda i: i * K.max(x), x)
f:2,4,4,3 | tf.map_fn(lambda i: i[0] * i[1], (x, x * 2), dtype=tf.float32)
f:2,4,4,3 | tf.map_fn(lambda i: (i, i * 2), x, dtype=(tf.float32, tf.float32))
f:2,4,4,3 | tf.map_fn(lambda i: tf.map_fn(lambda j: j * K.max(x) + K.max(i), i), x)
f:2,4,4,3 | K.stack([tf.map_fn(lambda i: x[:, i, 0, 0], tf.range(3), dtype=tf.float32), K.transpose(x[:, :3, 0, 0])])
f:2,3 | tf.scan(lambda a, b: a + b, x, reverse=True)
f:2,3 | tf.scan(lambda a, b: a + b, x, initializer=tf.zeros(3))
f:2,3 | tf.foldl(lambda a, b: a * 2 + b, x)
f:2,3 | tf.foldr(lambda a, b: a * 2 + b, x)
f:2,3 | K.foldl(lambda a, b: a + b * K.max(x), x, initializer=K.zeros((3,)))
f:2,3 | tf.while_loop(lambda y: tf.reduce_sum(y) < 100.0, lambda y: y * y + 2 + tf.reduce_max(x), [x])
f:2,3 | tf.while_loop(lambda y: tf.reduce_sum(y) < tf.reduce_max(x) * 100, lambda y: y * y + 2 + tf.reduce_max(x), (x,))[0]
f:2,3 | ops.scan(lambda c, r: (c + r, c), ops.zeros((3,)), x)[1]
f:2,4,4,3 | tf.image.yuv_to_rgb(tf.image.rgb_to_yuv(x))
f:2,4,4,3 | x + (tf.image.yiq_to_rgb(tf.image.rgb_to_yiq(x)) - x) * 0.01
p:2,4,4,3 | tf.image.adjust_hue(x * 0.8, 0.3)
p:2,4,4,3 | tf.image.hsv_to_rgb(tf.image.rgb_to_hsv(x * 0.8))
p:2,4,4,3 | tf.image.rgb_to_hsv(x * 0.8)
p:2,4,4,3 | tf.image.hsv_to_rgb(x * 0.8)
p:2,4,4,3 | tf.image.adjust_saturation(x * 0.8, 1.5)
f:2,4,4,3 | tf.image.adjust_contrast(x, 2.0) + tf.image.adjust_brightness(x, 0.1)
f:2,4,4,1 | tf.image.grayscale_to_rgb(x)
f:2,4,4,3 | tf.image.rot90(x) + tf.image.rot90(x, k=3) + tf.image.rot90(x, 2)
f:2,4,4,3 | tf.image.central_crop(x, 0.5)
f:2,4,4,3 | tf.image.resize_images(x, 8, 6)
f:2,5,4,3 | tf.image.resize(x, (7, 3))
f:2,5,4,3 | tf.image.resize(x, (7, 3), method='nearest')
f:2,5,4,3 | tf.image.resize(x, (7, 6), method='bicubic')
f:2,5,4,3 | tf.image.resize_bicubic(x, (7, 6))
f:2,5,4,3 | tf.image.resize_bilinear(x, (7, 3), align_corners=True)
f:2,5,4,3 | tf.image.resize_images(x, (10, 8), method=1)
f:2,5,4,3 | tf.image.resize_nearest_neighbor(x, (9, 6), align_corners=True)
f:2,5,4,3 | tf.image.resize(x, tf.shape(x)[1:3] * 2)
f:2,4,4,3 | tf.image.resize_with_crop_or_pad(x, 7, 3)
f:2,4,4,3 | tf.image.extract_patches(x, [1, 2, 3, 1], [1, 2, 1, 1], [1, 1, 1, 1], 'VALID')
f:2,4,4,3 | tf.image.image_gradients(x)[0] + tf.image.image_gradients(x)[1]
f:2,4,4,3 | tf.pad(x, [[0, 0], [1, 2], [2, 1], [0, 0]], 'SYMMETRIC')
f:2,4,6,3 | tf.space_to_batch_nd(x, [2, 3], [[1, 1], [0, 0]])
f:6,4,3,2 | tf.batch_to_space_nd(x, [2, 3], [[1, 0], [0, 2]])
f:2,4,4,3 | tf.nn.pool(x, [2, 2], 'AVG', strides=[2, 2], padding='VALID')
f:2,5,5,3 | tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], 'SAME')
f:2,5,5,3 | K.pool2d(x, (3, 3), strides=(2, 2), padding='same', pool_mode='avg')
f:2,4,4,3 | tf.layers.max_pooling2d(x, 2, 2) - tf.layers.average_pooling2d(x, 2, 2)
f:2,5,5,2 | K.conv2d(x, K.reshape(K.arange(24, dtype='float32'), (2, 2, 2, 3)) * 0.1, strides=(2, 2), padding='same')
f:2,3,3,2 | K.conv2d_transpose(x, K.reshape(K.arange(24, dtype='float32'), (2, 2, 3, 2)) * 0.1, (2, 6, 6, 3), strides=(2, 2), padding='same')
f:2,3,3,2 | tf.nn.conv2d_transpose(x, K.reshape(K.arange(54, dtype='float32'), (3, 3, 3, 2)) * 0.1, [2, 5, 5, 3], [1, 2, 2, 1], padding='SAME')
f:2,3,3,2 | K.conv2d_transpose(x, K.reshape(K.arange(24, dtype='float32'), (2, 2, 3, 2)) * 0.1, (2, 4, 4, 3))
f:2,4,4,2 | K.depthwise_conv2d(x, K.reshape(K.arange(16, dtype='float32'), (2, 2, 2, 2)) * 0.1)
f:2,4,4,2 | K.separable_conv2d(x, K.reshape(K.arange(8, dtype='float32'), (2, 2, 2, 1)), K.reshape(K.arange(8, dtype='float32'), (1, 1, 2, 4)))
f:2,4,4,2 | tf.nn.separable_conv2d(x, K.reshape(K.arange(8, dtype='float32'), (2, 2, 2, 1)), K.ones((1, 1, 2, 4)), [1, 1, 1, 1], padding='SAME')
f:2,5,5,2 | tf.nn.atrous_conv2d(x, K.reshape(K.arange(24, dtype='float32'), (2, 2, 2, 3)) * 0.1, 2, 'VALID')
f:2,4,4,3 | K.resize_volumes(K.expand_dims(x, 1), 2, 1, 3, 'channels_last')
f:2,3,3 | tf.linalg.band_part(x, 1, 0) + tf.linalg.band_part(x, -1, 1) * 2
f:2,3,4 | tf.linalg.diag_part(x)
f:2,3,3 | tf.linalg.matvec(x, x[:, 0]) + tf.linalg.cross(x, x[:, ::-1])[:, 0]
f:2,3 | tf.linalg.normalize(x, axis=1)[0] + tf.linalg.normalize(x, axis=1)[1]
f:2,3 | tf.clip_by_norm(x, 0.5) + tf.clip_by_norm(x, 0.5, axes=[1])
f:2,3 | tf.clip_by_global_norm([x, x * 2], 1.0)[0][1] + tf.linalg.global_norm([x, x])
f:2,5 | tf.nn.top_k(x, 2).values + tf.cast(tf.nn.top_k(x, 2).indices, tf.float32)
f:2,5 | tf.math.in_top_k([1, 3], x, 2)
f:2,5 | K.in_top_k(x, [1, 3], 3)
f:2,5 | tf.where(x > 0.3)
f:2,5 | x[x > 0.3]
f:4,5 | x[x[:, 0] > 0.0]
f:2,5 | tf.boolean_mask(x, x[:, 0] > 0.0)
f:2,5 | tf.repeat(x, [1, 2, 0, 1, 3], axis=1)
f:2,5 | tf.scatter_nd([[1], [3], [1]], K.ones((3, 2)), [5, 2]) + K.max(x)
f:4,3 | tf.math.unsorted_segment_sum(x, [0, 1, 0, 2], 3)
f:4,3 | ops.segment_sum(x, ops.array([0, 1, 0, 2]), num_segments=4)
f:2,3 | tf.tensor_scatter_nd_update(x, [[0, 1], [1, 2]], [5.0, 6.0]) + ops.scatter_update(x, [[0, 0]], [3.0])
f:2,5 | ops.median(x[0]) + ops.median(x, axis=1) + ops.quantile(x, 0.3, axis=1)
f:2,4 | ops.average(x, axis=1, weights=[1.0, 2.0, 3.0, 4.0]) + ops.average(x)
f:2,5 | ops.diff(x) + ops.diff(x, n=1)
f:2,5 | ops.digitize(x, [-0.5, 0.0, 0.5]) + tf.searchsorted([-0.5, 0.0, 0.5], x)
f:2,5 | ops.select([x > 0.5, x > 0.0], [x, x * 2], -1.0)
f:2,5 | ops.isclose(x, x + 1e-9)
f:2,3 | ops.vdot(x, x) + ops.inner(x, x) + ops.outer(x[0], x[1])[:2, :2]
f:2,3 | ops.vstack([x, x]) + ops.hypot(x[0], x[1])
f:2,4 | ops.glu(x) + ops.hard_tanh(x * 2)[:, :2] + ops.threshold(x, 0.2, 7.0)[:, 2:] + ops.sparse_plus(x * 2)[:, 1:3]
f:3,3 | ops.diag(x) + ops.diagonal(x) + ops.trace(x) + ops.diag(x[0])
f:2,3 | ops.nan_to_num(x / tf.nn.relu(x) * 0 + x)
f:2,3 | ops.multi_hot(ops.array([[0, 2], [1, 1]]), 3) + x
f:2,3 | ops.sparse_categorical_crossentropy(ops.array([0, 2]), ops.softmax(x)) + ops.binary_crossentropy(ops.sigmoid(x), ops.sigmoid(x * 2))[:, 0]
f:2,3 | K.sparse_categorical_crossentropy(tf.constant([0, 2]), K.softmax(x))
f:2,3 | tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.constant([0, 2]), logits=x)
f:2,3 | tf.nn.softmax_cross_entropy_with_logits(labels=tf.nn.softmax(x * 2), logits=x)
f:2,3 | tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=x * 2) + tf.nn.l2_loss(x)
f:2,3 | keras.losses.mse(x, x * 2) + keras.losses.mae(x, x * 3) + keras.losses.hinge(x, x) + keras.losses.log_cosh(x, x * 2) + keras.losses.huber(x, x * 5)
p:2,3 | keras.losses.kl_divergence(x * 0.5, x) + keras.losses.poisson(x, x * 2) + keras.losses.binary_crossentropy(x * 0.5, x * 0.8)
f:2,3 | tf.math.xdivy(x, x + 3) + tf.math.xlogy(x, tf.abs(x)) + tf.math.xlog1py(x, tf.abs(x)) + tf.math.multiply_no_nan(x, x)
f:2,3 | tf.math.reciprocal_no_nan(tf.nn.relu(x)) + tf.math.erfc(x) + tf.math.zero_fraction(tf.nn.relu(x))
f:2,3 | tf.math.cumulative_logsumexp(x, axis=1) + tf.math.polyval([1.0, 2.0, 3.0], x)
f:2,3 | tf.math.floormod(x, 0.3) + tf.math.sinh(x) + tf.math.asinh(x) + tf.math.atan2(x, x * 2) + tf.math.log1p(tf.abs(x)) + tf.math.expm1(x)
f:2,3 | tf.nn.crelu(x)
f:2,3 | tf.nn.xw_plus_b(x, tf.ones((3, 2)), tf.constant([1.0, 2.0]))
f:2,3 | tf.nn.fused_batch_norm(x, [1.0, 2.0, 3.0], [0.5, 0.5, 0.5], [0.1, 0.2, 0.3], [1.0, 2.0, 3.0], is_training=False)[0]
f:4,3 | K.normalize_batch_in_training(x, K.ones((3,)) * 2, K.ones((3,)), [0])[0]
f:2,3 | keras.layers.multiply([x, x, x]) + keras.layers.subtract([x, x * 2]) + keras.layers.average([x, x * 3]) + keras.layers.maximum([x, -x]) + keras.layers.add([x, x])
f:2,3 | ops.concatenate([x, x]) + 1
f:2,3 | keras.layers.dot([x, x * 2], axes=1)
f:2,3 | keras.utils.normalize(x, axis=1)
f:2,3 | np.take(x, [0, 1], axis=1)
f:2,3 | tf.case([(False, lambda: x), (True, lambda: x * 2)], default=lambda: -x)
f:2,3 | tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2, lambda: -x)
f:2,3 | tf.split(1, 3, x)[1]
f:2,3 | tf.select(x > 0, x, -x)
f:2,3 | K.in_train_phase(lambda: x * 5, lambda: x * 2)
f:2,4,4,3 | tf.keras.applications.densenet.preprocess_input(x) + tf.keras.applications.efficientnet.preprocess_input(x)
f:2,4,4,3 | tf.keras.applications.resnet50.preprocess_input(x) + tf.keras.applications.mobilenet_v2.preprocess_input(x)
f:2,3 | x * sorted([(2, 1), (1, 2)])[0][1] + sorted([3, 1, 2], reverse=True)[0]
f:2,3 | functools.reduce(operator.mul, [x, x, 2])
f:2,3 | x * float('2.5') + int('3')
f:2,3 | x * max([1, 5, 3], key=lambda v: -v) + min([4, 2])
f:2,8 | tf.abs(tf.signal.rfft(x))
f:2,8 | tf.abs(tf.signal.fft(tf.cast(x, tf.complex64)))
f:2,4,8 | tf.math.real(tf.signal.fft2d(tf.cast(x, tf.complex64)))
f:2,8 | tf.math.real(tf.signal.ifft(tf.signal.fft(tf.complex(x, x * 2)))) + tf.math.imag(tf.signal.ifft(tf.signal.fft(tf.complex(x, x * 2))))
f:2,8 | tf.cast(tf.signal.ifft(tf.cast(x, 'complex64')), tf.float32)
f:2,12 | tf.abs(tf.signal.stft(x, 4, 2))
f:2,12 | tf.abs(tf.signal.stft(x, frame_length=6, frame_step=3, fft_length=8))
f:2,12 | tf.signal.frame(x, 4, 3)
f:2,8 | tf.signal.hann_window(8) * x
f:2,8 | tf.math.angle(tf.signal.rfft(x))[:, 1:4]
f:2,8 | ops.rfft(x)[0] + ops.rfft(x)[1]
f:2,8 | ops.fft((x, x * 2))[1]
f:2,8 | K.abs(tf.signal.rfft(x)[:, :3] * tf.signal.rfft(x)[:, 1:4] + 2.0)
f:2,8 | tf.abs(tf.transpose(tf.signal.rfft(x)) / 2.0 - tf.math.conj(tf.transpose(tf.signal.rfft(x))))
f:2,8 | tf.math.real(x) + 1
"""

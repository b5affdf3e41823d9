"""What Keras' layers compute, from their documentation, in NumPy and PyTorch: for the files that this folder's scripts make."""
import numpy as np
import torch
import torch.nn.functional as F


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def hard_sigmoid(x):
    """Of Keras 1 and 2."""
    return np.clip(0.2 * x + 0.5, 0, 1)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def lstm(x, kernel, recurrent, bias, gate=sigmoid, reverse=False, states=None):
    """Gates i, f, c, o; every step's output, and with `states` the last ones, too."""
    h = c = np.zeros((x.shape[0], recurrent.shape[0]), np.float32)
    if states is not None and len(states):
        h, c = states
    outputs = []
    for t in range(x.shape[1])[::-1 if reverse else 1]:
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = gate(f) * c + gate(i) * np.tanh(g)
        h = gate(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, 1) if states is None else (np.stack(outputs, 1), h, c)


def gru(x, kernel, recurrent, bias, gate=sigmoid, reset_after=False):
    """Gates z, r, h; the last step's output."""
    h = np.zeros((x.shape[0], recurrent.shape[0]), np.float32)
    for t in range(x.shape[1]):
        if reset_after:
            a = np.split(x[:, t] @ kernel + bias[0], 3, axis=1)
            b = np.split(h @ recurrent + bias[1], 3, axis=1)
            z, r = gate(a[0] + b[0]), gate(a[1] + b[1])
            new = np.tanh(a[2] + r * b[2])
        else:
            a = np.split(x[:, t] @ kernel + bias, 3, axis=1)
            u = np.split(recurrent, 3, axis=1)
            z, r = gate(a[0] + h @ u[0]), gate(a[1] + h @ u[1])
            new = np.tanh(a[2] + (r * h) @ u[2])
        h = z * h + (1 - z) * new
    return h


def to_torch(x):
    """Channels last to channels first."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))


def from_torch(t):
    return np.moveaxis(t.numpy(), 1, -1)


def same(size, window, stride, dilation=1):
    """TensorFlow's padding: ceil(size / stride) results, the odd element at the end."""
    need = max((-(-size // stride) - 1) * stride + (window - 1) * dilation + 1 - size, 0)
    return [need // 2, need - need // 2]


def conv(x, kernel, bias=None, strides=1, padding="valid", dilation=1, groups=1):
    """x [batch, ..., channels], kernel [..., in, out]; cross-correlation."""
    rank = x.ndim - 2
    t = to_torch(x)
    if padding == "same":
        pads = [p for axis in reversed(range(rank)) for p in same(x.shape[1 + axis], kernel.shape[axis], strides, dilation)]
        t = F.pad(t, pads)
    if padding == "causal":
        t = F.pad(t, [(kernel.shape[0] - 1) * dilation, 0])
    weight = torch.from_numpy(np.ascontiguousarray(np.transpose(kernel, [rank + 1, rank, *range(rank)])))
    y = [None, F.conv1d, F.conv2d, F.conv3d][rank](t, weight, None, strides, 0, dilation, groups)
    return from_torch(y) if bias is None else from_torch(y) + bias


def conv_lstm(x, kernel, recurrent, bias, gate, padding):
    shape = conv(x[:, 0], kernel[..., :1], padding=padding).shape[:-1]
    h = c = np.zeros((*shape, recurrent.shape[-2]), np.float32)
    steps = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(conv(x[:, t], kernel, bias, padding=padding) + conv(h, recurrent, padding="same"), 4, axis=-1)
        c = gate(f) * c + gate(i) * np.tanh(g)
        h = gate(o) * np.tanh(c)
        steps.append(h)
    return np.stack(steps, 1)


def conv_transpose(x, kernel, bias, strides, padding="valid", output_padding=None):
    """kernel [..., out, in]. The gradient of the convolution whose result has x's shape, of the size that Keras documents."""
    rank = x.ndim - 2
    weight = torch.from_numpy(np.ascontiguousarray(np.transpose(kernel, [rank + 1, rank, *range(rank)])))
    full = [None, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][rank](to_torch(x), weight, None, strides).numpy()
    for axis in range(rank):
        size, window = x.shape[1 + axis], kernel.shape[axis]
        if output_padding is None:
            length = size * strides + (max(window - strides, 0) if padding == "valid" else 0)
        else:
            length = (size - 1) * strides + window + output_padding - (2 * (window // 2) if padding == "same" else 0)
        before = 0
        if padding == "same":
            before = same(length, window, strides)[0]
        need = before + length
        pads = [(0, 0)] * full.ndim
        pads[2 + axis] = (0, max(need - full.shape[2 + axis], 0))
        full = np.take(np.pad(full, pads), range(before, need), axis=2 + axis)
    return np.moveaxis(full, 1, -1) + bias


def depthwise(x, kernel, **options):
    """kernel [..., channels, multiplier]."""
    channels, multiplier = kernel.shape[-2:]
    return conv(x, kernel.reshape(*kernel.shape[:-2], 1, channels * multiplier), groups=channels, **options)


def batch_norm(x, gamma, beta, mean, variance, epsilon=1e-3):
    return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta

"""Models beside those of tests/onnx/real_models, so that nothing is tuned to a few: other architectures of torchvision, and small
ones for what a call costs. Weights are random, from a fixed seed."""
import functools

import numpy as np
import torch
from torch import nn

import torch_models
import zoo

VISION = ["resnet18", "resnext50_32x4d", "mobilenet_v3_small", "mobilenet_v3_large", "mnasnet1_0", "regnet_y_400mf", "googlenet",
          "convnext_tiny", "swin_t"]
SEGMENTATION = ["lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large"]


class Perceptron(nn.Sequential):
    """784-512-512-10, as in every first lesson."""

    def __init__(self):
        super().__init__(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10), nn.Softmax(-1))


class Chain(nn.Module):
    """A thousand tiny elementwise ops, one behind the other."""

    def forward(self, x):
        y = x
        for _ in range(250):
            y = torch.relu((y + 0.25) * 0.5) - x
        return y


class Recurrent(nn.Module):
    """Two LSTM layers over 50 steps."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(64, 128, num_layers=2, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[0][:, -1]


class DecoderLayer(nn.Module):
    """A step of a GPT: one new position attends to all that are cached."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(2)])
        self.query_key_value = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.grow, self.shrink = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, keys, values):
        batch, length, width = x.shape
        parts = self.query_key_value(self.norms[0](x)).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        keys, values = torch.cat([keys, key], 2), torch.cat([values, value], 2)
        scores = (query @ keys.transpose(-1, -2)) * (width // self.heads) ** -0.5
        x = x + self.projection((scores.softmax(-1) @ values).transpose(1, 2).reshape(x.shape))
        return x + self.shrink(nn.functional.gelu(self.grow(self.norms[1](x)))), keys, values


class DecoderStep(nn.Module):
    """Six layers of width 512 with 64 cached positions, and the scores of 8,000 words."""
    LAYERS, WIDTH, HEADS, CACHED, WORDS = 6, 512, 8, 64, 8000

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([DecoderLayer(self.WIDTH, self.HEADS) for _ in range(self.LAYERS)])
        self.norm, self.head = nn.LayerNorm(self.WIDTH), nn.Linear(self.WIDTH, self.WORDS, bias=False)

    def forward(self, x, cache):
        written = []
        for i, layer in enumerate(self.layers):
            x, keys, values = layer(x, cache[2 * i], cache[2 * i + 1])
            written += [keys, values]
        return self.head(self.norm(x)), torch.stack(written)


class Attention(nn.Module):
    """Twelve heads of size 64 over queries, keys and values, [batch, length, 768] each, as most implementations write it."""
    HEADS = 12

    def forward(self, query, key, value, mask=None):
        batch, length, width = query.shape
        query, key, value = (x.view(batch, length, self.HEADS, -1).transpose(1, 2) for x in (query, key, value))
        scores = query @ key.transpose(-1, -2) / (width // self.HEADS) ** 0.5
        if mask is not None:
            scores = scores + mask
        return (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, length, width)


def _export(model, arrays, path, batches, opset):
    axes = {name: {0: "batch"} for name in arrays if name != "cache"} if batches else {}
    torch.onnx.export(model.eval(), tuple(torch.from_numpy(array) for array in arrays.values()), str(path), opset_version=opset,
                      input_names=list(arrays), dynamic_axes=axes)


def small(name, make, inputs, batches=True, opset=13):
    """A model that make() builds; one that does not take batches has inputs of fixed size."""
    def write(path):
        torch.manual_seed(0)
        _export(make(), inputs(1), path, batches, opset)
    return zoo.ZooModel(name, write, inputs)


def normal(*shape):
    """Normal numbers, [batch, shape...]."""
    def make(batch):
        return {"input": zoo.random().standard_normal((batch, *shape), np.float32)}
    return make


def _step(batch):
    shape = (2 * DecoderStep.LAYERS, batch, DecoderStep.HEADS, DecoderStep.CACHED, DecoderStep.WIDTH // DecoderStep.HEADS)
    return {"input": zoo.random().standard_normal((batch, 1, DecoderStep.WIDTH), np.float32),
            "cache": zoo.random(1).standard_normal(shape, np.float32)}


def _heads(length, causal):
    def make(batch):
        arrays = {name: zoo.random(seed).standard_normal((batch, length, 768), np.float32)
                  for seed, name in enumerate(["query", "key", "value"])}
        if causal:
            arrays["mask"] = np.triu(np.full((1, 1, length, length), -np.inf, np.float32), 1)
        return arrays
    return make


class Scores(nn.Module):
    """Of a segmentation model, whose outputs are a dictionary."""

    def __init__(self, name):
        super().__init__()
        import torchvision
        self.model = getattr(torchvision.models.segmentation, name)(weights=None, weights_backbone=None)

    def forward(self, x):
        return self.model(x)["out"]


def models():
    vision = [zoo.ZooModel(name, functools.partial(torch_models.export_vision, name), normal(3, 224, 224)) for name in VISION]
    segmentation = [small(name, functools.partial(Scores, name), normal(3, 224, 224)) for name in SEGMENTATION]
    return vision + segmentation + [
        small("mlp", Perceptron, normal(784)),
        small("lstm_2_layers", Recurrent, normal(50, 64)),
        small("gpt_step", DecoderStep, _step),
        small("chain_1000", Chain, normal(16)),
    ]


def attention():
    """Attention by itself, of sequences whose scores fit in the caches and whose do not."""
    return [small(f"attention_{length}{'_causal' if causal else ''}", Attention, _heads(length, causal))
            for length, causal in [(128, False), (1024, False), (1024, True), (4096, False)]]

"""Models that PyTorch builds and exports, with random weights from a fixed seed."""
import math
import warnings

import torch
from torch import nn

VISION = ["resnet50", "mobilenet_v2", "squeezenet1_1", "densenet121", "vgg16", "efficientnet_b0",
          "shufflenet_v2_x1_0", "vit_b_16"]


class RecurrentClassifier(nn.Module):
    """Class scores [batch, classes] of token sequences [batch, time]."""

    def __init__(self, recurrent, vocabulary, width, hidden, classes):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.recurrent = recurrent(width, hidden, num_layers=2, bidirectional=True,
                                   batch_first=True)
        self.head = nn.Linear(4 * hidden, classes)

    def forward(self, tokens):
        states, _ = self.recurrent(self.embedding(tokens))
        return self.head(torch.cat([states.mean(1), states.max(1).values], 1)).softmax(-1)


class EncoderLayer(nn.Module):
    """BERT's: attention and a feed-forward network, each with its residual and norm after it."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.grow, self.shrink = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norms = nn.ModuleList([nn.LayerNorm(width, eps=1e-12) for _ in range(2)])

    def attention(self, x, bias):
        batch, length, width = x.shape
        parts = self.query_key_value(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-1, -2) / math.sqrt(width // self.heads) + bias
        return self.projection((scores.softmax(-1) @ value).transpose(1, 2).reshape(x.shape))

    def forward(self, x, bias):
        x = self.norms[0](x + self.attention(x, bias))
        return self.norms[1](x + self.shrink(nn.functional.gelu(self.grow(x))))


class Encoder(nn.Module):
    """BERT's encoder: hidden states [batch, time, width] and the pooled first one."""

    def __init__(self, vocabulary, width, heads, layers, max_length):
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(max_length, width)
        self.segments = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList([EncoderLayer(width, heads) for _ in range(layers)])
        self.pooler = nn.Linear(width, width)

    def forward(self, input_ids, attention_mask, token_type_ids):
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.norm(self.words(input_ids) + self.positions(positions) +
                      self.segments(token_type_ids))
        bias = (1.0 - attention_mask[:, None, None, :].float()) * -10000.0
        for layer in self.layers:
            x = layer(x, bias)
        return x, self.pooler(x[:, 0]).tanh()


def _settle_norms(model, pictures):
    """Has batch normalisation measure what it meets, as in training. With other numbers the outputs of many networks hardly
    depend on what these are given, and that they agree would say little. Half of the mean is taken: all of it would have
    networks with random weights blow up what rounding does, from layer to layer."""
    def measure(norm, inputs):
        x = inputs[0]
        norm.running_mean.copy_(x.mean((0, 2, 3)) / 2)
        norm.running_var.copy_((x - norm.running_mean[:, None, None]).square().mean((0, 2, 3)))
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(measure) for norm in norms]
    with torch.no_grad():
        model.eval()(pictures)
    for hook in hooks:
        hook.remove()


def _export(model, path, inputs, outputs, opset):
    """Axis 0 is the batch. `inputs`: tensors, those of tokens [batch, time]; `outputs`: whether
    axis 1 is the time."""
    timed = {name: tensor.ndim == 2 for name, tensor in inputs.items()} | outputs
    axes = {name: {0: "batch", 1: "time"} if has_time else {0: "batch"}
            for name, has_time in timed.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model.eval(), tuple(inputs.values()), str(path), opset_version=opset,
                          input_names=list(inputs), output_names=list(outputs), dynamic_axes=axes)


def export_vision(name, path, size=224):
    """One of torchvision's architectures, for pictures of size x size pixels."""
    import torchvision
    torch.manual_seed(0)
    model = getattr(torchvision.models, name)(weights=None)
    for parameter in model.parameters():
        if parameter.abs().max() < 1e-4:  # as some begin, which makes all outputs 0, or hides a bias or a block
            nn.init.normal_(parameter, std=0.02)
    pictures = torch.randn(1, 3, size, size)
    _settle_norms(model, pictures)
    _export(model, path, {"input": pictures}, {"output": False}, 13)


def export_recurrent(kind, path, vocabulary=1000, width=64, hidden=128, opset=13):
    torch.manual_seed(0)
    model = RecurrentClassifier(kind, vocabulary, width, hidden, classes=8)
    with torch.no_grad():
        model.head.weight.mul_(8)  # scores that are far from equal
    inputs = {"tokens": torch.randint(vocabulary, (2, 11))}
    _export(model, path, inputs, {"scores": False}, opset)


def export_encoder(path, vocabulary=1000, width=256, heads=4, layers=4, max_length=128, opset=13):
    torch.manual_seed(0)
    model = Encoder(vocabulary, width, heads, layers, max_length)
    ids = torch.randint(vocabulary, (2, 9))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids),
              "token_type_ids": torch.zeros_like(ids)}
    _export(model, path, inputs, {"hidden": True, "pooled": False}, opset)

"""Models of kinds that wider_models.py does not have either: optical flow, diffusion, translation, vocoders, graphs, restoration,
tracking, state spaces, mixtures of experts, forecasts. They are small or of usual size; weights are random, from a fixed seed."""
import functools
import math

import torch
from torch import nn
from torch.nn import functional as F

import further_models
import torch_models
import zoo
from wider_models import _conv, _tokens, _video

VISION = ["regnet_y_1_6gf", "densenet169"]
VIDEO = {"s3d": (16, 224, 224), "mc3_18": (8, 112, 112)}


class OpticalFlow(nn.Module):
    """RAFT, torchvision's small one: how pixels move from one picture to the next, corrected four times."""

    def __init__(self):
        super().__init__()
        import torchvision
        self.model = torchvision.models.optical_flow.raft_small(weights=None)

    def forward(self, first, second):
        return self.model(first, second, num_flow_updates=4)[-1]


class TimedBlock(nn.Module):
    """A residual block of a diffusion model: group normalisation, and the time added between its convolutions."""

    def __init__(self, inputs, outputs, width=256):
        super().__init__()
        self.norms = nn.ModuleList([nn.GroupNorm(32, size) for size in (inputs, outputs)])
        self.convs = nn.ModuleList([nn.Conv2d(size, outputs, 3, padding=1) for size in (inputs, outputs)])
        self.time = nn.Linear(width, outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x, time):
        y = self.convs[0](F.silu(self.norms[0](x))) + self.time(F.silu(time))[:, :, None, None]
        return self.skip(x) + self.convs[1](F.silu(self.norms[1](y)))


class PictureAttention(nn.Module):
    """Every pixel attends to all of them, with channels before pixels, as in diffusion models."""

    def __init__(self, width, heads=4):
        super().__init__()
        self.heads, self.norm = heads, nn.GroupNorm(32, width)
        self.query_key_value, self.projection = nn.Conv2d(width, 3 * width, 1), nn.Conv2d(width, width, 1)

    def forward(self, x):
        batch, width, height, columns = x.shape
        parts = self.query_key_value(self.norm(x)).view(batch, 3, self.heads, width // self.heads, height * columns)
        query, key, value = parts.unbind(1)
        scores = query.transpose(-1, -2) @ key / math.sqrt(width // self.heads)
        return x + self.projection((value @ scores.softmax(-1).transpose(-1, -2)).reshape(x.shape))


class Diffusion(nn.Module):
    """A step of latent diffusion: a U-Net that tells the noise in a picture of four channels at a time."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(64, 256), nn.SiLU(), nn.Linear(256, 256))
        self.enter = nn.Conv2d(4, 64, 3, padding=1)
        self.down = nn.ModuleList([TimedBlock(64, 64), TimedBlock(64, 128), TimedBlock(128, 256)])
        self.shrink = nn.ModuleList([nn.Conv2d(width, width, 3, 2, 1) for width in (64, 128)])
        self.attention, self.middle = PictureAttention(256), TimedBlock(256, 256)
        self.up = nn.ModuleList([TimedBlock(512, 256), TimedBlock(384, 128), TimedBlock(192, 64)])
        self.leave = nn.Sequential(nn.GroupNorm(32, 64), nn.SiLU(), nn.Conv2d(64, 4, 3, padding=1))

    def forward(self, x, time):
        angles = time * torch.exp(torch.arange(32) * (-math.log(10000) / 32))
        time = self.embed(torch.cat([angles.sin(), angles.cos()], -1))
        high = self.down[0](self.enter(x), time)
        middle = self.down[1](self.shrink[0](high), time)
        low = self.attention(self.down[2](self.shrink[1](middle), time))
        x = self.up[0](torch.cat([self.middle(low, time), low], 1), time)
        x = self.up[1](torch.cat([F.interpolate(x, scale_factor=2.0), middle], 1), time)
        return self.leave(self.up[2](torch.cat([F.interpolate(x, scale_factor=2.0), high], 1), time))


class RootNorm(nn.Module):
    """T5's normalisation: by the root of the mean square, without a mean."""

    def __init__(self, width):
        super().__init__()
        self.gain = nn.Parameter(torch.rand(width) + 0.5)

    def forward(self, x):
        return self.gain * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


class CrossAttention(nn.Module):
    """T5's: from one sequence to another or itself, unscaled, without biases in its products."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.projection = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, x, memory, bias):
        batch, length, width = x.shape
        def split(y):
            return y.view(batch, -1, self.heads, width // self.heads).transpose(1, 2)
        scores = split(self.query(x)) @ split(self.key(memory)).transpose(-1, -2) + bias
        return self.projection((scores.softmax(-1) @ split(self.value(memory))).transpose(1, 2).reshape(batch, length, width))


class TranslationLayer(nn.Module):
    """T5's: attention, in the decoder also to what the encoder has written, and a gated feed-forward network."""

    def __init__(self, width, heads, decodes):
        super().__init__()
        self.attention, self.cross = CrossAttention(width, heads), CrossAttention(width, heads) if decodes else None
        self.norms = nn.ModuleList([RootNorm(width) for _ in range(3 if decodes else 2)])
        self.gate, self.grow = (nn.Linear(width, 2 * width, bias=False) for _ in range(2))
        self.shrink = nn.Linear(2 * width, width, bias=False)

    def forward(self, x, bias, memory=None):
        y = self.norms[0](x)
        x = x + self.attention(y, y, bias)
        if self.cross is not None:
            x = x + self.cross(self.norms[1](x), memory, torch.zeros(1))
        y = self.norms[-1](x)
        return x + self.shrink(F.gelu(self.gate(y)) * self.grow(y))


class Translator(nn.Module):
    """T5 with four layers in its encoder and in its decoder, whose scores depend on distances."""
    WORDS = 4000

    def __init__(self, width=384, heads=6, layers=4):
        super().__init__()
        self.words, self.distances = nn.Embedding(self.WORDS, width), nn.Embedding(32, heads)
        self.encoder, self.decoder = (nn.ModuleList([TranslationLayer(width, heads, decodes) for _ in range(layers)])
                                      for decodes in (False, True))

    def bias(self, length):
        positions = torch.arange(length)
        distances = positions[None, :] - positions[:, None]
        buckets = (distances > 0).long() * 16 + torch.clamp(distances.abs(), max=15)
        return self.distances(buckets).permute(2, 0, 1)[None]

    def forward(self, source, target):
        memory, x = self.words(source), self.words(target)
        bias = self.bias(source.shape[1])
        for layer in self.encoder:
            memory = layer(memory, bias)
        length = target.shape[1]
        bias = torch.full((length, length), -1e9).triu(1) + self.bias(length)
        for layer in self.decoder:
            x = layer(x, bias, memory)
        return (x * x.shape[-1] ** -0.5) @ self.words.weight.t()


class WaveNet(nn.Module):
    """Causal convolutions, each further apart than the one before, gated, with the sum of what all of them pass on."""

    def __init__(self, width=64, layers=20):
        super().__init__()
        self.dilations = [2 ** (i % 10) for i in range(layers)]
        self.enter = nn.Conv1d(1, width, 1)
        self.filters = nn.ModuleList([nn.Conv1d(width, 2 * width, 2, dilation=dilation) for dilation in self.dilations])
        self.mixes = nn.ModuleList([nn.Conv1d(width, 2 * width, 1) for _ in self.dilations])
        self.leave = nn.Sequential(nn.ReLU(), nn.Conv1d(width, 256, 1), nn.ReLU(), nn.Conv1d(256, 256, 1))

    def forward(self, x):
        x, passed = self.enter(x), 0
        for dilation, filters, mix in zip(self.dilations, self.filters, self.mixes):
            signal, gate = filters(F.pad(x, (dilation, 0))).chunk(2, 1)
            rest, skip = mix(signal.tanh() * gate.sigmoid()).chunk(2, 1)
            x, passed = x + rest, passed + skip
        return self.leave(passed)


class ReceptiveFields(nn.Module):
    """HiFi-GAN's: the mean of three chains of residual convolutions, with kernels of different sizes."""

    def __init__(self, width):
        super().__init__()
        def conv(kernel, dilation):
            return nn.Conv1d(width, width, kernel, padding=dilation * (kernel - 1) // 2, dilation=dilation)
        self.chains = nn.ModuleList([nn.ModuleList([conv(kernel, dilation) for dilation in (1, 3, 5)]) for kernel in (3, 7, 11)])

    def forward(self, x):
        total = 0
        for chain in self.chains:
            y = x
            for conv in chain:
                y = y + conv(F.leaky_relu(y, 0.1))
            total = total + y
        return total / 3


class Vocoder(nn.Module):
    """HiFi-GAN: transposed convolutions from a spectrogram to 256 times as many samples."""

    def __init__(self, width=256):
        super().__init__()
        self.enter = nn.Conv1d(80, width, 7, padding=3)
        self.grow, self.fields = nn.ModuleList(), nn.ModuleList()
        for stride in (8, 8, 2, 2):
            self.grow.append(nn.ConvTranspose1d(width, width // 2, 2 * stride, stride, stride // 2))
            width //= 2
            self.fields.append(ReceptiveFields(width))
        self.leave = nn.Conv1d(width, 1, 7, padding=3)

    def forward(self, x):
        x = self.enter(x)
        for grow, fields in zip(self.grow, self.fields):
            x = fields(grow(F.leaky_relu(x, 0.1)))
        return self.leave(F.leaky_relu(x)).tanh()


class Codec(nn.Module):
    """EnCodec's encoder: convolutions, an LSTM, and what is left when four books have each given their nearest entry."""

    def __init__(self, width=32):
        super().__init__()
        layers = [nn.Conv1d(1, width, 7, padding=3)]
        for stride in (2, 4, 5, 8):
            layers += [nn.ELU(), nn.Conv1d(width, width // 2, 3, padding=1), nn.ELU(), nn.Conv1d(width // 2, width, 1),
                       nn.ELU(), nn.Conv1d(width, 2 * width, 2 * stride, stride, stride // 2)]
            width *= 2
        self.convs, self.recurrent = nn.Sequential(*layers), nn.LSTM(width, width, num_layers=2, batch_first=True)
        self.leave = nn.Conv1d(width, 128, 7, padding=3)
        self.books = nn.ParameterList([nn.Parameter(torch.randn(1024, 128)) for _ in range(4)])

    def forward(self, x):
        x = self.convs(x)
        x = x + self.recurrent(x.transpose(1, 2))[0].transpose(1, 2)
        rest = self.leave(F.elu(x)).transpose(1, 2)
        for book in self.books:
            distances = rest.pow(2).sum(-1, keepdim=True) - 2 * rest @ book.t() + book.pow(2).sum(-1)
            rest = rest - F.embedding(distances.argmin(-1), book)
        return rest


class Tacotron(nn.Module):
    """Its decoder: two LSTM cells and attention to the text, for each frame of a spectrogram."""

    def __init__(self, width=256, frames=16):
        super().__init__()
        self.width, self.frames = width, frames
        self.attend, self.decode = nn.LSTMCell(80 + width, width), nn.LSTMCell(2 * width, width)
        self.query, self.key, self.score = nn.Linear(width, 128), nn.Linear(width, 128), nn.Linear(128, 1)
        self.head = nn.Linear(2 * width, 80)

    def forward(self, memory):
        frame, context = memory.new_zeros(memory.shape[0], 80), memory.new_zeros(memory.shape[0], self.width)
        attending = decoding = (context, context)
        keys, frames = self.key(memory), []
        for _ in range(self.frames):
            attending = self.attend(torch.cat([frame, context], 1), attending)
            scores = self.score(torch.tanh(self.query(attending[0])[:, None] + keys)).squeeze(-1)
            context = (scores.softmax(-1)[:, None] @ memory)[:, 0]
            decoding = self.decode(torch.cat([attending[0], context], 1), decoding)
            frame = self.head(torch.cat([decoding[0], context], 1))
            frames.append(frame)
        return torch.stack(frames, 1)


class DeepSpeech(nn.Module):
    """Deep Speech 2: two large convolutions over a spectrogram, and three GRU layers in both directions."""

    def __init__(self):
        super().__init__()
        self.convs = nn.Sequential(nn.Conv2d(1, 32, (41, 11), (2, 2), (20, 5)), nn.BatchNorm2d(32), nn.Hardtanh(0, 20),
                                   nn.Conv2d(32, 32, (21, 11), (2, 1), (10, 5)), nn.BatchNorm2d(32), nn.Hardtanh(0, 20))
        self.recurrent = nn.GRU(32 * 41, 256, num_layers=3, bidirectional=True, batch_first=True)
        self.head = nn.Linear(512, 29)

    def forward(self, x):
        return self.head(self.recurrent(self.convs(x).flatten(1, 2).transpose(1, 2))[0]).log_softmax(-1)


class GraphLayer(nn.Module):
    """A graph attention network's: each node takes the mean of its neighbours, weighted by what both ends of an edge say."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.value, self.leaves, self.arrives = nn.Linear(width, width), nn.Linear(width, heads), nn.Linear(width, heads)

    def forward(self, x, source, target):
        nodes, width = x.shape
        value = self.value(x)
        weights = F.leaky_relu(self.leaves(value)[source] + self.arrives(value)[target], 0.2).exp()
        totals = torch.zeros(nodes, self.heads).scatter_add(0, target[:, None].expand(-1, self.heads), weights)
        messages = value[source].view(-1, self.heads, width // self.heads) * (weights / totals[target])[:, :, None]
        sums = torch.zeros(nodes, width).scatter_add(0, target[:, None].expand(-1, width), messages.view(-1, width))
        return F.elu(sums) + x


class GraphAttention(nn.Module):
    """A graph attention network of three layers over a thousand nodes."""
    NODES, EDGES, FEATURES = 1000, 8000, 128

    def __init__(self, width=64, heads=4):
        super().__init__()
        self.enter = nn.Linear(self.FEATURES, width)
        self.layers = nn.ModuleList([GraphLayer(width, heads) for _ in range(3)])

    def forward(self, x, source, target):
        x = self.enter(x)
        for layer in self.layers:
            x = layer(x, source, target)
        return x


class InvertedBlock(nn.Module):
    """MobileNetV2's: wide in the middle, where the convolution is depthwise."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        hidden = 4 * inputs
        self.layers = nn.Sequential(_conv(inputs, hidden, 1), _conv(hidden, hidden, 3, stride, hidden),
                                    _conv(hidden, outputs, 1, activation=nn.Identity))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


class MobileVitBlock(nn.Module):
    """MobileViT's: attention among the pixels that have the same place in patches of two by two."""

    def __init__(self, channels, width, layers):
        super().__init__()
        self.enter = nn.Sequential(_conv(channels, channels), nn.Conv2d(channels, width, 1, bias=False))
        self.layers = nn.Sequential(*[nn.TransformerEncoderLayer(width, 4, 2 * width, activation=F.silu, batch_first=True,
                                                                 norm_first=True) for _ in range(layers)])
        self.leave, self.fuse = _conv(width, channels, 1), _conv(2 * channels, channels)

    def forward(self, x):
        y = self.enter(x)
        batch, width, height, columns = y.shape
        patches = height * columns // 4
        y = y.reshape(batch * width * height // 2, 2, columns // 2, 2).transpose(1, 2)
        y = y.reshape(batch, width, patches, 4).transpose(1, 3).reshape(batch * 4, patches, width)
        y = self.layers(y)
        y = y.reshape(batch, 4, patches, width).transpose(1, 3)
        y = y.reshape(batch * width * height // 2, columns // 2, 2, 2).transpose(1, 2).reshape(batch, width, height, columns)
        return self.fuse(torch.cat([x, self.leave(y)], 1))


class MobileVit(nn.Sequential):
    """The size XS, without one of its inverted blocks."""

    def __init__(self):
        super().__init__(_conv(3, 16, 3, 2), InvertedBlock(16, 32), InvertedBlock(32, 48, 2), InvertedBlock(48, 48),
                         InvertedBlock(48, 64, 2), MobileVitBlock(64, 96, 2), InvertedBlock(64, 80, 2),
                         MobileVitBlock(80, 120, 4), InvertedBlock(80, 96, 2), MobileVitBlock(96, 144, 3), _conv(96, 384, 1),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(384, 1000))


class Ghost(nn.Module):
    """GhostNet's: half of the channels are a depthwise convolution of the other half."""

    def __init__(self, inputs, outputs, activation=nn.ReLU):
        super().__init__()
        half = outputs // 2
        self.first = _conv(inputs, half, 1, activation=activation)
        self.second = _conv(half, half, 3, 1, half, activation=activation)

    def forward(self, x):
        x = self.first(x)
        return torch.cat([x, self.second(x)], 1)


class Excitation(nn.Module):
    """GhostNet's: channels scaled by what a small network makes of their means."""

    def __init__(self, width):
        super().__init__()
        self.shrink, self.grow = nn.Conv2d(width, width // 4, 1), nn.Conv2d(width // 4, width, 1)

    def forward(self, x):
        return x * F.hardsigmoid(self.grow(F.relu(self.shrink(x.mean((2, 3), keepdim=True)))))


class GhostBlock(nn.Module):
    """GhostNet's bottleneck."""

    def __init__(self, inputs, hidden, outputs, kernel, stride, excited):
        super().__init__()
        def depthwise(width):
            return _conv(width, width, kernel, stride, width, nn.Identity)
        self.layers = nn.Sequential(Ghost(inputs, hidden), *([depthwise(hidden)] if stride > 1 else []),
                                    *([Excitation(hidden)] if excited else []), Ghost(hidden, outputs, nn.Identity))
        self.skip = nn.Identity() if stride == 1 and inputs == outputs else nn.Sequential(
            depthwise(inputs), _conv(inputs, outputs, 1, activation=nn.Identity))

    def forward(self, x):
        return self.layers(x) + self.skip(x)


class GhostNet(nn.Sequential):
    """Of the usual width, with some blocks fewer."""
    BLOCKS = [(16, 16, 16, 3, 1, False), (16, 48, 24, 3, 2, False), (24, 72, 24, 3, 1, False), (24, 72, 40, 5, 2, True),
              (40, 120, 40, 5, 1, True), (40, 240, 80, 3, 2, False), (80, 200, 80, 3, 1, False), (80, 184, 80, 3, 1, False),
              (80, 480, 112, 3, 1, True), (112, 672, 160, 5, 2, True), (160, 960, 160, 5, 1, False), (160, 960, 160, 5, 1, True)]

    def __init__(self):
        super().__init__(_conv(3, 16, 3, 2, activation=nn.ReLU), *[GhostBlock(*block) for block in self.BLOCKS],
                         _conv(160, 960, 1, activation=nn.ReLU), nn.AdaptiveAvgPool2d(1), nn.Conv2d(960, 1280, 1), nn.ReLU(),
                         nn.Flatten(), nn.Linear(1280, 1000))


class ResidualBlock(nn.Module):
    """ResNet's of two convolutions."""

    def __init__(self, width, activation=nn.ReLU):
        super().__init__()
        self.layers = nn.Sequential(_conv(width, width, activation=activation), _conv(width, width, activation=nn.Identity))
        self.activation = activation()

    def forward(self, x):
        return self.activation(x + self.layers(x))


class HighResolution(nn.Module):
    """HRNet: three sizes of the picture side by side, each of which takes the sum of all after every stage."""
    WIDTHS = (18, 36, 72)

    def __init__(self, stages=3, classes=19):
        super().__init__()
        conv = functools.partial(_conv, activation=nn.ReLU)
        self.stem = nn.Sequential(conv(3, 32, 3, 2), conv(32, 32, 3, 2))
        self.enter = nn.ModuleList([conv(32, 18), conv(32, 36, 3, 2), nn.Sequential(conv(32, 36, 3, 2), conv(36, 72, 3, 2))])
        self.branches = nn.ModuleList([nn.ModuleList([nn.Sequential(ResidualBlock(width), ResidualBlock(width))
                                                      for width in self.WIDTHS]) for _ in range(stages)])
        self.ways = nn.ModuleList([nn.ModuleList([nn.ModuleList([self.way(source, target) for source in range(3)])
                                                  for target in range(3)]) for _ in range(stages)])
        self.head = nn.Conv2d(sum(self.WIDTHS), classes, 1)

    def way(self, source, target):
        """From one size to another."""
        inputs, outputs, halvings = self.WIDTHS[source], self.WIDTHS[target], target - source
        if halvings == 0:
            return nn.Identity()
        if halvings < 0:
            return nn.Sequential(_conv(inputs, outputs, 1, activation=nn.Identity), nn.Upsample(scale_factor=2.0 ** -halvings))
        return nn.Sequential(*[_conv(inputs, inputs, 3, 2, activation=nn.ReLU) for _ in range(halvings - 1)],
                             _conv(inputs, outputs, 3, 2, activation=nn.ReLU))

    def forward(self, x):
        x = self.stem(x)
        sizes = [enter(x) for enter in self.enter]
        for branches, ways in zip(self.branches, self.ways):
            sizes = [branch(x) for branch, x in zip(branches, sizes)]
            sizes = [F.relu(sum(way(x) for way, x in zip(into, sizes))) for into in ways]
        shape = sizes[0].shape[2:]
        grown = [F.interpolate(x, size=shape, mode="bilinear", align_corners=False) for x in sizes[1:]]
        return self.head(torch.cat([sizes[0], *grown], 1))


class WeightedPyramid(nn.Module):
    """EfficientDet's pyramid, behind a small backbone that takes pixels apart as YOLOX's does."""
    LEVELS = (96, 128, 192)

    def __init__(self, width=64, rounds=3):
        super().__init__()
        def shrink(inputs, outputs):
            return nn.Sequential(_conv(inputs, outputs, 3, 2), ResidualBlock(outputs, nn.SiLU))
        def separable():
            return nn.Sequential(nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False), nn.Conv2d(width, width, 1),
                                 nn.BatchNorm2d(width))
        self.stem = nn.Sequential(_conv(12, 32), shrink(32, 64))
        self.to_3, self.to_4, self.to_5 = shrink(64, 96), shrink(96, 128), shrink(128, 192)
        self.enter = nn.ModuleList([nn.Conv2d(level, width, 1) for level in self.LEVELS])
        self.weights = nn.Parameter(torch.rand(rounds, 4, 3))
        self.convs = nn.ModuleList([nn.ModuleList([separable() for _ in range(4)]) for _ in range(rounds)])
        self.head = nn.Sequential(separable(), nn.SiLU(), separable(), nn.SiLU(), nn.Conv2d(width, 9 * 24, 3, padding=1))

    def forward(self, x):
        def up(y):
            return F.interpolate(y, scale_factor=2.0)
        def down(y):
            return F.max_pool2d(y, 3, 2, 1)
        x = torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)
        p3 = self.to_3(self.stem(x))
        p4 = self.to_4(p3)
        p5 = self.to_5(p4)
        p3, p4, p5 = (enter(p) for enter, p in zip(self.enter, (p3, p4, p5)))
        for weights, convs in zip(self.weights, self.convs):
            weights = F.relu(weights)
            weights = weights / (weights.sum(1, keepdim=True) + 1e-4)
            middle = convs[0](F.silu(weights[0, 0] * p4 + weights[0, 1] * up(p5)))
            p3 = convs[1](F.silu(weights[1, 0] * p3 + weights[1, 1] * up(middle)))
            p4 = convs[2](F.silu(weights[2, 0] * p4 + weights[2, 1] * middle + weights[2, 2] * down(p3)))
            p5 = convs[3](F.silu(weights[3, 0] * p5 + weights[3, 1] * down(p4)))
        boxes = [self.head(p).permute(0, 2, 3, 1).reshape(x.shape[0], -1, 24) for p in (p3, p4, p5)]
        return torch.cat(boxes, 1).sigmoid()


class WindowLayer(nn.Module):
    """Swin's: attention inside windows, which every other layer shifts."""

    def __init__(self, width, heads, size, shift):
        super().__init__()
        self.heads, self.size, self.shift = heads, size, shift
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(2)])
        self.query_key_value, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.bias = nn.Parameter(torch.randn(heads, size * size, size * size))

    def attention(self, windows):
        pixels, width = windows.shape[1:]
        parts = self.query_key_value(windows).view(-1, pixels, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        scores = query * (width // self.heads) ** -0.5 @ key.transpose(-1, -2) + self.bias
        return self.projection((scores.softmax(-1) @ value).transpose(1, 2).reshape(-1, pixels, width))

    def forward(self, x):
        batch, height, columns, width = x.shape
        size, down, across = self.size, height // self.size, columns // self.size
        y = self.norms[0](x)
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        y = y.view(batch, down, size, across, size, width).permute(0, 1, 3, 2, 4, 5).reshape(-1, size * size, width)
        y = self.attention(y).view(batch, down, across, size, size, width).permute(0, 1, 3, 2, 4, 5).reshape(x.shape)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        x = x + y
        return x + self.feed_forward(self.norms[1](x))


class SwinRestoration(nn.Module):
    """As SwinIR, light: groups of window attention with a convolution behind each, and shuffled pixels."""

    def __init__(self, width=60, groups=2):
        super().__init__()
        self.enter = nn.Conv2d(3, width, 3, padding=1)
        self.groups = nn.ModuleList([nn.Sequential(*[WindowLayer(width, 6, 8, 4 * (i % 2)) for i in range(4)])
                                     for _ in range(groups)])
        self.convs = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1) for _ in range(groups)])
        self.leave = nn.Sequential(nn.Conv2d(width, 4 * 3, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, x):
        x = self.enter(x)
        for group, conv in zip(self.groups, self.convs):
            x = x + conv(group(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
        return self.leave(x)


class ChannelNorm(nn.Module):
    """NAFNet's: layer normalisation along the channels of a picture, spelled out."""

    def __init__(self, width):
        super().__init__()
        self.gain, self.bias = nn.Parameter(torch.rand(width, 1, 1) + 0.5), nn.Parameter(torch.randn(width, 1, 1) * 0.1)

    def forward(self, x):
        mean = x.mean(1, keepdim=True)
        variance = (x - mean).pow(2).mean(1, keepdim=True)
        return self.gain * ((x - mean) / (variance + 1e-6).sqrt()) + self.bias


class GatedBlock(nn.Module):
    """NAFNet's: halves of channels multiplied with one another in place of an activation."""

    def __init__(self, width):
        super().__init__()
        self.norms = nn.ModuleList([ChannelNorm(width) for _ in range(2)])
        self.grow = nn.Sequential(nn.Conv2d(width, 2 * width, 1), nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width))
        self.attention, self.shrink = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.enter, self.leave = nn.Conv2d(width, 2 * width, 1), nn.Conv2d(width, width, 1)
        self.scales = nn.ParameterList([nn.Parameter(torch.rand(1, width, 1, 1)) for _ in range(2)])

    def forward(self, x):
        first, second = self.grow(self.norms[0](x)).chunk(2, 1)
        y = first * second
        x = x + self.shrink(y * self.attention(F.adaptive_avg_pool2d(y, 1))) * self.scales[0]
        first, second = self.enter(self.norms[1](x)).chunk(2, 1)
        return x + self.leave(first * second) * self.scales[1]


class GatedRestoration(nn.Module):
    """NAFNet: a U-Net of gated blocks, with shuffled pixels on the way up."""

    def __init__(self, width=32):
        super().__init__()
        sizes = [width, 2 * width, 4 * width]
        self.enter, self.leave = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 3, 3, padding=1)
        self.encoder = nn.ModuleList([GatedBlock(size) for size in sizes])
        self.down = nn.ModuleList([nn.Conv2d(size, 2 * size, 2, 2) for size in sizes])
        self.middle = nn.Sequential(GatedBlock(8 * width), GatedBlock(8 * width))
        self.up = nn.ModuleList([nn.Sequential(nn.Conv2d(2 * size, 4 * size, 1, bias=False), nn.PixelShuffle(2))
                                 for size in sizes])
        self.decoder = nn.ModuleList([GatedBlock(size) for size in sizes])

    def forward(self, x):
        y, kept = self.enter(x), []
        for block, down in zip(self.encoder, self.down):
            kept.append(block(y))
            y = down(kept[-1])
        y = self.middle(y)
        for i in reversed(range(3)):
            y = self.decoder[i](self.up[i](y) + kept[i])
        return x + self.leave(y)


class FaceBlock(nn.Module):
    """ArcFace's residual block: normalisation before the first convolution, and PReLU between the two."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.layers = nn.Sequential(nn.BatchNorm2d(inputs), nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False),
                                    nn.BatchNorm2d(outputs), nn.PReLU(outputs),
                                    nn.Conv2d(outputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs))
        self.skip = nn.Identity() if stride == 1 else _conv(inputs, outputs, 1, stride, activation=nn.Identity)

    def forward(self, x):
        return self.layers(x) + self.skip(x)


class FaceEmbedding(nn.Sequential):
    """ArcFace: a ResNet of eight blocks, and a dense layer over all that it leaves."""

    def __init__(self):
        sizes = [64, 64, 128, 256, 512]
        blocks = [block for i, o in zip(sizes, sizes[1:]) for block in (FaceBlock(i, o, 2), FaceBlock(o, o, 1))]
        super().__init__(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64), *blocks, nn.BatchNorm2d(512),
                         nn.Flatten(), nn.Linear(512 * 7 * 7, 512), nn.BatchNorm1d(512))


class StateSpace(nn.Module):
    """A layer of Mamba: a state that each step lets fade and adds to, the steps one behind the other."""

    def __init__(self, width=128, states=8, rank=8):
        super().__init__()
        self.sizes = [rank, states, states]
        self.enter, self.select = nn.Linear(width, 4 * width), nn.Linear(2 * width, sum(self.sizes))
        self.rates = nn.Linear(rank, 2 * width)
        self.depthwise = nn.Conv1d(2 * width, 2 * width, 4, padding=3, groups=2 * width)
        self.fading, self.skip = nn.Parameter(torch.rand(2 * width, states)), nn.Parameter(torch.rand(2 * width))
        self.leave = nn.Linear(2 * width, width)

    def forward(self, x):
        length = x.shape[1]
        x, gate = self.enter(x).chunk(2, -1)
        x = F.silu(self.depthwise(x.transpose(1, 2))[..., :length].transpose(1, 2))
        rates, writes, reads = self.select(x).split(self.sizes, -1)
        rates = F.softplus(self.rates(rates))
        kept = torch.exp(rates[..., None] * -self.fading.exp())
        added = (rates * x)[..., None] * writes[:, :, None]
        state, outputs = 0, []
        for i in range(length):
            state = kept[:, i] * state + added[:, i]
            outputs.append((state * reads[:, i, None]).sum(-1))
        return self.leave((torch.stack(outputs, 1) + x * self.skip) * F.silu(gate))


class Forecast(nn.Module):
    """N-BEATS: each perceptron takes away what it explains of the past, and adds to the future."""

    def __init__(self, past=96, future=24, width=256, blocks=8):
        super().__init__()
        self.past = past
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(past, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
                                                   nn.Linear(width, width), nn.ReLU(), nn.Linear(width, past + future))
                                     for _ in range(blocks)])

    def forward(self, x):
        forecast = 0
        for block in self.blocks:
            y = block(x)
            x, forecast = x - y[:, :self.past], forecast + y[:, self.past:]
        return forecast


class PromptLayer(nn.Module):
    """GPT-2's: scores of later positions are replaced, and GELU is spelled out with its hyperbolic tangent."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(2)])
        self.query_key_value, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.grow, self.shrink = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, mask):
        batch, length, width = x.shape
        query, key, value = (part.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
                             for part in self.query_key_value(self.norms[0](x)).split(width, 2))
        scores = query @ key.transpose(-1, -2) / math.sqrt(width // self.heads)
        scores = torch.where(mask, scores, torch.tensor(-1e4))
        x = x + self.projection((scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, length, width))
        y = self.grow(self.norms[1](x))
        return x + self.shrink(0.5 * y * (1 + torch.tanh(math.sqrt(2 / math.pi) * (y + 0.044715 * y.pow(3)))))


class Prompt(nn.Module):
    """A small GPT-2 over a prompt, with the scores of all positions."""
    WORDS = 8000

    def __init__(self, width=384, heads=6, layers=4):
        super().__init__()
        self.words, self.positions = nn.Embedding(self.WORDS, width), nn.Embedding(1024, width)
        self.layers = nn.ModuleList([PromptLayer(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens):
        length = tokens.shape[1]
        x = self.words(tokens) + self.positions(torch.arange(length))
        mask = torch.ones(length, length).tril().bool()
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm(x) @ self.words.weight.t()


class VolumeUNet(nn.Module):
    """A 3D U-Net of three sizes, with instance normalisation as nnU-Net's."""

    def __init__(self):
        super().__init__()
        def conv(inputs, outputs, stride=1):
            return nn.Sequential(nn.Conv3d(inputs, outputs, 3, stride, 1), nn.InstanceNorm3d(outputs), nn.PReLU())
        self.high, self.middle, self.low = conv(1, 16), conv(16, 32, 2), conv(32, 64, 2)
        self.grow_middle, self.grow_high = nn.ConvTranspose3d(64, 32, 3, 2, 1, 1), nn.ConvTranspose3d(64, 16, 3, 2, 1, 1)
        self.head = nn.Sequential(conv(32, 16), nn.Conv3d(16, 2, 1))

    def forward(self, x):
        high = self.high(x)
        middle = self.middle(high)
        x = torch.cat([self.grow_middle(self.low(middle)), middle], 1)
        return self.head(torch.cat([self.grow_high(x), high], 1))


class Tracker(nn.Module):
    """SiamFC and SiamRPN++: what is made of one picture is the kernel that runs over the other."""

    def __init__(self):
        super().__init__()
        def conv(inputs, outputs, kernel, stride=1):
            return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride), nn.BatchNorm2d(outputs), nn.ReLU())
        self.features = nn.Sequential(conv(3, 96, 11, 2), nn.MaxPool2d(3, 2), conv(96, 256, 5), nn.MaxPool2d(3, 2),
                                      conv(256, 384, 3), nn.Conv2d(384, 256, 3))
        self.head = nn.Sequential(conv(256, 256, 1), nn.Conv2d(256, 10, 1))

    def forward(self, target, scene):
        kernel, scene = self.features(target), self.features(scene)
        return F.conv2d(scene, kernel), self.head(F.conv2d(scene, kernel.transpose(0, 1), groups=256))


class ModulatedConv(nn.Module):
    """StyleGAN2's: a style scales the weights, which are then normalised; on the way up a blur follows."""

    def __init__(self, inputs, outputs, grows, style=128):
        super().__init__()
        self.grows, self.weight, self.style = grows, nn.Parameter(torch.randn(outputs, inputs, 3, 3)), nn.Linear(style, inputs)
        blur = torch.tensor([1.0, 3.0, 3.0, 1.0])
        blur = blur[:, None] * blur
        self.register_buffer("blur", (blur / blur.sum() * 4).repeat(outputs, 1, 1, 1))

    def forward(self, x, style):
        weight = self.weight * self.style(style).view(1, -1, 1, 1)
        weight = weight * torch.rsqrt(weight.pow(2).sum((1, 2, 3), keepdim=True) + 1e-8)
        if self.grows:
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            x = F.conv2d(F.pad(x, (1, 1, 1, 1)), self.blur, groups=self.blur.shape[0])
        else:
            x = F.conv2d(x, weight, padding=1)
        return F.leaky_relu(x, 0.2) * math.sqrt(2)


class StyleGan(nn.Module):
    """StyleGAN2 without noise: a constant that styles turn into a picture of 128 x 128 pixels."""

    def __init__(self):
        super().__init__()
        sizes = [256, 256, 256, 128, 64, 32]
        self.mapping = nn.Sequential(*[layer for _ in range(4) for layer in (nn.Linear(128, 128), nn.LeakyReLU(0.2))])
        self.start = nn.Parameter(torch.randn(1, sizes[0], 4, 4))
        self.grow = nn.ModuleList([ModulatedConv(i, o, True) for i, o in zip(sizes, sizes[1:])])
        self.convs = nn.ModuleList([ModulatedConv(o, o, False) for o in sizes[1:]])
        self.leave = nn.Conv2d(sizes[-1], 3, 1)

    def forward(self, x):
        style = self.mapping(x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + 1e-8))
        x = self.start
        for grow, conv in zip(self.grow, self.convs):
            x = conv(grow(x, style), style)
        return self.leave(x)


class DeformableLayer(nn.Module):
    """Deformable DETR's attention: each query looks at a few places of a picture that it chooses."""

    def __init__(self, width, heads, points):
        super().__init__()
        self.heads, self.points = heads, points
        self.value, self.places = nn.Linear(width, width), nn.Linear(width, heads * points * 2)
        self.weights, self.projection = nn.Linear(width, heads * points), nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, queries, picture):
        batch, count, width = queries.shape
        heads, points = self.heads, self.points
        value = self.value(picture.flatten(2).transpose(1, 2)).transpose(1, 2)
        value = value.reshape(batch * heads, width // heads, *picture.shape[2:])
        places = self.places(queries).view(batch, count, heads, points, 2).transpose(1, 2)
        places = places.reshape(batch * heads, count, points, 2).tanh()
        weights = self.weights(queries).view(batch, count, heads, points).softmax(-1).transpose(1, 2)
        weights = weights.reshape(batch * heads, 1, count, points)
        found = (F.grid_sample(value, places, align_corners=False) * weights).sum(-1).view(batch, width, count)
        return self.norm(queries + self.projection(found.transpose(1, 2)))


class DeformableAttention(nn.Module):
    """Three layers of Deformable DETR's decoder, over one size of the picture."""

    def __init__(self, width=128, heads=4, points=8, layers=3):
        super().__init__()
        self.layers = nn.ModuleList([DeformableLayer(width, heads, points) for _ in range(layers)])

    def forward(self, queries, picture):
        for layer in self.layers:
            queries = layer(queries, picture)
        return queries


class Experts(nn.Module):
    """GShard's mixture: each token goes to two of eight feed-forward networks, each of which takes only its own tokens."""

    def __init__(self, width=256, experts=8):
        super().__init__()
        self.gate = nn.Linear(width, experts)
        self.grow = nn.Parameter(torch.randn(experts, width, 4 * width) * 0.05)
        self.shrink = nn.Parameter(torch.randn(experts, 4 * width, width) * 0.05)

    def forward(self, x):
        shares, chosen = self.gate(x).softmax(-1).topk(2, -1)
        total = torch.zeros_like(x)
        for i in range(self.grow.shape[0]):
            share = (shares * (chosen == i)).sum(-1)
            tokens = torch.nonzero(share).squeeze(1)
            y = F.relu(x[tokens] @ self.grow[i]) @ self.shrink[i] * share[tokens, None]
            total = total.scatter_add(0, tokens[:, None].expand(-1, x.shape[1]), y)
        return total


class RadianceField(nn.Module):
    """NeRF: a perceptron for each point of a ray, and the colour that a ray of 32 points collects."""

    def __init__(self, width=256):
        super().__init__()
        def perceptron(inputs, hidden):
            return [layer for i in range(hidden) for layer in (nn.Linear(inputs if i == 0 else width, width), nn.ReLU())]
        self.first = nn.Sequential(*perceptron(63, 4))
        self.second = nn.Sequential(*perceptron(width + 63, 2), nn.Linear(width, 4))

    def forward(self, x):
        angles = (x[..., None] * 2.0 ** torch.arange(10)).flatten(1)
        x = torch.cat([x, angles.sin(), angles.cos()], 1)
        x = self.second(torch.cat([self.first(x), x], 1)).view(-1, 32, 4)
        density = F.relu(x[..., 3])
        weights = (1 - torch.exp(-density)) * torch.exp(-torch.cumsum(density, 1))
        return (weights[..., None] * x[..., :3].sigmoid()).sum(1)


class RecognitionStep(nn.Module):
    """A step of a streaming recogniser as RNN-T's: one frame, and the states of three LSTM layers in and out."""
    LAYERS, WIDTH = 3, 320

    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(80, self.WIDTH, self.LAYERS, batch_first=True), nn.Linear(self.WIDTH, 500)

    def forward(self, x, hidden, cell):
        x, (hidden, cell) = self.lstm(x, (hidden, cell))
        return self.head(x), hidden, cell


class NextItem(nn.Module):
    """SASRec: what somebody takes after fifty items, by two layers of PyTorch's own causal attention."""
    ITEMS, LENGTH = 5000, 50

    def __init__(self, width=64):
        super().__init__()
        self.items, self.positions = nn.Embedding(self.ITEMS, width), nn.Embedding(self.LENGTH, width)
        self.layers = nn.TransformerEncoder(nn.TransformerEncoderLayer(width, 2, width, batch_first=True, norm_first=True), 2,
                                            enable_nested_tensor=False)

    def forward(self, items):
        length = items.shape[1]
        mask = torch.full((length, length), float("-inf")).triu(1)
        x = self.layers(self.items(items) + self.positions(torch.arange(length)), mask)
        return x[:, -1] @ self.items.weight.t()


def _arrays(**shapes):
    """Normal numbers by these names, [batch, shape...] each."""
    def make(batch):
        return {name: zoo.random(seed).standard_normal((batch, *shape), "float32")
                for seed, (name, shape) in enumerate(shapes.items())}
    return make


def _rows(count, width):
    """Normal numbers, [batch * count, width]."""
    def make(batch):
        return {"input": zoo.random().standard_normal((batch * count, width), "float32")}
    return make


def _sentences(batch):
    return {"source": zoo.random().integers(Translator.WORDS, size=(batch, 64)),
            "target": zoo.random(1).integers(Translator.WORDS, size=(batch, 32))}


def _graph(_):
    nodes, edges = GraphAttention.NODES, GraphAttention.EDGES
    return {"input": zoo.random().standard_normal((nodes, GraphAttention.FEATURES), "float32"),
            "source": zoo.random(1).integers(nodes, size=edges), "target": zoo.random(2).integers(nodes, size=edges)}


def _states(batch):
    shape = (RecognitionStep.LAYERS, batch, RecognitionStep.WIDTH)
    return {**further_models.normal(1, 80)(batch), "hidden": zoo.random(1).standard_normal(shape, "float32"),
            "cell": zoo.random(2).standard_normal(shape, "float32")}


def models():
    small, normal = further_models.small, further_models.normal
    vision = [zoo.ZooModel(name, functools.partial(torch_models.export_vision, name), normal(3, 224, 224)) for name in VISION]
    return vision + [small(name, functools.partial(_video, name), normal(3, *shape)) for name, shape in VIDEO.items()] + [
        small("deeplabv3_resnet50", functools.partial(further_models.Scores, "deeplabv3_resnet50"), normal(3, 224, 224)),
        small("raft_small", OpticalFlow, _arrays(first=(3, 128, 160), second=(3, 128, 160)), batches=False, opset=16),
        small("diffusion", Diffusion, _arrays(input=(4, 32, 32), time=(1,))),
        small("t5", Translator, _sentences, opset=14),
        small("wavenet", WaveNet, normal(1, 4000)),
        small("hifigan", Vocoder, normal(80, 32)),
        small("encodec", Codec, normal(1, 16000)),
        small("tacotron", Tacotron, normal(64, 256)),
        small("deepspeech", DeepSpeech, normal(1, 161, 200)),
        small("graph_attention", GraphAttention, _graph, batches=False, opset=16),
        small("mobilevit", MobileVit, normal(3, 256, 256)),
        small("ghostnet", GhostNet, normal(3, 224, 224)),
        small("hrnet", HighResolution, normal(3, 256, 256)),
        small("bifpn", WeightedPyramid, normal(3, 256, 256)),
        small("swinir", SwinRestoration, normal(3, 64, 64)),
        small("nafnet", GatedRestoration, normal(3, 128, 128)),
        small("arcface", FaceEmbedding, normal(3, 112, 112)),
        small("mamba", StateSpace, normal(32, 128)),
        small("gpt2_prompt", Prompt, _tokens(128, Prompt.WORDS), opset=14),
        small("unet_3d", VolumeUNet, normal(1, 32, 64, 64)),
        small("siamese", Tracker, _arrays(target=(3, 127, 127), scene=(3, 255, 255)), batches=False),
        small("stylegan", StyleGan, normal(128), batches=False),
        small("deformable", DeformableAttention, _arrays(queries=(300, 128), picture=(128, 40, 40)), opset=16),
        small("experts", Experts, _rows(128, 256), batches=False, opset=16),
        small("nerf", RadianceField, _rows(64 * 32, 3)),
        small("lstm_step", RecognitionStep, _states, batches=False),
        small("sasrec", NextItem, _tokens(NextItem.LENGTH, NextItem.ITEMS), opset=14),
        small("nbeats", Forecast, normal(96)),
    ]

"""Models of kinds that rarer_models.py does not have either: masks, depth, warped pictures, captions, recurrence in place of
attention, flows, tags, tables, points. Those that tell what a picture shows are in newer_vision_models.py. All are small or of
usual size; weights are random, from a fixed seed."""
import functools
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import further_models
import newer_vision_models
import zoo
from rarer_models import ChannelNorm, _arrays
from wider_models import _conv, _tokens


class ObjectQueries(nn.Module):
    """DETR: a transformer over what ResNet-18 sees, whose fifty queries become classes and boxes."""

    def __init__(self, width=128, queries=50, layers=3):
        super().__init__()
        import torchvision
        self.features = nn.Sequential(*list(torchvision.models.resnet18(weights=None).children())[:-2], nn.Conv2d(512, width, 1))
        self.queries, self.positions = (nn.Parameter(torch.rand(count, width)) for count in (queries, 49))
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(width, 8, 512, batch_first=True), layers,
                                             enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(width, 8, 512, batch_first=True), layers)
        self.classes = nn.Linear(width, 92)
        self.boxes = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4))

    def forward(self, x):
        memory = self.encoder(self.features(x).flatten(2).transpose(1, 2) + self.positions)
        x = self.decoder(self.queries[None].expand(x.shape[0], -1, -1), memory)
        return torch.cat([self.classes(x), self.boxes(x).sigmoid()], -1)


class Depth(nn.Module):
    """DPT: how far away each pixel is, from four layers of a vision transformer, which are brought to four sizes and summed."""
    PATCH = 14

    def __init__(self, width=192, size=140, layers=8, features=64):
        super().__init__()
        def conv(outputs, stride=1, inputs=features):
            return nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.size, self.side = size, size // self.PATCH
        self.patches = nn.Conv2d(3, width, self.PATCH, self.PATCH)
        self.positions = nn.Parameter(torch.randn(1, self.side ** 2, width) * 0.02)
        self.layers = nn.ModuleList([nn.TransformerEncoderLayer(width, 3, 4 * width, activation=F.gelu, batch_first=True,
                                                                norm_first=True) for _ in range(layers)])
        self.enter = nn.ModuleList([nn.Conv2d(width, features, 1) for _ in range(4)])
        self.resize = nn.ModuleList([nn.ConvTranspose2d(features, features, 4, 4), nn.ConvTranspose2d(features, features, 2, 2),
                                     nn.Identity(), conv(features, 2)])
        self.refine = nn.ModuleList([nn.Sequential(nn.ReLU(), conv(features), nn.ReLU(), conv(features)) for _ in range(4)])
        self.leave = conv(32)
        self.head = nn.Sequential(conv(32, inputs=32), nn.ReLU(), nn.Conv2d(32, 1, 1), nn.ReLU())

    def forward(self, x):
        def grow(y, height, width):
            return F.interpolate(y, size=(height, width), mode="bilinear", align_corners=True)
        x, kept = self.patches(x).flatten(2).transpose(1, 2) + self.positions, []
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i % 2 == 1:
                kept.append(x.transpose(1, 2).reshape(x.shape[0], -1, self.side, self.side))
        sizes = [resize(enter(y)) for y, enter, resize in zip(kept, self.enter, self.resize)]
        x = 0
        for i in reversed(range(4)):
            x = sizes[i] + x if i < 3 else sizes[i]
            x = x + self.refine[i](x)
            x = grow(x, *(sizes[i - 1].shape[2:] if i > 0 else (2 * x.shape[2], 2 * x.shape[3])))
        return self.head(grow(self.leave(x), self.size, self.size))


class TwoWayLayer(nn.Module):
    """SAM's: tokens attend to themselves and to the picture, and the picture to them."""

    def __init__(self, width, heads=8):
        super().__init__()
        self.itself, self.to_picture, self.to_tokens = (nn.MultiheadAttention(width, heads, batch_first=True) for _ in range(3))
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(4)])
        self.feed_forward = nn.Sequential(nn.Linear(width, 2048), nn.ReLU(), nn.Linear(2048, width))

    def forward(self, tokens, picture, places):
        query = tokens + places
        tokens = self.norms[0](tokens + self.itself(query, query, tokens, need_weights=False)[0])
        tokens = self.norms[1](tokens + self.to_picture(tokens + places, picture, picture, need_weights=False)[0])
        tokens = self.norms[2](tokens + self.feed_forward(tokens))
        written = self.to_tokens(picture, tokens + places, tokens, need_weights=False)[0]
        return tokens, self.norms[3](picture + written)


class MaskDecoder(nn.Module):
    """SAM's: four masks of what two points lie on, each the product of a token and the picture, grown by four."""

    def __init__(self, width=256, masks=4):
        super().__init__()
        self.tokens = nn.Parameter(torch.randn(1 + masks, width))
        self.layers = nn.ModuleList([TwoWayLayer(width) for _ in range(2)])
        self.attention, self.norm = nn.MultiheadAttention(width, 8, batch_first=True), nn.LayerNorm(width)
        self.grow = nn.Sequential(nn.ConvTranspose2d(width, 64, 2, 2), ChannelNorm(64), nn.GELU(),
                                  nn.ConvTranspose2d(64, 32, 2, 2), nn.GELU())
        self.masks = nn.ModuleList([nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 32))
                                    for _ in range(masks)])
        self.quality = nn.Linear(width, masks)

    def forward(self, picture, points):
        batch, width, height, columns = picture.shape
        pixels = picture.flatten(2).transpose(1, 2)
        tokens = places = torch.cat([self.tokens[None].expand(batch, -1, -1), points], 1)
        for layer in self.layers:
            tokens, pixels = layer(tokens, pixels, places)
        tokens = self.norm(tokens + self.attention(tokens + places, pixels, pixels, need_weights=False)[0])
        grown = self.grow(pixels.transpose(1, 2).reshape(batch, width, height, columns))
        weights = torch.stack([mask(tokens[:, 1 + i]) for i, mask in enumerate(self.masks)], 1)
        return (weights @ grown.flatten(2)).reshape(batch, -1, 4 * height, 4 * columns), self.quality(tokens[:, 0])


class NestedBlock(nn.Module):
    """U²-Net's: a U-Net of its own, as deep as is asked, around which its input is led."""

    def __init__(self, depth, inputs, hidden, outputs):
        super().__init__()
        conv = functools.partial(_conv, activation=nn.ReLU)
        self.enter = conv(inputs, outputs)
        self.down = nn.ModuleList([conv(outputs if i == 0 else hidden, hidden) for i in range(depth)])
        self.bottom = nn.Sequential(nn.Conv2d(hidden, hidden, 3, padding=2, dilation=2), nn.BatchNorm2d(hidden), nn.ReLU())
        self.up = nn.ModuleList([conv(2 * hidden, outputs if i == 0 else hidden) for i in range(depth)])

    def forward(self, x):
        x = y = self.enter(x)
        kept = []
        for i, down in enumerate(self.down):
            y = down(y if i == 0 else F.max_pool2d(y, 2, ceil_mode=True))
            kept.append(y)
        y = self.bottom(y)
        for i in reversed(range(len(self.up))):
            y = self.up[i](torch.cat([y, kept[i]], 1))
            if i > 0:
                y = F.interpolate(y, size=kept[i - 1].shape[2:], mode="bilinear", align_corners=False)
        return x + y


class SalientObject(nn.Module):
    """U²-Net, light, of three sizes: what stands out in a picture."""

    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList([NestedBlock(5, 3, 16, 64), NestedBlock(4, 64, 16, 64), NestedBlock(3, 64, 16, 64)])
        self.up = nn.ModuleList([NestedBlock(5, 128, 16, 64), NestedBlock(4, 128, 16, 64)])
        self.head = nn.Conv2d(64, 1, 3, padding=1)

    def forward(self, x):
        def grow(y):
            return F.interpolate(y, scale_factor=2.0, mode="bilinear", align_corners=False)
        high = self.down[0](x)
        middle = self.down[1](F.max_pool2d(high, 2))
        x = self.down[2](F.max_pool2d(middle, 2))
        x = self.up[1](torch.cat([grow(x), middle], 1))
        return self.head(self.up[0](torch.cat([grow(x), high], 1))).sigmoid()


class DenseResidual(nn.Module):
    """ESRGAN's: five convolutions, each of which sees the outputs of all before it."""

    def __init__(self, width, growth):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(width + i * growth, growth, 3, padding=1) for i in range(4)])
        self.leave = nn.Conv2d(width + 4 * growth, width, 3, padding=1)

    def forward(self, x):
        features = [x]
        for conv in self.convs:
            features.append(F.leaky_relu(conv(torch.cat(features, 1)), 0.2))
        return x + 0.2 * self.leave(torch.cat(features, 1))


class DenseRestoration(nn.Module):
    """ESRGAN: dense blocks on a small picture, which nearest neighbours then make four times as large."""

    def __init__(self, width=32, growth=16, blocks=3):
        super().__init__()
        def conv(inputs=width, outputs=width):
            return nn.Conv2d(inputs, outputs, 3, padding=1)
        self.enter, self.leave = conv(3), conv(outputs=3)
        self.blocks = nn.Sequential(*[DenseResidual(width, growth) for _ in range(blocks)], conv())
        self.grow, self.last = nn.ModuleList([conv() for _ in range(2)]), conv()

    def forward(self, x):
        x = self.enter(x)
        x = x + self.blocks(x)
        for grow in self.grow:
            x = F.leaky_relu(grow(F.interpolate(x, scale_factor=2.0)), 0.2)
        return self.leave(F.leaky_relu(self.last(x), 0.2))


class LatentBlock(nn.Module):
    """A residual block of a variational autoencoder: group normalisation ahead of both convolutions."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.norms = nn.ModuleList([nn.GroupNorm(32, size, 1e-6) for size in (inputs, outputs)])
        self.convs = nn.ModuleList([nn.Conv2d(size, outputs, 3, padding=1) for size in (inputs, outputs)])
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x):
        y = self.convs[0](F.silu(self.norms[0](x)))
        return self.skip(x) + self.convs[1](F.silu(self.norms[1](y)))


class LatentDecoder(nn.Module):
    """The decoder of latent diffusion's autoencoder: four channels become a picture eight times as large."""

    def __init__(self):
        super().__init__()
        sizes = [128, 128, 64, 32]
        self.enter = nn.Sequential(nn.Conv2d(4, 128, 3, padding=1), LatentBlock(128, 128))
        self.blocks = nn.ModuleList([LatentBlock(i, o) for i, o in zip(sizes, sizes[1:])])
        self.convs = nn.ModuleList([nn.Conv2d(o, o, 3, padding=1) for o in sizes[1:]])
        self.leave = nn.Sequential(nn.GroupNorm(32, 32, 1e-6), nn.SiLU(), nn.Conv2d(32, 3, 3, padding=1))

    def forward(self, x):
        x = self.enter(x)
        for block, conv in zip(self.blocks, self.convs):
            x = conv(F.interpolate(block(x), scale_factor=2.0))
        return self.leave(x)


class AttentionRefinement(nn.Module):
    """BiSeNet's: channels scaled by what a convolution makes of their means."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = _conv(inputs, outputs, activation=nn.ReLU)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(outputs, outputs, 1), nn.Sigmoid())

    def forward(self, x):
        x = self.conv(x)
        return x * self.gate(x)


class TwoPaths(nn.Module):
    """BiSeNet: a short path that keeps places, and ResNet-18 for what is to be seen there."""

    def __init__(self, classes=19):
        super().__init__()
        import torchvision
        conv, resnet = functools.partial(_conv, activation=nn.ReLU), torchvision.models.resnet18(weights=None)
        self.spatial = nn.Sequential(conv(3, 64, 7, 2), conv(64, 64, 3, 2), conv(64, 64, 3, 2), conv(64, 128, 1))
        self.stem = nn.Sequential(resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool, resnet.layer1, resnet.layer2)
        self.middle, self.low = resnet.layer3, resnet.layer4
        self.refine_middle, self.refine_low = AttentionRefinement(256, 128), AttentionRefinement(512, 128)
        self.whole, self.fuse = conv(512, 128, 1), conv(256, 256, 1)
        self.head = nn.Sequential(conv(256, 64), nn.Conv2d(64, classes, 1))

    def forward(self, x):
        middle = self.middle(self.stem(x))
        low = self.low(middle)
        y = self.refine_low(low) + self.whole(low.mean((2, 3), keepdim=True))
        y = self.refine_middle(middle) + F.interpolate(y, scale_factor=2.0)
        y = self.head(self.fuse(torch.cat([self.spatial(x), F.interpolate(y, scale_factor=2.0)], 1)))
        return F.interpolate(y, scale_factor=8.0, mode="bilinear", align_corners=True)


class Warp(nn.Module):
    """PWC-Net's step: products of one picture with 81 shifts of the other, the motion they tell, and the other moved by it."""
    HEIGHT, COLUMNS, REACH = 48, 64, 4

    def __init__(self):
        super().__init__()
        shifts = (2 * self.REACH + 1) ** 2
        self.features = nn.Sequential(_conv(3, 32, 3, 2), _conv(32, 64, 3, 2))
        self.motion = nn.Sequential(_conv(shifts, 64), _conv(64, 32), nn.Conv2d(32, 2, 3, padding=1))
        self.leave = nn.Conv2d(64 + 2, 16, 3, padding=1)
        rows, columns = torch.meshgrid(torch.linspace(-1, 1, self.HEIGHT), torch.linspace(-1, 1, self.COLUMNS), indexing="ij")
        self.register_buffer("places", torch.stack([columns, rows], -1)[None])

    def forward(self, first, second):
        first, second = self.features(first), self.features(second)
        padded, shifts = F.pad(second, (self.REACH,) * 4), range(2 * self.REACH + 1)
        costs = torch.cat([(first * padded[:, :, i:i + self.HEIGHT, j:j + self.COLUMNS]).mean(1, keepdim=True)
                           for i in shifts for j in shifts], 1)
        motion = self.motion(costs)
        warped = F.grid_sample(second, self.places + motion.permute(0, 2, 3, 1) / 32, align_corners=True)
        return F.pixel_shuffle(self.leave(torch.cat([warped, motion], 1)), 4)


class CaptionLayer(nn.Module):
    """CLIP's: PyTorch's own attention, and a GELU that is a sigmoid."""

    def __init__(self, width, heads=8):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(2)])
        self.grow, self.shrink = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, mask):
        y = self.norms[0](x)
        x = x + self.attention(y, y, y, need_weights=False, attn_mask=mask)[0]
        y = self.grow(self.norms[1](x))
        return x + self.shrink(y * torch.sigmoid(1.702 * y))


class Caption(nn.Module):
    """CLIP's text encoder with six layers: where its last word stands, a vector of length one."""
    WORDS, LENGTH = 4000, 77

    def __init__(self, width=512, layers=6):
        super().__init__()
        self.words, self.positions = nn.Embedding(self.WORDS, width), nn.Parameter(torch.randn(self.LENGTH, width) * 0.01)
        self.layers, self.norm = nn.ModuleList([CaptionLayer(width) for _ in range(layers)]), nn.LayerNorm(width)
        self.projection = nn.Parameter(torch.randn(width, width) * 0.04)

    def forward(self, tokens):
        x = self.words(tokens) + self.positions
        mask = torch.full((self.LENGTH, self.LENGTH), float("-inf")).triu(1)
        for layer in self.layers:
            x = layer(x, mask)
        x = self.norm(x)[torch.arange(x.shape[0]), tokens.argmax(-1)] @ self.projection
        return x / x.norm(dim=-1, keepdim=True)


class ReceptanceLayer(nn.Module):
    """RWKV-4's: a weighted mean of all values so far, whose parts are kept relative to the largest exponent, and gates."""

    def __init__(self, width):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(2)])
        self.mixes = nn.ParameterList([nn.Parameter(torch.rand(width)) for _ in range(5)])
        self.decay, self.bonus = (nn.Parameter(torch.rand(width)) for _ in range(2))
        self.key, self.value, self.gate, self.projection, self.end = (nn.Linear(width, width, bias=False) for _ in range(5))
        self.grow, self.shrink = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x, state):
        before, total, count, largest, before_grown = (state[i] for i in range(5))
        def mixed(i, now, then):
            return now * self.mixes[i] + then * (1 - self.mixes[i])
        y = self.norms[0](x)
        key, value = self.key(mixed(0, y, before)), self.value(mixed(1, y, before))
        gate = self.gate(mixed(2, y, before)).sigmoid()
        def added(old, new):
            """The sums with one more value, relative to the larger of these exponents, and that."""
            top = torch.maximum(old, new)
            kept, written = torch.exp(old - top), torch.exp(new - top)
            return kept * total + written * value, kept * count + written, top
        sums, weights, _ = added(largest, self.bonus + key)
        x = x + self.projection(gate * sums / weights)
        z = self.norms[1](x)
        grown = F.relu(self.grow(mixed(3, z, before_grown))).pow(2)
        x = x + self.end(mixed(4, z, before_grown)).sigmoid() * self.shrink(grown)
        return x, torch.stack([y, *added(largest - torch.exp(self.decay), key), z])


class ReceptanceStep(nn.Module):
    """A step of RWKV-4 with six layers: one word, and the states of all layers in and out."""
    WORDS, WIDTH, LAYERS = 4000, 512, 6

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(self.WORDS, self.WIDTH)
        self.layers = nn.ModuleList([ReceptanceLayer(self.WIDTH) for _ in range(self.LAYERS)])
        self.norm, self.head = nn.LayerNorm(self.WIDTH), nn.Linear(self.WIDTH, self.WORDS, bias=False)

    def forward(self, tokens, states):
        x, written = self.words(tokens)[:, 0], []
        for i, layer in enumerate(self.layers):
            x, state = layer(x, states[:, i].transpose(0, 1))
            written.append(state.transpose(0, 1))
        return self.head(self.norm(x)), torch.stack(written, 1)


class Coupling(nn.Module):
    """VITS': one half of the channels, less what gated convolutions make of the other."""

    def __init__(self, channels, width, layers=4):
        super().__init__()
        self.enter, self.leave = nn.Conv1d(channels // 2, width, 1), nn.Conv1d(width, channels // 2, 1)
        self.filters = nn.ModuleList([nn.Conv1d(width, 2 * width, 5, padding=2) for _ in range(layers)])
        self.mixes = nn.ModuleList([nn.Conv1d(width, 2 * width, 1) for _ in range(layers - 1)])
        self.last = nn.Conv1d(width, width, 1)

    def forward(self, x):
        first, second = x.chunk(2, 1)
        y, passed = self.enter(first), 0
        for i, filters in enumerate(self.filters):
            signal, gate = filters(y).chunk(2, 1)
            signal = signal.tanh() * gate.sigmoid()
            if i < len(self.mixes):
                rest, skip = self.mixes[i](signal).chunk(2, 1)
                y, passed = y + rest, passed + skip
            else:
                passed = passed + self.last(signal)
        return torch.cat([first, second - self.leave(passed)], 1)


class Flow(nn.Module):
    """VITS': four couplings, with the channels turned around ahead of each."""

    def __init__(self, channels=96, width=96, couplings=4):
        super().__init__()
        self.couplings = nn.ModuleList([Coupling(channels, width) for _ in range(couplings)])

    def forward(self, x):
        for coupling in self.couplings:
            x = coupling(torch.flip(x, [1]))
        return x


class Tagger(nn.Module):
    """A tag for each word, by an LSTM in both directions over words and what a convolution makes of their letters."""
    WORDS, LETTERS = 5000, 100

    def __init__(self):
        super().__init__()
        self.words, self.letters = nn.Embedding(self.WORDS, 100), nn.Embedding(self.LETTERS, 30)
        self.conv = nn.Conv1d(30, 50, 3, padding=1)
        self.lstm, self.head = nn.LSTM(150, 128, bidirectional=True, batch_first=True), nn.Linear(256, 20)

    def forward(self, words, letters):
        batch, length, size = letters.shape
        spelling = self.conv(self.letters(letters.reshape(batch * length, size)).transpose(1, 2)).max(-1).values
        return self.head(self.lstm(torch.cat([self.words(words), spelling.reshape(batch, length, 50)], -1))[0]).argmax(-1)


class TemporalConvs(nn.Module):
    """TCN: causal convolutions in residual pairs, each pair further apart than the one before."""

    def __init__(self, channels=16, width=64, pairs=6):
        super().__init__()
        self.enter, self.head = nn.Conv1d(channels, width, 1), nn.Linear(width, 10)
        self.convs = nn.ModuleList([nn.Conv1d(channels if i == 0 else width, width, 3, dilation=2 ** (i // 2))
                                    for i in range(2 * pairs)])

    def forward(self, x):
        rest = self.enter(x)
        for i, conv in enumerate(self.convs):
            x = F.relu(conv(F.pad(x, (2 * conv.dilation[0], 0))))
            if i % 2 == 1:
                x = rest = F.relu(x + rest)
        return self.head(x[:, :, -1])


class EdgeConvs(nn.Module):
    """DGCNN: each point beside its ten nearest ones, which are found anew among the features of every layer."""

    def __init__(self, neighbours=10, classes=40):
        super().__init__()
        self.neighbours = neighbours
        self.convs = nn.ModuleList([_conv(6, 32, 1), _conv(64, 64, 1), _conv(128, 128, 1)])
        self.leave, self.head = _conv(32 + 64 + 128, 256, 1), nn.Linear(256, classes)

    def edges(self, x):
        squares = (x ** 2).sum(1, keepdim=True)
        points = x.transpose(1, 2)
        products = -2 * points @ x
        nearest = (-squares - products - squares.transpose(1, 2)).topk(self.neighbours, -1).indices
        found, points = points[torch.arange(x.shape[0])[:, None, None], nearest], points[:, :, None]
        return torch.cat([found - points, points.expand(-1, -1, self.neighbours, -1)], -1).permute(0, 3, 1, 2)

    def forward(self, x):
        features = []
        for conv in self.convs:
            x = conv(self.edges(x)).max(-1).values
            features.append(x)
        return self.head(self.leave(torch.cat(features, 1)[..., None]).flatten(2).max(-1).values)


class Perceiver(nn.Module):
    """Perceiver: 64 latent vectors that attend to a long input once, and then to one another in four layers."""

    def __init__(self, inputs=64, width=256, latents=64, classes=100):
        super().__init__()
        self.latents = nn.Parameter(torch.randn(latents, width))
        self.key_value = nn.Linear(inputs, 2 * width)
        self.query, self.projection = nn.Linear(width, width), nn.Linear(width, width)
        self.layers = nn.TransformerEncoder(nn.TransformerEncoderLayer(width, 8, width, activation=F.gelu, batch_first=True,
                                                                       norm_first=True), 4, enable_nested_tensor=False)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        key, value = self.key_value(x).chunk(2, -1)
        query = self.query(self.latents)[None].expand(x.shape[0], -1, -1)
        scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
        return self.head(self.layers(self.latents + self.projection(scores.softmax(-1) @ value)).mean(1))


class TableTransformer(nn.Module):
    """FT-Transformer: each column of a table is a token, and one more tells the class."""

    def __init__(self, columns=30, width=64):
        super().__init__()
        self.weights, self.biases = (nn.Parameter(torch.randn(columns, width)) for _ in range(2))
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.layers = nn.TransformerEncoder(nn.TransformerEncoderLayer(width, 8, 128, batch_first=True, norm_first=True), 3,
                                            enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, 2))

    def forward(self, x):
        x = x[:, :, None] * self.weights + self.biases
        return self.head(self.layers(torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1))[:, 0])


class GraphConvs(nn.Module):
    """GCN: each node takes the mean of its neighbours, with all edges in one matrix."""
    NODES, FEATURES = 600, 128

    def __init__(self, width=64, classes=7):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(self.FEATURES, width), nn.Linear(width, width)])
        self.head = nn.Linear(width, classes)

    def forward(self, x, edges):
        degrees = edges.sum(1).clamp(min=1).rsqrt()
        edges = degrees[:, None] * edges * degrees
        for layer in self.layers:
            x = F.relu(edges @ layer(x))
        return (edges @ self.head(x)).log_softmax(-1)


def _words_and_letters(batch):
    return {"words": zoo.random().integers(Tagger.WORDS, size=(batch, 30)),
            "letters": zoo.random(1).integers(Tagger.LETTERS, size=(batch, 30, 12))}


def _receptance(batch):
    """With sums of weights that are positive, as they are after any word: values are divided by them."""
    states = zoo.random(1).standard_normal((batch, ReceptanceStep.LAYERS, 5, ReceptanceStep.WIDTH), "float32")
    states[:, :, 2] = np.abs(states[:, :, 2]) + 0.5
    return {**_tokens(1, ReceptanceStep.WORDS)(batch), "states": states}


def _adjacency(_):
    random, nodes = zoo.random(), GraphConvs.NODES
    return {"input": random.standard_normal((nodes, GraphConvs.FEATURES), "float32"),
            "edges": (random.random((nodes, nodes)) < 0.02).astype("float32")}


def models():
    small, normal = further_models.small, further_models.normal
    return newer_vision_models.models() + [
        small("detr", ObjectQueries, normal(3, 224, 224)),
        small("dpt", Depth, normal(3, 140, 140)),
        small("mask_decoder", MaskDecoder, _arrays(picture=(256, 32, 32), points=(2, 256)), batches=False),
        small("u2net", SalientObject, normal(3, 160, 160)),
        small("esrgan", DenseRestoration, normal(3, 64, 64)),
        small("vae_decoder", LatentDecoder, normal(4, 24, 24)),
        small("bisenet", TwoPaths, normal(3, 256, 256)),
        small("warp", Warp, _arrays(first=(3, 192, 256), second=(3, 192, 256)), batches=False, opset=16),
        small("clip_text", Caption, _tokens(Caption.LENGTH, Caption.WORDS), opset=14),
        small("rwkv_step", ReceptanceStep, _receptance, batches=False),
        small("vits_flow", Flow, normal(96, 200)),
        small("tagger", Tagger, _words_and_letters, batches=False),
        small("tcn", TemporalConvs, normal(16, 400)),
        small("dgcnn", EdgeConvs, normal(3, 512), batches=False),
        small("perceiver", Perceiver, normal(1024, 64)),
        small("ft_transformer", TableTransformer, normal(30)),
        small("gcn", GraphConvs, _adjacency, batches=False),
    ]

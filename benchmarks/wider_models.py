"""Models of kinds that neither tests/onnx/real_models nor further_models.py has: detection, segmentation, video, sound, decoders,
generators. They are small or of usual size; weights are random, from a fixed seed."""
import functools
import math

import torch
from torch import nn
from torch.nn import functional as F

import further_models
import torch_models
import zoo

VISION = ["efficientnet_v2_s", "inception_v3", "maxvit_t", "regnet_x_400mf", "shufflenet_v2_x0_5", "mnasnet0_5",
          "squeezenet1_0", "alexnet", "vit_b_32"]
VIDEO = ["r3d_18", "r2plus1d_18"]
DETECTION = ["ssdlite320_mobilenet_v3_large", "fasterrcnn_mobilenet_v3_large_320_fpn", "retinanet_resnet50_fpn"]


def _conv(inputs, outputs, kernel=3, stride=1, groups=1, activation=nn.SiLU):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
                         nn.BatchNorm2d(outputs), activation())


class CrossStage(nn.Module):
    """YOLOv8's C2f: halves, bottlenecks behind one another, and all of them side by side."""

    def __init__(self, inputs, outputs, depth, residual=True):
        super().__init__()
        self.half, self.residual = outputs // 2, residual
        self.enter, self.leave = _conv(inputs, outputs, 1), _conv((2 + depth) * self.half, outputs, 1)
        self.stages = nn.ModuleList([nn.Sequential(_conv(self.half, self.half), _conv(self.half, self.half)) for _ in range(depth)])

    def forward(self, x):
        parts = list(self.enter(x).chunk(2, 1))
        for stage in self.stages:
            parts.append(stage(parts[-1]) + parts[-1] if self.residual else stage(parts[-1]))
        return self.leave(torch.cat(parts, 1))


class Detector(nn.Module):
    """As small as YOLOv8n: a backbone, a pyramid, and a head for each of three sizes."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 16, 3, 2), _conv(16, 32, 3, 2), CrossStage(32, 32, 1))
        self.to_3 = nn.Sequential(_conv(32, 64, 3, 2), CrossStage(64, 64, 2))
        self.to_4 = nn.Sequential(_conv(64, 128, 3, 2), CrossStage(128, 128, 2))
        self.to_5 = nn.Sequential(_conv(128, 256, 3, 2), CrossStage(256, 256, 1))
        self.enter, self.leave = _conv(256, 128, 1), _conv(512, 256, 1)
        self.up_4, self.up_3 = CrossStage(384, 128, 1, False), CrossStage(192, 64, 1, False)
        self.down_4, self.down_5 = _conv(64, 64, 3, 2), _conv(128, 128, 3, 2)
        self.out_4, self.out_5 = CrossStage(192, 128, 1, False), CrossStage(384, 256, 1, False)
        self.boxes = nn.ModuleList([nn.Sequential(_conv(c, 64), _conv(64, 64), nn.Conv2d(64, 64, 1)) for c in (64, 128, 256)])
        self.classes = nn.ModuleList([nn.Sequential(_conv(c, 80), _conv(80, 80), nn.Conv2d(80, 80, 1)) for c in (64, 128, 256)])

    def forward(self, x):
        p3 = self.to_3(self.stem(x))
        p4 = self.to_4(p3)
        x = self.enter(self.to_5(p4))
        pools = [x]
        for _ in range(3):
            pools.append(F.max_pool2d(pools[-1], 5, 1, 2))
        p5 = self.leave(torch.cat(pools, 1))
        p4 = self.up_4(torch.cat([F.interpolate(p5, scale_factor=2.0), p4], 1))
        p3 = self.up_3(torch.cat([F.interpolate(p4, scale_factor=2.0), p3], 1))
        p4 = self.out_4(torch.cat([self.down_4(p3), p4], 1))
        p5 = self.out_5(torch.cat([self.down_5(p4), p5], 1))
        levels = [torch.cat([box(p), score(p)], 1).flatten(2)
                  for p, box, score in zip((p3, p4, p5), self.boxes, self.classes)]
        boxes, scores = torch.cat(levels, 2).split((64, 80), 1)
        batch, _, anchors = boxes.shape
        distances = boxes.view(batch, 4, 16, anchors).transpose(2, 1).softmax(1)
        distances = (distances * torch.arange(16.0).view(1, 16, 1, 1)).sum(1)
        return torch.cat([distances, scores.sigmoid()], 1)


class Boxes(nn.Module):
    """One of torchvision's detectors: boxes, scores and labels of a picture."""

    def __init__(self, name):
        super().__init__()
        import torchvision
        self.model = getattr(torchvision.models.detection, name)(weights=None, weights_backbone=None)
        with torch.no_grad():
            for path, parameter in self.model.named_parameters():
                if "cls_" in path or "classification" in path:
                    parameter.mul_(6)  # scores that are far from equal

    def forward(self, x):
        found = self.model([x[0]])[0]
        return found["boxes"], found["scores"], found["labels"]


class UNet(nn.Module):
    """Four sizes, transposed convolutions on the way up."""

    def __init__(self, width=32):
        super().__init__()
        def pair(inputs, outputs):
            return nn.Sequential(_conv(inputs, outputs, activation=nn.ReLU), _conv(outputs, outputs, activation=nn.ReLU))
        sizes = [width, 2 * width, 4 * width, 8 * width]
        self.down = nn.ModuleList([pair(i, o) for i, o in zip([3] + sizes, sizes)])
        self.grow = nn.ModuleList([nn.ConvTranspose2d(o, i, 2, 2) for i, o in zip(sizes, sizes[1:])])
        self.up = nn.ModuleList([pair(2 * i, i) for i in sizes[:-1]])
        self.head = nn.Conv2d(width, 2, 1)

    def forward(self, x):
        kept = []
        for i, down in enumerate(self.down):
            x = down(x if i == 0 else F.max_pool2d(x, 2))
            kept.append(x)
        for i in reversed(range(3)):
            x = self.up[i](torch.cat([kept[i], self.grow[i](x)], 1))
        return self.head(x)


class MixLayer(nn.Module):
    """SegFormer's: attention to a smaller picture, and a depthwise convolution inside the feed-forward network."""

    def __init__(self, width, heads, reduction):
        super().__init__()
        self.heads, self.reduction = heads, reduction
        self.norms = nn.ModuleList([nn.LayerNorm(width, eps=1e-6) for _ in range(3)])
        self.query, self.key_value, self.projection = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.reduce = nn.Conv2d(width, width, reduction, reduction) if reduction > 1 else None
        self.grow, self.shrink = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.depthwise = nn.Conv2d(4 * width, 4 * width, 3, 1, 1, groups=4 * width)

    def forward(self, x, height, columns):
        batch, length, width = x.shape
        def picture(tokens):
            return tokens.transpose(1, 2).reshape(batch, -1, height, columns)
        y = self.norms[0](x)
        query = self.query(y).view(batch, length, self.heads, -1).transpose(1, 2)
        if self.reduce is not None:
            y = self.norms[2](self.reduce(picture(y)).flatten(2).transpose(1, 2))
        key, value = self.key_value(y).view(batch, -1, 2, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-1, -2) / math.sqrt(width // self.heads)
        x = x + self.projection((scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, length, width))
        y = self.depthwise(picture(self.grow(self.norms[1](x)))).flatten(2).transpose(1, 2)
        return x + self.shrink(F.gelu(y))


class SegFormer(nn.Module):
    """The size B0."""
    WIDTHS, HEADS, REDUCTIONS = (32, 64, 160, 256), (1, 2, 5, 8), (8, 4, 2, 1)

    def __init__(self, classes=19):
        super().__init__()
        self.patches = nn.ModuleList([nn.Conv2d(i, o, 7 if n == 0 else 3, 4 if n == 0 else 2, 3 if n == 0 else 1)
                                      for n, (i, o) in enumerate(zip((3,) + self.WIDTHS, self.WIDTHS))])
        self.enter, self.leave = (nn.ModuleList([nn.LayerNorm(w) for w in self.WIDTHS]) for _ in range(2))
        self.layers = nn.ModuleList([nn.ModuleList([MixLayer(w, h, r) for _ in range(2)])
                                     for w, h, r in zip(self.WIDTHS, self.HEADS, self.REDUCTIONS)])
        self.heads = nn.ModuleList([nn.Linear(w, 256) for w in self.WIDTHS])
        self.fuse = nn.Sequential(nn.Conv2d(1024, 256, 1, bias=False), nn.BatchNorm2d(256), nn.ReLU(), nn.Conv2d(256, classes, 1))

    def forward(self, x):
        levels = []
        for patches, enter, layers, leave, head in zip(self.patches, self.enter, self.layers, self.leave, self.heads):
            x = patches(x)
            height, columns = x.shape[-2:]
            y = enter(x.flatten(2).transpose(1, 2))
            for layer in layers:
                y = layer(y, height, columns)
            y = leave(y)
            x = y.transpose(1, 2).reshape(x.shape)
            level = head(y).transpose(1, 2).reshape(x.shape[0], -1, height, columns)
            levels.append(F.interpolate(level, size=(64, 64), mode="bilinear", align_corners=False))
        return self.fuse(torch.cat(levels[::-1], 1))


class SpeechEncoder(nn.Module):
    """Whisper's of the size tiny, over ten seconds."""

    def __init__(self, width=384, heads=6, layers=4):
        super().__init__()
        self.first, self.second = nn.Conv1d(80, width, 3, 1, 1), nn.Conv1d(width, width, 3, 2, 1)
        self.positions = nn.Parameter(torch.randn(500, width) * 0.02)
        self.layers = nn.ModuleList([torch_models.EncoderLayer(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        x = F.gelu(self.second(F.gelu(self.first(x)))).transpose(1, 2) + self.positions
        for layer in self.layers:
            x = layer(x, torch.zeros(1))
        return self.norm(x)


class WaveEncoder(nn.Module):
    """wav2vec 2.0's convolutions over a second of sound, and two layers."""

    def __init__(self, width=512):
        super().__init__()
        kernels, strides = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
        self.convs = nn.ModuleList([nn.Conv1d(1 if i == 0 else width, width, k, s, bias=False)
                                    for i, (k, s) in enumerate(zip(kernels, strides))])
        self.group_norm, self.norm = nn.GroupNorm(width, width), nn.LayerNorm(width)
        self.positions = nn.Conv1d(width, width, 128, padding=64, groups=16)
        self.layers = nn.ModuleList([torch_models.EncoderLayer(width, 8) for _ in range(2)])

    def forward(self, x):
        x = x[:, None]
        for i, conv in enumerate(self.convs):
            x = conv(x)
            x = F.gelu(self.group_norm(x) if i == 0 else x)
        x = x + F.gelu(self.positions(x)[:, :, :-1])
        x = self.norm(x.transpose(1, 2))
        for layer in self.layers:
            x = layer(x, torch.zeros(1))
        return x


class ConformerBlock(nn.Module):
    def __init__(self, width, heads, kernel=31):
        super().__init__()
        def feed_forward():
            return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))
        self.first, self.second = feed_forward(), feed_forward()
        self.attention = torch_models.EncoderLayer(width, heads)
        self.norm, self.end = nn.LayerNorm(width), nn.LayerNorm(width)
        self.grow, self.shrink = nn.Conv1d(width, 2 * width, 1), nn.Conv1d(width, width, 1)
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.batch_norm = nn.BatchNorm1d(width)

    def forward(self, x):
        x = x + 0.5 * self.first(x)
        x = x + self.attention.attention(x, torch.zeros(1))
        y = F.glu(self.grow(self.norm(x).transpose(1, 2)), 1)
        x = x + self.shrink(F.silu(self.batch_norm(self.depthwise(y)))).transpose(1, 2)
        return self.end(x + 0.5 * self.second(x))


class Separator(nn.Module):
    """As Conv-TasNet: a learned transform, dilated depthwise convolutions, masks, and back."""

    def __init__(self, width=128, hidden=256):
        super().__init__()
        self.encode, self.decode = nn.Conv1d(1, width, 16, 8, bias=False), nn.ConvTranspose1d(width, 1, 16, 8, bias=False)
        self.blocks = nn.ModuleList()
        for i in range(8):
            self.blocks.append(nn.Sequential(
                nn.Conv1d(width, hidden, 1), nn.PReLU(), nn.GroupNorm(1, hidden),
                nn.Conv1d(hidden, hidden, 3, padding=2 ** i, dilation=2 ** i, groups=hidden), nn.PReLU(), nn.GroupNorm(1, hidden),
                nn.Conv1d(hidden, width, 1)))
        self.mask = nn.Conv1d(width, 2 * width, 1)

    def forward(self, x):
        y = code = F.relu(self.encode(x[:, None]))
        for block in self.blocks:
            y = y + block(y)
        masks = torch.sigmoid(self.mask(y)).view(-1, 2, *code.shape[1:])
        return self.decode((masks * code[:, None]).flatten(0, 1)).view(-1, 2, x.shape[-1])


class TextReader(nn.Module):
    """A CRNN: convolutions over a line of text, and two GRU layers in both directions."""

    def __init__(self):
        super().__init__()
        relu = functools.partial(_conv, activation=nn.ReLU)
        self.convs = nn.Sequential(relu(1, 64), nn.MaxPool2d(2), relu(64, 128), nn.MaxPool2d(2), relu(128, 256), relu(256, 256),
                                   nn.MaxPool2d((2, 1)), relu(256, 512), nn.MaxPool2d((4, 1)))
        self.recurrent = nn.GRU(512, 256, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(512, 96)

    def forward(self, x):
        return self.head(self.recurrent(self.convs(x).squeeze(2).transpose(1, 2))[0]).log_softmax(-1)


class LlamaLayer(nn.Module):
    """RMS norm, rotated queries and keys, fewer keys than queries, a gated feed-forward network."""

    def __init__(self, width, heads, groups):
        super().__init__()
        self.heads, self.groups, size = heads, groups, width // heads
        self.query = nn.Linear(width, width, bias=False)
        self.key, self.value = (nn.Linear(width, groups * size, bias=False) for _ in range(2))
        self.projection = nn.Linear(width, width, bias=False)
        self.gate, self.grow = (nn.Linear(width, 3 * width, bias=False) for _ in range(2))
        self.shrink = nn.Linear(3 * width, width, bias=False)
        self.gains = nn.ParameterList([nn.Parameter(torch.rand(width) + 0.5) for _ in range(2)])

    def norm(self, x, i):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.gains[i]

    def forward(self, x, cos, sin, mask, keys=None, values=None):
        batch, length, width = x.shape
        def rotate(y):
            first, second = y.chunk(2, -1)
            return y * cos + torch.cat([-second, first], -1) * sin
        def split(y, heads):
            return y.view(batch, length, heads, -1).transpose(1, 2)
        y = self.norm(x, 0)
        query, key, value = split(self.query(y), self.heads), split(self.key(y), self.groups), split(self.value(y), self.groups)
        query, key = rotate(query), rotate(key)
        if keys is not None:
            key, value = torch.cat([keys, key], 2), torch.cat([values, value], 2)
        def repeat(y):
            return y[:, :, None].expand(-1, -1, self.heads // self.groups, -1, -1).reshape(batch, self.heads, -1, width // self.heads)
        scores = query @ repeat(key).transpose(-1, -2) / math.sqrt(width // self.heads)
        if mask is not None:
            scores = scores + mask
        x = x + self.projection((scores.softmax(-1) @ repeat(value)).transpose(1, 2).reshape(x.shape))
        y = self.norm(x, 1)
        return x + self.shrink(F.silu(self.gate(y)) * self.grow(y)), key, value


class Llama(nn.Module):
    """Four layers over a prompt, or one more position behind what is cached."""
    WIDTH, HEADS, GROUPS, LAYERS, WORDS = 512, 8, 2, 4, 4000

    def __init__(self, cached):
        super().__init__()
        self.cached, self.length = cached, 1 if cached else 128
        self.words = nn.Embedding(self.WORDS, self.WIDTH)
        self.layers = nn.ModuleList([LlamaLayer(self.WIDTH, self.HEADS, self.GROUPS) for _ in range(self.LAYERS)])
        self.head = nn.Linear(self.WIDTH, self.WORDS, bias=False)
        size = self.WIDTH // self.HEADS
        angles = torch.arange(self.length)[:, None] + cached
        angles = angles * 10000.0 ** (-torch.arange(0, size, 2) / size)
        self.register_buffer("cos", torch.cat([angles, angles], -1).cos())
        self.register_buffer("sin", torch.cat([angles, angles], -1).sin())
        mask = torch.full((self.length, self.length), -1e9).triu(1)
        self.register_buffer("mask", mask if cached == 0 else None)

    def forward(self, tokens, cache=None):
        x, written = self.words(tokens), []
        for i, layer in enumerate(self.layers):
            before = (None, None) if cache is None else (cache[2 * i], cache[2 * i + 1])
            x, key, value = layer(x, self.cos, self.sin, self.mask, *before)
            written += [key, value]
        return self.head(x[:, -1]), torch.stack(written)


class Generator(nn.Module):
    """A DCGAN's: transposed convolutions from noise to a picture."""

    def __init__(self):
        super().__init__()
        sizes = [100, 256, 128, 64, 32]
        layers = []
        for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
            layers += [nn.ConvTranspose2d(a, b, 4, 1 if i == 0 else 2, 0 if i == 0 else 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Tanh())

    def forward(self, x):
        return self.layers(x[:, :, None, None])


class StyleTransfer(nn.Module):
    """Reflected borders, instance normalisation, residual blocks, nearest neighbours on the way up."""

    def __init__(self):
        super().__init__()
        def conv(i, o, kernel, stride=1):
            return nn.Sequential(nn.ReflectionPad2d(kernel // 2), nn.Conv2d(i, o, kernel, stride), nn.InstanceNorm2d(o, affine=True))
        self.down = nn.Sequential(conv(3, 16, 9), nn.ReLU(), conv(16, 32, 3, 2), nn.ReLU(), conv(32, 64, 3, 2), nn.ReLU())
        self.blocks = nn.ModuleList([nn.Sequential(conv(64, 64, 3), nn.ReLU(), conv(64, 64, 3)) for _ in range(3)])
        self.up = nn.Sequential(nn.Upsample(scale_factor=2), conv(64, 32, 3), nn.ReLU(), nn.Upsample(scale_factor=2), conv(32, 16, 3),
                                nn.ReLU(), nn.ReflectionPad2d(4), nn.Conv2d(16, 3, 9))

    def forward(self, x):
        x = self.down(x)
        for block in self.blocks:
            x = x + block(x)
        return self.up(x)


class SuperResolution(nn.Module):
    """Residual blocks on small pictures, and shuffled pixels."""

    def __init__(self, width=32):
        super().__init__()
        self.enter = nn.Conv2d(3, width, 3, 1, 1)
        self.blocks = nn.ModuleList([nn.Sequential(nn.Conv2d(width, width, 3, 1, 1), nn.PReLU(), nn.Conv2d(width, width, 3, 1, 1))
                                     for _ in range(4)])
        self.leave = nn.Sequential(nn.Conv2d(width, 9 * 3, 3, 1, 1), nn.PixelShuffle(3))

    def forward(self, x):
        x = self.enter(x)
        for block in self.blocks:
            x = x + block(x)
        return self.leave(x)


class Mixer(nn.Module):
    """MLP-Mixer: dense layers along the patches, then along the channels."""

    def __init__(self, width=256, patches=196, layers=6):
        super().__init__()
        self.enter = nn.Conv2d(3, width, 16, 16)
        def mix(size, hidden):
            return nn.Sequential(nn.Linear(size, hidden), nn.GELU(), nn.Linear(hidden, size))
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(2 * layers)])
        self.mixes = nn.ModuleList([mix(patches, 128) if i % 2 == 0 else mix(width, 1024) for i in range(2 * layers)])

    def forward(self, x):
        x = self.enter(x).flatten(2).transpose(1, 2)
        for i, (norm, mix) in enumerate(zip(self.norms, self.mixes)):
            y = norm(x)
            x = x + (mix(y.transpose(1, 2)).transpose(1, 2) if i % 2 == 0 else mix(y))
        return x.mean(1)


class PointNet(nn.Module):
    """Dense layers for each of a thousand points, and the largest of each feature."""

    def __init__(self):
        super().__init__()
        sizes = [3, 64, 128, 1024]
        self.points = nn.Sequential(*[layer for i, o in zip(sizes, sizes[1:])
                                      for layer in (nn.Conv1d(i, o, 1), nn.BatchNorm1d(o), nn.ReLU())])
        self.head = nn.Sequential(nn.Linear(1024, 256), nn.ReLU(), nn.Linear(256, 40))

    def forward(self, x):
        return self.head(self.points(x).max(-1).values)


class Recommender(nn.Module):
    """DLRM: embeddings of categories, all their products with one another, and two perceptrons."""

    def __init__(self, categories=16, rows=2000, width=32):
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(rows, width) for _ in range(categories)])
        self.bottom = nn.Sequential(nn.Linear(13, 128), nn.ReLU(), nn.Linear(128, width), nn.ReLU())
        pairs = torch.tril_indices(categories + 1, categories + 1, -1)
        self.register_buffer("pairs", pairs[0] * (categories + 1) + pairs[1])
        self.top = nn.Sequential(nn.Linear(width + self.pairs.numel(), 256), nn.ReLU(), nn.Linear(256, 1), nn.Sigmoid())

    def forward(self, numbers, categories):
        x = self.bottom(numbers)
        parts = torch.stack([x] + [table(categories[:, i]) for i, table in enumerate(self.tables)], 1)
        products = (parts @ parts.transpose(1, 2)).flatten(1)[:, self.pairs]
        return self.top(torch.cat([x, products], 1))


def _video(name):
    import torchvision
    return getattr(torchvision.models.video, name)(weights=None)


def _tokens(length, words):
    def make(batch):
        return {"tokens": zoo.random().integers(words, size=(batch, length))}
    return make


def _cached(cached):
    def make(batch):
        shape = (2 * Llama.LAYERS, batch, Llama.GROUPS, cached, Llama.WIDTH // Llama.HEADS)
        return {**_tokens(1, Llama.WORDS)(batch), "cache": zoo.random(1).standard_normal(shape, "float32")}
    return make


def _clicks(batch):
    return {"numbers": zoo.random().standard_normal((batch, 13), "float32"),
            "categories": zoo.random(1).integers(2000, size=(batch, 16))}


def models():
    small, normal = further_models.small, further_models.normal
    sizes = {"inception_v3": 299}
    vision = [zoo.ZooModel(name, functools.partial(torch_models.export_vision, name, size=sizes.get(name, 224)),
                           normal(3, sizes.get(name, 224), sizes.get(name, 224))) for name in VISION]
    return vision + [small(name, functools.partial(_video, name), normal(3, 8, 112, 112)) for name in VIDEO] + [
        small("fcn_resnet50", functools.partial(further_models.Scores, "fcn_resnet50"), normal(3, 224, 224)),
        *[small(name, functools.partial(Boxes, name), normal(3, 320, 320), batches=False) for name in DETECTION],
        small("yolo", Detector, normal(3, 320, 320)),
        small("unet", UNet, normal(3, 256, 256)),
        small("segformer_b0", SegFormer, normal(3, 256, 256)),
        small("whisper_encoder", SpeechEncoder, normal(80, 1000)),
        small("wav2vec", WaveEncoder, normal(16000)),
        small("conformer", lambda: nn.Sequential(*[ConformerBlock(256, 4) for _ in range(4)]), normal(200, 256)),
        small("tasnet", Separator, normal(16000)),
        small("crnn", TextReader, normal(1, 32, 160)),
        small("llama_prompt", functools.partial(Llama, 0), _tokens(128, Llama.WORDS)),
        small("llama_step", functools.partial(Llama, 200), _cached(200)),
        small("dcgan", Generator, normal(100)),
        small("style_transfer", StyleTransfer, normal(3, 256, 256)),
        small("super_resolution", SuperResolution, normal(3, 96, 96)),
        small("mlp_mixer", Mixer, normal(3, 224, 224)),
        small("pointnet", PointNet, normal(3, 1024)),
        small("dlrm", Recommender, _clicks),
    ]

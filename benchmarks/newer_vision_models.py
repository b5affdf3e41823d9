"""Those of the newer models that tell what a picture shows: by plain, depthwise and partial convolutions, by pools and attention,
and two of torchvision's detectors. newer_models.py has the others."""
import functools

import torch
from torch import nn
from torch.nn import functional as F

import further_models
import torch_models
import zoo
from rarer_models import ChannelNorm
from wider_models import Boxes, _conv

VISION = ["wide_resnet50_2", "resnet34", "efficientnet_b1", "vgg11_bn", "shufflenet_v2_x1_5", "regnet_x_800mf", "mnasnet0_75"]


def _head(width, classes=1000):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes)]


def _keep_scale(model):
    """Has convolutions keep the scale of what they take: with PyTorch's own, deep plain networks forget their inputs."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")


class RepVgg(nn.Sequential):
    """RepVGG of the size A0, with each block's branches merged: plain convolutions behind one another."""
    STAGES = [(48, 2), (96, 4), (192, 14), (1280, 1)]

    def __init__(self):
        layers, width = [nn.Conv2d(3, 48, 3, 2, 1), nn.ReLU()], 48
        for outputs, depth in self.STAGES:
            for i in range(depth):
                layers += [nn.Conv2d(width, outputs, 3, 2 if i == 0 else 1, 1), nn.ReLU()]
                width = outputs
        super().__init__(*layers, *_head(width))
        _keep_scale(self)


class MobileNetV1(nn.Sequential):
    """MobileNetV1 of half the width: depthwise and pointwise convolutions in turn."""
    BLOCKS = [(32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), *[(256, 1)] * 5, (512, 2), (512, 1)]

    def __init__(self):
        layers, width = [_conv(3, 16, 3, 2, activation=nn.ReLU6)], 16
        for outputs, stride in self.BLOCKS:
            layers += [_conv(width, width, 3, stride, width, nn.ReLU6), _conv(width, outputs, 1, activation=nn.ReLU6)]
            width = outputs
        super().__init__(*layers, *_head(width))
        _keep_scale(self)


class UniversalBottleneck(nn.Module):
    """MobileNetV4's: depthwise convolutions ahead of the wide middle, inside it, in both places or in neither."""

    def __init__(self, inputs, outputs, first, second, stride, expansion):
        super().__init__()
        hidden, layers = inputs * expansion, []
        if first:
            layers.append(_conv(inputs, inputs, first, 1 if second else stride, inputs, nn.Identity))
        layers.append(_conv(inputs, hidden, 1, activation=nn.ReLU))
        if second:
            layers.append(_conv(hidden, hidden, second, stride, hidden, nn.ReLU))
        self.layers = nn.Sequential(*layers, _conv(hidden, outputs, 1, activation=nn.Identity))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


class MobileNetV4(nn.Sequential):
    """MobileNetV4's small one of convolutions alone."""
    BLOCKS = [(64, 96, 5, 5, 2, 3), *[(96, 96, 0, 3, 1, 2)] * 4, (96, 96, 3, 0, 1, 4), (96, 128, 3, 3, 2, 6),
              (128, 128, 5, 5, 1, 4), (128, 128, 0, 5, 1, 4), (128, 128, 0, 5, 1, 3), *[(128, 128, 0, 3, 1, 4)] * 2]

    def __init__(self):
        conv = functools.partial(_conv, activation=nn.ReLU)
        super().__init__(conv(3, 32, 3, 2), conv(32, 32, 3, 2), conv(32, 32, 1), conv(32, 96, 3, 2), conv(96, 64, 1),
                         *[UniversalBottleneck(*block) for block in self.BLOCKS], conv(128, 960, 1),
                         nn.AdaptiveAvgPool2d(1), nn.Conv2d(960, 1280, 1), nn.ReLU(), nn.Flatten(), nn.Linear(1280, 1000))
        _keep_scale(self)


class ResponseNorm(nn.Module):
    """ConvNeXt V2's: channels scaled by how large each is over the whole picture, beside the others."""

    def __init__(self, width):
        super().__init__()
        self.gain, self.bias = (nn.Parameter(torch.rand(1, 1, 1, width)) for _ in range(2))

    def forward(self, x):
        sizes = x.pow(2).sum((1, 2), keepdim=True).sqrt()
        return self.gain * (x * (sizes / (sizes.mean(-1, keepdim=True) + 1e-6))) + self.bias + x


class ConvNextBlock(nn.Module):
    """ConvNeXt V2's: a large depthwise convolution, and dense layers with channels behind pixels."""

    def __init__(self, width):
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(width, width, 7, padding=3, groups=width), nn.LayerNorm(width, eps=1e-6)
        self.grow, self.shrink = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.response = ResponseNorm(4 * width)

    def forward(self, x):
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + self.shrink(self.response(F.gelu(self.grow(y)))).permute(0, 3, 1, 2)


class ConvNextV2(nn.Sequential):
    """ConvNeXt V2 of the size atto."""
    STAGES = [(40, 2), (80, 2), (160, 6), (320, 2)]

    def __init__(self):
        layers, width = [nn.Conv2d(3, 40, 4, 4), ChannelNorm(40)], 40
        for outputs, depth in self.STAGES:
            if outputs != width:
                layers += [ChannelNorm(width), nn.Conv2d(width, outputs, 2, 2)]
            layers += [ConvNextBlock(outputs) for _ in range(depth)]
            width = outputs
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(width), nn.Linear(width, 1000))


class PoolBlock(nn.Module):
    """PoolFormer's: a mean pool in the place of attention, and a perceptron of pointwise convolutions."""

    def __init__(self, width):
        super().__init__()
        self.norms = nn.ModuleList([nn.GroupNorm(1, width) for _ in range(2)])
        self.pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.grow, self.shrink = nn.Conv2d(width, 4 * width, 1), nn.Conv2d(4 * width, width, 1)
        self.scales = nn.ParameterList([nn.Parameter(torch.rand(width, 1, 1)) for _ in range(2)])

    def forward(self, x):
        y = self.norms[0](x)
        x = x + self.scales[0] * (self.pool(y) - y)
        return x + self.scales[1] * self.shrink(F.gelu(self.grow(self.norms[1](x))))


class PoolFormer(nn.Sequential):
    """PoolFormer of the size S12."""
    STAGES = [(64, 2), (128, 2), (320, 6), (512, 2)]

    def __init__(self):
        layers, width = [nn.Conv2d(3, 64, 7, 4, 2)], 64
        for outputs, depth in self.STAGES:
            if outputs != width:
                layers.append(nn.Conv2d(width, outputs, 3, 2, 1))
            layers += [PoolBlock(outputs) for _ in range(depth)]
            width = outputs
        super().__init__(*layers, nn.GroupNorm(1, width), *_head(width))


class PartialBlock(nn.Module):
    """FasterNet's: a convolution of a quarter of the channels, and pointwise ones of all."""

    def __init__(self, width):
        super().__init__()
        self.convolved, self.kept = width // 4, width - width // 4
        self.conv = nn.Conv2d(self.convolved, self.convolved, 3, padding=1, bias=False)
        self.mix = nn.Sequential(_conv(width, 2 * width, 1, activation=nn.ReLU), nn.Conv2d(2 * width, width, 1, bias=False))

    def forward(self, x):
        first, second = x.split((self.convolved, self.kept), 1)
        return x + self.mix(torch.cat([self.conv(first), second], 1))


class FasterNet(nn.Sequential):
    """FasterNet of the size T0."""
    STAGES = [(40, 1), (80, 2), (160, 8), (320, 2)]

    def __init__(self):
        layers, width = [nn.Conv2d(3, 40, 4, 4, bias=False), nn.BatchNorm2d(40)], 40
        for outputs, depth in self.STAGES:
            if outputs != width:
                layers += [nn.Conv2d(width, outputs, 2, 2, bias=False), nn.BatchNorm2d(outputs)]
            layers += [PartialBlock(outputs) for _ in range(depth)]
            width = outputs
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, 1280, 1), nn.ReLU(), nn.Flatten(),
                         nn.Linear(1280, 1000))


class CrossCovarianceLayer(nn.Module):
    """XCiT's: channels attend to channels, and depthwise convolutions pass on what neighbours hold."""
    SIDE = 14

    def __init__(self, width, heads=4):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(3)])
        self.query_key_value, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.local = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, groups=width), nn.GELU(), nn.BatchNorm2d(width),
                                   nn.Conv2d(width, width, 3, padding=1, groups=width))
        self.grow, self.shrink = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        parts = self.query_key_value(self.norms[0](x)).reshape(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 4, 1)
        scores = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).transpose(-2, -1) * self.temperature
        x = x + self.projection((scores.softmax(-1) @ value).permute(0, 3, 1, 2).reshape(batch, length, width))
        y = self.norms[1](x).transpose(1, 2).reshape(batch, width, self.SIDE, self.SIDE)
        x = x + self.local(y).flatten(2).transpose(1, 2)
        return x + self.shrink(F.gelu(self.grow(self.norms[2](x))))


class CrossCovariance(nn.Module):
    """XCiT with eight layers of width 192."""

    def __init__(self, width=192, layers=8):
        super().__init__()
        conv = functools.partial(_conv, stride=2, activation=nn.GELU)
        self.stem = nn.Sequential(conv(3, width // 8), conv(width // 8, width // 4), conv(width // 4, width // 2),
                                  _conv(width // 2, width, 3, 2, activation=nn.Identity))
        self.layers, self.head = nn.Sequential(*[CrossCovarianceLayer(width) for _ in range(layers)]), nn.Linear(width, 1000)

    def forward(self, x):
        return self.head(self.layers(self.stem(x).flatten(2).transpose(1, 2)).mean(1))


class AttentiveBlock(nn.Module):
    """CBAM in a block of ResNet's: channels scaled by their means and maxima, then pixels by theirs."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.layers = nn.Sequential(_conv(inputs, outputs, 3, stride, activation=nn.ReLU),
                                    _conv(outputs, outputs, activation=nn.Identity))
        self.channels = nn.Sequential(nn.Conv2d(outputs, outputs // 16, 1, bias=False), nn.ReLU(),
                                      nn.Conv2d(outputs // 16, outputs, 1, bias=False))
        self.pixels = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.skip = (nn.Identity() if stride == 1 and inputs == outputs else
                     _conv(inputs, outputs, 1, stride, activation=nn.Identity))

    def forward(self, x):
        y = self.layers(x)
        y = y * (self.channels(F.adaptive_avg_pool2d(y, 1)) + self.channels(F.adaptive_max_pool2d(y, 1))).sigmoid()
        y = y * self.pixels(torch.cat([y.max(1, keepdim=True).values, y.mean(1, keepdim=True)], 1)).sigmoid()
        return F.relu(y + self.skip(x))


class AttentiveNet(nn.Sequential):
    """ResNet-18 with CBAM in each block."""
    BLOCKS = [(64, 64), (64, 64), (64, 128, 2), (128, 128), (128, 256, 2), (256, 256), (256, 512, 2), (512, 512)]

    def __init__(self):
        super().__init__(_conv(3, 64, 7, 2, activation=nn.ReLU), nn.MaxPool2d(3, 2, 1),
                         *[AttentiveBlock(*block) for block in self.BLOCKS], *_head(512))


class ScaleBlock(nn.Module):
    """Res2Net's: each part of the channels takes up what was made of the part before."""

    def __init__(self, width, part, parts=4):
        super().__init__()
        self.enter = _conv(width, part * parts, 1, activation=nn.ReLU)
        self.convs = nn.ModuleList([_conv(part, part, activation=nn.ReLU) for _ in range(parts - 1)])
        self.leave = _conv(part * parts, width, 1, activation=nn.Identity)

    def forward(self, x):
        parts = list(self.enter(x).chunk(len(self.convs) + 1, 1))
        for i, conv in enumerate(self.convs):
            parts[i] = conv(parts[i] if i == 0 else parts[i] + parts[i - 1])
        return F.relu(x + self.leave(torch.cat(parts, 1)))


class Res2Net(nn.Sequential):
    """Res2Net of three sizes, with parts of 26 channels and more."""
    STAGES = [(256, 26, 2), (512, 52, 3), (1024, 104, 3)]

    def __init__(self):
        conv = functools.partial(_conv, activation=nn.ReLU)
        layers = [conv(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1), conv(64, 256, 1)]
        for width, part, depth in self.STAGES:
            if width > 256:
                layers.append(conv(width // 2, width, 1, 2))
            layers += [ScaleBlock(width, part) for _ in range(depth)]
        super().__init__(*layers, *_head(1024))


class LevitLayer(nn.Module):
    """LeViT's: attention with narrow keys, a bias for each pair of pixels, and hard swish."""
    PIXELS = 196

    def __init__(self, width, heads=4, size=16):
        super().__init__()
        self.heads, self.size = heads, size
        self.query_key_value, self.norm = nn.Linear(width, 4 * heads * size, bias=False), nn.BatchNorm1d(4 * heads * size)
        self.projection = nn.Linear(2 * heads * size, width, bias=False)
        self.bias = nn.Parameter(torch.rand(heads, self.PIXELS, self.PIXELS))
        self.grow, self.shrink = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        batch, length, _ = x.shape
        parts = self.norm(self.query_key_value(x).flatten(0, 1)).view(batch, length, self.heads, 4 * self.size)
        query, key, value = parts.split((self.size, self.size, 2 * self.size), -1)
        scores = query.permute(0, 2, 1, 3) @ key.permute(0, 2, 3, 1) * self.size ** -0.5 + self.bias
        y = (scores.softmax(-1) @ value.permute(0, 2, 1, 3)).transpose(1, 2).reshape(batch, length, 2 * self.heads * self.size)
        x = x + self.projection(F.hardswish(y))
        return x + self.shrink(F.hardswish(self.grow(x)))


class Levit(nn.Module):
    """LeViT's first stage: four convolutions with steps of two, and six layers."""

    def __init__(self, width=128, layers=6):
        super().__init__()
        conv = functools.partial(_conv, stride=2, activation=nn.Hardswish)
        self.stem = nn.Sequential(conv(3, 16), conv(16, 32), conv(32, 64), _conv(64, width, 3, 2, activation=nn.Identity))
        self.layers, self.head = nn.Sequential(*[LevitLayer(width) for _ in range(layers)]), nn.Linear(width, 1000)

    def forward(self, x):
        return self.head(self.layers(self.stem(x).flatten(2).transpose(1, 2)).mean(1))


class StandardConv(nn.Conv2d):
    """BiT's: weights that are brought to mean 0 and variance 1 in each run."""

    def forward(self, x):
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), keepdim=True, unbiased=False)
        weight = (self.weight - mean) / torch.sqrt(variance + 1e-5)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class StandardBlock(nn.Module):
    """BiT's bottleneck, with a group normalisation ahead of each convolution."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        hidden = outputs // 4
        self.norms = nn.ModuleList([nn.GroupNorm(32, size) for size in (inputs, hidden, hidden)])
        self.convs = nn.ModuleList([StandardConv(inputs, hidden, 1, bias=False),
                                    StandardConv(hidden, hidden, 3, stride, 1, bias=False),
                                    StandardConv(hidden, outputs, 1, bias=False)])
        self.skip = StandardConv(inputs, outputs, 1, stride, bias=False) if inputs != outputs else None

    def forward(self, x):
        y = F.relu(self.norms[0](x))
        rest = x if self.skip is None else self.skip(y)
        y = self.convs[1](F.relu(self.norms[1](self.convs[0](y))))
        return rest + self.convs[2](F.relu(self.norms[2](y)))


class BigTransfer(nn.Sequential):
    """BiT: three sizes of two blocks each."""
    BLOCKS = [(64, 256), (256, 256), (256, 512, 2), (512, 512), (512, 1024, 2), (1024, 1024)]

    def __init__(self):
        super().__init__(StandardConv(3, 64, 7, 2, 3, bias=False), nn.MaxPool2d(3, 2, 1),
                         *[StandardBlock(*block) for block in self.BLOCKS], nn.GroupNorm(32, 1024), nn.ReLU(), *_head(1024, 100))


def models():
    small, normal = further_models.small, further_models.normal
    vision = [zoo.ZooModel(name, functools.partial(torch_models.export_vision, name), normal(3, 224, 224)) for name in VISION]
    return vision + [
        small("ssd300_vgg16", functools.partial(Boxes, "ssd300_vgg16"), normal(3, 300, 300), batches=False),
        small("fcos", functools.partial(Boxes, "fcos_resnet50_fpn"), normal(3, 224, 224), batches=False),
        small("repvgg_a0", RepVgg, normal(3, 224, 224)),
        small("mobilenet_v1_05", MobileNetV1, normal(3, 224, 224)),
        small("mobilenet_v4", MobileNetV4, normal(3, 224, 224)),
        small("convnext_v2_atto", ConvNextV2, normal(3, 224, 224)),
        small("poolformer_s12", PoolFormer, normal(3, 224, 224)),
        small("fasternet_t0", FasterNet, normal(3, 224, 224)),
        small("xcit", CrossCovariance, normal(3, 224, 224)),
        small("cbam", AttentiveNet, normal(3, 224, 224)),
        small("res2net", Res2Net, normal(3, 224, 224)),
        small("levit", Levit, normal(3, 224, 224)),
        small("bit", BigTransfer, normal(3, 224, 224)),
    ]

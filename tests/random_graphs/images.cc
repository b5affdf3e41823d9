// Parts of random graphs that have channels and planes.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "nomograph/tests/random_graphs/writer.h"

namespace nomograph {

using Ref = RandomGraph::Ref;
using Ints = std::vector<int64_t>;

void RandomGraphWriter::SetPadding(Attributes& attrs, const Ints& kernel) {
  attrs.Set("data_format", Format());
  switch (random_.Below(4)) {
    case 0:
      attrs.Set("padding", "valid");
      return;
    case 1:
      attrs.Set("padding", "same");
      return;
    case 2:
      attrs.Set("padding", random_.OneIn(2) ? "same_lower" : "same");
      return;
    default:
      attrs.Set("padding", "explicit");
  }
  Ints pads;
  const bool even = random_.OneIn(2);
  for (int end = 0; end < 2; ++end) {
    for (const int64_t size : kernel) pads.push_back(even ? size / 2 : random_.Below(size + 1));
  }
  attrs.Set("pads", pads);
}

int64_t RandomGraphWriter::Products(const Ints& spatial, const Shape& weights) const {
  return std::accumulate(spatial.begin(), spatial.end(), batch_, std::multiplies<>()) *
         weights.num_elements();
}

Ref RandomGraphWriter::Conv() {
  const Ref x = PickImage();
  if (x == kFailed) return kFailed;
  const int64_t in = Channels(x);
  const Ints spatial = Spatial(x);
  int64_t groups = 1, out = SomeChannels();
  switch (random_.Below(6)) {
    case 0:
    case 1:
      groups = in;  // depthwise
      out = in * random_.Pick<int64_t>({1, 1, 1, 2, 3});
      break;
    case 2:
      for (const int64_t count : {2, 3, 4, 8}) {
        if (in % count == 0 && random_.OneIn(2)) groups = count;
      }
      out = groups * random_.Pick<int64_t>({1, 2, 3, 5, 8, 16, 17});
      break;
    default:
      break;
  }
  Ints kernel, strides, dilations;
  const int64_t style = random_.Below(8), step = random_.OneIn(3) ? 2 : 1;
  for (size_t i = 0; i < spatial.size(); ++i) {
    kernel.push_back(style < 3   ? 1
                     : style < 6 ? 3
                     : style < 7 ? 5
                                 : random_.Pick<int64_t>({1, 2, 3, 4, 7, 9}));
    strides.push_back(random_.OneIn(8) ? random_.Pick<int64_t>({1, 2, 3}) : step);
    dilations.push_back(style > 4 && random_.OneIn(4) ? random_.Pick<int64_t>({2, 3}) : 1);
  }
  Attributes attrs;
  SetPadding(attrs, kernel);
  if (random_.OneIn(2) || step > 1) attrs.Set("strides", strides);
  if (style > 4) attrs.Set("dilations", dilations);
  attrs.Set("groups", groups);
  const bool out_first = random_.OneIn(8) != first_;
  attrs.Set("kernel_layout", out_first ? "OIHW" : "HWIO");
  Shape shape;
  if (out_first) shape = {out, in / groups};
  for (const int64_t size : kernel) shape.Append(size);
  if (!out_first) shape.Append(in / groups), shape.Append(out);
  if (Products(spatial, shape) > most_products_) return kFailed;
  const float taps = static_cast<float>(shape.num_elements() / out);
  std::vector<Ref> inputs = {x, Weights(shape, 1.5f / std::sqrt(taps))};
  if (!random_.OneIn(3)) inputs.push_back(Weights({out}, 0.5f));
  const Ref y = Add("nn.Conv", inputs, attrs);
  return random_.OneIn(2) && !(y == kFailed) ? SomeActivation(y) : y;
}

Ref RandomGraphWriter::ConvTranspose() {
  const Ref x = PickImage();
  if (x == kFailed) return kFailed;
  const int64_t in = Channels(x);
  const Ints spatial = Spatial(x);
  const int64_t groups = random_.OneIn(5) ? in : in % 2 == 0 && random_.OneIn(3) ? 2 : 1;
  const int64_t out = groups * random_.Pick<int64_t>({1, 2, 3, 5, 8, 16, 17});
  Ints kernel, strides, output_padding;
  const int64_t size = random_.Pick<int64_t>({1, 2, 3, 4, 5}),
                step = random_.Pick<int64_t>({1, 2, 2, 3});
  for (size_t i = 0; i < spatial.size(); ++i) {
    kernel.push_back(random_.OneIn(8) ? size + 1 : size);
    strides.push_back(random_.OneIn(8) ? 1 : step);
    output_padding.push_back(random_.OneIn(4) ? strides.back() - 1 : 0);
  }
  Attributes attrs;
  SetPadding(attrs, kernel);
  attrs.Set("strides", strides);
  attrs.Set("groups", groups);
  if (random_.OneIn(3)) attrs.Set("output_padding", output_padding);
  if (random_.OneIn(5)) attrs.Set("dilations", Ints(spatial.size(), 2));
  const bool in_first = random_.OneIn(8) != first_;
  attrs.Set("kernel_layout", in_first ? "IOHW" : "HWOI");
  Shape shape;
  if (in_first) shape = {in, out / groups};
  for (const int64_t k : kernel) shape.Append(k);
  if (!in_first) shape.Append(out / groups), shape.Append(in);
  if (Products(spatial, shape) > most_products_) return kFailed;
  std::vector<Ref> inputs = {x, Weights(shape, 1.5f / std::sqrt(static_cast<float>(in)))};
  if (!random_.OneIn(3)) inputs.push_back(Weights({out}, 0.5f));
  return Add("nn.ConvTranspose", inputs, attrs);
}

// As StyleGAN writes it: weights times a style of each input channel, which the model computes.
Ref RandomGraphWriter::ModulatedConv() {
  const Ref x = PickImage();
  if (x == kFailed || !first_ || Rank(x) != 4 || batched_) return kFailed;
  const int64_t in = Channels(x), out = SomeChannels();
  if (in * out * 9 * ShapeOf(x).num_elements() / in > most_products_) return kFailed;
  const int64_t side = random_.Pick<int64_t>({1, 3});
  const Ref style = Add("math.ReduceMean", {x}, {{"axes", Ints{0, 2, 3}}, {"keepdims", true}});
  Ref weights = Add("math.Mul", {Weights({out, in, side, side}, 0.3f), style});
  if (random_.OneIn(2)) {
    const Ref sums = Add("math.ReduceSum", {Add("math.Mul", {weights, weights})},
                         {{"axes", Ints{1, 2, 3}}, {"keepdims", true}});
    weights = Add("math.Mul", {weights, Of("math.Rsqrt", Add("math.Add", {sums, Number(0.1)}))});
  }
  return Add("nn.Conv", {x, weights},
             {{"data_format", "channels_first"}, {"kernel_layout", "OIHW"}, {"padding", "same"}});
}

Ref RandomGraphWriter::Pool() {
  const Ref x = PickImage();
  if (x == kFailed) return kFailed;
  const Ints spatial = Spatial(x);
  Ints kernel, strides, dilations;
  const int64_t size = random_.Pick<int64_t>({1, 2, 2, 3, 3, 3, 5, 7}),
                step = random_.Pick<int64_t>({1, 2, 2, 3});
  for (size_t i = 0; i < spatial.size(); ++i) {
    kernel.push_back(random_.OneIn(8) ? random_.Pick<int64_t>({1, 2, 3, 4}) : size);
    strides.push_back(random_.OneIn(8) ? random_.Pick<int64_t>({1, 2, 3}) : step);
    dilations.push_back(random_.OneIn(2) ? 2 : 1);
  }
  Attributes attrs;
  SetPadding(attrs, kernel);
  attrs.Set("kernel_shape", kernel);
  attrs.Set("strides", strides);
  if (random_.OneIn(6)) attrs.Set("dilations", dilations);
  if (random_.OneIn(4)) attrs.Set("ceil_mode", true);
  if (random_.OneIn(8)) {
    attrs.Set("p", random_.Pick<int64_t>({1, 2, 3}));
    return Add("nn.LpPool", {x}, attrs);
  }
  if (random_.OneIn(2)) return Add("nn.MaxPool", {x}, attrs);
  if (random_.OneIn(2)) attrs.Set("count_include_pad", true);
  return Add("nn.AveragePool", {x}, attrs);
}

Ref RandomGraphWriter::GlobalPool() {
  const Ref x = PickImage();
  if (x == kFailed) return kFailed;
  const std::string op = random_.OneIn(3) ? "nn.GlobalMaxPool" : "nn.GlobalAveragePool";
  return Add(op, {x}, {{"data_format", Format()}, {"keepdims", random_.OneIn(2)}});
}

Ref RandomGraphWriter::SqueezeAndExcite() {
  const Ref x = PickImage();
  if (x == kFailed) return kFailed;
  const int64_t channels = Channels(x), inner = random_.Pick<int64_t>({1, 4, 7, 16});
  const int axes = Rank(x) - 2;
  Attributes conv{{"data_format", Format()}, {"kernel_layout", first_ ? "OIHW" : "HWIO"}};
  const auto kernel = [&](int64_t in, int64_t out) {
    Shape shape;
    if (first_) shape = {out, in};
    for (int axis = 0; axis < axes; ++axis) shape.Append(1);
    if (!first_) shape.Append(in), shape.Append(out);
    return Weights(shape, 1 / std::sqrt(static_cast<float>(in)));
  };
  Ref gate = kFailed;
  if (random_.OneIn(3)) {
    Ints spatial;
    for (int axis = 1; axis < Rank(x); ++axis) {
      if (axis != ChannelAxis(x)) spatial.push_back(axis);
    }
    gate = Add("math.ReduceMean", {x}, {{"axes", spatial}, {"keepdims", true}});
  } else {
    gate = Add("nn.GlobalAveragePool", {x}, {{"data_format", Format()}, {"keepdims", true}});
  }
  gate =
      SomeActivation(Add("nn.Conv", {gate, kernel(channels, inner), Weights({inner}, 0.2f)}, conv));
  gate = Add("nn.Conv", {gate, kernel(inner, channels), Weights({channels}, 0.2f)}, conv);
  gate = Of(random_.OneIn(3) ? "nn.HardSigmoid" : "nn.Sigmoid", gate);
  const Ref scaled =
      Add("math.Mul", random_.OneIn(2) ? std::vector<Ref>{x, gate} : std::vector<Ref>{gate, x});
  if (random_.OneIn(3)) return scaled;
  const int64_t out = SomeChannels();
  if (!(scaled == kFailed) && ShapeOf(x).num_elements() * out > most_products_) return scaled;
  return Add("nn.Conv", {scaled, kernel(channels, out), Weights({out}, 0.2f)}, conv);
}

Ref RandomGraphWriter::ChannelShuffle() {
  const Ref x = PickImage();
  if (x == kFailed) return kFailed;
  const int64_t channels = Channels(x);
  const int64_t groups = random_.Pick<int64_t>({2, 3, 4});
  if (channels % groups != 0) return kFailed;
  if (random_.OneIn(4) && Rank(x) == 4) {
    return Add(
        "array.DepthToSpace", {x},
        {{"blocksize", 2}, {"data_format", Format()}, {"mode", random_.OneIn(2) ? "CRD" : "DCR"}});
  }
  Ints split = {0}, merged = {0}, perm = {0};
  const Shape& shape = ShapeOf(x);
  for (int axis = 1; axis < Rank(x); ++axis) {
    if (axis == ChannelAxis(x)) {
      const int64_t at = static_cast<int64_t>(split.size());
      split.push_back(groups), split.push_back(channels / groups);
      perm.push_back(at + 1), perm.push_back(at);
    } else {
      perm.push_back(static_cast<int64_t>(split.size()));
      split.push_back(shape[axis]);
    }
    merged.push_back(shape[axis]);
  }
  const Ref apart = Add("array.Reshape", {x}, {{"shape", split}});
  return Add("array.Reshape", {Add("array.Transpose", {apart}, {{"perm", perm}})},
             {{"shape", merged}});
}

Ref RandomGraphWriter::PadOf() {
  const Ref x = Pick({.min_rank = 2});
  if (x == kFailed) return kFailed;
  Ints before(Rank(x), 0), after(Rank(x), 0);
  for (int axis = FirstFree(x); axis < Rank(x); ++axis) {
    if (random_.OneIn(3) || (Rank(x) > 2 && axis == ChannelAxis(x) && !random_.OneIn(8))) continue;
    before[axis] = random_.Below(4), after[axis] = random_.Below(4);
  }
  Ints pads = before;
  pads.insert(pads.end(), after.begin(), after.end());
  const std::string mode =
      random_.Pick<std::string>({"constant", "constant", "constant", "edge", "reflect"});
  Attributes attrs{{"pads", pads}, {"mode", mode}};
  if (mode == "constant" && random_.OneIn(3)) attrs.Set("value", random_.OneIn(2) ? -1e3 : 0.5);
  const Ref padded = Add("array.Pad", {x}, attrs);
  if (padded == kFailed || Rank(x) < 3 || Rank(x) > 5 || random_.OneIn(3)) return padded;
  // What windows reach into.
  const Ref source = random_.OneIn(4) ? Of("nn.Relu", padded) : padded;
  const Ints kernel(Rank(x) - 2, random_.Pick<int64_t>({2, 3, 5}));
  Attributes window{{"data_format", Format()}};
  if (random_.OneIn(3)) window.Set("padding", "same");
  if (random_.OneIn(2)) window.Set("strides", Ints(Rank(x) - 2, 2));
  if (random_.OneIn(2)) {
    window.Set("kernel_shape", kernel);
    return Add(random_.OneIn(2) ? "nn.MaxPool" : "nn.AveragePool", {source}, window);
  }
  const int64_t channels = Channels(source);
  Shape shape = {channels, 1};
  for (const int64_t size : kernel) shape.Append(size);
  window.Set("groups", channels);
  window.Set("kernel_layout", "OIHW");
  return Add("nn.Conv", {source, Weights(shape, 0.4f)}, window);
}

Ref RandomGraphWriter::Resize() {
  const Ref x = PickImage();
  if (x == kFailed) return kFailed;
  Ints axes, sizes;
  for (int axis = 1; axis < Rank(x); ++axis) {
    if (axis == ChannelAxis(x)) continue;
    axes.push_back(axis);
    sizes.push_back(random_.OneIn(2) ? 2 * ShapeOf(x)[axis]
                                     : 1 + random_.Below(2 * ShapeOf(x)[axis] + 1));
  }
  const std::string mode = random_.Pick<std::string>({"nearest", "linear", "linear", "cubic"});
  Attributes attrs{{"mode", mode}, {"axes", axes}, {"sizes", sizes}};
  attrs.Set("coordinate_transformation_mode",
            random_.Pick<std::string>(
                {"half_pixel", "asymmetric", "pytorch_half_pixel", "align_corners"}));
  // Where rounded coordinates decide which element is taken, only whole factors are the same
  // however they are computed.
  if (mode == "nearest") {
    for (size_t i = 0; i < axes.size(); ++i) sizes[i] = 2 * ShapeOf(x)[static_cast<int>(axes[i])];
    attrs.Set("sizes", sizes);
    attrs.Set("coordinate_transformation_mode", "asymmetric");
    attrs.Set("nearest_mode", "floor");
  }
  return Add("array.Resize", {x}, attrs);
}

}  // namespace nomograph

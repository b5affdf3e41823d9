// SpatialDropout, GaussianNoise, GaussianDropout, AlphaDropout: like nn.Dropout, they do something
// in training only.
#include <algorithm>
#include <array>
#include <cmath>

#include "nomograph/core/gradient/draws.h"
#include "nomograph/core/op/random.h"
#include "nomograph/core/op/registry.h"

namespace nomograph::nn {
namespace {

// A kernel that in training calls `change(context, stream, x, y)`, and otherwise hands on x.
template <typename Change>
ComputeFn InTraining(Change change) {
  return [change](KernelContext& context) {
    Dispatch(FloatTypes{}, context.input_dtype(0), [&]<typename T>() {
      const auto x = context.input<T>(0);
      const auto y = context.output<T>(0);
      if (context.run().training) {
        change(context, RandomStream(context), x, y);
      } else if (x.data() != y.data()) {
        std::copy(x.begin(), x.end(), y.begin());
      }
    });
    return absl::OkStatus();
  };
}

// The words of a stream, which are asked for in ascending order most of the time.
class StreamWords {
 public:
  explicit StreamWords(const PhiloxStream& stream) : stream_(stream), words_(stream.Block(0)) {}
  uint32_t operator[](uint64_t i) {
    if (i / 4 != block_) {
      block_ = i / 4;
      words_ = stream_.Block(block_);
    }
    return words_[i % 4];
  }
  // Number i of a standard normal distribution, as random.Normal has it.
  double Normal(uint64_t i) {
    const uint32_t first = (*this)[i / 2 * 2], second = (*this)[i / 2 * 2 + 1];
    return NormalFloats(first, second)[i % 2];
  }

 private:
  PhiloxStream stream_;
  uint64_t block_ = 0;
  std::array<uint32_t, 4> words_;
};

// Which draw an element of x takes part in: its place among those of x with size 1 along `axes`.
class SharedDraws {
 public:
  SharedDraws(const Shape& shape, const std::vector<int64_t>& axes)
      : sizes_(shape.dims().begin(), shape.dims().end()), steps_(sizes_.size()) {
    std::vector<bool> shared(sizes_.size());
    const std::vector<int> normal = *NormalizeAxes(axes, shape.rank());
    for (const int axis : normal) shared[axis] = true;
    int64_t step = 1;
    for (size_t i = sizes_.size(); i-- > 0;) {
      steps_[i] = shared[i] ? 0 : step;
      if (!shared[i]) step *= sizes_[i];
    }
  }
  uint64_t operator()(int64_t element) const {
    uint64_t draw = 0;
    for (size_t i = sizes_.size(); i-- > 0; element /= sizes_[i])
      draw += static_cast<uint64_t>(element % sizes_[i] * steps_[i]);
    return draw;
  }

 private:
  std::vector<int64_t> sizes_, steps_;
};

absl::StatusOr<std::vector<TensorType>> InferSpatial(const InferContext& context) {
  const PartialShape& shape = context.shape(0);
  if (shape.has_rank()) {
    NOMO_RETURN_IF_ERROR(
        Annotate(NormalizeAxes(context.attrs().Ints("axes"), shape.rank()).status(), "axes"));
  }
  return std::vector<TensorType>{context.input(0)};
}

constexpr auto kSpatialDropout = [](const KernelContext& context, const PhiloxStream& stream,
                                    const auto& x, const auto& y) {
  using T = std::remove_const_t<std::remove_reference_t<decltype(y[0])>>;
  const double rate = context.attrs().Float("rate");
  const SharedDraws draw(context.input_shape(0), context.attrs().Ints("axes"));
  StreamWords words(stream);
  for (size_t i = 0; i < x.size(); ++i) {
    const bool dropped = UniformFloat(words[draw(static_cast<int64_t>(i))]) < rate;
    y[i] = dropped ? T(0.0f) : static_cast<T>(static_cast<double>(x[i]) / (1 - rate));
  }
};

constexpr auto kGaussianNoise = [](const KernelContext& context, const PhiloxStream& stream,
                                   const auto& x, const auto& y) {
  using T = std::remove_const_t<std::remove_reference_t<decltype(y[0])>>;
  const double stddev = context.attrs().Float("stddev");
  StreamWords words(stream);
  for (size_t i = 0; i < x.size(); ++i)
    y[i] = static_cast<T>(static_cast<double>(x[i]) + stddev * words.Normal(i));
};

constexpr auto kGaussianDropout = [](const KernelContext& context, const PhiloxStream& stream,
                                     const auto& x, const auto& y) {
  using T = std::remove_const_t<std::remove_reference_t<decltype(y[0])>>;
  const double rate = context.attrs().Float("rate");
  const double stddev = std::sqrt(rate / (1 - rate));
  StreamWords words(stream);
  for (size_t i = 0; i < x.size(); ++i)
    y[i] = static_cast<T>(static_cast<double>(x[i]) * (1 + stddev * words.Normal(i)));
};

// The least value of SELU: -alpha * scale.
constexpr double kLeast = -1.6732632423543772 * 1.0507009873554805;

constexpr auto kAlphaDropout = [](const KernelContext& context, const PhiloxStream& stream,
                                  const auto& x, const auto& y) {
  using T = std::remove_const_t<std::remove_reference_t<decltype(y[0])>>;
  const double rate = context.attrs().Float("rate");
  const double factor = 1 / std::sqrt((1 - rate) * (1 + rate * kLeast * kLeast));
  const double shift = -factor * kLeast * rate;
  StreamWords words(stream);
  for (size_t i = 0; i < x.size(); ++i) {
    const double kept = UniformFloat(words[i]) < rate ? kLeast : static_cast<double>(x[i]);
    y[i] = static_cast<T>(factor * kept + shift);
  }
};

// Of an op that multiplies x by what it draws.
absl::StatusOr<std::vector<Value>> SameFactors(const GradientContext& g) {
  NOMO_ASSIGN_OR_RETURN(const Attributes attrs, AttributesOfSameDraws(g));
  return std::vector<Value>{Call(g.op().name, {g.gradient(0)}, attrs)};
}

// nn.AlphaDropout is affine: without what it makes of zeros it is linear.
absl::StatusOr<std::vector<Value>> AlphaDropoutGradient(const GradientContext& g) {
  NOMO_ASSIGN_OR_RETURN(const Attributes attrs, AttributesOfSameDraws(g));
  const Value dy = g.gradient(0);
  return std::vector<Value>{Call("nn.AlphaDropout", {dy}, attrs) -
                            Call("nn.AlphaDropout", {ZerosLike(dy)}, attrs)};
}

// The schema of the four. Left to add: Doc, Source, attributes, Reference, Examples.
OpDef TrainingOp(std::string name) {
  return RandomOp(OpDef(std::move(name))
                      .TypeVar("T", kFloats)
                      .Input("x", "T", "any shape")
                      .Output("y", "T", "as x"))
      .Infer(SameAsInput)
      .InPlace();
}

// Below 1, by which it would divide.
constexpr double kMaxRate = 1 - 0x1p-24;

OpDef WithRate(OpDef op) {
  op.RequiredAttr("rate", AttrType::kFloat, "see above").Min(0).Max(kMaxRate);
  return op;
}

Tensor Ramp(const Shape& shape) {
  Tensor tensor(DType::kFloat32, shape);
  float value = 0;
  for (float& element : tensor.mutable_data<float>()) element = ++value;
  return tensor;
}

// In inference, and in training with what `expected` has.
std::vector<Example> Examples(Attributes attrs, const Shape& shape, std::vector<float> expected) {
  return {{.name = "inference", .attrs = attrs, .inputs = {Ramp(shape)}, .outputs = {Ramp(shape)}},
          {.name = "training",
           .attrs = attrs,
           .inputs = {Ramp(shape)},
           .outputs = {Tensor::Of<float>(shape, expected)},
           .training = true,
           .seed = 7,
           .step = 3,
           .keyed_by_node = true}};
}

NOMO_REGISTER_OP(
    WithRate(TrainingOp("nn.SpatialDropout"))
        .Doc("nn.Dropout with one draw for all elements along `axes`: element i of x is dropped as "
             "nn.Dropout drops element j of a tensor that has size 1 along these axes, j being the "
             "one with i's other indices. In inference y = x.")
        .Source("Keras SpatialDropout1D, SpatialDropout2D, SpatialDropout3D; J. Tompson et al., "
                "2015")
        .RequiredAttr("axes", AttrType::kInts, "in [-rank, rank), each once")
        .Infer(InferSpatial)
        .Reference(InTraining(kSpatialDropout))
        .Gradient(SameFactors)
        .Examples([] {
          return Examples({{"rate", 0.5}, {"axes", 1}}, {2, 2, 3},
                          {0, 0, 6, 0, 0, 12, 14, 0, 18, 20, 0, 24});
        }));

NOMO_REGISTER_OP(
    TrainingOp("nn.GaussianNoise")
        .Doc("In training adds to each element stddev times a number of the standard normal "
             "distribution, drawn as random.Normal does. In inference y = x.")
        .Source("Keras GaussianNoise")
        .RequiredAttr("stddev", AttrType::kFloat, "the standard deviation")
        .Min(0)
        .Reference(InTraining(kGaussianNoise))
        .Gradient(PassGradient())
        .Examples([] {
          return Examples({{"stddev", 0.5}}, {5},
                          {0.705196037f, 2.79043764f, 3.19007821f, 3.46498399f, 4.40705027f});
        }));

NOMO_REGISTER_OP(
    WithRate(TrainingOp("nn.GaussianDropout"))
        .Doc("In training multiplies each element by 1 + sqrt(rate / (1 - rate)) times a number of "
             "the standard normal distribution, drawn as random.Normal does. In inference y = x.")
        .Source("Keras GaussianDropout; N. Srivastava et al., 2014")
        .Reference(InTraining(kGaussianDropout))
        .Gradient(SameFactors)
        .Examples([] {
          return Examples({{"rate", 0.2}}, {5},
                          {0.705196037f, 3.58087528f, 3.57023462f, 1.85993597f, 2.03525135f});
        }));

NOMO_REGISTER_OP(
    WithRate(TrainingOp("nn.AlphaDropout"))
        .Doc("In training sets each element to the least value of SELU, m = -1.7580993, with "
             "probability rate, drawn as nn.Dropout does; then y = a x - a m rate with a = 1 / "
             "sqrt((1 - rate) (1 + rate m^2)), so that a mean of 0 and a variance of 1 stay. In "
             "inference y = x.")
        .Source("Keras AlphaDropout; G. Klambauer et al., \"Self-Normalizing Neural Networks\", "
                "2017")
        .Reference(InTraining(kAlphaDropout))
        .Gradient(AlphaDropoutGradient)
        .Examples([] {
          return Examples({{"rate", 0.5}}, {10},
                          {-0.779193931f, -0.779193931f, 3.43840861f, 4.32481351f, -0.779193931f,
                           6.0976233f, 6.98402819f, 7.87043309f, -0.779193931f, 9.64324288f});
        }));

}  // namespace
}  // namespace nomograph::nn

#include "nomograph/core/initializers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/attributes.h"
#include "nomograph/core/memory.h"
#include "nomograph/core/philox.h"

namespace nomograph {
namespace {

// The standard deviation of a standard normal distribution that is cut at two deviations.
constexpr double kTruncatedStddev = 0.87962566103423978;

// Fills a tensor from `next`, which yields the values in row-major order.
template <typename Next>
absl::StatusOr<Tensor> Fill(const Shape& shape, DType dtype, Next next) {
  if (!kFloats.Contains(dtype)) {
    return InvalidArgument("random initial values are floating-point, but the weight is ",
                           DTypeName(dtype));
  }
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Create(dtype, shape));
  Dispatch(FloatTypes(), dtype, [&]<typename T>() {
    for (T& element : tensor.mutable_data<T>()) element = static_cast<T>(next());
  });
  return tensor;
}

Initializer Full(double value) {
  return [value](const Shape& shape, DType dtype, uint64_t) -> absl::StatusOr<Tensor> {
    return TryFull(dtype, shape, value);
  };
}

PhiloxStream StreamOf(const InitializerOptions& options, uint64_t key) {
  return PhiloxStream(options.seed.value_or(key), 0, 0);
}

absl::StatusOr<Tensor> FillUniform(const Shape& shape, DType dtype, const PhiloxStream& stream,
                                   double low, double high) {
  uint64_t index = 0;
  std::array<uint32_t, 4> block;
  return Fill(shape, dtype, [&] {
    if (index % 4 == 0) block = stream.Block(index / 4);
    return low + (high - low) * UniformFloat(block[index++ % 4]);
  });
}

// Values further than `limit` deviations from the mean are drawn again.
absl::StatusOr<Tensor> FillNormal(const Shape& shape, DType dtype, const PhiloxStream& stream,
                                  double mean, double stddev, double limit) {
  uint64_t index = 0;
  std::array<float, 4> block;
  return Fill(shape, dtype, [&] {
    float value;
    do {
      if (index % 4 == 0) {
        const std::array<uint32_t, 4> bits = stream.Block(index / 4);
        const auto first = NormalFloats(bits[0], bits[1]), second = NormalFloats(bits[2], bits[3]);
        block = {first[0], first[1], second[0], second[1]};
      }
      value = block[index++ % 4];
    } while (std::abs(value) > limit);
    return mean + stddev * value;
  });
}

struct Fans {
  double in, out;
};

// Of a kernel: its last two axes are input and output channels, and those before them the receptive
// field.
Fans FansOf(const Shape& shape) {
  if (shape.rank() == 0) return {1, 1};
  if (shape.rank() == 1) return {double(shape[0]), double(shape[0])};
  double field = 1;
  for (int i = 0; i + 2 < shape.rank(); ++i) field *= double(shape[i]);
  return {double(shape[shape.rank() - 2]) * field, double(shape[shape.rank() - 1]) * field};
}

enum class FanMode { kIn, kAverage };
enum class Distribution { kUniform, kTruncatedNormal };

// Keras: VarianceScaling.
Initializer VarianceScaling(double scale, FanMode mode, Distribution distribution,
                            InitializerOptions options) {
  return [=](const Shape& shape, DType dtype, uint64_t key) {
    const Fans fans = FansOf(shape);
    const double fan = mode == FanMode::kIn ? fans.in : (fans.in + fans.out) / 2;
    const double variance = scale / std::max(1.0, fan);
    if (distribution == Distribution::kUniform) {
      const double limit = std::sqrt(3 * variance);
      return FillUniform(shape, dtype, StreamOf(options, key), -limit, limit);
    }
    return FillNormal(shape, dtype, StreamOf(options, key), 0,
                      std::sqrt(variance) / kTruncatedStddev, 2);
  };
}

struct Named {
  const char* name;
  Initializer (*make)();
};

constexpr Named kNamed[] = {
    {"zeros", [] { return Zeros(); }},
    {"ones", [] { return Ones(); }},
    {"constant", [] { return Constant(0); }},
    {"random_uniform", [] { return RandomUniform(); }},
    {"uniform", [] { return RandomUniform(); }},
    {"random_normal", [] { return RandomNormal(); }},
    {"normal", [] { return RandomNormal(); }},
    {"truncated_normal", [] { return TruncatedNormal(); }},
    {"glorot_uniform", [] { return GlorotUniform(); }},
    {"glorot_normal", [] { return GlorotNormal(); }},
    {"he_uniform", [] { return HeUniform(); }},
    {"he_normal", [] { return HeNormal(); }},
    {"lecun_uniform", [] { return LecunUniform(); }},
    {"lecun_normal", [] { return LecunNormal(); }},
};

// Letters alone, in lower case: "HeNormal" and "he_normal" are one name.
std::string Letters(absl::string_view name) {
  std::string letters;
  for (const char c : name) {
    if (c != '_') letters += absl::ascii_tolower(c);
  }
  return letters;
}

Initializer::Fn Find(const std::string& name) {
  std::vector<std::string> names;
  for (const Named& named : kNamed) {
    if (Letters(named.name) == Letters(name)) return named.make();
    names.push_back(named.name);
  }
  return [=](const Shape&, DType, uint64_t) -> absl::StatusOr<Tensor> {
    return InvalidArgument("there is no initializer \"", name, "\"", DidYouMean(name, names));
  };
}

}  // namespace

Initializer::Initializer(const std::string& name) : fn_(Find(name)) {}

Initializer Zeros() { return Full(0); }
Initializer Ones() { return Full(1); }
Initializer Constant(double value) { return Full(value); }

Initializer RandomUniform(double low, double high, InitializerOptions options) {
  return [=](const Shape& shape, DType dtype, uint64_t key) {
    return FillUniform(shape, dtype, StreamOf(options, key), low, high);
  };
}

Initializer RandomNormal(double mean, double stddev, InitializerOptions options) {
  return [=](const Shape& shape, DType dtype, uint64_t key) {
    return FillNormal(shape, dtype, StreamOf(options, key), mean, stddev, HUGE_VAL);
  };
}

Initializer TruncatedNormal(double mean, double stddev, InitializerOptions options) {
  return [=](const Shape& shape, DType dtype, uint64_t key) {
    return FillNormal(shape, dtype, StreamOf(options, key), mean, stddev, 2);
  };
}

Initializer GlorotUniform(InitializerOptions options) {
  return VarianceScaling(1, FanMode::kAverage, Distribution::kUniform, options);
}
Initializer GlorotNormal(InitializerOptions options) {
  return VarianceScaling(1, FanMode::kAverage, Distribution::kTruncatedNormal, options);
}
Initializer HeUniform(InitializerOptions options) {
  return VarianceScaling(2, FanMode::kIn, Distribution::kUniform, options);
}
Initializer HeNormal(InitializerOptions options) {
  return VarianceScaling(2, FanMode::kIn, Distribution::kTruncatedNormal, options);
}
Initializer LecunUniform(InitializerOptions options) {
  return VarianceScaling(1, FanMode::kIn, Distribution::kUniform, options);
}
Initializer LecunNormal(InitializerOptions options) {
  return VarianceScaling(1, FanMode::kIn, Distribution::kTruncatedNormal, options);
}

}  // namespace nomograph

#include "nomograph/core/layers/initializers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/layers/layer_fields.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/types/attributes.h"
#include "nomograph/core/types/memory.h"

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

Initializer::Fn Full(double value) {
  return [value](const Shape& shape, DType dtype, uint64_t) -> absl::StatusOr<Tensor> {
    return TryFull(dtype, shape, value);
  };
}

using Seed = std::optional<uint64_t>;

PhiloxStream StreamOf(const Seed& seed, uint64_t key) {
  return PhiloxStream(seed.value_or(key), 0, 0);
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

double FanOf(const Shape& shape, const std::string& mode) {
  const Fans fans = FansOf(shape);
  if (mode == "fan_avg") return (fans.in + fans.out) / 2;
  return mode == "fan_in" ? fans.in : fans.out;
}

// The columns' numbers lie one after the other. Turns `columns` vectors of `rows` numbers into
// orthonormal ones by the method of Gram and Schmidt, twice, as once is not exact enough.
void Orthonormalize(int64_t rows, int64_t columns, std::vector<double>& q) {
  for (int64_t c = 0; c < columns; ++c) {
    double* const column = &q[c * rows];
    for (int pass = 0; pass < 2; ++pass) {
      for (int64_t before = 0; before < c; ++before) {
        const double* const other = &q[before * rows];
        double product = 0;
        for (int64_t r = 0; r < rows; ++r) product += other[r] * column[r];
        for (int64_t r = 0; r < rows; ++r) column[r] -= product * other[r];
      }
    }
    double square = 0;
    for (int64_t r = 0; r < rows; ++r) square += column[r] * column[r];
    for (int64_t r = 0; r < rows; ++r) column[r] /= std::sqrt(square);
  }
}

absl::Status CheckMatrix(const Shape& shape) {
  if (shape.rank() >= 2) return absl::OkStatus();
  return InvalidArgument("the initializer needs a weight of two axes, found shape ",
                         shape.ToString());
}

// What makes each initializer: its fields with their defaults, and the function.

struct ZerosSpec {
  void VisitFields(FieldVisitor&) {}
  Initializer::Fn Make() const { return Full(0); }
};

struct OnesSpec {
  void VisitFields(FieldVisitor&) {}
  Initializer::Fn Make() const { return Full(1); }
};

struct ConstantSpec {
  double value = 0;
  void VisitFields(FieldVisitor& v) { v("value", value, "of every element"); }
  Initializer::Fn Make() const { return Full(value); }
};

struct UniformSpec {
  double low = -0.05, high = 0.05;
  Seed seed;
  void VisitFields(FieldVisitor& v) {
    v("minval", low, "the least value");
    v("maxval", high, "the limit above");
    v("seed", seed, "null: the weight's own");
  }
  Initializer::Fn Make() const {
    return [*this](const Shape& shape, DType dtype, uint64_t key) {
      return FillUniform(shape, dtype, StreamOf(seed, key), low, high);
    };
  }
};

struct NormalSpec {
  double mean = 0, stddev = 0.05;
  Seed seed;
  double limit = HUGE_VAL;  // in deviations
  void VisitFields(FieldVisitor& v) {
    v("mean", mean, "the mean");
    v("stddev", stddev, "the standard deviation");
    v("seed", seed, "null: the weight's own");
  }
  Initializer::Fn Make() const {
    return [*this](const Shape& shape, DType dtype, uint64_t key) {
      return FillNormal(shape, dtype, StreamOf(seed, key), mean, stddev, limit);
    };
  }
};
struct TruncatedNormalSpec : NormalSpec {
  TruncatedNormalSpec(double mean_value = 0, double deviation = 0.05, Seed own_seed = {})
      : NormalSpec{mean_value, deviation, own_seed, 2} {}
};

struct VarianceScalingSpec {
  VarianceScalingOptions options;
  void VisitFields(FieldVisitor& v) {
    v("scale", options.scale, "of the variance, above 0");
    v("mode", options.mode, "fan_in, fan_out or fan_avg");
    v("distribution", options.distribution, "truncated_normal, untruncated_normal or uniform");
    v("seed", options.seed, "null: the weight's own");
  }
  absl::Status Check() const {
    const auto& [scale, mode, distribution, seed] = options;
    if (!(scale > 0)) return InvalidArgument("scale: expected more than 0, found ", scale);
    if (mode != "fan_in" && mode != "fan_out" && mode != "fan_avg")
      return InvalidArgument("mode: expected fan_in, fan_out or fan_avg, found \"", mode, "\"");
    if (distribution != "uniform" && distribution != "truncated_normal" &&
        distribution != "untruncated_normal") {
      return InvalidArgument(
          "distribution: expected truncated_normal, untruncated_normal or uniform, found \"",
          distribution, "\"");
    }
    return absl::OkStatus();
  }
  Initializer::Fn Make() const {
    return [*this](const Shape& shape, DType dtype, uint64_t key) -> absl::StatusOr<Tensor> {
      NOMO_RETURN_IF_ERROR(Check());
      const double variance = options.scale / std::max(1.0, FanOf(shape, options.mode));
      const PhiloxStream stream = StreamOf(options.seed, key);
      if (options.distribution == "uniform") {
        const double limit = std::sqrt(3 * variance);
        return FillUniform(shape, dtype, stream, -limit, limit);
      }
      const bool truncated = options.distribution == "truncated_normal";
      const double stddev = std::sqrt(variance) / (truncated ? kTruncatedStddev : 1);
      return FillNormal(shape, dtype, stream, 0, stddev, truncated ? 2 : HUGE_VAL);
    };
  }
};

// One of VarianceScaling's cases that have names of their own.
template <int kScale, bool kAverage, bool kUniform>
struct ScaledSpec {
  Seed seed;
  void VisitFields(FieldVisitor& v) { v("seed", seed, "null: the weight's own"); }
  Initializer::Fn Make() const {
    return VarianceScalingSpec{{.scale = kScale,
                                .mode = kAverage ? "fan_avg" : "fan_in",
                                .distribution = kUniform ? "uniform" : "truncated_normal",
                                .seed = seed}}
        .Make();
  }
};
using GlorotUniformSpec = ScaledSpec<1, true, true>;
using GlorotNormalSpec = ScaledSpec<1, true, false>;
using HeUniformSpec = ScaledSpec<2, false, true>;
using HeNormalSpec = ScaledSpec<2, false, false>;
using LecunUniformSpec = ScaledSpec<1, false, true>;
using LecunNormalSpec = ScaledSpec<1, false, false>;

struct OrthogonalSpec {
  double gain = 1;
  Seed seed;
  void VisitFields(FieldVisitor& v) {
    v("gain", gain, "a factor of the matrix");
    v("seed", seed, "null: the weight's own");
  }
  Initializer::Fn Make() const {
    return [*this](const Shape& shape, DType dtype, uint64_t key) -> absl::StatusOr<Tensor> {
      NOMO_RETURN_IF_ERROR(CheckMatrix(shape));
      const int64_t width = shape[shape.rank() - 1];
      const int64_t height = width == 0 ? 0 : shape.num_elements() / width;
      const int64_t rows = std::max(height, width), columns = std::min(height, width);
      NOMO_ASSIGN_OR_RETURN(const Tensor normal, FillNormal({columns, rows}, DType::kFloat64,
                                                            StreamOf(seed, key), 0, 1, HUGE_VAL));
      std::vector<double> q(normal.data<double>().begin(), normal.data<double>().end());
      Orthonormalize(rows, columns, q);
      int64_t index = 0;
      return Fill(shape, dtype, [&] {
        const int64_t r = index / width, c = index % width;
        ++index;
        return gain * (height >= width ? q[c * rows + r] : q[r * rows + c]);
      });
    };
  }
};

struct IdentitySpec {
  double gain = 1;
  void VisitFields(FieldVisitor& v) { v("gain", gain, "a factor of the matrix"); }
  Initializer::Fn Make() const {
    return [*this](const Shape& shape, DType dtype, uint64_t) -> absl::StatusOr<Tensor> {
      NOMO_RETURN_IF_ERROR(CheckMatrix(shape));
      if (shape.rank() != 2)
        return InvalidArgument("expected a weight of two axes, found shape ", shape.ToString());
      int64_t index = 0;
      return Fill(shape, dtype, [&] {
        const bool diagonal = index / shape[1] == index % shape[1];
        ++index;
        return diagonal ? gain : 0;
      });
    };
  }
};

template <typename Spec>
Initializer Of(absl::string_view class_name, Spec spec) {
  FieldVisitor fields;
  spec.VisitFields(fields);
  return Initializer::Named(class_name, *fields.Write(), spec.Make());
}

template <typename Spec>
absl::StatusOr<Initializer> Parse(absl::string_view class_name, const LayerConfig& config) {
  Spec spec;
  FieldVisitor fields;
  spec.VisitFields(fields);
  NOMO_RETURN_IF_ERROR(fields.Read(config));
  return Of(class_name, spec);
}

struct Known {
  const char *class_name, *name;
  absl::StatusOr<Initializer> (*parse)(absl::string_view class_name, const LayerConfig& config);
  const char* alias = "";  // another of Keras' names
};

constexpr Known kKnown[] = {
    {"Zeros", "zeros", Parse<ZerosSpec>},
    {"Ones", "ones", Parse<OnesSpec>},
    {"Constant", "constant", Parse<ConstantSpec>},
    {"RandomUniform", "random_uniform", Parse<UniformSpec>, "uniform"},
    {"RandomNormal", "random_normal", Parse<NormalSpec>, "normal"},
    {"TruncatedNormal", "truncated_normal", Parse<TruncatedNormalSpec>},
    {"VarianceScaling", "variance_scaling", Parse<VarianceScalingSpec>},
    {"GlorotUniform", "glorot_uniform", Parse<GlorotUniformSpec>},
    {"GlorotNormal", "glorot_normal", Parse<GlorotNormalSpec>},
    {"HeUniform", "he_uniform", Parse<HeUniformSpec>},
    {"HeNormal", "he_normal", Parse<HeNormalSpec>},
    {"LecunUniform", "lecun_uniform", Parse<LecunUniformSpec>},
    {"LecunNormal", "lecun_normal", Parse<LecunNormalSpec>},
    {"Orthogonal", "orthogonal", Parse<OrthogonalSpec>, "OrthogonalInitializer"},
    {"Identity", "identity", Parse<IdentitySpec>, "IdentityInitializer"},
};

// Letters alone, in lower case: "HeNormal" and "he_normal" are one name.
std::string Letters(absl::string_view name) {
  std::string letters;
  for (const char c : name) {
    if (c != '_') letters += absl::ascii_tolower(c);
  }
  return letters;
}

absl::StatusOr<Initializer> Find(absl::string_view name, const LayerConfig& config) {
  std::vector<std::string> names;
  for (const Known& known : kKnown) {
    if (Letters(known.name) == Letters(name) || Letters(known.alias) == Letters(name)) {
      auto found = known.parse(known.class_name, config);
      NOMO_RETURN_IF_ERROR(Annotate(found.status(), known.class_name));
      return found;
    }
    names.push_back(known.name);
  }
  return InvalidArgument("there is no initializer \"", name, "\"", DidYouMean(name, names));
}

}  // namespace

Initializer::Initializer(const std::string& name) {
  absl::StatusOr<Initializer> found = Find(name, {});
  if (found.ok()) {
    *this = *std::move(found);
    return;
  }
  config_ = {{"class_name", name}};
  fn_ = [status = found.status()](const Shape&, DType, uint64_t) -> absl::StatusOr<Tensor> {
    return status;
  };
}

Initializer Initializer::Named(absl::string_view class_name, LayerConfig config, Fn fn) {
  Initializer initializer(std::move(fn));
  initializer.config_ = {{"class_name", std::string(class_name)}, {"config", std::move(config)}};
  return initializer;
}

absl::StatusOr<Initializer> Initializer::FromConfig(const ConfigValue& config) {
  if (const std::string* name = config.As<std::string>()) return Find(*name, {});
  const LayerConfig* object = config.As<LayerConfig>();
  const ConfigValue* name = object == nullptr ? nullptr : object->Find("class_name");
  if (name == nullptr || name->As<std::string>() == nullptr) {
    return WrongFieldType("the name of an initializer, or an object with its class_name", config);
  }
  const ConfigValue* fields = object->Find("config");
  if (fields == nullptr || fields->is_null()) return Find(*name->As<std::string>(), {});
  if (fields->As<LayerConfig>() == nullptr)
    return Annotate(WrongFieldType("object", *fields), "config");
  return Find(*name->As<std::string>(), *fields->As<LayerConfig>());
}

absl::StatusOr<ConfigValue> Initializer::Config() const {
  if (!config_.empty()) return ConfigValue(config_);
  return absl::FailedPreconditionError(
      "the initializer is a function of one's own, which no configuration holds");
}

Initializer Zeros() { return Of("Zeros", ZerosSpec{}); }
Initializer Ones() { return Of("Ones", OnesSpec{}); }
Initializer Constant(double value) { return Of("Constant", ConstantSpec{value}); }

Initializer RandomUniform(double low, double high, InitializerOptions options) {
  return Of("RandomUniform", UniformSpec{low, high, options.seed});
}
Initializer RandomNormal(double mean, double stddev, InitializerOptions options) {
  return Of("RandomNormal", NormalSpec{mean, stddev, options.seed});
}
Initializer TruncatedNormal(double mean, double stddev, InitializerOptions options) {
  return Of("TruncatedNormal", TruncatedNormalSpec(mean, stddev, options.seed));
}

Initializer GlorotUniform(InitializerOptions options) {
  return Of("GlorotUniform", GlorotUniformSpec{options.seed});
}
Initializer GlorotNormal(InitializerOptions options) {
  return Of("GlorotNormal", GlorotNormalSpec{options.seed});
}
Initializer HeUniform(InitializerOptions options) {
  return Of("HeUniform", HeUniformSpec{options.seed});
}
Initializer HeNormal(InitializerOptions options) {
  return Of("HeNormal", HeNormalSpec{options.seed});
}
Initializer LecunUniform(InitializerOptions options) {
  return Of("LecunUniform", LecunUniformSpec{options.seed});
}
Initializer LecunNormal(InitializerOptions options) {
  return Of("LecunNormal", LecunNormalSpec{options.seed});
}

Initializer VarianceScaling(VarianceScalingOptions options) {
  return Of("VarianceScaling", VarianceScalingSpec{std::move(options)});
}
Initializer Orthogonal(double gain, InitializerOptions options) {
  return Of("Orthogonal", OrthogonalSpec{gain, options.seed});
}
Initializer Identity(double gain) { return Of("Identity", IdentitySpec{gain}); }

}  // namespace nomograph

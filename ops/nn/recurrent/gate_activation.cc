#include "nomograph/ops/nn/recurrent/gate_activation.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "absl/strings/match.h"
#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/vector/elementwise_run.h"

namespace nomograph::nn {
namespace {

using Kind = GateActivation::Kind;

struct KindInfo {
  const char* name;
  Kind kind;
  // What it has, and its default.
  bool has_alpha = false, has_beta = false;
  double alpha = 0, beta = 0;
};

constexpr KindInfo kKinds[] = {
    {"Relu", Kind::kRelu},
    {"Tanh", Kind::kTanh},
    {"Sigmoid", Kind::kSigmoid},
    {"Affine", Kind::kAffine, true, true, 1.0, 0.0},
    {"LeakyRelu", Kind::kLeakyRelu, true, false, 0.01},
    {"ThresholdedRelu", Kind::kThresholdedRelu, true, false, 1.0},
    {"ScaledTanh", Kind::kScaledTanh, true, true, 1.0, 1.0},
    {"HardSigmoid", Kind::kHardSigmoid, true, true, 0.2, 0.5},
    {"Elu", Kind::kElu, true, false, 1.0},
    {"Softsign", Kind::kSoftsign},
    {"Softplus", Kind::kSoftplus},
};

absl::StatusOr<KindInfo> FindKind(const std::string& name) {
  std::vector<std::string> names;
  for (const KindInfo& info : kKinds) {
    if (absl::EqualsIgnoreCase(name, info.name)) return info;
    names.push_back(info.name);
  }
  return InvalidArgument("attribute activations: there is no function \"", name, "\"",
                         DidYouMean(name, names));
}

// Hands out a list's numbers one after the other.
class Numbers {
 public:
  explicit Numbers(const std::vector<double>& values) : values_(values) {}
  double Next(bool wanted, double absent) {
    return wanted && next_ < values_.size() ? values_[next_++] : absent;
  }
  absl::Status CheckAllTaken(absl::string_view attr) const {
    if (next_ == values_.size()) return absl::OkStatus();
    return InvalidArgument("attribute ", attr, ": expected at most ", next_,
                           " values for these activations, found ", values_.size());
  }

 private:
  const std::vector<double>& values_;
  size_t next_ = 0;
};

// 2^n * (1 + fraction) = e^x, for |x| up to 87.
struct SplitExp {
  float power, fraction;
};

// Written without branches, so that loops over it vectorise. Adding kRound leaves the integer n in
// the low bits of the sum, from where a shift makes it an exponent. |r| is at most ln(2) / 2, where
// the last term that the series leaves out is below 6e-9.
inline SplitExp Exp(float x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23
  constexpr float kLog2E = 1.44269504f, kLn2High = 0.693145752f, kLn2Low = 1.42860677e-6f;
  const float shifted = x * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  const float tail =
      ((r * (1.0f / 5040.0f) + 1.0f / 720.0f) * r + 1.0f / 120.0f) * r + 1.0f / 24.0f;
  const float fraction = (((tail * r + 1.0f / 6.0f) * r + 0.5f) * r + 1.0f) * r;
  const uint32_t bits = (std::bit_cast<uint32_t>(shifted) << 23) + 0x3f800000u;
  return {std::bit_cast<float>(bits), fraction};
}

// |x| up to 43. By way of e^2x - 1, which is accurate near 0 too.
inline float Tanh(float x) {
  const SplitExp e = Exp(2.0f * x);
  const float less_one = (e.power - 1.0f) + e.power * e.fraction;
  return less_one / (less_one + 2.0f);
}

template <typename F>
void ForEach(float* x, int64_t count, F f) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) x[i] = f(x[i]);
}

void Sigmoid(float* x, int64_t count) {
  const VectorStep sigmoid = {.kind = VectorStep::Kind::kSigmoid};
  RunElementwise({.input = x, .output = x, .columns = count, .steps = &sigmoid, .num_steps = 1},
                 /*part=*/0, /*parts=*/1);
}

// tanh is 1 in float from 10 on. Clamping is a loop of its own, because its comparisons would keep
// another one from being vectorised.
void ScaledTanh(float* x, int64_t count, float a, float b) {
  ForEach(x, count, [=](float v) { return b * v; });
  Clamp(x, count, -10.0f, 10.0f);
  ForEach(x, count, [=](float v) { return a * Tanh(v); });
}

}  // namespace

void Clamp(float* x, int64_t count, float low, float high) {
  ForEach(x, count, [=](float v) {
    const float raised = v < low ? low : v;
    return raised > high ? high : raised;
  });
}

const char kGateActivationsDoc[] =
    "Relu max(0, x); Tanh; Sigmoid 1 / (1 + e^-x); Affine alpha x + beta (1, 0); LeakyRelu x, or "
    "alpha x where x < 0 (0.01); ThresholdedRelu x, or 0 where x < alpha (1); ScaledTanh alpha "
    "tanh(beta x) (1, 1); HardSigmoid min(max(alpha x + beta, 0), 1) (0.2, 0.5); Elu x, or alpha "
    "(e^x - 1) where x < 0 (1); Softsign x / (1 + |x|); Softplus log(1 + e^x). The numbers in "
    "brackets are the defaults of alpha and beta.";

double GateActivation::operator()(double x) const {
  switch (kind) {
    case Kind::kRelu:
      return x < 0 ? 0.0 : x;
    case Kind::kTanh:
      return exact::Tanh(x);
    case Kind::kSigmoid:
      return 1.0 / (1.0 + exact::Exp(-x));
    case Kind::kAffine:
      return alpha * x + beta;
    case Kind::kLeakyRelu:
      return x < 0 ? alpha * x : x;
    case Kind::kThresholdedRelu:
      return x < alpha ? 0.0 : x;
    case Kind::kScaledTanh:
      return alpha * exact::Tanh(beta * x);
    case Kind::kHardSigmoid:
      return std::clamp(alpha * x + beta, 0.0, 1.0);
    case Kind::kElu:
      return x < 0 ? alpha * exact::Expm1(x) : x;
    case Kind::kSoftsign:
      return x / (1.0 + std::fabs(x));
    case Kind::kSoftplus:
      return std::max(x, 0.0) + exact::Log1p(exact::Exp(-std::fabs(x)));
  }
  return x;
}

double GateActivation::Derivative(double x) const {
  const GateActivation& f = *this;
  switch (kind) {
    case Kind::kRelu:
      return x < 0 ? 0.0 : 1.0;
    case Kind::kTanh:
      return 1.0 - f(x) * f(x);
    case Kind::kSigmoid:
      return f(x) * (1.0 - f(x));
    case Kind::kAffine:
      return alpha;
    case Kind::kLeakyRelu:
      return x < 0 ? alpha : 1.0;
    case Kind::kThresholdedRelu:
      return x < alpha ? 0.0 : 1.0;
    case Kind::kScaledTanh:
      return alpha * beta * (1.0 - exact::Tanh(beta * x) * exact::Tanh(beta * x));
    case Kind::kHardSigmoid:
      return alpha * x + beta < 0.0 || alpha * x + beta > 1.0 ? 0.0 : alpha;
    case Kind::kElu:
      return x < 0 ? alpha * exact::Exp(x) : 1.0;
    case Kind::kSoftsign:
      return 1.0 / ((1.0 + std::fabs(x)) * (1.0 + std::fabs(x)));
    case Kind::kSoftplus:
      return 1.0 / (1.0 + exact::Exp(-x));
  }
  return 1.0;
}

void GateActivation::Apply(float* x, int64_t count) const {
  const float a = static_cast<float>(alpha), b = static_cast<float>(beta);
  switch (kind) {
    case Kind::kRelu:
      return ForEach(x, count, [](float v) { return v < 0.0f ? 0.0f : v; });
    case Kind::kTanh:
      return ScaledTanh(x, count, 1.0f, 1.0f);
    case Kind::kSigmoid:
      return Sigmoid(x, count);
    case Kind::kAffine:
      return ForEach(x, count, [=](float v) { return a * v + b; });
    case Kind::kLeakyRelu:
      return ForEach(x, count, [=](float v) { return v < 0.0f ? a * v : v; });
    case Kind::kThresholdedRelu:
      return ForEach(x, count, [=](float v) { return v < a ? 0.0f : v; });
    case Kind::kScaledTanh:
      return ScaledTanh(x, count, a, b);
    case Kind::kHardSigmoid:
      ForEach(x, count, [=](float v) { return a * v + b; });
      return Clamp(x, count, 0.0f, 1.0f);
    case Kind::kElu:
      return ForEach(x, count, [=](float v) { return v < 0.0f ? a * std::expm1(v) : v; });
    case Kind::kSoftsign:
      return ForEach(x, count, [](float v) { return v / (1.0f + std::fabs(v)); });
    case Kind::kSoftplus:
      return ForEach(x, count, [](float v) {
        return std::max(v, 0.0f) + std::log1p(std::exp(-std::fabs(v)));
      });
  }
}

absl::StatusOr<std::vector<GateActivation>> GateActivations(
    const Attributes& attrs, const std::vector<std::string>& defaults, int directions) {
  std::vector<std::string> names = attrs.Strings("activations");
  const size_t needed = defaults.size() * directions;
  while (attrs.Strings("activations").empty() && names.size() < needed) {
    names.insert(names.end(), defaults.begin(), defaults.end());
  }
  if (names.size() != needed) {
    return InvalidArgument("attribute activations: expected ", needed, " names (", defaults.size(),
                           " in each direction), found ", names.size());
  }
  Numbers alphas(attrs.Floats("activation_alpha")), betas(attrs.Floats("activation_beta"));
  std::vector<GateActivation> result;
  for (const std::string& name : names) {
    NOMO_ASSIGN_OR_RETURN(const KindInfo info, FindKind(name));
    const double alpha = alphas.Next(info.has_alpha, info.alpha);
    result.push_back({info.kind, alpha, betas.Next(info.has_beta, info.beta)});
  }
  NOMO_RETURN_IF_ERROR(alphas.CheckAllTaken("activation_alpha"));
  NOMO_RETURN_IF_ERROR(betas.CheckAllTaken("activation_beta"));
  return result;
}

}  // namespace nomograph::nn

#include "nomograph/serialization/keras/calls/numbers.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"

namespace nomograph::keras {
namespace {

using Kind = PyValue::Kind;

struct Function1 {
  absl::string_view name;
  double (*function)(double);
};
constexpr Function1 kFunctions1[] = {
    {"sqrt", [](double x) { return std::sqrt(x); }},
    {"exp", [](double x) { return std::exp(x); }},
    {"log", [](double x) { return std::log(x); }},
    {"log2", [](double x) { return std::log2(x); }},
    {"log10", [](double x) { return std::log10(x); }},
    {"log1p", [](double x) { return std::log1p(x); }},
    {"expm1", [](double x) { return std::expm1(x); }},
    {"sin", [](double x) { return std::sin(x); }},
    {"cos", [](double x) { return std::cos(x); }},
    {"tan", [](double x) { return std::tan(x); }},
    {"tanh", [](double x) { return std::tanh(x); }},
    {"sinh", [](double x) { return std::sinh(x); }},
    {"cosh", [](double x) { return std::cosh(x); }},
    {"erf", [](double x) { return std::erf(x); }},
    {"gamma", [](double x) { return std::tgamma(x); }},
    {"fabs", [](double x) { return std::fabs(x); }},
    {"radians", [](double x) { return x * (M_PI / 180); }},
    {"deg2rad", [](double x) { return x * (M_PI / 180); }},
    {"degrees", [](double x) { return x * (180 / M_PI); }},
    {"rad2deg", [](double x) { return x * (180 / M_PI); }},
};

// Of numbers outside of the functions' domains nothing is computed: Python raises an error there.
std::optional<PyValue> Finite(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  return PyValue::Float(value);
}

std::optional<PyValue> RoundTo(absl::string_view name, bool math, double x) {
  double rounded = 0;
  if (name == "floor") {
    rounded = std::floor(x);
  } else if (name == "ceil") {
    rounded = std::ceil(x);
  } else if (name == "trunc") {
    rounded = std::trunc(x);
  } else {
    return std::nullopt;
  }
  if (!math) return Finite(rounded);
  if (std::fabs(rounded) > 9e18) return std::nullopt;
  return PyValue::Int(static_cast<int64_t>(rounded));
}

std::optional<PyValue> ApplyTwo(absl::string_view name, const PyValue& a, const PyValue& b) {
  const double x = a.AsDouble(), y = b.AsDouble();
  const bool integers = a.is_integer() && b.is_integer();
  if (name == "pow" || (name == "power" && !integers)) return Finite(std::pow(x, y));
  if (name == "log") return Finite(std::log(x) / std::log(y));
  if (name == "atan2" || name == "arctan2") return Finite(std::atan2(x, y));
  if (name == "hypot") return Finite(std::hypot(x, y));
  if (name == "maximum") return x >= y ? a : b;
  if (name == "minimum") return x <= y ? a : b;
  return std::nullopt;
}

std::optional<PyValue> ApplyList(absl::string_view name, const std::vector<PyValue>& items) {
  if (!std::all_of(items.begin(), items.end(), [](const PyValue& x) { return x.is_number(); })) {
    return std::nullopt;
  }
  const bool integers =
      std::all_of(items.begin(), items.end(), [](const PyValue& x) { return x.is_integer(); });
  if (name == "prod" || name == "product" || name == "sum") {
    int64_t product = name == "sum" ? 0 : 1;
    double real = static_cast<double>(product);
    for (const PyValue& item : items) {
      real = name == "sum" ? real + item.AsDouble() : real * item.AsDouble();
      if (integers && (name == "sum" ? __builtin_add_overflow(product, item.number, &product)
                                     : __builtin_mul_overflow(product, item.number, &product))) {
        return std::nullopt;
      }
    }
    if (integers) return PyValue::Int(product);
    return Finite(real);
  }
  if (items.empty()) return std::nullopt;
  const auto less = [](const PyValue& a, const PyValue& b) { return a.AsDouble() < b.AsDouble(); };
  if (name == "max" || name == "amax") return *std::max_element(items.begin(), items.end(), less);
  if (name == "min" || name == "amin") return *std::min_element(items.begin(), items.end(), less);
  if (name == "mean") {
    double sum = 0;
    for (const PyValue& item : items) sum += item.AsDouble();
    return Finite(sum / static_cast<double>(items.size()));
  }
  return std::nullopt;
}

}  // namespace

std::optional<PyValue> ApplyToNumbers(absl::string_view name, absl::Span<const PyValue> arguments) {
  const bool math = absl::StartsWith(name, "math.");
  if (!math && !absl::StartsWith(name, "np.")) return std::nullopt;
  name.remove_prefix(math ? 5 : 3);
  if (arguments.size() == 1 && arguments[0].is_sequence()) {
    return ApplyList(name, arguments[0].heap->items);
  }
  const bool numbers = std::all_of(arguments.begin(), arguments.end(),
                                   [](const PyValue& x) { return x.is_number(); });
  if (!numbers) return std::nullopt;
  if (arguments.size() == 2) return ApplyTwo(name, arguments[0], arguments[1]);
  if (arguments.size() != 1) return std::nullopt;
  const double x = arguments[0].AsDouble();
  for (const Function1& function : kFunctions1) {
    if (function.name == name) return Finite(function.function(x));
  }
  return RoundTo(name, math, x);
}

}  // namespace nomograph::keras

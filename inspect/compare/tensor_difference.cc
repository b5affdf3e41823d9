// One pass over both tensors.
#include "nomograph/inspect/compare/tensor_difference.h"

#include <cmath>
#include <limits>

#include "absl/strings/str_format.h"

namespace nomograph {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class Measure {
 public:
  explicit Measure(const Tolerance& tolerance) : tolerance_(tolerance) {}

  void Add(int64_t index, double found, double expected) {
    AddPair(index, found, expected, found - expected);
  }
  // `difference` where it is known better than from the two.
  void AddPair(int64_t index, double found, double expected, double difference) {
    const bool finite = std::isfinite(found) && std::isfinite(expected);
    if (finite) {
      difference_squares_ += Square(difference);
      found_squares_ += Square(found);
      expected_squares_ += Square(expected);
    }
    const bool equal =
        finite ? difference == 0 : found == expected || (std::isnan(found) && std::isnan(expected));
    if (equal) return;
    difference = finite ? std::fabs(difference) : kInfinity;
    ++result_.differing;
    result_.beyond +=
        !finite || difference > tolerance_.atol + tolerance_.rtol * std::fabs(expected);
    if (result_.worst < 0 || difference > result_.max_abs) {
      result_.max_abs = difference;
      result_.worst = index;
      result_.worst_found = found;
      result_.worst_expected = expected;
    }
  }

  TensorDifference Finish(int64_t elements) {
    result_.elements = elements;
    result_.norm_difference = static_cast<double>(std::sqrt(difference_squares_));
    result_.norm_found = static_cast<double>(std::sqrt(found_squares_));
    result_.norm_expected = static_cast<double>(std::sqrt(expected_squares_));
    result_.cosine = Cosine();
    return result_;
  }

 private:
  // By the law of cosines, which loses no digits where the two are close, as the product would.
  double Cosine() const {
    const double f = result_.norm_found, e = result_.norm_expected, d = result_.norm_difference;
    if (f == 0 || e == 0) return f == e ? 1 : 0;
    const double ratio = f / e, distance = d / e;
    return std::min(1.0, std::max(-1.0, (ratio * ratio + 1 - distance * distance) / (2 * ratio)));
  }

  static long double Square(long double value) { return value * value; }

  const Tolerance tolerance_;
  TensorDifference result_;
  // Their exponents have room for the squares of all doubles.
  long double difference_squares_ = 0, found_squares_ = 0, expected_squares_ = 0;
};

void AddAll(absl::Span<const float> found, absl::Span<const float> expected, Measure& measure) {
  for (size_t i = 0; i < found.size(); ++i) {
    measure.Add(static_cast<int64_t>(i), found[i], expected[i]);
  }
}

// Of integers that doubles do not tell apart, the difference does.
void AddIntegers(absl::Span<const int64_t> found, absl::Span<const int64_t> expected,
                 Measure& measure) {
  for (size_t i = 0; i < found.size(); ++i) {
    const auto a = static_cast<uint64_t>(found[i]), b = static_cast<uint64_t>(expected[i]);
    const uint64_t difference = found[i] > expected[i] ? a - b : b - a;
    measure.AddPair(static_cast<int64_t>(i), static_cast<double>(found[i]),
                    static_cast<double>(expected[i]), static_cast<double>(difference));
  }
}

}  // namespace

std::string Tolerance::ToString() const { return absl::StrFormat("%g + %g|e|", atol, rtol); }

double TensorDifference::relative() const {
  if (differing == 0) return 0;
  if (std::isinf(max_abs) || norm_expected == 0) return kInfinity;
  return norm_difference / norm_expected;
}

TensorDifference MeasureDifference(const Tensor& found, const Tensor& expected,
                                   const Tolerance& tolerance) {
  NOMO_CHECK(found.valid() && expected.valid() && found.shape() == expected.shape());
  Measure measure(tolerance);
  const int64_t count = found.num_elements();
  if (found.dtype() == DType::kFloat32 && expected.dtype() == DType::kFloat32) {
    AddAll(found.data<float>(), expected.data<float>(), measure);
  } else if (found.dtype() == DType::kInt64 && expected.dtype() == DType::kInt64) {
    AddIntegers(found.data<int64_t>(), expected.data<int64_t>(), measure);
  } else {
    for (int64_t i = 0; i < count; ++i) measure.Add(i, found.AsDouble(i), expected.AsDouble(i));
  }
  return measure.Finish(count);
}

}  // namespace nomograph

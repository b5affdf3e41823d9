// Ops that treat every line along an axis by itself, against loops in double over lines: in exact
// mode, and by the loops that serve in its place, on one thread and on several.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/run/session.h"

namespace nomograph {
namespace {

using Line = std::vector<double>;
struct Case {
  std::string op;
  Attributes attrs;
  // What the op makes of a line: one as long, or one number.
  std::function<Line(const Line& x)> line;
  double tolerance = 0;  // of numbers around 1
  // Names the axis in a list.
  bool many_axes = false;
};

Line Running(Line x, bool product, bool exclusive, bool reverse) {
  if (reverse) std::reverse(x.begin(), x.end());
  double total = product ? 1 : 0;
  for (double& v : x) {
    const double before = total;
    total = product ? total * v : total + v;
    v = exclusive ? before : total;
  }
  if (reverse) std::reverse(x.begin(), x.end());
  return x;
}

int64_t Place(const Line& x, bool greatest, bool last) {
  int64_t best = 0;
  for (size_t i = 1; i < x.size(); ++i) {
    const bool equal = x[i] == x[best] || (std::isnan(x[i]) && std::isnan(x[best]));
    const bool ahead =
        !std::isnan(x[best]) && (std::isnan(x[i]) || (greatest ? x[i] > x[best] : x[i] < x[best]));
    if (ahead || (last && equal)) best = static_cast<int64_t>(i);
  }
  return best;
}

Line OneHot(const Line& x) {
  Line y(x.size());
  y[Place(x, true, false)] = 1;
  return y;
}

Line OverNorm(Line x, bool squares) {
  double norm = 0;
  for (const double v : x) norm += squares ? v * v : std::abs(v);
  if (squares) norm = std::sqrt(norm);
  for (double& v : x) v = norm == 0 ? 0 : v / norm;
  return x;
}

double LogSumExp(const Line& x) {
  double sum = 0;
  for (const double v : x) sum += std::exp(v);
  return std::log(sum);
}

Line Softmax(Line x, bool logarithm) {
  double sum = LogSumExp(x);
  if (std::isinf(sum)) sum = std::nan("");
  for (double& v : x) v = logarithm ? v - sum : std::exp(v - sum);
  return x;
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const bool exclusive : {false, true}) {
    for (const bool reverse : {false, true}) {
      const Attributes attrs{{"exclusive", exclusive}, {"reverse", reverse}};
      for (const bool product : {false, true}) {
        cases.push_back({product ? "math.CumProd" : "math.CumSum", attrs,
                         [=](const Line& x) { return Running(x, product, exclusive, reverse); },
                         1e-7});
      }
    }
  }
  for (const bool greatest : {false, true}) {
    for (const bool last : {false, true}) {
      cases.push_back(
          {greatest ? "math.ArgMax" : "math.ArgMin",
           {{"select_last_index", last}},
           [=](const Line& x) { return Line{static_cast<double>(Place(x, greatest, last))}; }});
    }
  }
  cases.push_back({"nn.Hardmax", {}, OneHot});
  for (const int p : {1, 2}) {
    cases.push_back({"nn.LpNormalization",
                     {{"p", p}},
                     [p](const Line& x) { return OverNorm(x, p == 2); },
                     1e-7});
  }
  cases.push_back(
      {"nn.Softmax", {}, [](const Line& x) { return Softmax(x, /*logarithm=*/false); }, 1e-6});
  cases.push_back(
      {"nn.LogSoftmax", {}, [](const Line& x) { return Softmax(x, /*logarithm=*/true); }, 1e-6});
  cases.push_back({"math.ReduceLogSumExp",
                   {},
                   [](const Line& x) { return Line{LogSumExp(x)}; },
                   1e-6,
                   /*many_axes=*/true});
  cases.push_back({"math.ReduceProd",
                   {},
                   [](const Line& x) {
                     return Line{std::accumulate(x.begin(), x.end(), 1.0, std::multiplies<>())};
                   },
                   1e-6,
                   /*many_axes=*/true});
  return cases;
}

// Numbers around -1 and 1, some of them equal; with what is no number every so often.
Tensor Numbers(const Shape& shape, int64_t special_every) {
  Tensor x(DType::kFloat32, shape);
  const auto values = x.mutable_data<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    const uint64_t random = MixKeys(shape.num_elements(), i);
    values[i] = std::ldexp(static_cast<float>(random % 64) + 992.5f, -10);
    if ((random >> 32) % 2 == 0) values[i] = -values[i];
    if (special_every == 0 || i % special_every != 0) continue;
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const float special[] = {std::nanf(""), 0.0f, -0.0f, -kInfinity, kInfinity};
    values[i] = special[i / special_every % 5];
  }
  return x;
}

Tensor Expected(const Case& c, const Tensor& x, int axis) {
  const Shape& shape = x.shape();
  const int64_t size = shape[axis], inner = shape.Strides()[axis];
  Shape y_shape = shape;
  y_shape[axis] = static_cast<int64_t>(c.line(Line(size, 1.0)).size());
  Tensor y(DType::kFloat64, y_shape);
  for (int64_t l = 0; l < shape.num_elements() / size; ++l) {
    const auto at = [&](int64_t of, int64_t i) { return (l / inner * of + i) * inner + l % inner; };
    Line line;
    for (int64_t i = 0; i < size; ++i) line.push_back(x.data<float>()[at(size, i)]);
    const Line result = c.line(line);
    for (int64_t i = 0; i < y_shape[axis]; ++i) {
      y.mutable_data<double>()[at(y_shape[axis], i)] = result[i];
    }
  }
  return y;
}

void ExpectNear(const Tensor& found, const Tensor& expected, double tolerance) {
  ASSERT_EQ(found.shape(), expected.shape());
  const Tensor wide = found.Cast(DType::kFloat64);
  for (int64_t i = 0; i < expected.num_elements(); ++i) {
    const double a = wide.data<double>()[i], b = expected.data<double>()[i];
    if (std::isnan(b)) {
      ASSERT_TRUE(std::isnan(a)) << i << ": " << a;
    } else if (std::isinf(b)) {
      ASSERT_EQ(a, b) << i;
    } else {
      ASSERT_NEAR(a, b, tolerance * (1 + std::abs(b))) << i;
    }
  }
}

TEST(Lines, AreWhatTheDefinitionMakesOfEach) {
  const Shape shapes[] = {{1, 1}, {7}, {3, 50}, {2, 5, 37}, {3, 2, 300}, {70, 3, 2}, {50, 45, 40}};
  for (const Case& c : Cases()) {
    for (const Shape& shape : shapes) {
      for (int axis = 0; axis < shape.rank(); ++axis) {
        Attributes attrs = c.attrs;
        if (c.many_axes) {
          attrs.Set("axes", std::vector<int64_t>{axis});
        } else {
          attrs.Set("axis", axis);
        }
        const Value x = InputValue({DType::kFloat32, PartialShape(shape)}, "x");
        const auto model = BuildModel({x}, {Call(c.op, {x}, attrs)});
        ASSERT_TRUE(model.ok()) << model.status();
        for (const int special_every : {0, 17}) {
          const Tensor numbers = Numbers(shape, special_every);
          const Tensor expected = Expected(c, numbers, axis);
          for (const int threads : {0, 1, 3}) {  // 0: in exact mode
            SCOPED_TRACE(testing::Message() << c.op << " " << attrs.ToString() << " of "
                                            << shape.ToString() << ", threads " << threads);
            const auto session =
                Session::Create(*model, {.exact = threads == 0, .threads = std::max(threads, 1)});
            ASSERT_TRUE(session.ok()) << session.status();
            const auto y = (*session)->Run(numbers);
            ASSERT_TRUE(y.ok()) << y.status();
            ExpectNear(*y, expected, c.tolerance);
          }
        }
      }
    }
  }
}

// Numbers whose sums and squares float32 does not hold.
TEST(Lines, OfVeryLargeAndSmallNumbers) {
  const struct {
    std::string op;
    std::vector<float> x, y;
  } cases[] = {
      {"nn.LpNormalization", {3e38f, 0, -3e38f, 0}, {0.70710678f, 0, -0.70710678f, 0}},
      {"nn.LpNormalization", {1e-44f, 0, 0, 0}, {1, 0, 0, 0}},
      {"nn.LpNormalization", {0, -0.0f, 0, 0}, {0, 0, 0, 0}},
      {"nn.Softmax", {-3e38f, 3e38f, 0, 3e38f}, {0, 0.5f, 0, 0.5f}},
      {"nn.LogSoftmax", {-200, 0, -1000, -300}, {-200, 0, -1000, -300}},
  };
  for (const auto& c : cases) {
    for (const bool exact : {true, false}) {
      for (const Shape& shape : {Shape{1, 4}, Shape{4, 1}, Shape{4, 9}}) {
        const int axis = shape[0] == 4 ? 0 : 1;
        const int64_t inner = shape.num_elements() / 4;
        std::vector<float> x, y;
        for (int64_t i = 0; i < shape.num_elements(); ++i) {
          x.push_back(c.x[i / inner]);
          y.push_back(c.y[i / inner]);
        }
        const Value input = InputValue({DType::kFloat32, PartialShape(shape)}, "x");
        const auto model = BuildModel({input}, {Call(c.op, {input}, {{"axis", axis}})});
        ASSERT_TRUE(model.ok()) << model.status();
        const auto session = Session::Create(*model, {.exact = exact, .threads = 1});
        ASSERT_TRUE(session.ok()) << session.status();
        const auto found = (*session)->Run(Tensor::Of<float>(shape, x));
        ASSERT_TRUE(found.ok()) << found.status();
        SCOPED_TRACE(testing::Message() << c.op << ", exact " << exact << ", " << shape.ToString());
        ExpectNear(*found, Tensor::Of<float>(shape, y).Cast(DType::kFloat64), 1e-6);
      }
    }
  }
}

}  // namespace
}  // namespace nomograph

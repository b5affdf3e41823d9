// Errors against long double, special values of C99 Annex F, and frozen bits.
#include "nomograph/core/numeric/exact_math.h"

#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <ios>
#include <limits>
#include <ostream>
#include <string>

#include "gtest/gtest.h"

namespace nomograph::exact {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kSmallest = std::numeric_limits<double>::denorm_min();
constexpr double kLargest = std::numeric_limits<double>::max();
constexpr double kPi = 0x1.921fb54442d18p+1;

uint64_t Bits(double x) { return std::bit_cast<uint64_t>(x); }

// A fixed sequence of numbers (splitmix64).
class Generator {
 public:
  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  double Uniform(double low, double high) {
    // volatile: a fused multiply-add would make other arguments on other machines.
    const volatile double offset = (high - low) * (static_cast<double>(Next() >> 11) * 0x1p-53);
    return low + offset;
  }

  // Of either sign, with an exponent in [low, high); exponent -1023 stands for all subnormals.
  double Magnitude(int low, int high) {
    const uint64_t exponent =
        static_cast<uint64_t>(low + 1023) + Next() % static_cast<uint64_t>(high - low);
    return std::bit_cast<double>((Next() & 0x800fffffffffffff) | exponent << 52);
  }

 private:
  uint64_t state_ = 1;
};

// |got - want| in units in the last place of a double near `want`.
double UlpError(double got, long double want) {
  const double rounded = static_cast<double>(want);
  if (std::isnan(rounded) || std::isinf(rounded) || std::isinf(got)) {
    return got == rounded || (std::isnan(got) && std::isnan(rounded)) ? 0 : kInf;
  }
  const int exponent = std::fabs(rounded) < DBL_MIN ? -1022 : std::ilogb(rounded);
  return static_cast<double>(std::fabs(got - want) / std::ldexp(1.0L, exponent - 52));
}

// The bounds that exact_math.h states, in ulp.
double MaxError(long double want) { return std::fabs(want) < DBL_MIN ? 1 : 0.75; }

// The errors can be seen where long double is wider than double. Elsewhere DigestOfManyResults
// shows that the results are those of a machine where they were seen.
constexpr bool kReferenceIsWider = LDBL_MANT_DIG >= 64;

// Fewer values where they take long: without optimisation, or with a long double in software.
#if defined(__OPTIMIZE__) && LDBL_MANT_DIG == 64
constexpr int kValues = 200000;
#else
constexpr int kValues = 40000;
#endif

using Function = double (*)(double);

struct Unary {
  const char* name;
  Function exact;
  long double (*reference)(long double);
  // Half of the arguments are uniform in [low, high], half have exponents in
  // [min_exponent, max_exponent), so that all magnitudes occur.
  double low, high;
  int min_exponent, max_exponent;

  double Argument(Generator& generator) const {
    if (generator.Next() % 2 == 0) return generator.Uniform(low, high);
    const double x = generator.Magnitude(min_exponent, max_exponent);
    return low >= 0 ? std::fabs(x) : x;
  }
};

void PrintTo(const Unary& unary, std::ostream* os) { *os << unary.name; }

const Unary kUnary[] = {
    {"Exp", Exp, std::exp, -746, 710, -1023, 10},
    {"Exp2", Exp2, std::exp2, -1076, 1024, -1023, 11},
    {"Expm1", Expm1, std::expm1, -2, 2, -1023, 10},
    {"Log", Log, std::log, 0.3, 3, -1023, 1024},
    {"Log2", Log2, std::log2, 0.3, 3, -1023, 1024},
    {"Log10", Log10, std::log10, 0.3, 3, -1023, 1024},
    {"Log1p", Log1p, std::log1p, -1, 2, -1023, 1024},
    {"Sin", Sin, std::sin, -20, 20, -1023, 1024},
    {"Cos", Cos, std::cos, -20, 20, -1023, 1024},
    {"Tan", Tan, std::tan, -20, 20, -1023, 1024},
    {"Asin", Asin, std::asin, -1, 1, -1023, 0},
    {"Acos", Acos, std::acos, -1, 1, -1023, 0},
    {"Atan", Atan, std::atan, -4, 4, -1023, 1024},
    {"Sinh", Sinh, std::sinh, -2, 2, -1023, 10},
    {"Cosh", Cosh, std::cosh, -2, 2, -1023, 10},
    {"Tanh", Tanh, std::tanh, -2, 2, -1023, 6},
    {"Asinh", Asinh, std::asinh, -2, 2, -1023, 1024},
    {"Acosh", Acosh, std::acosh, 1, 3, 0, 1024},
    {"Atanh", Atanh, std::atanh, -1, 1, -1023, 0},
    {"Erf", Erf, std::erf, -7, 7, -1023, 4},
    {"Erfc", Erfc, std::erfc, -7, 28, -1023, 5},
};

class UnaryTest : public testing::TestWithParam<Unary> {};

TEST_P(UnaryTest, IsWithinBoundOfLongDouble) {
  if (!kReferenceIsWider) GTEST_SKIP() << "long double is no wider than double";
  const Unary& unary = GetParam();
  Generator generator;
  for (int i = 0; i < kValues; ++i) {
    const double x = unary.Argument(generator);
    const long double want = unary.reference(x);
    const double error = UlpError(unary.exact(x), want);
    ASSERT_LE(error, MaxError(want)) << std::hexfloat << unary.name << '(' << x << ')';
  }
}

TEST_P(UnaryTest, MapsNanToTheOneNan) {
  for (const uint64_t bits : {0x7ff8000000000000u, 0xfff8000000000000u, 0x7ff8000000001234u}) {
    EXPECT_EQ(Bits(GetParam().exact(std::bit_cast<double>(bits))), 0x7ff8000000000000u);
  }
}

INSTANTIATE_TEST_SUITE_P(All, UnaryTest, testing::ValuesIn(kUnary),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(ExactMathTest, PowIsWithinBoundOfLongDouble) {
  if (!kReferenceIsWider) GTEST_SKIP() << "long double is no wider than double";
  Generator generator;
  for (int i = 0; i < kValues; ++i) {
    const double x = i % 2 == 0 ? generator.Uniform(0, 4)  //
                                : std::fabs(generator.Magnitude(-1023, 1024));
    const double limit = std::fabs(746 / std::log(x));
    const double y = i % 16 == 0 ? generator.Magnitude(-1023, 1024)  //
                                 : generator.Uniform(-limit, limit);
    const long double want = std::pow(static_cast<long double>(x), static_cast<long double>(y));
    ASSERT_LE(UlpError(Pow(x, y), want), MaxError(want)) << std::hexfloat << x << ", " << y;
  }
}

TEST(ExactMathTest, Atan2IsWithinBoundOfLongDouble) {
  if (!kReferenceIsWider) GTEST_SKIP() << "long double is no wider than double";
  Generator generator;
  for (int i = 0; i < kValues; ++i) {
    const double x = generator.Magnitude(-1023, 1024);
    const double y =
        i % 4 == 0 ? generator.Magnitude(-1023, 1024) : x * generator.Magnitude(-32, 32);
    const long double want = std::atan2(static_cast<long double>(y), static_cast<long double>(x));
    ASSERT_LE(UlpError(Atan2(y, x), want), MaxError(want)) << std::hexfloat << y << ", " << x;
  }
}

// Where the reduction of the argument cancels most.
TEST(ExactMathTest, MultiplesOfHalfPi) {
  if (!kReferenceIsWider) GTEST_SKIP() << "long double is no wider than double";
  for (int i = 1; i < 10000; ++i) {
    const double x = std::ldexp(i * (kPi / 2), i % 7 == 0 ? i / 10 : 0);
    const long double wide = x;
    ASSERT_LE(UlpError(Sin(x), std::sin(wide)), 0.75) << std::hexfloat << x;
    ASSERT_LE(UlpError(Cos(x), std::cos(wide)), 0.75) << std::hexfloat << x;
    ASSERT_LE(UlpError(Tan(x), std::tan(wide)), 0.75) << std::hexfloat << x;
  }
}

TEST(ExactMathTest, OddFunctions) {
  Generator generator;
  for (const Function f : {Sin, Tan, Asin, Atan, Sinh, Tanh, Asinh, Atanh, Erf}) {
    EXPECT_EQ(Bits(f(0.0)), Bits(0.0));
    EXPECT_EQ(Bits(f(-0.0)), Bits(-0.0));
    EXPECT_EQ(Bits(f(-kSmallest)), Bits(-f(kSmallest)));
    for (int i = 0; i < 1000; ++i) {
      const double x = generator.Uniform(0, 1);
      ASSERT_EQ(Bits(f(-x)), Bits(-f(x))) << std::hexfloat << x;
    }
  }
}

TEST(ExactMathTest, SpecialValues) {
  struct Case {
    const char* name;
    Function f;
    double x, want;
  };
  const Case cases[] = {
      {"Exp", Exp, 0.0, 1},
      {"Exp", Exp, -0.0, 1},
      {"Exp", Exp, kSmallest, 1},
      {"Exp", Exp, kInf, kInf},
      {"Exp", Exp, -kInf, 0},
      {"Exp", Exp, kLargest, kInf},
      {"Exp", Exp, -kLargest, 0},
      {"Exp", Exp, 0x1.62e42fefa39efp+9, 0x1.fffffffffff2ap+1023},  // the last that is finite
      {"Exp", Exp, 0x1.62e42fefa39f0p+9, kInf},
      {"Exp", Exp, -0x1.74910d52d3051p+9, kSmallest},  // the last that is not 0
      {"Exp", Exp, -0x1.74910d52d3052p+9, 0},
      {"Exp2", Exp2, -0.0, 1},
      {"Exp2", Exp2, 10, 1024},
      {"Exp2", Exp2, 1023, 0x1p1023},
      {"Exp2", Exp2, 1024, kInf},
      {"Exp2", Exp2, -1074, kSmallest},
      {"Exp2", Exp2, -1075, 0},
      {"Exp2", Exp2, kInf, kInf},
      {"Exp2", Exp2, -kInf, 0},
      {"Expm1", Expm1, 0.0, 0.0},
      {"Expm1", Expm1, -0.0, -0.0},
      {"Expm1", Expm1, -kSmallest, -kSmallest},
      {"Expm1", Expm1, kInf, kInf},
      {"Expm1", Expm1, 710, kInf},
      {"Expm1", Expm1, -kInf, -1},
      {"Log", Log, 0.0, -kInf},
      {"Log", Log, -0.0, -kInf},
      {"Log", Log, 1, 0.0},
      {"Log", Log, kInf, kInf},
      {"Log", Log, -kSmallest, kNan},
      {"Log", Log, -kInf, kNan},
      {"Log2", Log2, 0.0, -kInf},
      {"Log2", Log2, 1, 0.0},
      {"Log2", Log2, kSmallest, -1074},
      {"Log2", Log2, 0x1p1023, 1023},
      {"Log2", Log2, kInf, kInf},
      {"Log2", Log2, -1, kNan},
      {"Log10", Log10, -0.0, -kInf},
      {"Log10", Log10, 1, 0.0},
      {"Log10", Log10, 1e22, 22},
      {"Log10", Log10, kInf, kInf},
      {"Log10", Log10, -1, kNan},
      {"Log1p", Log1p, 0.0, 0.0},
      {"Log1p", Log1p, -0.0, -0.0},
      {"Log1p", Log1p, -kSmallest, -kSmallest},
      {"Log1p", Log1p, -1, -kInf},
      {"Log1p", Log1p, -0x1.0000000000001p0, kNan},
      {"Log1p", Log1p, kInf, kInf},
      {"Sin", Sin, kInf, kNan},
      {"Sin", Sin, -kInf, kNan},
      {"Cos", Cos, -0.0, 1},
      {"Cos", Cos, kSmallest, 1},
      {"Cos", Cos, kInf, kNan},
      {"Tan", Tan, -kInf, kNan},
      {"Asin", Asin, 1, kPi / 2},
      {"Asin", Asin, -1, -kPi / 2},
      {"Asin", Asin, 0x1.0000000000001p0, kNan},
      {"Asin", Asin, kInf, kNan},
      {"Acos", Acos, 1, 0.0},
      {"Acos", Acos, -1, kPi},
      {"Acos", Acos, -0.0, kPi / 2},
      {"Acos", Acos, kSmallest, kPi / 2},
      {"Acos", Acos, -kInf, kNan},
      {"Atan", Atan, 1, kPi / 4},
      {"Atan", Atan, kInf, kPi / 2},
      {"Atan", Atan, -kInf, -kPi / 2},
      {"Atan", Atan, kLargest, kPi / 2},
      {"Sinh", Sinh, kInf, kInf},
      {"Sinh", Sinh, -kInf, -kInf},
      {"Sinh", Sinh, -711, -kInf},
      {"Cosh", Cosh, -0.0, 1},
      {"Cosh", Cosh, -kInf, kInf},
      {"Cosh", Cosh, -711, kInf},
      {"Tanh", Tanh, kInf, 1},
      {"Tanh", Tanh, -kInf, -1},
      {"Asinh", Asinh, kInf, kInf},
      {"Asinh", Asinh, -kInf, -kInf},
      {"Acosh", Acosh, 1, 0.0},
      {"Acosh", Acosh, 0x1.fffffffffffffp-1, kNan},
      {"Acosh", Acosh, kInf, kInf},
      {"Acosh", Acosh, -kInf, kNan},
      {"Atanh", Atanh, 1, kInf},
      {"Atanh", Atanh, -1, -kInf},
      {"Atanh", Atanh, 1.5, kNan},
      {"Atanh", Atanh, -kInf, kNan},
      {"Erf", Erf, kInf, 1},
      {"Erf", Erf, -kInf, -1},
      {"Erfc", Erfc, -0.0, 1},
      {"Erfc", Erfc, kInf, 0.0},
      {"Erfc", Erfc, -kInf, 2},
      {"Erfc", Erfc, 30, 0.0},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Bits(c.f(c.x)), Bits(c.want)) << c.name << '(' << c.x << ") = " << c.f(c.x);
  }
}

TEST(ExactMathTest, PowSpecialValues) {
  struct Case {
    double x, y, want;
  };
  const Case cases[] = {
      {0.0, -3, kInf},
      {-0.0, -3, -kInf},
      {0.0, -2, kInf},
      {-0.0, -2, kInf},
      {-0.0, -2.5, kInf},
      {-0.0, -kInf, kInf},
      {0.0, 3, 0.0},
      {-0.0, 3, -0.0},
      {-0.0, 2, 0.0},
      {-0.0, 2.5, 0.0},
      {-0.0, 0x1.fffffffffffffp52, -0.0},
      {-0.0, 0x1p53, 0.0},
      {-1, kInf, 1},
      {-1, -kInf, 1},
      {-1, 0x1.fffffffffffffp52, -1},
      {-1, kLargest, 1},
      {1, kNan, 1},
      {1, -kInf, 1},
      {kNan, 0.0, 1},
      {kNan, -0.0, 1},
      {kInf, -0.0, 1},
      {0.0, 0.0, 1},
      {kNan, 1, kNan},
      {-kNan, 1, kNan},
      {2, kNan, kNan},
      {0.0, kNan, kNan},
      {-8, 1.0 / 3, kNan},
      {-kSmallest, 0.5, kNan},
      {0.5, -kInf, kInf},
      {-0.5, -kInf, kInf},
      {0.5, kInf, 0.0},
      {-0.5, kInf, 0.0},
      {-2, -kInf, 0.0},
      {2, -kInf, 0.0},
      {-2, kInf, kInf},
      {2, kInf, kInf},
      {0.0, kInf, 0.0},
      {-kInf, -3, -0.0},
      {-kInf, -2, 0.0},
      {-kInf, -2.5, 0.0},
      {-kInf, 3, -kInf},
      {-kInf, 2, kInf},
      {-kInf, 2.5, kInf},
      {kInf, -kSmallest, 0.0},
      {kInf, kSmallest, kInf},
      {kLargest, kSmallest, 1},
      {2, -1074, kSmallest},
      {-2, -1073, -2 * kSmallest},
      {2, 1024, kInf},
      {-2, 1025, -kInf},
      {-2, -1077, -0.0},
      {3, 2, 9},
      {-3, 3, -27},
      {10, 22, 1e22},
      {kSmallest, 1, kSmallest},
      {kLargest, 1, kLargest},
      {kLargest, kLargest, kInf},
      {kSmallest, kLargest, 0.0},
      {0x1p-1074, -0.5, 0x1p537},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Bits(Pow(c.x, c.y)), Bits(c.want)) << c.x << ", " << c.y << ": " << Pow(c.x, c.y);
  }
}

TEST(ExactMathTest, Atan2SpecialValues) {
  struct Case {
    double y, x, want;
  };
  const Case cases[] = {
      {0.0, 0.0, 0.0},
      {0.0, -0.0, kPi},
      {0.0, kSmallest, 0.0},
      {0.0, -1, kPi},
      {0.0, kInf, 0.0},
      {1, 0.0, kPi / 2},
      {1, -0.0, kPi / 2},
      {1, kInf, 0.0},
      {1, -kInf, kPi},
      {kInf, 1, kPi / 2},
      {kInf, -kLargest, kPi / 2},
      {kInf, kInf, kPi / 4},
      {kInf, -kInf, 0x1.2d97c7f3321d2p+1},  // 3 pi / 4
      {1, 1, kPi / 4},
      {kSmallest, kSmallest, kPi / 4},
      {kLargest, kLargest, kPi / 4},
      {kSmallest, kLargest, 0.0},
      {kSmallest, -kLargest, kPi},
      {kLargest, kSmallest, kPi / 2},
      {kSmallest, 1, kSmallest},
      {kNan, 1, kNan},
      {1, kNan, kNan},
      {kNan, kInf, kNan},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Bits(Atan2(c.y, c.x)), Bits(c.want)) << c.y << ", " << c.x;
    if (std::isnan(c.want)) continue;
    EXPECT_EQ(Bits(Atan2(-c.y, c.x)), Bits(-c.want)) << -c.y << ", " << c.x;
  }
}

TEST(ExactMathTest, PowersAreExact) {
  for (int i = -1074; i < 1024; ++i) {
    ASSERT_EQ(Exp2(i), std::ldexp(1.0, i));
    ASSERT_EQ(Pow(2, i), std::ldexp(1.0, i));
    ASSERT_EQ(Log2(std::ldexp(1.0, i)), i);
  }
  double power = 1;
  for (int i = 0; i <= 22; ++i, power *= 10) {
    EXPECT_EQ(Log10(power), i);
    EXPECT_EQ(Pow(10, i), power);
  }
}

// Steps through neighbouring doubles where an implementation changes its method.
TEST(ExactMathTest, IsMonotonicAcrossSeams) {
  struct Case {
    const char* name;
    Function f;
    double x;
  };
  const Case cases[] = {
      {"Exp", Exp, 0x1.62e42fefa39efp-2},
      {"Exp", Exp, -0x1.62e42fefa39efp-2},
      {"Exp2", Exp2, 0.5},
      {"Expm1", Expm1, 0x1.62e42fefa39efp-2},
      {"Expm1", Expm1, 0x1p-54},
      {"Expm1", Expm1, 40},
      {"Log", Log, 0x1.6a09e667f3bcdp-1},
      {"Log", Log, 0x1.6a09e667f3bcdp0},
      {"Log", Log, 1},
      {"Log2", Log2, 0x1.6a09e667f3bcdp0},
      {"Log10", Log10, 0x1.6a09e667f3bcdp-1},
      {"Log1p", Log1p, 0x1.6a09e667f3bcdp-1},
      {"Sin", Sin, 0x1p-28},
      {"Sin", Sin, kPi / 4},
      {"Tan", Tan, kPi / 4},
      {"Asin", Asin, 0x1p-28},
      {"Asin", Asin, 0.5},
      {"Atan", Atan, 0x1p-28},
      {"Atan", Atan, 0.236},
      {"Atan", Atan, 0.72},
      {"Atan", Atan, 1},
      {"Sinh", Sinh, 0x1p-28},
      {"Sinh", Sinh, 20},
      {"Cosh", Cosh, 20},
      {"Tanh", Tanh, 0x1p-28},
      {"Tanh", Tanh, 20},
      {"Asinh", Asinh, 0x1p-28},
      {"Asinh", Asinh, 0x1p30},
      {"Acosh", Acosh, 0x1p30},
      {"Atanh", Atanh, 0x1p-28},
      {"Erf", Erf, 0x1p-28},
      {"Erf", Erf, 0.75},
      {"Erf", Erf, 6},
  };
  for (const Case& c : cases) {
    double x = c.x;
    for (int i = 0; i < 500; ++i) x = std::nextafter(x, -kInf);
    for (int i = 0; i < 1000; ++i) {
      const double next = std::nextafter(x, kInf);
      ASSERT_LE(c.f(x), c.f(next)) << c.name << std::hexfloat << ' ' << x;
      x = next;
    }
  }
}

// True values, rounded to double, from mpmath with 50 digits (those of huge angles with 400):
//   python3 -c 'import mpmath as m; m.mp.dps = 50; print(float(m.exp(m.mpf(1.0))).hex())'
TEST(ExactMathTest, FrozenBits) {
  struct Case {
    const char* name;
    Function f;
    double x, want;
  };
  const Case cases[] = {
      {"Exp", Exp, 1.0, 0x1.5bf0a8b145769p+1},
      {"Exp", Exp, -0.1, 0x1.cf46d99d52b3ap-1},
      {"Exp", Exp, 709.5, 0x1.81e9b4b52d0c9p+1023},
      {"Exp", Exp, -740.0, 0x0.0000000000055p-1022},
      {"Exp2", Exp2, 0.5, 0x1.6a09e667f3bcdp+0},
      {"Exp2", Exp2, -1000.3, 0x1.9fdf8bcce5424p-1001},
      {"Expm1", Expm1, 1e-10, 0x1.b7cdfd9dda4e3p-34},
      {"Expm1", Expm1, -0.4, -0x1.51979f31b1e25p-2},
      {"Expm1", Expm1, 3.0, 0x1.315e5bf6fb106p+4},
      {"Log", Log, 3.0, 0x1.193ea7aad030bp+0},
      {"Log", Log, 0x1.fffffffffffffp-1, -0x1.0p-53},
      {"Log", Log, 5e-324, -0x1.74385446d71c3p+9},
      {"Log2", Log2, 3.0, 0x1.95c01a39fbd68p+0},
      {"Log2", Log2, 1.0001, 0x1.2e8a3a5041f41p-13},
      {"Log10", Log10, 2.0, 0x1.34413509f79ffp-2},
      {"Log10", Log10, 1e-300, -0x1.2c00000000000p+8},
      {"Log1p", Log1p, 1e-10, 0x1.b7cdfd9d1d693p-34},
      {"Log1p", Log1p, -0.3, -0x1.6d3c324e13f4ep-2},
      {"Sin", Sin, 1.0, 0x1.aed548f090ceep-1},
      {"Sin", Sin, 1e22, -0x1.b453ab76bf397p-1},
      {"Sin", Sin, 1e300, -0x1.a2c16b010e385p-1},
      {"Sin", Sin, 0x1.6ac5b262ca1ffp+849, 0x1.0p+0},
      {"Cos", Cos, 2.0, -0x1.aa22657537205p-2},
      {"Cos", Cos, 1e300, -0x1.2699022adc4c1p-1},
      {"Cos", Cos, 0x1.6ac5b262ca1ffp+849, -0x1.14ae72e6ba22fp-61},
      {"Tan", Tan, 1.5, 0x1.c33ed50b88777p+3},
      {"Tan", Tan, -1e300, -0x1.6be411f37ac77p+0},
      {"Asin", Asin, 0.5, 0x1.0c152382d7366p-1},
      {"Asin", Asin, -0.999, -0x1.86ac9ad18f803p+0},
      {"Acos", Acos, 0.5, 0x1.0c152382d7366p+0},
      {"Acos", Acos, -0.3, 0x1.e0200bbc96ad8p+0},
      {"Acos", Acos, 0x1.fffffffffffffp-1, 0x1.0p-26},
      {"Atan", Atan, 0.3, 0x1.2a73a661eaf06p-2},
      {"Atan", Atan, -7.0, -0x1.6dcc57bb565fdp+0},
      {"Sinh", Sinh, 0.1, 0x1.9a487337b59b3p-4},
      {"Sinh", Sinh, 20.5, 0x1.7d6c4f0bcdd5cp+28},
      {"Cosh", Cosh, 0.7, 0x1.4152c1862342fp+0},
      {"Cosh", Cosh, -100.0, 0x1.3494a9b171bf5p+143},
      {"Tanh", Tanh, 0.001, 0x1.0624d77516ce2p-10},
      {"Tanh", Tanh, -1.5, -0x1.cf6f9786df577p-1},
      {"Asinh", Asinh, 0.01, 0x1.47acae9508b07p-7},
      {"Asinh", Asinh, -1e200, -0x1.cd35cd6cad20fp+8},
      {"Acosh", Acosh, 1.0000001, 0x1.d4effc065cae4p-12},
      {"Acosh", Acosh, 10.0, 0x1.7f21ed1ce05d4p+1},
      {"Atanh", Atanh, 0.2, 0x1.9f323ecbf984cp-3},
      {"Atanh", Atanh, -0.9999, -0x1.3ce8f5de1814dp+2},
      {"Erf", Erf, 0.3, 0x1.50838881dea0fp-2},
      {"Erf", Erf, -1.5, -0x1.eea5557137ae0p-1},
      {"Erfc", Erfc, 0.7, 0x1.49ee7bdd1d374p-2},
      {"Erfc", Erfc, 5.0, 0x1.b0c1a759f7739p-40},
      {"Erfc", Erfc, 26.7, 0x0.000f78e200288p-1022},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Bits(c.f(c.x)), Bits(c.want)) << c.name << std::hexfloat << '(' << c.x << ')';
  }
  EXPECT_EQ(Pow(2.5, 3.7), 0x1.dac93f32d18ddp+4);
  EXPECT_EQ(Pow(0x1.fffffffffffffp-1, 1e15), 0x1.ca32cbada6c6ap-1);
  EXPECT_EQ(Pow(10.0, -300.5), 0x1.b1b75833790cap-999);
  EXPECT_EQ(Pow(-3.0, 33.0), -0x1.3bfefa65abb83p+52);
  EXPECT_EQ(Pow(1.5, -1800.0), 0x0.0000000218862p-1022);
  EXPECT_EQ(Atan2(1.0, -3.0), 0x1.68f095fdf593cp+1);
  EXPECT_EQ(Atan2(-2.0, 5.0), -0x1.85a376b677dc0p-2);
}

// One number for many bits: it must be the same on every machine, compiler and level of
// optimisation. A change of it is a change of the results of exact mode.
TEST(ExactMathTest, DigestOfManyResults) {
  uint64_t digest = 0;
  const auto add = [&digest](double result) {
    digest = (std::rotl(digest, 5) ^ Bits(result)) * 0x9e3779b97f4a7c15;
  };
  Generator generator;
  for (const Unary& unary : kUnary) {
    for (int i = 0; i < 2000; ++i) add(unary.exact(unary.Argument(generator)));
  }
  for (int i = 0; i < 2000; ++i) {
    const double x = generator.Magnitude(-4, 4);
    const double y = generator.Magnitude(-4, 8);
    add(Pow(std::fabs(x), y));
    add(Atan2(y, x));
  }
  EXPECT_EQ(digest, uint64_t{0x3e640fbbb630056b});
}

}  // namespace
}  // namespace nomograph::exact

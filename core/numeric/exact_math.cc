#include "nomograph/core/numeric/exact_math.h"

#include <array>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

// Most functions are evaluated in double-double arithmetic (an unevaluated sum of two doubles,
// about 106 bits) where an error would be magnified, and in double where a term is so small that
// its error does not matter. That makes the plain textbook formulas accurate, without tables.
// Polynomials are Taylor series unless stated.
//
// Sources:
//   T. J. Dekker, "A floating-point technique for extending the available precision", 1971.
//   M. Joldes, J.-M. Muller, V. Popescu, "Tight and rigorous error bounds for basic building blocks
//     of double-word arithmetic", 2017.
//   W. J. Cody, W. Waite, "Software Manual for the Elementary Functions", 1980.
//   M. Payne, R. Hanek, "Radian reduction for trigonometric functions", 1983.
//   M. Shepherd, J. Laframboise, "Chebyshev approximation of (1+2x)exp(x^2)erfc x", 1981.
//   M. Abramowitz, I. Stegun, "Handbook of Mathematical Functions", 1964 (below: A&S).

// The error terms of double-double arithmetic need every operation rounded on its own, as written.
// The build should pass -ffp-contract=off. The pragmas keep the bits right where it does not, but
// for clang with -ffp-contract=fast, which overrides them (the test's digest would show it).
#if defined(__FAST_MATH__)
#error "exact_math.cc must not be compiled with -ffast-math"
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#elif defined(_MSC_VER)
#pragma fp_contract(off)
#endif
static_assert(FLT_EVAL_METHOD == 0, "needs double arithmetic without excess precision");
static_assert(std::numeric_limits<double>::is_iec559, "needs IEEE-754 double");

#include "nomograph/core/numeric/double_double.h"

namespace nomograph::exact {
namespace {

using namespace internal;

// ---- Exponentials ----

// The value mantissa * 2^exponent.
struct Scaled {
  DoubleDouble mantissa;
  int exponent;
};

double Round(const Scaled& s) { return Scale(s.mantissa.hi, s.exponent); }

// exp(r) - 1 for |r| <= 0.35. The relative error is about 2^-57.
DoubleDouble Expm1Series(DoubleDouble r) {
  static constexpr auto kTail = Series<13>([](int n) { return 1 / Factorial(n + 3); });
  const DoubleDouble square = r * r;
  const double tail = r.hi * square.hi * Polynomial(r.hi, kTail);
  return r + (Times(square, 0.5) + tail);
}

// {exp(r) - 1, k} where x = k ln 2 + r, |r| <= ln(2) / 2. REQUIRES: |x| < 1100.
Scaled Expm1Reduced(DoubleDouble x) {
  const int k = Nearest(x.hi * kOneOverLn2.hi);
  return {Expm1Series(x - kLn2 * k), k};
}

// exp(x). REQUIRES: |x| < 1100.
Scaled ExpScaled(DoubleDouble x) {
  const Scaled expm1 = Expm1Reduced(x);
  return {expm1.mantissa + 1, expm1.exponent};
}

// exp(x) - 1. REQUIRES: |x| < 50.
DoubleDouble Expm1Wide(DoubleDouble x) {
  const Scaled expm1 = Expm1Reduced(x);
  const double power = PowerOfTwo(expm1.exponent);
  return Times(expm1.mantissa, power) + TwoSum(power, -1);
}

// From here on sinh, cosh and tanh cannot tell exp(-2x) from 0.
constexpr double kExpNegligible = 20;

// exp(x) / 2, which does not overflow before it must.
double HalfExp(double x) {
  const Scaled exp = ExpScaled(x);
  return Scale(exp.mantissa.hi, exp.exponent - 1);
}

// ---- Logarithms ----

// log x = k ln 2 + log_m.
struct LogParts {
  int k;
  DoubleDouble log_m;
};

// log m = 2 atanh(s) = 2 (s + s^3/3 + s^5/5 + ...), s = (m - 1) / (m + 1) (A&S 4.1.27), where
// x = 2^k m, sqrt(1/2) <= m <= sqrt(2). The relative error of log_m is below 2^-70: Pow magnifies
// it by up to 745. REQUIRES: x is positive and finite.
LogParts SplitLog(DoubleDouble x) {
  static constexpr auto kTail = Series<10>([](int n) { return 1.0 / (2 * n + 9); });
  static constexpr DoubleDouble kThird = DoubleDouble(1) / 3;
  static constexpr DoubleDouble kFifth = DoubleDouble(1) / 5;
  static constexpr DoubleDouble kSeventh = DoubleDouble(1) / 7;
  const bool subnormal = x.hi < DBL_MIN;
  if (subnormal) x = Times(x, 0x1p54);
  int k = Exponent(x.hi);
  if (Scale(x.hi, -k) > 0x1.6a09e667f3bcdp0) ++k;  // sqrt(2)
  const DoubleDouble m = {Scale(x.hi, -k), Scale(x.lo, -k)};
  const DoubleDouble s = (m - 1) / (m + 1);
  const DoubleDouble z = s * s;
  DoubleDouble sum = z * Polynomial(z.hi, kTail) + kSeventh;
  sum = z * sum + kFifth;
  sum = z * sum + kThird;
  sum = z * sum + 1;
  return {subnormal ? k - 54 : k, Times(s * sum, 2)};
}

DoubleDouble LogWide(DoubleDouble x) {
  const LogParts parts = SplitLog(x);
  return kLn2 * parts.k + parts.log_m;
}

// Whether a logarithm of x is not a finite number, and then what it is.
bool IsLogSpecial(double x, double* result) {
  if (x > 0 && x < kInf) return false;
  *result = x == 0 ? -kInf : x > 0 ? kInf : kNan;
  return true;
}

// ---- Powers ----

// |x|^y where y is infinite or |x| is zero or infinite, for |x| != 1.
double PowLimit(double abs_x, double y) { return (abs_x > 1) == (y > 0) ? kInf : 0; }

// x^y for positive finite x != 1 and finite y.
double PowPositive(double x, double y) {
  const DoubleDouble log = LogWide(x);
  const double estimate = log.hi * y;
  if (estimate > 710) return kInf;
  if (estimate < -746) return 0;
  return Round(ExpScaled(log * y));  // |y| < 2^63, since |log| > 2^-54
}

// ---- Trigonometric functions ----

// x = quadrant * pi/2 + angle, up to multiples of 2 pi, with |angle| <= pi/4.
struct Quadrant {
  int quadrant;
  DoubleDouble angle;
};

// The bits of 2/pi, behind two words of zeros so that a window can start ahead of them.
constexpr uint32_t kTwoOverPi[] = {
    0x00000000, 0x00000000, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041,
    0xfe5163ab, 0xdebbc561, 0xb7246e3a, 0x424dd2e0, 0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e,
    0xe88235f5, 0x2ebb4484, 0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4, 0x9c845f8b, 0xbdf9283b,
    0x1ff897ff, 0xde05980f, 0xef2f118b, 0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d,
    0x7527bac7, 0xebe5f17b, 0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1, 0x1f8d5d08, 0x56033046};

constexpr int kWindow = 7;  // words of 32 bits

// The product of m and a window of 2/pi, modulo 2^224; word 0 is the most significant one.
struct Product {
  uint32_t word[kWindow] = {};

  Product(uint64_t m, const uint32_t* window) {
    for (int half = 0; half < 2; ++half) {
      const uint64_t digit = half == 0 ? m & 0xffffffff : m >> 32;
      uint64_t carry = 0;
      for (int i = kWindow - 1; i >= half; --i) {
        const uint64_t t = digit * window[i] + word[i - half] + carry;
        word[i - half] = static_cast<uint32_t>(t);
        carry = t >> 32;
      }
    }
  }

  // The 32 bits that start `offset` bits below the top.
  uint32_t Bits(int offset) const {
    const int i = offset / 32;
    const uint64_t pair = uint64_t{word[i]} << 32 | word[i + 1];
    return static_cast<uint32_t>(pair >> (32 - offset % 32));
  }
};

// Payne and Hanek's reduction, for x >= pi/4. With x = m 2^e, m a 53-bit integer, the bits of 2/pi
// of weight 2^(2-e) and more add multiples of four quadrants and are left out. The window of 224
// bits after them leaves at least 138 bits of fraction, 61 of which may cancel where x is next to a
// multiple of pi/2.
Quadrant ReduceLarge(double x) {
  const int e = Exponent(x) - 52;
  const uint64_t m = (ToBits(x) & ((uint64_t{1} << 52) - 1)) | uint64_t{1} << 52;
  const Product product(m, kTwoOverPi + (e + 62) / 32);
  const int integer_bits = (e + 62) % 32 + 2;

  // The fraction is read as two's complement, which rounds the quadrant to the nearest.
  const uint32_t top = product.Bits(integer_bits);
  DoubleDouble fraction = static_cast<int32_t>(top) * 0x1p-32;
  double weight = 0x1p-64;
  for (int i = 1; i < 5; ++i, weight *= 0x1p-32) {
    fraction = fraction + product.Bits(integer_bits + 32 * i) * weight;
  }
  const uint32_t quadrant = product.Bits(integer_bits - 2) >> 30;
  return {static_cast<int>(quadrant + (top >> 31)), fraction * kPiOver2};
}

// REQUIRES: x is finite.
Quadrant ReduceAngle(double x) {
  if (Abs(x) <= kPiOver4.hi) return {0, x};
  const Quadrant reduced = ReduceLarge(Abs(x));
  if (x > 0) return reduced;
  return {-reduced.quadrant, -reduced.angle};
}

// sin(r) for |r| <= pi/4. The relative error is about 2^-58.
DoubleDouble SinSeries(DoubleDouble r) {
  static constexpr auto kTail = Series<7>([](int n) { return Sign(n) / Factorial(2 * n + 5); });
  static constexpr DoubleDouble kSixth = DoubleDouble(1) / 6;
  const DoubleDouble square = r * r;
  const double tail = square.hi * Polynomial(square.hi, kTail);
  return r + r * square * (tail - kSixth);
}

// cos(r) for |r| <= pi/4. The relative error is about 2^-57.
DoubleDouble CosSeries(DoubleDouble r) {
  static constexpr auto kTail = Series<8>([](int n) { return Sign(n) / Factorial(2 * n + 4); });
  const DoubleDouble square = r * r;
  const double tail = square.hi * square.hi * Polynomial(square.hi, kTail);
  return (DoubleDouble(1) - Times(square, 0.5)) + tail;
}

// sin(angle + quadrant * pi/2).
double SinInQuadrant(int quadrant, DoubleDouble angle) {
  const DoubleDouble result = (quadrant & 1) != 0 ? CosSeries(angle) : SinSeries(angle);
  return (quadrant & 2) != 0 ? -result.hi : result.hi;
}

// ---- Inverse trigonometric functions ----

// atan(t) for |t| < 1/4 (A&S 4.4.42). The relative error is about 2^-57.
DoubleDouble AtanSeries(DoubleDouble t) {
  static constexpr auto kTail = Series<13>([](int n) { return -Sign(n) / (2 * n + 3); });
  const double z = t.hi * t.hi;
  return t + t.hi * z * Polynomial(z, kTail);
}

// The angle of the point (x, y) of the first quadrant, whose larger coordinate is about 1. The
// point is turned by 0, atan(1/2) or atan(1), whichever brings it near the x axis.
DoubleDouble AngleOf(DoubleDouble x, DoubleDouble y) {
  if (y.hi > x.hi) return kPiOver2 - AngleOf(y, x);
  if (y.hi > 0.72 * x.hi) return kPiOver4 + AtanSeries((y - x) / (x + y));
  if (y.hi > 0.236 * x.hi) {
    return kAtanHalf + AtanSeries((y - Times(x, 0.5)) / (x + Times(y, 0.5)));
  }
  return AtanSeries(y / x);
}

// sqrt(1 - a^2) for 0 <= a <= 1.
DoubleDouble Cofunction(double a) { return Sqrt(TwoSum(1, -a) * TwoSum(1, a)); }

// The angle of the point (x, y), neither NaN, for x, y >= 0.
DoubleDouble AngleInFirstQuadrant(double x, double y) {
  if (y == 0 || (x == kInf && y < kInf)) return 0;
  if (x == 0 || (y == kInf && x < kInf)) return kPiOver2;
  if (x == kInf) return kPiOver4;
  const double larger = x > y ? x : y;
  const int shift = larger < DBL_MIN ? 1022 : -Exponent(larger);
  return AngleOf(Scale(x, shift), Scale(y, shift));
}

// ---- The error function ----

// A&S 7.1.5, for |x| <= 0.75.
DoubleDouble ErfSeries(double x) {
  static constexpr auto kTail =
      Series<14>([](int n) { return Sign(n) / (Factorial(n + 2) * (2 * n + 5)); });
  static constexpr DoubleDouble kThird = DoubleDouble(1) / 3;
  const DoubleDouble z = TwoProduct(x, x);
  const DoubleDouble sum = DoubleDouble(1) + z * (z * Polynomial(z.hi, kTail) - kThird);
  return sum * x * kTwoOverSqrtPi;
}

// erfc(x) for 0.75 <= x <= 28, through (1 + 2x) exp(x^2) erfc(x), which is smooth on the whole
// half-axis as a function of t = (x - 3) / (x + 3).
Scaled ErfcTail(double x) {
  // Chebyshev interpolation on the range, with mpmath 1.3: chebyfit(f, [ta, tb], 22). Its relative
  // error is below 2^-60.
  static constexpr DoubleDouble kSmooth{0x1.40c522d7e4987p+0, 0x1.a3643d616e491p-55};
  static constexpr std::array<double, 21> kTail = {
      -0x1.15c084bb9e8f3p-3,  -0x1.85a15c58aa623p-5,  0x1.098366a5b46c3p-3,  -0x1.e88b803a4866ap-4,
      0x1.17ca2877f0b51p-4,   -0x1.8574c40c2d4a5p-6,  0x1.4b884e4627e59p-9,  0x1.ef1bdda0d7287p-10,
      -0x1.98db51ba8add5p-11, -0x1.b912a4629b1a3p-14, 0x1.065a53caaeacbp-13, 0x1.4c342fe0cf71bp-18,
      -0x1.514112da11664p-16, -0x1.89c8d4acd8561p-21, 0x1.d2bbe2b573084p-19, 0x1.816ce12702c06p-22,
      -0x1.512c86f222e7ep-21, -0x1.2a74a0a861ecbp-23, 0x1.f1eda977327b7p-24, 0x1.12769de8cbe65p-25,
      -0x1.58114d09200c9p-26};
  const double t = (x - 3) / (x + 3);
  const DoubleDouble smooth = kSmooth + t * Polynomial(t, kTail);
  const Scaled exp = ExpScaled(-TwoProduct(x, x));
  return {exp.mantissa * smooth / TwoSum(1, 2 * x), exp.exponent};
}

}  // namespace

double Exp(double x) {
  if (IsNan(x)) return kNan;
  if (x > 710) return kInf;
  if (x < -746) return 0;
  return Round(ExpScaled(x));
}

double Exp2(double x) {
  if (IsNan(x)) return kNan;
  if (x >= 1024) return kInf;
  if (x < -1076) return 0;
  const int k = Nearest(x);
  return Round({Expm1Series(kLn2 * (x - k)) + 1, k});
}

double Expm1(double x) {
  if (IsNan(x)) return kNan;
  if (Abs(x) < 0x1p-54) return x;
  if (x < -40) return -1;
  if (x > 40) return Exp(x);
  return Expm1Wide(x).hi;
}

double Log(double x) {
  double special;
  return IsLogSpecial(x, &special) ? special : LogWide(x).hi;
}

double Log2(double x) {
  double special;
  if (IsLogSpecial(x, &special)) return special;
  const LogParts parts = SplitLog(x);
  return (parts.log_m * kOneOverLn2 + parts.k).hi;
}

double Log10(double x) {
  double special;
  return IsLogSpecial(x, &special) ? special : (LogWide(x) * kOneOverLn10).hi;
}

double Log1p(double x) {
  double special;
  if (Abs(x) < 0x1p-54) return x;
  return IsLogSpecial(1 + x, &special) ? special : LogWide(TwoSum(1, x)).hi;
}

double Pow(double x, double y) {
  if (y == 0 || x == 1) return 1;
  if (IsNan(x) || IsNan(y)) return kNan;
  const double abs_x = Abs(x);
  const bool limit = x == 0 || abs_x == kInf || Abs(y) == kInf;
  if (x < 0 && !limit && !IsInteger(y)) return kNan;
  const double magnitude = abs_x == 1 ? 1 : limit ? PowLimit(abs_x, y) : PowPositive(abs_x, y);
  return IsNegative(x) && IsOddInteger(y) ? -magnitude : magnitude;
}

double Sin(double x) {
  if (Abs(x) < kTiny) return x;
  if (!(Abs(x) < kInf)) return kNan;
  const Quadrant reduced = ReduceAngle(x);
  return SinInQuadrant(reduced.quadrant, reduced.angle);
}

double Cos(double x) {
  if (!(Abs(x) < kInf)) return kNan;
  const Quadrant reduced = ReduceAngle(x);
  return SinInQuadrant(reduced.quadrant + 1, reduced.angle);
}

double Tan(double x) {
  if (Abs(x) < kTiny) return x;
  if (!(Abs(x) < kInf)) return kNan;
  const Quadrant reduced = ReduceAngle(x);
  const DoubleDouble sin = SinSeries(reduced.angle);
  const DoubleDouble cos = CosSeries(reduced.angle);
  return (reduced.quadrant & 1) != 0 ? -(cos / sin).hi : (sin / cos).hi;
}

double Asin(double x) {
  if (Abs(x) < kTiny) return x;
  if (!(Abs(x) <= 1)) return kNan;
  return CopySign(AngleOf(Cofunction(Abs(x)), Abs(x)).hi, x);
}

double Acos(double x) {
  if (!(Abs(x) <= 1)) return kNan;
  const DoubleDouble angle = AngleOf(Abs(x), Cofunction(Abs(x)));
  return x < 0 ? (kPi - angle).hi : angle.hi;
}

double Atan(double x) { return Abs(x) < kTiny ? x : Atan2(x, 1); }

double Atan2(double y, double x) {
  if (IsNan(x) || IsNan(y)) return kNan;
  // So small an angle is the quotient itself, which may be subnormal.
  if (Abs(y) < x * kTiny && x < kInf) return y / x;
  const DoubleDouble angle = AngleInFirstQuadrant(Abs(x), Abs(y));
  return CopySign(IsNegative(x) ? (kPi - angle).hi : angle.hi, y);
}

double Sinh(double x) {
  const double abs_x = Abs(x);
  if (IsNan(x)) return kNan;
  if (abs_x < kTiny) return x;
  if (abs_x > 712) return CopySign(kInf, x);
  if (abs_x > kExpNegligible) return CopySign(HalfExp(abs_x), x);
  const DoubleDouble expm1 = Expm1Wide(abs_x);
  return CopySign(0.5 * (expm1 + expm1 / (expm1 + 1)).hi, x);
}

double Cosh(double x) {
  const double abs_x = Abs(x);
  if (IsNan(x)) return kNan;
  if (abs_x > 712) return kInf;
  if (abs_x > kExpNegligible) return HalfExp(abs_x);
  const DoubleDouble value = Expm1Wide(abs_x) + 1;
  return 0.5 * (value + DoubleDouble(1) / value).hi;
}

double Tanh(double x) {
  const double abs_x = Abs(x);
  if (IsNan(x)) return kNan;
  if (abs_x < kTiny) return x;
  if (abs_x > kExpNegligible) return CopySign(1, x);
  const DoubleDouble expm1 = Expm1Wide(2 * abs_x);
  return CopySign((expm1 / (expm1 + 2)).hi, x);
}

// A&S 4.6.20 to 4.6.22: asinh, acosh and atanh as logarithms.
double Asinh(double x) {
  const double abs_x = Abs(x);
  if (IsNan(x)) return kNan;
  if (abs_x < kTiny || abs_x == kInf) return x;
  if (abs_x > 0x1p30) return CopySign((LogWide(abs_x) + kLn2).hi, x);
  const DoubleDouble root = Sqrt(TwoProduct(abs_x, abs_x) + 1);
  return CopySign(LogWide(root + abs_x).hi, x);
}

double Acosh(double x) {
  if (!(x >= 1)) return kNan;
  if (x == kInf) return x;
  if (x > 0x1p30) return (LogWide(x) + kLn2).hi;
  return LogWide(Sqrt(TwoProduct(x, x) - 1) + x).hi;
}

double Atanh(double x) {
  const double abs_x = Abs(x);
  if (!(abs_x <= 1)) return kNan;
  if (abs_x < kTiny) return x;
  if (abs_x == 1) return CopySign(kInf, x);
  return CopySign(0.5 * LogWide(TwoSum(1, abs_x) / TwoSum(1, -abs_x)).hi, x);
}

double Erf(double x) {
  const double abs_x = Abs(x);
  if (IsNan(x)) return kNan;
  if (abs_x < kTiny) return x * kTwoOverSqrtPi.hi + x * kTwoOverSqrtPi.lo;
  if (abs_x <= 0.75) return ErfSeries(x).hi;
  if (abs_x > 6) return CopySign(1, x);
  const Scaled tail = ErfcTail(abs_x);
  return CopySign((DoubleDouble(1) - Times(tail.mantissa, PowerOfTwo(tail.exponent))).hi, x);
}

double Erfc(double x) {
  if (IsNan(x)) return kNan;
  if (x < -6) return 2;
  if (x > 28) return 0;
  if (Abs(x) <= 0.75) return (DoubleDouble(1) - ErfSeries(x)).hi;
  const Scaled tail = ErfcTail(Abs(x));
  if (x > 0) return Round(tail);
  return (DoubleDouble(2) - Times(tail.mantissa, PowerOfTwo(tail.exponent))).hi;
}

}  // namespace nomograph::exact

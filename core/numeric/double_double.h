// Bits of doubles, and double-double arithmetic: an unevaluated sum of two doubles with about 106
// bits. Internal to exact_math.cc, whose pragmas against contraction must stand ahead of this
// header.
#ifndef NOMOGRAPH_CORE_NUMERIC_DOUBLE_DOUBLE_H_
#define NOMOGRAPH_CORE_NUMERIC_DOUBLE_DOUBLE_H_

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace nomograph::exact::internal {

inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
// Below this |x|, an odd function f(x) = x + O(x^3) rounds to x.
inline constexpr double kTiny = 0x1p-28;

// ---- Bits of a double ----

inline constexpr uint64_t kSignMask = uint64_t{1} << 63;

inline uint64_t ToBits(double x) { return std::bit_cast<uint64_t>(x); }
inline double FromBits(uint64_t bits) { return std::bit_cast<double>(bits); }
inline bool IsNan(double x) { return x != x; }
inline bool IsNegative(double x) { return (ToBits(x) & kSignMask) != 0; }
inline double Abs(double x) { return FromBits(ToBits(x) & ~kSignMask); }
inline double CopySign(double magnitude, double sign) {
  return FromBits((ToBits(magnitude) & ~kSignMask) | (ToBits(sign) & kSignMask));
}

// The e with 2^e <= |x| < 2^(e+1). REQUIRES: x is normal.
inline int Exponent(double x) { return static_cast<int>((ToBits(x) >> 52) & 0x7ff) - 1023; }

// 2^k. REQUIRES: -1022 <= k <= 1023.
inline double PowerOfTwo(int k) { return FromBits(static_cast<uint64_t>(k + 1023) << 52); }

// x * 2^k for |k| <= 2044, rounded at most once if |x| is near 1.
inline double Scale(double x, int k) { return x * PowerOfTwo(k / 2) * PowerOfTwo(k - k / 2); }

// The integer nearest to x. REQUIRES: |x| < 2^30.
inline int Nearest(double x) { return static_cast<int>(x + CopySign(0.5, x)); }

// From 2^53 on every double is an even integer.
inline bool IsInteger(double x) {
  return Abs(x) >= 0x1p53 || static_cast<double>(static_cast<int64_t>(x)) == x;
}
inline bool IsOddInteger(double x) {
  return Abs(x) < 0x1p53 && IsInteger(x) && (static_cast<int64_t>(x) & 1) != 0;
}

// ---- Double-double arithmetic ----

// The value hi + lo, where hi is that sum rounded to double.
struct DoubleDouble {
  // Implicit, since every double is one.
  constexpr DoubleDouble(double h, double l = 0) : hi(h), lo(l) {}  // NOLINT
  double hi;
  double lo;
};

// a + b exactly. REQUIRES: |a| >= |b| or a == 0.
constexpr DoubleDouble FastTwoSum(double a, double b) {
  const double sum = a + b;
  return {sum, b - (sum - a)};
}

// a + b exactly.
constexpr DoubleDouble TwoSum(double a, double b) {
  const double sum = a + b;
  const double b_part = sum - a;
  return {sum, (a - (sum - b_part)) + (b - b_part)};
}

// The upper half of the bits of a, so that products of halves are exact.
constexpr double UpperHalf(double a) {
  const double t = a * 0x1.0000002p27;  // 2^27 + 1
  return t - (t - a);
}

// a * b exactly. REQUIRES: |a|, |b| < 2^990, and the product is in range.
constexpr DoubleDouble TwoProduct(double a, double b) {
  const double product = a * b;
  const double a1 = UpperHalf(a), a2 = a - a1;
  const double b1 = UpperHalf(b), b2 = b - b1;
  return {product, a2 * b2 - (((product - a1 * b1) - a2 * b1) - a1 * b2)};
}

constexpr DoubleDouble operator-(DoubleDouble a) { return {-a.hi, -a.lo}; }

constexpr DoubleDouble operator+(DoubleDouble a, DoubleDouble b) {
  const DoubleDouble s = TwoSum(a.hi, b.hi);
  const DoubleDouble t = TwoSum(a.lo, b.lo);
  const DoubleDouble u = FastTwoSum(s.hi, s.lo + t.hi);
  return FastTwoSum(u.hi, t.lo + u.lo);
}

constexpr DoubleDouble operator-(DoubleDouble a, DoubleDouble b) { return a + -b; }

constexpr DoubleDouble operator*(DoubleDouble a, DoubleDouble b) {
  const DoubleDouble p = TwoProduct(a.hi, b.hi);
  return FastTwoSum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

constexpr DoubleDouble operator/(DoubleDouble a, DoubleDouble b) {
  const double q = a.hi / b.hi;
  const DoubleDouble p = TwoProduct(q, b.hi);
  const double remainder = ((a.hi - p.hi) - p.lo) + (a.lo - q * b.lo);
  return FastTwoSum(q, remainder / b.hi);
}

inline DoubleDouble Sqrt(DoubleDouble a) {
  if (a.hi == 0) return 0;
  const double root = std::sqrt(a.hi);
  const DoubleDouble p = TwoProduct(root, root);
  const double remainder = ((a.hi - p.hi) - p.lo) + a.lo;
  return FastTwoSum(root, remainder / (2 * root));
}

// a * factor, for a factor that is a power of two.
constexpr DoubleDouble Times(DoubleDouble a, double factor) {
  return {a.hi * factor, a.lo * factor};
}

// c[0] + c[1] x + c[2] x^2 + ...
template <size_t N>
constexpr double Polynomial(double x, const std::array<double, N>& c) {
  double sum = c[N - 1];
  for (size_t i = N - 1; i-- > 0;) sum = sum * x + c[i];
  return sum;
}

// term(0), ..., term(N - 1): the coefficients of a series, computed by the compiler.
template <int N, typename Term>
inline consteval std::array<double, N> Series(Term term) {
  std::array<double, N> c = {};
  for (int n = 0; n < N; ++n) c[static_cast<size_t>(n)] = term(n);
  return c;
}

// n!, exact up to 22.
constexpr double Factorial(int n) { return n == 0 ? 1 : n * Factorial(n - 1); }

// (-1)^n.
constexpr double Sign(int n) { return n % 2 == 0 ? 1 : -1; }

constexpr DoubleDouble kPi{0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53};
constexpr DoubleDouble kPiOver2{0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54};
constexpr DoubleDouble kPiOver4{0x1.921fb54442d18p-1, 0x1.1a62633145c07p-55};
constexpr DoubleDouble kAtanHalf{0x1.dac670561bb4fp-2, 0x1.a2b7f222f65e2p-56};
constexpr DoubleDouble kLn2{0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
constexpr DoubleDouble kOneOverLn2{0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56};
constexpr DoubleDouble kOneOverLn10{0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57};
constexpr DoubleDouble kTwoOverSqrtPi{0x1.20dd750429b6dp+0, 0x1.1ae3a914fed80p-56};

}  // namespace nomograph::exact::internal

#endif  // NOMOGRAPH_CORE_NUMERIC_DOUBLE_DOUBLE_H_

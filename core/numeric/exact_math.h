// Elementary functions that return the same bits on every machine.
//
// The functions of <cmath> differ in their last bits between C libraries, versions and processors,
// so a result that must be reproducible cannot use them. These use only integer operations and the
// operations + - * / and sqrt of IEEE-754 double precision, which the standard rounds correctly.
//
// Accuracy: within 0.75 ulp of the true value, and within 1 ulp where the result is subnormal. The
// largest errors among 5 million arguments per function, of all magnitudes:
//   Log, Log2, Log10, Log1p, Asinh, Acosh, Atanh   0.501 ulp
//   Exp, Exp2, Pow, Cosh                           0.52
//   Asin, Acos, Atan, Atan2, Sinh, Tanh            0.56
//   Sin, Cos, Tan                                  0.57
//   Expm1                                          0.58
//   Erf                                            0.63
//   Erfc                                           0.70
//   subnormal results                              0.79
// Rounded to float, all but about one result in 2^29 are the correctly rounded ones.
//
// Special values (infinities, signed zeros, subnormals, poles, domain errors) follow C99 Annex F.
// A NaN result is always the positive quiet NaN without payload, whatever NaN came in, because
// processors disagree there. errno and the floating-point exception flags mean nothing.
//
// REQUIRES: rounding to nearest, and subnormals that are not flushed to zero. exact_math.cc needs
// -ffp-contract=off, which it sets itself where the compiler lets it.
// All functions are pure and may be called from any thread.
#ifndef NOMOGRAPH_CORE_NUMERIC_EXACT_MATH_H_
#define NOMOGRAPH_CORE_NUMERIC_EXACT_MATH_H_

namespace nomograph::exact {

double Exp(double x);
double Exp2(double x);
double Expm1(double x);  // exp(x) - 1, accurate near 0

double Log(double x);
double Log2(double x);   // exact for powers of two
double Log10(double x);  // exact for powers of ten
double Log1p(double x);  // log(1 + x), accurate near 0

// x raised to y. Negative x needs an integer y, else NaN. Pow(x, 0) and Pow(1, y) are 1 even for
// NaN.
double Pow(double x, double y);

// Angles are in radians; arguments of any size are reduced exactly.
double Sin(double x);
double Cos(double x);
double Tan(double x);

double Asin(double x);
double Acos(double x);
double Atan(double x);
// The angle of the point (x, y), in [-pi, pi].
double Atan2(double y, double x);

double Sinh(double x);
double Cosh(double x);
double Tanh(double x);
double Asinh(double x);
double Acosh(double x);
double Atanh(double x);

double Erf(double x);
double Erfc(double x);  // 1 - erf(x), accurate for large x

}  // namespace nomograph::exact

#endif  // NOMOGRAPH_CORE_NUMERIC_EXACT_MATH_H_

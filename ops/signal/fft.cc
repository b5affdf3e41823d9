#include "nomograph/ops/signal/fft.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

namespace nomograph::signal {
namespace {

// The factors 2 to 5 of n; none where there are others.
std::vector<int> SmallFactors(int64_t n) {
  std::vector<int> factors;
  for (const int factor : {4, 2, 3, 5}) {
    for (; n % factor == 0; n /= factor) factors.push_back(factor);
  }
  if (n > 1) factors.clear();
  return factors;
}

// e^(-2 pi i numerator / denominator).
template <typename F>
Complex<F> Root(int64_t numerator, int64_t denominator) {
  const double angle =
      -2 * std::numbers::pi * static_cast<double>(numerator) / static_cast<double>(denominator);
  return {static_cast<F>(std::cos(angle)), static_cast<F>(std::sin(angle))};
}

template <typename F>
Complex<F> TimesMinusI(Complex<F> a) {
  return {a.im, -a.re};
}

// The transforms of 2 to 5 numbers.
template <typename F>
std::array<Complex<F>, 2> Butterfly(const std::array<Complex<F>, 2>& a) {
  return {a[0] + a[1], a[0] - a[1]};
}
template <typename F>
std::array<Complex<F>, 3> Butterfly(const std::array<Complex<F>, 3>& a) {
  constexpr F kSin = static_cast<F>(0.86602540378443864676);  // of a third of the circle
  const Complex<F> sum = a[1] + a[2];
  const Complex<F> even = a[0] - sum * F{0.5}, odd = TimesMinusI(a[1] - a[2]) * kSin;
  return {a[0] + sum, even + odd, even - odd};
}
template <typename F>
std::array<Complex<F>, 4> Butterfly(const std::array<Complex<F>, 4>& a) {
  const Complex<F> even = a[0] + a[2], odd = a[0] - a[2];
  const Complex<F> sum = a[1] + a[3], turned = TimesMinusI(a[1] - a[3]);
  return {even + sum, odd + turned, even - sum, odd - turned};
}
template <typename F>
std::array<Complex<F>, 5> Butterfly(const std::array<Complex<F>, 5>& a) {
  // Of one and two fifths of the circle.
  constexpr F kCos1 = static_cast<F>(0.30901699437494742410);
  constexpr F kCos2 = static_cast<F>(-0.80901699437494742410);
  constexpr F kSin1 = static_cast<F>(0.95105651629515357212);
  constexpr F kSin2 = static_cast<F>(0.58778525229247312917);
  const Complex<F> outer = a[1] + a[4], inner = a[2] + a[3];
  const Complex<F> outer_odd = TimesMinusI(a[1] - a[4]), inner_odd = TimesMinusI(a[2] - a[3]);
  const Complex<F> even1 = a[0] + outer * kCos1 + inner * kCos2;
  const Complex<F> even2 = a[0] + outer * kCos2 + inner * kCos1;
  const Complex<F> odd1 = outer_odd * kSin1 + inner_odd * kSin2;
  const Complex<F> odd2 = outer_odd * kSin2 - inner_odd * kSin1;
  return {a[0] + outer + inner, even1 + odd1, even2 + odd2, even2 - odd2, even1 - odd1};
}

// One step of Stockham's algorithm: the transforms of `stride` interleaved arrays of n elements
// become those of stride * p arrays of n / p. The n-th roots of one are `step` apart in `roots`.
template <typename F, int p>
void RunStep(int64_t n, int64_t stride, const Complex<F>* roots, int64_t step, ComplexSpan<F> x,
             ComplexSpan<F> y) {
  const auto each = [](auto f) {
    [&]<int... t>(std::integer_sequence<int, t...>) { (f(t), ...); }
    (std::make_integer_sequence<int, p>{});
  };
  const int64_t apart = n / p * stride;
  for (int64_t k = 0; k < n / p; ++k) {
    std::array<Complex<F>, p> twiddles;
    for (int t = 0; t < p; ++t) twiddles[t] = roots[k * t * step];
    const F *from_re = x.re + k * stride, *from_im = x.im + k * stride;
    F *to_re = y.re + k * p * stride, *to_im = y.im + k * p * stride;
#pragma omp simd
    for (int64_t q = 0; q < stride; ++q) {
      std::array<Complex<F>, p> a;
      each([&](int r) { a[r] = {from_re[q + r * apart], from_im[q + r * apart]}; });
      a = Butterfly(a);
      each([&](int t) {
        const Complex<F> value = a[t] * twiddles[t];
        to_re[q + t * stride] = value.re;
        to_im[q + t * stride] = value.im;
      });
    }
  }
}

}  // namespace

template <typename F>
Fft<F>::Fft(int64_t n) : n_(n), buffer_size_(n), factors_(SmallFactors(n)) {
  if (n == 1) return;
  if (!factors_.empty()) {
    roots_.resize(n);
    for (int64_t j = 0; j < n; ++j) roots_[j] = Root<F>(j, n);
    return;
  }
  int64_t padded = 1;
  while (padded < 2 * n - 1) padded *= 2;
  padded_ = std::make_unique<Fft>(padded);
  buffer_size_ = padded;
  chirp_.resize(n);
  std::vector<F> kernel(4 * padded);
  const ComplexSpan<F> data{kernel.data(), kernel.data() + padded};
  const ComplexSpan<F> scratch{data.im + padded, data.im + 2 * padded};
  for (int64_t j = 0; j < n; ++j) {
    chirp_[j] = Root<F>(j * j % (2 * n), 2 * n);
    for (const int64_t place : {j, j == 0 ? 0 : padded - j}) {
      data.re[place] = chirp_[j].re;
      data.im[place] = -chirp_[j].im;
    }
  }
  padded_->Transform(1, data, scratch);
  for (int64_t j = 0; j < padded; ++j) convolver_.push_back({data.re[j], data.im[j]});
}

template <typename F>
void Fft<F>::Transform(int64_t batch, ComplexSpan<F> data, ComplexSpan<F> scratch) const {
  if (padded_ != nullptr) {
    TransformByConvolution(batch, data, scratch);
  } else {
    TransformByFactors(batch, data, scratch);
  }
}

template <typename F>
void Fft<F>::TransformByFactors(int64_t batch, ComplexSpan<F> data, ComplexSpan<F> scratch) const {
  ComplexSpan<F> x = data, y = scratch;
  int64_t n = n_, step = 1;
  for (const int factor : factors_) {
    const auto run = factor == 2   ? RunStep<F, 2>
                     : factor == 3 ? RunStep<F, 3>
                     : factor == 4 ? RunStep<F, 4>
                                   : RunStep<F, 5>;
    run(n, step * batch, roots_.data(), step, x, y);
    n /= factor;
    step *= factor;
    std::swap(x, y);
  }
  if (x.re == data.re) return;
  std::copy(x.re, x.re + n_ * batch, data.re);
  std::copy(x.im, x.im + n_ * batch, data.im);
}

template <typename F>
void Fft<F>::TransformByConvolution(int64_t batch, ComplexSpan<F> data,
                                    ComplexSpan<F> scratch) const {
  // x = f(x, factors), row by row.
  const auto update = [&](const std::vector<Complex<F>>& factors, auto f) {
    for (size_t j = 0; j < factors.size(); ++j) {
      F *re = data.re + j * batch, *im = data.im + j * batch;
#pragma omp simd
      for (int64_t b = 0; b < batch; ++b) {
        const Complex<F> value = f(Complex<F>{re[b], im[b]}, factors[j]);
        re[b] = value.re;
        im[b] = value.im;
      }
    }
  };
  update(chirp_, [](Complex<F> x, Complex<F> factor) { return x * factor; });
  std::fill(data.re + n_ * batch, data.re + buffer_size_ * batch, F{0});
  std::fill(data.im + n_ * batch, data.im + buffer_size_ * batch, F{0});
  padded_->Transform(batch, data, scratch);
  // The inverse transform is the conjugate of that of the conjugate.
  update(convolver_, [](Complex<F> x, Complex<F> factor) { return (x * factor).conjugate(); });
  padded_->Transform(batch, data, scratch);
  const F scale = F{1} / static_cast<F>(buffer_size_);
  update(chirp_,
         [scale](Complex<F> x, Complex<F> factor) { return x.conjugate() * factor * scale; });
}

template class Fft<double>;

}  // namespace nomograph::signal

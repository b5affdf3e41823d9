// Fast Fourier transforms.
#ifndef NOMOGRAPH_OPS_SIGNAL_FFT_H_
#define NOMOGRAPH_OPS_SIGNAL_FFT_H_

#include <cstdint>
#include <memory>
#include <vector>

namespace nomograph::signal {

// A complex number. std::complex looks for infinities at each multiplication.
template <typename F>
struct Complex {
  F re = 0, im = 0;
  Complex operator+(Complex b) const { return {re + b.re, im + b.im}; }
  Complex operator-(Complex b) const { return {re - b.re, im - b.im}; }
  Complex operator*(Complex b) const { return {re * b.re - im * b.im, re * b.im + im * b.re}; }
  Complex operator*(F b) const { return {re * b, im * b}; }
  Complex conjugate() const { return {re, -im}; }
};

// Complex numbers in memory, real and imaginary parts apart, as vectors of the processor want them.
template <typename F>
struct ComplexSpan {
  F *re, *im;
};

// y[k] = sum over j of x[j] e^(-2 pi i j k / n), for one n, in O(n log n) operations of type F
// (float or double), for several x at once. Thread-safe. Lengths without prime factors above 5 are
// split by these (Stockham's algorithm, which needs no reordering); others become a convolution of
// such a length (Bluestein, 1970).
template <typename F>
class Fft {
 public:
  // REQUIRES: n >= 1.
  explicit Fft(int64_t n);

  int64_t size() const { return n_; }
  // Transforms `batch` arrays: element j of array b is at [j * batch + b]. Both spans have
  // buffer_size() * batch elements, of which the first n * batch are those of x and y.
  void Transform(int64_t batch, ComplexSpan<F> data, ComplexSpan<F> scratch) const;
  int64_t buffer_size() const { return buffer_size_; }

 private:
  void TransformByFactors(int64_t batch, ComplexSpan<F> data, ComplexSpan<F> scratch) const;
  void TransformByConvolution(int64_t batch, ComplexSpan<F> data, ComplexSpan<F> scratch) const;

  int64_t n_, buffer_size_;
  std::vector<int> factors_;           // of n, or none where it is a convolution
  std::vector<Complex<F>> roots_;      // e^(-2 pi i j / n)
  std::unique_ptr<Fft> padded_;        // of the convolution's length
  std::vector<Complex<F>> chirp_;      // e^(-pi i j^2 / n)
  std::vector<Complex<F>> convolver_;  // the transform of its conjugate
};

extern template class Fft<double>;

}  // namespace nomograph::signal

#endif  // NOMOGRAPH_OPS_SIGNAL_FFT_H_

// Fourier transforms of many lines: what signal.Dft and signal.Stft share.
#ifndef NOMOGRAPH_OPS_SIGNAL_TRANSFORM_H_
#define NOMOGRAPH_OPS_SIGNAL_TRANSFORM_H_

#include <algorithm>
#include <vector>

#include "absl/functional/function_ref.h"
#include "nomograph/core/op/kernel.h"
#include "nomograph/ops/signal/fft.h"

namespace nomograph::signal {

// The greatest length that ops take.
inline constexpr int64_t kMaxLength = int64_t{1} << 26;

// What all lines of a node have in common.
struct Transform {
  int64_t length;  // of the transform
  int64_t bins;    // how many of its elements are wanted, from the first on
  bool complex;    // whether elements of x are pairs of real and imaginary part
  bool inverse;    // with e^(+2 pi i j k / length) / length

  double scale() const { return inverse ? 1 / static_cast<double>(length) : 1; }
};

// A line of x, filled up with zeros to the transform's length, and where its spectrum goes, whose
// elements are always pairs. Steps are those between elements.
template <typename T>
struct Line {
  const T* x;
  int64_t x_step, count;
  const T* window;  // factors of the elements; null: all 1
  T* y;
  int64_t y_step;

  template <typename F>
  Complex<F> Element(int64_t j, bool complex) const {
    const F factor = window == nullptr ? F{1} : static_cast<F>(window[j]);
    const T* element = x + j * x_step;
    return {static_cast<F>(element[0]) * factor,
            complex ? static_cast<F>(element[1]) * factor : F{0}};
  }
  template <typename F>
  void Store(int64_t k, Complex<F> value) const {
    y[k * y_step] = static_cast<T>(value.re);
    y[k * y_step + 1] = static_cast<T>(value.im);
  }
};
template <typename T>
using LineFn = absl::FunctionRef<Line<T>(int64_t index)>;

// e^(-2 pi i j / n) for j from 0 to n - 1, the same bits everywhere.
std::vector<Complex<double>> ExactRoots(int64_t n);

// The specification: O(length^2) operations for a line.
template <typename T>
void TransformLines(const Transform& transform, int64_t lines, LineFn<T> line_at) {
  const int64_t n = transform.length;
  const std::vector<Complex<double>> roots = ExactRoots(n);
  for (int64_t i = 0; i < lines; ++i) {
    const Line<T> line = line_at(i);
    for (int64_t k = 0; k < transform.bins; ++k) {
      Complex<double> sum;
      for (int64_t j = 0; j < line.count; ++j) {
        const Complex<double> root = roots[j * k % n];
        sum = sum + line.template Element<double>(j, transform.complex) *
                        (transform.inverse ? root.conjugate() : root);
      }
      line.Store(k, sum * transform.scale());
    }
  }
}

// The same in O(length log length), in double: what cancels out leaves an error of 1e-16 of the
// largest element, and float32 would leave 1e-7. T is float or double.
template <typename T>
class FastTransform {
 public:
  FastTransform(const Transform& transform, int64_t lines, int threads);

  int64_t scratch_bytes() const { return threads_ * BytesPerThread(); }
  void Run(LineFn<T> line_at, std::byte* scratch) const;

 private:
  // The lines that are transformed at once: two where they are real, as real and imaginary part of
  // one array, and as many arrays as fit into a processor's vectors.
  int64_t LinesPerArray() const { return transform_.complex ? 1 : 2; }
  int64_t LinesPerBatch() const { return LinesPerArray() * batch_; }
  int64_t BytesPerThread() const {
    return (4 * fft_.buffer_size() * batch_ * static_cast<int64_t>(sizeof(double)) + 63) / 64 * 64;
  }
  void Load(const Line<T>& line, int64_t index, ComplexSpan<double> data) const;
  void Store(const Line<T>& line, int64_t index, ComplexSpan<double> data) const;

  const Transform transform_;
  const Fft<double> fft_;
  const int64_t lines_, batch_;
  const int threads_;
};

extern template class FastTransform<float>;
extern template class FastTransform<double>;

}  // namespace nomograph::signal

#endif  // NOMOGRAPH_OPS_SIGNAL_TRANSFORM_H_

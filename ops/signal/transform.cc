#include "nomograph/ops/signal/transform.h"

#include <numbers>

#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/numeric/threads.h"

namespace nomograph::signal {
namespace {

// How many arrays of `size` elements, of `count`, are transformed at once: enough for vectors,
// unless they would leave the cache.
int64_t BatchSize(int64_t size, int64_t count) {
  constexpr int64_t kVectors = 8, kElements = 1 << 14;
  return std::max<int64_t>(std::min({kVectors, kElements / size, count}), 1);
}

}  // namespace

std::vector<Complex<double>> ExactRoots(int64_t n) {
  std::vector<Complex<double>> roots(n);
  for (int64_t j = 0; j < n; ++j) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(j) / static_cast<double>(n);
    roots[j] = {exact::Cos(angle), -exact::Sin(angle)};
  }
  return roots;
}

template <typename T>
FastTransform<T>::FastTransform(const Transform& transform, int64_t lines, int threads)
    : transform_(transform),
      fft_(transform.length),
      lines_(lines),
      batch_(BatchSize(fft_.buffer_size(), (lines + LinesPerArray() - 1) / LinesPerArray())),
      threads_(threads) {}

template <typename T>
void FastTransform<T>::Run(LineFn<T> line_at, std::byte* scratch) const {
  const int64_t batches = (lines_ + LinesPerBatch() - 1) / LinesPerBatch();
  const int64_t size = fft_.buffer_size() * batch_;
  ParallelFor(threads_, batches, [&](int64_t i, int part) {
    double* memory = reinterpret_cast<double*>(scratch + part * BytesPerThread());
    const ComplexSpan<double> data{memory, memory + size};
    ComplexSpan<double> in = data, buffer{memory + 2 * size, memory + 3 * size};
    // The inverse transform exchanges real and imaginary part ahead of the transform and behind it.
    if (transform_.inverse) in = {data.im, data.re};
    const int64_t first = i * LinesPerBatch(), count = std::min(LinesPerBatch(), lines_ - first);
    if (count < LinesPerBatch()) std::fill_n(memory, 2 * size, 0.0);
    for (int64_t k = 0; k < count; ++k) Load(line_at(first + k), k, data);
    fft_.Transform(batch_, in, buffer);
    for (int64_t k = 0; k < count; ++k) Store(line_at(first + k), k, data);
  });
}

template <typename T>
void FastTransform<T>::Load(const Line<T>& line, int64_t index, ComplexSpan<double> data) const {
  const int64_t array = index / LinesPerArray();
  if (transform_.complex) {
    for (int64_t j = 0; j < line.count; ++j) {
      const Complex<double> element = line.template Element<double>(j, true);
      data.re[j * batch_ + array] = element.re;
      data.im[j * batch_ + array] = element.im;
    }
    for (int64_t j = line.count; j < transform_.length; ++j) {
      data.re[j * batch_ + array] = data.im[j * batch_ + array] = 0;
    }
    return;
  }
  double* part = index % 2 == 0 ? data.re : data.im;
  for (int64_t j = 0; j < line.count; ++j) {
    part[j * batch_ + array] = line.template Element<double>(j, false).re;
  }
  for (int64_t j = line.count; j < transform_.length; ++j) part[j * batch_ + array] = 0;
}

template <typename T>
void FastTransform<T>::Store(const Line<T>& line, int64_t index, ComplexSpan<double> data) const {
  const int64_t array = index / LinesPerArray();
  const double scale = transform_.scale();
  for (int64_t k = 0; k < transform_.bins; ++k) {
    const auto at = [&](int64_t j) {
      return Complex<double>{data.re[j * batch_ + array], data.im[j * batch_ + array]} * scale;
    };
    const Complex<double> z = at(k);
    if (transform_.complex) {
      line.Store(k, z);
      continue;
    }
    // The transforms of two real lines: the first one's is conjugate symmetric, the second one's,
    // times i, is antisymmetric.
    const Complex<double> w = at(k == 0 ? 0 : transform_.length - k).conjugate();
    const Complex<double> sum = (z + w) * 0.5, difference = (z - w) * 0.5;
    line.Store(k, index % 2 == 0 ? sum : Complex<double>{difference.im, -difference.re});
  }
}

template class FastTransform<float>;
template class FastTransform<double>;

}  // namespace nomograph::signal

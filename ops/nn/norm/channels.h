// What batch normalisation and its gradients share: sums over all but the channel axis.
#ifndef NOMOGRAPH_OPS_NN_NORM_CHANNELS_H_
#define NOMOGRAPH_OPS_NN_NORM_CHANNELS_H_

#include <algorithm>
#include <vector>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/vector/row_sum.h"

namespace nomograph::nn {

// x as [outer, channels, inner].
struct ChannelShape {
  int64_t outer = 1, channels = 1, inner = 1;

  // REQUIRES: `axis` is one of x's.
  ChannelShape(const Shape& x, int64_t axis) {
    const int channel_axis = *NormalizeAxis(axis, x.rank());
    channels = x[channel_axis];
    for (int i = 0; i < channel_axis; ++i) outer *= x[i];
    for (int i = channel_axis + 1; i < x.rank(); ++i) inner *= x[i];
  }
  int64_t count() const { return outer * inner; }  // of one channel
  int64_t elements() const { return outer * channels * inner; }
};

// A team of threads costs some microseconds.
inline int ThreadsWorth(const ChannelShape& shape, int threads) {
  constexpr int64_t kWorthThreads = 1 << 15;
  return shape.elements() < kWorthThreads ? 1 : threads;
}

// Two numbers of each channel.
struct ChannelPair {
  float a, b;
};

// The memory that SumChannels() needs, in doubles.
inline int64_t SumDoubles(const ChannelShape& shape, int threads) {
  return shape.channels * 2 * (1 + (shape.inner == 1 ? 2 * threads : 0));
}

// Sums f(element, channel), a ChannelPair, over the elements of each channel, into sums[c] and
// sums[channels + c]. `sums` has SumDoubles() elements. Floats are summed up for a short while, and
// then as doubles. run(first element, count, channel) is the same sum over elements that lie side
// by side.
template <typename F, typename Run>
void SumChannels(const ChannelShape& shape, int threads, double* sums, F f, Run run) {
  const int64_t channels = shape.channels, inner = shape.inner;
  if (inner > 1) {
    ParallelFor(threads, channels, [&](int64_t c) {
      double first = 0, second = 0;
      for (int64_t o = 0; o < shape.outer; ++o) {
        const int64_t base = (o * channels + c) * inner;
        constexpr int64_t kChunk = 1024;
        for (int64_t begin = 0; begin < inner; begin += kChunk) {
          const RowSums part = run(base + begin, std::min(kChunk, inner - begin), c);
          first += part.first;
          second += part.second;
        }
      }
      sums[c] = first;
      sums[channels + c] = second;
    });
    return;
  }
  double* const parts = sums + 2 * channels;
  std::fill_n(parts, 4 * channels * threads, 0.0);
  ParallelParts(threads, [&](int t, int team) {
    double* const own = parts + t * 4 * channels;
    auto* const a = reinterpret_cast<float*>(own + 2 * channels);
    float* const b = a + channels;
    constexpr int64_t kRows = 32;
    const int64_t end = shape.outer * (t + 1) / team;
    for (int64_t begin = shape.outer * t / team; begin < end; begin += kRows) {
      std::fill_n(a, 2 * channels, 0.0f);
      for (int64_t row = begin; row < std::min(begin + kRows, end); ++row) {
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) {
          const ChannelPair pair = f(row * channels + c, c);
          a[c] += pair.a;
          b[c] += pair.b;
        }
      }
      for (int64_t c = 0; c < 2 * channels; ++c) own[c] += a[c];
    }
  });
  for (int64_t c = 0; c < 2 * channels; ++c) {
    sums[c] = 0;
    for (int t = 0; t < threads; ++t) sums[c] += parts[t * 4 * channels + c];
  }
}

// Calls f(element, channel) for all elements, in loops that vectorise.
template <typename F>
void ForEachInChannels(const ChannelShape& shape, int threads, F f) {
  const int64_t channels = shape.channels, inner = shape.inner;
  const int64_t rows = inner > 1 ? shape.outer * channels : shape.outer;
  ParallelFor(threads, rows, [&](int64_t row) {
    if (inner > 1) {
      const int64_t c = row % channels;
#pragma omp simd
      for (int64_t i = row * inner; i < (row + 1) * inner; ++i) f(i, c);
    } else {
#pragma omp simd
      for (int64_t c = 0; c < channels; ++c) f(row * channels + c, c);
    }
  });
}

// The same for values, of which x's rank is known.
class ChannelValues {
 public:
  ChannelValues(int rank, int64_t axis) {
    const int channel_axis = *NormalizeAxis(axis, rank);
    for (int i = 0; i < rank; ++i) {
      if (i != channel_axis) others_.push_back(i);
      if (i > channel_axis) behind_.push_back(i - channel_axis);
    }
  }
  Value Sum(const Value& x) const {
    if (others_.empty()) return x;
    return Call("math.ReduceSum", {x}, {{"axes", others_}, {"keepdims", false}});
  }
  Value Mean(const Value& x) const {
    if (others_.empty()) return x;
    return Call("math.ReduceMean", {x}, {{"axes", others_}, {"keepdims", false}});
  }
  // A vector in a form that broadcasts to x.
  Value Spread(const Value& vector) const {
    return behind_.empty() ? vector : Call("array.Unsqueeze", {vector}, {{"axes", behind_}});
  }

 private:
  std::vector<int64_t> others_, behind_;
};

}  // namespace nomograph::nn

#endif  // NOMOGRAPH_OPS_NN_NORM_CHANNELS_H_

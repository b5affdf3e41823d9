// What the ops share that draw a tensor of random numbers.
#ifndef NOMOGRAPH_OPS_RANDOM_DRAW_H_
#define NOMOGRAPH_OPS_RANDOM_DRAW_H_

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <vector>

#include "nomograph/core/op/op.h"
#include "nomograph/core/op/random.h"

namespace nomograph::random {

// Checks the attributes of a node; null where there is nothing to check.
using CheckFn = absl::Status (*)(const Attributes&);

// The type of an output of random numbers. InvalidArgument when it has more than a stream yields.
absl::StatusOr<std::vector<TensorType>> Drawn(DType dtype, const PartialShape& shape);

// The schema of an op that draws numbers of one of `types` (`dtype` unless the attribute dtype says
// otherwise), in a shape that an attribute or input gives. Left to add (here and below): Doc, Attr,
// Examples, and the kernel.
OpDef ShapedOp(std::string name, DTypeSet types, DType dtype, CheckFn check = nullptr);
// The schema of an op that draws a number of one of `types` (that of x unless the attribute dtype
// says otherwise) for each element of x.
OpDef LikeOp(std::string name, DTypeSet x_types, DTypeSet types, CheckFn check = nullptr);

// Adds the kernel to an op whose schema is one of those: `draw` fills output 0.
OpDef WithDraw(OpDef op, std::function<void(KernelContext&)> draw);

// The words of one block of a stream.
using Words = std::array<uint32_t, 4>;

// Fills `y` from the stream, in order: `numbers(words)` are the 2 or 4 numbers that come from one
// block.
template <typename T, typename Numbers>
void Fill(const PhiloxStream& stream, absl::Span<T> y, const Numbers& numbers) {
  size_t filled = 0;
  for (uint64_t block = 0; filled < y.size(); ++block) {
    for (const auto number : numbers(stream.Block(block))) {
      if (filled < y.size()) y[filled++] = static_cast<T>(number);
    }
  }
}

// Calls f(i, word i of the stream) for each i in [0, count).
template <typename F>
void ForEachWord(const PhiloxStream& stream, int64_t count, const F& f) {
  for (int64_t first = 0; first < count; first += 4) {
    const Words words = stream.Block(static_cast<uint64_t>(first) / 4);
    for (int64_t i = first; i < std::min(first + 4, count); ++i) f(i, words[i - first]);
  }
}

}  // namespace nomograph::random

#endif  // NOMOGRAPH_OPS_RANDOM_DRAW_H_

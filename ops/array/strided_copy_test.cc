// Copies of sizes at which lines, planes and blocks come into play, against one element at a time.
#include "nomograph/ops/array/strided_copy.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"

namespace nomograph {
namespace {

using Ints = std::vector<int64_t>;

constexpr DType kTypes[] = {DType::kUInt8, DType::kInt16, DType::kFloat32, DType::kInt64};

// 0, 1, 2, ... in `dtype`.
Tensor Iota(const Shape& shape, DType dtype) {
  Tensor numbers(DType::kInt64, shape);
  const auto data = numbers.mutable_data<int64_t>();
  std::iota(data.begin(), data.end(), 0);
  return numbers.Cast(dtype);
}

// The tensor of `shape` whose element at `place` is element index(place) of `source`.
template <typename F>
Tensor Pick(const Tensor& source, const Shape& shape, F index) {
  const int64_t size = DTypeSize(source.dtype());
  Tensor result(source.dtype(), shape);
  Ints place(shape.rank(), 0);
  for (int64_t i = 0; i < shape.num_elements(); ++i) {
    std::copy_n(source.raw_data() + index(place) * size, size,
                result.mutable_raw_data() + i * size);
    for (int a = shape.rank() - 1; a >= 0 && ++place[a] == shape[a]; --a) place[a] = 0;
  }
  return result;
}

Tensor RunCopy(const char* name, const Tensor& input, const Attributes& attrs, bool fast) {
  const auto outputs = RunOp(*OpRegistry::Default().Find(name), {input}, attrs, {.fast = fast});
  NOMO_CHECK(outputs.ok());
  return (*outputs)[0];
}

TEST(StridedCopy, Transpose) {
  const struct {
    Shape shape;
    Ints perm;
  } cases[] = {
      {{37, 21}, {1, 0}},
      {{2, 17, 33, 3}, {0, 3, 1, 2}},
      {{2, 3, 17, 33}, {0, 2, 3, 1}},
      {{3, 18, 5, 20}, {3, 1, 0, 2}},
      {{4, 16, 1, 32}, {3, 2, 1, 0}},
      {{2, 3, 2, 3, 2, 3, 2, 3, 2}, {8, 1, 6, 3, 4, 5, 2, 7, 0}},
      // Pixels of few channels, and what threads share.
      {{1, 50, 41, 3}, {0, 3, 1, 2}},
      {{2, 2, 9, 70}, {0, 2, 3, 1}},
      {{300, 301}, {1, 0}},
      {{4, 90, 100, 9}, {3, 1, 0, 2}},
  };
  for (const DType dtype : kTypes) {
    for (const auto& c : cases) {
      const Tensor x = Iota(c.shape, dtype);
      Shape shape;
      for (const int64_t axis : c.perm) shape.Append(c.shape[axis]);
      const auto strides = c.shape.Strides();
      const Tensor expected = Pick(x, shape, [&](const Ints& place) {
        int64_t index = 0;
        for (size_t a = 0; a < place.size(); ++a) index += place[a] * strides[c.perm[a]];
        return index;
      });
      for (const bool fast : {false, true}) {
        EXPECT_EQ(RunCopy("array.Transpose", x, {{"perm", c.perm}}, fast), expected)
            << c.shape << DTypeName(dtype);
      }
    }
  }
}

TEST(StridedCopy, Slice) {
  const Shape shape = {5, 40, 23};
  const struct {
    Ints starts, counts, steps;
  } cases[] = {
      {{0, 0, 0}, {5, 40, 23}, {1, 1, 1}},      {{1, 3, 2}, {3, 30, 20}, {1, 1, 1}},
      {{4, 39, 22}, {5, 40, 23}, {-1, -1, -1}}, {{0, 1, 22}, {5, 13, 8}, {1, 3, -3}},
      {{0, 39, 0}, {1, 20, 23}, {1, -2, 1}},
  };
  for (const DType dtype : kTypes) {
    const Tensor x = Iota(shape, dtype);
    for (const auto& c : cases) {
      const auto strides = shape.Strides();
      const Tensor expected = Pick(x, Shape(c.counts), [&](const Ints& place) {
        int64_t index = 0;
        for (int a = 0; a < 3; ++a) index += (c.starts[a] + place[a] * c.steps[a]) * strides[a];
        return index;
      });
      Ints ends;
      for (int a = 0; a < 3; ++a) {
        const int64_t end = c.starts[a] + c.counts[a] * c.steps[a];
        ends.push_back(end < 0 ? -1000 : end);
      }
      const Attributes attrs = {{"starts", c.starts}, {"ends", ends}, {"steps", c.steps}};
      for (const bool fast : {false, true})
        EXPECT_EQ(RunCopy("array.Slice", x, attrs, fast), expected);
    }
  }
}

TEST(StridedCopy, Expand) {
  for (const DType dtype : kTypes) {
    const Tensor x = Iota({3, 1, 20, 1}, dtype);
    const Tensor expected =
        Pick(x, {2, 3, 19, 20, 18}, [](const Ints& p) { return p[1] * 20 + p[3]; });
    for (const bool fast : {false, true}) {
      EXPECT_EQ(RunCopy("array.Expand", x, {{"shape", Ints{2, 1, 19, 1, 18}}}, fast), expected);
    }
  }
}

// Borders that threads fill beside what they surround.
TEST(StridedCopy, Pad) {
  const struct {
    Shape shape;
    Ints pads;
  } cases[] = {
      {{2, 40, 30, 33}, {0, 0, 1, 2, 0, 0, 3, 1}},   {{40, 31, 65}, {0, 0, 1, 0, 0, 1}},
      {{3, 30, 30, 30}, {1, 0, 0, 1, 1, 0, 2, 0}},   {{300, 301}, {7, 0, 0, 5}},
      {{4, 50, 20, 20}, {0, 0, -2, 1, 0, 0, 3, -1}},
  };
  for (const DType dtype : kTypes) {
    for (const auto& c : cases) {
      const Tensor x = Iota(c.shape, dtype);
      const int rank = c.shape.rank();
      const auto strides = c.shape.Strides();
      Shape shape;
      for (int a = 0; a < rank; ++a) shape.Append(c.shape[a] + c.pads[a] + c.pads[rank + a]);
      for (const char* mode : {"constant", "edge", "reflect", "wrap"}) {
        Tensor expected = Pick(x, shape, [&](const Ints& place) {
          int64_t index = 0;
          for (int a = 0; a < rank; ++a) {
            // What is cut off is no border: what is left begins and ends there.
            const int64_t first = std::max<int64_t>(-c.pads[a], 0);
            const int64_t size = c.shape[a] - first - std::max<int64_t>(-c.pads[rank + a], 0);
            int64_t at = place[a] - std::max<int64_t>(c.pads[a], 0);
            if (mode == std::string("reflect")) {
              at = at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at;
            } else if (mode == std::string("wrap")) {
              at = (at + size) % size;
            } else {
              at = std::clamp<int64_t>(at, 0, size - 1);
            }
            index += (first + at) * strides[a];
          }
          return index;
        });
        if (mode == std::string("constant")) {
          const int64_t size = DTypeSize(dtype);
          Ints place(rank, 0);
          for (int64_t i = 0; i < shape.num_elements(); ++i) {
            bool border = false;
            for (int a = 0; a < rank; ++a) {
              border |= place[a] < c.pads[a] || place[a] >= shape[a] - c.pads[rank + a];
            }
            if (border) std::fill_n(expected.mutable_raw_data() + i * size, size, std::byte{0});
            for (int a = rank - 1; a >= 0 && ++place[a] == shape[a]; --a) place[a] = 0;
          }
        }
        for (const int threads : {1, 3}) {
          const auto y =
              RunOp(*OpRegistry::Default().Find("array.Pad"), {x},
                    {{"pads", c.pads}, {"mode", mode}}, {.fast = true, .threads = threads});
          ASSERT_TRUE(y.ok()) << y.status();
          EXPECT_EQ((*y)[0], expected)
              << c.shape << DTypeName(dtype) << " " << mode << ", threads " << threads;
        }
      }
    }
  }
}

}  // namespace
}  // namespace nomograph

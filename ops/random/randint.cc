// RandInt.
#include <limits>
#include <utility>

#include "nomograph/core/op/registry.h"
#include "nomograph/ops/random/draw.h"

namespace nomograph::random {
namespace {

// The upper word of the product of 64 random bits with `count`: in [0, count).
uint64_t Below(uint32_t high, uint32_t low, uint64_t count) {
  const uint64_t bits = uint64_t{high} << 32 | low;
  return static_cast<uint64_t>(static_cast<unsigned __int128>(bits) * count >> 64);
}

void DrawInts(KernelContext& context) {
  const PhiloxStream stream = RandomStream(context);
  const auto low = static_cast<uint64_t>(context.attrs().Int("minval"));
  const uint64_t count = static_cast<uint64_t>(context.attrs().Int("maxval")) - low;
  Dispatch(IntTypes{}, context.output_dtype(0), [&]<typename T>() {
    Fill(stream, context.output<T>(0), [&](const Words& words) {
      return std::array{low + Below(words[0], words[1], count),
                        low + Below(words[2], words[3], count)};
    });
  });
}

absl::Status CheckLimits(const Attributes& attrs) {
  const int64_t low = attrs.Int("minval"), high = attrs.Int("maxval");
  if (low >= high) return InvalidArgument("expected minval < maxval, found ", low, " and ", high);
  bool fits = true;
  Dispatch(IntTypes{}, attrs.Type("dtype"),
           [&]<typename T>() { fits = std::in_range<T>(low) && std::in_range<T>(high - 1); });
  if (fits) return absl::OkStatus();
  return InvalidArgument("expected numbers that ", DTypeName(attrs.Type("dtype")),
                         " holds, found minval ", low, " and maxval ", high);
}

std::vector<Example> Examples() {
  return {
      {.name = "digits",
       .attrs = {{"shape", std::vector<int64_t>{2, 4}}, {"minval", 0}, {"maxval", 10}},
       .outputs = {Tensor::Of<int32_t>({2, 4}, {0, 9, 4, 7, 6, 7, 3, 0})},
       .seed = 5,
       .keyed_by_node = true},
      {.name = "great numbers, shape as an input",
       .attrs = {{"minval", -(int64_t{1} << 62)},
                 {"maxval", int64_t{1} << 62},
                 {"dtype", DType::kInt64}},
       .inputs = {Tensor::Vector<int64_t>({2})},
       .outputs = {Tensor::Vector<int64_t>({-2397142974904465768, 3937142874047375070})},
       .seed = 6,
       .keyed_by_node = true},
      {.name = "the whole of uint8",
       .attrs = {{"shape", std::vector<int64_t>{0}},
                 {"minval", 0},
                 {"maxval", 256},
                 {"dtype", DType::kUInt8}},
       .outputs = {Tensor::Vector<uint8_t>({})}},
  };
}

NOMO_REGISTER_OP(WithDraw(ShapedOp("random.RandInt", kInts, DType::kInt32, CheckLimits), DrawInts)
                     .Doc("Random integers evenly distributed over minval, ..., maxval - 1, the "
                          "same in training and inference: element i is minval + floor((maxval - "
                          "minval) b / 2^64), where the bits of b are words 2 i and 2 i + 1 (the "
                          "upper half first) of the Philox4x32-10 stream of (seed, node, step).")
                     .Source("Keras random.randint")
                     .RequiredAttr("minval", AttrType::kInt, "the least number")
                     .RequiredAttr("maxval", AttrType::kInt, "the limit above, itself left out")
                     .Examples(Examples));

}  // namespace
}  // namespace nomograph::random

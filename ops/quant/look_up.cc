// quant.LookUp: bytes by a table.
#include <cstring>

#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/quant/byte_loops.h"
#include "nomograph/ops/quant/linear.h"

namespace nomograph::quant {
namespace {

enum Input { kX, kTable };
constexpr int kEntries = 256;

absl::StatusOr<std::vector<TensorType>> InferLookUp(const InferContext& context) {
  if (!Compatible(context.shape(kTable), {kEntries})) {
    return InvalidArgument("input table: expected shape [256], found ",
                           context.shape(kTable).ToString());
  }
  return std::vector<TensorType>{{context.dtype(kTable), context.shape(kX)}};
}

absl::Status LookUpCompute(KernelContext& context) {
  Dispatch(ByteTypes{}, context.input_dtype(kX), [&]<typename X>() {
    Dispatch(ByteTypes{}, context.output_dtype(0), [&]<typename Y>() {
      const auto x = context.input<X>(kX);
      const auto table = context.input<Y>(kTable);
      const auto y = context.output<Y>(0);
      for (size_t i = 0; i < x.size(); ++i) y[i] = table[x[i] - std::numeric_limits<X>::min()];
    });
  });
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareLookUp(const PrepareContext& prepare) {
  const int threads = prepare.threads;
  return MakeComputeKernel(
      [threads](KernelContext& context) {
        // By bytes without a sign, of which those of int8 from 128 on are the
        // negative ones.
        const auto* const entries =
            reinterpret_cast<const uint8_t*>(context.input_view(kTable).data);
        const int first = context.input_dtype(kX) == DType::kInt8 ? kEntries / 2 : 0;
        ByteTable table;
        std::memcpy(table.entries, entries + first, kEntries - first);
        std::memcpy(table.entries + kEntries - first, entries, first);
        const auto* const x = reinterpret_cast<const uint8_t*>(context.input_view(kX).data);
        auto* const y = reinterpret_cast<uint8_t*>(context.output_view(0).data);
        const int64_t count = context.output_shape(0).num_elements();
        constexpr int64_t kWorthThreads = 1 << 18;
        ParallelRanges(count >= kWorthThreads ? threads : 1, count,
                       [&](int64_t begin, int64_t end) {
                         LookUpBytes(table, x + begin, end - begin, y + begin);
                       });
        return absl::OkStatus();
      },
      "table");
}

template <typename Y>
Tensor Table(Y (*entry)(int)) {
  Tensor table(kDTypeOf<Y>, {kEntries});
  for (int i = 0; i < kEntries; ++i) table.mutable_data<Y>()[i] = entry(i);
  return table;
}

std::vector<Example> LookUpExamples() {
  return {
      {.name = "by hand: uint8, the greatest first",
       .inputs = {Tensor::Of<uint8_t>({2, 3}, {0, 1, 255, 128, 127, 64}),
                  Table<uint8_t>([](int i) { return static_cast<uint8_t>(255 - i); })},
       .outputs = {Tensor::Of<uint8_t>({2, 3}, {255, 254, 0, 127, 128, 191})}},
      {.name = "by hand: int8, halves",
       .inputs = {Tensor::Vector<int8_t>({-128, -1, 0, 127}),
                  Table<int8_t>([](int i) { return static_cast<int8_t>((i - 128) / 2); })},
       .outputs = {Tensor::Vector<int8_t>({-64, 0, 0, 63})}},
      {.name = "by hand: int8 to uint8",
       .inputs = {Tensor::Vector<int8_t>({-128, -1, 0, 127}),
                  Table<uint8_t>([](int i) { return static_cast<uint8_t>(i); })},
       .outputs = {Tensor::Vector<uint8_t>({0, 127, 128, 255})}},
  };
}

NOMO_REGISTER_OP(OpDef("quant.LookUp", 1)
                     .Doc("y = table[x] of 8-bit integers, counted from the least one: "
                          "table[x + 128] of int8.\n\n"
                          "What stands between DequantizeLinear and QuantizeLinear and is "
                          "done to each element "
                          "by itself becomes such a table where a program is made.")
                     .TypeVar("X", kBytes)
                     .TypeVar("Y", kBytes)
                     .Input("x", "X", "any shape")
                     .Input("table", "Y", "[256]")
                     .Output("y", "Y", "the shape of x")
                     .Infer(InferLookUp)
                     .Reference(LookUpCompute)
                     .Fast(PrepareLookUp)
                     .InPlace()
                     .GradientIsZero()
                     .Examples(LookUpExamples));

}  // namespace
}  // namespace nomograph::quant

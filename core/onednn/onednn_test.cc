// Kernels of oneDNN primitives by themselves: exceptions, reorders, constants and post-ops.
#include "nomograph/core/onednn/onednn.h"

#include <cfenv>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nomograph/core/onednn/onednn_kernel.h"
#include "nomograph/core/op/eager.h"
#include "nomograph/core/vector/vector_target.h"

namespace nomograph {
namespace {

const bool kHasVectors = BestVectorTarget() != VectorTarget::kBaseline;

// Prepares a kernel for the inputs and one float32 output, and runs it twice, so that nothing may
// be left over from the first run. The result is invalid where there is no kernel.
Tensor RunKernel(const PrepareFn& prepare, const std::vector<Tensor>& inputs, const Shape& output,
                 bool inputs_are_constant = false, std::string* description = nullptr) {
  const Attributes attrs;
  std::vector<TensorSpec> specs;
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) {
    specs.push_back({input.dtype(), input.shape()});
    views.push_back({input.dtype(), &input.shape(), const_cast<std::byte*>(input.raw_data())});
  }
  std::vector<Tensor> results = {Tensor(DType::kFloat32, output)};
  const std::vector<TensorSpec> output_specs = {{DType::kFloat32, output}};
  const std::vector<Tensor> constants = inputs_are_constant ? inputs : std::vector<Tensor>();
  const auto kernel = prepare({attrs, specs, output_specs, constants, {}, 1});
  EXPECT_TRUE(kernel.ok()) << kernel.status();
  if (!kernel.ok() || *kernel == nullptr) return Tensor();
  if (description != nullptr) *description = (*kernel)->Describe();

  std::vector<TensorView> output_views = {
      {DType::kFloat32, &output, results[0].mutable_raw_data()}};
  Tensor scratch(DType::kUInt8, {(*kernel)->scratch_bytes()});
  const auto state = (*kernel)->NewState();
  const RunContext run;
  for (int i = 0; i < 2; ++i) {
    KernelContextBuilder builder(views, absl::MakeSpan(output_views), absl::MakeSpan(results),
                                 attrs, run, 0);
    builder.SetMemory(scratch.mutable_raw_data(), state.get());
    const absl::Status status = (*kernel)->Run(builder.context());
    EXPECT_TRUE(status.ok()) << status;
  }
  return results[0];
}

TEST(Guard, TurnsExceptionsIntoStatuses) {
  const struct {
    dnnl_status_t thrown;
    absl::StatusCode code;
  } cases[] = {{dnnl_unimplemented, absl::StatusCode::kUnimplemented},
               {dnnl_out_of_memory, absl::StatusCode::kResourceExhausted},
               {dnnl_invalid_arguments, absl::StatusCode::kInternal}};
  for (const auto& c : cases) {
    const auto status =
        onednn::Guard([&]() -> absl::Status { throw dnnl::error(c.thrown, "no luck"); });
    EXPECT_EQ(status.code(), c.code);
    EXPECT_EQ(status.message(), "oneDNN: no luck");
  }
  const auto no_memory = onednn::Guard([]() -> absl::StatusOr<int> { throw std::bad_alloc(); });
  EXPECT_EQ(no_memory.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(*onednn::Guard([]() -> absl::StatusOr<int> { return 7; }), 7);
}

TEST(Desc, TellsItsPartsWhateverTheVersion) {
  const int swapped[] = {0, 2, 1};
  const struct {
    onednn::Desc desc;
    dnnl::memory::dims dims;
    bool in_rows;
  } cases[] = {
      {onednn::RowMajor(DType::kFloat32, {2, 8, 3}), {2, 8, 3}, true},
      {onednn::Permuted(DType::kFloat32, {2, 8, 3}, swapped), {2, 3, 8}, true},
      {onednn::AnyFormat(DType::kFloat32, {2, 8, 3}), {2, 8, 3}, false},
      {{{2, 8, 3}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::nCw8c},
       {2, 8, 3},
       false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(onednn::DimsOf(c.desc), c.dims);
    EXPECT_EQ(onednn::DataTypeOf(c.desc), dnnl::memory::data_type::f32);
    EXPECT_EQ(onednn::LiesInRows(c.desc), c.in_rows);
  }
  EXPECT_EQ(onednn::Retyped(onednn::Permuted(DType::kFloat32, {2, 8, 3}, swapped), DType::kInt8),
            onednn::Permuted(DType::kInt8, {2, 8, 3}, swapped));
  EXPECT_EQ(onednn::Retyped(onednn::AnyFormat(DType::kFloat32, {2, 8}), DType::kInt8),
            onednn::AnyFormat(DType::kInt8, {2, 8}));
}

TEST(Sgemm, MultipliesRowsOrTheirTransposeAndAdds) {
  constexpr int64_t m = 3, n = 5, k = 4, step = 7;  // room at the ends of the rows
  std::vector<float> a(k * step), b(n * step);
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 11) - 5;
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 13) - 6;
  for (const bool a_transposed : {false, true}) {
    for (const bool b_transposed : {false, true}) {
      for (const bool add : {false, true}) {
        std::vector<float> c(m * step, 100);
        std::vector<float> expected = c;
        for (int64_t i = 0; i < m; ++i) {
          for (int64_t j = 0; j < n; ++j) {
            float sum = add ? 100 : 0;
            for (int64_t l = 0; l < k; ++l) {
              sum += a[a_transposed ? l * step + i : i * step + l] *
                     b[b_transposed ? j * step + l : l * step + j];
            }
            expected[i * step + j] = sum;  // integers, so that the order does not matter
          }
        }
        const absl::Status status =
            onednn::Sgemm(m, n, k, {a.data(), step, a_transposed}, {b.data(), step, b_transposed},
                          c.data(), step, add);
        EXPECT_TRUE(status.ok()) << status;
        EXPECT_EQ(c, expected) << a_transposed << b_transposed << add;
      }
    }
  }
}

// Doubles a matrix in its transposed layout.
bool BuildDoubled(onednn::Builder& b) {
  const int swapped[] = {1, 0};
  const auto given = onednn::Permuted(DType::kFloat32, b.context().inputs[0].shape, swapped);
  const auto wanted = onednn::RowMajor(DType::kFloat32, b.context().outputs[0].shape.dims());
  const auto pd = onednn::Describe<dnnl::eltwise_forward>(
      b.Attr(), dnnl::prop_kind::forward_inference, dnnl::algorithm::eltwise_linear, wanted, wanted,
      2.0f, 0.0f);
  b.Add<dnnl::eltwise_forward>(pd, {{DNNL_ARG_SRC, b.Reordered(b.Input(0, given), wanted)},
                                    {DNNL_ARG_DST, b.Output(0, wanted)}});
  return true;
}

TEST(Builder, ReordersConstantsOnceAndOthersAtEachRun) {
  const Tensor x = Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor expected = Tensor::Of<float>({3, 2}, {2, 8, 4, 10, 6, 12});
  std::string packed, reordered;
  EXPECT_EQ(RunKernel(onednn::Prepare(BuildDoubled), {x}, {3, 2}, true, &packed), expected);
  EXPECT_EQ(RunKernel(onednn::Prepare(BuildDoubled), {x}, {3, 2}, false, &reordered), expected);
  EXPECT_EQ(packed.find(" + "), std::string::npos) << packed;
  EXPECT_NE(reordered.find(" + "), std::string::npos) << reordered;
}

TEST(Prepare, LeavesWhatItDoesNotServeToOthers) {
  const auto throws = [](onednn::Builder&) -> bool {
    throw dnnl::error(dnnl_invalid_arguments, "shape");
  };
  const auto refuses = [](onednn::Builder&) { return false; };
  const Tensor x = Tensor::Vector<float>({1});
  EXPECT_FALSE(RunKernel(onednn::Prepare(throws), {x}, {1}).valid());
  EXPECT_FALSE(RunKernel(onednn::Prepare(refuses), {x}, {1}).valid());
  EXPECT_FALSE(
      RunKernel(OneDnnEltwise(dnnl_eltwise_relu).prepare, {Tensor(DType::kFloat32, {0})}, {0})
          .valid());
  EXPECT_FALSE(
      RunKernel(OneDnnEltwise(dnnl_eltwise_relu).prepare, {Tensor::Vector<int32_t>({1})}, {1})
          .valid());
}

TEST(OneDnnEltwise, AppliesTheFunction) {
  const Tensor x = Tensor::Of<float>({2, 2}, {-2, -0.5, 0, 3});
  EXPECT_EQ(RunKernel(OneDnnEltwise(dnnl_eltwise_relu).prepare, {x}, {2, 2}),
            Tensor::Of<float>({2, 2}, {0, 0, 0, 3}));
  EXPECT_EQ(RunKernel(OneDnnEltwise(dnnl_eltwise_linear, 2, 1).prepare, {x}, {2, 2}),
            Tensor::Of<float>({2, 2}, {-3, 0, 1, 7}));
  EXPECT_EQ(RunKernel(OneDnnEltwise(dnnl_eltwise_abs).prepare, {Tensor::Scalar<float>(-4)}, {}),
            Tensor::Scalar<float>(4));
}

TEST(FastBinary, Broadcasts) {
  const Tensor row = Tensor::Vector<float>({1, 2, 3});
  const Tensor column = Tensor::Of<float>({2, 1}, {10, 20});
  const Tensor matrix = Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor cube = Tensor::Of<float>({2, 1, 2}, {1, 2, 3, 4});
  const struct {
    Tensor a, b, difference;
  } cases[] = {
      {matrix, row, Tensor::Of<float>({2, 3}, {0, 0, 0, 3, 3, 3})},
      {row, matrix, Tensor::Of<float>({2, 3}, {0, 0, 0, -3, -3, -3})},
      {matrix, column, Tensor::Of<float>({2, 3}, {-9, -8, -7, -16, -15, -14})},
      {column, matrix, Tensor::Of<float>({2, 3}, {9, 8, 7, 16, 15, 14})},
      {matrix, Tensor::Scalar<float>(1), Tensor::Of<float>({2, 3}, {0, 1, 2, 3, 4, 5})},
      {cube, column, Tensor::Of<float>({2, 2, 2}, {-9, -8, -19, -18, -7, -6, -17, -16})},
      {Tensor::Scalar<float>(5), Tensor::Scalar<float>(2), Tensor::Scalar<float>(3)},
  };
  for (const auto& c : cases) {
    const Tensor result =
        RunKernel(FastBinary(dnnl_binary_sub).prepare, {c.a, c.b}, c.difference.shape());
    EXPECT_EQ(result.valid(), kHasVectors);
    if (result.valid()) {
      EXPECT_EQ(result, c.difference) << c.a.ToString() << " - " << c.b.ToString();
    }
  }
}

TEST(FastBinary, DividesWithoutTheFlagThatTellsOfALostNan) {
  for (const Shape& shape : {Shape{}, Shape{1, 1}, Shape{3, 1, 1}, Shape{5, 7}, Shape{2, 33}}) {
    const Tensor dividends = Tensor::Full(DType::kFloat32, shape, 3);
    const Tensor divisors = Tensor::Full(DType::kFloat32, shape, 2);
    const Tensor numbers[] = {dividends, Tensor::Scalar<float>(3)};
    for (const Tensor& dividend : numbers) {
      std::feclearexcept(FE_INVALID);
      const Tensor result =
          RunKernel(FastBinary(dnnl_binary_div).prepare, {dividend, divisors}, shape);
      EXPECT_EQ(std::fetestexcept(FE_INVALID), 0) << shape.ToString();
      EXPECT_EQ(result.valid(), kHasVectors);
      if (result.valid()) {
        EXPECT_EQ(result, Tensor::Full(DType::kFloat32, shape, 1.5));
      }
    }
  }
}

TEST(BinaryPostOp, TakesTheWholeOutputOnly) {
  const Attributes attrs;
  const std::vector<TensorSpec> inputs = {{DType::kFloat32, {2, 3}}, {DType::kFloat32, {3}}};
  const TensorSpec output{DType::kFloat32, {2, 3}};
  const auto add = BinaryPostOp(dnnl_binary_add, true), sub = BinaryPostOp(dnnl_binary_sub, false);
  EXPECT_TRUE(add({attrs, inputs, {}, output, 0}));
  EXPECT_TRUE(sub({attrs, inputs, {}, output, 0}));
  EXPECT_FALSE(add({attrs, inputs, {}, output, 1}));  // the row, which is repeated
  const std::vector<TensorSpec> same = {output, output};
  EXPECT_TRUE(add({attrs, same, {}, output, 1}));
  EXPECT_FALSE(sub({attrs, same, {}, output, 1}));  // it would be subtracted the other way round
}

}  // namespace
}  // namespace nomograph

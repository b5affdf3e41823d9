// array.Cast: elements converted to another dtype.
#include <limits>
#include <memory>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/op/widened_kernel.h"
#include "nomograph/core/types/storage_types.h"

namespace nomograph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  return std::vector<TensorType>{{context.attrs().Type("to"), context.shape(0)}};
}

// To 8-bit floats, with infinity or NaN for what is past their greatest values.
void CastUnsaturated(KernelContext& context) {
  const Tensor x = context.BorrowInput(0).Cast(DType::kFloat32);
  Dispatch(Float8Types{}, context.output_dtype(0), [&]<typename T>() {
    const auto y = context.output<T>(0);
    for (size_t i = 0; i < y.size(); ++i) y[i] = T(x.data<float>()[i], /*saturate=*/false);
  });
}

bool IsUnsaturated(DType to, const Attributes& attrs) {
  return kFloat8s.Contains(to) && !attrs.Bool("saturate");
}

absl::Status Compute(KernelContext& context) {
  if (IsUnsaturated(context.output_dtype(0), context.attrs())) {
    CastUnsaturated(context);
    return absl::OkStatus();
  }
  ConvertElements(context.input_dtype(0), context.input_view(0).data, context.output_dtype(0),
                  context.output_view(0).data, context.input_shape(0).num_elements());
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context) {
  if (IsUnsaturated(context.outputs[0].dtype, context.attrs)) return nullptr;
  return MakeComputeKernel(
      [threads = context.threads](KernelContext& kernel) {
        ConvertOnThreads(kernel.input_view(0), kernel.output_view(0), threads);
        return absl::OkStatus();
      },
      "loop");
}

template <typename T>
Tensor Bits(std::initializer_list<uint8_t> bits) {
  std::vector<T> values;
  for (const uint8_t code : bits) values.push_back(T::FromBits(code));
  return Tensor::Of<T>({static_cast<int64_t>(values.size())}, absl::MakeConstSpan(values));
}

std::vector<Example> Examples() {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto half = [](float value) { return Half(value); };
  return {
      {.name = "pixels to float",
       .attrs = {{"to", DType::kFloat32}},
       .inputs = {Tensor::Of<uint8_t>({2, 2}, {0, 1, 127, 255})},
       .outputs = {Tensor::Of<float>({2, 2}, {0, 1, 127, 255})}},
      {.name = "float to integer is cut and clamped",
       .attrs = {{"to", DType::kInt8}},
       .inputs = {Tensor::Vector<float>({1.9f, -1.9f, 200, -200, inf, -inf, nan})},
       .outputs = {Tensor::Vector<int8_t>({1, -1, 127, -128, 127, -128, 0})}},
      {.name = "integers wrap",
       .attrs = {{"to", DType::kUInt8}},
       .inputs = {Tensor::Vector<int32_t>({255, 256, -1})},
       .outputs = {Tensor::Vector<uint8_t>({255, 0, 255})}},
      {.name = "to bool",
       .attrs = {{"to", DType::kBool}},
       .inputs = {Tensor::Vector<float>({0, -0.0f, 0.5f, nan})},
       .outputs = {Tensor::Vector<bool>({false, false, true, true})}},
      {.name = "rounding to float16",
       .attrs = {{"to", DType::kFloat16}},
       .inputs = {Tensor::Vector<float>({0.1f, 2049, 2051, 65520})},
       .outputs = {Tensor::Vector<Half>(
           {half(0.0999755859375f), half(2048), half(2052), half(inf)})},
       .rtol = 0,
       .atol = 0},
      // The figures of 8-bit floats are ONNX Runtime's.
      {.name = "rounding to float8e4m3fn, saturated",
       .attrs = {{"to", DType::kFloat8E4M3FN}},
       .inputs = {Tensor::Vector<float>(
           {-0.0f, nan, inf, -1e6f, 464, 248, 0.3f, 0x1p-10f, 0x1.8p-10f, 17, 19})},
       .outputs = {Bits<Float8E4M3FN>(
           {0x80, 0x7f, 0x7e, 0xfe, 0x7e, 0x78, 0x2a, 0x00, 0x01, 0x58, 0x5a})}},
      {.name = "rounding to float8e4m3fnuz, not saturated",
       .attrs = {{"to", DType::kFloat8E4M3FNUZ}, {"saturate", false}},
       .inputs = {Tensor::Vector<float>({-0.0f, nan, inf, 248, 240, -0.3f, 0x1p-11f, 0x1p-10f})},
       .outputs = {Bits<Float8E4M3FNUZ>({0x00, 0x80, 0x80, 0x80, 0x7f, 0xb2, 0x00, 0x01})}},
      {.name = "rounding to float8e5m2, not saturated",
       .attrs = {{"to", DType::kFloat8E5M2}, {"saturate", false}},
       .inputs = {Tensor::Vector<float>({inf, -65536, 57344, 0x1p-16f, -0x1p-17f, 480, 240})},
       .outputs = {Bits<Float8E5M2>({0x7c, 0xfc, 0x7b, 0x01, 0x80, 0x60, 0x5c})}},
      {.name =
           "infinities to float8e4m3fnuz, saturated: cast_FLOAT_to_FLOAT8E4M3FNUZ of ONNX's suite",
       .attrs = {{"to", DType::kFloat8E4M3FNUZ}},
       .inputs = {Tensor::Vector<float>({std::numeric_limits<float>::infinity(),
                                         -std::numeric_limits<float>::infinity(), 1e6f, -1e6f})},
       .outputs = {Tensor::Vector<float>({240, -240, 240, -240}).Cast(DType::kFloat8E4M3FNUZ)}},
      {.name = "rounding to float8e5m2fnuz, saturated",
       .attrs = {{"to", DType::kFloat8E5M2FNUZ}},
       .inputs = {Tensor::Vector<float>({inf, -65536, nan, 0x1p-17f, -0x1p-18f, 1})},
       .outputs = {Bits<Float8E5M2FNUZ>({0x7f, 0xff, 0x80, 0x01, 0x00, 0x40})}},
      {.name = "8-bit floats to float",
       .attrs = {{"to", DType::kFloat32}},
       .inputs = {Bits<Float8E4M3FN>({0x00, 0x01, 0x08, 0x38, 0x7e, 0xff, 0xc0})},
       .outputs = {Tensor::Vector<float>({0, 0x1p-9f, 0x1p-6f, 1, 448, nan, -2})}},
      {.name = "to int4: floats are cut and clamped",
       .attrs = {{"to", DType::kInt4}},
       .inputs = {Tensor::Vector<float>({1.9f, -1.9f, 9, -200, nan})},
       .outputs = {Tensor::Vector<Int4>({Int4(1), Int4(-1), Int4(7), Int4(-8), Int4(0)})}},
      {.name = "to uint4: integers wrap",
       .attrs = {{"to", DType::kUInt4}},
       .inputs = {Tensor::Vector<int32_t>({15, 16, -1})},
       .outputs = {Tensor::Vector<UInt4>({UInt4(15), UInt4(0), UInt4(15)})}},
      {.name = "int4 to int8",
       .attrs = {{"to", DType::kInt8}},
       .inputs = {Tensor::Vector<Int4>({Int4(-8), Int4(7)})},
       .outputs = {Tensor::Vector<int8_t>({-8, 7})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("array.Cast")
        .Doc("y = x, each element converted to the dtype `to`. Floating-point values are rounded "
             "to the nearest that `to` has, ties to even (from float64 to the 16-bit types by way "
             "of float32). To integers they are cut towards zero; values outside of the range, "
             "infinities among them, become its nearest end, and NaN becomes 0. Integers that do "
             "not fit wrap around. To bool all but 0 is true, NaN too; bool becomes 0 or 1. To "
             "8-bit floats numbers go by way of float32, too; past the greatest finite value they, "
             "and the infinities, become that value, or without `saturate` infinity (NaN where "
             "the type has none). ONNX's page says NaN for infinity in the fnuz types also with "
             "`saturate`; its test data and ONNX Runtime have the greatest value, as here.")
        .Source("ONNX Cast")
        .Known({.as = "onnx", .name = "Cast"})
        .TypeVar("T", kStoredType)
        .TypeVar("R", kStoredType)
        .Input("x", "T", "any shape")
        .Output("y", "R", "the shape of x")
        .RequiredAttr("to", AttrType::kDType, "the dtype of y")
        .Attr("saturate", true, "whether 8-bit floats are cut at their greatest finite value")
        .Infer(Infer)
        .Reference(Compute)
        .Fast(Prepare)
        .Gradient(UnaryGradient([](const Value& x, const Value&, const Value& dy) {
          return CastLike(dy, x);  // as if nothing were rounded
        }))
        .Examples(Examples));

}  // namespace
}  // namespace nomograph

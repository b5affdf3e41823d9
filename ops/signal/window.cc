// HannWindow, HammingWindow, BlackmanWindow.
#include <array>
#include <numbers>

#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"

namespace nomograph::signal {
namespace {

absl::StatusOr<std::vector<TensorType>> InferWindow(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(const IntsArg size, GetInt(context, "size", 0));
  if (!size.given) return InvalidArgument("size is required, as an attribute or as input 0");
  constexpr int64_t kMaxSize = 2147483647;
  if (size.known && (size.values[0] < 0 || size.values[0] > kMaxSize)) {
    return InvalidArgument("size: expected 0 to ", kMaxSize, ", found ", size.values[0]);
  }
  return std::vector<TensorType>{
      {context.attrs().Type("dtype"), {size.known ? Dim(size.values[0]) : Dim()}}};
}

// a[0] - a[1] cos(2 pi i / period) + a[2] cos(4 pi i / period).
using Coefficients = std::array<double, 3>;

ComputeFn WindowReference(const Coefficients& a) {
  return [a](KernelContext& context) -> absl::Status {
    const ConcreteNode node(context);
    NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, InferWindow));
    const int64_t size = context.output_shape(0)[0];
    const int64_t period = context.attrs().Bool("periodic") ? size : size - 1;
    Tensor y(DType::kFloat64, {size});
    for (int64_t i = 0; i < size; ++i) {
      const double angle =
          period == 0 ? std::numbers::pi
                      : 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(period);
      y.mutable_data<double>()[i] = a[0] - a[1] * exact::Cos(angle) + a[2] * exact::Cos(2 * angle);
    }
    return context.SetOutput(0, y.Cast(context.output_dtype(0)));
  };
}

OpDef WindowOp(std::string name, const Coefficients& a, absl::string_view formula,
               std::string source) {
  return OpDef(std::move(name))
      .Doc(absl::StrCat("y[i] = ", formula,
                        ", with n = size, or size - 1 where the window is not periodic; the "
                        "symmetric window of size 1 is 1. Values are computed in float64 and "
                        "converted as array.Cast does. The size is an attribute or an input."))
      .Source(std::move(source))
      .TypeVar("I", {DType::kInt32, DType::kInt64})
      .TypeVar("T", kNumbers)
      .OptionalInput("size", "I", "one number, at least 0")
      .Output("y", "T", "[size]")
      .OptionalAttr("size", AttrType::kInt, "as the input")
      .Attr("periodic", true, "for spectra; else symmetric, for filters")
      .Attr("dtype", DType::kFloat32, "of y, a number")
      .Infer(InferWindow)
      .Reference(WindowReference(a));
}

std::vector<Example> HannExamples() {
  return {
      {.name = "periodic",
       .inputs = {Tensor::Scalar<int32_t>(10)},
       .outputs = {Tensor::Vector<float>({0, 0.095491506, 0.3454915, 0.6545085, 0.9045085, 1,
                                          0.9045085, 0.6545085, 0.3454915, 0.095491506})}},
      {.name = "symmetric",
       .attrs = {{"size", 5}, {"periodic", false}},
       .outputs = {Tensor::Vector<float>({0, 0.5, 1, 0.5, 0})}},
      {.name = "float64",
       .attrs = {{"dtype", DType::kFloat64}},
       .inputs = {Tensor::Vector<int64_t>({3})},
       .outputs = {Tensor::Vector<double>({0, 0.7499999999999999, 0.7500000000000002})},
       .rtol = 1e-14},
      {.name = "one, symmetric",
       .attrs = {{"size", 1}, {"periodic", false}},
       .outputs = {Tensor::Vector<float>({1})}},
      {.name = "none", .attrs = {{"size", 0}}, .outputs = {Tensor::Of<float>({0}, {})}},
      {.name = "float16",
       .attrs = {{"size", 3}, {"dtype", DType::kFloat16}},
       .outputs = {Tensor::Vector<Half>({Half(0), Half(0.75), Half(0.75)})},
       .rtol = 1e-3},
      {.name = "integers are cut",
       .attrs = {{"size", 4}, {"dtype", DType::kInt32}},
       .outputs = {Tensor::Vector<int32_t>({0, 0, 1, 0})}},
  };
}

std::vector<Example> HammingExamples() {
  return {
      {.name = "periodic",
       .inputs = {Tensor::Scalar<int32_t>(10)},
       .outputs = {Tensor::Vector<float>({0.08695652, 0.17414442, 0.4024053, 0.68455124, 0.9128121,
                                          1, 0.9128121, 0.68455124, 0.4024053, 0.17414442})}},
      {.name = "symmetric",
       .attrs = {{"size", 5}, {"periodic", false}},
       .outputs = {Tensor::Vector<float>({0.08695652, 0.54347825, 1, 0.54347825, 0.08695652})}},
      {.name = "float64",
       .attrs = {{"dtype", DType::kFloat64}},
       .inputs = {Tensor::Vector<int64_t>({3})},
       .outputs = {Tensor::Vector<double>(
           {0.08695652173913043, 0.7717391304347825, 0.7717391304347827})},
       .rtol = 1e-14},
      {.name = "one, symmetric",
       .attrs = {{"size", 1}, {"periodic", false}},
       .outputs = {Tensor::Vector<float>({1})}},
  };
}

std::vector<Example> BlackmanExamples() {
  return {
      {.name = "periodic",
       .inputs = {Tensor::Scalar<int32_t>(10)},
       .outputs = {Tensor::Vector<float>({-1.3877788e-17, 0.040212862, 0.20077014, 0.50978714,
                                          0.8492299, 1, 0.8492299, 0.50978714, 0.20077014,
                                          0.040212862})}},
      {.name = "symmetric",
       .attrs = {{"size", 5}, {"periodic", false}},
       .outputs = {Tensor::Vector<float>({-1.3877788e-17, 0.34, 1, 0.34, -1.3877788e-17})}},
      {.name = "float64",
       .attrs = {{"dtype", DType::kFloat64}},
       .inputs = {Tensor::Vector<int64_t>({3})},
       .outputs = {Tensor::Vector<double>(
           {-1.3877787807814457e-17, 0.6299999999999999, 0.6300000000000002})},
       .rtol = 1e-14},
      {.name = "one, symmetric",
       .attrs = {{"size", 1}, {"periodic", false}},
       .outputs = {Tensor::Vector<float>({1})}},
  };
}

NOMO_REGISTER_OP(WindowOp("signal.HannWindow", {0.5, 0.5, 0}, "0.5 - 0.5 cos(2 pi i / n)",
                          "ONNX HannWindow; numpy.hanning, symmetric")
                     .Known({.as = "onnx",
                             .name = "HannWindow",
                             .since = 17,
                             .attrs = {{"size", KnownAttr::kScalar, "", 0},
                                       {"dtype", KnownAttr::kAttribute, "output_datatype"}}})
                     .Examples(HannExamples));
NOMO_REGISTER_OP(WindowOp("signal.HammingWindow", {25.0 / 46, 21.0 / 46, 0},
                          "25 / 46 - 21 / 46 cos(2 pi i / n)",
                          "ONNX HammingWindow; numpy.hamming has 0.54 and 0.46")
                     .Known({.as = "onnx",
                             .name = "HammingWindow",
                             .since = 17,
                             .attrs = {{"size", KnownAttr::kScalar, "", 0},
                                       {"dtype", KnownAttr::kAttribute, "output_datatype"}}})
                     .Examples(HammingExamples));
NOMO_REGISTER_OP(WindowOp("signal.BlackmanWindow", {0.42, 0.5, 0.08},
                          "0.42 - 0.5 cos(2 pi i / n) + 0.08 cos(4 pi i / n)",
                          "ONNX BlackmanWindow; numpy.blackman, symmetric")
                     .Known({.as = "onnx",
                             .name = "BlackmanWindow",
                             .since = 17,
                             .attrs = {{"size", KnownAttr::kScalar, "", 0},
                                       {"dtype", KnownAttr::kAttribute, "output_datatype"}}})
                     .Examples(BlackmanExamples));

}  // namespace
}  // namespace nomograph::signal

#include "nomograph/serialization/onnx/export/operator_forms.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/types/status.h"

namespace nomograph::onnx {
namespace {

// An operator's signature from the opset `since` on, up to the next row of that operator. From
// ONNX's operator schemas; a form that opset 13 does not have any more is not listed.
struct Form {
  const char* op_type;
  int since;
  int min_inputs, max_inputs, max_outputs;  // -1: any number
  const char* attributes;
  // What each input takes, the last one standing for further ones: the letters of kLetters, * for
  // all of its upper row, - for what has no letter (strings, sequences).
  const char* input_types;
};

struct Letter {
  char letter;
  DTypeSet types;
};
const Letter kLetters[] = {
    {'?', {DType::kBool}},    {'c', {DType::kInt8}},     {'C', {DType::kUInt8}},
    {'s', {DType::kInt16}},   {'S', {DType::kUInt16}},   {'i', {DType::kInt32}},
    {'I', {DType::kUInt32}},  {'l', {DType::kInt64}},    {'L', {DType::kUInt64}},
    {'h', {DType::kFloat16}}, {'b', {DType::kBFloat16}}, {'f', {DType::kFloat32}},
    {'d', {DType::kFloat64}}, {'8', kFloat8s},           {'4', kInt4s},
};

// clang-format off
constexpr Form kForms[] = {
    {"Abs", 13, 1, 1, 1, "", "cCsSiIlLhbfd"},
    {"Acos", 7, 1, 1, 1, "", "hfd"},
    {"Acos", 22, 1, 1, 1, "", "hbfd"},
    {"Acosh", 9, 1, 1, 1, "", "hfd"},
    {"Acosh", 22, 1, 1, 1, "", "hbfd"},
    {"Add", 13, 2, 2, 1, "", "iIlLhbfd iIlLhbfd"},
    {"Add", 14, 2, 2, 1, "", "cCsSiIlLhbfd cCsSiIlLhbfd"},
    {"AffineGrid", 20, 2, 2, 1, "align_corners", "hbfd l"},
    {"And", 7, 2, 2, 1, "", "? ?"},
    {"ArgMax", 13, 1, 1, 1, "axis keepdims select_last_index", "cCsSiIlLhbfd"},
    {"ArgMin", 13, 1, 1, 1, "axis keepdims select_last_index", "cCsSiIlLhbfd"},
    {"Asin", 7, 1, 1, 1, "", "hfd"},
    {"Asin", 22, 1, 1, 1, "", "hbfd"},
    {"Asinh", 9, 1, 1, 1, "", "hfd"},
    {"Asinh", 22, 1, 1, 1, "", "hbfd"},
    {"Atan", 7, 1, 1, 1, "", "hfd"},
    {"Atan", 22, 1, 1, 1, "", "hbfd"},
    {"Atanh", 9, 1, 1, 1, "", "hfd"},
    {"Atanh", 22, 1, 1, 1, "", "hbfd"},
    {"Attention", 23, 3, 6, 4, "is_causal kv_num_heads q_num_heads qk_matmul_output_mode scale softcap softmax_precision", "hbfd hbfd hbfd ?cCsSiIlLhbfd hbfd hbfd"},
    {"Attention", 24, 3, 7, 4, "is_causal kv_num_heads q_num_heads qk_matmul_output_mode scale softcap softmax_precision", "hbfd hbfd hbfd ?cCsSiIlLhbfd hbfd hbfd l"},
    {"AveragePool", 11, 1, 1, 1, "auto_pad ceil_mode count_include_pad kernel_shape pads strides", "hfd"},
    {"AveragePool", 19, 1, 1, 1, "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides", "hfd"},
    {"AveragePool", 22, 1, 1, 1, "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides", "hbfd"},
    {"BatchNormalization", 9, 5, 5, 5, "epsilon momentum", "hfd hfd hfd hfd hfd"},
    {"BatchNormalization", 14, 5, 5, 3, "epsilon momentum training_mode", "hbfd hbfd hbfd hbfd hbfd"},
    {"Bernoulli", 15, 1, 1, 1, "dtype seed", "hfd"},
    {"Bernoulli", 22, 1, 1, 1, "dtype seed", "hbfd"},
    {"BitCast", 26, 1, 1, 1, "to", "*84"},
    {"BitShift", 11, 2, 2, 1, "direction", "CSIL CSIL"},
    {"BitwiseAnd", 18, 2, 2, 1, "", "cCsSiIlL cCsSiIlL"},
    {"BitwiseNot", 18, 1, 1, 1, "", "cCsSiIlL"},
    {"BitwiseOr", 18, 2, 2, 1, "", "cCsSiIlL cCsSiIlL"},
    {"BitwiseXor", 18, 2, 2, 1, "", "cCsSiIlL cCsSiIlL"},
    {"BlackmanWindow", 17, 1, 1, 1, "output_datatype periodic", "il"},
    {"Cast", 13, 1, 1, 1, "to", "*"},
    {"Cast", 19, 1, 1, 1, "saturate to", "*8"},
    {"Cast", 21, 1, 1, 1, "saturate to", "*84"},
    {"Cast", 24, 1, 1, 1, "round_mode saturate to", "*84"},
    {"CastLike", 15, 2, 2, 1, "", "* *"},
    {"CastLike", 19, 2, 2, 1, "saturate", "*8 *8"},
    {"CastLike", 21, 2, 2, 1, "saturate", "*84 *84"},
    {"CastLike", 24, 2, 2, 1, "round_mode saturate", "*84 *84"},
    {"Ceil", 13, 1, 1, 1, "", "hbfd"},
    {"Celu", 12, 1, 1, 1, "alpha", "f"},
    {"CenterCropPad", 18, 2, 2, 1, "axes", "* il"},
    {"Clip", 13, 1, 3, 1, "", "cCsSiIlLhbfd cCsSiIlLhbfd cCsSiIlLhbfd"},
    {"Col2Im", 18, 3, 3, 1, "dilations pads strides", "* l l"},
    {"Compress", 11, 2, 2, 1, "axis", "?cCsSiIlLhfd ?"},
    {"Concat", 13, 1, -1, 1, "axis", "*"},
    {"ConcatFromSequence", 11, 1, 1, 1, "axis new_axis", "-"},
    {"Constant", 13, 0, 0, 1, "sparse_value value value_float value_floats value_int value_ints value_string value_strings", ""},
    {"ConstantOfShape", 9, 1, 1, 1, "value", "l"},
    {"Conv", 11, 2, 3, 1, "auto_pad dilations group kernel_shape pads strides", "hfd hfd hfd"},
    {"Conv", 22, 2, 3, 1, "auto_pad dilations group kernel_shape pads strides", "hbfd hbfd hbfd"},
    {"ConvInteger", 10, 2, 4, 1, "auto_pad dilations group kernel_shape pads strides", "cC cC cC cC"},
    {"ConvTranspose", 11, 2, 3, 1, "auto_pad dilations group kernel_shape output_padding output_shape pads strides", "hfd hfd hfd"},
    {"ConvTranspose", 22, 2, 3, 1, "auto_pad dilations group kernel_shape output_padding output_shape pads strides", "hbfd hbfd hbfd"},
    {"Cos", 7, 1, 1, 1, "", "hfd"},
    {"Cos", 22, 1, 1, 1, "", "hbfd"},
    {"Cosh", 9, 1, 1, 1, "", "hfd"},
    {"Cosh", 22, 1, 1, 1, "", "hbfd"},
    {"CumProd", 26, 2, 2, 1, "exclusive reverse", "iIlLhbfd il"},
    {"CumSum", 11, 2, 2, 1, "exclusive reverse", "iIlLfd il"},
    {"CumSum", 14, 2, 2, 1, "exclusive reverse", "iIlLhbfd il"},
    {"DFT", 17, 1, 2, 1, "axis inverse onesided", "hbfd il"},
    {"DFT", 20, 1, 3, 1, "inverse onesided", "hbfd il l"},
    {"DeformConv", 19, 3, 5, 1, "dilations group kernel_shape offset_group pads strides", "hfd hfd hfd hfd hfd"},
    {"DeformConv", 22, 3, 5, 1, "dilations group kernel_shape offset_group pads strides", "hbfd hbfd hbfd hbfd hbfd"},
    {"DepthToSpace", 13, 1, 1, 1, "blocksize mode", "*"},
    {"DequantizeLinear", 13, 2, 3, 1, "axis", "cCi f cCi"},
    {"DequantizeLinear", 19, 2, 3, 1, "axis", "cCi8 hbf cCi8"},
    {"DequantizeLinear", 21, 2, 3, 1, "axis block_size", "cCsSi84 hbf cCsSi84"},
    {"DequantizeLinear", 23, 2, 3, 1, "axis block_size output_dtype", "cCsSi84 hbf cCsSi84"},
    {"Det", 11, 1, 1, 1, "", "hfd"},
    {"Det", 22, 1, 1, 1, "", "hbfd"},
    {"Div", 13, 2, 2, 1, "", "iIlLhbfd iIlLhbfd"},
    {"Div", 14, 2, 2, 1, "", "cCsSiIlLhbfd cCsSiIlLhbfd"},
    {"Dropout", 13, 1, 3, 2, "seed", "hbfd hfd ?"},
    {"Dropout", 22, 1, 3, 2, "seed", "hbfd8 hbfd8 ?"},
    {"DynamicQuantizeLinear", 11, 1, 1, 3, "", "f"},
    {"Einsum", 12, 1, -1, 1, "equation", "cCsSiIlLhfd"},
    {"Elu", 6, 1, 1, 1, "alpha", "hfd"},
    {"Elu", 22, 1, 1, 1, "alpha", "hbfd"},
    {"Equal", 13, 2, 2, 1, "", "* *"},
    {"Erf", 13, 1, 1, 1, "", "cCsSiIlLhbfd"},
    {"Exp", 13, 1, 1, 1, "", "hbfd"},
    {"Expand", 13, 2, 2, 1, "", "* l"},
    {"EyeLike", 9, 1, 1, 1, "dtype k", "?cCsSiIlLhfd"},
    {"EyeLike", 22, 1, 1, 1, "dtype k", "cCsSiIlLhbfd?"},
    {"Flatten", 13, 1, 1, 1, "axis", "*"},
    {"Flatten", 21, 1, 1, 1, "axis", "*84"},
    {"Floor", 13, 1, 1, 1, "", "hbfd"},
    {"GRU", 7, 3, 6, 2, "activation_alpha activation_beta activations clip direction hidden_size linear_before_reset", "hfd hfd hfd hfd i hfd"},
    {"GRU", 14, 3, 6, 2, "activation_alpha activation_beta activations clip direction hidden_size layout linear_before_reset", "hfd hfd hfd hfd i hfd"},
    {"GRU", 22, 3, 6, 2, "activation_alpha activation_beta activations clip direction hidden_size layout linear_before_reset", "hbfd hbfd hbfd hbfd i hbfd"},
    {"Gather", 13, 2, 2, 1, "axis", "* il"},
    {"GatherElements", 13, 2, 2, 1, "axis", "* il"},
    {"GatherND", 13, 2, 2, 1, "batch_dims", "* l"},
    {"Gelu", 20, 1, 1, 1, "approximate", "hbfd"},
    {"Gemm", 13, 2, 3, 1, "alpha beta transA transB", "iIlLhbfd iIlLhbfd iIlLhbfd"},
    {"GlobalAveragePool", 1, 1, 1, 1, "", "hfd"},
    {"GlobalAveragePool", 22, 1, 1, 1, "", "hbfd"},
    {"GlobalLpPool", 2, 1, 1, 1, "p", "hfd"},
    {"GlobalLpPool", 22, 1, 1, 1, "p", "hbfd"},
    {"GlobalMaxPool", 1, 1, 1, 1, "", "hfd"},
    {"GlobalMaxPool", 22, 1, 1, 1, "", "hbfd"},
    {"Greater", 13, 2, 2, 1, "", "cCsSiIlLhbfd cCsSiIlLhbfd"},
    {"GreaterOrEqual", 12, 2, 2, 1, "", "cCsSiIlLhfd cCsSiIlLhfd"},
    {"GreaterOrEqual", 16, 2, 2, 1, "", "cCsSiIlLhbfd cCsSiIlLhbfd"},
    {"GridSample", 16, 2, 2, 1, "align_corners mode padding_mode", "?cCsSiIlLhfd ?cCsSiIlLhfd"},
    {"GridSample", 20, 2, 2, 1, "align_corners mode padding_mode", "* hfd"},
    {"GridSample", 22, 2, 2, 1, "align_corners mode padding_mode", "* hbfd"},
    {"GroupNormalization", 18, 3, 3, 1, "epsilon num_groups", "hbfd hbfd hbfd"},
    {"GroupNormalization", 21, 3, 3, 1, "epsilon num_groups stash_type", "hbfd hbfd hbfd"},
    {"HammingWindow", 17, 1, 1, 1, "output_datatype periodic", "il"},
    {"HannWindow", 17, 1, 1, 1, "output_datatype periodic", "il"},
    {"HardSigmoid", 6, 1, 1, 1, "alpha beta", "hfd"},
    {"HardSigmoid", 22, 1, 1, 1, "alpha beta", "hbfd"},
    {"HardSwish", 14, 1, 1, 1, "", "hfd"},
    {"HardSwish", 22, 1, 1, 1, "", "hbfd"},
    {"Hardmax", 13, 1, 1, 1, "axis", "hbfd"},
    {"Identity", 13, 1, 1, 1, "", "*"},
    {"Identity", 19, 1, 1, 1, "", "*8"},
    {"Identity", 21, 1, 1, 1, "", "*84"},
    {"If", 13, 1, 1, -1, "else_branch then_branch", "?"},
    {"ImageDecoder", 20, 1, 1, 1, "pixel_format", "C"},
    {"InstanceNormalization", 6, 3, 3, 1, "epsilon", "hfd hfd hfd"},
    {"InstanceNormalization", 22, 3, 3, 1, "epsilon", "hbfd hbfd hbfd"},
    {"IsInf", 10, 1, 1, 1, "detect_negative detect_positive", "fd"},
    {"IsInf", 20, 1, 1, 1, "detect_negative detect_positive", "hbfd8"},
    {"IsNaN", 13, 1, 1, 1, "", "hbfd"},
    {"IsNaN", 20, 1, 1, 1, "", "hbfd8"},
    {"LRN", 13, 1, 1, 1, "alpha beta bias size", "hbfd"},
    {"LSTM", 7, 3, 8, 3, "activation_alpha activation_beta activations clip direction hidden_size input_forget", "hfd hfd hfd hfd i hfd hfd hfd"},
    {"LSTM", 14, 3, 8, 3, "activation_alpha activation_beta activations clip direction hidden_size input_forget layout", "hfd hfd hfd hfd i hfd hfd hfd"},
    {"LSTM", 22, 3, 8, 3, "activation_alpha activation_beta activations clip direction hidden_size input_forget layout", "hbfd hbfd hbfd hbfd i hbfd hbfd hbfd"},
    {"LayerNormalization", 17, 2, 3, 3, "axis epsilon stash_type", "hbfd hbfd hbfd"},
    {"LeakyRelu", 6, 1, 1, 1, "alpha", "hfd"},
    {"LeakyRelu", 16, 1, 1, 1, "alpha", "hbfd"},
    {"Less", 13, 2, 2, 1, "", "cCsSiIlLhbfd cCsSiIlLhbfd"},
    {"LessOrEqual", 12, 2, 2, 1, "", "cCsSiIlLhfd cCsSiIlLhfd"},
    {"LessOrEqual", 16, 2, 2, 1, "", "cCsSiIlLhbfd cCsSiIlLhbfd"},
    {"Log", 13, 1, 1, 1, "", "hbfd"},
    {"LogSoftmax", 13, 1, 1, 1, "axis", "hbfd"},
    {"Loop", 13, 2, -1, -1, "body", "l ? ?cCsSiIlLhfd"},
    {"Loop", 16, 2, -1, -1, "body", "l ? *"},
    {"Loop", 19, 2, -1, -1, "body", "l ? *8"},
    {"Loop", 21, 2, -1, -1, "body", "l ? *84"},
    {"LpNormalization", 1, 1, 1, 1, "axis p", "hfd"},
    {"LpNormalization", 22, 1, 1, 1, "axis p", "hbfd"},
    {"LpPool", 11, 1, 1, 1, "auto_pad kernel_shape p pads strides", "hfd"},
    {"LpPool", 18, 1, 1, 1, "auto_pad ceil_mode dilations kernel_shape p pads strides", "hfd"},
    {"LpPool", 22, 1, 1, 1, "auto_pad ceil_mode dilations kernel_shape p pads strides", "hbfd"},
    {"MatMul", 13, 2, 2, 1, "", "iIlLhbfd iIlLhbfd"},
    {"MatMulInteger", 10, 2, 4, 1, "", "cC cC cC cC"},
    {"Max", 13, 1, -1, 1, "", "cCsSiIlLhbfd"},
    {"MaxPool", 12, 1, 1, 2, "auto_pad ceil_mode dilations kernel_shape pads storage_order strides", "cChfd"},
    {"MaxPool", 22, 1, 1, 2, "auto_pad ceil_mode dilations kernel_shape pads storage_order strides", "cChbfd"},
    {"MaxRoiPool", 1, 2, 2, 1, "pooled_shape spatial_scale", "hfd hfd"},
    {"MaxRoiPool", 22, 2, 2, 1, "pooled_shape spatial_scale", "hbfd hbfd"},
    {"MaxUnpool", 11, 2, 3, 1, "kernel_shape pads strides", "hfd l l"},
    {"MaxUnpool", 22, 2, 3, 1, "kernel_shape pads strides", "hbfd l l"},
    {"Mean", 13, 1, -1, 1, "", "hbfd"},
    {"MeanVarianceNormalization", 13, 1, 1, 1, "axes", "hbfd"},
    {"MelWeightMatrix", 17, 5, 5, 1, "output_datatype", "il il il hbfd hbfd"},
    {"Min", 13, 1, -1, 1, "", "cCsSiIlLhbfd"},
    {"Mish", 18, 1, 1, 1, "", "hfd"},
    {"Mish", 22, 1, 1, 1, "", "hbfd"},
    {"Mod", 13, 2, 2, 1, "fmod", "cCsSiIlLhbfd cCsSiIlLhbfd"},
    {"Mul", 13, 2, 2, 1, "", "iIlLhbfd iIlLhbfd"},
    {"Mul", 14, 2, 2, 1, "", "cCsSiIlLhbfd cCsSiIlLhbfd"},
    {"Multinomial", 7, 1, 1, 1, "dtype sample_size seed", "hfd"},
    {"Multinomial", 22, 1, 1, 1, "dtype sample_size seed", "hbfd"},
    {"Neg", 13, 1, 1, 1, "", "csilhbfd"},
    {"NegativeLogLikelihoodLoss", 13, 2, 3, 1, "ignore_index reduction", "hfd il hfd"},
    {"NegativeLogLikelihoodLoss", 22, 2, 3, 1, "ignore_index reduction", "hbfd il hbfd"},
    {"NonMaxSuppression", 11, 2, 5, 1, "center_point_box", "f f l f f"},
    {"NonZero", 13, 1, 1, 1, "", "*"},
    {"Not", 1, 1, 1, 1, "", "?"},
    {"OneHot", 11, 3, 3, 1, "axis", "cCsSiIlLhfd cCsSiIlLhfd ?cCsSiIlLhfd"},
    {"Optional", 15, 0, 1, 1, "type", "?cCsSiIlLhfd"},
    {"OptionalGetElement", 15, 1, 1, 1, "", "-"},
    {"OptionalHasElement", 15, 1, 1, 1, "", "-"},
    {"Or", 7, 2, 2, 1, "", "? ?"},
    {"PRelu", 9, 2, 2, 1, "", "iIlLhfd iIlLhfd"},
    {"PRelu", 16, 2, 2, 1, "", "iIlLhbfd iIlLhbfd"},
    {"Pad", 13, 2, 3, 1, "mode", "* l *"},
    {"Pad", 18, 2, 4, 1, "mode", "* l * il"},
    {"Pad", 21, 2, 4, 1, "mode", "*84 l *84 il"},
    {"Pow", 13, 2, 2, 1, "", "ilhbfd cCsSiIlLhfd"},
    {"Pow", 15, 2, 2, 1, "", "ilhbfd cCsSiIlLhbfd"},
    {"QLinearConv", 10, 8, 9, 1, "auto_pad dilations group kernel_shape pads strides", "cC f cC cC f cC f cC i"},
    {"QLinearMatMul", 10, 8, 8, 1, "", "cC f cC cC f cC f cC"},
    {"QLinearMatMul", 21, 8, 8, 1, "", "cC8 hbf cC8 cC8 hbf cC8 hbf cC8"},
    {"QuantizeLinear", 13, 2, 3, 1, "axis", "if f cC"},
    {"QuantizeLinear", 19, 2, 3, 1, "axis saturate", "hbfi hbfi cC8"},
    {"QuantizeLinear", 21, 2, 3, 1, "axis block_size output_dtype saturate", "hbfi hbfi cCsS84"},
    {"QuantizeLinear", 23, 2, 3, 1, "axis block_size output_dtype precision saturate", "hbfi hbfi cCsS84"},
    {"RMSNormalization", 23, 2, 2, 1, "axis epsilon stash_type", "hbfd hbfd"},
    {"RNN", 7, 3, 6, 2, "activation_alpha activation_beta activations clip direction hidden_size", "hfd hfd hfd hfd i hfd"},
    {"RNN", 14, 3, 6, 2, "activation_alpha activation_beta activations clip direction hidden_size layout", "hfd hfd hfd hfd i hfd"},
    {"RNN", 22, 3, 6, 2, "activation_alpha activation_beta activations clip direction hidden_size layout", "hbfd hbfd hbfd hbfd i hbfd"},
    {"RandomNormal", 1, 0, 0, 1, "dtype mean scale seed shape", ""},
    {"RandomNormalLike", 1, 1, 1, 1, "dtype mean scale seed", "?cCsSiIlLhfd"},
    {"RandomUniform", 1, 0, 0, 1, "dtype high low seed shape", ""},
    {"RandomUniformLike", 1, 1, 1, 1, "dtype high low seed", "?cCsSiIlLhfd"},
    {"Range", 11, 3, 3, 1, "", "silfd silfd silfd"},
    {"Reciprocal", 13, 1, 1, 1, "", "hbfd"},
    {"ReduceL1", 13, 1, 1, 1, "axes keepdims", "iIlLhbfd"},
    {"ReduceL1", 18, 1, 2, 1, "keepdims noop_with_empty_axes", "iIlLhbfd l"},
    {"ReduceL2", 13, 1, 1, 1, "axes keepdims", "iIlLhbfd"},
    {"ReduceL2", 18, 1, 2, 1, "keepdims noop_with_empty_axes", "iIlLhbfd l"},
    {"ReduceLogSum", 13, 1, 1, 1, "axes keepdims", "iIlLhbfd"},
    {"ReduceLogSum", 18, 1, 2, 1, "keepdims noop_with_empty_axes", "iIlLhbfd l"},
    {"ReduceLogSumExp", 13, 1, 1, 1, "axes keepdims", "iIlLhbfd"},
    {"ReduceLogSumExp", 18, 1, 2, 1, "keepdims noop_with_empty_axes", "iIlLhbfd l"},
    {"ReduceMax", 13, 1, 1, 1, "axes keepdims", "cCiIlLhbfd"},
    {"ReduceMax", 18, 1, 2, 1, "keepdims noop_with_empty_axes", "cCiIlLhbfd l"},
    {"ReduceMax", 20, 1, 2, 1, "keepdims noop_with_empty_axes", "?cCiIlLhbfd l"},
    {"ReduceMean", 13, 1, 1, 1, "axes keepdims", "iIlLhbfd"},
    {"ReduceMean", 18, 1, 2, 1, "keepdims noop_with_empty_axes", "iIlLhbfd l"},
    {"ReduceMin", 13, 1, 1, 1, "axes keepdims", "cCiIlLhbfd"},
    {"ReduceMin", 18, 1, 2, 1, "keepdims noop_with_empty_axes", "cCiIlLhbfd l"},
    {"ReduceMin", 20, 1, 2, 1, "keepdims noop_with_empty_axes", "?cCiIlLhbfd l"},
    {"ReduceProd", 13, 1, 1, 1, "axes keepdims", "iIlLhbfd"},
    {"ReduceProd", 18, 1, 2, 1, "keepdims noop_with_empty_axes", "iIlLhbfd l"},
    {"ReduceSum", 13, 1, 2, 1, "keepdims noop_with_empty_axes", "iIlLhbfd l"},
    {"ReduceSumSquare", 13, 1, 1, 1, "axes keepdims", "iIlLhbfd"},
    {"ReduceSumSquare", 18, 1, 2, 1, "keepdims noop_with_empty_axes", "iIlLhbfd l"},
    {"RegexFullMatch", 20, 1, 1, 1, "pattern", "-"},
    {"Relu", 13, 1, 1, 1, "", "hbfd"},
    {"Relu", 14, 1, 1, 1, "", "csilhbfd"},
    {"Reshape", 13, 2, 2, 1, "", "* l"},
    {"Reshape", 14, 2, 2, 1, "allowzero", "* l"},
    {"Reshape", 19, 2, 2, 1, "allowzero", "*8 l"},
    {"Reshape", 21, 2, 2, 1, "allowzero", "*84 l"},
    {"Resize", 13, 1, 4, 1, "coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value mode nearest_mode", "* hfd f l"},
    {"Resize", 18, 1, 4, 1, "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value keep_aspect_ratio_policy mode nearest_mode", "* hfd f l"},
    {"ReverseSequence", 10, 2, 2, 1, "batch_axis time_axis", "?cCsSiIlLhfd l"},
    {"RoiAlign", 10, 3, 3, 1, "mode output_height output_width sampling_ratio spatial_scale", "hfd hfd l"},
    {"RoiAlign", 16, 3, 3, 1, "coordinate_transformation_mode mode output_height output_width sampling_ratio spatial_scale", "hfd hfd l"},
    {"RoiAlign", 22, 3, 3, 1, "coordinate_transformation_mode mode output_height output_width sampling_ratio spatial_scale", "hbfd hbfd l"},
    {"RotaryEmbedding", 23, 3, 4, 1, "interleaved num_heads rotary_embedding_dim", "hbf hbf hbf l"},
    {"Round", 11, 1, 1, 1, "", "hfd"},
    {"Round", 22, 1, 1, 1, "", "hbfd"},
    {"STFT", 17, 2, 4, 1, "onesided", "hbfd il hbfd il"},
    {"Scan", 11, 1, -1, -1, "body num_scan_inputs scan_input_axes scan_input_directions scan_output_axes scan_output_directions", "?cCsSiIlLhfd"},
    {"Scan", 16, 1, -1, -1, "body num_scan_inputs scan_input_axes scan_input_directions scan_output_axes scan_output_directions", "*"},
    {"Scan", 19, 1, -1, -1, "body num_scan_inputs scan_input_axes scan_input_directions scan_output_axes scan_output_directions", "*8"},
    {"Scan", 21, 1, -1, -1, "body num_scan_inputs scan_input_axes scan_input_directions scan_output_axes scan_output_directions", "*84"},
    {"Scatter", 9, 3, 3, 1, "axis", "?cCsSiIlLhfd il ?cCsSiIlLhfd"},
    {"ScatterElements", 13, 3, 3, 1, "axis", "* il *"},
    {"ScatterElements", 16, 3, 3, 1, "axis reduction", "* il *"},
    {"ScatterND", 13, 3, 3, 1, "", "* l *"},
    {"ScatterND", 16, 3, 3, 1, "reduction", "* l *"},
    {"Selu", 6, 1, 1, 1, "alpha gamma", "hfd"},
    {"Selu", 22, 1, 1, 1, "alpha gamma", "hbfd"},
    {"SequenceAt", 11, 2, 2, 1, "", "- il"},
    {"SequenceConstruct", 11, 1, -1, 1, "", "?cCsSiIlLhfd"},
    {"SequenceEmpty", 11, 0, 0, 1, "dtype", ""},
    {"SequenceErase", 11, 1, 2, 1, "", "- il"},
    {"SequenceInsert", 11, 2, 3, 1, "", "- ?cCsSiIlLhfd il"},
    {"SequenceLength", 11, 1, 1, 1, "", "-"},
    {"SequenceMap", 17, 1, -1, -1, "body", "- ?cCsSiIlLhfd"},
    {"Shape", 13, 1, 1, 1, "", "*"},
    {"Shape", 15, 1, 1, 1, "end start", "*"},
    {"Shape", 19, 1, 1, 1, "end start", "*8"},
    {"Shape", 21, 1, 1, 1, "end start", "*84"},
    {"Shrink", 9, 1, 1, 1, "bias lambd", "cCsSiIlLhfd"},
    {"Sigmoid", 13, 1, 1, 1, "", "hbfd"},
    {"Sign", 13, 1, 1, 1, "", "cCsSiIlLhbfd"},
    {"Sin", 7, 1, 1, 1, "", "hfd"},
    {"Sin", 22, 1, 1, 1, "", "hbfd"},
    {"Sinh", 9, 1, 1, 1, "", "hfd"},
    {"Sinh", 22, 1, 1, 1, "", "hbfd"},
    {"Size", 13, 1, 1, 1, "", "*"},
    {"Size", 19, 1, 1, 1, "", "*8"},
    {"Size", 21, 1, 1, 1, "", "*84"},
    {"Slice", 13, 3, 5, 1, "", "* il il il il"},
    {"Softmax", 13, 1, 1, 1, "axis", "hbfd"},
    {"SoftmaxCrossEntropyLoss", 13, 2, 3, 2, "ignore_index reduction", "hbfd il hbfd"},
    {"Softplus", 1, 1, 1, 1, "", "hfd"},
    {"Softplus", 22, 1, 1, 1, "", "hbfd"},
    {"Softsign", 1, 1, 1, 1, "", "hfd"},
    {"Softsign", 22, 1, 1, 1, "", "hbfd"},
    {"SpaceToDepth", 13, 1, 1, 1, "blocksize", "*"},
    {"Split", 13, 1, 2, -1, "axis", "* l"},
    {"Split", 18, 1, 2, -1, "axis num_outputs", "* l"},
    {"SplitToSequence", 11, 1, 2, 1, "axis keepdims", "?cCsSiIlLhfd il"},
    {"Sqrt", 13, 1, 1, 1, "", "hbfd"},
    {"Squeeze", 13, 1, 2, 1, "", "* l"},
    {"Squeeze", 21, 1, 2, 1, "", "*84 l"},
    {"StringConcat", 20, 2, 2, 1, "", "- -"},
    {"StringNormalizer", 10, 1, 1, 1, "case_change_action is_case_sensitive locale stopwords", "-"},
    {"StringSplit", 20, 1, 1, 2, "delimiter maxsplit", "-"},
    {"Sub", 13, 2, 2, 1, "", "iIlLhbfd iIlLhbfd"},
    {"Sub", 14, 2, 2, 1, "", "cCsSiIlLhbfd cCsSiIlLhbfd"},
    {"Sum", 13, 1, -1, 1, "", "hbfd"},
    {"Swish", 24, 1, 1, 1, "alpha", "hbfd"},
    {"Tan", 7, 1, 1, 1, "", "hfd"},
    {"Tan", 22, 1, 1, 1, "", "hbfd"},
    {"Tanh", 13, 1, 1, 1, "", "hbfd"},
    {"TensorScatter", 24, 2, 3, 1, "axis mode", "* * l"},
    {"TfIdfVectorizer", 9, 1, 1, 1, "max_gram_length max_skip_count min_gram_length mode ngram_counts ngram_indexes pool_int64s pool_strings weights", "il"},
    {"ThresholdedRelu", 10, 1, 1, 1, "alpha", "hfd"},
    {"ThresholdedRelu", 22, 1, 1, 1, "alpha", "hbfd"},
    {"Tile", 13, 2, 2, 1, "", "* l"},
    {"TopK", 11, 2, 2, 2, "axis largest sorted", "cCsSiIlLhfd l"},
    {"TopK", 24, 2, 2, 2, "axis largest sorted", "cCsSiIlLhbfd l"},
    {"Transpose", 13, 1, 1, 1, "perm", "*"},
    {"Transpose", 21, 1, 1, 1, "perm", "*84"},
    {"Trilu", 14, 1, 2, 1, "upper", "* l"},
    {"Unique", 11, 1, 1, 4, "axis sorted", "?cCsSiIlLhfd"},
    {"Unsqueeze", 13, 2, 2, 1, "", "* l"},
    {"Unsqueeze", 21, 2, 2, 1, "", "*84 l"},
    {"Upsample", 9, 2, 2, 1, "mode", "?cCsSiIlLhfd f"},
    {"Where", 9, 3, 3, 1, "", "? ?cCsSiIlLhfd ?cCsSiIlLhfd"},
    {"Where", 16, 3, 3, 1, "", "? * *"},
    {"Xor", 7, 2, 2, 1, "", "? ?"},
};
// clang-format on

// Values of attributes that came later than the attribute.
struct LaterValue {
  const char *op_type, *attribute, *value;
  int since;
};
constexpr LaterValue kLaterValues[] = {
    {"GridSample", "mode", "cubic", 20},
    {"GridSample", "mode", "linear", 20},
    {"Pad", "mode", "wrap", 19},
    {"Resize", "coordinate_transformation_mode", "half_pixel_symmetric", 19},
    {"ScatterElements", "reduction", "max", 18},
    {"ScatterElements", "reduction", "min", 18},
    {"ScatterND", "reduction", "max", 18},
    {"ScatterND", "reduction", "min", 18},
};

// The rows stand in the order of their names and versions.
absl::Span<const Form> FormsOf(const std::string& op_type) {
  const auto range = std::equal_range(
      std::begin(kForms), std::end(kForms), Form{.op_type = op_type.c_str()},
      [](const Form& a, const Form& b) { return absl::string_view(a.op_type) < b.op_type; });
  return absl::MakeConstSpan(range.first, range.second - range.first);
}

const Form* FormAt(absl::Span<const Form> forms, int opset) {
  const Form* found = nullptr;
  for (const Form& form : forms) {
    if (form.since <= opset) found = &form;
  }
  return found;
}

bool HasAttribute(const Form& form, absl::string_view attribute) {
  const std::vector<absl::string_view> names = absl::StrSplit(form.attributes, ' ');
  return std::find(names.begin(), names.end(), attribute) != names.end();
}

bool Takes(const Form& form, int input, DType dtype) {
  const std::vector<absl::string_view> inputs = absl::StrSplit(form.input_types, ' ');
  const absl::string_view letters = inputs[std::min<size_t>(input, inputs.size() - 1)];
  for (const Letter& row : kLetters) {
    if (!row.types.Contains(dtype)) continue;
    const bool in_star = row.letter != '8' && row.letter != '4';
    if (letters.find(row.letter) != letters.npos) return true;
    return in_star && letters.find('*') != letters.npos;
  }
  return true;
}

// "; opset 18 does" for the first later form of which `fits` is true.
template <typename Fits>
std::string LaterForm(absl::Span<const Form> forms, int opset, Fits fits) {
  for (const Form& form : forms) {
    if (form.since > opset && fits(form)) return absl::StrCat("; opset ", form.since, " does");
  }
  return "";
}

bool TakesCount(const Form& form, int count) {
  return count >= form.min_inputs && (form.max_inputs < 0 || count <= form.max_inputs);
}

absl::Status CheckAttributes(const NodeProto& node, int opset, absl::Span<const Form> forms,
                             const Form& form) {
  for (const AttributeProto& attr : node.attribute()) {
    const auto has = [&](const Form& f) { return HasAttribute(f, attr.name()); };
    if (!has(form)) {
      return absl::UnimplementedError(absl::StrCat(node.op_type(), " of opset ", opset,
                                                   " has no attribute ", attr.name(),
                                                   LaterForm(forms, opset, has)));
    }
    for (const LaterValue& later : kLaterValues) {
      if (node.op_type() == later.op_type && attr.name() == later.attribute &&
          attr.s() == later.value && opset < later.since) {
        return absl::UnimplementedError(absl::StrCat(attr.name(), " = ", later.value, " of ",
                                                     node.op_type(), " needs opset ", later.since,
                                                     " or later"));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckForm(const NodeProto& node, int opset,
                       absl::FunctionRef<DType(const std::string& value)> dtype_of) {
  const absl::Span<const Form> forms = FormsOf(node.op_type());
  const Form* form = FormAt(forms, opset);
  if (form == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat("opset ", opset, " has no operator ", node.op_type(),
                     LaterForm(forms, opset, [](const Form&) { return true; })));
  }
  const int inputs = node.input_size();
  if (!TakesCount(*form, inputs)) {
    return absl::UnimplementedError(absl::StrCat(
        node.op_type(), " of opset ", opset, " does not take ", inputs, " inputs",
        LaterForm(forms, opset, [&](const Form& f) { return TakesCount(f, inputs); })));
  }
  if (form->max_outputs >= 0 && node.output_size() > form->max_outputs) {
    return absl::UnimplementedError(absl::StrCat(node.op_type(), " of opset ", opset, " has ",
                                                 form->max_outputs, " outputs, not ",
                                                 node.output_size()));
  }
  NOMO_RETURN_IF_ERROR(CheckAttributes(node, opset, forms, *form));
  for (int i = 0; i < inputs; ++i) {
    const DType dtype = node.input(i).empty() ? DType::kInvalid : dtype_of(node.input(i));
    if (dtype == DType::kInvalid || Takes(*form, i, dtype)) continue;
    return absl::UnimplementedError(absl::StrCat(
        node.op_type(), " of opset ", opset, " takes no ", DTypeName(dtype), " as input ", i,
        LaterForm(forms, opset, [&](const Form& f) { return Takes(f, i, dtype); })));
  }
  return absl::OkStatus();
}

bool HasOperator(const std::string& op_type, int opset) {
  return FormAt(FormsOf(op_type), opset) != nullptr;
}

bool HasAttribute(const std::string& op_type, int opset, absl::string_view attribute) {
  const Form* form = FormAt(FormsOf(op_type), opset);
  return form != nullptr && HasAttribute(*form, attribute);
}

bool SameForm(const std::string& op_type, int opset, int other) {
  if (opset == other) return true;
  const absl::Span<const Form> forms = FormsOf(op_type);
  const Form* form = FormAt(forms, opset);
  return form != nullptr && form == FormAt(forms, other);
}

}  // namespace nomograph::onnx

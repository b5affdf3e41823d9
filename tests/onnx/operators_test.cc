// Operators as the opset of the model has them, and as types of their own want them. The results
// are those of ONNX's operator pages and backend cases, or come from their formulas in float64
// (NumPy).
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/run/session.h"
#include "nomograph/serialization/onnx/import/import.h"
#include "nomograph/serialization/onnx/import/tensor.h"
#include "nomograph/tests/onnx/model_builder.h"

namespace nomograph {
namespace {

using onnx::AttributeProto;
using onnx::NodeProto;
using onnx::TensorProto;
using testing::HasSubstr;

constexpr char kMicrosoft[] = "com.microsoft";
constexpr char kTraining[] = "ai.onnx.preview.training";

// A model of one node.
struct OneNode {
  int opset;
  std::string op_type;
  std::vector<AttributeProto> attributes;
  std::vector<Tensor> inputs;   // not valid: absent
  std::vector<Tensor> outputs;  // not valid: absent
  std::string domain = "";
  std::vector<bool> constant = {};  // which inputs are
};

AttributeProto Attribute(const char* name, AttributeProto::Type type) {
  AttributeProto attribute;
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

AttributeProto Int(const char* name, int64_t value) {
  AttributeProto attribute = Attribute(name, AttributeProto::INT);
  attribute.set_i(value);
  return attribute;
}

AttributeProto String(const char* name, const char* value) {
  AttributeProto attribute = Attribute(name, AttributeProto::STRING);
  attribute.set_s(value);
  return attribute;
}

AttributeProto Floats(const char* name, const std::vector<float>& values) {
  AttributeProto attribute = Attribute(name, AttributeProto::FLOATS);
  for (const float value : values) attribute.add_floats(value);
  return attribute;
}

std::vector<OnnxBuilder::Size> Sizes(const Tensor& tensor) {
  std::vector<OnnxBuilder::Size> sizes;
  for (const int64_t size : tensor.shape().dims()) sizes.push_back(static_cast<int>(size));
  return sizes;
}

std::string Build(const OneNode& node) {
  OnnxBuilder b(node.opset);
  if (!node.domain.empty()) b.Opset(node.domain, 1);
  std::vector<std::string> inputs, outputs;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Tensor& input = node.inputs[i];
    inputs.push_back(input.valid() ? absl::StrCat("x", i) : "");
    if (!input.valid()) continue;
    const TensorProto::DataType type = onnx::DTypeToOnnx(input.dtype());
    if (i < node.constant.size() && node.constant[i]) {
      const absl::Span<const int64_t> dims = input.shape().dims();
      b.Raw(inputs[i], std::vector<int64_t>(dims.begin(), dims.end()), type,
            std::string(reinterpret_cast<const char*>(input.raw_data()), input.num_bytes()));
    } else {
      b.Input(inputs[i], type, Sizes(input));
    }
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const Tensor& output = node.outputs[i];
    outputs.push_back(output.valid() ? absl::StrCat("y", i) : "");
    if (!output.valid()) continue;
    b.Output(outputs[i], onnx::DTypeToOnnx(output.dtype()), {});
  }
  NodeProto& proto = b.Node(node.op_type, inputs, outputs, node.domain).node();
  for (const AttributeProto& attribute : node.attributes) *proto.add_attribute() = attribute;
  return b.Finish().SerializeAsString();
}

void Check(const OneNode& node) {
  std::vector<std::string> warnings;
  const auto model = onnx::ImportFromBytes(Build(node), "", {.warnings = &warnings});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(warnings, testing::IsEmpty());
  NamedTensors given;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const bool constant = i < node.constant.size() && node.constant[i];
    if (node.inputs[i].valid() && !constant) given[absl::StrCat("x", i)] = node.inputs[i];
  }
  for (const bool exact : {false, true}) {
    const auto session = Session::Create(*model, {.exact = exact});
    ASSERT_TRUE(session.ok()) << session.status();
    const auto results = (*session)->Run(given);
    ASSERT_TRUE(results.ok()) << results.status();
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (!node.outputs[i].valid()) continue;
      const bool narrow = DTypeSize(node.outputs[i].dtype()) < 4;
      const absl::Status close = AllClose(results->at(absl::StrCat("y", i)), node.outputs[i],
                                          narrow ? 4e-3 : 2e-6, narrow ? 1e-3 : 1e-6);
      EXPECT_TRUE(close.ok()) << "output " << i << ": " << close;
    }
  }
}

std::string ErrorOf(const OneNode& node) {
  return std::string(onnx::ImportFromBytes(Build(node)).status().message());
}

Tensor Image(const Shape& shape, std::vector<float> values) {
  return Tensor::Of<float>(shape, absl::MakeConstSpan(values));
}

// Which of two elements is the nearest: the one above along an axis that shrinks.
TEST(OnnxOperators, Resize10) {
  const Tensor x = Image({1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  const struct {
    std::vector<float> scales;
    const char* mode;
    Tensor y;
  } cases[] = {
      // The backend case resize_downsample_nearest of opset 10.
      {{1, 1, 0.6, 0.6}, "nearest", Image({1, 1, 1, 2}, {1, 3})},
      // resize_upsample_nearest
      {{1, 1, 1, 1.5}, "nearest", Image({1, 1, 2, 6}, {1, 1, 2, 3, 3, 4, 5, 5, 6, 7, 7, 8})},
      {{1, 1, 2, 0.6}, "nearest", Image({1, 1, 4, 2}, {1, 3, 1, 3, 5, 7, 5, 7})},
      {{1, 1, 1, 1}, "nearest", x},
      // resize_downsample_linear
      {{1, 1, 0.6, 0.6}, "linear", Image({1, 1, 1, 2}, {1, 2.6666667})},
  };
  for (const auto& c : cases) {
    for (const bool constant : {true, false}) {
      SCOPED_TRACE(absl::StrCat(c.mode, " by ", c.scales[2], " and ", c.scales[3]));
      Check({.opset = 10,
             .op_type = "Resize",
             .attributes = {String("mode", c.mode)},
             .inputs = {x, Image({4}, c.scales)},
             .outputs = {c.y},
             .constant = {false, constant}});
    }
  }
}

TEST(OnnxOperators, UpsampleGrows) {
  const Tensor x = Image({1, 1, 1, 2}, {1, 2}), y = Image({1, 1, 1, 3}, {1, 1, 2});
  const std::vector<float> scales = {1, 1, 1, 1.5}, less = {1, 1, 1, 0.5};
  const auto seven = [&](const std::vector<float>& s) {
    return OneNode{7, "Upsample", {Floats("scales", s)}, {x}, {y}};
  };
  const auto nine = [&](const std::vector<float>& s) {
    return OneNode{9, "Upsample", {}, {x, Image({4}, s)}, {y}, "", {false, true}};
  };
  Check(seven(scales));
  Check(nine(scales));
  for (const OneNode& node : {seven(less), nine(less)}) {
    EXPECT_THAT(ErrorOf(node),
                HasSubstr("node \"Upsample\" (Upsample): scales: expected numbers of "
                          "at least 1, found 0.5"));
  }
}

TEST(OnnxOperators, ConcatHadAnAxisUntilOpset3) {
  const Tensor a = Image({2, 1, 1}, {1, 2}), b = Image({2, 1, 1}, {3, 4});
  Check({1, "Concat", {}, {a, b}, {Image({2, 2, 1}, {1, 3, 2, 4})}});
  Check({3, "Concat", {Int("axis", 0)}, {a, b}, {Image({4, 1, 1}, {1, 2, 3, 4})}});
  Check({4, "Concat", {Int("axis", 2)}, {a, b}, {Image({2, 1, 2}, {1, 3, 2, 4})}});
}

TEST(OnnxOperators, CastHadNamesUntilOpset5) {
  const Tensor x = Tensor::Vector<float>({1.75, -2.75, 0});
  Check({1, "Cast", {String("to", "INT32")}, {x}, {Tensor::Vector<int32_t>({1, -2, 0})}});
  Check({5, "Cast", {String("to", "BOOL")}, {x}, {Tensor::Vector<bool>({true, true, false})}});
  Check({5, "Cast", {String("to", "DOUBLE")}, {x}, {Tensor::Vector<double>({1.75, -2.75, 0})}});
  Check({6, "Cast", {Int("to", TensorProto::INT32)}, {x}, {Tensor::Vector<int32_t>({1, -2, 0})}});
  EXPECT_THAT(ErrorOf({5, "Cast", {String("to", "float\n")}, {x}, {x}}),
              HasSubstr("node \"Cast\" (Cast): attribute to: expected the name of an element type, "
                        "found \"float\\n\""));
  EXPECT_THAT(ErrorOf({6, "Cast", {String("to", "INT32")}, {x}, {x}}),
              HasSubstr("attribute to: expected an element type, found STRING"));
}

// Rows whose squares float16 does not hold, and others.
const std::vector<float> kRows = {-300, 300, -300, 300, 1, 2, 3, 5};
const std::vector<float> kNormal = {-1, 1, -1, 1, -1.183215, -0.507092, 0.169031, 1.521276};
const std::vector<float> kRms = {-1, 1, -1, 1, 0.320256, 0.640512, 0.960769, 1.601281};

Tensor Rows(const std::vector<float>& values, DType dtype) {
  return Image({2, 4}, values).Cast(dtype);
}
Tensor Column(const std::vector<float>& values, DType dtype) {
  return Image({2, 1}, values).Cast(dtype);
}
Tensor Ones(DType dtype) { return Tensor::Full(dtype, {4}, 1); }

constexpr DType kEachFloat[] = {DType::kFloat16, DType::kBFloat16, DType::kFloat32,
                                DType::kFloat64};

// Mean and InvStdDev have the type of stash_type, and hold what x's own type does not.
TEST(OnnxOperators, StatisticsOfLayerNormalization) {
  for (const DType dtype : kEachFloat) {
    for (const DType stash : {DType::kFloat32, DType::kBFloat16}) {
      SCOPED_TRACE(absl::StrCat(DTypeName(dtype), ", ", DTypeName(stash)));
      OneNode node = {17,
                      "LayerNormalization",
                      {},
                      {Rows(kRows, dtype), Ones(dtype)},
                      {Rows(kNormal, dtype), Column({0, 2.75}, stash),
                       Column({0.00333333333, 0.676121858}, stash)}};
      if (stash != DType::kFloat32) {
        node.attributes.push_back(Int("stash_type", onnx::DTypeToOnnx(stash)));
      }
      Check(node);
    }
  }
  EXPECT_THAT(ErrorOf({17,
                       "LayerNormalization",
                       {Int("stash_type", TensorProto::INT8)},
                       {Rows(kRows, DType::kFloat32), Ones(DType::kFloat32)},
                       {Rows(kNormal, DType::kFloat32), Column({0, 2.75}, DType::kFloat32)}}),
              HasSubstr("attribute stash_type: expected a type of floats, found int8"));
}

// y has the scale's type.
TEST(OnnxOperators, TypesOfRmsNormalization) {
  for (const DType dtype : kEachFloat) {
    for (const DType of_scale : kEachFloat) {
      SCOPED_TRACE(absl::StrCat(DTypeName(dtype), ", ", DTypeName(of_scale)));
      const Tensor x = Rows(kRows, dtype), y = Rows(kRms, of_scale);
      Check({23, "RMSNormalization", {}, {x, Ones(of_scale)}, {y}});
      Check({17,
             "SimplifiedLayerNormalization",
             {},
             {x, Ones(of_scale)},
             {y, Column({0.00333333333, 0.320256143}, DType::kFloat32)}});
    }
  }
}

TEST(OnnxOperators, StatisticsOfSkipLayerNormalization) {
  const std::vector<float> x = {-200, 200, -100, 100, 0, 1, 1, 2};
  const std::vector<float> skip = {-100, 100, -200, 200, 1, 1, 2, 3};
  for (const DType dtype : kEachFloat) {
    SCOPED_TRACE(DTypeName(dtype));
    const Tensor sum = Rows(kRows, dtype);
    Check({17,
           "SkipLayerNormalization",
           {},
           {Rows(x, dtype), Rows(skip, dtype), Ones(dtype)},
           {Rows(kNormal, dtype), Column({0, 2.75}, DType::kFloat32),
            Column({0.00333333333, 0.676123404}, DType::kFloat32), sum},
           kMicrosoft});
    Check(
        {17,
         "SkipSimplifiedLayerNormalization",
         {},
         {Rows(x, dtype), Rows(skip, dtype), Ones(dtype)},
         {Rows(kRms, dtype), Tensor(), Column({0.00333333333, 0.320256308}, DType::kFloat32), sum},
         kMicrosoft});
  }
}

TEST(OnnxOperators, LackNoAttributeThatIsRequired) {
  const Tensor x = Image({1, 1, 2, 2}, {1, 2, 3, 4});
  const struct {
    const char* op_type;
    std::vector<const char*> attributes;
    int opset = 17;
    const char* domain = "";
  } cases[] = {
      {"AveragePool", {"kernel_shape"}},
      {"BitCast", {"to"}, 26},
      {"BitShift", {"direction"}},
      {"Cast", {"to"}},
      {"Cast", {"to"}, 1},
      {"Concat", {"axis"}},
      {"Concat", {"axis"}, 4},
      {"DepthToSpace", {"blocksize"}},
      {"DepthToSpace", {"blocksize"}, 1},
      {"Einsum", {"equation"}},
      {"GroupNormalization", {"num_groups"}, 18},
      {"GroupNormalization", {"num_groups"}, 21},
      {"LRN", {"size"}},
      {"LpPool", {"kernel_shape"}},
      {"MaxPool", {"kernel_shape"}},
      {"MaxRoiPool", {"pooled_shape"}},
      {"MaxUnpool", {"kernel_shape"}},
      {"RandomNormal", {"shape"}},
      {"RandomUniform", {"shape"}},
      {"Scan", {"num_scan_inputs"}},
      {"SpaceToDepth", {"blocksize"}},
      {"Attention", {"num_heads"}, 17, kMicrosoft},
      {"MatMulNBits", {"K", "N", "block_size"}, 17, kMicrosoft},
      {"QLinearAveragePool", {"kernel_shape"}, 17, kMicrosoft},
      {"Gradient", {"xs", "y"}, 17, kTraining},
      {"Momentum", {"alpha", "beta", "mode", "norm_coefficient"}, 17, kTraining},
  };
  for (const auto& c : cases) {
    OneNode node = {c.opset, c.op_type, {}, {x, x, x}, {x}, c.domain};
    for (const char* attribute : c.attributes) {
      const std::string error = ErrorOf(node);
      EXPECT_THAT(error, HasSubstr(absl::StrCat("node \"", c.op_type, "\"")));
      EXPECT_THAT(error, HasSubstr(absl::StrCat("attribute ", attribute, " is missing")));
      node.attributes.push_back(Int(attribute, 1));
    }
    EXPECT_THAT(ErrorOf(node), testing::Not(HasSubstr("is missing")));
  }
}

}  // namespace
}  // namespace nomograph

// What models become in older opsets than theirs: other operators that yield the same, or a refusal
// that says what is missing.
#include "nomograph/serialization/onnx/export/export.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/layers/layers.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/run/session.h"
#include "nomograph/serialization/onnx/export/graph_exporter.h"
#include "nomograph/serialization/onnx/export/operator_forms.h"
#include "nomograph/serialization/onnx/import/import.h"
#include "nomograph/tests/onnx/model_builder.h"

namespace nomograph {
namespace {

using onnx::ModelProto;
using onnx::TensorProto;
using testing::HasSubstr;

struct Case {
  const char* name;
  int from, to;
  void (*build)(OnnxBuilder& b);  // of "x" float32[batch,3,4] to "y"
  std::string operators;          // of the exported file; or, in place of them, what it lacks
};

const Case kCases[] = {
    {"ReduceMeanConstantAxes", 18, 17,
     [](OnnxBuilder& b) {
       b.Ints("axes", {1}, {-1});
       b.Node("ReduceMean", {"x", "axes"}, {"y"}).IntAttr("keepdims", 0);
     },
     "ReduceMean"},
    {"ReduceMeanNoop", 18, 17,
     [](OnnxBuilder& b) { b.Node("ReduceMean", {"x"}, {"y"}).IntAttr("noop_with_empty_axes", 1); },
     "Identity"},
    {"ReduceL2Noop", 18, 13,
     [](OnnxBuilder& b) { b.Node("ReduceL2", {"x"}, {"y"}).IntAttr("noop_with_empty_axes", 1); },
     "Abs"},
    {"ReduceSumSquareNoop", 18, 17,
     [](OnnxBuilder& b) {
       b.Node("ReduceSumSquare", {"x"}, {"y"}).IntAttr("noop_with_empty_axes", 1);
     },
     "Mul"},
    {"ReduceLogSumNoop", 18, 17,
     [](OnnxBuilder& b) {
       b.Node("ReduceLogSum", {"x"}, {"y"}).IntAttr("noop_with_empty_axes", 1);
     },
     "Log"},
    {"ReduceMeanComputedAxes", 18, 17,
     [](OnnxBuilder& b) {
       b.Input("axes", TensorProto::INT64, {1});
       b.Node("ReduceMean", {"x", "axes"}, {"y"});
     },
     "axes that are computed need opset 18 or later; node \"ReduceMean\""},
    {"PadAxes", 18, 17,
     [](OnnxBuilder& b) {
       b.Ints("pads", {2}, {1, 2});
       b.Ints("axes", {1}, {-1});
       b.Node("Pad", {"x", "pads", "", "axes"}, {"y"});
     },
     "Pad"},
    {"SplitInUnequalParts", 18, 17,
     [](OnnxBuilder& b) {
       b.Node("Split", {"x"}, {"y", "rest"}).IntAttr("axis", 1).IntAttr("num_outputs", 2);
     },
     "Split"},
    {"AveragePoolDilations", 19, 18,
     [](OnnxBuilder& b) {
       b.Node("AveragePool", {"x"}, {"y"})
           .IntsAttr("kernel_shape", {2})
           .IntsAttr("dilations", {2})
           .IntsAttr("pads", {1, 1});
     },
     "Shape ConstantOfShape Conv Conv Div"},
    {"AveragePoolDilationsAndPads", 19, 17,
     [](OnnxBuilder& b) {
       b.Node("AveragePool", {"x"}, {"y"})
           .IntsAttr("kernel_shape", {2})
           .IntsAttr("dilations", {2})
           .IntsAttr("pads", {1, 1})
           .IntAttr("count_include_pad", 1);
     },
     "Conv Div"},
    {"LayerNormalization", 17, 16,
     [](OnnxBuilder& b) {
       b.Floats("scale", {4}, {1, 2, 3, 4});
       b.Node("LayerNormalization", {"x", "scale"}, {"y"});
     },
     "ReduceMean Sub Mul ReduceMean Add Sqrt Div Mul"},
    {"HardSwish", 14, 13, [](OnnxBuilder& b) { b.Node("HardSwish", {"x"}, {"y"}); },
     "HardSigmoid Mul"},
    {"Swish", 24, 23, [](OnnxBuilder& b) { b.Node("Swish", {"x"}, {"y"}); }, "Sigmoid Mul"},
    {"Mish", 18, 17, [](OnnxBuilder& b) { b.Node("Mish", {"x"}, {"y"}); }, "Softplus Tanh Mul"},
    {"RmsNormalization", 23, 18,
     [](OnnxBuilder& b) {
       b.Floats("scale", {4}, {1, 2, 3, 4});
       b.Node("RMSNormalization", {"x", "scale"}, {"y"});
     },
     "Mul ReduceMean Add Sqrt Div Mul"},
    {"RmsNormalizationStays", 23, 23,
     [](OnnxBuilder& b) {
       b.Floats("scale", {4}, {1, 2, 3, 4});
       b.Node("RMSNormalization", {"x", "scale"}, {"y"});
     },
     "RMSNormalization"},
    {"AllowZeroIsLeftOut", 14, 13,
     [](OnnxBuilder& b) {
       b.Ints("shape", {2}, {0, -1});
       b.Node("Reshape", {"x", "shape"}, {"y"}).IntAttr("allowzero", 0);
     },
     "Reshape"},
    {"Trilu", 14, 13, [](OnnxBuilder& b) { b.Node("Trilu", {"x"}, {"y"}); },
     "opset 13 has no operator Trilu; opset 14 does; node \"Trilu\""},
    {"TypesOfLaterOpsets", 22, 21,
     [](OnnxBuilder& b) {
       b.Node("Cast", {"x"}, {"narrow"}).IntAttr("to", TensorProto::BFLOAT16);
       b.Node("Sin", {"narrow"}, {"sine"});
       b.Node("Cast", {"sine"}, {"y"}).IntAttr("to", TensorProto::FLOAT);
     },
     "Sin of opset 21 takes no bfloat16 as input 0; opset 22 does; node \"Sin\""},
    {"ValuesOfLaterOpsets", 19, 18,
     [](OnnxBuilder& b) {
       b.Ints("pads", {6}, {0, 0, 1, 0, 0, 1});
       onnx::NodeProto& node = b.Node("Pad", {"x", "pads"}, {"y"}).node();
       onnx::AttributeProto& mode = *node.add_attribute();
       mode.set_name("mode");
       mode.set_type(onnx::AttributeProto::STRING);
       mode.set_s("wrap");
     },
     "mode = wrap of Pad needs opset 19 or later; node \"Pad\""},
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class OnnxOpsets : public testing::TestWithParam<Case> {};

absl::StatusOr<Tensor> RunIt(const Model& model) {
  std::vector<float> numbers;
  for (int i = 0; i < 24; ++i) numbers.push_back(0.25f * static_cast<float>(i % 7) + 0.5f);
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(model));
  return session->Run(Tensor::Of<float>({2, 3, 4}, absl::MakeConstSpan(numbers)));
}

TEST_P(OnnxOpsets, AreWrittenOrRefused) {
  const Case& c = GetParam();
  OnnxBuilder b(c.from);
  b.Input("x", TensorProto::FLOAT, {"batch", 3, 4});
  c.build(b);
  b.Output("y", TensorProto::FLOAT, {});
  const auto model = onnx::ImportFromBytes(b.Finish().SerializeAsString());
  ASSERT_TRUE(model.ok()) << model.status();
  const auto exported = onnx::ExportToString(*model, {.opset = c.to});
  if (!exported.ok()) {
    EXPECT_TRUE(absl::IsUnimplemented(exported.status()));
    EXPECT_THAT(std::string(exported.status().message()), HasSubstr(c.operators));
    return;
  }
  ModelProto proto;
  ASSERT_TRUE(proto.ParseFromString(*exported));
  EXPECT_EQ(absl::StrJoin(proto.graph().node(), " ",
                          [](std::string* out, const auto& node) { *out += node.op_type(); }),
            c.operators);
  const auto back = onnx::ImportFromBytes(*exported);
  ASSERT_TRUE(back.ok()) << back.status();
  const auto expected = RunIt(*model), found = RunIt(*back);
  ASSERT_TRUE(expected.ok() && found.ok()) << expected.status() << found.status();
  const absl::Status same = AllClose(*found, *expected, 1e-5, 1e-6);
  EXPECT_TRUE(same.ok()) << same;
}

INSTANTIATE_TEST_SUITE_P(All, OnnxOpsets, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

// Ops that ONNX has no operator for and that are written as several: their own examples, which come
// from elsewhere, hold for what is read back.
TEST(OnnxExport, OpsOfSeveralOperatorsKeepTheirExamples) {
  for (const char* name :
       {"image.AdjustBrightness", "image.AdjustContrast", "image.CenterCrop",
        "image.PerImageStandardization", "image.RandomCrop", "image.RandomTranslation",
        "image.RandomZoom", "image.RgbToGrayscale", "math.Atan2", "nn.AlphaDropout",
        "nn.GaussianDropout", "nn.GaussianNoise", "nn.SpatialDropout"}) {
    SCOPED_TRACE(name);
    int checked = 0;
    for (const Example& example : OpRegistry::Default().Find(name)->examples()) {
      SCOPED_TRACE(example.name);
      if (example.training) continue;
      std::vector<Value> inputs;
      NamedTensors tensors;
      for (const Tensor& tensor : example.inputs) {
        const std::string input = absl::StrCat("x", inputs.size());
        const PartialShape shape(tensor.shape());
        // Without a batch ahead of it.
        std::vector<Dim> rest(shape.dims().begin() + 1, shape.dims().end());
        inputs.push_back(Input(PartialShape(rest),
                               {.dtype = tensor.dtype(), .name = input, .batch = shape.dims()[0]}));
        tensors[input] = tensor;
      }
      const auto model = BuildModel(inputs, {Call(name, inputs, example.attrs)});
      ASSERT_TRUE(model.ok()) << model.status();
      const auto exported = onnx::ExportToString(*model, {.opset = 17});
      // Most are written for floating point alone.
      if (absl::IsUnimplemented(exported.status()) && !kFloats.Contains(example.inputs[0].dtype()))
        continue;
      ASSERT_TRUE(exported.ok()) << exported.status();
      const auto back = onnx::ImportFromBytes(*exported);
      ASSERT_TRUE(back.ok()) << back.status();
      const auto outputs = back->Predict(tensors);
      ASSERT_TRUE(outputs.ok()) << outputs.status();
      const absl::Status same =
          AllClose(outputs->begin()->second, example.outputs[0], example.rtol, example.atol);
      EXPECT_TRUE(same.ok()) << same;
      ++checked;
    }
    EXPECT_GT(checked, 0);
  }
}

// ONNX Runtime makes a negative padding of SAME_UPPER where a step of pooling is longer than the
// window: the numbers are written instead, for windows of one element also where sizes are open.
TEST(OnnxExport, PoolsThatLeapHavePadsInNumbers) {
  struct Pool {
    std::vector<int64_t> window, strides;
    Dim size;
    std::string attributes;
  };
  for (const Pool& pool :
       {Pool{{1}, {2}, Dim(), "pads 0 0"}, Pool{{2}, {3}, Dim(5), "pads 0 0"},
        Pool{{2}, {3}, Dim(4), "pads 0 1"}, Pool{{2}, {2}, Dim(5), "auto_pad SAME_UPPER"},
        Pool{{2}, {3}, Dim(), "auto_pad SAME_UPPER"}}) {
    const Input x(PartialShape{pool.size, Dim(2)}, {.name = "x"});
    const auto model = BuildModel(
        {x},
        {Call("nn.MaxPool", {x},
              {{"kernel_shape", pool.window}, {"strides", pool.strides}, {"padding", "same"}})});
    ASSERT_TRUE(model.ok()) << model.status();
    const auto exported = onnx::ExportToString(*model);
    ASSERT_TRUE(exported.ok()) << exported.status();
    ModelProto proto;
    ASSERT_TRUE(proto.ParseFromString(*exported));
    std::string attributes;
    for (const auto& node : proto.graph().node()) {
      for (const auto& attr : node.attribute()) {
        if (attr.name() == "auto_pad") attributes = absl::StrCat("auto_pad ", attr.s());
        if (attr.name() == "pads")
          attributes = absl::StrCat("pads ", absl::StrJoin(attr.ints(), " "));
      }
    }
    EXPECT_EQ(attributes, pool.attributes);
  }
}

const onnx::NodeProto* Find(const ModelProto& proto, absl::string_view op_type) {
  for (const onnx::NodeProto& node : proto.graph().node()) {
    if (node.op_type() == op_type) return &node;
  }
  return nullptr;
}

const onnx::AttributeProto* Find(const onnx::NodeProto& node, absl::string_view name) {
  for (const onnx::AttributeProto& attr : node.attribute()) {
    if (attr.name() == name) return &attr;
  }
  return nullptr;
}

// What ONNX Runtime asks of recurrent operators beyond ONNX.
TEST(OnnxExport, RecurrentOperatorsAreAsOnnxRuntimeTakesThem) {
  const Input x({5, 3}, {.name = "x"});
  const auto model = BuildModel({x}, {Bidirectional(LSTM(4, {.return_sequences = true}))(x)});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto exported = onnx::ExportToString(*model);
  ASSERT_TRUE(exported.ok()) << exported.status();
  ModelProto proto;
  ASSERT_TRUE(proto.ParseFromString(*exported));
  const onnx::NodeProto* node = Find(proto, "LSTM");
  ASSERT_NE(node, nullptr);
  ASSERT_NE(Find(*node, "hidden_size"), nullptr);
  EXPECT_EQ(Find(*node, "hidden_size")->i(), 4);
  EXPECT_EQ(Find(*node, "layout"), nullptr);
}

TEST(OnnxExport, OutputsOfABodyAreDifferentValues) {
  const Input x({5, 3}, {.name = "x"});
  // The state that goes on is every step's output, too.
  const auto model =
      BuildModel({x}, {GRU(4, {.recurrent_dropout = 0.5, .return_sequences = true})(x)});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto exported = onnx::ExportToString(*model);
  ASSERT_TRUE(exported.ok()) << exported.status();
  ModelProto proto;
  ASSERT_TRUE(proto.ParseFromString(*exported));
  const onnx::NodeProto* scan = Find(proto, "Scan");
  ASSERT_NE(scan, nullptr);
  std::set<std::string> names;
  const auto& body = Find(*scan, "body")->g();
  for (const auto& output : body.output()) names.insert(output.name());
  EXPECT_EQ(static_cast<int>(names.size()), body.output_size());
}

// Squares of 16 bits overflow: 300^2 is no float16.
TEST(OnnxExport, NormalisesHalvesInFloat32) {
  OnnxBuilder b(23);
  b.Input("x", TensorProto::FLOAT, {1, 4});
  b.Floats("scale", {4}, {1, 1, 1, 1});
  b.Node("Cast", {"x"}, {"half"}).IntAttr("to", TensorProto::FLOAT16);
  b.Node("Cast", {"scale"}, {"half_scale"}).IntAttr("to", TensorProto::FLOAT16);
  b.Node("RMSNormalization", {"half", "half_scale"}, {"normal"});
  b.Node("Cast", {"normal"}, {"y"}).IntAttr("to", TensorProto::FLOAT);
  b.Output("y", TensorProto::FLOAT, {1, 4});
  const auto model = onnx::ImportFromBytes(b.Finish().SerializeAsString());
  ASSERT_TRUE(model.ok()) << model.status();
  const auto exported = onnx::ExportToString(*model, {.opset = 17});
  ASSERT_TRUE(exported.ok()) << exported.status();
  const auto back = onnx::ImportFromBytes(*exported);
  ASSERT_TRUE(back.ok()) << back.status();
  const auto session = Session::Create(*back);
  ASSERT_TRUE(session.ok()) << session.status();
  const auto y = (*session)->Run(Tensor::Full(DType::kFloat32, {1, 4}, 300));
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ(*y, Tensor::Full(DType::kFloat32, {1, 4}, 1));
}

// All that stands in the way is said at once.
TEST(OnnxExport, ListsEveryRefusal) {
  OnnxBuilder b(18);
  b.Input("x", TensorProto::FLOAT, {"batch", 3, 4});
  b.Input("axes", TensorProto::INT64, {1});
  b.Node("ReduceMean", {"x", "axes"}, {"mean"});
  b.Node("Trilu", {"mean"}, {"y"});
  b.Output("y", TensorProto::FLOAT, {});
  const auto model = onnx::ImportFromBytes(b.Finish().SerializeAsString());
  ASSERT_TRUE(model.ok()) << model.status();
  const std::string text(onnx::ExportToString(*model, {.opset = 13}).status().message());
  EXPECT_THAT(text, HasSubstr("math.ReduceMean: axes that are computed need opset 18"));
  EXPECT_THAT(text, HasSubstr("array.Trilu: opset 13 has no operator Trilu; opset 14 does"));
}

// The names that ops have in ONNX against its operators, from the opset on in which they have them.
TEST(OnnxExport, KnownNamesAreOperators) {
  for (const KnownOp& known : OpRegistry::Default().AllKnown("onnx")) {
    const OpDef& op = *known.op;
    const KnownName& name = *known.name;
    SCOPED_TRACE(absl::StrCat(op.name, ": ", name.name, " of opset ", name.since));
    int opset = std::max(name.since, onnx::kMinExportOpset);
    // Names that the first opset has are not all as old as that.
    while (name.since == 1 && opset < onnx::kMaxExportOpset &&
           !onnx::HasOperator(name.name, opset)) {
      ++opset;
    }
    EXPECT_TRUE(onnx::HasOperator(name.name, opset));
    if (onnx::FindExportForm(op, opset).name != &name) continue;  // for reading only
    size_t inputs = 0;
    for (const Port& port : op.inputs) inputs += port.kind != Port::Kind::kOptional;
    for (const AttrDef& attr : op.attrs) {
      const auto how = std::find_if(name.attrs.begin(), name.attrs.end(),
                                    [&](const KnownAttr& a) { return a.attr == attr.name; });
      if (how == name.attrs.end()) {  // later opsets may have brought it
        EXPECT_TRUE(onnx::HasAttribute(name.name, onnx::kMaxExportOpset, attr.name)) << attr.name;
      } else if (how->kind == KnownAttr::kAttribute) {
        EXPECT_TRUE(onnx::HasAttribute(name.name, opset, how->name)) << how->name;
      } else if (how->kind != KnownAttr::kDefault) {
        inputs = std::max(inputs, static_cast<size_t>(how->input) + 1);
      }
    }
    onnx::NodeProto node;
    node.set_op_type(name.name);
    for (size_t i = 0; i < inputs; ++i) node.add_input("x");
    const absl::Status form =
        onnx::CheckForm(node, opset, [](const std::string&) { return DType::kInvalid; });
    EXPECT_TRUE(form.ok()) << form;
  }
}

// `levels` functions, each of which calls the next one twice.
Model Doubling(int levels) {
  const TensorType type{DType::kFloat32, {2}};
  const auto call = [&](Graph& graph, ValueId input, const std::string& op,
                        const std::string& body) {
    const std::string name = absl::StrCat("v", graph.values.size());
    const ValueId output = graph.AddValue(name, type);
    graph.nodes.push_back(
        {.name = name, .op = op, .inputs = {input}, .outputs = {output}, .body = body});
    return output;
  };
  Model model;
  for (int level = 0; level <= levels; ++level) {
    Function function{.name = absl::StrCat("local.f", level)};
    Graph& graph = level == 0 ? model.graph : function.graph;
    graph.inputs = {graph.AddValue("x", type)};
    const std::string next = absl::StrCat("local.f", level + 1);
    const bool last = level == levels;
    ValueId y = graph.inputs[0];
    for (int i = 0; i < 2; ++i) y = call(graph, y, last ? "nn.Relu" : next, last ? "" : next);
    graph.outputs = {y};
    function.graph.name = function.name;
    if (level > 0) model.functions[function.name] = std::move(function);
  }
  return model;
}

TEST(ExportTest, FunctionsAreCountedBeforeTheyAreInlined) {
  EXPECT_TRUE(onnx::ExportToString(Doubling(4)).ok());
  for (const int levels : {20, 60}) {  // 2^20 and 2^60 nodes
    const auto exported = onnx::ExportToString(Doubling(levels));
    EXPECT_EQ(exported.status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(exported.status().message()),
                HasSubstr("expected at most 250000 nodes in all"));
  }
}

}  // namespace
}  // namespace nomograph

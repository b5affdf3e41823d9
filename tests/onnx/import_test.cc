// What the importer makes of models that are built here, and the errors for those that are wrong.
#include "nomograph/serialization/onnx/import/import.h"

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/run/session.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/onnx/export/export.h"
#include "nomograph/tests/onnx/model_builder.h"

namespace nomograph {
namespace {

using onnx::AttributeProto;
using onnx::GraphProto;
using onnx::ModelProto;
using onnx::NodeProto;
using onnx::TensorProto;
using testing::AllOf;
using testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

absl::StatusOr<Tensor> RunModel(const Model& model, const Tensor& x) {
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(model));
  return session->Run(x);
}

// x float32[batch,2,3] -> Shape -> Gather -> Concat -> Reshape, as exporters write x.flatten(1).
ModelProto DynamicFlatten() {
  OnnxBuilder b(13);
  b.Input("x", TensorProto::FLOAT, {"batch", 2, 3});
  b.Ints("zero", {}, {0});
  b.Ints("minus_one", {1}, {-1});
  b.Ints("axes", {1}, {0});
  b.Node("Shape", {"x"}, {"shape"});
  b.Node("Gather", {"shape", "zero"}, {"size"});
  b.Node("Unsqueeze", {"size", "axes"}, {"sizes"});
  b.Node("Concat", {"sizes", "minus_one"}, {"target"}).IntAttr("axis", 0);
  b.Node("Reshape", {"x", "target"}, {"y"});
  b.Output("y", TensorProto::FLOAT, {});
  return b.Finish();
}

TEST(OnnxImport, FoldsShapesAndKeepsTheBatchDynamic) {
  const auto model = onnx::ImportFromBytes(DynamicFlatten().SerializeAsString());
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_EQ(model->graph.nodes.size(), 1u) << "the arithmetic of the shape is gone";
  EXPECT_EQ(model->graph.nodes[0].op, "array.Reshape");
  const ValueInfo& y = model->graph.values[model->graph.outputs[0]];
  EXPECT_EQ(y.name, "y");
  EXPECT_EQ(y.type.ToString(), "float32[batch,6]");
  for (const int64_t batch : {1, 3}) {
    const auto result = RunModel(*model, Tensor::Full(DType::kFloat32, {batch, 2, 3}, 7));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->shape(), (Shape{batch, 6}));
  }
}

TEST(OnnxImport, TellsWhatBecameOfOperators) {
  onnx::ImportReport report;
  ASSERT_TRUE(
      onnx::ImportFromBytes(DynamicFlatten().SerializeAsString(), "", {.report = &report}).ok());
  EXPECT_EQ(report.operators, 5);
  EXPECT_EQ(report.nodes, 1);
  EXPECT_EQ(report.sizes,
            (onnx::OperatorCounts{{"Concat", 1}, {"Gather", 1}, {"Shape", 1}, {"Unsqueeze", 1}}));
  EXPECT_EQ(report.left_out(), 4);
  EXPECT_EQ(report.weights_left_out, 3);
  EXPECT_EQ(report.weight_bytes_left_out, 3 * 8);

  // A sum of constants that stays an input, a node that nothing reads, and two of one name.
  OnnxBuilder b(13);
  b.Input("x", TensorProto::FLOAT, {2, 3});
  b.Ints("one", {1}, {1});
  b.Ints("five", {1}, {5});
  b.Node("Add", {"one", "five"}, {"six"});
  b.Node("Reshape", {"x", "six"}, {"flat"});
  b.Node("Exp", {"x"}, {"nobody"});
  b.Node("Neg", {"flat"}, {"minus"}).node().set_name("same");
  b.Node("Abs", {"minus"}, {"y"}).node().set_name("same");
  b.Output("y", TensorProto::FLOAT, {6});
  ASSERT_TRUE(onnx::ImportFromBytes(b.Finish().SerializeAsString(), "", {.report = &report}).ok());
  EXPECT_EQ(report.operators, 5);
  EXPECT_EQ(report.nodes, 4);
  EXPECT_TRUE(report.folded.empty());
  EXPECT_EQ(report.unused, (onnx::OperatorCounts{{"Exp", 1}}));
  EXPECT_TRUE(report.sizes.empty());
  EXPECT_EQ(report.renamed, 1);
  EXPECT_EQ(report.weights_left_out, 0);
}

TEST(OnnxImport, CountsOperatorsByWhatIsKnownOfTheirResults) {
  using onnx::Origin;
  const std::string add = "Add", constant = "Constant", lstm = "LSTM", exp = "Exp";
  onnx::ImportReport report;
  onnx::CountOrigins({{&add, 0, 1, Origin::kConstant, false},
                      {&constant, 1, 2, Origin::kConstant, false},
                      {&constant, 2, 3, Origin::kConstant, false},
                      {&lstm, 3, 6, Origin::kOpen, true},
                      {&exp, 6, 7, Origin::kSizes, false},
                      {&exp, 7, 8, Origin::kOpen, false}},
                     {false, false, true, true, false, true, false, false}, report);
  EXPECT_EQ(report.operators, 6);
  EXPECT_EQ(report.nodes, 3);
  EXPECT_EQ(report.folded, (onnx::OperatorCounts{{"Add", 1}}));
  EXPECT_EQ(report.constants, 1);
  EXPECT_EQ(report.several, (onnx::OperatorCounts{{"LSTM", 1}}));
  EXPECT_EQ(report.sizes, (onnx::OperatorCounts{{"Exp", 1}}));
  EXPECT_EQ(report.unused, (onnx::OperatorCounts{{"Exp", 1}}));
  EXPECT_EQ(report.renamed, 1);
  EXPECT_EQ(report.left_out(), 4);
}

TEST(OnnxImport, SortsNodes) {
  OnnxBuilder b(13);
  b.Input("x", TensorProto::FLOAT, {2});
  b.Node("Neg", {"middle"}, {"y"});
  b.Node("Exp", {"x"}, {"middle"});
  b.Output("y", TensorProto::FLOAT, {2});
  const auto model = onnx::ImportFromBytes(b.Finish().SerializeAsString());
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(*RunModel(*model, Tensor::Vector<float>({0, 0})), Tensor::Vector<float>({-1, -1}));
}

// Whoever registers an op says what models of their domain call it.
TEST(OnnxImport, ReadsOpsByTheNamesThatTheirDomainHasForThem) {
  OpRegistry registry;
  const auto registered =
      registry.Register(OpDef("acme.Scaled")
                            .Doc("y = factor * x")
                            .Known({.as = "acme", .name = "Times", .since = 2})
                            .Known({.as = "acme",
                                    .name = "Twice",
                                    .attrs = {{"factor", KnownAttr::kAttribute, "times"}}})
                            .Input("x", "float32")
                            .Output("y", "float32")
                            .Attr("factor", 2.0, "")
                            .Infer(SameAsInput)
                            .Reference([](KernelContext&) { return absl::OkStatus(); }),
                        "acme");
  ASSERT_TRUE(registered.ok()) << registered;
  OnnxBuilder b(13);
  b.Opset("acme", 1);
  b.Input("x", TensorProto::FLOAT, {2});
  b.Node("Twice", {"x"}, {"twice"}, "acme").FloatAttr("times", 4);
  b.Node("Times", {"twice"}, {"y"}, "acme").FloatAttr("factor", 3);  // since 2, and alike before
  b.Output("y", TensorProto::FLOAT, {2});
  const std::string bytes = b.Finish().SerializeAsString();
  const auto model = onnx::ImportFromBytes(bytes, "", {.registry = &registry});
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_EQ(model->graph.nodes.size(), 2u);
  for (const Node& node : model->graph.nodes) EXPECT_EQ(node.op, "acme.Scaled");
  EXPECT_EQ(model->graph.nodes[0].attrs.Float("factor"), 4);
  EXPECT_EQ(model->graph.nodes[1].attrs.Float("factor"), 3);
  // Without it they are ops that are not known.
  const auto unknown = onnx::ImportFromBytes(bytes);
  ASSERT_TRUE(unknown.ok()) << unknown.status();
  EXPECT_EQ(unknown->graph.nodes[0].op, "acme.Twice");
}

// A node of a domain that nobody knows.
ModelProto Foreign() {
  OnnxBuilder b(13);
  b.Opset("acme.ops", 2);
  b.Input("x", TensorProto::FLOAT, {2});
  b.Node("Wobble", {"x"}, {"w"}, "acme.ops").IntAttr("times", 3);
  b.Node("Neg", {"w"}, {"y"});
  b.Output("y", TensorProto::FLOAT, {2});
  return b.Finish();
}

TEST(OnnxImport, AnUnknownDomainBecomesALambda) {
  const auto model = onnx::ImportFromBytes(Foreign().SerializeAsString());
  ASSERT_TRUE(model.ok()) << model.status();
  const Node& node = model->graph.nodes[0];
  EXPECT_EQ(node.op, "acme.ops.Wobble");
  EXPECT_EQ(node.version, 2);
  EXPECT_EQ(node.attrs.Int("times"), 3);
  const auto saved = SaveToString(*model);
  ASSERT_TRUE(saved.ok()) << saved.status();
  const auto session = Session::Create(*model);
  EXPECT_EQ(session.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(session.status()), HasSubstr("no op acme.ops.Wobble is registered"));
  // Given as a function, it runs.
  Model given = *model;
  Function body{.name = "wobble"};
  const TensorType type{DType::kFloat32, Shape{2}};
  const ValueId in = body.graph.AddValue("in", type), out = body.graph.AddValue("out", type);
  body.graph.inputs = {in};
  body.graph.outputs = {out};
  body.graph.nodes.push_back({.name = "exp", .op = "math.Exp", .inputs = {in}, .outputs = {out}});
  given.functions["wobble"] = body;
  given.graph.nodes[0].body = "wobble";
  const auto result = RunModel(given, Tensor::Vector<float>({0, 0}));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, Tensor::Vector<float>({-1, -1}));
}

TEST(OnnxImport, ConstantsOfFloatsAreWeights) {
  OnnxBuilder b(13);
  b.Input("x", TensorProto::FLOAT, {2});
  const auto constant = [&b](const char* name, TensorProto::DataType type,
                             std::vector<float> floats, std::vector<int64_t> ints) {
    AttributeProto& value = *b.Node("Constant", {}, {name}).node().add_attribute();
    value.set_name("value");
    value.set_type(AttributeProto::TENSOR);
    TensorProto& tensor = *value.mutable_t();
    tensor.set_data_type(type);
    tensor.add_dims(static_cast<int64_t>(floats.size() + ints.size()));
    for (const float number : floats) tensor.add_float_data(number);
    for (const int64_t number : ints) tensor.add_int64_data(number);
  };
  constant("bias", TensorProto::FLOAT, {1, 2}, {});
  constant("factor", TensorProto::FLOAT, {3}, {});
  constant("order", TensorProto::INT64, {}, {1, 0});
  b.Node("Add", {"x", "bias"}, {"sum"});
  b.Node("Mul", {"sum", "factor"}, {"scaled"});
  b.Node("Gather", {"scaled", "order"}, {"y"});
  b.Output("y", TensorProto::FLOAT, {2});
  const auto model = onnx::ImportFromBytes(b.Finish().SerializeAsString());
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_EQ(model->graph.weights.size(), 1u) << "one number, and integers, belong to formulas";
  EXPECT_EQ(model->graph.values[model->graph.weights[0].value].name, "bias");
  EXPECT_TRUE(model->graph.weights[0].trainable);
  EXPECT_EQ(*RunModel(*model, Tensor::Vector<float>({1, 2})), Tensor::Vector<float>({12, 6}));
}

TEST(OnnxImport, ModelLocalFunctionsBecomeBodies) {
  OnnxBuilder b(17);
  b.Opset("local.lib", 1);
  b.Input("x", TensorProto::FLOAT, {2});
  b.Node("Scaled", {"x"}, {"y"}, "local.lib").FloatAttr("by", 3);
  b.Output("y", TensorProto::FLOAT, {2});
  ModelProto proto = b.Finish();
  onnx::FunctionProto& function = *proto.add_functions();
  function.set_domain("local.lib");
  function.set_name("Scaled");
  function.add_input("a");
  function.add_output("c");
  function.add_attribute("by");
  NodeProto& constant = *function.add_node();
  constant.set_op_type("Constant");
  constant.add_output("factor");
  AttributeProto& value = *constant.add_attribute();
  value.set_name("value_float");
  value.set_ref_attr_name("by");
  value.set_type(AttributeProto::FLOAT);
  NodeProto& mul = *function.add_node();
  mul.set_op_type("Mul");
  mul.add_input("a");
  mul.add_input("factor");
  mul.add_output("c");
  const auto model = onnx::ImportFromBytes(proto.SerializeAsString());
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->graph.nodes[0].op, "local.lib.Scaled");
  EXPECT_EQ(model->functions.count(model->graph.nodes[0].body), 1u);
  EXPECT_EQ(*RunModel(*model, Tensor::Vector<float>({1, 2})), Tensor::Vector<float>({3, 6}));
}

struct FunctionName {
  const char *domain, *name, *overload;
};

// Adds a function to the model whose one node is to be written.
NodeProto& AddFunction(ModelProto& model, const FunctionName& name,
                       const std::vector<std::string>& inputs, const std::string& op_type) {
  onnx::FunctionProto& function = *model.add_functions();
  function.set_domain(name.domain);
  function.set_name(name.name);
  if (*name.overload != '\0') function.set_overload(name.overload);
  for (const std::string& input : inputs) function.add_input(input);
  function.add_output("result");
  NodeProto& node = *function.add_node();
  node.set_op_type(op_type);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output("result");
  return node;
}

TEST(OnnxImport, FunctionsAreToldApartByDomainNameAndOverload) {
  for (const auto& [first, second] : std::vector<std::pair<FunctionName, FunctionName>>{
           {{"lib", "F", ""}, {"lib", "F", "other"}},
           {{"lib", "F", "one"}, {"lib", "F", "other"}},
           {{"lib", "F", ""}, {"lib", "G", ""}},
           {{"a", "b.C", ""}, {"a.b", "C", ""}},  // one name of ours
           {{"lib", "F-1", ""}, {"lib", "F_1", ""}}}) {
    SCOPED_TRACE(absl::StrCat(first.name, " ", second.name, " ", second.overload));
    OnnxBuilder b(13);
    b.Input("x", TensorProto::FLOAT, {2});
    const auto call = [&b](const FunctionName& name, const std::string& output) {
      NodeProto& node = b.Node(name.name, {"x"}, {output}, name.domain).node();
      if (*name.overload != '\0') node.set_overload(name.overload);
    };
    call(first, "minus");
    call(second, "absolute");
    b.Node("Sub", {"absolute", "minus"}, {"y"});
    b.Output("y", TensorProto::FLOAT, {2});
    ModelProto proto = b.Finish();
    AddFunction(proto, first, {"a"}, "Neg");
    AddFunction(proto, second, {"a"}, "Abs");
    const auto model = onnx::ImportFromBytes(proto.SerializeAsString());
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(*RunModel(*model, Tensor::Vector<float>({1, -2})), Tensor::Vector<float>({2, 0}));
  }
}

// What a caller leaves out is left out wherever the function passes it on: to an operator, to
// another function, and to a graph within.
TEST(OnnxImport, InputsOfFunctionsMayBeLeftOut) {
  const std::vector<std::string> formals = {"v", "low", "high"};
  for (const auto& [inputs, y] : std::vector<std::pair<std::vector<std::string>, Tensor>>{
           {{"x"}, Tensor::Vector<float>({-2, 0.5, 3})},
           {{"x", "minus_one"}, Tensor::Vector<float>({-1, 0.5, 3})},
           {{"x", "", "one"}, Tensor::Vector<float>({-2, 0.5, 1})},
           {{"x", "minus_one", "one"}, Tensor::Vector<float>({-1, 0.5, 1})}}) {
    for (const char* name : {"Direct", "Through", "Branch"}) {
      SCOPED_TRACE(absl::StrCat(name, " with ", inputs.size(), " inputs"));
      OnnxBuilder b(13);
      b.Input("x", TensorProto::FLOAT, {3});
      b.Floats("minus_one", {}, {-1});
      b.Floats("one", {}, {1});
      b.Node(name, inputs, {"y"}, "lib");
      b.Output("y", TensorProto::FLOAT, {3});
      ModelProto proto = b.Finish();
      AddFunction(proto, {"lib", "Direct", ""}, formals, "Clip");
      AddFunction(proto, {"lib", "Through", ""}, formals, "Direct").set_domain("lib");
      NodeProto& branch = AddFunction(proto, {"lib", "Branch", ""}, formals, "If");
      NodeProto clip = branch;
      clip.set_op_type("Clip");
      branch.clear_input();
      branch.add_input("always");
      for (const char* attribute : {"then_branch", "else_branch"}) {
        AttributeProto& graph = *branch.add_attribute();
        graph.set_name(attribute);
        graph.set_type(AttributeProto::GRAPH);
        *graph.mutable_g()->add_node() = clip;
        graph.mutable_g()->add_output()->set_name("result");
      }
      NodeProto& always = *proto.mutable_functions()->rbegin()->add_node();
      always.set_op_type("Constant");
      always.add_output("always");
      AttributeProto& value = *always.add_attribute();
      value.set_name("value");
      value.set_type(AttributeProto::TENSOR);
      value.mutable_t()->set_data_type(TensorProto::BOOL);
      value.mutable_t()->add_int32_data(1);
      const auto model = onnx::ImportFromBytes(proto.SerializeAsString());
      ASSERT_TRUE(model.ok()) << model.status();
      EXPECT_EQ(*RunModel(*model, Tensor::Vector<float>({-2, 0.5, 3})), y);
    }
  }
}

// An input whose type is not known is one all the same.
TEST(OnnxImport, InputsOfFunctionsMayHaveTypesThatAreNotKnown) {
  ModelProto proto = Foreign();
  NodeProto& minus = *proto.mutable_graph()->mutable_node(1);
  minus.set_op_type("Minus");
  minus.set_domain("lib");
  AddFunction(proto, {"lib", "Minus", ""}, {"a"}, "Neg");
  const auto model = onnx::ImportFromBytes(proto.SerializeAsString());
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_EQ(model->graph.nodes.size(), 2u);
  EXPECT_EQ(model->graph.nodes[1].op, "lib.Minus");
  EXPECT_EQ(model->graph.nodes[1].inputs.size(), 1u);
  EXPECT_TRUE(SaveToString(*model).ok());
  EXPECT_THAT(Message(Session::Create(*model).status()),
              HasSubstr("no op acme.ops.Wobble is registered"));
  const auto exported = onnx::ExportToString(*model, {.opset = 13});
  ASSERT_TRUE(exported.ok()) << exported.status();
  ModelProto back;
  ASSERT_TRUE(back.ParseFromString(*exported));
  ASSERT_EQ(back.functions_size(), 1);
  ASSERT_EQ(back.functions(0).input_size(), 1);
  EXPECT_EQ(back.functions(0).node(0).op_type(), "Neg");
  EXPECT_EQ(back.functions(0).node(0).input(0), back.functions(0).input(0));
}

constexpr char kPointer[] =
    "version https://git-lfs.github.com/spec/v1\noid sha256:4665a5ea423c2713d436b5ee50593a96\n";

AttributeProto& AddAttribute(NodeProto& node, const char* name, int64_t value) {
  AttributeProto& attr = *node.add_attribute();
  attr.set_name(name);
  attr.set_type(AttributeProto::INT);
  attr.set_i(value);
  return attr;
}

// What is not known in a file of ai.onnx leaves the rest of it readable, and goes out as it came.
TEST(OnnxImport, WhatIsNotCoveredBecomesALambda) {
  ModelProto proto = DynamicFlatten();
  auto& nodes = *proto.mutable_graph()->mutable_node();
  nodes[0].set_op_type("Frobnicate");
  AddAttribute(nodes[0], "times", 3);
  AddAttribute(nodes[3], "frob", 1);  // of Concat
  std::vector<std::string> warnings;
  const auto model = onnx::ImportFromBytes(proto.SerializeAsString(), "", {.warnings = &warnings});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->graph.nodes[0].op, "onnx.Frobnicate");
  EXPECT_EQ(model->graph.nodes[0].version, 13);
  EXPECT_EQ(model->graph.nodes[3].op, "onnx.Concat");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0],
            "Concat is read as the lambda onnx.Concat: attribute frob is not supported by "
            "array.Concat, which stands for it; node \"Concat\"");
  const std::string missing = Message(Session::Create(*model).status());
  EXPECT_THAT(missing, HasSubstr("no op onnx.Frobnicate is registered"));
  EXPECT_THAT(missing, HasSubstr("no op onnx.Concat is registered"));

  const auto exported = onnx::ExportToString(*model, {.opset = 13});
  ASSERT_TRUE(exported.ok()) << exported.status();
  ModelProto back;
  ASSERT_TRUE(back.ParseFromString(*exported));
  EXPECT_EQ(back.opset_import_size(), 1);
  for (const int i : {0, 3}) {
    const NodeProto& node = back.graph().node(i);
    EXPECT_EQ(node.domain(), "");
    EXPECT_EQ(node.op_type(), nodes[i].op_type());
    EXPECT_EQ(node.input(0), nodes[i].input(0));
    EXPECT_EQ(node.output(0), nodes[i].output(0));
    EXPECT_EQ(node.attribute_size(), nodes[i].attribute_size());
  }
  EXPECT_THAT(Message(onnx::ExportToString(*model, {.opset = 17}).status()),
              HasSubstr("ai.onnx's Frobnicate of opset 13, which opset 17 does not have so"));
}

// What ONNX Runtime itself needs of its quantised operators.
TEST(OnnxImport, QuantisedOperatorsLackNothing) {
  const std::string x = "x", scale = "scale", zero = "zero", scales = "scales";
  const auto import = [](const std::string& op_type, std::vector<std::string> inputs,
                         std::optional<int> axis = std::nullopt) {
    OnnxBuilder b(13);
    b.Opset("com.microsoft", 1);
    b.Input("x", TensorProto::UINT8, {3, 3});
    b.Floats("scale", {}, {0.5});
    b.Floats("scales", {3}, {0.5, 0.25, 1});
    b.Raw("zero", {}, TensorProto::UINT8, "\x05");
    auto node = b.Node(op_type, std::move(inputs), {"y"}, "com.microsoft");
    if (axis) node.IntAttr("axis", *axis);
    b.Output("y", TensorProto::UINT8, {});
    std::vector<std::string> warnings;
    const auto model =
        onnx::ImportFromBytes(b.Finish().SerializeAsString(), "", {.warnings = &warnings});
    if (!model.ok()) return Message(model.status());
    if (!warnings.empty()) return warnings[0];
    return absl::StrCat(model->graph.nodes.size(), " nodes");
  };
  EXPECT_EQ(import("QLinearSigmoid", {x, scale, "", scale}), "3 nodes");
  EXPECT_THAT(import("QLinearConcat", {scale, zero, x, scale}, 0),
              HasSubstr("three for each part"));
  for (const auto& [op_type, inputs, message] :
       std::vector<std::tuple<std::string, std::vector<std::string>, std::string>>{
           {"QLinearSigmoid", {x, scales, "", scale}, "input 1: only one number is supported"},
           {"QLinearMul", {x, scale, zero, x, scale, zero, scales}, "input 6: only one number"},
           {"QLinearSoftmax", {x, scale, zero, scale, zero}, "attribute opset is missing"},
           {"QLinearConcat", {scale, zero, x, scale, zero}, "attribute axis is missing"},
           {"QGemm", {x, scale, zero, x, scale, zero, "", scale}, "inputs 7 and 8: expected"},
           {"MatMulIntegerToFloat", {x, x, scales, scale}, "input 2: only one number"}}) {
    const std::string found = import(op_type, inputs);
    EXPECT_THAT(found, HasSubstr(message));
    EXPECT_THAT(found, HasSubstr(op_type)) << "it names the node";
  }
}

// An output of an op that is missing has the type that is declared for it, or none.
TEST(OnnxImport, DeclaredTypesStandWhereTheOpIsMissing) {
  OnnxBuilder b(13);
  b.Opset("acme.ops", 1);
  b.Input("x", TensorProto::FLOAT, {"n", 2});
  b.Node("Classify", {"x"}, {"label", "scores"}, "acme.ops");
  b.Output("label", TensorProto::INT64, {"n"});
  b.Output("scores", TensorProto::FLOAT, {});
  ModelProto proto = b.Finish();
  proto.mutable_graph()->mutable_output(1)->clear_type();
  const auto model = onnx::ImportFromBytes(proto.SerializeAsString());
  ASSERT_TRUE(model.ok()) << model.status();
  const Graph& graph = model->graph;
  EXPECT_EQ(graph.values[graph.outputs[0]].type.ToString(), "int64[n]");
  const std::string missing = Message(Session::Create(*model).status());
  EXPECT_THAT(missing, HasSubstr("no op acme.ops.Classify is registered"));
  EXPECT_THAT(missing, testing::Not(HasSubstr("declared")));
  const auto exported = onnx::ExportToString(*model);
  ASSERT_TRUE(exported.ok()) << exported.status();
  EXPECT_TRUE(onnx::ImportFromBytes(*exported).ok());
}

// Symbolic sizes are followed with a few numbers, all of which are below 8000.
TEST(OnnxImport, APartThatIsEmptyForSmallSizesIsNotTakenToBeEmpty) {
  OnnxBuilder b(13);
  b.Input("x", TensorProto::FLOAT, {"n"});
  b.Ints("start", {1}, {8000});
  b.Ints("end", {1}, {9000});
  b.Floats("row", {3}, {1, 2, 3});
  b.Node("Slice", {"x", "start", "end"}, {"part"});
  b.Node("Add", {"part", "row"}, {"y"});
  b.Output("y", TensorProto::FLOAT, {});
  const auto model = onnx::ImportFromBytes(b.Finish().SerializeAsString());
  ASSERT_TRUE(model.ok()) << model.status();
  const auto y = RunModel(*model, Tensor::Full(DType::kFloat32, {8003}, 7));
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ(y->ToString(), "float32[3] [8, 9, 10]");
}

TEST(OnnxImport, NewerVersionsAreReadWithAWarning) {
  ModelProto proto = DynamicFlatten();
  proto.set_ir_version(99);
  proto.mutable_opset_import(0)->set_version(99);
  std::vector<std::string> warnings;
  const auto model = onnx::ImportFromBytes(proto.SerializeAsString(), "", {.warnings = &warnings});
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_EQ(warnings.size(), 2u);
  EXPECT_THAT(warnings[0], HasSubstr("IR version 99 is newer"));
  EXPECT_THAT(warnings[1], HasSubstr("opset 99 of ai.onnx is newer"));
}

TEST(OnnxImport, NamesWhatAFileIs) {
  for (const auto& [bytes, what] :
       {std::pair{std::string(kPointer), "a Git LFS pointer"},
        {std::string("<!DOCTYPE html><html><body>404</body></html>"), "an HTML page"},
        {std::string("\n <HTML>"), "an HTML page"},
        {std::string("PK\x03\x04 archive/data.pkl"), "a zip archive"},
        {std::string("\x80\x02}q"), "a Python pickle"},
        {std::string("\x1c\0\0\0TFL3", 8), "a TensorFlow Lite model"},
        {std::string("\x89HDF\r\n\x1a\n"), "HDF5"},
        {std::string("\x1f\x8b\x08"), "a gzip archive"},
        {std::string("\x0a\x09nomograph\x10\x01"), "a Nomograph model"}}) {
    EXPECT_THAT(Message(onnx::ImportFromBytes(bytes).status()),
                HasSubstr(absl::StrCat("something else: it looks like ", what)));
  }
}

// Each is a small model with one thing wrong.
struct Fault {
  const char* name;
  std::function<void(ModelProto&)> damage;
  std::vector<std::string> message;
};

std::vector<Fault> Faults() {
  const auto node = [](ModelProto& m, int i) { return m.mutable_graph()->mutable_node(i); };
  return {
      {"NoGraph", [](ModelProto& m) { m.clear_graph(); }, {"found no graph"}},
      {"OldIr", [](ModelProto& m) { m.set_ir_version(2); }, {"IR version 2 is not supported"}},
      {"NoSuchOpset",
       [](ModelProto& m) {
         onnx::OperatorSetIdProto& opset = *m.add_opset_import();
         opset.set_domain("acme.ops");
         opset.set_version(0);
       },
       {"opset of acme.ops: expected a version from 1 to 1048576, found 0"}},
      {"NegativeOpset",
       [](ModelProto& m) { m.mutable_opset_import(0)->set_version(-1); },
       {"opset of ai.onnx: expected a version from 1 to 1048576, found -1"}},
      {"Cycle",
       [=](ModelProto& m) { node(m, 0)->set_input(0, "y"); },
       {"there is a cycle among, or ahead of, the nodes \"Shape\""}},
      {"MissingValue",
       [=](ModelProto& m) { node(m, 4)->set_input(0, "nowhere"); },
       {"node \"Reshape\" (Reshape): there is no value \"nowhere\""}},
      {"TwoOfAName",
       [=](ModelProto& m) { node(m, 1)->set_output(0, "shape"); },
       {"two values are named \"shape\""}},
      {"FunctionWithoutOutputs",
       [](ModelProto& m) {
         AddFunction(m, {"lib", "F", ""}, {}, "Neg");
         m.mutable_functions(0)->clear_output();
         NodeProto& call = *m.mutable_graph()->add_node();
         call.set_name("call");
         call.set_op_type("F");
         call.set_domain("lib");
       },
       {"node \"call\" (lib.F): expected a function with outputs, found one without"}},
      {"NeededInputLeftOut",
       [=](ModelProto& m) {
         AddFunction(m, {"", "Shape", ""}, {"a", "b"}, "Neg");
         m.mutable_functions(0)->set_output(0, "b");
       },
       {"node \"Shape\" (Shape): function onnx.Shape: input \"b\" is needed, and the caller "
        "leaves it out"}},
      {"TwoFunctionsOfAName",
       [](ModelProto& m) {
         for (const char* domain : {"", "ai.onnx"}) AddFunction(m, {domain, "F", "f"}, {}, "Neg");
       },
       {"two functions are named \"F\" in domain \"\" and have overload \"f\""}},
      {"NoSuchOverload",
       [=](ModelProto& m) {
         AddFunction(m, {"", "Shape", "one"}, {"a"}, "Neg");
         node(m, 0)->set_overload("two\n");
       },
       {"node \"Shape\" (Shape): the model has no such function with overload \"two\\n\""}},
      {"UnsupportedAttributeOfAnyName",
       [=](ModelProto& m) { AddAttribute(*node(m, 3), "a\nb", 1).set_type(AttributeProto::GRAPH); },
       {"node \"Concat\" (Concat): attribute a\\nb is not supported by array.Concat"}},
      {"AutoPadOfAnyName",
       [=](ModelProto& m) {
         node(m, 4)->set_op_type("Conv");
         AttributeProto& pad = AddAttribute(*node(m, 4), "auto_pad", 0);
         pad.set_type(AttributeProto::STRING);
         pad.clear_i();
         pad.set_s("SAME\x1b[2J");
       },
       {"SAME_LOWER or VALID, found \"SAME\\x1b[2J\""}},
      {"SparseInitializerOfAnyName",
       [](ModelProto& m) {
         TensorProto& values = *m.mutable_graph()->add_sparse_initializer()->mutable_values();
         values.set_name("a\nb");
         values.set_data_type(77);
       },
       {"initializer \"a\\nb\": "}},
      {"WrongAttributeType",
       [=](ModelProto& m) {
         node(m, 3)->mutable_attribute(0)->clear_i();
         node(m, 3)->mutable_attribute(0)->set_type(AttributeProto::STRING);
       },
       {"attribute axis: expected an integer, found STRING"}},
      {"TooFewElements",
       [](ModelProto& m) { m.mutable_graph()->mutable_initializer(1)->add_dims(5); },
       {"initializer \"minus_one\": expected 5 elements, found 1 in int64_data"}},
      {"HugeShape",
       [](ModelProto& m) {
         for (int i = 0; i < 4; ++i) {
           m.mutable_graph()->mutable_initializer(1)->add_dims(int64_t{1} << 40);
         }
       },
       {"initializer \"minus_one\""}},
      {"NegativeShape",
       [](ModelProto& m) { m.mutable_graph()->mutable_initializer(1)->set_dims(0, -1); },
       {"initializer \"minus_one\""}},
      {"Strings",
       [](ModelProto& m) {
         m.mutable_graph()->mutable_initializer(1)->set_data_type(TensorProto::STRING);
       },
       {"element type STRING is not supported"}},
      {"InputWithoutType",
       [](ModelProto& m) { m.mutable_graph()->mutable_input(0)->clear_type(); },
       {"input \"x\": it has no type"}},
      {"NoSuchType",
       [](ModelProto& m) { m.mutable_graph()->mutable_initializer(1)->set_data_type(77); },
       {"element type 77 is none of ONNX's"}},
      {"NoSuchTypeInAnAttribute",
       [=](ModelProto& m) {
         NodeProto& cast = *node(m, 0);
         cast.set_op_type("Cast");
         AddAttribute(cast, "to", (int64_t{1} << 32) + TensorProto::FLOAT);
       },
       {"node \"Shape\" (Cast): attribute to: element type 4294967297 is none of ONNX's"}},
      {"TypesThatDoNotFit",
       [=](ModelProto& m) { node(m, 4)->set_op_type("And"); },
       {"node \"Reshape\" (And)"}},
      {"AbsolutePath",
       [](ModelProto& m) { SetExternal(m, "/etc/passwd"); },
       {"external data: \"/etc/passwd\"", "below the model's folder"}},
      {"PathThatLeaves",
       [](ModelProto& m) { SetExternal(m, "a/../../secret"); },
       {"external data: \"a/../../secret\" is refused: it leaves the model's folder"}},
      {"LinkThatLeaves",
       [](ModelProto& m) { SetExternal(m, "link"); },
       {"external data: \"link\" is refused: a link leaves the model's folder"}},
      {"MissingFile",
       [](ModelProto& m) { SetExternal(m, "nowhere.bin"); },
       {"external data: there is no \"nowhere.bin\" beside the model"}},
      {"FileThatIsTooShort",
       [](ModelProto& m) { SetExternal(m, "short.bin"); },
       {"external data: expected 8 bytes at 0 of \"short.bin\", which has 3"}},
      {"FileThatIsTooLong",
       [](ModelProto& m) { SetExternal(m, "long.bin"); },
       {"external data: expected 8 bytes at 0 of \"long.bin\", which has 12"}},
      {"GitLfsPointer",
       [](ModelProto& m) { SetExternal(m, "pointer.bin"); },
       {"external data: \"pointer.bin\" is a Git LFS pointer; fetch the file"}},
  };
}

void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

class OnnxFaults : public testing::TestWithParam<Fault> {};

TEST_P(OnnxFaults, HaveClearErrors) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / absl::StrCat("onnx_", GetParam().name);
  std::filesystem::create_directories(folder);
  std::error_code ignored;
  std::filesystem::create_symlink("/etc/hostname", folder / "link", ignored);
  for (const auto& [file, bytes] :
       {std::pair{"short.bin", "abc"}, {"long.bin", "abcdefghijkl"}, {"pointer.bin", kPointer}}) {
    ASSERT_TRUE(WriteFileAtomically((folder / file).string(), bytes).ok());
  }
  ModelProto proto = DynamicFlatten();
  GetParam().damage(proto);
  const auto model = onnx::ImportFromBytes(proto.SerializeAsString(), folder.string());
  ASSERT_FALSE(model.ok());
  for (const std::string& part : GetParam().message) {
    EXPECT_THAT(Message(model.status()), HasSubstr(part));
  }
}

INSTANTIATE_TEST_SUITE_P(All, OnnxFaults, testing::ValuesIn(Faults()),
                         [](const auto& info) { return std::string(info.param.name); });

// As caches of downloaded files have it: both names are links into another folder.
TEST(OnnxImport, FollowsLinksOfModelAndWeights) {
  namespace fs = std::filesystem;
  const fs::path cache = fs::path(testing::TempDir()) / "cache";
  fs::create_directories(cache / "blobs");
  fs::create_directories(cache / "snapshots" / "1");
  ModelProto proto = DynamicFlatten();
  SetExternal(proto, "model.onnx_data");
  const int64_t minus_one = -1;
  const std::string data(reinterpret_cast<const char*>(&minus_one), sizeof(minus_one));
  ASSERT_TRUE(WriteFileAtomically((cache / "blobs/a1").string(), proto.SerializeAsString()).ok());
  ASSERT_TRUE(WriteFileAtomically((cache / "blobs/b2").string(), data).ok());
  std::error_code ignored;
  fs::create_symlink("../../blobs/a1", cache / "snapshots/1/model.onnx", ignored);
  fs::create_symlink("../../blobs/b2", cache / "snapshots/1/model.onnx_data", ignored);
  const auto model = onnx::Import((cache / "snapshots/1/model.onnx").string());
  EXPECT_TRUE(model.ok()) << model.status();
}

TEST(OnnxImport, DeepNestingIsRefused) {
  // If in If in If ...
  GraphProto inner;
  inner.add_output()->set_name("cond");
  for (int i = 0; i < 60; ++i) {
    GraphProto outer;
    NodeProto& node = *outer.add_node();
    node.set_op_type("If");
    node.add_input("cond");
    node.add_output(absl::StrCat("out", i));
    for (const char* branch : {"then_branch", "else_branch"}) {
      AttributeProto& attr = *node.add_attribute();
      attr.set_name(branch);
      attr.set_type(AttributeProto::GRAPH);
      if (std::string(branch) == "then_branch") {
        *attr.mutable_g() = inner;
      } else {
        attr.mutable_g()->add_output()->set_name("cond");
      }
    }
    outer.add_output()->set_name(absl::StrCat("out", i));
    inner = outer;
  }
  OnnxBuilder b(13);
  b.Input("cond", TensorProto::BOOL, {});
  ModelProto proto = b.Finish();
  proto.mutable_graph()->mutable_node()->CopyFrom(inner.node());
  proto.mutable_graph()->mutable_output()->CopyFrom(inner.output());
  const auto model = onnx::ImportFromBytes(proto.SerializeAsString());
  ASSERT_FALSE(model.ok());
}

TEST(OnnxImport, NothingIsHalfWritten) {
  const std::string path = absl::StrCat(testing::TempDir(), "/half.onnx");
  std::filesystem::remove(path);
  Model model;
  model.variables.push_back({.name = "counter", .initial = Tensor::Scalar<float>(0)});
  const absl::Status status = onnx::Export(model, path);
  EXPECT_THAT(Message(status), HasSubstr("ONNX has no state; node \"counter\""));
  EXPECT_FALSE(std::filesystem::exists(path));
}

// y = (q - 1) * 0.5 with q = -8, 7, 3 of four bits, two to a byte: 78 (low half first), x3.
ModelProto FourBits() {
  OnnxBuilder b(21);
  b.Input("x", TensorProto::FLOAT, {3});
  b.Raw("q", {3}, TensorProto::INT4, "\x78\x03");
  b.Raw("zero_point", {}, TensorProto::INT4, "\x01");
  b.Floats("scale", {}, {0.5});
  b.Node("DequantizeLinear", {"q", "scale", "zero_point"}, {"w"});
  b.Node("Add", {"x", "w"}, {"y"});
  b.Output("y", TensorProto::FLOAT, {3});
  return b.Finish();
}

// y = the weight 0x38 0xc4 of float8e4m3fn, 1 and -3, as float, + x.
ModelProto EightBits() {
  OnnxBuilder b(21);
  b.Input("x", TensorProto::FLOAT, {2});
  b.Raw("q", {2}, TensorProto::FLOAT8E4M3FN, "\x38\xc4");
  b.Node("Cast", {"q"}, {"w"}).IntAttr("to", TensorProto::FLOAT);
  b.Node("Add", {"x", "w"}, {"y"});
  b.Output("y", TensorProto::FLOAT, {2});
  return b.Finish();
}

TEST(OnnxImport, NarrowTypesAreKept) {
  const struct {
    ModelProto proto;
    Tensor weight, y;
    int since;
  } cases[] = {
      {FourBits(), Tensor::Vector<int8_t>({-8, 7, 3}).Cast(DType::kInt4),
       Tensor::Vector<float>({-4.5, 3, 1}), 21},
      {EightBits(), Tensor::Vector<float>({1, -3}).Cast(DType::kFloat8E4M3FN),
       Tensor::Vector<float>({1, -3}), 19},
  };
  for (const auto& c : cases) {
    const auto model = onnx::ImportFromBytes(c.proto.SerializeAsString());
    ASSERT_TRUE(model.ok()) << model.status();
    ASSERT_FALSE(model->graph.weights.empty());
    EXPECT_EQ(model->graph.weights[0].tensor, c.weight);
    const auto saved = SaveToString(*model);
    ASSERT_TRUE(saved.ok()) << saved.status();
    const auto loaded = LoadFromBytes(*saved, nullptr);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const auto exported = onnx::ExportToString(*loaded, {.opset = c.since});
    ASSERT_TRUE(exported.ok()) << exported.status();
    const auto again = onnx::ImportFromBytes(*exported);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->graph.weights[0].tensor, c.weight);
    const auto y = RunModel(*again, Tensor(DType::kFloat32, c.y.shape()));
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_EQ(*y, c.y);
    EXPECT_THAT(Message(onnx::ExportToString(*loaded, {.opset = c.since - 1}).status()),
                HasSubstr(absl::StrCat("needs opset ", c.since, " or later")));
  }
}

TEST(OnnxExport, MovesLargeWeightsIntoAFileOfTheirOwn) {
  OnnxBuilder b(13);
  b.Input("x", TensorProto::FLOAT, {1024});
  b.Floats("w", {1024}, std::vector<float>(1024, 2));
  b.Node("Mul", {"x", "w"}, {"y"});
  b.Output("y", TensorProto::FLOAT, {1024});
  const auto model = onnx::ImportFromBytes(b.Finish().SerializeAsString());
  ASSERT_TRUE(model.ok()) << model.status();
  const std::string path = absl::StrCat(testing::TempDir(), "/external.onnx");
  const absl::Status status = onnx::Export(*model, path, {.max_message_bytes = 1000});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_LT(std::filesystem::file_size(path), 1000u);
  const auto back = onnx::Import(path);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*RunModel(*back, Tensor::Full(DType::kFloat32, {1024}, 3)),
            Tensor::Full(DType::kFloat32, {1024}, 6));
}

TEST(OnnxExport, ReplacesAModelAndItsWeightsTogetherOrNeither) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(testing::TempDir()) / "pair";
  fs::create_directories(folder / "taken.onnx");
  OnnxBuilder b(13);
  b.Input("x", TensorProto::FLOAT, {1024});
  b.Floats("w", {1024}, std::vector<float>(1024, 2));
  b.Node("Mul", {"x", "w"}, {"y"});
  b.Output("y", TensorProto::FLOAT, {1024});
  const auto model = onnx::ImportFromBytes(b.Finish().SerializeAsString());
  ASSERT_TRUE(model.ok()) << model.status();
  // The model's place is a folder's: its weights are not written either.
  EXPECT_FALSE(
      onnx::Export(*model, (folder / "taken.onnx").string(), {.max_message_bytes = 0}).ok());
  EXPECT_FALSE(fs::exists(folder / "taken.onnx.data"));
  // The weights' place is another's file.
  const std::string path = (folder / "model.onnx").string(), data = absl::StrCat(path, ".data");
  fs::remove(path);
  ASSERT_TRUE(WriteFileAtomically(data, "another's").ok());
  const absl::Status status =
      onnx::Export(*model, path, {.max_message_bytes = 0, .replace_weights = false});
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(Message(status), HasSubstr("model.onnx.data\" is there already"));
  EXPECT_EQ(*ReadFile(data), "another's");
  EXPECT_FALSE(fs::exists(path));
  ASSERT_TRUE(onnx::Export(*model, path, {.max_message_bytes = 0}).ok());
  EXPECT_EQ(fs::file_size(data), 4096u);
  EXPECT_TRUE(onnx::Import(path).ok());
  // Weights that stay in the message leave that file alone.
  EXPECT_TRUE(onnx::Export(*model, path, {.replace_weights = false}).ok());
}

// x * w + v with weights of `floats` elements, as a file; `name` moves the bytes behind it.
std::string WeightsFile(const std::string& name, int floats) {
  OnnxBuilder b(13);
  b.Input("x", TensorProto::FLOAT, {1});
  b.Floats(name, {floats}, std::vector<float>(floats, 2));
  b.Floats("small", {1}, {5});
  b.Floats("v", {floats}, std::vector<float>(floats, 3));
  b.Node("Mul", {"x", name}, {"p"});
  b.Node("Mul", {"p", "small"}, {"q"});
  b.Node("Add", {"q", "v"}, {"y"});
  b.Output("y", TensorProto::FLOAT, {floats});
  ModelProto model = b.Finish();
  for (TensorProto& tensor : *model.mutable_graph()->mutable_initializer()) {
    if (tensor.float_data_size() == 0) continue;
    tensor.set_raw_data(tensor.float_data().data(), tensor.float_data_size() * sizeof(float));
    tensor.clear_float_data();
  }
  return model.SerializeAsString();
}

// Weights lie in the file, at any address, on both sides of what is left out of the message.
TEST(OnnxImport, WeightsOfAFileAreThoseOfTheSameBytesInMemory) {
  const std::string path = absl::StrCat(testing::TempDir(), "/mapped.onnx");
  for (const int floats : {1023, 1024, 5000}) {
    for (const char* name : {"w", "w2", "w34", "w456"}) {
      const std::string bytes = WeightsFile(name, floats);
      ASSERT_TRUE(WriteFileAtomically(path, bytes).ok());
      const auto mapped = onnx::Import(path);
      const auto in_memory = onnx::ImportFromBytes(bytes);
      ASSERT_TRUE(mapped.ok()) << mapped.status();
      ASSERT_TRUE(in_memory.ok()) << in_memory.status();
      EXPECT_EQ(*SaveToString(*mapped), *SaveToString(*in_memory));
      EXPECT_EQ(*RunModel(*mapped, Tensor::Full(DType::kFloat32, {1}, 7)),
                Tensor::Full(DType::kFloat32, {floats}, 73));
    }
  }
}

TEST(OnnxImport, RefusesNamesThatAreNoText) {
  OnnxBuilder b(13);
  b.Input("x", TensorProto::FLOAT, {1});
  b.Node("Relu", {"x"}, {"y\x9b"});
  b.Output("y\x9b", TensorProto::FLOAT, {1});
  const absl::Status status = onnx::ImportFromBytes(b.Finish().SerializeAsString()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), HasSubstr("graph: node[0]: output[0]: the text is not UTF-8"));
}

}  // namespace
}  // namespace nomograph

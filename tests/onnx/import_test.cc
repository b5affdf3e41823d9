// What the importer makes of models that are built here, and the errors for those that are wrong.
#include "nomograph/serialization/onnx/import.h"

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/core/file.h"
#include "nomograph/core/session.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/serialization/onnx/export.h"
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
      {"NewIr", [](ModelProto& m) { m.set_ir_version(99); }, {"IR version 99 is not supported"}},
      {"NewOpset",
       [](ModelProto& m) { m.mutable_opset_import(0)->set_version(99); },
       {"opset 99 of ai.onnx is not supported"}},
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
      {"UnknownOperators",
       [=](ModelProto& m) {
         node(m, 0)->set_op_type("Frobnicate");
         node(m, 2)->set_op_type("Twiddle");
       },
       {"operator Frobnicate of opset 13 is not supported; node \"Shape\"",
        "operator Twiddle of opset 13 is not supported; node \"Unsqueeze\""}},
      {"Cycle",
       [=](ModelProto& m) { node(m, 0)->set_input(0, "y"); },
       {"there is a cycle among, or ahead of, the nodes \"Shape\""}},
      {"MissingValue",
       [=](ModelProto& m) { node(m, 4)->set_input(0, "nowhere"); },
       {"node \"Reshape\" (Reshape): there is no value \"nowhere\""}},
      {"TwoOfAName",
       [=](ModelProto& m) { node(m, 1)->set_output(0, "shape"); },
       {"two values are named \"shape\""}},
      {"UnknownAttribute",
       [=](ModelProto& m) {
         AttributeProto& attr = *node(m, 4)->add_attribute();
         attr.set_name("frob");
         attr.set_i(1);
       },
       {"node \"Reshape\" (Reshape): attribute frob is not supported"}},
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
  ASSERT_TRUE(WriteFileAtomically((folder / "short.bin").string(), "abc").ok());
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

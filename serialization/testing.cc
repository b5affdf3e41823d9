#include "nomograph/serialization/testing.h"

#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/unknown_field_set.h"

namespace nomograph {
namespace {

constexpr int kUnknownField = 1000;

// 0, 1, 2, ... as far as the dtype goes.
Tensor Counting(DType dtype, const Shape& shape) {
  Tensor tensor(dtype, shape);
  Dispatch(AllTypes{}, dtype, [&]<typename T>() {
    auto data = tensor.mutable_data<T>();
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<T>(static_cast<float>(i % 101));
  });
  return tensor;
}

ValueId AddWeight(Graph& graph, const std::string& name, Tensor tensor, bool trainable = true) {
  const ValueId id = graph.AddValue(name, tensor.type());
  graph.weights.push_back({.value = id, .tensor = std::move(tensor), .trainable = trainable});
  return id;
}

Attributes EveryAttributeType() {
  const double infinity = std::numeric_limits<double>::infinity();
  return {
      {"bool_false", false},
      {"bool_true", true},
      {"dtype", DType::kBFloat16},
      {"float", 0.1},
      {"float_infinite", -infinity},
      {"float_nan", std::numeric_limits<double>::quiet_NaN()},
      {"float_negative_zero", -0.0},
      {"float_zero", 0.0},
      {"floats", std::vector<double>{1e300, 5e-324, infinity}},
      {"floats_empty", std::vector<double>{}},
      {"function", FunctionRef{"branch"}},
      {"int", std::numeric_limits<int64_t>::min()},
      {"int_zero", 0},
      {"ints", std::vector<int64_t>{-1, 0, std::numeric_limits<int64_t>::max()}},
      {"ints_empty", std::vector<int64_t>{}},
      {"string", "naïve \"π\"\n\t\\"},
      {"string_empty", ""},
      {"strings", std::vector<std::string>{"same", "", "Ω"}},
      {"strings_empty", std::vector<std::string>{}},
      {"tensor_empty", Tensor(DType::kInt32, {0, 3})},
      {"tensor_large", Counting(DType::kInt16, {600})},
      {"tensor_scalar", Tensor::Scalar<double>(2.5)},
  };
}

// branch(x) = acme.Half(x) + a weight whose bytes the main graph has too.
Function BranchFunction() {
  Function function;
  function.name = "branch";
  Graph& graph = function.graph;
  graph.name = "branch";
  graph.doc = "adds a table";
  const PartialShape shape = {Dim::Symbol("batch"), 32, 16};
  const ValueId x = graph.AddValue("x", {DType::kFloat32, shape});
  const ValueId table = AddWeight(graph, "table", Counting(DType::kFloat32, {32, 16}), false);
  const ValueId y = graph.AddValue("y", {DType::kFloat32, shape});
  graph.nodes.push_back({.name = "add", .op = "math.Add", .inputs = {x, table}, .outputs = {y}});
  graph.inputs = {x};
  graph.outputs = {y};
  return function;
}

// A Lambda with everything that a node can have.
Node LambdaNode(ValueId x, ValueId mask, ValueId hidden, ValueId rest) {
  Node node = {.name = "lambda/everything",
               .op = "acme.Everything",
               .version = 3,
               .attrs = EveryAttributeType(),
               .inputs = {x, kNoValue, mask},
               .outputs = {hidden, kNoValue, rest}};
  const TensorType matrix = {DType::kFloat32, {Dim::Symbol("batch"), 4}};
  node.body = "branch";
  node.signature = {.inputs = {matrix, TensorType(), {DType::kBool, PartialShape()}},
                    .outputs = {matrix, TensorType(), {DType::kFloat64, PartialShape::OfRank(0)}}};
  node.provider = "acme-ops 1.2";
  node.layer = "lambda";
  node.doc = "Applies everything.";
  return node;
}

// Every dtype to compute with has a small weight, and all go into one node.
Node SinkNode(Graph& graph, ValueId output) {
  Node node = {.name = "sink", .op = "acme.Sink", .version = 1, .outputs = {output}};
  for (int i = 1; i <= static_cast<int>(DType::kBool); ++i) {
    const DType dtype = static_cast<DType>(i);
    const std::string name = absl::StrCat("weights/", DTypeName(dtype));
    node.inputs.push_back(AddWeight(graph, name, Counting(dtype, {2, 3})));
  }
  node.inputs.push_back(
      AddWeight(graph, "weights/large_mask", Tensor::Full(DType::kBool, {1500}, 1), false));
  return node;
}

Graph RichGraph() {
  Graph graph;
  graph.name = "main";
  graph.doc = "The graph.";
  const ValueId x = graph.AddValue("x", {DType::kFloat32, {Dim::Symbol("batch"), 4}});
  graph.values[x].doc = "what comes in";
  const ValueId mask = graph.AddValue("mask", {DType::kBool, {Dim::Symbol("batch"), Dim()}});
  const ValueId hidden = graph.AddValue("hidden", {DType::kFloat32, {Dim::Symbol("batch"), 4}});
  const ValueId rest = graph.AddValue("rest", {DType::kFloat64, PartialShape::OfRank(0)});
  const ValueId kernel = AddWeight(graph, "dense/kernel", Counting(DType::kFloat32, {32, 16}));
  const ValueId odd = AddWeight(graph, "dense/odd", Counting(DType::kUInt8, {1027}), false);
  const ValueId y = graph.AddValue("y", {DType::kFloat32, {Dim::Symbol("batch")}});
  const ValueId unknown = graph.AddValue("unknown", {DType::kUInt64, PartialShape()});
  graph.nodes.push_back(LambdaNode(x, mask, hidden, rest));
  graph.nodes.push_back({.name = "dense",
                         .op = "acme.Dense",
                         .version = 2,
                         .attrs = {{"axis", -1}},
                         .inputs = {hidden, kernel, odd},
                         .outputs = {y},
                         .layer = "dense"});
  graph.nodes.push_back(SinkNode(graph, unknown));
  graph.inputs = {x, mask};
  graph.outputs = {y, rest};
  return graph;
}

GoldenVector RichGoldenVector() {
  GoldenVector golden;
  golden.name = "two rows";
  golden.inputs = {{"x", Tensor::Of<float>({2, 4}, {1, -2, 0.5f, 1e-40f, 3e38f, -0.0f, 7, 8})},
                   {"mask", Tensor::Of<bool>({2, 3}, {true, false, true, true, true, false})}};
  golden.outputs["y"] = {
      .expected = Tensor::Of<float>({2}, {std::numeric_limits<float>::infinity(), 0.25f}),
      .rtol = 1e-3,
      .atol = 0};
  golden.outputs["rest"] = {.expected = Tensor::Scalar<double>(-1.5), .rtol = 0, .atol = 1e-9};
  golden.training = true;
  golden.seed = std::numeric_limits<uint64_t>::max();
  golden.step = 17;
  return golden;
}

}  // namespace

Model RichModel() {
  Model model;
  model.name = "rich";
  model.doc = "Everything that a file can hold — tout ce qu'un fichier contient.";
  model.producer = "nomograph tests";
  model.graph = RichGraph();
  model.functions["branch"] = BranchFunction();
  model.variables = {
      {.name = "running_mean", .initial = Counting(DType::kFloat64, {300}), .doc = "of x"},
      {.name = "count", .initial = Tensor::Scalar<int64_t>(-3)}};
  model.layers = {
      {.name = "lambda", .class_name = "Lambda", .outputs = {model.graph.FindValue("hidden")}},
      {.name = "dense", .class_name = "Dense", .outputs = {model.graph.FindValue("y")}}};
  model.golden_vectors.push_back(RichGoldenVector());
  model.metadata = {{"author", "Zoë"}, {"empty", ""}, {"license", "Apache-2.0"}};
  return model;
}

Model SmallModel() {
  Model model;
  model.name = "small";
  Graph& graph = model.graph;
  graph.name = "main";
  const TensorType type = {DType::kFloat32, {Dim::Symbol("batch"), 2}};
  graph.inputs = {graph.AddValue("x", type)};
  graph.outputs = {graph.AddValue("y", type)};
  graph.nodes = {
      {.name = "lambda", .op = "local.Tenfold", .inputs = {0}, .outputs = {1}, .body = "tenfold"}};
  Function& function = model.functions["tenfold"];
  function.name = "tenfold";
  Graph& body = function.graph;
  body.name = "tenfold";
  body.inputs = {body.AddValue("x", type)};
  AddWeight(body, "ten", Tensor::Scalar<float>(10));
  body.outputs = {body.AddValue("y", type)};
  body.nodes = {{.name = "mul", .op = "math.Mul", .inputs = {0, 1}, .outputs = {2}}};
  return model;
}

void AddUnknownFields(google::protobuf::Message& message) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      AddUnknownFields(field->is_repeated() ? *reflection.MutableRepeatedMessage(&message, field, i)
                                            : *reflection.MutableMessage(&message, field));
    }
  }
  reflection.MutableUnknownFields(&message)->AddLengthDelimited(
      kUnknownField, absl::StrCat("of ", message.GetDescriptor()->name()));
}

}  // namespace nomograph

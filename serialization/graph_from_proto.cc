// ModelProto -> Model. All faults of a file are found, each with its place.
#include <climits>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/repeated_field.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/graph_proto.h"
#include "nomograph/serialization/place.h"
#include "nomograph/serialization/unknown_fields.h"

namespace nomograph {
namespace {

absl::StatusOr<AttrValue> AttributeFromProto(const AttributeProto& proto, TensorReader& tensors) {
  switch (proto.value_case()) {
    case AttributeProto::kB:
      return AttrValue(proto.b());
    case AttributeProto::kI:
      return AttrValue(proto.i());
    case AttributeProto::kF:
      return AttrValue(proto.f());
    case AttributeProto::kS:
      return AttrValue(proto.s());
    case AttributeProto::kDtype: {
      NOMO_ASSIGN_OR_RETURN(const DType dtype, DTypeFromProto(proto.dtype()));
      return AttrValue(dtype);
    }
    case AttributeProto::kInts:
      return AttrValue(
          std::vector<int64_t>(proto.ints().values().begin(), proto.ints().values().end()));
    case AttributeProto::kFloats:
      return AttrValue(
          std::vector<double>(proto.floats().values().begin(), proto.floats().values().end()));
    case AttributeProto::kStrings:
      return AttrValue(std::vector<std::string>(proto.strings().values().begin(),
                                                proto.strings().values().end()));
    case AttributeProto::kTensor: {
      NOMO_ASSIGN_OR_RETURN(Tensor tensor, tensors.Read(proto.tensor()));
      return AttrValue(std::move(tensor));
    }
    case AttributeProto::kFunction:
      return AttrValue(FunctionRef{proto.function()});
    case AttributeProto::VALUE_NOT_SET:
      break;
  }
  return InvalidArgument("it has no value");
}

// Clear() would keep them for what is added next.
template <typename T>
void FreeAll(google::protobuf::RepeatedPtrField<T>& messages) {
  google::protobuf::RepeatedPtrField<T>().Swap(&messages);
}

class ModelParser {
 public:
  ModelParser(TensorReader& tensors, bool keep_unknown_fields)
      : tensors_(tensors), keep_unknown_fields_(keep_unknown_fields) {}

  absl::StatusOr<Model> Parse(ModelProto& proto);

 private:
  Graph ParseGraph(const Place& place, GraphProto& proto);
  ValueInfo ParseValue(const Place& place, const ValueProto& proto);
  Node ParseNode(const Place& place, const NodeProto& proto, int num_values);
  Attributes ParseAttributes(const Place& place, const NodeProto& proto);
  Weight ParseWeight(const Place& place, const WeightProto& proto, int num_values);
  Function ParseFunction(const Place& place, FunctionProto& proto);
  Variable ParseVariable(const Place& place, const VariableProto& proto);
  LayerInfo ParseLayer(const Place& place, const LayerProto& proto, int num_values);
  GoldenVector ParseGoldenVector(const Place& place, const GoldenVectorProto& proto);

  ValueId ParseId(const Place& place, uint32_t id, int num_values);
  std::vector<ValueId> ParseIds(const Place& place,
                                const google::protobuf::RepeatedField<uint32_t>& ids,
                                int num_values);
  TensorType ParseType(const Place& place, const TensorTypeProto& proto) {
    return ValueOrFault(place, TypeFromProto(proto));
  }
  Tensor ParseTensor(const Place& place, const TensorProto& proto) {
    return ValueOrFault(place, tensors_.Read(proto));
  }
  template <typename T>
  T ValueOrFault(const Place& place, absl::StatusOr<T> value) {
    if (value.ok()) return *std::move(value);
    AddFault(place, value.status(), faults_);
    return T();
  }
  std::string Unknown(const google::protobuf::Message& proto) const {
    return keep_unknown_fields_ ? TakeUnknownFields(proto) : "";
  }

  TensorReader& tensors_;
  bool keep_unknown_fields_;
  ErrorList faults_;
};

absl::StatusOr<Model> ModelParser::Parse(ModelProto& proto) {
  Model model;
  model.producer = proto.producer();
  model.name = proto.name();
  model.doc = proto.doc();
  const Place place("model", proto.name());
  if (!proto.has_graph()) AddFault(place, InvalidArgument("there is no graph"), faults_);
  model.graph = ParseGraph(Place("graph", proto.graph().name()), *proto.mutable_graph());
  for (FunctionProto& function : *proto.mutable_functions()) {
    const Place function_place("function", function.name());
    if (!model.functions.emplace(function.name(), ParseFunction(function_place, function)).second) {
      AddFault(function_place, InvalidArgument("there are two of that name"), faults_);
    }
  }
  for (int i = 0; i < proto.variables_size(); ++i) {
    const VariableProto& variable = proto.variables(i);
    model.variables.push_back(ParseVariable(Place("variable", variable.name(), i), variable));
  }
  for (int i = 0; i < proto.layers_size(); ++i) {
    const LayerProto& layer = proto.layers(i);
    model.layers.push_back(ParseLayer(Place("layer", layer.name(), i), layer,
                                      static_cast<int>(model.graph.values.size())));
  }
  for (const MetadataProto& metadata : proto.metadata()) {
    if (!model.metadata.emplace(metadata.key(), metadata.value()).second) {
      AddFault(Place("metadata", metadata.key()), InvalidArgument("there are two of that key"),
               faults_);
    }
  }
  for (int i = 0; i < proto.golden_vectors_size(); ++i) {
    const GoldenVectorProto& golden = proto.golden_vectors(i);
    model.golden_vectors.push_back(
        ParseGoldenVector(Place("golden vector", golden.name(), i), golden));
  }
  model.unknown_fields = Unknown(proto);
  NOMO_RETURN_IF_ERROR(faults_.ToStatus("the file has several faults"));
  return model;
}

Graph ModelParser::ParseGraph(const Place& place, GraphProto& proto) {
  Graph graph;
  graph.name = proto.name();
  const int num_values = proto.values_size();
  graph.values.reserve(num_values);
  for (int i = 0; i < num_values; ++i) {
    graph.values.push_back(
        ParseValue(Place(place, "value", proto.values(i).name(), i), proto.values(i)));
  }
  FreeAll(*proto.mutable_values());
  graph.nodes.reserve(proto.nodes_size());
  for (int i = 0; i < proto.nodes_size(); ++i) {
    graph.nodes.push_back(
        ParseNode(Place(place, "node", proto.nodes(i).name(), i), proto.nodes(i), num_values));
  }
  FreeAll(*proto.mutable_nodes());
  graph.weights.reserve(proto.weights_size());
  for (int i = 0; i < proto.weights_size(); ++i) {
    const uint32_t value = proto.weights(i).value();
    const bool named = value >= 1 && value <= static_cast<uint32_t>(num_values);
    const absl::string_view name = named ? absl::string_view(graph.values[value - 1].name) : "";
    const Place weight_place(place, "weight", name, i);
    graph.weights.push_back(ParseWeight(weight_place, proto.weights(i), num_values));
  }
  graph.inputs = ParseIds(Place(place, "inputs", ""), proto.inputs(), num_values);
  graph.outputs = ParseIds(Place(place, "outputs", ""), proto.outputs(), num_values);
  graph.doc = proto.doc();
  graph.unknown_fields = Unknown(proto);
  return graph;
}

ValueInfo ModelParser::ParseValue(const Place& place, const ValueProto& proto) {
  return {.name = proto.name(),
          .type = ParseType(place, proto.type()),
          .doc = proto.doc(),
          .unknown_fields = Unknown(proto)};
}

Node ModelParser::ParseNode(const Place& place, const NodeProto& proto, int num_values) {
  Node node;
  node.name = proto.name();
  node.op = proto.op();
  if (proto.version() < 1 || proto.version() > INT_MAX) {
    AddFault(place,
             InvalidArgument("op ", Shown(proto.op()), " cannot have version ", proto.version()),
             faults_);
  } else {
    node.version = static_cast<int>(proto.version());
  }
  node.inputs = ParseIds(Place(place, "inputs", ""), proto.inputs(), num_values);
  node.outputs = ParseIds(Place(place, "outputs", ""), proto.outputs(), num_values);
  node.attrs = ParseAttributes(place, proto);
  node.body = proto.body();
  if (proto.has_signature()) {
    const Place signature(place, "signature", "");
    node.signature.emplace();
    for (const TensorTypeProto& type : proto.signature().inputs()) {
      node.signature->inputs.push_back(ParseType(signature, type));
    }
    for (const TensorTypeProto& type : proto.signature().outputs()) {
      node.signature->outputs.push_back(ParseType(signature, type));
    }
  }
  node.provider = proto.provider();
  node.layer = proto.layer();
  node.doc = proto.doc();
  node.unknown_fields = Unknown(proto);
  return node;
}

Attributes ModelParser::ParseAttributes(const Place& place, const NodeProto& proto) {
  Attributes attrs;
  for (const AttributeProto& attribute : proto.attributes()) {
    const Place attribute_place(place, "attribute", attribute.name());
    if (attrs.Has(attribute.name()))
      AddFault(attribute_place, InvalidArgument("there are two of that name"), faults_);
    auto value = AttributeFromProto(attribute, tensors_);
    if (value.ok()) {
      attrs.Set(attribute.name(), *std::move(value));
    } else {
      AddFault(attribute_place, value.status(), faults_);
    }
  }
  return attrs;
}

Weight ModelParser::ParseWeight(const Place& place, const WeightProto& proto, int num_values) {
  return {.value = ParseId(place, proto.value(), num_values),
          .tensor = ParseTensor(place, proto.tensor()),
          .trainable = !proto.frozen(),
          .unknown_fields = Unknown(proto)};
}

Function ModelParser::ParseFunction(const Place& place, FunctionProto& proto) {
  if (!proto.has_graph()) AddFault(place, InvalidArgument("there is no graph"), faults_);
  return {.name = proto.name(),
          .graph = ParseGraph(place, *proto.mutable_graph()),
          .unknown_fields = Unknown(proto)};
}

Variable ModelParser::ParseVariable(const Place& place, const VariableProto& proto) {
  return {.name = proto.name(),
          .initial = ParseTensor(place, proto.initial()),
          .doc = proto.doc(),
          .unknown_fields = Unknown(proto)};
}

LayerInfo ModelParser::ParseLayer(const Place& place, const LayerProto& proto, int num_values) {
  return {.name = proto.name(),
          .class_name = proto.class_name(),
          .outputs = ParseIds(Place(place, "outputs", ""), proto.outputs(), num_values),
          .unknown_fields = Unknown(proto)};
}

GoldenVector ModelParser::ParseGoldenVector(const Place& place, const GoldenVectorProto& proto) {
  GoldenVector golden;
  golden.name = proto.name();
  for (const auto& input : proto.inputs()) {
    const Place input_place(place, "input", input.name());
    if (!golden.inputs.emplace(input.name(), ParseTensor(input_place, input.tensor())).second) {
      AddFault(input_place, InvalidArgument("there are two of that name"), faults_);
    }
  }
  for (const auto& output : proto.outputs()) {
    const Place output_place(place, "output", output.name());
    GoldenOutput expected = {.expected = ParseTensor(output_place, output.expected()),
                             .rtol = output.rtol(),
                             .atol = output.atol()};
    if (!golden.outputs.emplace(output.name(), std::move(expected)).second) {
      AddFault(output_place, InvalidArgument("there are two of that name"), faults_);
    }
  }
  golden.training = proto.training();
  golden.seed = proto.seed();
  golden.step = proto.step();
  golden.unknown_fields = Unknown(proto);
  return golden;
}

ValueId ModelParser::ParseId(const Place& place, uint32_t id, int num_values) {
  if (id <= static_cast<uint32_t>(num_values)) return static_cast<ValueId>(id) - 1;
  AddFault(place,
           InvalidArgument("there is no value ", id, "; the graph has ", num_values, " values"),
           faults_);
  return kNoValue;
}

std::vector<ValueId> ModelParser::ParseIds(const Place& place,
                                           const google::protobuf::RepeatedField<uint32_t>& ids,
                                           int num_values) {
  std::vector<ValueId> result;
  for (const uint32_t id : ids) result.push_back(ParseId(place, id, num_values));
  return result;
}

}  // namespace

absl::StatusOr<Model> ModelFromProto(ModelProto proto, TensorReader& tensors,
                                     bool keep_unknown_fields) {
  return ModelParser(tensors, keep_unknown_fields).Parse(proto);
}

}  // namespace nomograph

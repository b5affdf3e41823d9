// Model -> ModelProto, such that equal models yield equal protos.
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/repeated_field.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/graph_proto.h"
#include "nomograph/serialization/place.h"
#include "nomograph/serialization/unknown_fields.h"
#include "nomograph/serialization/wire_check.h"

namespace nomograph {
namespace {

// There are many NaNs; text knows one.
double Canonical(double value) {
  return std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value;
}

uint32_t IdToProto(ValueId id) { return static_cast<uint32_t>(id) + 1; }

void IdsToProto(const std::vector<ValueId>& ids, google::protobuf::RepeatedField<uint32_t>& out) {
  for (const ValueId id : ids) out.Add(IdToProto(id));
}

// Sets the one field of the oneof that is the value's type.
struct WriteAttribute {
  TensorWriter& tensors;
  AttributeProto& out;

  absl::Status operator()(bool v) const { return out.set_b(v), absl::OkStatus(); }
  absl::Status operator()(int64_t v) const { return out.set_i(v), absl::OkStatus(); }
  absl::Status operator()(double v) const { return out.set_f(Canonical(v)), absl::OkStatus(); }
  absl::Status operator()(const std::string& v) const { return out.set_s(v), absl::OkStatus(); }
  absl::Status operator()(DType v) const {
    return out.set_dtype(static_cast<DataType>(v)), absl::OkStatus();
  }
  absl::Status operator()(const FunctionRef& v) const {
    return out.set_function(v.name), absl::OkStatus();
  }
  absl::Status operator()(const Tensor& v) const { return tensors.Write(v, *out.mutable_tensor()); }
  absl::Status operator()(const std::vector<int64_t>& v) const {
    out.mutable_ints()->mutable_values()->Assign(v.begin(), v.end());
    return absl::OkStatus();
  }
  absl::Status operator()(const std::vector<double>& v) const {
    auto& values = *out.mutable_floats()->mutable_values();
    for (const double value : v) values.Add(Canonical(value));
    return absl::OkStatus();
  }
  absl::Status operator()(const std::vector<std::string>& v) const {
    out.mutable_strings()->mutable_values()->Assign(v.begin(), v.end());
    return absl::OkStatus();
  }
};

class ModelWriter {
 public:
  explicit ModelWriter(TensorWriter& tensors) : tensors_(tensors) {}

  absl::StatusOr<ModelProto> Write(const Model& model);

 private:
  void WriteGraph(const Place& place, const Graph& graph, GraphProto& out);
  void WriteValue(const Place& place, const ValueInfo& value, ValueProto& out);
  void WriteNode(const Place& place, const Node& node, NodeProto& out);
  void WriteWeight(const Place& place, const Weight& weight, WeightProto& out);
  void WriteVariable(const Place& place, const Variable& variable, VariableProto& out);
  void WriteLayer(const Place& place, const LayerInfo& layer, LayerProto& out);
  void WriteGoldenVector(const Place& place, const GoldenVector& golden, GoldenVectorProto& out);

  TensorWriter& tensors_;
  ErrorList faults_;
};

absl::StatusOr<ModelProto> ModelWriter::Write(const Model& model) {
  ModelProto out;
  out.set_producer(model.producer);
  out.set_name(model.name);
  out.set_doc(model.doc);
  WriteGraph(Place("graph", model.graph.name), model.graph, *out.mutable_graph());
  for (const auto& [name, function] : model.functions) {
    const Place place("function", name);
    FunctionProto& function_out = *out.add_functions();
    function_out.set_name(name);
    WriteGraph(place, function.graph, *function_out.mutable_graph());
    AddFault(place, PutUnknownFields(function.unknown_fields, function_out), faults_);
  }
  for (size_t i = 0; i < model.variables.size(); ++i) {
    WriteVariable(Place("variable", model.variables[i].name, i), model.variables[i],
                  *out.add_variables());
  }
  for (size_t i = 0; i < model.layers.size(); ++i) {
    WriteLayer(Place("layer", model.layers[i].name, i), model.layers[i], *out.add_layers());
  }
  for (const auto& [key, value] : model.metadata) {
    MetadataProto& metadata = *out.add_metadata();
    metadata.set_key(key);
    metadata.set_value(value);
  }
  for (size_t i = 0; i < model.golden_vectors.size(); ++i) {
    const GoldenVector& golden = model.golden_vectors[i];
    WriteGoldenVector(Place("golden vector", golden.name, i), golden, *out.add_golden_vectors());
  }
  const Place place("model", model.name);
  AddFault(place, PutUnknownFields(model.unknown_fields, out), faults_);
  AddFault(place, CheckStrings(out), faults_);
  NOMO_RETURN_IF_ERROR(faults_.ToStatus("the model has several faults"));
  return out;
}

void ModelWriter::WriteGraph(const Place& place, const Graph& graph, GraphProto& out) {
  out.set_name(graph.name);
  for (size_t i = 0; i < graph.values.size(); ++i) {
    WriteValue(Place(place, "value", graph.values[i].name, i), graph.values[i], *out.add_values());
  }
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    WriteNode(Place(place, "node", graph.nodes[i].name, i), graph.nodes[i], *out.add_nodes());
  }
  for (size_t i = 0; i < graph.weights.size(); ++i) {
    const Weight& weight = graph.weights[i];
    const bool named =
        weight.value >= 0 && weight.value < static_cast<ValueId>(graph.values.size());
    const absl::string_view name = named ? absl::string_view(graph.values[weight.value].name) : "";
    const Place weight_place(place, "weight", name, i);
    WriteWeight(weight_place, weight, *out.add_weights());
  }
  IdsToProto(graph.inputs, *out.mutable_inputs());
  IdsToProto(graph.outputs, *out.mutable_outputs());
  out.set_doc(graph.doc);
  AddFault(place, PutUnknownFields(graph.unknown_fields, out), faults_);
}

void ModelWriter::WriteValue(const Place& place, const ValueInfo& value, ValueProto& out) {
  out.set_name(value.name);
  AddFault(place, TypeToProto(value.type, *out.mutable_type()), faults_);
  out.set_doc(value.doc);
  AddFault(place, PutUnknownFields(value.unknown_fields, out), faults_);
}

void ModelWriter::WriteNode(const Place& place, const Node& node, NodeProto& out) {
  out.set_name(node.name);
  out.set_op(node.op);
  out.set_version(node.version);
  IdsToProto(node.inputs, *out.mutable_inputs());
  IdsToProto(node.outputs, *out.mutable_outputs());
  for (const auto& [name, value] : node.attrs) {
    AttributeProto& attribute = *out.add_attributes();
    attribute.set_name(name);
    AddFault(Place(place, "attribute", name),
             std::visit(WriteAttribute{tensors_, attribute}, value.variant()), faults_);
  }
  out.set_body(node.body);
  if (node.signature) {
    SignatureProto& signature = *out.mutable_signature();
    const Place signature_place(place, "signature", "");
    for (const TensorType& type : node.signature->inputs)
      AddFault(signature_place, TypeToProto(type, *signature.add_inputs()), faults_);
    for (const TensorType& type : node.signature->outputs)
      AddFault(signature_place, TypeToProto(type, *signature.add_outputs()), faults_);
  }
  out.set_provider(node.provider);
  out.set_layer(node.layer);
  out.set_doc(node.doc);
  AddFault(place, PutUnknownFields(node.unknown_fields, out), faults_);
}

void ModelWriter::WriteWeight(const Place& place, const Weight& weight, WeightProto& out) {
  out.set_value(IdToProto(weight.value));
  AddFault(place, tensors_.Write(weight.tensor, *out.mutable_tensor()), faults_);
  out.set_frozen(!weight.trainable);
  AddFault(place, PutUnknownFields(weight.unknown_fields, out), faults_);
}

void ModelWriter::WriteVariable(const Place& place, const Variable& variable, VariableProto& out) {
  out.set_name(variable.name);
  AddFault(place, tensors_.Write(variable.initial, *out.mutable_initial()), faults_);
  out.set_doc(variable.doc);
  AddFault(place, PutUnknownFields(variable.unknown_fields, out), faults_);
}

void ModelWriter::WriteLayer(const Place& place, const LayerInfo& layer, LayerProto& out) {
  out.set_name(layer.name);
  out.set_class_name(layer.class_name);
  IdsToProto(layer.outputs, *out.mutable_outputs());
  AddFault(place, PutUnknownFields(layer.unknown_fields, out), faults_);
}

void ModelWriter::WriteGoldenVector(const Place& place, const GoldenVector& golden,
                                    GoldenVectorProto& out) {
  out.set_name(golden.name);
  for (const auto& [name, tensor] : golden.inputs) {
    auto& input = *out.add_inputs();
    input.set_name(name);
    AddFault(Place(place, "input", name), tensors_.Write(tensor, *input.mutable_tensor()), faults_);
  }
  for (const auto& [name, output] : golden.outputs) {
    auto& output_out = *out.add_outputs();
    output_out.set_name(name);
    AddFault(Place(place, "output", name),
             tensors_.Write(output.expected, *output_out.mutable_expected()), faults_);
    output_out.set_rtol(Canonical(output.rtol));
    output_out.set_atol(Canonical(output.atol));
  }
  out.set_training(golden.training);
  out.set_seed(golden.seed);
  out.set_step(golden.step);
  AddFault(place, PutUnknownFields(golden.unknown_fields, out), faults_);
}

}  // namespace

absl::StatusOr<ModelProto> ModelToProto(const Model& model, TensorWriter& tensors) {
  return ModelWriter(tensors).Write(model);
}

}  // namespace nomograph

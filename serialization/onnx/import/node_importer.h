// What the rule of an ONNX operator sees: one node, and the means to write what it becomes.
#ifndef NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_NODE_IMPORTER_H_
#define NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_NODE_IMPORTER_H_

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/graph/graph_builder.h"
#include "nomograph/serialization/onnx/onnx.pb.h"

namespace nomograph::onnx {

class GraphImporter;

class NodeImporter {
 public:
  NodeImporter(GraphImporter& graph, const NodeProto& proto, std::string name, int opset);

  const NodeProto& proto() const { return proto_; }
  const std::string& name() const { return name_; }
  // The version of the operator's domain that the model uses.
  int opset() const { return opset_; }
  GraphImporter& graph() const { return graph_; }

  // Inputs, as values of the graph being written. kNoValue where one is absent.
  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  bool has_input(int i) const { return i < num_inputs() && inputs_[i] != kNoValue; }
  ValueId input(int i) const { return i < num_inputs() ? inputs_[i] : kNoValue; }
  const std::vector<ValueId>& inputs() const { return inputs_; }
  int num_outputs() const { return proto_.output_size(); }
  bool has_output(int i) const { return i < num_outputs() && !proto_.output(i).empty(); }

  // What is known of a value, nothing of kNoValue. `dtype` and `rank` are Unimplemented where
  // they are not known.
  const TensorType& type(ValueId value) const;
  absl::StatusOr<DType> dtype(ValueId value) const;
  absl::StatusOr<int> rank(ValueId value) const;
  // Null where the value is not constant.
  const Tensor* constant(ValueId value) const;
  // The integers that a value holds where they are known up to the sizes of inputs' axes.
  std::optional<std::vector<SizeValue>> sizes(ValueId value) const;

  // Attributes. Those that a rule does not ask for are a fault of the node, so that none is lost.
  bool has_attribute(absl::string_view attr) { return Attribute(attr) != nullptr; }
  const AttributeProto* Attribute(absl::string_view attr);
  // The same without asking for it.
  const AttributeProto* FindAttribute(absl::string_view attr) const;
  absl::StatusOr<int64_t> Int(absl::string_view attr, int64_t absent);
  absl::StatusOr<double> Float(absl::string_view attr, double absent);
  absl::StatusOr<std::string> String(absl::string_view attr, std::string absent);
  absl::StatusOr<std::vector<int64_t>> Ints(absl::string_view attr);  // empty where absent
  absl::StatusOr<std::vector<double>> Floats(absl::string_view attr);
  absl::StatusOr<DType> Type(absl::string_view attr, DType absent);
  // Marks attributes as known that make no difference here.
  void Ignore(std::initializer_list<absl::string_view> attrs);
  // Sets ATTR of ours, as the op declares it, from the ONNX attribute of that name (or of `from`)
  // where the node has it.
  absl::Status Copy(absl::string_view op, absl::string_view attr, Attributes& attrs,
                    absl::string_view from = "");
  // The same for all that are left.
  absl::Status CopyAll(absl::string_view op, Attributes& attrs);

  // Writes a node and yields its outputs. Its types are inferred at once.
  absl::StatusOr<ValueId> Add(absl::string_view op, std::vector<ValueId> inputs,
                              Attributes attrs = {});
  absl::StatusOr<std::vector<ValueId>> AddMulti(absl::string_view op, std::vector<ValueId> inputs,
                                                Attributes attrs, const std::vector<bool>& outputs);
  // Writes a complete node (its inputs and outputs excepted).
  absl::StatusOr<std::vector<ValueId>> AddNode(Node node, std::vector<ValueId> inputs,
                                               const std::vector<bool>& outputs,
                                               const std::vector<TensorType>& declared = {});
  ValueId AddConstant(Tensor tensor);
  // A scalar of `like`'s dtype.
  absl::StatusOr<ValueId> AddScalar(double value, ValueId like);

  // Which outputs the node has, for AddMulti().
  std::vector<bool> OutputMask() const;
  // The last act of a rule: these values are the node's outputs, by its names for them.
  absl::Status Return(const std::vector<ValueId>& values);

  // What the rule has not asked for. OK when there is nothing.
  absl::Status CheckAttributesUsed() const;

 private:
  GraphImporter& graph_;
  const NodeProto& proto_;
  std::string name_;
  int opset_;
  std::vector<ValueId> inputs_;
  std::set<std::string, std::less<>> used_;
  std::vector<size_t> added_;  // indices of the nodes that were written
};

}  // namespace nomograph::onnx

#endif  // NOMOGRAPH_SERIALIZATION_ONNX_IMPORT_NODE_IMPORTER_H_

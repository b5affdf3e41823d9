// Builds small ONNX models for tests.
#ifndef NOMOGRAPH_TESTS_ONNX_MODEL_BUILDER_H_
#define NOMOGRAPH_TESTS_ONNX_MODEL_BUILDER_H_

#include <string>
#include <variant>
#include <vector>

#include "nomograph/serialization/onnx/onnx.pb.h"

namespace nomograph {

class OnnxBuilder {
 public:
  // A size or a symbol.
  using Size = std::variant<int, const char*>;

  explicit OnnxBuilder(int opset) {
    model_.set_ir_version(8);
    Opset("", opset);
    model_.mutable_graph()->set_name("test");
  }

  void Opset(const std::string& domain, int version) {
    onnx::OperatorSetIdProto& opset = *model_.add_opset_import();
    opset.set_domain(domain);
    opset.set_version(version);
  }
  void Input(const std::string& name, onnx::TensorProto::DataType type, std::vector<Size> shape) {
    SetValue(*model_.mutable_graph()->add_input(), name, type, shape);
  }
  // Without a shape, of unknown rank.
  void Output(const std::string& name, onnx::TensorProto::DataType type, std::vector<Size> shape) {
    onnx::ValueInfoProto& value = *model_.mutable_graph()->add_output();
    SetValue(value, name, type, shape);
    if (shape.empty()) value.mutable_type()->mutable_tensor_type()->clear_shape();
  }
  void Ints(const std::string& name, std::vector<int64_t> dims, std::vector<int64_t> values) {
    onnx::TensorProto& tensor = AddInitializer(name, dims, onnx::TensorProto::INT64);
    for (const int64_t value : values) tensor.add_int64_data(value);
  }
  void Floats(const std::string& name, std::vector<int64_t> dims, std::vector<float> values) {
    onnx::TensorProto& tensor = AddInitializer(name, dims, onnx::TensorProto::FLOAT);
    for (const float value : values) tensor.add_float_data(value);
  }
  // Elements as raw_data holds them.
  void Raw(const std::string& name, std::vector<int64_t> dims, onnx::TensorProto::DataType type,
           const std::string& bytes) {
    AddInitializer(name, dims, type).set_raw_data(bytes);
  }

  class NodeBuilder {
   public:
    explicit NodeBuilder(onnx::NodeProto& node) : node_(node) {}
    onnx::NodeProto& node() { return node_; }
    NodeBuilder& IntAttr(const std::string& name, int64_t value) {
      onnx::AttributeProto& attr = Add(name, onnx::AttributeProto::INT);
      attr.set_i(value);
      return *this;
    }
    NodeBuilder& FloatAttr(const std::string& name, float value) {
      onnx::AttributeProto& attr = Add(name, onnx::AttributeProto::FLOAT);
      attr.set_f(value);
      return *this;
    }
    NodeBuilder& IntsAttr(const std::string& name, std::vector<int64_t> values) {
      onnx::AttributeProto& attr = Add(name, onnx::AttributeProto::INTS);
      for (const int64_t value : values) attr.add_ints(value);
      return *this;
    }

   private:
    onnx::AttributeProto& Add(const std::string& name, onnx::AttributeProto::Type type) {
      onnx::AttributeProto& attr = *node_.add_attribute();
      attr.set_name(name);
      attr.set_type(type);
      return attr;
    }
    onnx::NodeProto& node_;
  };

  // The node has the operator's name.
  NodeBuilder Node(const std::string& op_type, std::vector<std::string> inputs,
                   std::vector<std::string> outputs, const std::string& domain = "") {
    onnx::NodeProto& node = *model_.mutable_graph()->add_node();
    node.set_name(op_type);
    node.set_op_type(op_type);
    if (!domain.empty()) node.set_domain(domain);
    for (std::string& input : inputs) node.add_input(std::move(input));
    for (std::string& output : outputs) node.add_output(std::move(output));
    return NodeBuilder(node);
  }
  onnx::ModelProto Finish() { return model_; }

 private:
  static void SetValue(onnx::ValueInfoProto& value, const std::string& name,
                       onnx::TensorProto::DataType type, const std::vector<Size>& shape) {
    value.set_name(name);
    onnx::TypeProto::Tensor& tensor = *value.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    tensor.mutable_shape();
    for (const Size& size : shape) {
      auto& dim = *tensor.mutable_shape()->add_dim();
      if (const int* known = std::get_if<int>(&size)) {
        dim.set_dim_value(*known);
      } else {
        dim.set_dim_param(std::get<const char*>(size));
      }
    }
  }
  onnx::TensorProto& AddInitializer(const std::string& name, const std::vector<int64_t>& dims,
                                    onnx::TensorProto::DataType type) {
    onnx::TensorProto& tensor = *model_.mutable_graph()->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (const int64_t dim : dims) tensor.add_dims(dim);
    return tensor;
  }

  onnx::ModelProto model_;
};

// Moves the data of the model's second initializer into an external file of that path.
inline void SetExternal(onnx::ModelProto& model, const std::string& location) {
  onnx::TensorProto& tensor = *model.mutable_graph()->mutable_initializer(1);
  tensor.clear_int64_data();
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  onnx::StringStringEntryProto& entry = *tensor.add_external_data();
  entry.set_key("location");
  entry.set_value(location);
}

}  // namespace nomograph

#endif  // NOMOGRAPH_TESTS_ONNX_MODEL_BUILDER_H_

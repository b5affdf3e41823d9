#include "nomograph/serialization/onnx/import/node_importer.h"

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/serialization/onnx/import/graph_importer.h"

namespace nomograph::onnx {
namespace {

absl::Status WrongType(absl::string_view attr, absl::string_view expected,
                       const AttributeProto& found) {
  return InvalidArgument("attribute ", attr, ": expected ", expected, ", found ",
                         AttributeProto::Type_Name(found.type()));
}

absl::Status NotLinked(absl::string_view op) {
  return absl::FailedPreconditionError(
      absl::StrCat("the standard op ", op, ", which it becomes, is not linked in"));
}

}  // namespace

NodeImporter::NodeImporter(GraphImporter& graph, const NodeProto& proto, std::string name,
                           int opset)
    : graph_(graph), proto_(proto), name_(std::move(name)), opset_(opset) {
  for (const std::string& input : proto.input()) {
    const auto value = input.empty() ? absl::StatusOr<ValueId>(kNoValue) : graph.Lookup(input);
    inputs_.push_back(value.ok() ? *value : kNoValue);
  }
}

const TensorType& NodeImporter::type(ValueId value) const {
  static const auto& unknown = *new TensorType;
  return value == kNoValue ? unknown : graph_.builder().type(value);
}

absl::StatusOr<DType> NodeImporter::dtype(ValueId value) const {
  if (value == kNoValue) return InvalidArgument("an input is missing");
  if (type(value).dtype == DType::kInvalid) {
    return absl::UnimplementedError(
        absl::StrCat("the type of ", Quoted(graph_.graph().values[value].name),
                     " is not known, because an op ahead of it is not"));
  }
  return type(value).dtype;
}

absl::StatusOr<int> NodeImporter::rank(ValueId value) const {
  NOMO_RETURN_IF_ERROR(dtype(value).status());
  if (!type(value).shape.has_rank()) {
    return absl::UnimplementedError(absl::StrCat("the number of axes of ",
                                                 Quoted(graph_.graph().values[value].name),
                                                 " must be known here"));
  }
  return type(value).shape.rank();
}

const Tensor* NodeImporter::constant(ValueId value) const {
  return value == kNoValue ? nullptr : graph_.builder().constant(value);
}

std::optional<std::vector<SizeValue>> NodeImporter::sizes(ValueId value) const {
  if (value == kNoValue) return std::nullopt;
  return graph_.builder().sizes(value);
}

const AttributeProto* NodeImporter::Attribute(absl::string_view attr) {
  used_.insert(std::string(attr));
  return FindAttribute(attr);
}

const AttributeProto* NodeImporter::FindAttribute(absl::string_view attr) const {
  for (const AttributeProto& proto : proto_.attribute()) {
    if (absl::string_view(proto.name()) != attr) continue;
    return proto.ref_attr_name().empty() ? &proto : graph_.FunctionAttribute(proto.ref_attr_name());
  }
  return nullptr;
}

absl::StatusOr<int64_t> NodeImporter::Int(absl::string_view attr, int64_t absent) {
  const AttributeProto* proto = Attribute(attr);
  if (proto == nullptr) return absent;
  if (!proto->has_i()) return WrongType(attr, "an integer", *proto);
  return proto->i();
}

absl::StatusOr<double> NodeImporter::Float(absl::string_view attr, double absent) {
  const AttributeProto* proto = Attribute(attr);
  if (proto == nullptr) return absent;
  if (!proto->has_f()) return WrongType(attr, "a number", *proto);
  return proto->f();
}

absl::StatusOr<std::string> NodeImporter::String(absl::string_view attr, std::string absent) {
  const AttributeProto* proto = Attribute(attr);
  if (proto == nullptr) return absent;
  if (!proto->has_s()) return WrongType(attr, "a string", *proto);
  return proto->s();
}

absl::StatusOr<std::vector<int64_t>> NodeImporter::Ints(absl::string_view attr) {
  const AttributeProto* proto = Attribute(attr);
  if (proto == nullptr) return std::vector<int64_t>();
  if (proto->has_i()) return std::vector<int64_t>{proto->i()};
  if (proto->type() != AttributeProto::INTS && proto->ints().empty() && proto->has_type()) {
    return WrongType(attr, "integers", *proto);
  }
  return std::vector<int64_t>(proto->ints().begin(), proto->ints().end());
}

absl::StatusOr<std::vector<double>> NodeImporter::Floats(absl::string_view attr) {
  const AttributeProto* proto = Attribute(attr);
  if (proto == nullptr) return std::vector<double>();
  if (proto->has_f()) return std::vector<double>{proto->f()};
  if (proto->type() != AttributeProto::FLOATS && proto->floats().empty() && proto->has_type()) {
    return WrongType(attr, "numbers", *proto);
  }
  return std::vector<double>(proto->floats().begin(), proto->floats().end());
}

absl::StatusOr<DType> NodeImporter::Type(absl::string_view attr, DType absent) {
  const AttributeProto* proto = Attribute(attr);
  if (proto == nullptr) return absent;
  if (!proto->has_i()) return WrongType(attr, "an element type", *proto);
  auto dtype = DTypeFromOnnx(proto->i());
  NOMO_RETURN_IF_ERROR(Annotate(dtype.status(), absl::StrCat("attribute ", attr)));
  return *dtype;
}

void NodeImporter::Ignore(std::initializer_list<absl::string_view> attrs) {
  for (const absl::string_view attr : attrs) used_.insert(std::string(attr));
}

absl::Status NodeImporter::Copy(absl::string_view op, absl::string_view attr, Attributes& attrs,
                                absl::string_view from) {
  if (from.empty()) from = attr;
  if (!has_attribute(from)) return absl::OkStatus();
  const OpDef* def = graph_.state().registry.Find(op);
  if (def == nullptr) return NotLinked(op);
  const AttrDef* declared = def->FindAttr(attr);
  if (declared == nullptr) {
    return absl::UnimplementedError(absl::StrCat("attribute ", Shown(from), " is not supported by ",
                                                 op, ", which stands for it"));
  }
  switch (declared->type) {
    case AttrType::kBool: {
      NOMO_ASSIGN_OR_RETURN(const int64_t value, Int(from, 0));
      attrs.Set(attr, value != 0);
      break;
    }
    case AttrType::kInt: {
      NOMO_ASSIGN_OR_RETURN(const int64_t value, Int(from, 0));
      attrs.Set(attr, value);
      break;
    }
    case AttrType::kFloat: {
      NOMO_ASSIGN_OR_RETURN(const double value, Float(from, 0));
      attrs.Set(attr, value);
      break;
    }
    case AttrType::kString: {
      NOMO_ASSIGN_OR_RETURN(std::string value, String(from, ""));
      attrs.Set(attr, std::move(value));
      break;
    }
    case AttrType::kDType: {
      NOMO_ASSIGN_OR_RETURN(const DType value, Type(from, DType::kInvalid));
      attrs.Set(attr, value);
      break;
    }
    case AttrType::kInts: {
      NOMO_ASSIGN_OR_RETURN(std::vector<int64_t> value, Ints(from));
      attrs.Set(attr, std::move(value));
      break;
    }
    case AttrType::kFloats: {
      NOMO_ASSIGN_OR_RETURN(std::vector<double> value, Floats(from));
      attrs.Set(attr, std::move(value));
      break;
    }
    case AttrType::kStrings: {
      const AttributeProto& proto = *Attribute(from);
      attrs.Set(attr, std::vector<std::string>(proto.strings().begin(), proto.strings().end()));
      break;
    }
    case AttrType::kTensor: {
      const AttributeProto& proto = *Attribute(from);
      if (!proto.has_t()) return WrongType(from, "a tensor", proto);
      NOMO_ASSIGN_OR_RETURN(Tensor tensor, graph_.state().tensors.Read(proto.t()));
      attrs.Set(attr, std::move(tensor));
      break;
    }
    case AttrType::kFunction:
      return absl::UnimplementedError(absl::StrCat("attribute ", from, " is a graph"));
  }
  return absl::OkStatus();
}

absl::Status NodeImporter::CopyAll(absl::string_view op, Attributes& attrs) {
  for (const AttributeProto& proto : proto_.attribute()) {
    if (used_.contains(proto.name())) continue;
    NOMO_RETURN_IF_ERROR(Copy(op, proto.name(), attrs));
  }
  return absl::OkStatus();
}

absl::StatusOr<ValueId> NodeImporter::Add(absl::string_view op, std::vector<ValueId> inputs,
                                          Attributes attrs) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<ValueId> outputs,
                        AddMulti(op, std::move(inputs), std::move(attrs), {true}));
  return outputs[0];
}

absl::StatusOr<std::vector<ValueId>> NodeImporter::AddMulti(absl::string_view op,
                                                            std::vector<ValueId> inputs,
                                                            Attributes attrs,
                                                            const std::vector<bool>& outputs) {
  const OpDef* def = graph_.state().registry.Find(op);
  if (def == nullptr) return NotLinked(op);
  Node node;
  node.op = std::string(op);
  node.version = def->version;
  node.attrs = std::move(attrs);
  return AddNode(std::move(node), std::move(inputs), outputs);
}

absl::StatusOr<std::vector<ValueId>> NodeImporter::AddNode(
    Node node, std::vector<ValueId> inputs, const std::vector<bool>& outputs,
    const std::vector<TensorType>& declared) {
  while (!inputs.empty() && inputs.back() == kNoValue) inputs.pop_back();
  node.inputs = std::move(inputs);
  node.name = name_.empty() ? "node" : name_;
  node.doc = added_.empty() ? proto_.doc_string() : "";
  NOMO_ASSIGN_OR_RETURN(std::vector<ValueId> values,
                        graph_.builder().AddNode(std::move(node), outputs, declared));
  added_.push_back(graph_.graph().nodes.size() - 1);
  return values;
}

ValueId NodeImporter::AddConstant(Tensor tensor) {
  return graph_.AddConstant(absl::StrCat(name_, "/constant"), std::move(tensor));
}

absl::StatusOr<ValueId> NodeImporter::AddScalar(double value, ValueId like) {
  NOMO_ASSIGN_OR_RETURN(const DType type, dtype(like));
  return AddConstant(Tensor::Full(type, Shape{}, value));
}

std::vector<bool> NodeImporter::OutputMask() const {
  std::vector<bool> mask;
  for (int i = 0; i < num_outputs(); ++i) mask.push_back(has_output(i));
  return mask;
}

absl::Status NodeImporter::Return(const std::vector<ValueId>& values) {
  absl::flat_hash_set<ValueId> made_here;
  for (const size_t index : added_) {
    const std::vector<ValueId>& outputs = graph_.graph().nodes[index].outputs;
    made_here.insert(outputs.begin(), outputs.end());
  }
  for (int i = 0; i < num_outputs(); ++i) {
    if (!has_output(i)) continue;
    if (i >= static_cast<int>(values.size()) || values[i] == kNoValue) {
      return absl::UnimplementedError(absl::StrCat("output ", i, " is not supported"));
    }
    // A value that this node has not made already has its name, and so has one that it returns
    // twice.
    ValueId value = values[i];
    if (made_here.erase(value) == 0) {
      NOMO_ASSIGN_OR_RETURN(value, Add("core.Identity", {value}));
    }
    NOMO_RETURN_IF_ERROR(graph_.Name(value, proto_.output(i)));
  }
  return absl::OkStatus();
}

absl::Status NodeImporter::CheckAttributesUsed() const {
  std::vector<std::string> unused;
  for (const AttributeProto& proto : proto_.attribute()) {
    if (!used_.contains(proto.name())) unused.push_back(proto.name());
  }
  if (unused.empty()) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("attribute ", absl::StrJoin(unused, ", ", AppendShown), " is not supported"));
}

}  // namespace nomograph::onnx

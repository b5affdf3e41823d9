#include "nomograph/serialization/onnx/export/export.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/op/op.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/serialization/onnx/export/graph_exporter.h"
#include "nomograph/serialization/onnx/import/tensor.h"

namespace nomograph::onnx {
namespace {

constexpr size_t kMaxNodesNamed = 3;
// Where payloads begin in the external file, so that it can be mapped.
constexpr int64_t kExternalAlignment = 64;

// The one that came with the opset; functions need 8.
int IrVersion(int opset) {
  return opset >= 25 ? 13 : opset >= 23 ? opset - 12 : opset >= 21 ? 10 : opset >= 19 ? 9 : 8;
}

absl::Status Refusal(const ExportState& state) {
  ErrorList errors;
  for (const auto& [why, nodes] : state.refused) {
    std::vector<std::string> named;
    for (size_t i = 0; i < std::min(nodes.size(), kMaxNodesNamed); ++i) {
      named.push_back(Quoted(nodes[i]));
    }
    if (nodes.size() > kMaxNodesNamed) {
      named.push_back(absl::StrCat(nodes.size() - kMaxNodesNamed, " more"));
    }
    errors.Add(absl::UnimplementedError(absl::StrCat(why, "; node ", absl::StrJoin(named, ", "))));
  }
  return errors.ToStatus("the model cannot be exported");
}

void CollectUses(const google::protobuf::RepeatedPtrField<NodeProto>& nodes,
                 std::set<std::string>& used) {
  for (const NodeProto& node : nodes) {
    used.insert(node.input().begin(), node.input().end());
    for (const AttributeProto& attr : node.attribute()) {
      CollectUses(attr.g().node(), used);
      for (const ValueInfoProto& output : attr.g().output()) used.insert(output.name());
    }
  }
}

// Kernels that were transposed leave the originals behind.
void DropUnusedInitializers(GraphProto& graph) {
  std::set<std::string> used;
  CollectUses(graph.node(), used);
  for (const ValueInfoProto& output : graph.output()) used.insert(output.name());
  auto& initializers = *graph.mutable_initializer();
  initializers.erase(std::remove_if(initializers.begin(), initializers.end(),
                                    [&](const TensorProto& t) { return !used.contains(t.name()); }),
                     initializers.end());
}

void AddTypes(const Graph& graph, GraphProto& proto) {
  std::set<std::string> declared;
  for (const ValueInfoProto& value : proto.input()) declared.insert(value.name());
  for (const ValueInfoProto& value : proto.output()) declared.insert(value.name());
  std::map<std::string, const ValueInfo*> values;
  for (const ValueInfo& value : graph.values) values[value.name] = &value;
  for (const NodeProto& node : proto.node()) {
    for (const std::string& output : node.output()) {
      const auto value = values.find(output);
      if (value == values.end() || declared.contains(output) ||
          value->second->type.dtype == DType::kInvalid) {
        continue;
      }
      ValueInfoProto& info = *proto.add_value_info();
      info.set_name(output);
      TypeToOnnx(value->second->type, *info.mutable_type());
    }
  }
}

absl::Status ExportGraph(ExportState& state, const Graph& graph, GraphProto& result) {
  GraphExporter exporter(state, Scope::kMain);
  for (const ValueInfo& value : graph.values) state.names.Reserve(value.name);
  std::vector<std::string> inputs;
  for (const ValueId id : graph.inputs) {
    inputs.push_back(graph.values[id].name);
    exporter.AddInput(inputs.back(), graph.values[id].type);
    exporter.proto().mutable_input()->rbegin()->set_doc_string(graph.values[id].doc);
  }
  NOMO_ASSIGN_OR_RETURN(const auto outputs, exporter.Inline(graph, inputs, ""));
  GraphProto& proto = exporter.proto();
  for (size_t i = 0; i < outputs.size(); ++i) {
    ValueInfoProto& output = *proto.add_output();
    output.set_name(outputs[i]);
    TypeToOnnx(graph.values[graph.outputs[i]].type, *output.mutable_type());
  }
  proto.set_name(graph.name.empty() ? "graph" : graph.name);
  if (!graph.doc.empty()) proto.set_doc_string(graph.doc);
  DropUnusedInitializers(proto);
  AddTypes(graph, proto);
  result = std::move(proto);
  return absl::OkStatus();
}

// The functions that are written in the place of a node: not the body of a Lambda that has a name,
// which becomes a function of ONNX.
std::vector<std::string> InlinedFunctions(const Node& node) {
  std::vector<std::string> names = NamedFunctions(node);
  if (!node.body.empty() && !absl::StartsWith(node.op, kTracedDomain)) std::erase(names, node.body);
  return names;
}

// The nodes that they come to, each function counted once.
absl::Status CheckInlined(const Model& model, int64_t limit) {
  CallGraphMeasure size(model.functions, InlinedFunctions,
                        [](const Graph& graph, CallGraphMeasure::Of of) {
                          int64_t sum = static_cast<int64_t>(graph.nodes.size());
                          for (const Node& node : graph.nodes) {
                            for (const std::string& name : InlinedFunctions(node))
                              sum = SaturatingAdd(sum, of(name));
                          }
                          return sum;
                        });
  const int64_t inlined =
      size.OfGraph(model.graph) - static_cast<int64_t>(model.graph.nodes.size());
  if (inlined <= limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("functions are written where they are called: expected at most ", limit,
                   " nodes in all, found ",
                   inlined >= CallGraphMeasure::kEndless / 2 ? "far more" : absl::StrCat(inlined)));
}

// A message and what is to be written in it.
struct Exported {
  ModelProto proto;
  Payloads payloads;
};

absl::StatusOr<Exported> ToProto(const Model& model, const ExportOptions& options) {
  if (options.opset < kMinExportOpset || options.opset > kMaxExportOpset) {
    return InvalidArgument("opset ", options.opset, " is not written; there are ", kMinExportOpset,
                           " to ", kMaxExportOpset);
  }
  NOMO_RETURN_IF_ERROR(VerifyModel(model));
  NOMO_RETURN_IF_ERROR(CheckInlined(model, options.max_inlined_nodes));
  ExportState state{.model = model, .registry = *options.registry, .opset = options.opset};
  Graph graph = model.graph;
  NOMO_RETURN_IF_ERROR(state.inferrer.InferGraph(graph));
  ModelProto proto;
  NOMO_RETURN_IF_ERROR(ExportGraph(state, graph, *proto.mutable_graph()));
  for (const Variable& variable : model.variables) {
    state.refused["ONNX has no state"].push_back(variable.name);
  }
  NOMO_RETURN_IF_ERROR(Refusal(state));

  proto.set_ir_version(IrVersion(options.opset));
  proto.set_producer_name("nomograph");
  if (!model.doc.empty()) proto.set_doc_string(model.doc);
  OperatorSetIdProto& standard = *proto.add_opset_import();
  standard.set_domain("");
  standard.set_version(options.opset);
  for (const auto& [domain, version] : state.domains) {
    OperatorSetIdProto& opset = *proto.add_opset_import();
    opset.set_domain(domain);
    opset.set_version(version);
  }
  for (auto& [name, function] : state.functions) *proto.add_functions() = std::move(function);
  for (const auto& [key, value] : model.metadata) {
    StringStringEntryProto& entry = *proto.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  if (options.warnings != nullptr) *options.warnings = std::move(state.warnings);
  return Exported{std::move(proto), std::move(state.payloads)};
}

void SetEntry(TensorProto& tensor, const char* key, const std::string& value) {
  StringStringEntryProto& entry = *tensor.add_external_data();
  entry.set_key(key);
  entry.set_value(value);
}

// Writes the payloads into `file`, which the message then names.
absl::Status MoveWeights(Exported& model, AtomicFile& file, const std::string& location) {
  static const std::string kPadding(kExternalAlignment, '\0');
  const auto write = [&](absl::string_view bytes) { return file.Write(bytes); };
  for (TensorProto& tensor : *model.proto.mutable_graph()->mutable_initializer()) {
    const auto payload = model.payloads.find(tensor.name());
    if (payload == model.payloads.end()) continue;
    const int64_t over = file.size() % kExternalAlignment;
    if (over != 0) {
      NOMO_RETURN_IF_ERROR(file.Write(absl::string_view(kPadding).substr(over)));
    }
    const int64_t offset = file.size();
    NOMO_RETURN_IF_ERROR(WriteRaw(payload->second, write));
    tensor.set_data_location(TensorProto::EXTERNAL);
    SetEntry(tensor, "location", location);
    SetEntry(tensor, "offset", absl::StrCat(offset));
    SetEntry(tensor, "length", absl::StrCat(RawBytes(payload->second)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ExportToString(const Model& model, const ExportOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const Exported exported, ToProto(model, options));
  const int64_t size = MessageBytes(exported.proto, exported.payloads);
  if (size > options.max_message_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat("the model has ", size, " bytes; above ",
                                                     options.max_message_bytes,
                                                     " its weights need a file of their own"));
  }
  std::string message;
  message.reserve(size);
  NOMO_RETURN_IF_ERROR(
      WriteMessage(exported.proto, exported.payloads, [&](absl::string_view bytes) {
        message.append(bytes.data(), bytes.size());
        return absl::OkStatus();
      }));
  return message;
}

absl::Status Export(const Model& model, const std::string& path, const ExportOptions& options) {
  NOMO_ASSIGN_OR_RETURN(Exported exported, ToProto(model, options));
  std::optional<AtomicFile> weights;
  if (!exported.payloads.empty() &&
      MessageBytes(exported.proto, exported.payloads) > options.max_message_bytes) {
    const std::string data = absl::StrCat(path, ".data");
    std::error_code ignored;
    if (!options.replace_weights && std::filesystem::exists(data, ignored)) {
      return absl::AlreadyExistsError(absl::StrCat(QuotedPath(data), " is there already"));
    }
    NOMO_ASSIGN_OR_RETURN(weights, AtomicFile::Create(data));
    NOMO_RETURN_IF_ERROR(
        MoveWeights(exported, *weights, std::filesystem::path(data).filename().string()));
  }
  NOMO_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  NOMO_RETURN_IF_ERROR(WriteMessage(exported.proto, exported.payloads,
                                    [&](absl::string_view bytes) { return file.Write(bytes); }));
  // The weights first: a message without them would be half a model.
  if (weights) NOMO_RETURN_IF_ERROR(weights->Commit());
  return file.Commit();
}

}  // namespace nomograph::onnx

#include "nomograph/serialization/onnx/import/import.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/graph/call_graph.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/io/mapped_file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/serialization/foreign_file.h"
#include "nomograph/serialization/onnx/import/graph_importer.h"
#include "nomograph/serialization/onnx/import/parse_mapped.h"
#include "nomograph/serialization/wire.h"
#include "nomograph/serialization/wire_check.h"

namespace nomograph::onnx {
namespace {

constexpr int kMinIrVersion = 3;
// The newest of which all that can stand in a file is known. Newer files are read as well: what is
// not known in them has an effect only where a node uses it.
constexpr int kKnownIrVersion = 13;
// Of the nodes that use an operator that is not covered, so many are named.
constexpr size_t kMaxNodesNamed = 3;

// A message and the weights that are not in it.
struct Parsed {
  ModelProto proto;
  RawData raw_data;
  std::shared_ptr<const MappedFile> file;  // where they lie; null when all are in the message
};

// Where the fields of the model, or of its graph, end before their time: "byte 23: field 7 needs
// 99 bytes, 5 are left"; "" where they are whole and a message further inside is not.
std::string WhereDamaged(absl::string_view bytes) {
  constexpr uint32_t kGraph = ModelProto::kGraphFieldNumber;
  const auto fault = [](absl::string_view message, absl::string_view* graph) -> absl::Status {
    WireReader reader(message);
    while (!reader.done()) {
      NOMO_ASSIGN_OR_RETURN(const WireField field, reader.Next());
      if (graph != nullptr && field.number == kGraph && field.type == WireType::kBytes) {
        *graph = field.bytes;
      }
    }
    return absl::OkStatus();
  };
  absl::string_view graph;
  const absl::Status model = fault(bytes, &graph);
  if (!model.ok()) return absl::StrCat(": ", model.message());
  const absl::Status in_graph = fault(graph, nullptr);
  if (in_graph.ok()) return "";
  return absl::StrCat(": the graph, from byte ", graph.data() - bytes.data(),
                      " on: ", in_graph.message());
}

// `file` is what `bytes` are mapped from, or null.
absl::StatusOr<std::shared_ptr<Parsed>> Parse(absl::string_view bytes,
                                              std::shared_ptr<const MappedFile> file) {
  if (bytes.empty()) return InvalidArgument("expected an ONNX model, found an empty file");
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max())) {
    return InvalidArgument("an ONNX file holds less than 2 GiB, found ", bytes.size(),
                           " bytes; larger models keep their weights in external files");
  }
  auto parsed = std::make_shared<Parsed>();
  parsed->file = std::move(file);
  const bool parses = parsed->file != nullptr ? ParseMapped(bytes, parsed->proto, parsed->raw_data)
                                              : parsed->proto.ParseFromArray(
                                                    bytes.data(), static_cast<int>(bytes.size()));
  // Other messages of Protocol Buffers may be read as one of whose fields none is known.
  const bool is_onnx = LooksLikeOnnx(bytes);
  const std::string what = is_onnx || parsed->proto.has_graph() ? "" : DescribeForeignFile(bytes);
  if (!what.empty() || (!parses && !is_onnx)) {
    return InvalidArgument("expected an ONNX model, found something else", what.empty() ? "" : ": ",
                           what);
  }
  if (!parses) {
    return InvalidArgument("expected an ONNX model, found one that is cut off or damaged",
                           WhereDamaged(bytes));
  }
  // Protobuf lets any bytes pass for text here; names of the graph must be text to be saved.
  NOMO_RETURN_IF_ERROR(CheckStrings(parsed->proto));
  if (parsed->file != nullptr) MappedFile::GiveBack(bytes.data(), bytes.size());
  return parsed;
}

absl::Status CheckVersions(const ModelProto& proto) {
  if (!proto.has_ir_version() || !proto.has_graph()) {
    return InvalidArgument("expected an ONNX model, found no ",
                           proto.has_graph() ? "IR version" : "graph");
  }
  if (proto.ir_version() < kMinIrVersion) {
    return absl::UnimplementedError(absl::StrCat("IR version ", proto.ir_version(),
                                                 " is not supported; it must be ", kMinIrVersion,
                                                 " or later"));
  }
  return absl::OkStatus();
}

// What a user should know of how the model was read.
std::vector<std::string> Warnings(const ModelProto& proto, const ImportState& state,
                                  const Opsets& opsets) {
  std::vector<std::string> warnings;
  if (proto.ir_version() > kKnownIrVersion) {
    warnings.push_back(absl::StrCat("IR version ", proto.ir_version(),
                                    " is newer than those that are known here, up to ",
                                    kKnownIrVersion));
  }
  if (const auto opset = opsets.find(""); opset != opsets.end() && opset->second > kMaxOpset) {
    warnings.push_back(absl::StrCat("opset ", opset->second,
                                    " of ai.onnx is newer than those that are known here: "
                                    "operators are read as those of opset ",
                                    kMaxOpset));
  }
  for (const auto& [why, nodes] : state.not_covered) {
    std::vector<std::string> named;
    for (size_t i = 0; i < std::min(nodes.size(), kMaxNodesNamed); ++i) {
      named.push_back(Quoted(nodes[i]));
    }
    if (nodes.size() > kMaxNodesNamed) {
      named.push_back(absl::StrCat(nodes.size() - kMaxNodesNamed, " more"));
    }
    warnings.push_back(absl::StrCat(why, "; node ", absl::StrJoin(named, ", ")));
  }
  return warnings;
}

// Leaves the elements for which keep(index) holds, in place: a second list of nodes would be the
// most memory that an import takes.
template <typename T, typename Keep>
void KeepOnly(std::vector<T>& list, const Keep& keep) {
  size_t kept = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    if (!keep(i)) continue;
    if (kept != i) list[kept] = std::move(list[i]);
    ++kept;
  }
  list.erase(list.begin() + kept, list.end());
}

// Drops what nothing needs: the arithmetic of shapes that have become attributes, and constants
// that went into them.
void RemoveUnused(Graph& graph, const OpRegistry& registry, const std::vector<Origin>& origins,
                  ImportReport& report) {
  std::vector<bool> used(graph.values.size(), false);
  for (const ValueId id : graph.outputs) used[id] = true;
  std::vector<bool> keep(graph.nodes.size(), false);
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    const OpDef* op = registry.Find(node.op, node.version);
    bool needed =
        op == nullptr || (op->effects != Effects::kPure && op->effects != Effects::kRandom);
    for (const ValueId id : node.outputs) needed |= id != kNoValue && used[id];
    keep[i] = needed;
    for (const ValueId id : node.inputs) {
      if (needed && id != kNoValue) used[id] = true;
    }
  }
  CountOrigins(origins, keep, report);
  for (const ValueId id : graph.inputs) used[id] = true;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const ValueId id : graph.nodes[i].outputs) {
      if (keep[i] && id != kNoValue) used[id] = true;
    }
  }
  std::vector<ValueId> moved(graph.values.size(), kNoValue);
  ValueId left = 0;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (used[i]) moved[i] = left++;
  }
  KeepOnly(graph.values, [&](size_t i) { return used[i]; });
  const auto move = [&moved](std::vector<ValueId>& ids) {
    for (ValueId& id : ids) id = id == kNoValue ? kNoValue : moved[id];
  };
  KeepOnly(graph.nodes, [&](size_t i) { return keep[i]; });
  for (Node& node : graph.nodes) {
    move(node.inputs);
    move(node.outputs);
  }
  for (const Weight& weight : graph.weights) {
    if (moved[weight.value] != kNoValue) continue;
    ++report.weights_left_out;
    report.weight_bytes_left_out += weight.tensor.num_bytes();
  }
  KeepOnly(graph.weights, [&](size_t i) { return moved[graph.weights[i].value] != kNoValue; });
  for (Weight& weight : graph.weights) weight.value = moved[weight.value];
  move(graph.inputs);
  move(graph.outputs);
}

// Drops functions that nothing calls: those of rounds in which a loop's types were not settled yet.
void RemoveUnusedFunctions(Model& model) {
  std::set<std::string> used;
  std::vector<const Graph*> open = {&model.graph};
  while (!open.empty()) {
    const Graph* graph = open.back();
    open.pop_back();
    for (const Node& node : graph->nodes) {
      for (const std::string& name : NamedFunctions(node)) {
        const auto function = model.functions.find(name);
        if (function != model.functions.end() && used.insert(name).second) {
          open.push_back(&function->second.graph);
        }
      }
    }
  }
  for (auto it = model.functions.begin(); it != model.functions.end();) {
    it = used.contains(it->first) ? std::next(it) : model.functions.erase(it);
  }
}

std::string Producer(const ModelProto& proto) {
  std::string producer = proto.producer_name();
  if (!proto.producer_version().empty()) absl::StrAppend(&producer, " ", proto.producer_version());
  return producer;
}

// The folder of the file that `path` leads to where it is a link, as in a cache of downloaded
// files; else empty.
std::string RealFolder(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_symlink(path, error)) return "";
  const std::filesystem::path real = std::filesystem::canonical(path, error);
  return error ? "" : real.parent_path().string();
}

absl::StatusOr<Model> FromProto(std::shared_ptr<Parsed> parsed, const std::string& folder,
                                const std::string& real_folder, const ImportOptions& options) {
  const ModelProto* const proto = &parsed->proto;
  Opsets opsets;
  NOMO_RETURN_IF_ERROR(ReadOpsets(proto->opset_import(), opsets));
  NOMO_RETURN_IF_ERROR(CheckVersions(*proto));
  ImportState state{
      .registry = *options.registry,
      .tensors = TensorReader(parsed, folder, real_folder, parsed->file.get(), parsed->raw_data),
      .progress = options.progress};
  state.AddLocalFunctions(proto->functions());
  GraphImporter importer(state, opsets);
  importer.ImportMain(*parsed->proto.mutable_graph());
  NOMO_RETURN_IF_ERROR(state.errors.ToStatus("the model cannot be imported"));

  Model model;
  model.name = proto->graph().name();
  model.doc = proto->doc_string();
  model.producer = Producer(*proto);
  model.graph = std::move(importer.graph());
  ImportReport report;
  RemoveUnused(model.graph, state.registry, importer.origins(), report);
  model.functions = std::move(state.functions);
  RemoveUnusedFunctions(model);
  for (auto& [name, function] : model.functions) {
    RemoveUnused(function.graph, state.registry, state.origins[name], report);
  }
  for (const StringStringEntryProto& entry : proto->metadata_props()) {
    model.metadata[entry.key()] = entry.value();
  }
  NOMO_RETURN_IF_ERROR(VerifyModel(model));
  if (options.report != nullptr) *options.report = std::move(report);
  if (options.warnings != nullptr) *options.warnings = Warnings(*proto, state, opsets);
  return model;
}

}  // namespace

absl::StatusOr<Model> ImportFromBytes(absl::string_view bytes, const std::string& folder,
                                      const ImportOptions& options) {
  NOMO_ASSIGN_OR_RETURN(auto parsed, Parse(bytes, nullptr));
  return FromProto(std::move(parsed), folder, "", options);
}

absl::StatusOr<Model> Import(const std::string& path, const ImportOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  auto parsed = Parse(file->bytes(), file);
  NOMO_RETURN_IF_ERROR(Annotate(parsed.status(), path));
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  auto model = FromProto(*std::move(parsed), folder.empty() ? "." : folder.string(),
                         RealFolder(path), options);
  NOMO_RETURN_IF_ERROR(Annotate(model.status(), path));
  return model;
}

}  // namespace nomograph::onnx

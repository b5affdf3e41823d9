#include "nomograph/serialization/keras/import.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/build/build.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/json.h"
#include "nomograph/serialization/keras/network_layer.h"
#include "nomograph/serialization/keras/ready_layer.h"
#include "nomograph/serialization/keras/training_rules.h"

namespace nomograph::keras {
namespace {

// Of the weights that lie over, or are missing, as many are named.
constexpr size_t kMostNamed = 10;

// How often an import begins anew with more layers as nodes that name an op.
constexpr int kMostAttempts = 3;

std::string Some(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kMostNamed); ++i)
    absl::StrAppend(&text, i == 0 ? "" : "; ", Shown(names[i]));
  if (names.size() > kMostNamed) absl::StrAppend(&text, "; …");
  return text;
}

// The first layer that says how its images lie says it for the model.
bool IsChannelsFirst(const LayerNode& node) {
  for (const char* field : {"data_format", "dim_ordering"}) {
    const std::string value = TextField(node.entry.config, field);
    if (!value.empty()) return value == "channels_first" || value == "th";
  }
  for (const auto& child : node.children) {
    if (IsChannelsFirst(*child)) return true;
  }
  return false;
}

// What compile() was given, as metadata.
void AddTraining(const LayerConfig& training, Model& model) {
  for (const auto& [name, value] : training) {
    if (value.is_null()) continue;
    const std::string* text = value.As<std::string>();
    model.metadata[absl::StrCat("keras.", name)] = text != nullptr ? *text : value.ToString();
  }
}

class Importer {
 public:
  // `opaque` as in ImportContext.
  Importer(const KerasFile& file, const KerasImportOptions& options,
           const std::map<std::string, std::string>& opaque)
      : file_(file),
        context_{options, file.weights,
                 EraOf(file.keras_version, file.container == Container::kArchive), imported_.report,
                 opaque} {}

  absl::StatusOr<Imported> Import() {
    const ScopedRegistry scope(*context_.options.registry);
    KerasImportReport& report = imported_.report;
    report.container = file_.container;
    report.keras_version = Escape(file_.keras_version);
    report.backend = Escape(file_.backend);
    report.weights_from = file_.weights_from;
    NOMO_ASSIGN_OR_RETURN(const LayerEntry entry, ReadLayerEntry(ConfigValue(file_.model)));
    report.model_class = Escape(entry.class_name);
    NOMO_ASSIGN_OR_RETURN(root_, ReadLayerTree(entry, file_.weights));
    context_.era.channels_first = IsChannelsFirst(*root_);
    WarnOfDTypes();
    NOMO_RETURN_IF_ERROR(root_->network ? CallNetwork() : CallUsersModel());
    NOMO_ASSIGN_OR_RETURN(const WeightReport weights,
                          AssignWeights(*root_, file_.weights, file_.backend, misfits_));
    ReportWeights(weights);
    NOMO_RETURN_IF_ERROR(Build());
    Describe();
    return std::move(imported_);
  }

  // Layers whose weights do not fit, and why, where that is no damage of the file: they are of
  // another class of the same name, or shapes ahead of them may have been taken for others than
  // they are.
  std::map<std::string, std::string> Opaque() const {
    if (!misfits_.others.empty()) return misfits_.others;
    const auto& lambdas = imported_.report.lambdas;
    const bool guesses = std::any_of(
        lambdas.begin(), lambdas.end(),
        [](const LambdaOutcome& lambda) { return lambda.how == LambdaOutcome::How::kMissing; });
    return guesses ? misfits_.all : std::map<std::string, std::string>();
  }

 private:
  // The dtypes that layers are to compute in, each once.
  void NoteDTypes(const LayerNode& node, std::set<std::string>& dtypes) const {
    const ConfigValue* value = node.entry.config.Find("dtype");
    const LayerConfig* policy = value == nullptr ? nullptr : value->As<LayerConfig>();
    const LayerConfig* config =
        policy == nullptr ? nullptr : FieldOf<LayerConfig>(*policy, "config");
    const std::string name =
        config != nullptr ? TextField(*config, "name") : TextField(node.entry.config, "dtype");
    if (node.entry.class_name != "InputLayer" && !name.empty()) dtypes.insert(name);
    for (const auto& child : node.children) NoteDTypes(*child, dtypes);
  }

  void WarnOfDTypes() {
    std::set<std::string> dtypes;
    NoteDTypes(*root_, dtypes);
    for (const char* usual : {"float32", "int32", "int64", "uint8", "bool"}) dtypes.erase(usual);
    if (dtypes.erase("string") > 0) {
      imported_.report.warnings.push_back(
          "strings have no type here: what Keras takes them for is declared as float32");
    }
    if (dtypes.empty()) return;
    imported_.report.warnings.push_back(absl::StrCat("layers that compute in ",
                                                     Escape(absl::StrJoin(dtypes, ", ")),
                                                     " in Keras compute in float32 here"));
  }

  absl::Status CallNetwork() {
    NOMO_ASSIGN_OR_RETURN(network_, NetworkCaller::Make(root_, context_));
    NOMO_ASSIGN_OR_RETURN(const auto declared, network_->Inputs());
    for (const auto& [name, type] : declared) AddInput(name, type);
    NOMO_ASSIGN_OR_RETURN(outputs_, network_->Call(inputs_, &output_names_));
    return absl::OkStatus();
  }

  // A model of its author's own class is one node.
  absl::Status CallUsersModel() {
    root_->entry.name = root_->entry.name.empty() ? "model" : root_->entry.name;
    root_->full_name = root_->entry.name;
    const ConfigValue* built = root_->entry.build_config.Find("input_shape");
    std::vector<PartialShape> shapes;
    if (built != nullptr) {
      if (const auto shape = ShapeIn(*built)) {
        shapes.push_back(*shape);
      } else if (const auto* list = Unwrapped(*built).As<ConfigValue::List>()) {
        for (const ConfigValue& element : *list) {
          if (const auto input = ShapeIn(element)) shapes.push_back(*input);
        }
      }
    }
    if (shapes.empty()) {
      context_.report.warnings.push_back(
          "the file does not say what goes into the model; it is taken to have one input");
      shapes.push_back(PartialShape{Dim(), Dim()});
    }
    std::vector<CallArgument> arguments;
    for (size_t i = 0; i < shapes.size(); ++i) {
      // The batch that it happened to be built for is no limit.
      if (shapes[i].rank() > 0) shapes[i][0] = Dim();
      AddInput(shapes.size() == 1 ? "input" : absl::StrCat("input_", i),
               {DType::kFloat32, shapes[i]});
      arguments.push_back({inputs_.back()});
    }
    NOMO_ASSIGN_OR_RETURN(users_model_,
                          MakeReadyLayer(root_, {.shapes = {std::nullopt}}, context_));
    outputs_ = users_model_->Call({.arguments = std::move(arguments)});
    return absl::OkStatus();
  }

  void AddInput(const std::string& name, const TensorType& type) {
    std::vector<Dim> dims(type.shape.dims().begin() + std::min(1, type.shape.rank()),
                          type.shape.dims().end());
    InputOptions options{.dtype = type.dtype, .name = input_names_.Take(name)};
    if (type.shape.rank() > 0 && type.shape[0].known()) options.batch = type.shape[0];
    inputs_.push_back(Input(PartialShape(std::move(dims)), std::move(options)));
  }

  void ReportWeights(const WeightReport& weights) {
    KerasImportReport& report = imported_.report;
    report.weights_loaded = weights.loaded;
    const auto warn = [&](const auto&... parts) {
      report.warnings.push_back(absl::StrCat(parts...));
    };
    if (file_.weights.order == StoredWeights::Order::kNone) {
      warn(
          "there are no weights, neither in the file nor beside it: the model has initial ones, of "
          "seed ",
          context_.options.seed);
      return;
    }
    if (!weights.missing.empty())
      warn("weights that the file does not have keep initial values: ", Some(weights.missing));
    if (!weights.leftover.empty())
      warn("weights of the file that no layer takes are left out: ", Some(weights.leftover));
  }

  absl::Status Build() {
    BuildOptions options{
        .name = LayerNameHere(root_->entry.name.empty() ? "model" : root_->entry.name),
        .seed = context_.options.seed};
    if (output_names_.size() == outputs_.size()) {
      UniqueNames unique;
      for (const std::string& name : output_names_)
        options.output_names.push_back(unique.Take(name));
    }
    // An output that is an input keeps the input's name.
    absl::flat_hash_set<const Expr*> inputs;
    for (const Value& input : inputs_) inputs.insert(input.expr().get());
    for (const Value& output : outputs_) {
      if (output.valid() && inputs.contains(output.expr().get())) options.output_names.clear();
    }
    NOMO_ASSIGN_OR_RETURN(imported_.model, BuildModel(inputs_, outputs_, options));
    return absl::OkStatus();
  }

  // Documentation and metadata.
  void Describe() {
    Model& model = imported_.model;
    if (!file_.keras_version.empty()) model.metadata["keras.version"] = file_.keras_version;
    if (!file_.backend.empty()) model.metadata["keras.backend"] = file_.backend;
    AddTraining(file_.training, model);
    AddWeightRules(*root_, model, imported_.report.warnings);
    for (Node& node : model.graph.nodes) {
      const auto doc = context_.docs.find(node.layer);
      if (doc == context_.docs.end()) continue;
      if (node.body.empty() && context_.options.registry->Find(node.op) != nullptr) continue;
      node.doc = doc->second;
      if (const auto function = model.functions.find(node.body); function != model.functions.end())
        function->second.graph.doc = doc->second;
    }
  }

  const KerasFile& file_;
  Misfits misfits_;
  Imported imported_;
  ImportContext context_;
  std::shared_ptr<LayerNode> root_;
  std::unique_ptr<NetworkCaller> network_;
  std::unique_ptr<ReadyLayer> users_model_;
  std::vector<Value> inputs_, outputs_;
  std::vector<std::string> output_names_;
  UniqueNames input_names_;
};

}  // namespace

absl::StatusOr<Imported> ImportFile(const KerasFile& file, const KerasImportOptions& options) {
  // Behind a Lambda whose result's shape nobody knows a layer's weights may not fit, nor do those
  // of an author's own class that is named as one of Keras'. Such a layer is then kept as a node
  // that names an op, so that the rest of the model can be looked at.
  std::map<std::string, std::string> opaque;
  for (int attempt = 0;; ++attempt) {
    Importer importer(file, options, opaque);
    auto imported = importer.Import();
    const std::map<std::string, std::string> more = importer.Opaque();
    if (more.empty() || attempt == kMostAttempts) return imported;
    opaque.insert(more.begin(), more.end());
  }
}

absl::StatusOr<Imported> Import(const std::string& path, const KerasImportOptions& options) {
  auto file = ReadKerasFile(path, options.weights);
  if (!file.ok()) return Annotate(file.status(), QuotedPath(path));
  auto imported = ImportFile(*file, options);
  if (!imported.ok()) return Annotate(imported.status(), QuotedPath(path));
  return imported;
}

absl::StatusOr<Imported> ImportBytes(absl::string_view bytes, std::shared_ptr<const void> owner,
                                     const KerasImportOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const KerasFile file,
                        ReadKerasBytes(bytes, std::move(owner), /*path=*/"", options.weights));
  return ImportFile(file, options);
}

absl::StatusOr<NamedOp> ParseNamedOp(absl::string_view text) {
  // A comma within brackets does not part two arguments.
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : text) {
    depth += (c == '[') - (c == ']');
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  NamedOp named{.op = parts[0]};
  const std::vector<absl::string_view> names = absl::StrSplit(named.op, '.');
  if (names.size() != 2 || names[0].empty() || names[1].empty())
    return InvalidArgument("expected an op such as acme.Op, found ", Quoted(named.op));
  LayerConfig values;
  for (size_t i = 1; i < parts.size(); ++i) {
    const size_t equals = parts[i].find('=');
    if (equals == std::string::npos || equals == 0)
      return InvalidArgument("expected argument=value, found ", Quoted(parts[i]));
    const std::string value = parts[i].substr(equals + 1);
    auto parsed = ParseJson(value);
    values.Set(parts[i].substr(0, equals), parsed.ok() ? *std::move(parsed) : ConfigValue(value));
  }
  named.attrs = AttributesOf(values);
  return named;
}

std::string ReportText(const KerasImportReport& report) {
  std::string text;
  for (const LambdaOutcome& lambda : report.lambdas) {
    const char* how = lambda.how == LambdaOutcome::How::kTranslated ? "translated, body of "
                      : lambda.how == LambdaOutcome::How::kNamed    ? "named "
                                                                    : "not translated, names ";
    absl::StrAppend(&text, Escape(lambda.layer), " (", lambda.origin, "): ", how, Escape(lambda.op),
                    "\n    ", absl::StrReplaceAll(lambda.source, {{"\n", "\n    "}}), "\n");
    for (const std::string& obstacle : lambda.obstacles)
      absl::StrAppend(&text, "  ! ", absl::StrReplaceAll(obstacle, {{"\n", "\n    "}}), "\n");
    if (!lambda.skeleton.empty()) {
      absl::StrAppend(
          &text, "  to be registered:\n    ",
          absl::StrReplaceAll(absl::StripSuffix(lambda.skeleton, "\n"), {{"\n", "\n    "}}), "\n");
    }
  }
  for (const std::string& warning : report.warnings)
    absl::StrAppend(&text, "warning: ", warning, "\n");
  return text;
}

}  // namespace nomograph::keras

#include "nomograph/inspect/check_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nomograph/core/compile/program.h"
#include "nomograph/core/graph/infer.h"
#include "nomograph/core/op/op.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"
#include "nomograph/inspect/compare_bodies.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/serialization/upgrade.h"

namespace nomograph {
namespace {

using Kind = Finding::Kind;

Kind KindOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return Kind::kMissingOp;
    case absl::StatusCode::kPermissionDenied:
      return Kind::kEffect;
    default:
      return Kind::kNoKernel;
  }
}

bool LeavesBatchOpen(const Graph& graph) {
  return std::any_of(graph.inputs.begin(), graph.inputs.end(),
                     [&](ValueId id) { return !graph.value(id).type.shape.fully_known(); });
}

class Checker {
 public:
  Checker(const OpRegistry& registry, const CheckOptions& options)
      : registry_(registry), options_(options) {}

  std::vector<Finding> Run(Model model, const absl::Status& damage) {
    AddFaults(Kind::kDamage, damage);
    CheckUpgrade(model);
    const size_t damaged = findings_.size();
    CheckOps(model);
    CheckTypes(model.functions, model.graph);
    const bool fits = std::none_of(findings_.begin() + damaged, findings_.end(),
                                   [](const Finding& f) { return IsFault(f.kind); });
    if (fits) CheckCompiles(model);
    if (fits && options_.compare_bodies) {
      for (Finding& f : CompareBodies(model, registry_, options_.resolve)) {
        findings_.push_back(std::move(f));
      }
    }
    return std::move(findings_);
  }

 private:
  void AddFaults(Kind kind, const absl::Status& status) {
    for (std::string& fault : SplitFaults(status))
      findings_.push_back({kind, "", std::move(fault)});
  }

  void CheckUpgrade(Model& model) {
    const auto report = UpgradeModel(model, registry_);
    AddFaults(Kind::kUpgrade, report.status());
    if (!report.ok()) return;
    for (const std::string& line : report->upgraded) {
      findings_.push_back({Kind::kUpgraded, "", line});
    }
  }

  void CheckTypes(const FunctionLibrary& functions, Graph graph) {
    AddFaults(Kind::kTypes, TypeInferrer(functions, registry_).InferGraph(graph));
  }

  void CheckOps(const Model& model) {
    for (const Resolution& r : ResolveModel(model, registry_, options_.resolve)) {
      if (!r.status.ok()) {
        findings_.push_back({KindOf(r.status), PlaceOf(r), std::string(r.status.message())});
        continue;
      }
      if (r.body.empty()) continue;
      if (r.as == ResolvedAs::kBody) {
        findings_.push_back({Kind::kBody, PlaceOf(r),
                             absl::StrCat("runs as the body @", Shown(r.body), " of the file")});
      } else {
        findings_.push_back({Kind::kFallback, PlaceOf(r),
                             absl::StrCat("runs as a kernel from ",
                                          r.provider.empty() ? "this program" : r.provider,
                                          "; where that is missing, the body @", Shown(r.body),
                                          " of the file runs")});
      }
    }
  }

  absl::Status Compile(const Model& model, const std::vector<TensorType>& inputs) {
    auto program = Program::Compile(
        model, model.graph, inputs, registry_,
        {.exact = options_.resolve.exact, .allowed_io = options_.resolve.allowed_io});
    if (program.ok() && !options_.resolve.exact) NoteSlowNodes(**program);
    return program.status();
  }

  // Much work that no fast kernel takes over, though the op has some.
  void NoteSlowNodes(const Program& program) {
    constexpr int64_t kMuch = 10'000'000;  // operations: some milliseconds
    const LoweredGraph& graph = program.graph();
    for (const Program::Step& step : program.steps()) {
      const LoweredNode& node = graph.nodes[step.node];
      if (step.kernel == nullptr || node.op->fast.empty()) continue;
      if (!absl::StartsWith(step.kernel->Describe(), "reference")) continue;
      const int64_t work = WorkOf(graph, node);
      if (work < kMuch) continue;
      findings_.push_back({Kind::kSlow, NodePlace(node.name, node.op->name),
                           "runs on the reference kernel: no fast one serves these types, shapes "
                           "and attributes"});
    }
  }

  static int64_t WorkOf(const LoweredGraph& graph, const LoweredNode& node) {
    std::vector<TensorType> inputs;
    std::vector<Tensor> constants;
    WorkSizes sizes;
    const auto elements = [&](ValueId id) {
      const PartialShape& shape = graph.types[id].shape;
      return shape.fully_known() ? shape.ToShape().num_elements() : 0;
    };
    for (const ValueId id : node.inputs) {
      inputs.push_back(id == kNoValue ? TensorType{} : graph.types[id]);
      constants.push_back(id == kNoValue ? Tensor() : graph.constants[id]);
      if (id != kNoValue) sizes.inputs = SaturatingAdd(sizes.inputs, elements(id));
    }
    for (const ValueId id : node.outputs) {
      if (id != kNoValue) sizes.outputs = SaturatingAdd(sizes.outputs, elements(id));
    }
    const InferContext context(node.attrs, inputs, constants,
                               static_cast<int>(node.outputs.size()));
    return EstimateWork(*node.op, context, sizes);
  }

  // Only for sizes that the model gives, and for batches that it leaves open: other sizes that are
  // made up may not be possible. A batch that does not fit the model is no fault of it.
  void CheckCompiles(const Model& model) {
    absl::Status first;
    for (const int64_t batch : options_.batches) {
      const auto inputs = ConcreteInputs(model.graph, {}, batch);
      if (!inputs.ok()) return;
      const absl::Status status = Compile(model, *inputs);
      if (!LeavesBatchOpen(model.graph)) return AddFaults(Kind::kCompile, status);
      if (status.ok() && first.ok()) return;
      if (status.ok()) {
        findings_.push_back({Kind::kSupposed, "",
                             absl::StrCat("the model compiles for a batch of ", batch, ", not of ",
                                          options_.batches[0], ": ", first.message())});
        return;
      }
      if (first.ok()) first = status;
    }
    if (first.ok()) return;
    AddFaults(Kind::kCompile, first);
    findings_.push_back({Kind::kSupposed, "",
                         absl::StrCat("the model leaves the batch open; it was compiled for ",
                                      absl::StrJoin(options_.batches, ", "))});
  }

  const OpRegistry& registry_;
  const CheckOptions& options_;
  std::vector<Finding> findings_;
};

}  // namespace

int64_t CountFaults(const std::vector<Finding>& findings) {
  return std::count_if(findings.begin(), findings.end(),
                       [](const Finding& f) { return IsFault(f.kind); });
}

bool IsFault(Finding::Kind kind) { return kind < Kind::kUpgraded; }

const char* FindingName(Finding::Kind kind) {
  static constexpr const char* kNames[] = {
      "damage",   "missing_op",   "effect",   "no_kernel", "upgrade",  "types",
      "compile",  "body_differs", "memory",   "no_form",   "upgraded", "body",
      "fallback", "not_compared", "supposed", "imported",  "slow"};
  return kNames[static_cast<int>(kind)];
}

std::vector<Finding> CheckModel(ModelFile file, const absl::Status& damage,
                                const OpRegistry& registry, const CheckOptions& options) {
  std::vector<Finding> findings = Checker(registry, options).Run(std::move(file.model), damage);
  for (const std::string& warning : file.warnings) {
    findings.push_back({Finding::Kind::kImported, "", warning});
  }
  return findings;
}

std::vector<std::string> SplitFaults(const absl::Status& status) {
  if (status.ok()) return {};
  std::vector<std::string> faults;
  // A list has a head line, and a line for each fault. What a fault says in further lines is
  // indented more. A fault that is alone may have several lines too, but then it begins with its
  // place: "node ...: ".
  const std::vector<std::string> lines = absl::StrSplit(status.message(), '\n');
  if (lines.size() == 1 || absl::StrContains(lines[0], ": "))
    return {std::string(status.message())};
  for (size_t i = 1; i < lines.size(); ++i) {
    if (absl::StartsWith(lines[i], "   ") && !faults.empty()) {
      absl::StrAppend(&faults.back(), "\n", lines[i]);
    } else {
      faults.emplace_back(absl::StripPrefix(lines[i], "  "));
    }
  }
  return faults;
}

}  // namespace nomograph

#include "nomograph/tools/report/program_text.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/table.h"

namespace nomograph {
namespace {

// A copy that changes a layout ahead of or behind what computes (core/onednn/onednn_kernel.h).
bool IsConversion(absl::string_view part) { return absl::StartsWith(part, "reorder "); }

struct KernelParts {
  std::vector<std::string> computing;
  int conversions = 0;
};

KernelParts PartsOf(absl::string_view description) {
  KernelParts parts;
  absl::ConsumePrefix(&description, "oneDNN ");
  const std::vector<absl::string_view> all = absl::StrSplit(description, " + ");
  for (const absl::string_view part : all) {
    if (IsConversion(part)) {
      ++parts.conversions;
    } else {
      parts.computing.emplace_back(part);
    }
  }
  return parts;
}

std::string DescriptionOf(const Program::Step& step) {
  return step.kernel ? step.kernel->Describe() : "";
}

std::string PlaceText(const Program& program, ValueId id) {
  const auto& value = program.plan().values[id];
  switch (value.storage) {
    case Storage::kInput:
      return "input";
    case Storage::kVariable:
      return "variable";
    case Storage::kConstant:
      return "constant";
    case Storage::kArena:
      return absl::StrCat("arena + ", WithSeparators(value.offset));
    case Storage::kResult:
      return "result";
    case Storage::kDynamic:
      break;
  }
  return "allocated when run";
}

const char* StorageName(Storage storage) {
  static constexpr const char* kNames[] = {"input", "variable", "constant",
                                           "arena", "result",   "dynamic"};
  return kNames[static_cast<int>(storage)];
}

Json FormNameJson(const NodeForm& form) { return form.name.empty() ? Json() : Json(form.name); }

struct Totals {
  int64_t fused = 0, conversions = 0, views = 0, measured = 0;
  std::vector<std::pair<std::string, int64_t>> kernels;  // how often, most often first
};

Totals TotalsOf(const Program& program) {
  Totals totals;
  std::map<std::string, int64_t> kernels;
  for (const Program::Step& step : program.steps()) {
    totals.fused += static_cast<int64_t>(program.graph().nodes[step.node].fused.size());
    const std::string description = DescriptionOf(step);
    totals.conversions += PartsOf(description).conversions;
    totals.measured += step.measured() ? 1 : 0;
    ++kernels[description.empty() ? "chosen when run"
                                  : absl::StrJoin(PartsOf(description).computing, " + ")];
  }
  const std::vector<bool>& views = program.plan().is_view;
  totals.views = std::count(views.begin(), views.end(), true);
  totals.kernels.assign(kernels.begin(), kernels.end());
  std::stable_sort(totals.kernels.begin(), totals.kernels.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return totals;
}

std::string TotalsText(const Program& program) {
  const Totals totals = TotalsOf(program);
  TextTable table({{""}, {"", false, /*wrap=*/true}}, 0);
  table.AddRow({"steps", absl::StrCat(program.steps().size(), ", with ",
                                      Counted(totals.fused, "node"), " fused into them and ",
                                      Counted(totals.views, "view"), " that cost nothing")});
  table.AddRow({"kernels", absl::StrJoin(totals.kernels, ", ", [](std::string* out, const auto& k) {
                  absl::StrAppend(out, k.second, "× ", k.first);
                })});
  table.AddRow({"conversions", absl::StrCat(totals.conversions, " of layouts")});
  if (totals.measured > 0) {
    table.AddRow({"forms", absl::StrCat(totals.measured,
                                        " as measured by nomo tune, the others as estimated")});
  }
  table.AddRow(
      {"memory", absl::StrCat("arena ", ReadableBytes(program.arena_bytes()), ", of which ",
                              ReadableBytes(program.peak_bytes()), " are live at once; ",
                              program.threads(), program.threads() == 1 ? " thread" : " threads")});
  return table.ToString();
}

}  // namespace

std::string ShortKernel(const std::string& description) {
  if (description.empty()) return "chosen when run";
  const KernelParts parts = PartsOf(description);
  return absl::StrCat(
      absl::StartsWith(description, "oneDNN ") ? "oneDNN " : "",
      absl::StrJoin(parts.computing, " + "),
      parts.conversions == 0 ? "" : absl::StrCat(", ", Counted(parts.conversions, "conversion")));
}

std::string FormText(const NodeForm& form, int usual) {
  const std::string name = form.name.empty() ? "as it is" : form.name;
  return form.threads == usual ? name : absl::StrCat(name, ", ", Counted(form.threads, "thread"));
}

std::string ProgramText(const Program& program) {
  using Column = TextTable::Column;
  TextTable table(
      {{"node"}, {"op"}, {"kernel"}, Column{"output", false, true}, Column{"place", false, true}});
  for (const Program::Step& step : program.steps()) {
    const LoweredNode& node = program.graph().nodes[step.node];
    std::vector<std::string> types, places;
    for (const ValueId id : node.outputs) {
      if (id == kNoValue) continue;
      types.push_back(program.graph().types[id].ToString());
      places.push_back(PlaceText(program, id));
    }
    table.AddRow({node.name, node.op->name, ShortKernel(DescriptionOf(step)),
                  absl::StrJoin(types, ", "), absl::StrJoin(places, ", ")});
    if (step.measured()) {
      table.AddNote(absl::StrCat("measured: ", FormText(step.form->form, program.threads())));
    }
    if (!node.fused.empty()) table.AddNote(absl::StrCat("with ", absl::StrJoin(node.fused, ", ")));
  }
  return absl::StrCat("Steps (", program.steps().size(), ")\n", table.ToString(), "\n",
                      TotalsText(program));
}

nlohmann::ordered_json ProgramJson(const Program& program) {
  Json steps = Json::array();
  for (const Program::Step& step : program.steps()) {
    const LoweredNode& node = program.graph().nodes[step.node];
    Json outputs = Json::array();
    for (const ValueId id : node.outputs) {
      if (id == kNoValue) continue;
      const ValuePlan& plan = program.plan().values[id];
      Json output = TypeJson(program.graph().types[id]);
      output["storage"] = StorageName(plan.storage);
      output["offset"] = plan.storage == Storage::kArena ? Json(plan.offset) : Json();
      outputs.push_back(std::move(output));
    }
    const std::string kernel = DescriptionOf(step);
    steps.push_back({{"node", node.name},
                     {"op", node.op->name},
                     {"kernel", kernel.empty() ? Json() : Json(kernel)},
                     {"form", step.form == nullptr ? Json() : FormNameJson(step.form->form)},
                     {"threads", step.form == nullptr ? Json() : Json(step.form->form.threads)},
                     {"measured", step.measured()},
                     {"conversions", kernel.empty() ? 0 : PartsOf(kernel).conversions},
                     {"fused", node.fused},
                     {"outputs", std::move(outputs)}});
  }
  const Totals totals = TotalsOf(program);
  Json kernels = Json::object();
  for (const auto& [kernel, count] : totals.kernels) kernels[kernel] = count;
  return {{"schema", "nomograph.program.1"},
          {"steps", std::move(steps)},
          {"fused_nodes", totals.fused},
          {"conversions", totals.conversions},
          {"views", totals.views},
          {"kernels", std::move(kernels)},
          {"measured", totals.measured},
          {"arena_bytes", program.arena_bytes()},
          {"peak_bytes", program.peak_bytes()},
          {"threads", program.threads()}};
}

}  // namespace nomograph

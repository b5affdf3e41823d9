#include "nomograph/tools/report/program_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/table.h"

namespace nomograph {
namespace {

std::string PlaceText(const Program& program, ValueId id) {
  const auto& value = program.plan().values[id];
  switch (value.storage) {
    case Storage::kInput:
      return "input";
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

}  // namespace

std::string ProgramText(const Program& program) {
  TextTable table({{"node"}, {"op"}, {"kernel"}, {"output"}, {"place"}});
  for (const Program::Step& step : program.steps()) {
    const LoweredNode& node = program.graph().nodes[step.node];
    std::vector<std::string> types, places;
    for (const ValueId id : node.outputs) {
      types.push_back(program.graph().types[id].ToString());
      places.push_back(PlaceText(program, id));
    }
    table.AddRow({node.name, node.op->name,
                  step.kernel ? step.kernel->Describe() : "chosen when shapes are known",
                  absl::StrJoin(types, ", "), absl::StrJoin(places, ", ")});
    if (!node.fused.empty()) table.AddNote(absl::StrCat("with ", absl::StrJoin(node.fused, ", ")));
  }
  return absl::StrCat("Steps (", program.steps().size(), ")\n", table.ToString(), "\narena ",
                      ReadableBytes(program.arena_bytes()), ", of which ",
                      ReadableBytes(program.peak_bytes()), " are live at once\n");
}

}  // namespace nomograph

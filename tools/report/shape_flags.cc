#include "nomograph/tools/report/shape_flags.h"

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/tools/usage.h"

namespace nomograph {

ShapeOptions AddShapeFlags(CLI::App& app, ShapeFlags& flags, const std::string& prefix) {
  CLI::Option* shape = AddRepeated(app, "--shape,--input", flags.shapes, "NAME=SHAPE",
                                   absl::StrCat(prefix, "the shape of an input, as x=1x28x28x1"));
  CLI::Option* batch =
      app.add_option("--batch", flags.batch, absl::StrCat(prefix, "rows of the other inputs"))
          ->type_name("N (default 1)")
          ->check(AtLeast(0));
  return {shape, batch};
}

absl::StatusOr<std::map<std::string, Shape>> ParseShapes(
    const Graph& graph, const std::vector<std::string>& shape_flags) {
  std::map<std::string, Shape> shapes;
  const NamedValues values(graph, graph.inputs);
  for (const std::string& flag : shape_flags) {
    const NamedArgument named = values.Split(flag);
    std::string name = named.name;
    if (name.empty() && graph.inputs.size() != 1) {
      return InvalidArgument("--shape ", flag, ": the model has ", graph.inputs.size(),
                             " inputs; write --shape NAME=SHAPE");
    }
    if (name.empty()) name = graph.value(graph.inputs[0]).name;
    NOMO_ASSIGN_OR_RETURN(shapes[name], ParseShape(named.rest));
  }
  return shapes;
}

}  // namespace nomograph

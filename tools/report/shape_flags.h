// --shape and --batch: the sizes that a model's inputs leave open.
#ifndef NOMOGRAPH_TOOLS_REPORT_SHAPE_FLAGS_H_
#define NOMOGRAPH_TOOLS_REPORT_SHAPE_FLAGS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/core/graph/graph.h"
#include "nomograph/tools/command.h"

namespace nomograph {

struct ShapeFlags {
  std::vector<std::string> shapes;  // "x=1x28x28x1", or "1x28x28x1" for the only input
  int64_t batch = 1;
};

// Declares --shape (with --input as another name for it) and --batch. `prefix` stands ahead of
// their help: "For --program: ".
struct ShapeOptions {
  CLI::Option *shape, *batch;
};
ShapeOptions AddShapeFlags(CLI::App& app, ShapeFlags& flags, const std::string& prefix = "");

// By the names of inputs. InvalidArgument for what is no shape, and where a name is missing.
absl::StatusOr<std::map<std::string, Shape>> ParseShapes(const Graph& graph,
                                                         const std::vector<std::string>& shapes);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_REPORT_SHAPE_FLAGS_H_

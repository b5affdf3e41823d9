// nomo graph: a picture of a model.
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/compare/diff.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/inspect/costs.h"
#include "nomograph/inspect/picture/dot.h"
#include "nomograph/inspect/picture/merged_graph.h"
#include "nomograph/inspect/picture/mermaid.h"
#include "nomograph/inspect/picture/picture.h"
#include "nomograph/inspect/picture/png_image.h"
#include "nomograph/inspect/picture/svg.h"
#include "nomograph/inspect/selector.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/run/new_file.h"
#include "nomograph/tools/run/write_outputs.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/progress.h"
#include "nomograph/tools/usage.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string path, selector, out, color = "op", direction = "down", values_path, diff,
                                   theme = "light";
  std::vector<std::string> expand, shapes;
  int depth = 0;
  int64_t batch = 1;
  double scale = 0, wrap = picture::PictureOptions().layout.wrap_above;
  bool all = false, constants = false, force = false;
};

constexpr const char* kForms[] = {".svg", ".png", ".dot", ".mmd"};

absl::Status CheckOutput(const Arguments& arguments) {
  bool known = false;
  for (const char* form : kForms) known |= absl::EndsWith(arguments.out, form);
  if (!known) {
    return WithExitCode(ExitCode::kUsage,
                        InvalidArgument("-o ", QuotedPath(arguments.out),
                                        ": a picture is written as .svg, .png, .dot (Graphviz) or "
                                        ".mmd (Mermaid)"));
  }
  return CheckNotThere(arguments.out, arguments.force);
}

// The part of a model that is drawn: one of its graphs, or some nodes of it.
struct Subject {
  const Graph* graph = nullptr;
  std::vector<bool> nodes;  // empty: all
};

absl::StatusOr<Subject> SubjectOf(const Model& model, const std::string& selector) {
  Subject subject = {.graph = &model.graph};
  if (selector.empty()) return subject;
  NOMO_ASSIGN_OR_RETURN(const Selection selection, Select(model, selector));
  const GraphSelection& first = selection.graphs.front();
  subject.graph = first.graph;
  subject.nodes.assign(first.graph->nodes.size(), false);
  bool all = true;
  for (const int node : first.WithProducers()) subject.nodes[node] = true;
  for (const bool chosen : subject.nodes) all &= chosen;
  if (all) subject.nodes.clear();
  return subject;
}

absl::Status ReadValues(const Arguments& arguments, picture::PictureOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const std::string text, ReadFile(arguments.values_path));
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return AtFile(arguments.values_path,
                  InvalidArgument("expected a JSON object of numbers by name of node"));
  }
  for (const auto& [name, value] : json.items()) {
    if (!value.is_number()) {
      return AtFile(
          arguments.values_path,
          InvalidArgument("node ", Quoted(name), ": expected a number, found ", value.type_name()));
    }
    options.values[name] = value.get<double>();
  }
  return absl::OkStatus();
}

// Multiply-accumulates, or bytes read and written, of every node.
absl::Status ComputeValues(const Model& model, const Arguments& arguments,
                           picture::PictureOptions& options) {
  std::map<std::string, Shape> shapes;
  const NamedValues values(model.graph, model.graph.inputs);
  for (const std::string& shape : arguments.shapes) {
    const NamedArgument named = values.Split(shape);
    std::string name = named.name;
    if (name.empty() && model.graph.inputs.size() == 1) {
      name = model.graph.value(model.graph.inputs[0]).name;
    }
    if (name.empty()) return InvalidArgument("--shape ", shape, ": write --shape NAME=SHAPE");
    NOMO_ASSIGN_OR_RETURN(shapes[name], ParseShape(named.rest));
  }
  const auto inputs = ConcreteInputs(model.graph, shapes, arguments.batch);
  if (!inputs.ok()) {
    return AtFile(arguments.path,
                  InvalidArgument("--color ", arguments.color, ": ", inputs.status().message(),
                                  "; --shape NAME=SHAPE gives the shape of an input"));
  }
  NOMO_ASSIGN_OR_RETURN(const ModelCosts costs, ComputeCosts(model, *inputs));
  for (size_t i = 0; i < costs.nodes.size(); ++i) {
    const NodeCost& cost = costs.nodes[i];
    const int64_t value = arguments.color == "macs"     ? cost.macs
                          : arguments.color == "params" ? cost.parameters
                                                        : cost.bytes_read + cost.bytes_written;
    options.values[model.graph.nodes[i].name] = static_cast<double>(value);
  }
  return absl::OkStatus();
}

absl::Status SetColors(const Model& model, const Arguments& arguments,
                       picture::PictureOptions& options) {
  if (!arguments.values_path.empty()) {
    options.value_name = arguments.color == "time" ? "ms" : "by value";
    NOMO_RETURN_IF_ERROR(WithExitCode(ExitCode::kUnreadable, ReadValues(arguments, options)));
    for (const Node& node : model.graph.nodes) {
      if (options.values.contains(node.name)) return absl::OkStatus();
    }
    return WithExitCode(
        ExitCode::kUsage,
        AtFile(arguments.values_path,
               InvalidArgument("no node of ", QuotedPath(arguments.path), " is named there")));
  }
  if (arguments.color == "op") return absl::OkStatus();
  if (arguments.color == "time") {
    return WithExitCode(
        ExitCode::kUsage,
        InvalidArgument(
            "--color time needs --values FILE, which `nomo profile --node-ms FILE` writes"));
  }
  options.value_name = arguments.color == "macs"     ? "multiply-accumulates"
                       : arguments.color == "params" ? "parameters"
                                                     : "bytes read and written";
  return WithExitCode(ExitCode::kUsage, ComputeValues(model, arguments, options));
}

// Puts what only the other model has into the graph, and marks what differs.
absl::Status AddOtherModel(const Arguments& arguments, Model& model,
                           picture::PictureOptions& options) {
  NOMO_ASSIGN_OR_RETURN(
      const ModelFile other,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.diff, /*upgrade=*/false)));
  ProgressBar progress("comparing weights");
  const ModelDiff diff = DiffModels(other.model, model, OpRegistry::Default(),
                                    {.descriptions = false, .progress = progress.callback()});
  picture::MergedGraph merged =
      picture::MergeGraphs(other.model.graph, model.graph, diff.graphs.front());
  model.graph = std::move(merged.graph);
  options.marks = std::move(merged.marks);
  return absl::OkStatus();
}

absl::StatusOr<std::string> Draw(const picture::Picture& picture, const Arguments& arguments) {
  if (absl::EndsWith(arguments.out, ".svg")) return picture::Svg(picture);
  if (absl::EndsWith(arguments.out, ".dot")) return picture::Dot(picture);
  if (absl::EndsWith(arguments.out, ".mmd")) return picture::Mermaid(picture);
  auto png = picture::Png(picture, {.scale = arguments.scale, .dark = arguments.theme == "dark"});
  // A library is missing.
  if (absl::IsUnavailable(png.status())) return WithExitCode(ExitCode::kCannotRun, png.status());
  return png;
}

// "resnet50.onnx", and what part of it.
std::string TitleOf(const Arguments& arguments) {
  if (arguments.path == "-") return arguments.selector;
  const auto file_of = [](const std::string& path) { return path.substr(path.rfind('/') + 1); };
  std::string title = file_of(arguments.path);
  if (!arguments.selector.empty()) absl::StrAppend(&title, "  ", arguments.selector);
  if (!arguments.diff.empty()) absl::StrAppend(&title, ", since ", file_of(arguments.diff));
  return title;
}

int64_t NumNodes(const picture::Hierarchy& hierarchy) {
  int64_t nodes = 0;
  for (const picture::Tree& tree : hierarchy.trees) nodes += tree.boxes[0].num_nodes;
  return nodes;
}

// "122 nodes, 25.6 M parameters"; of a part only the nodes.
std::string SizeOf(const Model& model, const picture::Hierarchy& hierarchy, bool is_part) {
  if (is_part) return Counted(hierarchy.main().boxes[0].num_nodes, "node");
  const std::string text = Counted(NumNodes(hierarchy), "node");
  const int64_t parameters = CountParameters(model).total();
  if (parameters == 0) return text;
  return absl::StrCat(text, ", ", ReadableCount(parameters), " parameters");
}

absl::Status Execute(const Arguments& arguments) {
  NOMO_RETURN_IF_ERROR(CheckOutput(arguments));
  NOMO_ASSIGN_OR_RETURN(
      ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.path, /*upgrade=*/false)));
  Model& model = file.model;
  picture::PictureOptions options = {.depth = arguments.all ? 1 << 20 : arguments.depth,
                                     .expand = arguments.expand};
  if (!arguments.diff.empty()) {
    NOMO_RETURN_IF_ERROR(AddOtherModel(arguments, model, options));
  }
  const auto subject = SubjectOf(model, arguments.selector);
  if (!subject.ok()) return WithExitCode(ExitCode::kUsage, AtFile(file.path, subject.status()));
  const OpRegistry& registry = OpRegistry::Default();
  const picture::Hierarchy hierarchy = picture::MakeHierarchy(
      model, registry,
      {.constants = arguments.constants, .nodes = subject->nodes, .root = subject->graph});
  if (arguments.direction == "right") options.layout.direction = picture::Direction::kRight;
  options.layout.wrap_above = arguments.wrap;
  options.title = TitleOf(arguments);
  options.subtitle = SizeOf(model, hierarchy, !arguments.selector.empty());
  NOMO_RETURN_IF_ERROR(SetColors(model, arguments, options));
  const auto picture = picture::MakePicture(hierarchy, registry, options);
  if (!picture.ok()) return WithExitCode(ExitCode::kUsage, AtFile(file.path, picture.status()));
  NOMO_ASSIGN_OR_RETURN(const std::string bytes,
                        WithExitCode(ExitCode::kUsage, Draw(*picture, arguments)));
  NOMO_RETURN_IF_ERROR(WriteNewFile(arguments.out, bytes, arguments.force));
  Print(absl::StrCat(Escape(arguments.out), ": ", picture->boxes.size() - 1, " boxes of ",
                     NumNodes(hierarchy), " nodes, scopes open to depth ", picture->depth, "\n"));
  return absl::OkStatus();
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  AddModelFile(app, arguments->path);
  app.add_option("SEL", arguments->selector,
                 "Only the nodes that this selects, such as '/layer1/**' or op:conv*")
      ->type_name("");
  app.add_option("-o,--output", arguments->out,
                 "The picture: .svg, .png, .dot (Graphviz) or .mmd (Mermaid)")
      ->required()
      ->type_name("FILE");
  app.add_option("--depth", arguments->depth,
                 "Scopes of so many levels, the deepest closed (default: as many levels as make "
                 "some 45 boxes)")
      ->type_name("N")
      ->check(Between(1, 1 << 20));
  app.add_flag("--all", arguments->all, "All scopes open, of equal blocks in a row the first");
  AddRepeated(app, "--expand", arguments->expand, "SCOPE", "A scope to open beside");
  app.add_option("--color", arguments->color,
                 "What colours mean: op, macs, bytes, params, or time (needs --values)")
      ->type_name("WHAT")
      ->check(CLI::IsMember({"op", "macs", "bytes", "params", "time"}));
  app.add_option("--values", arguments->values_path,
                 "JSON of numbers by name of node, to colour by")
      ->type_name("FILE");
  app.add_option("--diff", arguments->diff,
                 "Another model: colours say what FILE has more than it, less, or otherwise")
      ->type_name("OTHER");
  AddRepeated(app, "--shape", arguments->shapes, "NAME=SHAPE",
              "For macs and bytes: the shape of an input, as x=1x28x28x1");
  app.add_option("--batch", arguments->batch, "For macs and bytes: rows of the other inputs")
      ->type_name("N")
      ->check(AtLeast(0));
  app.add_option("--direction", arguments->direction, "Where the data flows: down or right")
      ->type_name("WHERE")
      ->check(CLI::IsMember({"down", "right"}));
  app.add_option("--wrap", arguments->wrap,
                 "What is longer, in pixels, is cut into columns side by side; 0: nothing "
                 "(default 1100)")
      ->type_name("N")
      ->check(NumberBetween(0, 1e9));
  app.add_flag("--constants", arguments->constants, "Also nodes computed from constants alone");
  app.add_option("--theme", arguments->theme, "Of a PNG: light or dark (SVG follows its reader)")
      ->type_name("THEME")
      ->check(CLI::IsMember({"light", "dark"}));
  app.add_option("--scale", arguments->scale,
                 "Of a PNG: its pixels for one of the picture (default 2)")
      ->type_name("N")
      ->check(NumberBetween(0.05, 16));
  app.add_flag("--force", arguments->force, "Replace a file that is there");
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"graph", "Draw a picture of the graph: SVG, PNG, DOT, Mermaid",
                                   SetUp});

}  // namespace
}  // namespace nomograph

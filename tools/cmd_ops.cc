// nomo ops: the ops that are known here.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/types/status.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/onnx_operators.h"
#include "nomograph/tools/report/op_doc.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string name;
  bool names = false, json = false, markdown = false, onnx = false;
};

void PrintOp(const Arguments& arguments, const OpRegistry& registry, const OpDef& op) {
  if (arguments.json) {
    PrintJson(OpJson(registry, op));
  } else {
    Print(arguments.markdown ? OpMarkdown(registry, op) : OpText(registry, op));
  }
}

void PrintList(const Arguments& arguments, const OpRegistry& registry,
               const std::vector<const OpDef*>& ops) {
  if (arguments.json) {
    PrintJson(OpListJson(registry, ops));
  } else {
    Print(arguments.markdown ? OpListMarkdown(ops) : OpListText(ops));
  }
}

absl::Status Execute(const Arguments& arguments) {
  const OpRegistry& registry = OpRegistry::Default();
  if (arguments.onnx) {
    Print(OnnxOperatorsMarkdown(registry));
    return absl::OkStatus();
  }
  if (const OpDef* op = registry.Find(arguments.name)) {
    PrintOp(arguments, registry, *op);
    return absl::OkStatus();
  }
  std::vector<const OpDef*> ops;
  for (const OpDef* op : registry.All()) {
    if (arguments.name.empty() || OpDomain(*op) == arguments.name) ops.push_back(op);
  }
  if (ops.empty()) return WithExitCode(ExitCode::kUsage, registry.NotFound(arguments.name, 0));
  if (arguments.names) {
    for (const OpDef* op : ops) Print(absl::StrCat(op->name, "\n"));
    return absl::OkStatus();
  }
  PrintList(arguments, registry, ops);
  return absl::OkStatus();
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("NAME", arguments->name,
                 "An op, as nn.Softmax, or a domain, as nn; all without it")
      ->type_name("");
  CLI::Option* json = app.add_flag(
      "--json", arguments->json,
      "As JSON (tools/JSON.md); of all ops it is the manifest that nomo check --target takes");
  CLI::Option* markdown =
      app.add_flag("--markdown", arguments->markdown, "As Markdown")->excludes(json);
  app.add_flag("--names", arguments->names, "Only the names, one a line")
      ->excludes(json)
      ->excludes(markdown);
  app.add_flag("--onnx", arguments->onnx, "The ONNX operators that are read, as a Markdown table")
      ->excludes(json)
      ->excludes(markdown);
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"ops", "List the ops that are known here, or describe one",
                                   SetUp});

}  // namespace
}  // namespace nomograph

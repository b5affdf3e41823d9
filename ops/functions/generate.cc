// generate DOMAIN HEADER SOURCE: writes the typed functions of the ops of that domain that are
// linked in.
#include <fstream>
#include <iostream>

#include "absl/strings/match.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/functions/header_writer.h"

int main(int argc, char** argv) {
  using namespace nomograph;
  if (argc != 4) {
    std::cerr << "usage: generate DOMAIN HEADER SOURCE\n";
    return 2;
  }
  const std::string domain = argv[1];
  std::vector<const OpDef*> ops;
  for (const OpDef* op : OpRegistry::Default().All()) {
    if (absl::StartsWith(op->name, domain + ".")) ops.push_back(op);
  }
  const auto sources = WriteFunctions(domain, ops);
  if (!sources.ok()) {
    std::cerr << sources.status().message() << "\n";
    return 1;
  }
  std::ofstream(argv[2]) << sources->header;
  std::ofstream(argv[3]) << sources->source;
  return 0;
}

// What would keep a model from running on another machine, or from being written for one: what
// `nomo check --target` tells.
#ifndef NOMOGRAPH_INSPECT_CHECK_TARGET_H_
#define NOMOGRAPH_INSPECT_CHECK_TARGET_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nomograph/inspect/check_model.h"

namespace nomograph {

struct ModelCosts;

// What a machine has, as `nomo ops --json` prints it there.
struct TargetManifest {
  struct Attr {
    AttrType type = AttrType::kInt;
    std::vector<std::string> choices;
  };
  struct Op {
    std::set<int> versions;
    std::map<std::string, DTypeSet> types;  // by type variable
    // The type variable, or dtype, of each input; the last holds for further ones where it is
    // variadic.
    std::vector<std::string> inputs;
    bool variadic = false;
    std::map<std::string, Attr> attributes;
    bool runs = true;  // it has a kernel or a body
  };
  std::string name;  // of the file, for messages
  std::map<std::string, Op, std::less<>> ops;
  std::optional<int64_t> memory_bytes;  // that a run may take
};

// Nodes of the main graph and of functions whose op, version, dtypes or attributes the target
// lacks, and, where `costs` are given, whether weights and activations fit its memory. A node with
// a body in the file runs as that body, whose nodes are checked like all.
std::vector<Finding> CheckAgainst(const Model& model, const TargetManifest& target,
                                  const ModelCosts* costs);

// Everything of the model that ONNX's opset of that version has no form for; the file is not
// written.
std::vector<Finding> CheckOpset(const Model& model, int opset);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_CHECK_TARGET_H_

#include "nomograph/tools/report/op_doc.h"

#include <algorithm>
#include <limits>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/serialization/keras/python/names.h"
#include "nomograph/tools/text/numbers.h"

namespace nomograph {
namespace {

// KnownName::as of functions of Python's libraries.
constexpr absl::string_view kPython = "python";

constexpr size_t kMaxOneLine = 100;

std::string PortList(const std::vector<Port>& ports) {
  return absl::StrJoin(ports, ", ", [](std::string* out, const Port& port) {
    switch (port.kind) {
      case Port::Kind::kRequired:
        out->append(port.name);
        break;
      case Port::Kind::kOptional:
        absl::StrAppend(out, "[", port.name, "]");
        break;
      case Port::Kind::kVariadic:
        absl::StrAppend(out, port.name, "...");
        break;
    }
  });
}

std::string Limits(const AttrDef& attr) {
  if (!attr.choices.empty()) {
    return absl::StrCat("one of ", absl::StrJoin(attr.choices, ", ",
                                                 [](std::string* out, const std::string& choice) {
                                                   absl::StrAppend(out, "\"", choice, "\"");
                                                 }));
  }
  if (attr.min && attr.max) {
    return absl::StrCat("in [", ShortNumber(*attr.min), ", ", ShortNumber(*attr.max), "]");
  }
  if (attr.min) return absl::StrCat("at least ", ShortNumber(*attr.min));
  if (attr.max) return absl::StrCat("at most ", ShortNumber(*attr.max));
  return "";
}

// How hard an example is to read: elements, and those of other dtypes than float32 count double.
int64_t ReadingCost(const Example& example) {
  int64_t cost = 0;
  for (const auto* tensors : {&example.inputs, &example.outputs}) {
    for (const Tensor& tensor : *tensors) {
      if (!tensor.valid()) continue;
      const bool plain = tensor.dtype() == DType::kFloat32 || tensor.dtype() == DType::kInt64;
      cost += (plain ? 1 : 2) * std::max<int64_t>(tensor.num_elements(), 4);
    }
  }
  return cost + (example.functions.empty() && example.variables.empty() ? 0 : 1000);
}

}  // namespace

std::string OpSignature(const OpDef& op) {
  std::string text = absl::StrCat(PortList(op.outputs), " = ", op.name, "(", PortList(op.inputs));
  for (size_t i = 0; i < op.attrs.size(); ++i) {
    const AttrDef& attr = op.attrs[i];
    const bool first_argument = i == 0 && op.inputs.empty();
    absl::StrAppend(&text,
                    first_argument ? ""
                    : i == 0       ? "; "
                                   : ", ",
                    attr.name,
                    attr.default_value ? absl::StrCat("=", attr.default_value->ToString()) : "");
  }
  return text + ")";
}

std::string OpOneLine(const OpDef& op) {
  std::string line = op.doc.substr(0, op.doc.find('\n'));
  for (size_t end = line.find(". "); end != std::string::npos; end = line.find(". ", end + 1)) {
    const bool abbreviation =
        end > 0 && (line.compare(end - 1, 1, "g") == 0 || line.compare(end - 1, 1, "e") == 0) &&
        end > 1 && line[end - 2] == '.';  // "e.g. ", "i.e. "
    if (abbreviation) continue;
    line.resize(end);
    break;
  }
  if (!line.empty() && (line.back() == '.' || line.back() == ':')) line.pop_back();
  if (line.size() <= kMaxOneLine) return line;
  const size_t space = line.rfind(' ', kMaxOneLine);
  return absl::StrCat(line.substr(0, space == std::string::npos ? kMaxOneLine : space), " ...");
}

std::string AttrRule(const AttrDef& attr) {
  const std::string limits = Limits(attr);
  const std::string presence = attr.default_value
                                   ? absl::StrCat("= ", attr.default_value->ToString())
                               : attr.optional ? "optional"
                                               : "required";
  return limits.empty() ? presence : absl::StrCat(presence, ", ", limits);
}

std::vector<int> OpVersions(const OpRegistry& registry, const OpDef& op) {
  std::vector<int> versions;
  const OpDef* newest = registry.Find(op.name);
  for (int version = 1; newest != nullptr && version <= newest->version; ++version) {
    if (registry.Find(op.name, version) != nullptr) versions.push_back(version);
  }
  return versions;
}

std::vector<std::string> OpPythonNames(const OpDef& op) {
  std::vector<std::string> names;
  for (const KnownName& known : op.known) {
    if (known.as != kPython) continue;
    for (std::string& name : keras::ExpandNames(known.name)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string OpPythonText(const OpDef& op) {
  std::map<std::string, std::vector<std::string>> modules;  // by function
  for (const std::string& name : OpPythonNames(op)) {
    const size_t dot = name.rfind('.');
    modules[name.substr(dot + 1)].push_back(name.substr(0, dot));
  }
  // Functions that are in the same modules together.
  std::vector<std::pair<std::string, std::vector<std::string>>> groups;  // modules, functions
  for (auto& [function, in] : modules) {
    std::sort(in.begin(), in.end());
    const std::string joined = absl::StrJoin(in, ", ");
    const auto group = std::find_if(groups.begin(), groups.end(),
                                    [&](const auto& other) { return other.first == joined; });
    if (group == groups.end()) {
      groups.push_back({joined, {function}});
    } else {
      group->second.push_back(function);
    }
  }
  std::vector<std::string> parts;
  for (const auto& [in, functions] : groups) {
    parts.push_back(absl::StrCat(absl::StrJoin(functions, ", "), " of ", in));
  }
  return absl::StrJoin(parts, "; ");
}

std::vector<std::string> OpKnownAs(const OpDef& op) {
  std::vector<std::string> names;
  for (const KnownName& known : op.known) {
    if (known.as == kPython) continue;
    names.push_back(
        absl::StrCat(known.as == "onnx" ? "ONNX" : known.as, " ", known.name,
                     known.since == 1 ? "" : absl::StrCat(" (opset ", known.since, ")")));
  }
  return names;
}

std::string OpImplementations(const OpDef& op) {
  std::vector<std::string> parts;
  if (op.reference) parts.push_back("reference kernel");
  if (!op.fast.empty())
    parts.push_back(Counted(static_cast<int64_t>(op.fast.size()), "fast kernel"));
  if (op.body) parts.push_back("body");
  return absl::StrJoin(parts, ", ");
}

std::string OpDomain(const OpDef& op) { return op.name.substr(0, op.name.rfind('.')); }

std::optional<Example> PickExample(const OpDef& op) {
  if (!op.examples) return std::nullopt;
  const std::vector<Example> examples = op.examples();
  const auto best = std::min_element(
      examples.begin(), examples.end(),
      [](const Example& a, const Example& b) { return ReadingCost(a) < ReadingCost(b); });
  if (best == examples.end()) return std::nullopt;
  return *best;
}

}  // namespace nomograph

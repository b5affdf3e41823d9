#include "nomograph/inspect/concrete_types.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {

absl::StatusOr<TensorType> ConcreteType(const TensorType& type, int64_t batch) {
  if (!type.shape.has_rank()) return InvalidArgument(type.ToString(), " leaves the rank open");
  TensorType concrete = type;
  for (int axis = 0; axis < type.shape.rank(); ++axis) {
    if (type.shape[axis].known()) continue;
    if (axis > 0) {
      const std::string& symbol = type.shape[axis].symbol();
      return InvalidArgument("the size of axis ", axis,
                             symbol.empty() ? "" : absl::StrCat(" (", Shown(symbol), ")"), " of ",
                             type.ToString(), " is open");
    }
    concrete.shape[axis] = batch;
  }
  NOMO_RETURN_IF_ERROR(concrete.shape.ToShape().CheckedNumElements().status());
  return concrete;
}

absl::StatusOr<std::vector<TensorType>> ConcreteInputs(const Graph& graph,
                                                       const std::map<std::string, Shape>& shapes,
                                                       int64_t batch) {
  std::vector<TensorType> types;
  for (const ValueId id : graph.inputs) {
    const ValueInfo& value = graph.value(id);
    const std::string place = absl::StrCat("input ", Quoted(value.name));
    const auto given = shapes.find(value.name);
    if (given == shapes.end()) {
      auto type = ConcreteType(value.type, batch);
      if (!type.ok()) return Annotate(type.status(), place);
      types.push_back(*std::move(type));
    } else if (!Matches(given->second, value.type.shape)) {
      return InvalidArgument(place, ": expected ", value.type.shape.ToString(), ", found ",
                             given->second.ToString());
    } else {
      types.push_back({value.type.dtype, given->second});
    }
  }
  if (shapes.empty()) return types;
  const NamedValues inputs(graph, graph.inputs);
  for (const auto& [name, shape] : shapes) {
    if (inputs.Find(name) == kNoValue) return NoSuchValue(graph, graph.inputs, "input", name);
  }
  return types;
}

absl::StatusOr<Shape> ParseShape(absl::string_view text) {
  Shape shape;
  for (const absl::string_view part : absl::StrSplit(text, 'x')) {
    int64_t size = 0;
    if (!absl::SimpleAtoi(part, &size) || size < 0 || shape.rank() == kMaxRank) {
      return InvalidArgument(Quoted(text), " is no shape; write it as 1x28x28x1");
    }
    shape.Append(size);
  }
  NOMO_RETURN_IF_ERROR(shape.CheckedNumElements().status());
  return shape;
}

NamedValues::NamedValues(const Graph& graph, const std::vector<ValueId>& values) {
  by_name_.reserve(values.size());
  for (const ValueId id : values) {
    const std::string& name = graph.value(id).name;
    by_name_.emplace(name, id);
    longest_ = std::max(longest_, name.size());
  }
}

ValueId NamedValues::Find(absl::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? kNoValue : found->second;
}

NamedArgument NamedValues::Split(const std::string& argument) const {
  for (size_t end = argument.rfind('=', longest_); end != std::string::npos;) {
    std::string name = argument.substr(0, end);
    if (const ValueId value = Find(name); value != kNoValue) {
      return {value, std::move(name), argument.substr(end + 1)};
    }
    end = end == 0 ? std::string::npos : argument.rfind('=', end - 1);
  }
  const size_t equals = argument.find('=');
  const bool is_path = argument.find('/') < equals;  // a '=' in a path names nothing
  if (equals == std::string::npos || is_path) return {kNoValue, "", argument};
  return {kNoValue, argument.substr(0, equals), argument.substr(equals + 1)};
}

std::string ShellWord(absl::string_view word) {
  const auto is_plain = [](char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("_-./:=,+%", c);
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) return std::string(word);
  if (Escape(word) == word) {
    return absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "'");
  }
  // What a terminal must not see: every byte in the form that $'' knows.
  std::string bytes;
  for (const char c : word) {
    if (is_plain(c)) {
      bytes += c;
    } else {
      absl::StrAppendFormat(&bytes, "\\%03o", static_cast<uint8_t>(c));
    }
  }
  return absl::StrCat("$'", bytes, "'");
}

absl::Status NoSuchValue(const Graph& graph, const std::vector<ValueId>& values,
                         absl::string_view what, absl::string_view name) {
  const std::string names = absl::StrJoin(values, ", ", [&](std::string* out, ValueId id) {
    absl::StrAppend(out, Quoted(graph.value(id).name));
  });
  return absl::NotFoundError(absl::StrCat("there is no ", what, " ", Quoted(name),
                                          values.size() == 1 ? "; the only " : "; there are the ",
                                          what, values.size() == 1 ? " is " : "s ", names));
}

}  // namespace nomograph

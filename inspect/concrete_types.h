// Sizes for what the types of a model's inputs leave open.
#ifndef NOMOGRAPH_INSPECT_CONCRETE_TYPES_H_
#define NOMOGRAPH_INSPECT_CONCRETE_TYPES_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nomograph/core/graph/graph.h"

namespace nomograph {

// The type with `batch` for an open axis 0. InvalidArgument where another axis, or the rank, is
// open.
absl::StatusOr<TensorType> ConcreteType(const TensorType& type, int64_t batch);

// The types of the graph's inputs: those that `shapes` names (by input) with that shape, the others
// as above. NotFound for a name that is no input, InvalidArgument for a shape that does not fit;
// each error names the input.
absl::StatusOr<std::vector<TensorType>> ConcreteInputs(const Graph& graph,
                                                       const std::map<std::string, Shape>& shapes,
                                                       int64_t batch);

// "1x28x28x1". InvalidArgument for anything else, and for more than 2^62 elements.
absl::StatusOr<Shape> ParseShape(absl::string_view text);

// NotFound with the right names.
absl::Status NoSuchValue(const Graph& graph, const std::vector<ValueId>& values,
                         absl::string_view what, absl::string_view name);

// "NAME=REST", where NAME is one of the values: names of other frameworks have '/', ':' and even
// '=' in them. The longest such name counts. Without one, what stands before the first '=' is the
// name, unless it has a '/' and so begins a path. kNoValue and the whole argument as `rest` where
// there is no name.
struct NamedArgument {
  ValueId value = kNoValue;
  std::string name;  // also one that no value has; empty when there is none
  std::string rest;
};

// Some of a graph's values by name; the first of a name that comes twice. The graph must outlive
// the object.
class NamedValues {
 public:
  NamedValues(const Graph& graph, const std::vector<ValueId>& values);
  // kNoValue when there is none.
  ValueId Find(absl::string_view name) const;
  NamedArgument Split(const std::string& argument) const;

 private:
  absl::flat_hash_map<absl::string_view, ValueId> by_name_;
  size_t longest_ = 0;  // of the names
};

// `word` as a shell takes it: in quotes where it has more than letters, digits and harmless marks.
// For commands in hints.
std::string ShellWord(absl::string_view word);

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_CONCRETE_TYPES_H_

// Who makes and who reads the values of a graph.
#ifndef NOMOGRAPH_INSPECT_NEIGHBOURS_H_
#define NOMOGRAPH_INSPECT_NEIGHBOURS_H_

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "nomograph/core/graph/graph.h"

namespace nomograph {

// Made once for a graph, in linear time; the graph must outlive it and stay as it is.
class Neighbours {
 public:
  enum class Source { kNode, kInput, kWeight, kNone };

  explicit Neighbours(const Graph& graph);

  // The node that makes the value; -1 where none does.
  int ProducerOf(ValueId value) const { return producer_[value]; }
  // The nodes that read it, ascending, each once.
  absl::Span<const int> UsersOf(ValueId value) const;
  Source SourceOf(ValueId value) const;
  // Null unless the value is a weight.
  const Weight* WeightOf(ValueId value) const;
  bool IsOutput(ValueId value) const { return is_output_[value]; }

 private:
  const Graph& graph_;
  std::vector<int> producer_, users_;
  std::vector<size_t> first_user_;
  std::vector<bool> is_input_, is_output_;
  absl::flat_hash_map<ValueId, const Weight*> weights_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_INSPECT_NEIGHBOURS_H_

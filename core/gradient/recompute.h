// Recomputation: parts of a graph whose values are computed a second time on the way back, so that
// they need not be kept until then (T. Chen et al., "Training Deep Nets with Sublinear Memory
// Cost", 2016). Internal to Gradients().
#ifndef NOMOGRAPH_CORE_GRADIENT_RECOMPUTE_H_
#define NOMOGRAPH_CORE_GRADIENT_RECOMPUTE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "nomograph/core/build/expr.h"

namespace nomograph {

class Recomputation {
 public:
  // `order`: all expressions, inputs first. `part` names the part to which a node belongs, "" for
  // none.
  Recomputation(const std::vector<std::shared_ptr<const Expr>>& order,
                const std::function<std::string(const Node& node)>& part);

  // The expression as it is computed again, which is no earlier than `gradient` is there; itself
  // where it belongs to no part. InvalidArgument for a node that draws random numbers and has no
  // name to draw them by.
  absl::StatusOr<std::shared_ptr<const Expr>> Again(const std::shared_ptr<const Expr>& expr,
                                                    const Value& gradient);

 private:
  absl::Status Write(const std::vector<std::shared_ptr<const Expr>>& part, const Value& gradient);
  // What stands for the value in the second computation.
  Value Late(const Value& value, const Value& gradient);

  std::map<std::string, std::vector<std::shared_ptr<const Expr>>> parts_;
  absl::flat_hash_map<const Expr*, std::string> part_of_;
  absl::flat_hash_map<const Expr*, std::shared_ptr<const Expr>> again_;
  absl::flat_hash_map<std::pair<const Expr*, int>, Value> late_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_GRADIENT_RECOMPUTE_H_

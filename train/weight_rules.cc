#include "nomograph/train/weight_rules.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {

bool SelectsWeight(absl::string_view selector, absl::string_view weight) {
  while (absl::EndsWith(selector, "/")) selector.remove_suffix(1);
  if (selector.empty()) return true;
  return absl::StartsWith(weight, selector) &&
         (weight.size() == selector.size() || weight[selector.size()] == '/' ||
          weight[selector.size()] == '.');
}

absl::StatusOr<WeightRules> RulesOf(const Model& model) {
  WeightRules rules;
  ErrorList errors;
  for (const auto& [key, text] : model.metadata) {
    const std::string place = absl::StrCat("metadata ", Quoted(key));
    absl::string_view weight = key;
    if (absl::ConsumePrefix(&weight, kRegularizerKey)) {
      const auto regularizer = RegularizerFromText(text);
      errors.Add(regularizer.status(), place);
      if (regularizer.ok()) rules.regularizers.push_back({std::string(weight), *regularizer});
    } else if (absl::ConsumePrefix(&weight, kConstraintKey)) {
      const auto constraint = ConstraintFromText(text);
      errors.Add(constraint.status(), place);
      if (constraint.ok()) rules.constraints.push_back({std::string(weight), *constraint});
    }
  }
  NOMO_RETURN_IF_ERROR(errors.ToStatus("the model's rules for weights are wrong"));
  return rules;
}

}  // namespace nomograph

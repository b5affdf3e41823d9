#include "nomograph/inspect/verify_model.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/inspect/compare/tensor_difference.h"

namespace nomograph {
namespace {

GoldenResult Replay(const GoldenVector& golden, bool exact, Session& session) {
  GoldenResult result{.name = golden.name, .exact = exact};
  session.ResetVariables();
  auto outputs = session.Run(
      golden.inputs, {.training = golden.training, .seed = golden.seed, .step = golden.step});
  if (!outputs.ok()) {
    result.status = outputs.status();
    return result;
  }
  ErrorList errors;
  for (const auto& [name, expected] : golden.outputs) {
    const Tensor& actual = (*outputs)[name];
    errors.Add(AllClose(actual, expected.expected, expected.rtol, expected.atol),
               absl::StrCat("output ", Quoted(name)));
    if (actual.shape() != expected.expected.shape()) continue;
    const TensorDifference difference = MeasureDifference(actual, expected.expected, {});
    result.max_difference = std::max(result.max_difference, difference.max_abs);
  }
  result.status = errors.ToStatus("outputs differ");
  return result;
}

}  // namespace

absl::StatusOr<std::vector<GoldenResult>> ReplayGoldenVectors(
    const std::shared_ptr<const Model>& model, const SessionOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session, Session::Create(model, options));
  std::vector<GoldenResult> results;
  for (const GoldenVector& golden : model->golden_vectors) {
    results.push_back(Replay(golden, options.exact, *session));
    results.back().source = SourceOfGolden(*model, golden.name);
  }
  return results;
}

}  // namespace nomograph

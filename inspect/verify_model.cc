#include "nomograph/inspect/verify_model.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace {

double MaxDifference(const Tensor& actual, const Tensor& expected) {
  double greatest = 0;
  for (int64_t i = 0; i < actual.num_elements(); ++i) {
    const double a = actual.AsDouble(i), e = expected.AsDouble(i);
    if (a == e || (std::isnan(a) && std::isnan(e))) continue;
    const double difference = std::abs(a - e);
    if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
    greatest = std::max(greatest, difference);
  }
  return greatest;
}

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
    if (actual.shape() == expected.expected.shape()) {
      result.max_difference =
          std::max(result.max_difference, MaxDifference(actual, expected.expected));
    }
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
  }
  return results;
}

}  // namespace nomograph

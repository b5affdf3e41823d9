#include "nomograph/inspect/golden.h"

#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

constexpr absl::string_view kExternal = "external";

std::string SourceKey(absl::string_view golden) {
  return absl::StrCat("golden_vector/", golden, "/source");
}

absl::Status CheckName(const Model& model, const std::string& name) {
  if (name.empty()) return InvalidArgument("a golden vector needs a name");
  for (const GoldenVector& golden : model.golden_vectors) {
    if (golden.name != name) continue;
    return absl::AlreadyExistsError(
        absl::StrCat("the model has a golden vector ", Quoted(name), " already"));
  }
  return absl::OkStatus();
}

absl::Status Add(Model& model, GoldenVector golden, const GoldenSource& source) {
  const std::string name = golden.name;
  model.golden_vectors.push_back(std::move(golden));
  if (absl::Status status = VerifyModel(model); !status.ok()) {
    model.golden_vectors.pop_back();
    return status;
  }
  SetSourceOfGolden(model, name, source);
  return absl::OkStatus();
}

}  // namespace

GoldenSource SourceOfGolden(const Model& model, absl::string_view golden) {
  const auto found = model.metadata.find(SourceKey(golden));
  if (found == model.metadata.end()) return {};
  absl::string_view text = found->second;
  if (text == kRecordedSource) return {GoldenSource::Kind::kRecorded, ""};
  if (!absl::ConsumePrefix(&text, kExternal)) return {};
  if (text.empty()) return {GoldenSource::Kind::kExternal, ""};
  if (!absl::ConsumePrefix(&text, ": ")) return {};
  return {GoldenSource::Kind::kExternal, std::string(text)};
}

std::string GoldenSourceText(const GoldenSource& source) {
  switch (source.kind) {
    case GoldenSource::Kind::kUnknown:
      return "not said";
    case GoldenSource::Kind::kRecorded:
      return std::string(kRecordedSource);
    case GoldenSource::Kind::kExternal:
      return source.what.empty() ? std::string(kExternal)
                                 : absl::StrCat(kExternal, ": ", source.what);
  }
  return "";
}

void SetSourceOfGolden(Model& model, absl::string_view golden, const GoldenSource& source) {
  if (source.kind == GoldenSource::Kind::kUnknown) {
    model.metadata.erase(SourceKey(golden));
  } else {
    model.metadata[SourceKey(golden)] = GoldenSourceText(source);
  }
}

absl::Status RecordGolden(Model& model, const Model& runnable, const std::string& name,
                          const NamedTensors& inputs, const GoldenTolerance& tolerance,
                          const RunOptions& run) {
  NOMO_RETURN_IF_ERROR(CheckName(model, name));
  NOMO_ASSIGN_OR_RETURN(const auto session, Session::Create(runnable, {.exact = true}));
  NOMO_ASSIGN_OR_RETURN(const NamedTensors outputs, session->Run(inputs, run));
  GoldenVector golden{
      .name = name, .inputs = inputs, .training = run.training, .seed = run.seed, .step = run.step};
  for (const auto& [output, tensor] : outputs) {
    golden.outputs[output] = {tensor, tolerance.rtol, tolerance.atol};
  }
  return Add(model, std::move(golden), {GoldenSource::Kind::kRecorded, ""});
}

absl::Status AddExternalGolden(Model& model, const std::string& name, const NamedTensors& inputs,
                               const NamedTensors& expected, const std::string& what,
                               const GoldenTolerance& tolerance) {
  NOMO_RETURN_IF_ERROR(CheckName(model, name));
  if (expected.empty()) return InvalidArgument("there are no expected outputs");
  GoldenVector golden{.name = name, .inputs = inputs};
  for (const auto& [output, tensor] : expected) {
    golden.outputs[output] = {tensor, tolerance.rtol, tolerance.atol};
  }
  return Add(model, std::move(golden), {GoldenSource::Kind::kExternal, what});
}

}  // namespace nomograph

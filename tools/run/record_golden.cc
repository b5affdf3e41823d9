#include "nomograph/tools/run/record_golden.h"

#include <sys/stat.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/names.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/npz.h"
#include "nomograph/inspect/open.h"
#include "nomograph/inspect/verify_model.h"
#include "nomograph/serialization/model_io.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/run/model_inputs.h"
#include "nomograph/tools/run/write_outputs.h"
#include "nomograph/tools/text/numbers.h"

namespace nomograph {
namespace {

absl::Status Usage(absl::Status status) {
  return WithExitCode(ExitCode::kUsage, std::move(status));
}

int64_t FileBytes(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 ? info.st_size : 0;
}

std::string FreeName(const Model& model, const std::string& wish) {
  if (!wish.empty()) return wish;
  UniqueNames names;
  for (const GoldenVector& golden : model.golden_vectors) names.Reserve(golden.name);
  return names.Take("golden");
}

// `model` is as the file has it, `runnable` brought up to date.
absl::Status AddTestData(const RecordArguments& arguments, Model& model) {
  auto sets = ReadOnnxTestData(arguments.test_data, model.graph);
  if (!sets.ok()) return WithExitCode(ExitCode::kUnreadable, sets.status());
  for (GoldenVector& golden : *sets) {
    NamedTensors expected;
    GoldenTolerance tolerance;
    for (const auto& [name, output] : golden.outputs) {
      expected[name] = output.expected;
      tolerance = {output.rtol, output.atol};
    }
    NOMO_RETURN_IF_ERROR(Usage(
        AddExternalGolden(model, golden.name, golden.inputs, expected,
                          arguments.from.empty() ? "ONNX test data" : arguments.from, tolerance)));
  }
  return absl::OkStatus();
}

absl::Status AddOne(const RecordArguments& arguments, Model& model, const Model& runnable) {
  const std::string name = FreeName(model, arguments.name);
  NOMO_ASSIGN_OR_RETURN(const NamedTensors inputs,
                        ReadModelInputs(model.graph, arguments.inputs, {.batch = 1}));
  if (arguments.expect.empty()) {
    const absl::Status recorded = RecordGolden(model, runnable, name, inputs, arguments.tolerance);
    return absl::IsAlreadyExists(recorded)
               ? Usage(recorded)
               : WithExitCode(ExitCode::kCannotRun, AtFile(arguments.path, recorded));
  }
  NOMO_ASSIGN_OR_RETURN(const NamedTensors expected,
                        WithExitCode(ExitCode::kUnreadable, ReadNpz(arguments.expect)));
  return Usage(Annotate(
      AddExternalGolden(model, name, inputs, expected, arguments.from, arguments.tolerance),
      QuotedPath(arguments.expect)));
}

// A line for each golden vector that was added, run in fast mode.
absl::StatusOr<std::string> Describe(const RecordArguments& arguments, const Model& model,
                                     Model runnable, size_t first) {
  runnable.golden_vectors.assign(model.golden_vectors.begin() + static_cast<ptrdiff_t>(first),
                                 model.golden_vectors.end());
  const auto shared = std::make_shared<const Model>(std::move(runnable));
  const auto results =
      ReplayGoldenVectors(shared, {.exact = false, .allowed_io = arguments.allowed_io});
  if (!results.ok()) {
    return WithExitCode(ExitCode::kCannotRun, AtFile(arguments.path, results.status()));
  }
  std::string text;
  for (size_t i = 0; i < results->size(); ++i) {
    const GoldenVector& golden = shared->golden_vectors[i];
    int64_t bytes = 0;
    for (const auto& [name, tensor] : golden.inputs) bytes += tensor.num_bytes();
    for (const auto& [name, output] : golden.outputs) bytes += output.expected.num_bytes();
    absl::StrAppend(&text, Quoted(golden.name), ": ",
                    Counted(static_cast<int64_t>(golden.inputs.size()), "input"), ", ",
                    Counted(static_cast<int64_t>(golden.outputs.size()), "output"), ", ",
                    ReadableBytes(bytes), "; ",
                    EscapeLines(GoldenSourceText(SourceOfGolden(model, golden.name))), "\n");
    absl::StrAppendFormat(&text, "  fast mode here is off by %.2g at most%s\n",
                          (*results)[i].max_difference,
                          (*results)[i].status.ok() ? "" : ", which is out of tolerance");
  }
  return text;
}

}  // namespace

absl::StatusOr<std::string> RecordGoldenInFile(const RecordArguments& arguments) {
  if (arguments.output.empty()) {
    return Usage(InvalidArgument("--record needs --output FILE, which may be the model itself"));
  }
  if (ModelFormOf(arguments.output) == ModelForm::kOnnx) {
    return Usage(InvalidArgument("--output ", QuotedPath(arguments.output),
                                 ": ONNX files hold no golden vectors; write .nomo"));
  }
  // Who names the model twice means to replace it.
  const bool force = arguments.force || arguments.output == arguments.path;
  NOMO_RETURN_IF_ERROR(CheckNotThere(arguments.output, force));
  const auto file = OpenFile(arguments.path, {.upgrade = false});
  if (!file.ok()) return WithExitCode(ExitCode::kUnreadable, file.status());
  NOMO_ASSIGN_OR_RETURN(
      const Model runnable,
      WithExitCode(ExitCode::kUnreadable, Open(arguments.path, {.upgrade = true})));
  Model model = file->model;
  const size_t first = model.golden_vectors.size();
  NOMO_RETURN_IF_ERROR(arguments.test_data.empty() ? AddOne(arguments, model, runnable)
                                                   : AddTestData(arguments, model));
  NOMO_ASSIGN_OR_RETURN(std::string text, Describe(arguments, model, runnable, first));
  const int64_t before = file->bytes;
  NOMO_RETURN_IF_ERROR(WithExitCode(ExitCode::kUnwritable, Save(model, arguments.output)));
  const int64_t after = FileBytes(arguments.output);
  absl::StrAppend(&text, "wrote ", Escape(arguments.output), ": ", ReadableBytes(after));
  if (file->form == ModelFormOf(arguments.output)) {
    absl::StrAppend(&text, ", ", ReadableBytes(std::max<int64_t>(after - before, 0)), " more");
  }
  return text + "\n";
}

}  // namespace nomograph

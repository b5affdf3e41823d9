// nomo convert: from one form of file to another.
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/keras_flags.h"
#include "nomograph/tools/report/import_print.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/report/open_with_progress.h"
#include "nomograph/tools/report/save_model.h"
#include "nomograph/tools/text/numbers.h"
#include "nomograph/tools/text/progress.h"
#include "nomograph/tools/text/terminal.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string from;
  SaveFlags save;
};

const char* FormTitle(ModelForm form) {
  switch (form) {
    case ModelForm::kOnnx:
      return "ONNX";
    case ModelForm::kKeras:
      return "Keras";
    case ModelForm::kBinary:
    case ModelForm::kText:
      break;
  }
  return ModelFormName(form);
}

absl::Status Execute(const Arguments& arguments) {
  NOMO_RETURN_IF_ERROR(CheckDestination(arguments.save, arguments.from));
  NOMO_ASSIGN_OR_RETURN(
      const ModelFile file,
      WithExitCode(ExitCode::kUnreadable, OpenWithProgress(arguments.from, /*upgrade=*/false)));
  {
    // The new file has new checksums: they must not hide damage.
    ProgressBar progress("checking payloads");
    const absl::Status payloads = VerifyPayloads(file, progress.callback());
    if (!payloads.ok()) {
      return WithExitCode(ExitCode::kUnreadable, AtFile(arguments.from, payloads));
    }
  }
  for (const std::string& warning : file.warnings) {
    std::fprintf(stderr, "nomo convert: warning: %s\n", Escape(warning).c_str());
  }
  if (arguments.save.path != "-" && !arguments.save.json) {
    Print(absl::StrCat("read ", Escape(arguments.from), "  ", ReadableBytes(file.bytes), ", ",
                       FormTitle(file.form), "\n"));
    if (file.onnx) {
      for (const std::string& line : ImportLines(*file.onnx, /*types=*/true)) {
        Print(Paragraph(line, 2));
      }
    }
  }
  Json told = {{"schema", "nomograph.convert.1"},
               {"file", arguments.from},
               {"bytes", file.bytes},
               {"form", ModelFormName(file.form)},
               {"warnings", file.warnings}};
  if (file.onnx) told["import"] = ImportJson(*file.onnx);
  return SaveModel(file.model, arguments.save, arguments.from, std::move(told));
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("IN", arguments->from, "The file to read; - is standard input")
      ->required()
      ->type_name("");
  app.add_option("OUT", arguments->save.path,
                 "The file to write: .nomo (binary), .nomo.txtpb (text) or .onnx (ONNX); - is "
                 "standard output")
      ->required()
      ->type_name("");
  AddSaveFlags(app, arguments->save);
  AddKerasFlags(app);
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"convert", "Turn a model into another form: binary, text, ONNX",
                                   SetUp});

}  // namespace
}  // namespace nomograph

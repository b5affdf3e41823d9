#include "nomograph/tools/run/precision_flag.h"

#include "absl/strings/str_cat.h"
#include "nomograph/core/onednn/bfloat16.h"
#include "nomograph/tools/text/note.h"

namespace nomograph {

CLI::Option* AddPrecisionFlag(CLI::App& app, Precision& precision, const std::string& what) {
  return app
      .add_option_function<std::string>(
          "--precision",
          [&precision](const std::string& name) {
            precision = name == "bfloat16" ? Precision::kBFloat16 : Precision::kFloat32;
          },
          absl::StrCat(what, " float32 (the default) or bfloat16"))
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->type_name("DTYPE");
}

std::string EmulationText(Precision precision) {
  if (precision != Precision::kBFloat16 || HasBFloat16()) return "";
  return "bfloat16 is emulated on this machine: slower than float32";
}

void NoteEmulation(const std::string& command, Precision precision) {
  const std::string text = EmulationText(precision);
  if (!text.empty()) PrintNote(command, text);
}

}  // namespace nomograph

#include "nomograph/tools/keras_flags.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/json.h"
#include "nomograph/tools/exit_code.h"

namespace nomograph {
namespace {

constexpr char kGroup[] = "For Keras models";

struct Flags {
  std::vector<std::string> lambdas, defines;
  std::string lambdas_file, weights;
};
Flags& TheFlags() {
  static auto* flags = new Flags;
  return *flags;
}

CLI::Option* Repeated(CLI::App& app, const char* flag, std::vector<std::string>& values,
                      const char* value_name, const char* help) {
  return app.add_option(flag, values, help)
      ->allow_extra_args(false)
      ->type_name(value_name)
      ->group(kGroup);
}

// "NAME=REST"
absl::StatusOr<std::pair<std::string, std::string>> Split(absl::string_view text) {
  const size_t equals = text.find('=');
  if (equals == text.npos || equals == 0)
    return InvalidArgument("expected NAME=…, found ", Quoted(text));
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

absl::Status AddLambda(absl::string_view text, keras::KerasImportOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const auto parts, Split(text));
  NOMO_ASSIGN_OR_RETURN(options.lambdas[parts.first], keras::ParseNamedOp(parts.second));
  return absl::OkStatus();
}

absl::Status AddDefine(absl::string_view text, keras::KerasImportOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const auto parts, Split(text));
  const auto value = keras::ParseJson(parts.second);
  options.defines[parts.first] = value.ok() ? *value : ConfigValue(parts.second);
  return absl::OkStatus();
}

// A line a layer, as --lambda has it; empty lines and those that begin with '#' say nothing.
absl::Status AddLambdasOf(const std::string& path, keras::KerasImportOptions& options) {
  NOMO_ASSIGN_OR_RETURN(const std::string text,
                        WithExitCode(ExitCode::kUnreadable, ReadFile(path)));
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    const absl::string_view stripped = absl::StripAsciiWhitespace(line);
    if (stripped.empty() || stripped[0] == '#') continue;
    NOMO_RETURN_IF_ERROR(
        Annotate(AddLambda(stripped, options), absl::StrCat(QuotedPath(path), ":", number)));
  }
  return absl::OkStatus();
}

}  // namespace

void AddKerasFlags(CLI::App& app) {
  Flags& flags = TheFlags();
  Repeated(app, "--lambda", flags.lambdas, "LAYER=OP",
           "The op that a layer's function is, as lambda_1=acme.Op,scale=2");
  app.add_option("--lambda-file", flags.lambdas_file, "A file with many of them, one a line")
      ->type_name("FILE")
      ->group(kGroup);
  Repeated(app, "--define", flags.defines, "NAME=VALUE",
           "What a global name in Lambdas stands for: JSON, or a known call");
  app.add_option("--weights-file", flags.weights,
                 "The file of weights, in place of the one beside FILE")
      ->type_name("FILE")
      ->group(kGroup);
}

absl::StatusOr<keras::KerasImportOptions> KerasOptionsOfFlags() {
  const Flags& flags = TheFlags();
  keras::KerasImportOptions options{.weights = flags.weights};
  if (!flags.lambdas_file.empty()) NOMO_RETURN_IF_ERROR(AddLambdasOf(flags.lambdas_file, options));
  for (const std::string& text : flags.lambdas)
    NOMO_RETURN_IF_ERROR(Annotate(AddLambda(text, options), "--lambda"));
  for (const std::string& text : flags.defines)
    NOMO_RETURN_IF_ERROR(Annotate(AddDefine(text, options), "--define"));
  return options;
}

}  // namespace nomograph

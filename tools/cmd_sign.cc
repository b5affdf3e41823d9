// nomo sign: signs model files, and makes the keys for it.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/open.h"
#include "nomograph/inspect/sign.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"
#include "nomograph/tools/report/json_values.h"
#include "nomograph/tools/run/write_outputs.h"

namespace nomograph {
namespace {

struct Arguments {
  std::string path, key, output, new_key;
  bool force = false, json = false;
};

absl::Status MakeKey(const std::string& path, bool json) {
  const std::string public_path = path + ".pub";
  const absl::Status made = GenerateSigningKey(path, public_path);
  if (absl::IsAlreadyExists(made)) return WithExitCode(ExitCode::kUsage, made);
  NOMO_RETURN_IF_ERROR(WithExitCode(ExitCode::kUnwritable, made));
  if (json) {
    PrintJson({{"schema", "nomograph.sign.1"}, {"private_key", path}, {"public_key", public_path}});
    return absl::OkStatus();
  }
  Print(absl::StrCat("wrote ", Escape(path), ", which is to stay secret, and ", Escape(public_path),
                     ", which is for everybody\n"));
  return absl::OkStatus();
}

absl::Status Sign(const Arguments& arguments) {
  const std::string output = arguments.output.empty() ? arguments.path + ".sig" : arguments.output;
  NOMO_RETURN_IF_ERROR(CheckNotThere(output, arguments.force));
  // What does not open is no model, and a signature would vouch for it all the same.
  const auto file = OpenFile(arguments.path, {.upgrade = false});
  if (!file.ok()) return WithExitCode(ExitCode::kUnreadable, file.status());
  const auto signed_file = SignFile(arguments.path, arguments.key, output);
  if (!signed_file.ok()) return WithExitCode(ExitCode::kUnreadable, signed_file.status());
  if (arguments.json) {
    PrintJson({{"schema", "nomograph.sign.1"},
               {"file", arguments.path},
               {"signature", output},
               {"bytes", signed_file->bytes},
               {"sha256", signed_file->sha256},
               {"key", signed_file->key_id}});
    return absl::OkStatus();
  }
  Print(absl::StrCat("wrote ", Escape(output), ": it covers all ",
                     ReadableBytes(signed_file->bytes), " of ", Escape(signed_file->name),
                     "\n  sha256 ", signed_file->sha256, "\n  key    ", signed_file->key_id, "\n"));
  if (file->form == ModelForm::kOnnx) {
    Print("  weights that an ONNX model keeps in other files are not covered\n");
  }
  return absl::OkStatus();
}

absl::Status Execute(const Arguments& arguments) {
  if (!arguments.new_key.empty()) {
    if (!arguments.path.empty()) {
      return WithExitCode(ExitCode::kUsage, InvalidArgument("--new-key takes no model"));
    }
    return MakeKey(arguments.new_key, arguments.json);
  }
  if (arguments.path.empty() || arguments.key.empty()) {
    return WithExitCode(ExitCode::kUsage,
                        InvalidArgument("give a model and --key FILE; --new-key FILE makes one"));
  }
  return Sign(arguments);
}

Action SetUp(CLI::App& app) {
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("FILE", arguments->path, "The model, of any form")->type_name("");
  app.add_option("--key", arguments->key, "The private key: Ed25519, PEM, readable by you alone")
      ->type_name("FILE");
  app.add_option("-o,--output", arguments->output,
                 "The signature: an OpenSSF Model Signing bundle (default: FILE.sig)")
      ->type_name("FILE.sig");
  app.add_option("--new-key", arguments->new_key,
                 "Make a key pair instead: FILE, and FILE.pub for those who verify")
      ->type_name("FILE");
  app.add_flag("--force", arguments->force, "Write over a signature that is there");
  app.add_flag("--json", arguments->json, "Tell what was written as JSON (tools/JSON.md)");
  return [arguments] { return Execute(*arguments); };
}

const CommandRegistrar kRegistrar({"sign", "Sign a model file, or make a key for it", SetUp});

}  // namespace
}  // namespace nomograph

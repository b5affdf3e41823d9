#include "nomograph/tools/usage.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/types/attributes.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/tools/text/numbers.h"

namespace nomograph {
namespace {

std::vector<std::string> FlagsOf(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back(absl::StrCat("--", name));
    for (const std::string& name : option->get_snames()) flags.push_back(absl::StrCat("-", name));
  }
  return flags;
}

bool IsFlag(absl::string_view argument) {
  // "-" is standard input, "-1" a number.
  return argument.size() > 1 && argument[0] == '-' && !absl::ascii_isdigit(argument[1]);
}

// The app that reads what stands behind the command.
const CLI::App& Innermost(const CLI::App& app) {
  const auto subcommands = app.get_subcommands();
  return subcommands.empty() ? app : *subcommands[0];
}

// Of one letter nothing is near; what begins with it may be meant.
std::string NearestFlags(const std::string& name, const std::vector<std::string>& flags) {
  if (name.size() > 2) return DidYouMean(name, flags);
  std::vector<std::string> begin;
  for (const std::string& flag : flags) {
    if (absl::StartsWith(flag, absl::StrCat("-", name))) begin.push_back(flag);
  }
  if (begin.empty() || begin.size() > 3) return "";
  return absl::StrCat(" (did you mean ", absl::StrJoin(begin, ", "), "?)");
}

std::string ExplainExtras(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App& inner = Innermost(app);
  std::vector<std::string> flags = FlagsOf(inner);
  if (&inner != &app) {
    for (std::string& flag : FlagsOf(app)) flags.push_back(std::move(flag));
  }
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (!IsFlag(argument)) continue;
    const std::string name = argument.substr(0, argument.find('='));
    if (std::find(flags.begin(), flags.end(), name) != flags.end()) continue;
    // "-ix.npy": a short flag with its value.
    if (name[1] != '-' && std::find(flags.begin(), flags.end(), name.substr(0, 2)) != flags.end()) {
      continue;
    }
    return absl::StrCat("there is no flag ", Quoted(name), NearestFlags(name, flags));
  }
  const std::vector<std::string> rest = app.remaining(/*recurse=*/true);
  if (rest.empty()) return "there is an argument too many";
  return absl::StrCat("nothing takes the argument ", Quoted(rest.front()));
}

}  // namespace

CLI::Validator Between(int64_t least, int64_t greatest) {
  return CLI::Validator(
      [least, greatest](std::string& text) -> std::string {
        int64_t number = 0;
        if (!absl::SimpleAtoi(text, &number)) {
          return absl::StrCat(Quoted(text), " is no whole number");
        }
        if (number < least) return absl::StrCat(number, " is less than ", least);
        if (number > greatest) return absl::StrCat(number, " is more than ", greatest);
        return "";
      },
      "");
}

CLI::Validator AtLeast(int64_t least) { return Between(least, int64_t{1} << 40); }

CLI::Validator NumberBetween(double least, double greatest) {
  return CLI::Validator(
      [least, greatest](std::string& text) -> std::string {
        double number = 0;
        if (!absl::SimpleAtod(text, &number) || std::isnan(number)) {
          return absl::StrCat(Quoted(text), " is no number");
        }
        if (number < least) return absl::StrCat(text, " is less than ", ShortNumber(least));
        if (number > greatest) return absl::StrCat(text, " is more than ", ShortNumber(greatest));
        return "";
      },
      "");
}

CLI::Validator SizeInBytes() {
  CLI::Validator validator(
      [](std::string& text) -> std::string {
        std::string number = absl::AsciiStrToUpper(text);
        if (absl::EndsWith(number, "B")) number.pop_back();
        if (absl::EndsWith(number, "I")) number.pop_back();
        constexpr absl::string_view kUnits = "KMGT";
        int shift = 0;
        if (!number.empty() && absl::StrContains(kUnits, number.back())) {
          shift = 10 * static_cast<int>(kUnits.find(number.back()) + 1);
          number.pop_back();
        }
        double size = 0;
        if (!absl::SimpleAtod(number, &size) || !(size > 0) ||
            std::ldexp(size, shift) > std::ldexp(1.0, 62)) {
          return absl::StrCat(Quoted(text), " is no size: write bytes, or 512M, 4G");
        }
        text = absl::StrCat(static_cast<int64_t>(std::ldexp(size, shift)));
        return "";
      },
      "");
  return validator;
}

std::string ExplainUsage(const CLI::App& app, const CLI::ParseError& error,
                         const std::vector<std::string>& arguments) {
  const std::string what = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr)
    return ExplainExtras(app, arguments);
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr &&
      absl::StrContains(what, "subcommand")) {
    // A flag that is none may hide that there is no command.
    for (const std::string& argument : arguments) {
      if (IsFlag(argument)) return ExplainExtras(app, arguments);
    }
    return "a command is missing";
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    return absl::StrCat(what.substr(0, what.find(':')), " needs a value");
  }
  return what;
}

}  // namespace nomograph

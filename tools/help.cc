#include "nomograph/tools/help.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "nomograph/tools/text/terminal.h"

namespace nomograph {
namespace {

constexpr size_t kLeastHelpWidth = 30;

// "N" of "N:INT in [1 - 5]": what a value must be is said when one is not.
std::string ValueName(const CLI::Option* option) {
  std::string name = option->get_type_name();
  for (const char* check : {":INT in ", ":FLOAT in ", ":UINT in "}) {
    name = name.substr(0, name.find(check));
  }
  return std::string(absl::StripPrefix(name, "TEXT:"));
}

std::string Names(const std::set<CLI::Option*>& options) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options) names.push_back(option->get_name());
  std::sort(names.begin(), names.end());
  return absl::StrJoin(names, ", ");
}

}  // namespace

HelpFormatter::HelpFormatter(size_t width) : width_(width) {
  column_width(static_cast<size_t>(std::min<size_t>(34, width / 3)));
  label("SUBCOMMAND", "COMMAND");
}

std::string HelpFormatter::make_group(std::string group, bool is_positional,
                                      std::vector<const CLI::Option*> options) const {
  // CLI11 writes an empty line ahead of all groups but the first of flags.
  const bool is_first = is_positional || group == "Options";
  std::string text = absl::StrCat(is_first ? "\n" : "", group, ":\n");
  for (const CLI::Option* option : options) text += make_option(option, is_positional);
  return text;
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  std::string name = make_option_name(option, is_positional);
  if (option->get_type_size() != 0) {
    const std::string value = ValueName(option);
    if (!value.empty()) absl::StrAppend(&name, value == "..." ? "" : " ", value);
  }
  std::string help = option->get_description();
  if (!option->get_excludes().empty()) {
    absl::StrAppend(&help, "; not with ", Names(option->get_excludes()));
  }
  if (!option->get_needs().empty()) absl::StrAppend(&help, "; with ", Names(option->get_needs()));
  if (option->get_required() && !is_positional) absl::StrAppend(&help, "; required");
  if (option->get_expected_max() > 1 && !is_positional) absl::StrAppend(&help, " (repeatable)");
  return Entry(name, help);
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  return Entry(command->get_name(), command->get_description());
}

std::string HelpFormatter::Entry(const std::string& name, const std::string& help) const {
  const size_t column = get_column_width();
  std::string text = absl::StrCat("  ", name);
  if (text.size() + 2 > column) {
    absl::StrAppend(&text, "\n", std::string(column, ' '));
  } else {
    text.resize(column, ' ');
  }
  const size_t room = width_ == 0 ? 0 : std::max(kLeastHelpWidth, width_ - column);
  const std::vector<std::string> lines = WrappedLines(help, room);
  absl::StrAppend(&text, absl::StrJoin(lines, absl::StrCat("\n", std::string(column, ' '))), "\n");
  return text;
}

}  // namespace nomograph

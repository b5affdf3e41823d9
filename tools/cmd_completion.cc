// nomo completion, nomo man: what a shell and a manual page need to know, from the definitions of
// the commands themselves.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/exit_code.h"

namespace nomograph {
namespace {

const CLI::App& Root(const CLI::App& app) { return *app.get_parent(); }

std::vector<const CLI::App*> CommandsOf(const CLI::App& root) {
  return root.get_subcommands([](const CLI::App*) { return true; });
}

// "--input", "-i"
std::vector<std::string> NamesOf(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_lnames()) names.push_back(absl::StrCat("--", name));
  for (const std::string& name : option.get_snames()) names.push_back(absl::StrCat("-", name));
  return names;
}

std::vector<const CLI::Option*> FlagsOf(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return option->nonpositional(); });
}

std::vector<std::string> AllFlags(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : FlagsOf(app)) {
    for (std::string& name : NamesOf(*option)) flags.push_back(std::move(name));
  }
  return flags;
}

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

std::string CommandNames(const CLI::App& root) {
  return absl::StrCat(absl::StrJoin(CommandsOf(root), " ",
                                    [](std::string* out, const CLI::App* command) {
                                      out->append(command->get_name());
                                    }),
                      " help");
}

// Words after a flag that takes a value, and those that are no flags, are files.
std::string Bash(const CLI::App& root) {
  std::string cases;
  for (const CLI::App* command : CommandsOf(root)) {
    absl::StrAppend(&cases, "    ", command->get_name(), ") flags='",
                    absl::StrJoin(AllFlags(*command), " "), "' ;;\n");
  }
  return absl::StrCat(
      "# bash completion for nomo: source <(nomo completion bash)\n"
      "_nomo() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} flags=''\n"
      "  COMPREPLY=()\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ] && [[ $word != -* ]]; then\n"
      "    COMPREPLY=($(compgen -W '",
      CommandNames(root),
      "' -- \"$word\"))\n"
      "    return\n"
      "  fi\n"
      "  case ${COMP_WORDS[1]} in\n"
      "    ops) [[ $word == -* ]] || COMPREPLY=($(compgen -W \"$(nomo ops --names 2>/dev/null)\" "
      "-- "
      "\"$word\")) ;;&\n"
      "    completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$word\")) ;;&\n",
      cases, "    *) flags='", absl::StrJoin(AllFlags(root), " "),
      "' ;;\n"
      "  esac\n"
      "  [[ $word != -* ]] || COMPREPLY=($(compgen -W \"$flags ",
      absl::StrJoin(AllFlags(root), " "),
      "\" -- \"$word\"))\n"
      "}\n"
      "complete -o default -o bashdefault -F _nomo nomo\n");
}

// In single quotes; zsh's _arguments gives brackets and colons a meaning.
std::string ZshText(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"'", "'\\''"}, {"[", "\\["}, {"]", "\\]"}, {":", "\\:"}, {"`", ""}, {"\n", " "}});
}

std::string Zsh(const CLI::App& root) {
  std::string commands, cases;
  for (const CLI::App* command : CommandsOf(root)) {
    absl::StrAppend(&commands, "    '", command->get_name(), ":",
                    ZshText(command->get_description()), "'\n");
    absl::StrAppend(&cases, "    ", command->get_name(), ")\n      _arguments");
    for (const CLI::Option* option : FlagsOf(*command)) {
      for (const std::string& name : NamesOf(*option)) {
        absl::StrAppend(&cases, " \\\n        '*", name, "[", ZshText(option->get_description()),
                        "]", TakesValue(*option) ? ":value:_files" : "", "'");
      }
    }
    absl::StrAppend(&cases, " \\\n        '*:file:_files'\n      ;;\n");
  }
  return absl::StrCat(
      "#compdef nomo\n"
      "# zsh completion for nomo: nomo completion zsh > \"${fpath[1]}/_nomo\"\n"
      "_nomo() {\n"
      "  local -a commands\n"
      "  commands=(\n",
      commands,
      "  )\n"
      "  if (( CURRENT == 2 )); then\n"
      "    _describe command commands\n"
      "    return\n"
      "  fi\n"
      "  local command=$words[2]\n"
      "  shift words\n"
      "  (( CURRENT-- ))\n"
      "  case $command in\n",
      cases,
      "  esac\n"
      "}\n"
      "compdef _nomo nomo\n");
}

std::string FishText(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}, {"\n", " "}});
}

std::string Fish(const CLI::App& root) {
  std::string text =
      "# fish completion for nomo: nomo completion fish | source\n"
      "complete -c nomo -n __fish_use_subcommand -f\n";
  for (const CLI::App* command : CommandsOf(root)) {
    const std::string& name = command->get_name();
    absl::StrAppend(&text, "complete -c nomo -n __fish_use_subcommand -a ", name, " -d '",
                    FishText(command->get_description()), "'\n");
    for (const CLI::Option* option : FlagsOf(*command)) {
      absl::StrAppend(&text, "complete -c nomo -n '__fish_seen_subcommand_from ", name, "'");
      for (const std::string& flag : option->get_lnames()) absl::StrAppend(&text, " -l ", flag);
      for (const std::string& flag : option->get_snames()) absl::StrAppend(&text, " -s ", flag);
      absl::StrAppend(&text, TakesValue(*option) ? " -r" : "", " -d '",
                      FishText(option->get_description()), "'\n");
    }
  }
  return text;
}

// What roff gives a meaning: a backslash, and a dot or a quote at the start of a line.
std::string Roff(absl::string_view text) {
  std::string escaped = absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}});
  std::vector<std::string> lines = absl::StrSplit(escaped, '\n');
  for (std::string& line : lines) {
    if (!line.empty() && (line[0] == '.' || line[0] == '\'')) line.insert(0, "\\&");
  }
  return absl::StrJoin(lines, "\n");
}

std::string ManFlags(const CLI::App& app) {
  std::string text;
  for (const CLI::Option* option : FlagsOf(app)) {
    const std::string value = TakesValue(*option) ? option->get_type_name() : "";
    absl::StrAppend(&text, ".TP\n\\fB", Roff(absl::StrJoin(NamesOf(*option), ", ")), "\\fR",
                    value.empty() ? "" : absl::StrCat(" \\fI", Roff(value), "\\fR"), "\n",
                    Roff(option->get_description()), "\n");
  }
  return text;
}

std::string Man(const CLI::App& root) {
  std::string text =
      absl::StrCat(".TH NOMO 1\n.SH NAME\nnomo \\- ", Roff(root.get_description()),
                   "\n.SH SYNOPSIS\n.B nomo\n.I COMMAND\n[\\fIARGUMENTS\\fR]\n.SH OPTIONS\n",
                   ManFlags(root), ".SH COMMANDS\n");
  for (const CLI::App* command : CommandsOf(root)) {
    std::string arguments;
    for (const CLI::Option* option : command->get_options()) {
      if (option->nonpositional()) continue;
      const std::string name = option->get_name(/*positional=*/true);
      absl::StrAppend(&arguments, " \\fI", option->get_required() ? name : "[" + name + "]",
                      "\\fR");
    }
    absl::StrAppend(&text, ".SS \"nomo ", command->get_name(), "\"\n.PP\n\\fBnomo ",
                    command->get_name(), "\\fR", arguments, "\n.PP\n",
                    Roff(command->get_description()), ".\n", ManFlags(*command));
  }
  return absl::StrCat(text, ".SH EXIT STATUS\n.nf\n", Roff(kExitCodesHelp), "\n.fi\n");
}

Action SetUpCompletion(CLI::App& app) {
  const auto shell = std::make_shared<std::string>();
  app.add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->type_name("")
      ->check(CLI::Validator(
          [](std::string& text) {
            const bool known = text == "bash" || text == "zsh" || text == "fish";
            return known ? std::string() : "expected bash, zsh or fish";
          },
          ""));
  return [shell, &app] {
    const CLI::App& root = Root(app);
    Print(*shell == "bash" ? Bash(root) : *shell == "zsh" ? Zsh(root) : Fish(root));
    return absl::OkStatus();
  };
}

Action SetUpMan(CLI::App& app) {
  return [&app] {
    Print(Man(Root(app)));
    return absl::OkStatus();
  };
}

const CommandRegistrar kCompletion({"completion",
                                    "Print a script that completes commands and flags in a shell",
                                    SetUpCompletion});
const CommandRegistrar kMan({"man", "Print the manual page: nomo man | man -l -", SetUpMan});

}  // namespace
}  // namespace nomograph

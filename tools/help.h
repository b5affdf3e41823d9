// How --help looks.
#ifndef NOMOGRAPH_TOOLS_HELP_H_
#define NOMOGRAPH_TOOLS_HELP_H_

#include <cstddef>
#include <string>

#include "CLI/CLI.hpp"

namespace nomograph {

// Fits lines to `width` columns: a flag and what its value is called, its description wrapped
// beside it, and what it needs or excludes behind that.
class HelpFormatter : public CLI::Formatter {
 public:
  explicit HelpFormatter(size_t width);

  std::string make_group(std::string group, bool is_positional,
                         std::vector<const CLI::Option*> options) const override;
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_subcommand(const CLI::App* command) const override;

 private:
  // "  name       help, in lines"
  std::string Entry(const std::string& name, const std::string& help) const;

  size_t width_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_HELP_H_

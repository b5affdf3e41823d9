#include "nomograph/tools/run/picture_arguments.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/tools/run/typed_values.h"

namespace nomograph {
namespace {

// Numbers and "random" are not looked for among folders: ./random is one.
bool IsFolder(const std::string& value) {
  std::error_code ignored;
  return !value.empty() && !IsRandomValue(value) && !IsTypedValue(value) &&
         std::filesystem::is_directory(value, ignored);
}

// Where the folder's path begins in [NAME=]FOLDER, either of which may have more "="; npos where it
// is no folder.
size_t FolderStart(const std::string& argument) {
  for (size_t start = 0;; ++start) {
    if (IsFolder(argument.substr(start))) return start;
    start = argument.find('=', start);
    if (start == std::string::npos) return start;
  }
}

}  // namespace

bool IsPicturePath(absl::string_view path) {
  const std::string lower = absl::AsciiStrToLower(path);
  return absl::EndsWith(lower, ".png") || absl::EndsWith(lower, ".jpg") ||
         absl::EndsWith(lower, ".jpeg");
}

absl::StatusOr<std::vector<std::string>> ExpandFolders(const std::vector<std::string>& arguments) {
  std::vector<std::string> expanded;
  for (const std::string& argument : arguments) {
    const size_t start = FolderStart(argument);
    if (start == std::string::npos) {
      expanded.push_back(argument);
      continue;
    }
    const std::string folder = argument.substr(start);
    std::vector<std::string> pictures;
    std::error_code error;
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
      if (IsPicturePath(at->path().string())) pictures.push_back(at->path().string());
    }
    if (error) return InvalidArgument("folder ", QuotedPath(folder), ": ", error.message());
    if (pictures.empty())
      return InvalidArgument("folder ", QuotedPath(folder), " has no .png and no .jpg");
    std::sort(pictures.begin(), pictures.end());
    for (const std::string& picture : pictures)
      expanded.push_back(absl::StrCat(argument.substr(0, start), picture));
  }
  return expanded;
}

std::vector<std::string> NamesOfPictures(const std::vector<std::string>& arguments) {
  std::vector<std::string> names;
  for (const std::string& argument : arguments) {
    if (!IsPicturePath(argument)) return {};
    names.push_back(argument.substr(argument.find_last_of("/=") + 1));
  }
  return names;
}

}  // namespace nomograph

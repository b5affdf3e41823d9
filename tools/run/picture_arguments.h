// Pictures among the inputs that a user gives.
#ifndef NOMOGRAPH_TOOLS_RUN_PICTURE_ARGUMENTS_H_
#define NOMOGRAPH_TOOLS_RUN_PICTURE_ARGUMENTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nomograph {

// Whether a path ends as those of PNG and JPEG files do.
bool IsPicturePath(absl::string_view path);

// The arguments [NAME=]VALUE of --input, in which each folder has become its pictures, in the order
// of their names; folders within it are left out. InvalidArgument for one without pictures.
absl::StatusOr<std::vector<std::string>> ExpandFolders(const std::vector<std::string>& arguments);

// The files' names without their folders, where all arguments are pictures, one a row; else none.
std::vector<std::string> NamesOfPictures(const std::vector<std::string>& arguments);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_RUN_PICTURE_ARGUMENTS_H_

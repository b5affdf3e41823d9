// --resize, --scale, --mean, --std and --bgr: how pictures become inputs.
#ifndef NOMOGRAPH_TOOLS_RUN_PICTURE_FLAGS_H_
#define NOMOGRAPH_TOOLS_RUN_PICTURE_FLAGS_H_

#include <string>

#include "absl/status/statusor.h"
#include "nomograph/tools/command.h"
#include "nomograph/tools/run/fit_image.h"

namespace nomograph {

struct PictureFlags {
  bool resize = false, bgr = false;
  std::string scale, mean, std;
};

// Declares all but --resize.
void AddPixelFlags(CLI::App& app, PictureFlags& flags);
// Declares them.
void AddPictureFlags(CLI::App& app, PictureFlags& flags);

// What they say of pixels. The status of what is no number has kUsage.
absl::StatusOr<PixelScaling> PixelsOf(const PictureFlags& flags);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_RUN_PICTURE_FLAGS_H_

#include "nomograph/tools/run/picture_flags.h"

#include <utility>
#include <vector>

#include "nomograph/core/types/status.h"
#include "nomograph/tools/exit_code.h"

namespace nomograph {

void AddPictureFlags(CLI::App& app, PictureFlags& flags) {
  app.add_flag("--resize", flags.resize, "Make images fit the input's size");
  AddPixelFlags(app, flags);
}

void AddPixelFlags(CLI::App& app, PictureFlags& flags) {
  app.add_option("--scale", flags.scale, "Multiply the pixels of images, 0 to 255, as by 1/255")
      ->type_name("NUMBER");
  app.add_option("--mean", flags.mean, "Then subtract this from each channel, or from all")
      ->type_name("R,G,B");
  app.add_option("--std", flags.std, "Then divide by this")->type_name("R,G,B");
  app.add_flag("--bgr", flags.bgr,
               "Images have blue first (--mean and --std are then in that order)");
}

absl::StatusOr<PixelScaling> PixelsOf(const PictureFlags& flags) {
  PixelScaling pixels{.bgr = flags.bgr};
  const auto parse = [](const char* flag, const std::string& text,
                        std::vector<double>& numbers) -> absl::Status {
    if (text.empty()) return absl::OkStatus();
    auto parsed = ParseNumbers(text);
    if (!parsed.ok()) return WithExitCode(ExitCode::kUsage, Annotate(parsed.status(), flag));
    numbers = *std::move(parsed);
    return absl::OkStatus();
  };
  std::vector<double> scale = {1};
  NOMO_RETURN_IF_ERROR(parse("--scale", flags.scale, scale));
  NOMO_RETURN_IF_ERROR(parse("--mean", flags.mean, pixels.mean));
  NOMO_RETURN_IF_ERROR(parse("--std", flags.std, pixels.std));
  if (scale.size() != 1) {
    return WithExitCode(ExitCode::kUsage, InvalidArgument("--scale: expected one number"));
  }
  pixels.scale = scale[0];
  return pixels;
}

}  // namespace nomograph

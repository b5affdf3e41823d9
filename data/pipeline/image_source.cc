// ImageFolder: pictures whose classes are the folders that they lie in.
#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/data/pipeline/dataset.h"
#include "nomograph/data/pipeline/map.h"

namespace nomograph {
namespace {

namespace fs = std::filesystem;
using NodeOr = absl::StatusOr<std::shared_ptr<const DatasetNode>>;

struct ImageFile {
  std::string name;
  int64_t class_index = 0;
};

// What an ImageFolder is made of; its functions share it.
struct Folder {
  std::string path;
  std::vector<std::string> classes;
  std::vector<ImageFile> files;
  ImageFolderOptions options;
};

bool IsImageName(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return absl::EndsWith(lower, ".png") || absl::EndsWith(lower, ".jpg") ||
         absl::EndsWith(lower, ".jpeg");
}

// The names in a folder, in the order of their bytes. Hidden ones are left out.
absl::StatusOr<std::vector<std::string>> SortedNames(const std::string& path, bool folders,
                                                     int64_t most) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    std::string name = entry->path().filename().string();
    std::error_code not_there;  // a link that leads nowhere, which is no folder and no file
    const bool wanted = folders ? entry->is_directory(not_there)
                                : IsImageName(name) && entry->is_regular_file(not_there);
    if (!wanted || absl::StartsWith(name, ".")) continue;
    if (static_cast<int64_t>(names.size()) == most) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "folder ", QuotedPath(path), ": more than the allowed ", most, " files or folders"));
    }
    names.push_back(std::move(name));
  }
  if (error) {
    const std::string message =
        absl::StrCat("cannot read the folder ", QuotedPath(path), ": ", error.message());
    return error == std::errc::no_such_file_or_directory ? absl::NotFoundError(message)
                                                         : InvalidArgument(message);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::shared_ptr<const Folder>> ScanFolder(const std::string& path,
                                                         const ImageFolderOptions& options) {
  auto folder = std::make_shared<Folder>();
  folder->path = path;
  folder->options = options;
  NOMO_ASSIGN_OR_RETURN(folder->classes, SortedNames(path, true, options.max_files));
  for (size_t i = 0; i < folder->classes.size(); ++i) {
    const int64_t left = options.max_files - static_cast<int64_t>(folder->files.size());
    NOMO_ASSIGN_OR_RETURN(std::vector<std::string> names,
                          SortedNames(absl::StrCat(path, "/", folder->classes[i]), false, left));
    for (std::string& name : names) {
      folder->files.push_back({std::move(name), static_cast<int64_t>(i)});
    }
  }
  if (!folder->files.empty()) return folder;
  return InvalidArgument("folder ", QuotedPath(path), ": there is no image in any of its ",
                         folder->classes.size(),
                         " folders; expected <class>/<image>.png, .jpg or .jpeg");
}

absl::StatusOr<Tensor> ReadFolderImage(const Folder& folder, const ImageFile& file) {
  const std::string path = absl::StrCat(
      folder.path, "/", folder.classes[static_cast<size_t>(file.class_index)], "/", file.name);
  NOMO_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, folder.options.max_file_bytes));
  absl::StatusOr<Tensor> image = ParseImage(bytes, folder.options.image);
  if (!image.ok()) return Annotate(image.status(), QuotedPath(path));
  const int64_t height = folder.options.height > 0 ? folder.options.height : image->shape()[0];
  const int64_t width = folder.options.width > 0 ? folder.options.width : image->shape()[1];
  if (image->shape()[0] == height && image->shape()[1] == width) return image;
  absl::StatusOr<Tensor> resized = ResizeImage(*image, height, width);
  if (!resized.ok()) return Annotate(resized.status(), QuotedPath(path));
  return resized;
}

absl::Status CheckOptions(const ImageFolderOptions& options) {
  constexpr int64_t kMostPixels = int64_t{1} << 24;  // on a side, as ResizeImage() says
  const bool sizes = options.height >= 0 && options.height <= kMostPixels && options.width >= 0 &&
                     options.width <= kMostPixels;
  if (!sizes) {
    return InvalidArgument("expected height and width from 0 to ", kMostPixels, ", found ",
                           options.height, " and ", options.width);
  }
  const int channels = options.image.channels;
  if (channels != 0 && channels != 1 && channels != 3 && channels != 4) {
    return InvalidArgument("expected 0, 1, 3 or 4 channels, found ", channels);
  }
  return absl::OkStatus();
}

NodeOr MakeImageFolder(const std::string& path, const ImageFolderOptions& options) {
  NOMO_RETURN_IF_ERROR(CheckOptions(options));
  NOMO_ASSIGN_OR_RETURN(const std::shared_ptr<const Folder> folder, ScanFolder(path, options));
  const auto size_of = [](int64_t size) { return size > 0 ? Dim(size) : Dim(); };
  MapOptions map_options;
  map_options.types = {
      {DType::kUInt8,
       {size_of(options.height), size_of(options.width), size_of(options.image.channels)}},
      {DType::kInt64, Shape{}}};
  map_options.num_parallel = options.num_parallel;
  map_options.on_error = options.on_error;
  auto read = [folder](Element element, const MapContext&) -> absl::StatusOr<Element> {
    const ImageFile& file = folder->files[static_cast<size_t>(element[0].at<int64_t>())];
    NOMO_ASSIGN_OR_RETURN(Tensor image, ReadFolderImage(*folder, file));
    return Element{std::move(image), Tensor::Scalar(file.class_index)};
  };
  const auto count = static_cast<int64_t>(folder->files.size());
  Dataset files = Dataset::Range(count);
  if (options.shuffle_files) files = files.Shuffle(count, *options.shuffle_files);
  NOMO_RETURN_IF_ERROR(files.status());
  return MakeMap("ImageFolder", files.node(), std::move(read), std::move(map_options));
}

}  // namespace

Dataset Dataset::ImageFolder(const std::string& folder, const ImageFolderOptions& options) {
  NodeOr node = MakeImageFolder(folder, options);
  if (!node.ok()) return Dataset(NodeOr(Annotate(node.status(), "ImageFolder")));
  return Dataset(std::move(node));
}

absl::StatusOr<std::vector<std::string>> ImageFolderClasses(const std::string& folder) {
  return SortedNames(folder, true, ImageFolderOptions().max_files);
}

}  // namespace nomograph

#include "nomograph/data/png.h"

#include <png.h>

#include <csetjmp>
#include <cstring>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/io/file.h"
#include "nomograph/data/byte_source.h"

namespace nomograph {
namespace {

constexpr absl::string_view kSignature = "\x89PNG\r\n\x1a\n";

// Ends a call of libpng, which reports errors by jumping; nothing with a destructor may live
// between Run() and the jump.
class PngReader {
 public:
  explicit PngReader(absl::string_view bytes) : rest_(bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, OnError, OnWarning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
  }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  // Reads up to the pixels. All calls: false, and message(), on failure.
  bool ReadHeader();
  // Asks for 8-bit grey, RGB or alpha; afterwards the channels are those of the result.
  bool SetTransformations();
  // Reads the pixels into the given rows, and the rest of the file.
  bool ReadRows(png_bytep* rows);

  int64_t width() const { return png_get_image_width(png_, info_); }
  int64_t height() const { return png_get_image_height(png_, info_); }
  int64_t channels() const { return png_get_channels(png_, info_); }
  int64_t row_bytes() const { return static_cast<int64_t>(png_get_rowbytes(png_, info_)); }
  const char* message() const { return message_; }

 private:
  template <typename F>
  bool Run(const F& calls) {
    if (info_ == nullptr) return false;
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    calls();
    return true;
  }
  static void OnError(png_structp png, png_const_charp message);
  static void OnWarning(png_structp, png_const_charp) {}
  static void OnRead(png_structp png, png_bytep out, size_t count);

  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  absl::string_view rest_;
  char message_[128] = "libpng cannot start";
};

void PngReader::OnError(png_structp png, png_const_charp message) {
  auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
  std::strncpy(reader->message_, message, sizeof(reader->message_) - 1);
  png_longjmp(png, 1);
}

void PngReader::OnRead(png_structp png, png_bytep out, size_t count) {
  auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
  if (reader->rest_.size() < count) png_error(png, "the file ends too early");
  std::memcpy(out, reader->rest_.data(), count);
  reader->rest_.remove_prefix(count);
}

bool PngReader::ReadHeader() {
  return Run([this] {
    png_set_read_fn(png_, this, OnRead);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // the caller has its own limit
    png_read_info(png_, info_);
  });
}

bool PngReader::SetTransformations() {
  return Run([this] {
    png_set_expand(png_);  // palettes, fewer than 8 bits, transparent colours
    png_set_scale_16(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
  });
}

bool PngReader::ReadRows(png_bytep* rows) {
  return Run([this, rows] {
    png_read_image(png_, rows);
    png_read_end(png_, nullptr);
  });
}

absl::Status CheckSize(const PngReader& reader, int64_t file_bytes, int64_t max_pixels) {
  if (reader.width() > max_pixels / reader.height()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the image has ", reader.width(), " x ", reader.height(),
                     " pixels, more than the allowed ", max_pixels));
  }
  if (reader.row_bytes() * reader.height() > file_bytes * kMaxDeflateRatio) {
    return InvalidArgument("the image claims ", reader.width(), " x ", reader.height(),
                           " pixels, more than its ", file_bytes, " bytes can hold");
  }
  return absl::OkStatus();
}

}  // namespace

bool IsPng(absl::string_view bytes) { return absl::StartsWith(bytes, kSignature); }

absl::StatusOr<Tensor> ParsePng(absl::string_view bytes, int64_t max_pixels) {
  PngReader reader(bytes);
  if (!reader.ReadHeader())
    return InvalidArgument("the PNG image cannot be read: ", reader.message());
  NOMO_RETURN_IF_ERROR(CheckSize(reader, static_cast<int64_t>(bytes.size()), max_pixels));
  if (!reader.SetTransformations())
    return InvalidArgument("the PNG image cannot be read: ", reader.message());
  const int64_t height = reader.height();
  NOMO_ASSIGN_OR_RETURN(Tensor image,
                        Tensor::Create(DType::kUInt8, {height, reader.width(), reader.channels()}));
  NOMO_CHECK(reader.row_bytes() == reader.width() * reader.channels());
  std::vector<png_bytep> rows;
  for (int64_t y = 0; y < height; ++y)
    rows.push_back(image.mutable_data<uint8_t>().data() + y * reader.row_bytes());
  if (!reader.ReadRows(rows.data()))
    return InvalidArgument("the PNG image cannot be read: ", reader.message());
  return image;
}

absl::StatusOr<std::string> FormatPng(const Tensor& image) {
  const Shape& shape = image.shape();
  const int64_t channels = shape.rank() == 3 ? shape[2] : 1;
  if (image.dtype() != DType::kUInt8 || shape.rank() < 2 || shape.rank() > 3 || channels < 1 ||
      channels > 4 || image.num_elements() == 0) {
    return InvalidArgument(
        "an image is uint8[height,width] or uint8[height,width,1 to 4], with pixels; found ",
        image.type().ToString());
  }
  if (shape[0] > PNG_UINT_31_MAX || shape[1] > PNG_UINT_31_MAX) {
    return InvalidArgument("a PNG image has at most 2^31 - 1 rows and columns; found ",
                           shape.ToString());
  }
  constexpr png_uint_32 kFormats[] = {PNG_FORMAT_GRAY, PNG_FORMAT_GA, PNG_FORMAT_RGB,
                                      PNG_FORMAT_RGBA};
  png_image png = {};
  png.version = PNG_IMAGE_VERSION;
  png.height = static_cast<png_uint_32>(shape[0]);
  png.width = static_cast<png_uint_32>(shape[1]);
  png.format = kFormats[channels - 1];
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(&png, bytes.data(), &size, 0, image.raw_data(), 0, nullptr)) {
    return InvalidArgument("the image cannot be written as PNG: ", png.message);
  }
  bytes.resize(size);
  return bytes;
}

absl::Status WritePng(const std::string& path, const Tensor& image) {
  const auto bytes = FormatPng(image);
  if (!bytes.ok()) return Annotate(bytes.status(), absl::StrCat("cannot write \"", path, "\""));
  return WriteFileAtomically(path, *bytes);
}

}  // namespace nomograph

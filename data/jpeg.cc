#include "nomograph/data/jpeg.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>

// These need <cstdio>'s FILE and size_t.
#include <jpeglib.h>
//
#include <jerror.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

// Every block of 8 x 8 samples takes at least a bit, and one component may be sampled at a
// sixteenth of the pixels.
constexpr int64_t kMaxPixelsPerByte = 8 * 64 * 16;
// Encoders make about ten.
constexpr int kMaxScans = 200;

// Ends a call of libjpeg, which reports errors by jumping; nothing with a destructor may live
// between Run() and the jump.
class JpegReader {
 public:
  explicit JpegReader(absl::string_view bytes);
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&info_); }

  // Reads up to the pixels. Both calls: false, and message(), on failure.
  bool ReadHeader();
  // Reads the pixels, as grey if the file is grey and as RGB if not, and the rest of the file.
  bool ReadRows(uint8_t* out);

  const jpeg_decompress_struct& info() const { return info_; }
  int64_t width() const { return info_.image_width; }
  int64_t height() const { return info_.image_height; }
  int64_t channels() const { return info_.jpeg_color_space == JCS_GRAYSCALE ? 1 : 3; }
  const char* message() const { return message_; }

 private:
  template <typename F>
  bool Run(const F& calls) {
    if (setjmp(failed_) != 0) return false;
    calls();
    return true;
  }
  [[noreturn]] static void OnError(j_common_ptr info);
  static void OnMessage(j_common_ptr info, int level);
  static void OnProgress(j_common_ptr info);

  absl::string_view bytes_;
  jpeg_decompress_struct info_ = {};
  jpeg_error_mgr errors_ = {};
  jpeg_progress_mgr progress_ = {};
  jmp_buf failed_;
  char message_[JMSG_LENGTH_MAX] = "";
};

JpegReader::JpegReader(absl::string_view bytes) : bytes_(bytes) {
  info_.err = jpeg_std_error(&errors_);
  info_.client_data = this;
  errors_.error_exit = OnError;
  errors_.emit_message = OnMessage;
  progress_.progress_monitor = OnProgress;
}

void JpegReader::OnError(j_common_ptr info) {
  auto* reader = static_cast<JpegReader*>(info->client_data);
  info->err->format_message(info, reader->message_);
  std::longjmp(reader->failed_, 1);
}

// Level -1 is a warning. Most of them mean that pixels are wrong; these are about what comes beside
// the pixels.
void JpegReader::OnMessage(j_common_ptr info, int level) {
  const int code = info->err->msg_code;
  const bool harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM ||
                        code == JWRN_BOGUS_ICC || code == JWRN_JFIF_MAJOR;
  if (level < 0 && !harmless) OnError(info);
}

// A progressive image is refined scan by scan; each costs a pass over all pixels and may take but a
// few bytes.
void JpegReader::OnProgress(j_common_ptr info) {
  auto* reader = static_cast<JpegReader*>(info->client_data);
  if (reader->info_.input_scan_number <= kMaxScans) return;
  std::snprintf(reader->message_, sizeof(reader->message_), "it has more than %d scans", kMaxScans);
  std::longjmp(reader->failed_, 1);
}

bool JpegReader::ReadHeader() {
  return Run([this] {
    jpeg_create_decompress(&info_);
    info_.progress = &progress_;
    jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes_.data()), bytes_.size());
    jpeg_read_header(&info_, TRUE);
  });
}

bool JpegReader::ReadRows(uint8_t* out) {
  return Run([this, out] {
    info_.out_color_space = channels() == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = out + info_.output_scanline * width() * channels();
      jpeg_read_scanlines(&info_, &row, 1);
    }
    jpeg_finish_decompress(&info_);
  });
}

absl::Status CheckHeader(const JpegReader& reader, int64_t file_bytes, int64_t max_pixels) {
  const jpeg_decompress_struct& info = reader.info();
  if (info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK) {
    return InvalidArgument("the JPEG image has the CMYK colours of print; convert it to RGB");
  }
  if (info.arith_code)
    return InvalidArgument("the JPEG image is arithmetic-coded; convert it to the usual kind");
  const int64_t pixels = reader.width() * reader.height();
  if (pixels > max_pixels) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the image has ", reader.width(), " x ", reader.height(),
                     " pixels, more than the allowed ", max_pixels));
  }
  if (pixels / kMaxPixelsPerByte > file_bytes) {
    return InvalidArgument("the image claims ", reader.width(), " x ", reader.height(),
                           " pixels, more than its ", file_bytes, " bytes can hold");
  }
  return absl::OkStatus();
}

}  // namespace

bool IsJpeg(absl::string_view bytes) { return absl::StartsWith(bytes, "\xff\xd8\xff"); }

absl::StatusOr<Tensor> ParseJpeg(absl::string_view bytes, int64_t max_pixels) {
  JpegReader reader(bytes);
  if (!reader.ReadHeader())
    return InvalidArgument("the JPEG image cannot be read: ", reader.message());
  NOMO_RETURN_IF_ERROR(CheckHeader(reader, static_cast<int64_t>(bytes.size()), max_pixels));
  NOMO_ASSIGN_OR_RETURN(
      Tensor image,
      Tensor::Create(DType::kUInt8, {reader.height(), reader.width(), reader.channels()}));
  if (!reader.ReadRows(image.mutable_data<uint8_t>().data())) {
    return InvalidArgument("the JPEG image cannot be read: ", reader.message());
  }
  return image;
}

}  // namespace nomograph

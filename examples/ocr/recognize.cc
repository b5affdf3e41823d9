#include "nomograph/examples/ocr/recognize.h"

#include "nomograph/examples/ocr/batches.h"
#include "nomograph/examples/ocr/image_ops.h"
#include "nomograph/examples/ocr/pixel_model.h"

namespace nomograph::ocr {
namespace {

const Normalization kNormalization = {{0.5}, {0.5}};

absl::Status CheckOutput(const Tensor& output, int64_t batch, size_t classes) {
  const Shape& shape = output.shape();
  if (output.dtype() == DType::kFloat32 && shape.rank() == 3 && shape[0] == batch &&
      shape[2] == static_cast<int64_t>(classes)) {
    return absl::OkStatus();
  }
  return InvalidArgument("the recogniser: expected an output float32[", batch, ",?,", classes,
                         "], which is a class for each character, one for a space and one for "
                         "none; found ",
                         output.type().ToString());
}

}  // namespace

absl::StatusOr<Recognizer> Recognizer::Open(const std::string& path,
                                            const std::string& characters) {
  NOMO_ASSIGN_OR_RETURN(std::vector<std::string> classes, ReadCharacters(characters));
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, OpenPixelModel(path, kNormalization));
  return Recognizer(std::move(session), std::move(classes));
}

absl::StatusOr<std::vector<Text>> Recognizer::Recognize(absl::Span<const Tensor> lines) const {
  std::vector<int64_t> widths;
  for (const Tensor& line : lines) widths.push_back(line.shape()[3]);
  std::vector<Text> texts(lines.size());
  for (const Batch& batch : PlanBatches(widths)) {
    std::vector<Tensor> members;
    for (const int64_t member : batch.members) members.push_back(lines[member]);
    NOMO_ASSIGN_OR_RETURN(const Tensor images, Batched(members, batch.width));
    NOMO_ASSIGN_OR_RETURN(std::vector<Text> found, RecognizeBatch(images));
    for (size_t i = 0; i < found.size(); ++i) texts[batch.members[i]] = std::move(found[i]);
  }
  return texts;
}

absl::StatusOr<std::vector<Text>> Recognizer::RecognizeBatch(const Tensor& batch) const {
  NOMO_ASSIGN_OR_RETURN(const Tensor probabilities,
                        RunPixelModel(*session_, batch, "the recogniser"));
  const int64_t count = batch.shape()[0];
  NOMO_RETURN_IF_ERROR(CheckOutput(probabilities, count, characters_.size()));
  const int64_t size = probabilities.num_elements() / count;
  std::vector<Text> texts;
  for (int64_t i = 0; i < count; ++i) {
    texts.push_back(DecodeCtc(probabilities.data<float>().subspan(i * size, size), characters_));
  }
  return texts;
}

}  // namespace nomograph::ocr

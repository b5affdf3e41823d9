#include "nomograph/ops/image/image.h"

#include <utility>

namespace nomograph::image {

ImageAxes::ImageAxes(int rank, absl::string_view data_format) {
  const bool channels_first = data_format == "channels_first";
  height = channels_first ? rank - 2 : rank - 3;
  width = height + 1;
  channels = channels_first ? rank - 3 : rank - 1;
}

Images::Images(const Shape& shape, const Attributes& attrs) {
  const ImageAxes axes(shape.rank(), DataFormat(attrs));
  const auto strides = shape.Strides();
  layout_ = {nullptr,
             shape[axes.height],
             shape[axes.width],
             shape[axes.channels],
             strides[axes.height],
             strides[axes.width],
             strides[axes.channels]};
  count_ = shape.num_elements() == 0 ? 0 : shape.rank() == 4 ? shape[0] : 1;
}

absl::string_view DataFormat(const Attributes& attrs) {
  return attrs.Has("data_format") ? absl::string_view(attrs.String("data_format"))
                                  : "channels_last";
}

absl::Status CheckImages(const PartialShape& shape) {
  if (!shape.has_rank() || shape.rank() == 3 || shape.rank() == 4) return absl::OkStatus();
  return InvalidArgument("expected an image of 3 axes or a batch of 4, found shape ",
                         shape.ToString());
}

absl::StatusOr<std::vector<TensorType>> InferImages(const InferContext& context) {
  NOMO_RETURN_IF_ERROR(CheckImages(context.shape(0)));
  return std::vector<TensorType>{context.input(0)};
}

OpDef ImageOp(std::string name, DTypeSet types, std::string y_doc) {
  return OpDef(std::move(name))
      .TypeVar("T", types)
      .Input("x", "T", "an image [height, width, channels] or a batch of them")
      .Output("y", "T", std::move(y_doc))
      .Infer(InferImages);
}

OpDef WithDataFormat(OpDef op) {
  return op
      .Attr("data_format", "channels_last",
            "the order of an image's axes: [height, width, channels] or [channels, height, width]")
      .Choices({"channels_last", "channels_first"});
}

OpDef RandomImageOp(std::string name, DTypeSet types, std::string y_doc) {
  return RandomOp(ImageOp(std::move(name), types, std::move(y_doc)));
}

}  // namespace nomograph::image

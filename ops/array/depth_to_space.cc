// array.DepthToSpace, array.SpaceToDepth: channels spread over blocks of an image, and back.
#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/gradient/picked.h"
#include "nomograph/core/op/registry.h"
#include "nomograph/ops/array/copy_op.h"
#include "nomograph/ops/array/dims.h"

namespace nomograph {
namespace {

// Where an image has its rows, columns and channels.
struct ImageAxes {
  int rows, columns, channels;
};

ImageAxes AxesOf(const Attributes& attrs) {
  return attrs.String("data_format") == "channels_last" ? ImageAxes{1, 2, 3} : ImageAxes{2, 3, 1};
}

absl::StatusOr<Dim> Divide(const Dim& size, int64_t divisor, absl::string_view what) {
  if (!size.known()) return divisor == 1 ? size : Dim();
  if (size.size() % divisor == 0) return Dim(size.size() / divisor);
  return InvalidArgument(what, ": ", size.size(), " cannot be divided by ", divisor);
}

absl::StatusOr<PartialShape> ImageShape(const InferContext& context) {
  if (context.shape(0).has_rank() && context.shape(0).rank() != 4) {
    return InvalidArgument("expected a shape of 4 axes, found ", context.shape(0).ToString());
  }
  return context.shape(0).has_rank() ? context.shape(0) : PartialShape::OfRank(4);
}

absl::StatusOr<std::vector<TensorType>> InferToSpace(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(PartialShape shape, ImageShape(context));
  const ImageAxes axes = AxesOf(context.attrs());
  const int64_t block = context.attrs().Int("blocksize");
  NOMO_ASSIGN_OR_RETURN(shape[axes.channels],
                        Divide(shape[axes.channels], block * block, "channels"));
  NOMO_ASSIGN_OR_RETURN(shape[axes.rows], Product({shape[axes.rows], Dim(block)}));
  NOMO_ASSIGN_OR_RETURN(shape[axes.columns], Product({shape[axes.columns], Dim(block)}));
  return std::vector<TensorType>{{context.dtype(0), shape}};
}

absl::StatusOr<std::vector<TensorType>> InferToDepth(const InferContext& context) {
  NOMO_ASSIGN_OR_RETURN(PartialShape shape, ImageShape(context));
  const ImageAxes axes = AxesOf(context.attrs());
  const int64_t block = context.attrs().Int("blocksize");
  NOMO_ASSIGN_OR_RETURN(shape[axes.rows], Divide(shape[axes.rows], block, "rows"));
  NOMO_ASSIGN_OR_RETURN(shape[axes.columns], Divide(shape[axes.columns], block, "columns"));
  NOMO_ASSIGN_OR_RETURN(shape[axes.channels], Product({shape[axes.channels], Dim(block * block)}));
  return std::vector<TensorType>{{context.dtype(0), shape}};
}

// The deep tensor with its channels split into block row, block column and channel of the wide one,
// in the order of axes in which SpaceView has them.
StridedView DepthView(StridedView view, const Attributes& attrs, bool channels_outermost) {
  const int64_t block = attrs.Int("blocksize");
  const bool last = attrs.String("data_format") == "channels_last";
  const int axis = last ? 3 : 1;
  const int64_t channels = view.size(axis) / (block * block);
  view = channels_outermost ? view.SplitAxis(axis, {channels, block, block})
                            : view.SplitAxis(axis, {block, block, channels});
  if (last)
    return channels_outermost ? view.Permute({0, 1, 4, 2, 5, 3}) : view.Permute({0, 1, 3, 2, 4, 5});
  return channels_outermost ? view.Permute({0, 1, 4, 2, 5, 3}) : view.Permute({0, 3, 4, 1, 5, 2});
}

// The wide tensor with each of its rows and columns split into a block and a place in the block.
StridedView SpaceView(StridedView view, const Attributes& attrs) {
  const int64_t block = attrs.Int("blocksize");
  const ImageAxes axes = AxesOf(attrs);
  view = view.SplitAxis(axes.columns, {view.size(axes.columns) / block, block});
  return view.SplitAxis(axes.rows, {view.size(axes.rows) / block, block});
}

absl::Status PlanToSpace(const InferContext& node, absl::Span<const Shape> outputs,
                         CopyPlan& plan) {
  plan.Copy(DepthView(StridedView::Input(0, node.shape(0).ToShape()), node.attrs(),
                      node.attrs().String("mode") == "CRD"),
            SpaceView(StridedView::Output(0, outputs[0]), node.attrs()));
  return absl::OkStatus();
}

absl::Status PlanToDepth(const InferContext& node, absl::Span<const Shape> outputs,
                         CopyPlan& plan) {
  plan.Copy(SpaceView(StridedView::Input(0, node.shape(0).ToShape()), node.attrs()),
            DepthView(StridedView::Output(0, outputs[0]), node.attrs(), false));
  return absl::OkStatus();
}

std::vector<Example> ToSpaceExamples() {
  // ONNX depthtospace_example and crd_mode_example.
  const Tensor x = Tensor::Of<float>(
      {1, 8, 2, 3}, {0,  1,  2,  3,  4,  5,  9,  10, 11, 12, 13, 14, 18, 19, 20, 21,
                     22, 23, 27, 28, 29, 30, 31, 32, 36, 37, 38, 39, 40, 41, 45, 46,
                     47, 48, 49, 50, 54, 55, 56, 57, 58, 59, 63, 64, 65, 66, 67, 68});
  return {
      {.name = "ONNX depthtospace_example",
       .attrs = {{"blocksize", 2}, {"data_format", "channels_first"}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>(
           {1, 2, 4, 6}, {0,  18, 1,  19, 2,  20, 36, 54, 37, 55, 38, 56, 3,  21, 4,  22,
                          5,  23, 39, 57, 40, 58, 41, 59, 9,  27, 10, 28, 11, 29, 45, 63,
                          46, 64, 47, 65, 12, 30, 13, 31, 14, 32, 48, 66, 49, 67, 50, 68})}},
      {.name = "ONNX depthtospace_crd_mode_example",
       .attrs = {{"blocksize", 2}, {"mode", "CRD"}, {"data_format", "channels_first"}},
       .inputs = {x},
       .outputs = {Tensor::Of<float>(
           {1, 2, 4, 6}, {0,  9,  1,  10, 2,  11, 18, 27, 19, 28, 20, 29, 3,  12, 4,  13,
                          5,  14, 21, 30, 22, 31, 23, 32, 36, 45, 37, 46, 38, 47, 54, 63,
                          55, 64, 56, 65, 39, 48, 40, 49, 41, 50, 57, 66, 58, 67, 59, 68})}},
      {.name = "channels_last",
       .attrs = {{"blocksize", 2}},
       .inputs = {Tensor::Of<uint8_t>({1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8})},
       .outputs = {Tensor::Of<uint8_t>({1, 2, 4, 1}, {1, 2, 5, 6, 3, 4, 7, 8})}},
      {.name = "channels_last, CRD",
       .attrs = {{"blocksize", 2}, {"mode", "CRD"}},
       .inputs = {Tensor::Of<uint8_t>({1, 1, 1, 8}, {1, 2, 3, 4, 5, 6, 7, 8})},
       .outputs = {Tensor::Of<uint8_t>({1, 2, 2, 2}, {1, 5, 2, 6, 3, 7, 4, 8})}},
  };
}

std::vector<Example> ToDepthExamples() {
  return {
      {.name = "ONNX spacetodepth_example",
       .attrs = {{"blocksize", 2}, {"data_format", "channels_first"}},
       .inputs = {Tensor::Of<float>({1, 1, 4, 6}, {0, 6, 1, 7,  2, 8,  12, 18, 13, 19, 14, 20,
                                                   3, 9, 4, 10, 5, 11, 15, 21, 16, 22, 17, 23})},
       .outputs = {Tensor::Of<float>({1, 4, 2, 3},
                                     {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                                      12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23})}},
      {.name = "channels_last",
       .attrs = {{"blocksize", 2}},
       .inputs = {Tensor::Of<uint8_t>({1, 2, 4, 1}, {1, 2, 5, 6, 3, 4, 7, 8})},
       .outputs = {Tensor::Of<uint8_t>({1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8})}},
  };
}

// The attributes that both ops have.
Attributes Shared(const Attributes& attrs) {
  return {{"blocksize", attrs.Int("blocksize")}, {"data_format", attrs.String("data_format")}};
}

absl::StatusOr<std::vector<Value>> ToSpaceGradient(const GradientContext& g) {
  if (g.attrs().String("mode") == "CRD") return PickingGradient()(g);
  return std::vector<Value>{Call("array.SpaceToDepth", {g.gradient(0)}, Shared(g.attrs()))};
}

absl::StatusOr<std::vector<Value>> ToDepthGradient(const GradientContext& g) {
  return std::vector<Value>{Call("array.DepthToSpace", {g.gradient(0)}, Shared(g.attrs()))};
}

OpDef Schema(const char* name) {
  return OpDef(name)
      .TypeVar("T", kAnyType)
      .Attr("blocksize", 2, "the side of a block")
      .Min(1)
      .Max(1 << 15)
      .Attr("data_format", "channels_last", "where the channels are: [N, H, W, C] or [N, C, H, W]")
      .Choices({"channels_last", "channels_first"});
}

NOMO_REGISTER_OP(CopyOp(Schema("array.DepthToSpace")
                            .Doc("Spreads channels over blocks of b x b places: with C' = C / b^2, "
                                 "channel c of place (i, j) of a block comes from channel (i * b + "
                                 "j) * C' + c (mode DCR) or c * b^2 + i * b + j (mode CRD).")
                            .Source("ONNX DepthToSpace")
                            .Input("x", "T", "an image batch; C a multiple of b^2")
                            .Output("y", "T", "b times the height and width, C / b^2 channels")
                            .Attr("mode", "DCR", "the order of the channels")
                            .Choices({"DCR", "CRD"})
                            .Infer(InferToSpace)
                            .InLowPrecision(LowPrecision::kFollows)
                            .Gradient(ToSpaceGradient)
                            .Examples(ToSpaceExamples),
                        PlanToSpace));

NOMO_REGISTER_OP(CopyOp(
    Schema("array.SpaceToDepth")
        .Doc("Gathers blocks of b x b places into channels: channel (i * b + j) * C + c of y is "
             "channel c of place (i, j) of the block. Undoes array.DepthToSpace in mode DCR.")
        .Source("ONNX SpaceToDepth")
        .Input("x", "T", "an image batch; height and width multiples of b")
        .Output("y", "T", "the height and width divided by b, C * b^2 channels")
        .Infer(InferToDepth)
        .InLowPrecision(LowPrecision::kFollows)
        .Gradient(ToDepthGradient)
        .Examples(ToDepthExamples),
    PlanToDepth));

}  // namespace
}  // namespace nomograph

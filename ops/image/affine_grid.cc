// image.AffineGrid: the grid of points at which image.GridSample samples for an affine map.
#include <algorithm>
#include <array>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"

namespace nomograph::image {
namespace {

using Ints = std::vector<int64_t>;

absl::StatusOr<std::vector<TensorType>> InferAffineGrid(const InferContext& context) {
  const PartialShape& theta = context.shape(0);
  NOMO_ASSIGN_OR_RETURN(const PartialShape size, GetShape(context, "size", 1));
  if (theta.has_rank() && theta.rank() != 3) {
    return InvalidArgument("input theta: expected 3 axes, found shape ", theta.ToString());
  }
  if (size.has_rank() && size.rank() != 4 && size.rank() != 5) {
    return InvalidArgument("size: expected 4 or 5 values, found ", size.rank());
  }
  const Dim found = theta.has_rank() ? theta[1] : Dim();
  const Dim spatial_rank = size.has_rank() ? Dim(size.rank() - 2) : found;
  if (!spatial_rank.known()) return std::vector<TensorType>{{context.dtype(0), PartialShape()}};
  const int64_t rank = std::clamp<int64_t>(spatial_rank.size(), 2, 3);
  const PartialShape expected = {size.has_rank() ? size[0] : Dim(), rank, rank + 1};
  if (!Compatible(theta, expected)) {
    return InvalidArgument("input theta: expected shape ", expected.ToString(), ", found ",
                           theta.ToString());
  }
  PartialShape grid = PartialShape::OfRank(static_cast<int>(rank) + 2);
  grid[0] = theta.has_rank() && !expected[0].known() ? theta[0] : expected[0];
  for (int i = 1; i <= rank && size.has_rank(); ++i) grid[i] = size[i + 1];
  grid[static_cast<int>(rank) + 1] = rank;
  return std::vector<TensorType>{{context.dtype(0), grid}};
}

// Where element i of `size` lies between -1 and 1.
double Coordinate(int64_t i, int64_t size, bool align_corners) {
  const double at = static_cast<double>(2 * i), n = static_cast<double>(size);
  if (!align_corners) return (at + 1) / n - 1;
  return size == 1 ? 0 : at / (n - 1) - 1;
}

template <typename T>
void AffineGridReference(const KernelContext& context) {
  const Shape& grid = context.output_shape(0);
  const int rank = grid.rank() - 2;
  const bool align = context.attrs().Bool("align_corners");
  int64_t positions = 1;
  for (int i = 1; i <= rank; ++i) positions *= grid[i];
  const T* theta = context.input<T>(0).data();
  T* y = context.output<T>(0).data();
  for (int64_t n = 0; n < grid[0]; ++n, theta += rank * (rank + 1)) {
    for (int64_t p = 0; p < positions; ++p) {
      std::array<double, 3> point;  // the last axis first
      int64_t rest = p;
      for (int i = 0; i < rank; ++i) {
        const int64_t size = grid[rank - i];
        point[i] = Coordinate(rest % size, size, align);
        rest /= size;
      }
      for (int i = 0; i < rank; ++i) {
        const T* row = theta + i * (rank + 1);
        double sum = static_cast<double>(row[rank]);
        for (int k = 0; k < rank; ++k) sum += static_cast<double>(row[k]) * point[k];
        *y++ = static_cast<T>(sum);
      }
    }
  }
}

absl::Status AffineGridCompute(KernelContext& context) {
  const ConcreteNode node(context);
  NOMO_RETURN_IF_ERROR(AllocateOutputs(context, node, InferAffineGrid));
  Dispatch(FloatTypes{}, context.input_dtype(0),
           [&]<typename T>() { AffineGridReference<T>(context); });
  return absl::OkStatus();
}

std::vector<Example> AffineGridExamples() {
  const Tensor theta =
      Tensor::Of<float>({2, 2, 3}, {1, 0.5, -0.25, 0, 2, 1, 0.5, 0, 0, 0, -1, 0.5});
  const Tensor theta3 = Tensor::Of<float>({1, 3, 4}, {1, 0, 0.5, 0, 0, 2, 0, 1, 0.25, 0, -1, 0.5});
  return {
      {.name = "2-D",
       .inputs = {theta, Tensor::Vector<int64_t>({2, 1, 2, 3})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 3, 2},
           {-1.1666667,  0, -0.5, 0, 0.16666669, 0, -0.6666667,  2, 0, 2, 0.6666667,  2,
            -0.33333334, 1, 0,    1, 0.33333334, 1, -0.33333334, 0, 0, 0, 0.33333334, 0})}},
      {.name = "2-D, aligned",
       .attrs = {{"align_corners", true}},
       .inputs = {theta, Tensor::Vector<int64_t>({2, 1, 2, 3})},
       .outputs = {Tensor::Of<float>(
           {2, 2, 3, 2}, {-1.75, -1, -0.75, -1,  0.25, -1,   -0.75, 3, 0.25, 3,   1.25, 3, -0.5,
                          1.5,   0,  1.5,   0.5, 1.5,  -0.5, -0.5,  0, -0.5, 0.5, -0.5})}},
      {.name = "3-D, size as an attribute",
       .attrs = {{"size", Ints{1, 4, 2, 1, 2}}},
       .inputs = {theta3},
       .outputs = {Tensor::Of<float>(
           {1, 2, 1, 2, 3}, {-0.75, 1, 0.875, 0.25, 1, 1.125, -0.25, 1, -0.125, 0.75, 1, 0.125})}},
      {.name = "3-D, size as an attribute, aligned",
       .attrs = {{"size", Ints{1, 4, 2, 1, 2}}, {"align_corners", true}},
       .inputs = {theta3},
       .outputs = {Tensor::Of<float>(
           {1, 2, 1, 2, 3}, {-1.5, 1, 1.25, 0.5, 1, 1.75, -0.5, 1, -0.75, 1.5, 1, -0.25})}},
      {.name = "float64",
       .attrs = {{"size", Ints{1, 1, 1, 2}}},
       .inputs = {Tensor::Of<double>({1, 2, 3}, {1, 0.1, 0, 0, 1, 0})},
       .outputs = {Tensor::Of<double>({1, 1, 2, 2}, {-0.5, 0, 0.5, 0})},
       .rtol = 1e-14},
      {.name = "empty",
       .attrs = {{"size", Ints{0, 1, 2, 2}}},
       .inputs = {Tensor::Of<float>({0, 2, 3}, {})},
       .outputs = {Tensor::Of<float>({0, 2, 2, 2}, {})}},
  };
}

// With the points (x, y, 1) as the rows of a matrix P: dgrid^T P, for each of the batch.
absl::StatusOr<std::vector<Value>> AffineGridGradient(const GradientContext& g) {
  const Value &theta = g.input(0), dy = g.gradient(0);
  if (!dy.shape().has_rank()) {
    return InvalidArgument("expected a grid of known rank, found ", dy.type().ToString());
  }
  const int64_t rank = dy.shape().rank() - 2;
  Tensor identity(DType::kFloat64, {1, rank, rank + 1});
  for (int64_t i = 0; i < rank; ++i) identity.mutable_data<double>()[i * (rank + 2)] = 1;
  const Value same = Call("array.Expand", {CastLike(Constant(identity), theta), ShapeOf(theta)});
  const Value points =
      Call("image.AffineGrid", {same, g.has_input(1) ? g.input(1) : Value()}, g.attrs());
  const auto flat = [&](const Value& grid) {
    return Call("array.Reshape", {grid}, {{"shape", Ints{0, -1, rank}}});
  };
  const Value x = flat(points), d = Call("array.Transpose", {flat(dy)}, {{"perm", Ints{0, 2, 1}}});
  const Value shift = Call("math.ReduceSum", {d}, {{"axes", Ints{2}}, {"keepdims", true}});
  return std::vector<Value>{
      Call("array.Concat", {Call("math.MatMul", {d, x}), shift}, {{"axis", 2}})};
}

NOMO_REGISTER_OP(
    OpDef("image.AffineGrid")
        .Doc("The grid for image.GridSample that moves images by an affine map.\n\n"
             "grid[n, p] = theta[n] (x, y, 1), or theta[n] (x, y, z, 1) in 3-D, where x belongs to "
             "the last spatial axis of position p. Along each axis -1 and 1 are the middles of the "
             "first and the last element with align_corners, else their outer edges; the middle of "
             "a single element is 0.")
        .Source("ONNX AffineGrid; torch.nn.functional.affine_grid")
        .Known({.as = "onnx",
                .name = "AffineGrid",
                .since = 20,
                .attrs = {{"size", KnownAttr::kInput, "", 1}}})
        .TypeVar("T", kFloats)
        .Input("theta", "T", "[batch, 2, 3] or [batch, 3, 4]")
        .OptionalInput(
            "size", "int64",
            "the images' batch, channels and spatial sizes, in this order whatever their "
            "format; channels do not matter")
        .Output("grid", "T", "[batch, height, width, 2] or [batch, depth, height, width, 3]")
        .OptionalAttr("size", AttrType::kInts, "as the input")
        .Attr("align_corners", false, "whether -1 and 1 are the middles of elements")
        .Infer(InferAffineGrid)
        .Reference(AffineGridCompute)
        .Gradient(AffineGridGradient)
        .Examples(AffineGridExamples));

}  // namespace
}  // namespace nomograph::image

// image.NonMaxSuppression: the best boxes of each class, without those that overlap a better one.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "nomograph/core/op/int_args.h"
#include "nomograph/core/op/registry.h"

namespace nomograph::image {
namespace {

// A number that is an attribute or an input of one element; nothing where it is neither, or not
// known yet.
absl::StatusOr<std::optional<double>> GetFloat(const InferContext& context, absl::string_view name,
                                               int input) {
  const AttrValue* attr = context.attrs().Find(name);
  if (attr != nullptr && context.has_input(input)) {
    return InvalidArgument(name, " is given twice, as an attribute and as input ", input);
  }
  if (attr != nullptr) return *attr->As<double>();
  if (!context.has_input(input)) return std::nullopt;
  const Tensor* constant = context.constant(input);
  const PartialShape shape = constant != nullptr ? constant->shape() : context.shape(input);
  if (!Compatible(shape, PartialShape(Shape{})) && !Compatible(shape, {Dim(1)})) {
    return InvalidArgument(name, ": expected one number, found shape ", shape.ToString());
  }
  return constant != nullptr ? std::optional<double>(constant->AsDouble(0)) : std::nullopt;
}

// What a node is asked for.
struct Limits {
  int64_t count = 0;  // of each class
  double iou = 0;
  std::optional<double> score;
};

absl::StatusOr<Limits> GetLimits(const InferContext& context) {
  Limits limits;
  NOMO_ASSIGN_OR_RETURN(const IntsArg count, GetInt(context, "max_output_boxes_per_class", 2));
  if (count.known) limits.count = std::max<int64_t>(count.values[0], 0);
  NOMO_ASSIGN_OR_RETURN(const auto iou, GetFloat(context, "iou_threshold", 3));
  limits.iou = iou.value_or(0);
  if (!(limits.iou >= 0 && limits.iou <= 1)) {
    return InvalidArgument("iou_threshold: expected 0 to 1, found ", limits.iou);
  }
  NOMO_ASSIGN_OR_RETURN(limits.score, GetFloat(context, "score_threshold", 4));
  return limits;
}

absl::StatusOr<std::vector<TensorType>> InferNonMaxSuppression(const InferContext& context) {
  const PartialShape &boxes = context.shape(0), &scores = context.shape(1);
  if (!Compatible(boxes, {Dim(), Dim(), 4})) {
    return InvalidArgument("input boxes: expected shape [batch, boxes, 4], found ",
                           boxes.ToString());
  }
  const PartialShape expected =
      boxes.has_rank() ? PartialShape{boxes[0], Dim(), boxes[1]} : PartialShape::OfRank(3);
  if (!Compatible(scores, expected)) {
    return InvalidArgument("input scores: expected shape [batch, classes, boxes], here ",
                           expected.ToString(), ", found ", scores.ToString());
  }
  NOMO_RETURN_IF_ERROR(GetLimits(context).status());
  return std::vector<TensorType>{{DType::kInt64, {Dim(), 3}}};
}

struct Box {
  double top, left, bottom, right;
  double area() const { return (bottom - top) * (right - left); }
};

// The box of four numbers: two opposite corners, [y1, x1, y2, x2], or [x, y, width, height] of its
// middle.
template <typename T>
Box BoxOf(const T* numbers, bool center) {
  std::array<double, 4> n;
  for (int i = 0; i < 4; ++i) n[i] = static_cast<double>(numbers[i]);
  if (center) {
    n = {n[1] - n[3] / 2, n[0] - n[2] / 2, n[1] + n[3] / 2, n[0] + n[2] / 2};
  }
  return {std::min(n[0], n[2]), std::min(n[1], n[3]), std::max(n[0], n[2]), std::max(n[1], n[3])};
}

// Whether the intersection is more than `threshold` of the union.
bool Overlap(const Box& a, const Box& b, double threshold) {
  const double height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  const double width = std::min(a.right, b.right) - std::max(a.left, b.left);
  if (!(height > 0 && width > 0)) return false;
  const double intersection = height * width;
  return intersection / (a.area() + b.area() - intersection) > threshold;
}

// The boxes that were taken, by where they are along one axis: a box is compared with those alone
// that lie in the same stretches of it. Boxes of several classes, which exporters move apart so
// that one node serves all, are many, and few lie near each other.
class TakenBoxes {
 public:
  explicit TakenBoxes(const std::vector<Box>& boxes) {
    // The axis along which the boxes are the smaller part of where they are.
    for (const bool down : {false, true}) {
      double begin = std::numeric_limits<double>::infinity(), end = -begin, sum = 0, finite = 0;
      for (const Box& box : boxes) {
        if (!IsFinite(box)) continue;
        finite += 1;
        const auto [from, to] = Ends(box, down);
        begin = std::min(begin, from);
        end = std::max(end, to);
        sum += to - from;
      }
      // A stretch is as long as boxes are in the mean, so that a box is in two or three of them.
      const double length = sum / finite;
      const double count = std::min((end - begin) / length, double{kMaxStretches});
      if (!(count > static_cast<double>(stretches_.size()))) continue;  // nor where it is NaN
      down_ = down;
      begin_ = begin;
      scale_ = count / (end - begin);
      stretches_.resize(static_cast<size_t>(count));
    }
    if (stretches_.empty()) stretches_.resize(1);
  }

  bool AnyOverlaps(const Box& box, double threshold) const {
    if (!IsFinite(box)) return false;
    const auto [first, last] = StretchesOf(box);
    for (size_t s = first; s <= last; ++s) {
      for (const Box& taken : stretches_[s]) {
        if (Overlap(taken, box, threshold)) return true;
      }
    }
    return false;
  }

  void Add(const Box& box) {
    if (!IsFinite(box)) return;
    const auto [first, last] = StretchesOf(box);
    for (size_t s = first; s <= last; ++s) stretches_[s].push_back(box);
  }

 private:
  static constexpr int kMaxStretches = 1 << 12;

  // Others are no part of anything: of an infinite union an intersection is nothing.
  static bool IsFinite(const Box& box) {
    return std::isfinite(box.top) && std::isfinite(box.left) && std::isfinite(box.bottom) &&
           std::isfinite(box.right);
  }
  static std::pair<double, double> Ends(const Box& box, bool down) {
    return down ? std::pair(box.top, box.bottom) : std::pair(box.left, box.right);
  }
  // The first and the last one.
  std::pair<size_t, size_t> StretchesOf(const Box& box) const {
    const auto [from, to] = Ends(box, down_);
    const auto stretch = [&](double at) {
      const double last = static_cast<double>(stretches_.size() - 1);
      const double s = (at - begin_) * scale_;
      return s > 0 ? static_cast<size_t>(std::min(s, last)) : 0;
    };
    const size_t first = stretch(from);
    return {first, std::max(first, stretch(to))};
  }

  bool down_ = false;
  double begin_ = 0, scale_ = 0;
  std::vector<std::vector<Box>> stretches_;
};

// The boxes of one class that stay, best first.
template <typename T>
std::vector<int64_t> Select(const std::vector<Box>& boxes, const T* scores, const Limits& limits) {
  const auto score = [&](int64_t i) { return static_cast<double>(scores[i]); };
  std::vector<int64_t> order, selected;
  for (int64_t i = 0; i < static_cast<int64_t>(boxes.size()); ++i) {
    const bool good = limits.score ? score(i) > *limits.score : score(i) == score(i);
    if (good) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return score(a) > score(b); });
  TakenBoxes taken(boxes);
  for (const int64_t i : order) {
    if (static_cast<int64_t>(selected.size()) >= limits.count) break;
    if (taken.AnyOverlaps(boxes[i], limits.iou)) continue;
    taken.Add(boxes[i]);
    selected.push_back(i);
  }
  return selected;
}

template <typename T>
std::vector<int64_t> SelectAll(const KernelContext& context, const Limits& limits) {
  const Shape& shape = context.input_shape(1);
  const bool center = context.attrs().Bool("center_point_box");
  const T* numbers = context.input<T>(0).data();
  const T* scores = context.input<T>(1).data();
  std::vector<int64_t> rows;
  for (int64_t n = 0; n < shape[0]; ++n) {
    std::vector<Box> boxes;
    for (int64_t i = 0; i < shape[2]; ++i, numbers += 4) boxes.push_back(BoxOf(numbers, center));
    for (int64_t c = 0; c < shape[1]; ++c, scores += shape[2]) {
      for (const int64_t box : Select(boxes, scores, limits)) {
        rows.insert(rows.end(), {n, c, box});
      }
    }
  }
  return rows;
}

absl::Status NonMaxSuppressionCompute(KernelContext& context) {
  const ConcreteNode node(context);
  NOMO_ASSIGN_OR_RETURN(const Limits limits, GetLimits(node.context()));
  std::vector<int64_t> rows;
  Dispatch(FloatTypes{}, context.input_dtype(0),
           [&]<typename T>() { rows = SelectAll<T>(context, limits); });
  NOMO_RETURN_IF_ERROR(context.AllocateOutput(0, Shape{static_cast<int64_t>(rows.size()) / 3, 3}));
  std::copy(rows.begin(), rows.end(), context.output<int64_t>(0).begin());
  return absl::OkStatus();
}

std::vector<Example> NonMaxSuppressionExamples() {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  return {
      {.name = "ONNX nonmaxsuppression_single_box",
       .inputs = {Tensor::Of<float>({1, 1, 4}, {0, 0, 1, 1}), Tensor::Of<float>({1, 1, 1}, {0.9}),
                  Tensor::Vector<int64_t>({3}), Tensor::Vector<float>({0.5}),
                  Tensor::Vector<float>({0})},
       .outputs = {Tensor::Of<int64_t>({1, 3}, {0, 0, 0})}},
      {.name = "ONNX nonmaxsuppression_suppress_by_IOU",
       .inputs = {Tensor::Of<float>({1, 6, 4},
                                    {0, 0,     1, 1,  0, 0.1,  1, 1.1,  0, -0.1,  1, 0.9,
                                     0, 1e+01, 1, 11, 0, 10.1, 1, 11.1, 0, 1e+02, 1, 101}),
                  Tensor::Of<float>({1, 1, 6}, {0.9, 0.75, 0.6, 0.95, 0.5, 0.3}),
                  Tensor::Vector<int64_t>({3}), Tensor::Vector<float>({0.5}),
                  Tensor::Vector<float>({0})},
       .outputs = {Tensor::Of<int64_t>({3, 3}, {0, 0, 3, 0, 0, 0, 0, 0, 5})}},
      {.name = "ONNX nonmaxsuppression_suppress_by_IOU_and_scores",
       .inputs = {Tensor::Of<float>({1, 6, 4},
                                    {0, 0,     1, 1,  0, 0.1,  1, 1.1,  0, -0.1,  1, 0.9,
                                     0, 1e+01, 1, 11, 0, 10.1, 1, 11.1, 0, 1e+02, 1, 101}),
                  Tensor::Of<float>({1, 1, 6}, {0.9, 0.75, 0.6, 0.95, 0.5, 0.3}),
                  Tensor::Vector<int64_t>({3}), Tensor::Vector<float>({0.5}),
                  Tensor::Vector<float>({0.4})},
       .outputs = {Tensor::Of<int64_t>({2, 3}, {0, 0, 3, 0, 0, 0})}},
      {.name = "ONNX nonmaxsuppression_flipped_coordinates",
       .inputs = {Tensor::Of<float>({1, 6, 4},
                                    {1, 1,     0, 0,  0, 0.1,  1, 1.1,  0, 0.9, 1, -0.1,
                                     0, 1e+01, 1, 11, 1, 10.1, 0, 11.1, 1, 101, 0, 1e+02}),
                  Tensor::Of<float>({1, 1, 6}, {0.9, 0.75, 0.6, 0.95, 0.5, 0.3}),
                  Tensor::Vector<int64_t>({3}), Tensor::Vector<float>({0.5}),
                  Tensor::Vector<float>({0})},
       .outputs = {Tensor::Of<int64_t>({3, 3}, {0, 0, 3, 0, 0, 0, 0, 0, 5})}},
      {.name = "ONNX nonmaxsuppression_identical_boxes",
       .inputs = {Tensor::Of<float>({1, 10, 4},
                                    {0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1,
                                     0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1}),
                  Tensor::Of<float>({1, 1, 10}, {0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9}),
                  Tensor::Vector<int64_t>({3}), Tensor::Vector<float>({0.5}),
                  Tensor::Vector<float>({0})},
       .outputs = {Tensor::Of<int64_t>({1, 3}, {0, 0, 0})}},
      {.name = "ONNX nonmaxsuppression_limit_output_size",
       .inputs = {Tensor::Of<float>({1, 6, 4},
                                    {0, 0,     1, 1,  0, 0.1,  1, 1.1,  0, -0.1,  1, 0.9,
                                     0, 1e+01, 1, 11, 0, 10.1, 1, 11.1, 0, 1e+02, 1, 101}),
                  Tensor::Of<float>({1, 1, 6}, {0.9, 0.75, 0.6, 0.95, 0.5, 0.3}),
                  Tensor::Vector<int64_t>({2}), Tensor::Vector<float>({0.5}),
                  Tensor::Vector<float>({0})},
       .outputs = {Tensor::Of<int64_t>({2, 3}, {0, 0, 3, 0, 0, 0})}},
      {.name = "ONNX nonmaxsuppression_two_batches",
       .inputs = {Tensor::Of<float>(
                      {2, 6, 4},
                      {0, 0,    1, 1,    0, 0.1,   1, 1.1, 0, -0.1, 1, 0.9,  0, 1e+01, 1, 11,
                       0, 10.1, 1, 11.1, 0, 1e+02, 1, 101, 0, 0,    1, 1,    0, 0.1,   1, 1.1,
                       0, -0.1, 1, 0.9,  0, 1e+01, 1, 11,  0, 10.1, 1, 11.1, 0, 1e+02, 1, 101}),
                  Tensor::Of<float>(
                      {2, 1, 6}, {0.9, 0.75, 0.6, 0.95, 0.5, 0.3, 0.9, 0.75, 0.6, 0.95, 0.5, 0.3}),
                  Tensor::Vector<int64_t>({2}), Tensor::Vector<float>({0.5}),
                  Tensor::Vector<float>({0})},
       .outputs = {Tensor::Of<int64_t>({4, 3}, {0, 0, 3, 0, 0, 0, 1, 0, 3, 1, 0, 0})}},
      {.name = "ONNX nonmaxsuppression_two_classes",
       .inputs = {Tensor::Of<float>({1, 6, 4},
                                    {0, 0,     1, 1,  0, 0.1,  1, 1.1,  0, -0.1,  1, 0.9,
                                     0, 1e+01, 1, 11, 0, 10.1, 1, 11.1, 0, 1e+02, 1, 101}),
                  Tensor::Of<float>(
                      {1, 2, 6}, {0.9, 0.75, 0.6, 0.95, 0.5, 0.3, 0.9, 0.75, 0.6, 0.95, 0.5, 0.3}),
                  Tensor::Vector<int64_t>({2}), Tensor::Vector<float>({0.5}),
                  Tensor::Vector<float>({0})},
       .outputs = {Tensor::Of<int64_t>({4, 3}, {0, 0, 3, 0, 0, 0, 0, 1, 3, 0, 1, 0})}},
      {.name = "ONNX nonmaxsuppression_center_point_box_format",
       .attrs = {{"center_point_box", true}},
       .inputs = {Tensor::Of<float>({1, 6, 4},
                                    {0.5, 0.5,  1, 1, 0.5, 0.6,  1, 1, 0.5, 0.4,   1, 1,
                                     0.5, 10.5, 1, 1, 0.5, 10.6, 1, 1, 0.5, 100.5, 1, 1}),
                  Tensor::Of<float>({1, 1, 6}, {0.9, 0.75, 0.6, 0.95, 0.5, 0.3}),
                  Tensor::Vector<int64_t>({3}), Tensor::Vector<float>({0.5}),
                  Tensor::Vector<float>({0})},
       .outputs = {Tensor::Of<int64_t>({3, 3}, {0, 0, 3, 0, 0, 0, 0, 0, 5})}},
      {.name = "limits as attributes",
       .attrs = {{"max_output_boxes_per_class", 3}, {"iou_threshold", 0.5}},
       .inputs = {Tensor::Of<float>({1, 6, 4},
                                    {0, 0,     1, 1,  0, 0.1,  1, 1.1,  0, -0.1,  1, 0.9,
                                     0, 1e+01, 1, 11, 0, 10.1, 1, 11.1, 0, 1e+02, 1, 101}),
                  Tensor::Of<float>({1, 1, 6}, {0.9, 0.75, 0.6, 0.95, 0.5, 0.3})},
       .outputs = {Tensor::Of<int64_t>({3, 3}, {0, 0, 3, 0, 0, 0, 0, 0, 5})}},
      {.name = "none are asked for",
       .inputs = {Tensor::Of<float>({1, 6, 4},
                                    {0, 0,     1, 1,  0, 0.1,  1, 1.1,  0, -0.1,  1, 0.9,
                                     0, 1e+01, 1, 11, 0, 10.1, 1, 11.1, 0, 1e+02, 1, 101}),
                  Tensor::Of<float>({1, 1, 6}, {0.9, 0.75, 0.6, 0.95, 0.5, 0.3})},
       .outputs = {Tensor::Of<int64_t>({0, 3}, {})}},
      {.name = "equal scores, one that is not a number, and a threshold that counts as below",
       .attrs = {{"max_output_boxes_per_class", 9},
                 {"score_threshold", 0.25},
                 {"iou_threshold", 0.9}},
       .inputs = {Tensor::Of<double>({1, 4, 4}, {0, 0, 1, 1, 5, 5, 6, 6, 2, 2, 3, 3, 2, 2, 3, 3.5}),
                  Tensor::Of<double>({1, 1, 4}, {0.5, nan, 0.5, 0.25})},
       .outputs = {Tensor::Of<int64_t>({2, 3}, {0, 0, 0, 0, 0, 2})}},
  };
}

NOMO_REGISTER_OP(
    OpDef("image.NonMaxSuppression")
        .Doc("The best boxes of each class, without those that overlap a better one.\n\n"
             "Of each image and class the boxes whose score is greater than score_threshold are "
             "taken from the best on (of equal scores the first box first), unless with one that "
             "was taken already they share more than iou_threshold of their union, up to "
             "max_output_boxes_per_class. Boxes are [y1, x1, y2, x2], two opposite corners in any "
             "order, or [x, y, width, height] around the middle with center_point_box. A score "
             "that is NaN is no score. How many boxes are taken depends on the data, so that the "
             "shape is known only when the node has run.")
        .Source("ONNX NonMaxSuppression; tf.image.non_max_suppression")
        .Known({.as = "onnx",
                .name = "NonMaxSuppression",
                .since = 10,
                .attrs = {{"max_output_boxes_per_class", KnownAttr::kScalar, "", 2},
                          {"iou_threshold", KnownAttr::kLike, "", 3},
                          {"score_threshold", KnownAttr::kLike, "", 4}}})
        .TypeVar("T", kFloats)
        .Input("boxes", "T", "[batch, boxes, 4]")
        .Input("scores", "T", "[batch, classes, boxes]")
        .OptionalInput("max_output_boxes_per_class", "int64", "one number; absent: 0, no boxes")
        .OptionalInput("iou_threshold", "float32", "one number from 0 to 1; absent: 0")
        .OptionalInput("score_threshold", "float32", "one number; absent: all boxes have a chance")
        .Output("selected_indices", "int64", "[selected, 3]: image, class and box")
        .Attr("center_point_box", false, "whether boxes are given by their middle")
        .OptionalAttr("max_output_boxes_per_class", AttrType::kInt, "as the input")
        .OptionalAttr("iou_threshold", AttrType::kFloat, "as the input")
        .OptionalAttr("score_threshold", AttrType::kFloat, "as the input")
        .Infer(InferNonMaxSuppression)
        .Reference(NonMaxSuppressionCompute)
        .Work(AllCombinationsWork)
        .GradientIsZero()
        .Examples(NonMaxSuppressionExamples));

}  // namespace
}  // namespace nomograph::image

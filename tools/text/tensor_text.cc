#include "nomograph/tools/text/tensor_text.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nomograph/tools/text/numbers.h"

namespace nomograph {

std::string ElementText(const Tensor& tensor, int64_t index) {
  switch (tensor.dtype()) {
    case DType::kBool:
      return tensor.data<bool>()[index] ? "true" : "false";
    case DType::kInt64:
      return absl::StrCat(tensor.data<int64_t>()[index]);
    case DType::kUInt64:
      return absl::StrCat(tensor.data<uint64_t>()[index]);
    default:
      break;
  }
  const double value = tensor.AsDouble(index);
  // The other integers are exact as doubles, but may have more than six digits.
  return (kInts | kInt4s).Contains(tensor.dtype()) ? absl::StrCat(static_cast<int64_t>(value))
                                                   : ShortNumber(value);
}

namespace {

constexpr int64_t kMaxElements = 400;
constexpr int64_t kEdge = 3;
constexpr size_t kPlainLine = 100, kLeastLine = 20;
constexpr int64_t kGap = -1;  // stands for the indices that are left out
// Many axes of few elements each would come to more than anyone reads.
constexpr int kMaxParts = 4000;

class Printer {
 public:
  Printer(const Tensor& tensor, int indent, size_t width)
      : tensor_(tensor),
        strides_(tensor.shape().Strides()),
        indent_(indent, ' '),
        max_line_(width == 0 ? kPlainLine
                             : std::max(kLeastLine, width - std::min(width, indent_.size()))) {
    MeasureAxis(0, 0);
  }

  std::string Print() {
    text_ = indent_;
    PrintAxis(0, 0);
    return text_ + "\n";
  }

 private:
  // The indices of an axis that are shown, kGap for those that are not.
  std::vector<int64_t> Shown(int axis) const {
    const int64_t size = tensor_.shape()[axis];
    std::vector<int64_t> indices;
    const bool all =
        size <= 2 * kEdge + 1 || (size <= kMaxElements && tensor_.num_elements() <= kMaxElements);
    for (int64_t i = 0; i < size; ++i) {
      if (!all && i == kEdge) {
        indices.push_back(kGap);
        i = size - kEdge;
      }
      indices.push_back(i);
    }
    return indices;
  }

  void MeasureAxis(int axis, int64_t offset) {
    if (++measured_ > kMaxParts) return;
    if (axis == tensor_.shape().rank()) {
      width_ = std::max(width_, ElementText(tensor_, offset).size());
      return;
    }
    for (const int64_t i : Shown(axis)) {
      if (i != kGap) MeasureAxis(axis + 1, offset + i * strides_[axis]);
    }
  }

  void NewLine(int depth) {
    absl::StrAppend(&text_, "\n", indent_, std::string(depth, ' '));
    line_ = depth;
  }

  void Append(const std::string& piece) {
    text_ += piece;
    line_ += piece.size();
  }

  void PrintAxis(int axis, int64_t offset) {
    const int rank = tensor_.shape().rank();
    if (++printed_ > kMaxParts) {
      if (printed_ == kMaxParts + 1) Append("...");
      return;
    }
    if (axis == rank) {
      const std::string element = ElementText(tensor_, offset);
      // A scalar stands for itself.
      Append(rank == 0 ? element : std::string(width_ - element.size(), ' ') + element);
      return;
    }
    Append("[");
    bool first = true;
    for (const int64_t i : Shown(axis)) {
      if (printed_ > kMaxParts) break;
      if (!first) Separate(axis);
      first = false;
      if (i == kGap) {
        Append("...");
      } else {
        PrintAxis(axis + 1, offset + i * strides_[axis]);
      }
    }
    Append("]");
  }

  void Separate(int axis) {
    const int inner_axes = tensor_.shape().rank() - axis - 1;
    Append(",");
    if (inner_axes > 0) {
      text_ +=
          std::string(inner_axes - 1, '\n');  // an empty line between matrices, as NumPy has it
      NewLine(axis + 1);
    } else if (line_ + width_ + 2 + axis > max_line_) {  // with the brackets that end there
      NewLine(axis + 1);
    } else {
      Append(" ");
    }
  }

  const Tensor& tensor_;
  const absl::InlinedVector<int64_t, 6> strides_;
  const std::string indent_;
  const size_t max_line_;
  size_t width_ = 0;
  size_t line_ = 0;
  int measured_ = 0, printed_ = 0;
  std::string text_;
};

}  // namespace

std::string TensorText(const Tensor& tensor, int indent, const TextStyle& style) {
  return Printer(tensor, indent, style.width).Print();
}

}  // namespace nomograph

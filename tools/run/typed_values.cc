#include "nomograph/tools/run/typed_values.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

// Reads nested lists without recursion: what is open is counted for each depth.
class ListReader {
 public:
  explicit ListReader(absl::string_view text) : text_(text) {}

  absl::Status Read() {
    bool expects_item = true;  // else a comma or a closing bracket
    while (true) {
      SkipSpaces();
      if (at_ == text_.size()) break;
      const char c = text_[at_];
      if (c == '[' && expects_item && !closed_) {
        if (open_.size() == static_cast<size_t>(kMaxRank)) return Fault("too many brackets");
        if (open_.size() >= sizes_.size()) sizes_.push_back(-1);
        open_.push_back(0);
        ++at_;
      } else if (c == ']' && !open_.empty() && (!expects_item || open_.back() == 0)) {
        NOMO_RETURN_IF_ERROR(Close());
        expects_item = false;
        ++at_;
      } else if (c == ',' && !expects_item && !open_.empty()) {
        expects_item = true;
        ++at_;
      } else if (expects_item && !closed_) {
        NOMO_RETURN_IF_ERROR(ReadNumber());
        expects_item = false;
      } else {
        return Fault("expected a comma or a closing bracket");
      }
    }
    if (!open_.empty()) return Fault("a bracket is not closed");
    if (!closed_) return Fault("expected a number");
    return absl::OkStatus();
  }

  Shape shape() const { return Shape(absl::MakeConstSpan(sizes_)); }
  const std::vector<std::string>& words() const { return words_; }

 private:
  absl::Status Fault(absl::string_view what) const {
    return InvalidArgument(Quoted(text_), ": column ", at_ + 1, ": ", what);
  }

  void SkipSpaces() {
    while (at_ < text_.size() && absl::ascii_isspace(text_[at_])) ++at_;
  }

  absl::Status Close() {
    const size_t depth = open_.size() - 1;
    if (sizes_[depth] >= 0 && sizes_[depth] != open_.back()) {
      return Fault(
          absl::StrCat("this list has ", open_.back(), " elements, one beside it ", sizes_[depth]));
    }
    sizes_[depth] = open_.back();
    open_.pop_back();
    return CountItem();
  }

  absl::Status CountItem() {
    if (open_.empty()) {
      closed_ = true;
    } else {
      ++open_.back();
    }
    return absl::OkStatus();
  }

  absl::Status ReadNumber() {
    // Numbers stand at the deepest place only.
    if (open_.size() < sizes_.size() || (open_.size() > leaf_depth_ && !words_.empty())) {
      return Fault("a number stands beside a list");
    }
    leaf_depth_ = open_.size();
    size_t end = at_;
    while (end < text_.size() && text_[end] != ',' && text_[end] != ']' && text_[end] != '[' &&
           !absl::ascii_isspace(text_[end])) {
      ++end;
    }
    if (end == at_) return Fault("expected a number");
    words_.emplace_back(text_.substr(at_, end - at_));
    at_ = end;
    return CountItem();
  }

  const absl::string_view text_;
  size_t at_ = 0;
  std::vector<int64_t> open_;   // by depth, the elements so far of the list that is open
  std::vector<int64_t> sizes_;  // by depth; -1: not known yet
  size_t leaf_depth_ = 0;
  bool closed_ = false;
  std::vector<std::string> words_;
};

absl::StatusOr<Tensor> ToTensor(const std::vector<std::string>& words, const Shape& shape,
                                DType dtype) {
  // Integers by way of int64 or uint64, so that all of their digits count.
  const bool is_uint64 = dtype == DType::kUInt64;
  const bool integers = (kInts | kInt4s).Contains(dtype) && !is_uint64;
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Create(is_uint64  ? DType::kUInt64
                                                      : integers ? DType::kInt64
                                                                 : DType::kFloat64,
                                                      shape));
  for (size_t i = 0; i < words.size(); ++i) {
    double number = 0;
    int64_t integer = 0;
    uint64_t unsigned_integer = 0;
    if (dtype == DType::kBool && (words[i] == "true" || words[i] == "false")) {
      tensor.mutable_data<double>()[i] = words[i] == "true";
    } else if (is_uint64 && absl::SimpleAtoi(words[i], &unsigned_integer)) {
      tensor.mutable_data<uint64_t>()[i] = unsigned_integer;
    } else if (integers && absl::SimpleAtoi(words[i], &integer)) {
      tensor.mutable_data<int64_t>()[i] = integer;
    } else if (!integers && !is_uint64 && absl::SimpleAtod(words[i], &number)) {
      tensor.mutable_data<double>()[i] = number;
    } else {
      return InvalidArgument(Quoted(words[i]), " is no ", DTypeName(dtype));
    }
  }
  NOMO_ASSIGN_OR_RETURN(const Tensor cast, TryCast(tensor, dtype));
  for (int64_t i = 0; i < cast.num_elements() && !kFloats.Contains(dtype); ++i) {
    if (cast.AsDouble(i) != tensor.AsDouble(i)) {
      return InvalidArgument(Quoted(words[i]), " is no ", DTypeName(dtype));
    }
  }
  return cast;
}

}  // namespace

bool IsTypedValue(absl::string_view text) {
  double number = 0;
  return text == "true" || text == "false" || (!text.empty() && text[0] == '[') ||
         absl::SimpleAtod(text, &number);
}

bool IsRandomValue(absl::string_view text) {
  return text == "random" || absl::StartsWith(text, "random:");
}

absl::StatusOr<Tensor> ParseTypedValue(absl::string_view text, const TensorType& type) {
  ListReader reader(text);
  NOMO_RETURN_IF_ERROR(reader.Read());
  NOMO_ASSIGN_OR_RETURN(const Tensor tensor, ToTensor(reader.words(), reader.shape(), type.dtype));
  if (!type.shape.has_rank() || tensor.shape().rank() >= type.shape.rank()) return tensor;
  Shape shape;
  for (int axis = tensor.shape().rank(); axis < type.shape.rank(); ++axis) shape.Append(1);
  for (const int64_t size : tensor.shape().dims()) shape.Append(size);
  return tensor.Reshaped(shape);
}

}  // namespace nomograph

#include "nomograph/core/op/elementwise.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "nomograph/core/numeric/threads.h"

namespace nomograph {
namespace {

using Steps = absl::InlinedVector<int64_t, 4>;              // of every input, in bytes
using Pointers = absl::InlinedVector<const std::byte*, 4>;  // into every input

// One axis of the output, with every input's step along it (0 where it is broadcast).
struct Axis {
  int64_t size;
  int64_t output_step;
  Steps steps;
};
using Axes = absl::InlinedVector<Axis, 4>;

// Whether walking `inner` through and then one step of `outer` is the same as going on along
// `inner`.
bool RunsOn(const Axis& outer, const Axis& inner) {
  for (size_t i = 0; i < inner.steps.size(); ++i) {
    if (outer.steps[i] != inner.steps[i] * inner.size) return false;
  }
  return true;
}

// The axes that count, outermost first: those of size 1 are left out, and neighbours along which
// every input runs on evenly become one. There is always at least one.
Axes CollapsedAxes(const KernelContext& context) {
  const Shape& shape = context.output_shape(0);
  const auto output_strides = shape.Strides();
  Axes axes;
  for (int a = 0; a < shape.rank(); ++a) {
    if (shape[a] == 1) continue;
    Axis axis{shape[a], output_strides[a] * DTypeSize(context.output_dtype(0)),
              Steps(context.num_inputs(), 0)};
    for (int i = 0; i < context.num_inputs(); ++i) {
      const Shape& input = context.input_shape(i);
      const int own = a - (shape.rank() - input.rank());
      if (own >= 0 && input[own] != 1) {
        axis.steps[i] = input.Strides()[own] * DTypeSize(context.input_dtype(i));
      }
    }
    if (!axes.empty() && RunsOn(axes.back(), axis)) {
      axis.size *= axes.back().size;
      axes.pop_back();
    }
    axes.push_back(std::move(axis));
  }
  if (axes.empty()) axes.push_back({1, 0, Steps(context.num_inputs(), 0)});
  return axes;
}

// What kernels get in one go. An input either runs along with the output, or has a period: so many
// of its elements are repeated over and over.
struct Row {
  int64_t size = 0;
  Steps steps;    // of the inputs that run along, else 0
  Steps periods;  // in elements; 0 for the inputs that run along
};

// To hand on so few elements takes as long as their work.
constexpr int64_t kShort = 64;
// So many elements that are repeated lie one after the other, and stay in the first cache.
constexpr int64_t kBlock = 512;

// Takes the innermost axis out of `axes` as the row; and the one around it too where rows would be
// short, as of the channels of an image, and the inputs allow it.
Row TakeRow(Axes& axes) {
  Row row;
  const Axis inner = axes.back();
  axes.pop_back();
  row.size = inner.size;
  row.steps = inner.steps;
  for (const int64_t step : inner.steps) row.periods.push_back(step == 0 && inner.size > 1 ? 1 : 0);
  if (axes.empty() || inner.size >= kShort) return row;

  const Axis& outer = axes.back();
  Row joined = row;
  joined.size *= outer.size;
  for (size_t i = 0; i < inner.steps.size(); ++i) {
    if (outer.steps[i] == 0) {
      joined.periods[i] = inner.steps[i] == 0 ? 1 : inner.size;
      joined.steps[i] = 0;
    } else if (outer.steps[i] != inner.steps[i] * inner.size) {
      return row;
    }
  }
  axes.pop_back();
  return joined;
}

// Hands a row on in blocks in which elements that are repeated lie one after the other: kernels
// then need one loop only, which the compiler vectorises.
class RowBlocks {
 public:
  RowBlocks(const KernelContext& context, const Row& row)
      : row_(row), output_size_(DTypeSize(context.output_dtype(0))) {
    int64_t period = 1;
    for (const int64_t p : row.periods) period = std::max(period, p);
    block_ = std::min(kBlock / period * period, row.size);
    size_t bytes = 0;
    for (int i = 0; i < context.num_inputs(); ++i) {
      if (row.periods[i] == 0) continue;
      const int64_t element = DTypeSize(context.input_dtype(i));
      repeated_.push_back({i, row.periods[i] * element, block_ / row.periods[i], bytes});
      bytes += block_ * element;
    }
    buffer_.resize(bytes);
  }

  void Run(Pointers inputs, std::byte* output, RowFn row) {
    if (repeated_.empty()) return row(inputs.data(), output, row_.size);
    for (const Repeated& r : repeated_) {
      std::byte* copies = buffer_.data() + r.offset;
      Repeat(inputs[r.input], r.bytes, r.times, copies);
      inputs[r.input] = copies;
    }
    for (int64_t begin = 0; begin < row_.size; begin += block_) {
      row(inputs.data(), output, std::min(row_.size - begin, block_));
      for (size_t i = 0; i < inputs.size(); ++i) inputs[i] += row_.steps[i] * block_;
      output += output_size_ * block_;
    }
  }

 private:
  struct Repeated {
    int input;
    int64_t bytes, times;
    size_t offset;  // in the buffer
  };

  static void Repeat(const std::byte* from, int64_t bytes, int64_t times, std::byte* to) {
    std::memcpy(to, from, bytes);
    for (int64_t done = 1; done < times;) {
      const int64_t more = std::min(done, times - done);
      std::memcpy(to + done * bytes, to, more * bytes);
      done += more;
    }
  }

  const Row& row_;
  const int64_t output_size_;
  int64_t block_;
  absl::InlinedVector<Repeated, 4> repeated_;
  absl::InlinedVector<std::byte, 8 * kBlock> buffer_;
};

struct Range {
  int64_t begin, end;
};

// Calls `row` for the rows of a range of the outermost axis, where there is one, from element
// `offset` on.
void RunRows(const KernelContext& context, const Axes& axes, const Row& inner, int64_t offset,
             Range range, RowFn row) {
  Pointers inputs;
  for (int i = 0; i < context.num_inputs(); ++i) {
    inputs.push_back(context.input_view(i).data);
    inputs.back() += inner.steps[i] * offset;
    if (!axes.empty()) inputs.back() += axes[0].steps[i] * range.begin;
  }
  std::byte* output = context.output_view(0).data + offset * DTypeSize(context.output_dtype(0));
  if (!axes.empty()) output += axes[0].output_step * range.begin;
  RowBlocks blocks(context, inner);

  // Counts through the outer axes like an odometer.
  absl::InlinedVector<int64_t, 4> index(axes.size(), 0);
  if (!axes.empty()) index[0] = range.begin;
  if (range.begin >= range.end) return;
  while (true) {
    blocks.Run(inputs, output, row);
    int a = static_cast<int>(axes.size()) - 1;
    for (; a >= 0; --a) {
      const int64_t end = a == 0 ? range.end : axes[a].size;
      const int64_t back = ++index[a] == end ? axes[a].size : 0;
      for (size_t i = 0; i < inputs.size(); ++i) inputs[i] += axes[a].steps[i] * (1 - back);
      output += axes[a].output_step * (1 - back);
      if (back == 0) break;
      index[a] = 0;
    }
    if (a < 0) return;
  }
}

// Rows that are short whatever axes are joined, as of 3 x 3 windows with a number for each of their
// channels: many at once. What does not lie as the output does is copied to where it belongs.
class ShortRows {
 public:
  ShortRows(const KernelContext& context, const Axes& axes)
      : context_(context),
        outer_(axes.begin(), axes.end() - 1),
        inner_(axes.back()),
        rows_(context.output_shape(0).num_elements() / inner_.size) {
    for (int i = 0; i < context.num_inputs(); ++i) runs_along_.push_back(RunsAlong(i));
  }

  int64_t num_rows() const { return rows_; }

  void Run(Range range, RowFn row) const {
    const int64_t block = kBlock / inner_.size;
    Steps offsets;  // of the copies, -1 where there are none
    int64_t bytes = 0;
    for (size_t i = 0; i < runs_along_.size(); ++i) {
      offsets.push_back(runs_along_[i] ? -1 : bytes);
      const int64_t element = DTypeSize(context_.input_dtype(static_cast<int>(i)));
      if (!runs_along_[i]) bytes += ((block * inner_.size + kSlack) * element + 63) / 64 * 64;
    }
    absl::InlinedVector<std::byte, 5 * kBlock> copies(bytes);
    const int64_t output_size = DTypeSize(context_.output_dtype(0));
    for (int64_t first = range.begin; first < range.end; first += block) {
      const int64_t count = std::min(block, range.end - first);
      Pointers inputs;
      for (int i = 0; i < context_.num_inputs(); ++i) {
        const std::byte* const data = context_.input_view(i).data;
        if (runs_along_[i]) {
          inputs.push_back(data + first * inner_.size * DTypeSize(context_.input_dtype(i)));
        } else {
          std::byte* const to = copies.data() + offsets[i];
          CopyRows(i, first, count, to);
          inputs.push_back(to);
        }
      }
      row(inputs.data(), context_.output_view(0).data + first * inner_.size * output_size,
          count * inner_.size);
    }
  }

 private:
  // Behind a copied row so many elements may be written.
  static constexpr int64_t kSlack = 4;

  bool RunsAlong(int i) const {
    const Axis* inner = &inner_;
    if (inner->steps[i] == 0) return false;
    for (auto outer = outer_.rbegin(); outer != outer_.rend(); ++outer) {
      if (outer->steps[i] != inner->steps[i] * inner->size) return false;
      inner = &*outer;
    }
    return true;
  }

  // Copies rows of input `i`, from row `first` on.
  void CopyRows(int i, int64_t first, int64_t count, std::byte* to) const {
    const int64_t element = DTypeSize(context_.input_dtype(i));
    const auto copy = element == 1   ? CopyAlike<uint8_t>
                      : element == 2 ? CopyAlike<uint16_t>
                      : element == 4 ? CopyAlike<uint32_t>
                                     : CopyAlike<uint64_t>;
    const Axis& last = outer_.back();
    while (count > 0) {
      // The rows along the last of the outer axes are evenly apart.
      int64_t rest = first / last.size, offset = first % last.size * last.steps[i];
      for (int a = static_cast<int>(outer_.size()) - 2; a >= 0; --a) {
        offset += rest % outer_[a].size * outer_[a].steps[i];
        rest /= outer_[a].size;
      }
      const int64_t alike = std::min(count, last.size - first % last.size);
      copy(context_.input_view(i).data + offset, last.steps[i], alike, inner_.steps[i] == 0,
           inner_.size, to);
      to += alike * inner_.size * element;
      first += alike;
      count -= alike;
    }
  }

  // Copies rows that are `step` bytes apart to where they lie together; or of each, where it is
  // `repeated`, the one element that it has.
  template <typename T>
  static void CopyAlike(const std::byte* from, int64_t step, int64_t rows, bool repeated,
                        int64_t size, std::byte* to) {
    T* y = reinterpret_cast<T*>(to);
    for (int64_t r = 0; r < rows; ++r, from += step, y += size) {
      const T* const x = reinterpret_cast<const T*>(from);
      if (repeated) {
        for (int64_t k = 0; k < size; k += kSlack) std::fill_n(y + k, kSlack, *x);
        continue;
      }
      int64_t k = 0;
      for (; k + kSlack <= size; k += kSlack) std::memcpy(y + k, x + k, kSlack * sizeof(T));
      for (; k < size; ++k) y[k] = x[k];
    }
  }

  const KernelContext& context_;
  const Axes outer_;  // at least one
  const Axis inner_;
  const int64_t rows_;
  absl::InlinedVector<bool, 4> runs_along_;
};

}  // namespace

void ForEachRow(KernelContext& context, RowFn row, int threads) {
  if (context.output_shape(0).num_elements() == 0) return;
  Axes axes = CollapsedAxes(context);
  const Axes all = axes;
  Row inner = TakeRow(axes);
  if (!axes.empty() && inner.size < kShort) {
    const ShortRows rows(context, all);
    ParallelParts(threads, [&](int part, int parts) {
      rows.Run({rows.num_rows() * part / parts, rows.num_rows() * (part + 1) / parts}, row);
    });
    return;
  }
  const bool runs_along =
      std::all_of(inner.periods.begin(), inner.periods.end(), [](int64_t p) { return p == 0; });
  if (threads > 1 && axes.empty() && runs_along) {
    // One row for all: a part of it for each thread.
    constexpr int64_t kStep = 64;
    const int64_t part = (inner.size + threads * kStep - 1) / (threads * kStep) * kStep;
    const int64_t parts = inner.size / part;
    Axis outer{parts, part * DTypeSize(context.output_dtype(0)), {}};
    for (const int64_t step : inner.steps) outer.steps.push_back(step * part);
    const Row whole = std::exchange(inner, Row{part, inner.steps, inner.periods});
    axes.push_back(std::move(outer));
    if (parts * part < whole.size) {  // what is left goes to this thread
      Row rest{whole.size - parts * part, whole.steps, whole.periods};
      RunRows(context, {}, rest, parts * part, {0, 1}, row);
    }
    if (parts == 0) return;
  }
  const int64_t rows = axes.empty() ? 1 : axes[0].size;
  if (threads <= 1 || rows < threads) return RunRows(context, axes, inner, 0, {0, rows}, row);
  ParallelParts(threads, [&](int part, int parts) {
    RunRows(context, axes, inner, 0, {rows * part / parts, rows * (part + 1) / parts}, row);
  });
}

namespace internal {

OpDef ElementwiseSchema(std::string name, int version, int arity, DTypeSet types,
                        absl::string_view result) {
  OpDef op(std::move(name), version);
  op.TypeVar("T", types);
  if (arity == 1) {
    op.Input("x", "T", "any shape");
  } else {
    for (int i = 0; i < arity; ++i) {
      op.Input(std::string(1, static_cast<char>('a' + i)), "T", "broadcast to the others");
    }
  }
  op.Output("y", std::string(result),
            arity == 1 ? "the shape of x" : "the shape to which the inputs broadcast");
  const bool predicate = result == "bool";
  op.Infer([predicate](const InferContext& context) -> absl::StatusOr<std::vector<TensorType>> {
    NOMO_ASSIGN_OR_RETURN(std::vector<TensorType> types, BroadcastInputs(context));
    if (predicate) types[0].dtype = DType::kBool;
    return types;
  });
  // An input of a predicate may have as many bytes as the output and yet other elements in them.
  if (!predicate) op.InPlace();
  return op;
}

}  // namespace internal

OpDef FloatFunctionOp(std::string name, double (*exact)(double), float (*fast)(float)) {
  OpDef op = ElementwiseOp(std::move(name), FloatTypes{}, [exact](auto x) { return exact(x); });
  if (fast != nullptr) {
    op.Fast(
        FastElementwise(TypeList<float, Half, BFloat16>{}, [fast](float x) { return fast(x); }));
  }
  return op;
}

}  // namespace nomograph

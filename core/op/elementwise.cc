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

// Takes the innermost axis out of `axes` as the row; and the one around it too where rows would be
// short, as of the channels of an image, and the inputs allow it.
Row TakeRow(Axes& axes) {
  constexpr int64_t kShort = 64;
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
  static constexpr int64_t kBlock = 512;
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

}  // namespace

void ForEachRow(KernelContext& context, RowFn row, int threads) {
  if (context.output_shape(0).num_elements() == 0) return;
  Axes axes = CollapsedAxes(context);
  Row inner = TakeRow(axes);
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

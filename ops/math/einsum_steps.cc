#include "nomograph/ops/math/einsum_steps.h"

#include <algorithm>
#include <utility>

#include "nomograph/core/op/eager.h"
#include "nomograph/core/op/registry.h"

namespace nomograph::math::einsum {
namespace {

// Products of smaller matrices are cheaper in a loop than in a call of oneDNN.
constexpr int64_t kSmallProduct = 64;

// Calls f(offset) for every element of the axes from `axis` on, in their order.
template <typename F>
void ForEachOffset(const Axes& axes, size_t axis, int64_t offset, const F& f) {
  if (axis == axes.size()) return f(offset);
  const auto [index, size, step] = axes[axis];
  const bool innermost = axis + 1 == axes.size();
  for (int64_t i = 0; i < size; ++i, offset += step) {
    innermost ? f(offset) : ForEachOffset(axes, axis + 1, offset, f);
  }
}

// Copies the elements of the axes from `axis` on, in their order; moves `y` behind the last one.
void Copy(const Axes& axes, size_t axis, const float* x, float*& y) {
  if (axis == axes.size()) {
    *y++ = *x;
    return;
  }
  const auto [index, size, step] = axes[axis];
  if (axis + 1 == axes.size() && step == 1) {
    y = std::copy_n(x, size, y);
  } else {
    for (int64_t i = 0; i < size; ++i, x += step) Copy(axes, axis + 1, x, y);
  }
}

void MultiplyInLoop(const Product& p, const float* a, const float* b, float* y) {
  const int64_t a_row = p.a_transposed ? 1 : p.inner, a_inner = p.a_transposed ? p.rows : 1;
  const int64_t b_inner = p.b_transposed ? 1 : p.columns, b_column = p.b_transposed ? p.inner : 1;
  for (int64_t i = 0; i < p.batch; ++i, a += p.rows * p.inner, b += p.inner * p.columns) {
    for (int64_t r = 0; r < p.rows; ++r) {
      for (int64_t c = 0; c < p.columns; ++c) {
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t k = 0; k < p.inner; ++k) {
          sum += a[r * a_row + k * a_inner] * b[k * b_inner + c * b_column];
        }
        *y++ = sum;
      }
    }
  }
}

// Input i of a node where it is constant, as it is stored.
Tensor ConstantAt(const PrepareContext& context, const Place& place, const Shape& shape) {
  const size_t i = static_cast<size_t>(place.number);
  if (place.kind != Place::Kind::kInput || i >= context.constants.size()) return Tensor();
  const Tensor& constant = context.constants[i];
  return constant.valid() ? constant.Reshaped(shape) : Tensor();
}

const Kernel* KernelOf(const Step& step) {
  const Product* product = std::get_if<Product>(&step);
  return product != nullptr ? product->kernel.get() : nullptr;
}

class EinsumKernel : public Kernel {
 public:
  EinsumKernel(std::vector<Step> steps, int64_t buffer_bytes)
      : steps_(std::move(steps)), buffer_bytes_(buffer_bytes) {
    for (const Step& step : steps_) {
      const Kernel* kernel = KernelOf(step);
      if (kernel != nullptr) kernel_bytes_ = std::max(kernel_bytes_, kernel->scratch_bytes());
    }
  }

  int64_t scratch_bytes() const override { return buffer_bytes_ + kernel_bytes_; }

  std::unique_ptr<KernelState> NewState() const override {
    auto state = std::make_unique<State>();
    for (const Step& step : steps_) {
      const Kernel* kernel = KernelOf(step);
      state->states.push_back(kernel != nullptr ? kernel->NewState() : nullptr);
    }
    return state;
  }

  absl::Status Run(KernelContext& context) const override {
    const State& state = *static_cast<const State*>(context.state());
    for (size_t i = 0; i < steps_.size(); ++i) {
      if (const Gather* gather = std::get_if<Gather>(&steps_[i])) {
        gather->Run(context);
      } else {
        NOMO_RETURN_IF_ERROR(std::get<Product>(steps_[i]).Run(context, state.states[i].get(),
                                                              context.scratch() + buffer_bytes_));
      }
    }
    return absl::OkStatus();
  }

  std::string Describe() const override {
    std::string text = "einsum:";
    for (const Step& step : steps_) {
      const Kernel* kernel = KernelOf(step);
      absl::StrAppend(&text, " ",
                      std::holds_alternative<Gather>(step) ? "gather"
                      : kernel == nullptr                  ? "loop"
                                                           : kernel->Describe());
    }
    return text;
  }

 private:
  struct State : KernelState {
    std::vector<std::unique_ptr<KernelState>> states;  // by step
  };

  const std::vector<Step> steps_;
  const int64_t buffer_bytes_;
  int64_t kernel_bytes_ = 0;
};

}  // namespace

float* Place::Address(const KernelContext& context) const {
  if (kind == Kind::kScratch) return reinterpret_cast<float*>(context.scratch() + number);
  const TensorView& view =
      kind == Kind::kInput ? context.input_view(static_cast<int>(number)) : context.output_view(0);
  return reinterpret_cast<float*>(view.data);
}

void Gather::Run(const KernelContext& context) const {
  const float* x = from.Address(context);
  float* y = to.Address(context);
  if (summed.empty()) return Copy(kept, 0, x, y);
  ForEachOffset(kept, 0, 0, [&](int64_t element) {
    double sum = 0;
    ForEachOffset(summed, 0, element, [&](int64_t i) { sum += x[i]; });
    *y++ = static_cast<float>(sum);
  });
}

absl::Status Product::Prepare(const PrepareContext& node) {
  if (rows * inner * columns < kSmallProduct || inner == 1 || rows * columns == 1) {
    return absl::OkStatus();
  }
  const auto matrices = [&](int64_t height, int64_t width, bool transposed) {
    if (transposed) std::swap(height, width);
    return batch == 1 ? Shape{height, width} : Shape{batch, height, width};
  };
  a_shape = matrices(rows, inner, a_transposed);
  b_shape = matrices(inner, columns, b_transposed);
  y_shape = matrices(rows, columns, false);
  const OpDef* matmul = OpRegistry::Default().Find("math.MatMul");
  if (matmul == nullptr) return absl::InternalError("math.MatMul is not registered");
  NOMO_ASSIGN_OR_RETURN(attrs, ResolveAttributes(matmul->attrs, {{"transpose_a", a_transposed},
                                                                 {"transpose_b", b_transposed}}));
  const TensorSpec inputs[] = {{DType::kFloat32, a_shape}, {DType::kFloat32, b_shape}};
  const TensorSpec outputs[] = {{DType::kFloat32, y_shape}};
  const Tensor constants[] = {Tensor(), ConstantAt(node, b, b_shape)};
  const PrepareContext context{attrs, inputs, outputs, constants, {}, node.threads};
  NOMO_ASSIGN_OR_RETURN(kernel, PrepareKernel(*matmul, context, KernelChoice::kFast));
  return absl::OkStatus();
}

absl::Status Product::Run(KernelContext& context, KernelState* state, std::byte* scratch) const {
  float* const left = a.Address(context);
  float* const right = b.Address(context);
  float* const product = y.Address(context);
  if (kernel == nullptr) {
    MultiplyInLoop(*this, left, right, product);
    return absl::OkStatus();
  }
  const auto view = [](float* data, const Shape& shape) {
    return TensorView{DType::kFloat32, &shape, reinterpret_cast<std::byte*>(data)};
  };
  const TensorView inputs[] = {view(left, a_shape), view(right, b_shape)};
  TensorView outputs[] = {view(product, y_shape)};
  Tensor owned[1];
  KernelContextBuilder builder(inputs, absl::MakeSpan(outputs), absl::MakeSpan(owned), attrs,
                               context.run(), context.node_key());
  builder.SetMemory(scratch, state);
  return kernel->Run(builder.context());
}

std::unique_ptr<Kernel> MakeKernel(std::vector<Step> steps, int64_t buffer_bytes) {
  return std::make_unique<EinsumKernel>(std::move(steps), buffer_bytes);
}

}  // namespace nomograph::math::einsum

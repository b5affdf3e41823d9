#include "nomograph/ops/quant/integer_product.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/onednn/bfloat16.h"
#include "nomograph/core/onednn/onednn_kernel.h"
#include "nomograph/ops/quant/pairs/pair_matrix.h"

namespace nomograph::quant {
namespace {

// Up to here float32 has every integer.
constexpr int64_t kExact = int64_t{1} << 24;

// An element of x less its zero point, which may lie anywhere, and also a plain uint8.
constexpr int64_t kGreatestX = 255;

bool IsZero(const Tensor& bytes) {
  return std::all_of(bytes.raw_data(), bytes.raw_data() + bytes.num_bytes(),
                     [](std::byte b) { return b == std::byte{0}; });
}

// y = sums, or y += sums, modulo 2^32.
template <typename T>
void AddSums(const T* sums, bool first, int64_t count, int32_t* y) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const auto sum = static_cast<uint32_t>(static_cast<int32_t>(sums[i]));
    y[i] = static_cast<int32_t>(first ? sum : static_cast<uint32_t>(y[i]) + sum);
  }
}
template <typename T>
void AddSums(const T* sums, bool first, int64_t count, int threads, int32_t* y) {
  ParallelRanges(count >= 1 << 15 ? threads : 1, count, [&](int64_t begin, int64_t end) {
    AddSums(sums + begin, first, end - begin, y + begin);
  });
}

class ProductKernel : public Kernel {
 public:
  ProductKernel(std::unique_ptr<IntegerProduct> product, FinishFn finish, int64_t sums)
      : product_(std::move(product)), finish_(std::move(finish)) {
    sums_ = plan_.Add<int32_t>(finish_ ? sums : 0);
    inner_ = plan_.Add(product_->scratch_bytes());
  }

  int64_t scratch_bytes() const override { return plan_.bytes(); }
  std::unique_ptr<KernelState> NewState() const override { return product_->NewState(); }
  bool ReadsInput(int index) const override { return product_->ReadsInput(index); }
  std::string Describe() const override { return product_->Describe(); }
  absl::Status Run(KernelContext& context) const override {
    std::byte* const inner = context.scratch() + inner_;
    if (!finish_) {
      const absl::Span<int32_t> y = context.output<int32_t>(0);
      NOMO_RETURN_IF_ERROR(product_->Run(context, inner, y.data()));
      if (const int32_t* offsets = product_->Offsets(inner)) {
        const Shape& shape = context.output_shape(0);
        const int64_t columns = shape[shape.rank() - 1];
        for (size_t r = 0; r < y.size(); r += columns) {
          AddSums(offsets, false, columns, y.data() + r);
        }
      }
      return absl::OkStatus();
    }
    auto* sums = reinterpret_cast<int32_t*>(context.scratch() + sums_);
    NOMO_RETURN_IF_ERROR(product_->Run(context, inner, sums));
    finish_(context, sums, product_->Offsets(inner));
    return absl::OkStatus();
  }

 private:
  const std::unique_ptr<IntegerProduct> product_;
  const FinishFn finish_;
  nn::ScratchPlan plan_;
  int64_t sums_, inner_;
};

}  // namespace

bool HasVnni() { return nomograph::HasVnni(); }

Tensor ConstantOf(const PrepareContext& context, int i) {
  return i < static_cast<int>(context.constants.size()) ? context.constants[i] : Tensor();
}

IntegerProduct::IntegerProduct(const ProductSpec& spec, Way way, const PrepareContext& context)
    : spec_(spec),
      way_(way),
      threads_(context.threads),
      x_dtype_(context.inputs[spec.x.input].dtype),
      w_dtype_(context.inputs[spec.w.input].dtype) {}

IntegerProduct::Weights IntegerProduct::WeightsOf(const PrepareContext& context,
                                                  const ProductSpec& spec) {
  Weights weights{
      .known = false, .elements = ConstantOf(context, spec.w.input), .zeros = {}, .values = {}};
  const bool has_zeros = context.has_input(spec.w.zero_point);
  if (has_zeros) weights.zeros = ConstantOf(context, spec.w.zero_point);
  weights.known = weights.elements.valid() && has_zeros == weights.zeros.valid();
  weights.plain = weights.known && weights.elements.dtype() == DType::kInt8 &&
                  (!has_zeros || IsZero(weights.zeros));
  return weights;
}

void IntegerProduct::SubtractZeros(const ProductSpec& spec, Weights& weights) {
  weights.values.resize(weights.elements.num_elements());
  CopySlab(spec.w, weights.elements.dtype(), weights.elements.raw_data(),
           weights.zeros.valid() ? weights.zeros.raw_data() : nullptr, 0, {0, spec.w.depth()}, 1,
           weights.values.data());
}

bool IntegerProduct::FitsBytes(const ProductSpec& spec, const Weights& weights) {
  if (!spec.may_use_bytes || !weights.known || !spec.x.has_one_zero_point()) return false;
  if (weights.plain && HasVnni()) return true;
  const int16_t* const values = weights.values.data();
  const auto count = static_cast<int64_t>(weights.values.size());
  int16_t low = 0, high = 0;
#pragma omp simd reduction(min : low) reduction(max : high)
  for (int64_t i = 0; i < count; ++i) {
    low = values[i] < low ? values[i] : low;  // std::min() is not done in vectors
    high = values[i] > high ? values[i] : high;
  }
  // Without VNNI two products of the greatest uint8 must fit into 16 bits.
  return HasVnni() ? low >= -128 && high <= 127 : low >= -64 && high <= 64;
}

int64_t IntegerProduct::SlabSize(const PrepareContext& context, const ProductSpec& spec,
                                 const Weights& weights) {
  const int64_t magnitude =
      MagnitudeBound(context.inputs[spec.w.input].dtype, context.has_input(spec.w.zero_point),
                     ConstantOf(context, spec.w.zero_point));
  const int64_t depth = spec.w.depth();
  for (int64_t size = depth; size > 0; size = size * 2 / 3) {
    bool exact = true;
    for (int64_t begin = 0; begin < depth && exact; begin += size) {
      const Slab slab{begin, std::min(size, depth - begin)};
      const int64_t sum = weights.known ? ChannelSum(spec.w, weights.values, slab)
                                        : ChannelSum(spec.w, magnitude, slab);
      exact = sum <= kExact / kGreatestX;
    }
    if (exact) return size;
    if (!spec.divisible) return 0;
  }
  return 0;
}

absl::StatusOr<std::unique_ptr<IntegerProduct>> IntegerProduct::Create(
    const PrepareContext& context, const ProductSpec& spec) {
  if (std::min({spec.y.num_elements(), spec.x.shape.num_elements(), spec.w.shape.num_elements()}) ==
      0) {
    return nullptr;
  }
  Weights weights = WeightsOf(context, spec);
  // Of plain weights of a matrix nothing but their sums is wanted, and a large one takes memory.
  const bool as_they_are = HasVnni() && spec.is_matrix && weights.plain;
  if (weights.known && !as_they_are) SubtractZeros(spec, weights);
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<IntegerProduct> whole, CreateWhole(context, spec, weights));
  if (whole != nullptr) return whole;
  if (as_they_are) SubtractZeros(spec, weights);
  const int64_t slab_size = SlabSize(context, spec, weights);
  if (slab_size == 0) return nullptr;
  for (const Way way : {Way::kBytes, Way::kFloat}) {
    if (way == Way::kBytes && !FitsBytes(spec, weights)) continue;
    std::unique_ptr<IntegerProduct> product(new IntegerProduct(spec, way, context));
    NOMO_ASSIGN_OR_RETURN(const bool served, product->AddParts(context, weights, slab_size));
    if (served) return product;
  }
  return nullptr;
}

absl::StatusOr<std::unique_ptr<IntegerProduct>> IntegerProduct::CreateWhole(
    const PrepareContext& context, const ProductSpec& spec, const Weights& weights) {
  if (!HasVnni() || !spec.is_matrix || !FitsBytes(spec, weights)) return nullptr;
  std::unique_ptr<IntegerProduct> product(new IntegerProduct(spec, Way::kBytes, context));
  NOMO_ASSIGN_OR_RETURN(const bool served, product->AddParts(context, weights, spec.w.depth()));
  // Its sums are integers all the way, as long as nothing is done to them.
  const bool exact = served && absl::StrContains(product->Describe(), "brg:");
  return exact ? std::move(product) : nullptr;
}

absl::StatusOr<bool> IntegerProduct::AddParts(const PrepareContext& context, const Weights& weights,
                                              int64_t slab_size) {
  w_known_ = weights.known;
  const int64_t depth = spec_.w.depth(), columns = spec_.w.inner();
  if (way_ == Way::kBytes && spec_.is_matrix) {
    column_sums_.resize(columns);
    const auto add_rows = [&](const auto* rows) {
      for (int64_t d = 0; d < depth; ++d) {
        AddSums(rows + d * columns, false, columns, column_sums_.data());
      }
    };
    weights.plain ? add_rows(weights.elements.data<int8_t>().data())
                  : add_rows(weights.values.data());
  }
  for (int64_t begin = 0; begin < depth; begin += slab_size) {
    NOMO_ASSIGN_OR_RETURN(const bool served,
                          AddPart(context, weights, {begin, std::min(slab_size, depth - begin)}));
    if (!served) return false;
  }
  PlaceScratch(slab_size);
  return true;
}

absl::StatusOr<bool> IntegerProduct::AddPart(const PrepareContext& context, const Weights& weights,
                                             const Slab& slab) {
  const bool bytes = way_ == Way::kBytes;
  std::vector<TensorSpec> inputs = {
      {bytes ? DType::kUInt8 : DType::kFloat32,
       spec_.divisible ? spec_.x.BlockShape(slab.size) : spec_.x.shape},
      {bytes ? DType::kInt8 : DType::kFloat32, spec_.w.BlockShape(slab.size)}};
  if (bytes && column_sums_.empty()) inputs.push_back({DType::kInt32, {1}});
  Tensor w = weights.known ? ConvertedWeights(weights, slab) : Tensor();
  NOMO_ASSIGN_OR_RETURN(
      std::optional<nn::SubKernel> kernel,
      nn::SubKernel::Create(onednn::FastInParts(spec_.build).prepare, context.attrs, threads_,
                            std::move(inputs), {bytes ? DType::kInt32 : DType::kFloat32, spec_.y},
                            {Tensor(), w}));
  // oneDNN's own reference implementations are slower than the other way.
  if (!kernel || (bytes && absl::StrContains(kernel->Describe(), " ref"))) return false;
  if (!kernel->ReadsInput(1)) w = Tensor();
  parts_.push_back({slab, *std::move(kernel), std::move(w)});
  return true;
}

Tensor IntegerProduct::ConvertedWeights(const Weights& weights, const Slab& slab) const {
  if (way_ == Way::kBytes && weights.plain && slab.size == spec_.w.depth()) return weights.elements;
  const std::byte* elements = weights.elements.raw_data();
  const std::byte* zeros = weights.zeros.valid() ? weights.zeros.raw_data() : nullptr;
  Tensor w(way_ == Way::kBytes ? DType::kInt8 : DType::kFloat32, spec_.w.BlockShape(slab.size));
  if (way_ == Way::kBytes) {
    CopySlab(spec_.w, w_dtype_, elements, zeros, 0, slab, 1, w.mutable_data<int8_t>().data());
  } else {
    CopySlab(spec_.w, w_dtype_, elements, zeros, 0, slab, 1, w.mutable_data<float>().data());
  }
  return w;
}

void IntegerProduct::PlaceScratch(int64_t slab_size) {
  const int64_t element = way_ == Way::kBytes ? 1 : static_cast<int64_t>(sizeof(float));
  const Shape x = spec_.divisible ? spec_.x.BlockShape(slab_size) : spec_.x.shape;
  nn::ScratchPlan plan;
  x_ = plan.Add(x.num_elements() * element);
  w_ = plan.Add(w_known_ ? 0 : spec_.w.BlockShape(slab_size).num_elements() * element);
  zero_ = plan.Add<int32_t>(1);
  offsets_ = plan.Add<int32_t>(static_cast<int64_t>(column_sums_.size()));
  sums_ = plan.Add<int32_t>(spec_.y.num_elements());
  int64_t inner = 0;
  for (const Part& part : parts_) inner = std::max(inner, part.kernel.scratch_bytes());
  inner_ = plan.Add(inner);
  scratch_bytes_ = plan.bytes();
}

std::unique_ptr<KernelState> IntegerProduct::NewState() const {
  auto state = std::make_unique<nn::SubKernelStates>();
  for (const Part& part : parts_) state->states.push_back(part.kernel.NewState());
  return state;
}

bool IntegerProduct::ReadsInput(int index) const {
  return !w_known_ || (index != spec_.w.input && index != spec_.w.zero_point);
}

const int32_t* IntegerProduct::Offsets(std::byte* scratch) const {
  const auto zero = static_cast<uint32_t>(*reinterpret_cast<const int32_t*>(scratch + zero_));
  if (column_sums_.empty() || zero == 0) return nullptr;
  auto* const offsets = reinterpret_cast<int32_t*>(scratch + offsets_);
  for (size_t c = 0; c < column_sums_.size(); ++c) {
    offsets[c] = static_cast<int32_t>(0 - zero * static_cast<uint32_t>(column_sums_[c]));
  }
  return offsets;
}

std::string IntegerProduct::Describe() const {
  return absl::StrCat(way_ == Way::kBytes ? "8 bit, " : "exact float32, ", parts_.size(), " x ",
                      parts_[0].kernel.Describe());
}

const std::byte* IntegerProduct::ConvertX(const KernelContext& context, const Slab& slab,
                                          std::byte* scratch) const {
  const std::byte* elements = context.input_view(spec_.x.input).data;
  const std::byte* zeros =
      context.has_input(spec_.x.zero_point) ? context.input_view(spec_.x.zero_point).data : nullptr;
  const Slab part = spec_.divisible ? slab : Slab{0, spec_.x.depth()};
  if (way_ == Way::kFloat) {
    CopySlab(spec_.x, x_dtype_, elements, zeros, 0, part, threads_,
             reinterpret_cast<float*>(scratch + x_));
    return scratch + x_;
  }
  // Bytes keep their zero point, int8 moves by 128.
  const int32_t move = x_dtype_ == DType::kInt8 ? 128 : 0;
  int32_t zero = 0;
  if (zeros != nullptr) {
    zero = move != 0 ? *reinterpret_cast<const int8_t*>(zeros)
                     : *reinterpret_cast<const uint8_t*>(zeros);
  }
  *reinterpret_cast<int32_t*>(scratch + zero_) = zero + move;
  if (move == 0 && part.size == spec_.x.depth()) return elements;
  CopySlab(spec_.x, x_dtype_, elements, nullptr, -move, part, threads_,
           reinterpret_cast<uint8_t*>(scratch + x_));
  return scratch + x_;
}

const std::byte* IntegerProduct::ConvertW(const KernelContext& context, const Part& part,
                                          std::byte* scratch) const {
  if (w_known_) return part.w.valid() ? part.w.raw_data() : nullptr;
  const std::byte* zeros =
      context.has_input(spec_.w.zero_point) ? context.input_view(spec_.w.zero_point).data : nullptr;
  CopySlab(spec_.w, w_dtype_, context.input_view(spec_.w.input).data, zeros, 0, part.slab, threads_,
           reinterpret_cast<float*>(scratch + w_));
  return scratch + w_;
}

absl::Status IntegerProduct::Run(const KernelContext& context, std::byte* scratch,
                                 int32_t* y) const {
  auto* states = static_cast<nn::SubKernelStates*>(context.state());
  const int64_t count = spec_.y.num_elements();
  for (size_t i = 0; i < parts_.size(); ++i) {
    const std::byte* const inputs[] = {ConvertX(context, parts_[i].slab, scratch),
                                       ConvertW(context, parts_[i], scratch), scratch + zero_};
    const bool straight = way_ == Way::kBytes && i == 0;
    std::byte* sums = straight ? reinterpret_cast<std::byte*>(y) : scratch + sums_;
    NOMO_RETURN_IF_ERROR(
        parts_[i].kernel.Run(context, inputs, sums, scratch + inner_, states->states[i].get()));
    if (way_ == Way::kFloat) {
      AddSums(reinterpret_cast<const float*>(sums), i == 0, count, threads_, y);
    } else if (!straight) {
      AddSums(reinterpret_cast<const int32_t*>(sums), false, count, threads_, y);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareProduct(const PrepareContext& context,
                                                       const ProductSpec& spec, FinishFn finish) {
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> pairs, PreparePairMatrix(context, spec, finish));
  if (pairs != nullptr) return pairs;
  NOMO_ASSIGN_OR_RETURN(std::unique_ptr<IntegerProduct> product,
                        IntegerProduct::Create(context, spec));
  if (product == nullptr) return nullptr;
  return std::make_unique<ProductKernel>(std::move(product), std::move(finish),
                                         spec.y.num_elements());
}

}  // namespace nomograph::quant

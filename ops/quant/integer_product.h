// Sums of products of 8-bit integers with oneDNN, exactly.
//
// oneDNN's 8-bit primitives cannot serve alone: on processors without VNNI instructions they add
// two products in 16 bits, where the sum may saturate, and some pass their sums through float32. So
// there are two ways, each taken only where it is exact.
//  - Float: the factors, less their zero points, as float32. Sums of integers are exact there as
//    long as no partial sum can pass 2^24, so the depth, over which is summed, is cut into slabs
//    for which none can; the slabs' sums are added as integers.
//  - Bytes: x as uint8 with its zero point, w less its zero points as int8; about twice as fast. It
//    serves a w that is known when the kernel is prepared, of at most 7 bits where there is no
//    VNNI. What x's zero point adds to the sums of a matrix's column is one number, which need not
//    pass through the primitive: those that know zero points pack w ten times as slowly.
#ifndef NOMOGRAPH_OPS_QUANT_INTEGER_PRODUCT_H_
#define NOMOGRAPH_OPS_QUANT_INTEGER_PRODUCT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nomograph/ops/nn/conv/sub_kernel.h"
#include "nomograph/ops/quant/factor.h"

namespace nomograph::onednn {
class Builder;
}  // namespace nomograph::onednn

namespace nomograph::quant {

// Whether the processor has instructions for products of 8-bit integers that oneDNN uses.
bool HasVnni();

// The constant that input `i` is; invalid where it is none, or absent.
Tensor ConstantOf(const PrepareContext& context, int i);

struct ProductSpec {
  Factor x, w;
  Shape y;
  // Whether the depth may be cut: that of convolutions in groups may not.
  bool divisible = true;
  // Whether 8 bits are worth while: for a few rows they are not.
  bool may_use_bytes = true;
  // Whether w is one matrix, [depth, columns], and y's last axis are its columns.
  bool is_matrix = false;
  // Adds the primitive for a slab. Inputs 0 and 1 are the factors' slabs, both float32, or uint8
  // and int8; in the second case input 2 is x's zero point, an int32[1], unless w is a matrix.
  // Output 0 is float32 or int32. It yields false where it cannot.
  std::function<bool(onednn::Builder& b)> build;
};

class IntegerProduct {
 public:
  // Null where neither way serves the node.
  static absl::StatusOr<std::unique_ptr<IntegerProduct>> Create(const PrepareContext& context,
                                                                const ProductSpec& spec);

  int64_t scratch_bytes() const { return scratch_bytes_; }
  std::unique_ptr<KernelState> NewState() const;
  std::string Describe() const;
  // False for a w that has been packed.
  bool ReadsInput(int index) const;
  // Writes the sums, modulo 2^32, but for what is to be added to each column's: Offsets().
  // `scratch` has scratch_bytes(); the context has NewState()'s state.
  absl::Status Run(const KernelContext& context, std::byte* scratch, int32_t* y) const;
  // By column, once Run() is done; null where nothing is to be added.
  const int32_t* Offsets(std::byte* scratch) const;

 private:
  enum class Way { kBytes, kFloat };
  struct Part {
    Slab slab;
    nn::SubKernel kernel;
    Tensor w;  // the slab of a constant w, where the kernel reads it
  };
  // What is known of w.
  struct Weights {
    bool known;
    Tensor elements, zeros;       // zeros: invalid for none
    bool plain = false;           // int8, and all zeros are 0
    std::vector<int16_t> values;  // elements less zeros, once SubtractZeros() has been called
  };

  IntegerProduct(const ProductSpec& spec, Way way, const PrepareContext& context);
  static Weights WeightsOf(const PrepareContext& context, const ProductSpec& spec);
  static void SubtractZeros(const ProductSpec& spec, Weights& weights);
  static bool FitsBytes(const ProductSpec& spec, const Weights& weights);
  // By bytes, in one part; null where that does not serve or is not exact.
  static absl::StatusOr<std::unique_ptr<IntegerProduct>> CreateWhole(const PrepareContext& context,
                                                                     const ProductSpec& spec,
                                                                     const Weights& weights);
  // The size of the slabs for which all sums are exact; 0 where there is none.
  static int64_t SlabSize(const PrepareContext& context, const ProductSpec& spec,
                          const Weights& weights);
  absl::StatusOr<bool> AddParts(const PrepareContext& context, const Weights& weights,
                                int64_t slab_size);
  absl::StatusOr<bool> AddPart(const PrepareContext& context, const Weights& weights,
                               const Slab& slab);
  Tensor ConvertedWeights(const Weights& weights, const Slab& slab) const;
  void PlaceScratch(int64_t slab_size);

  const std::byte* ConvertX(const KernelContext& context, const Slab& slab,
                            std::byte* scratch) const;
  const std::byte* ConvertW(const KernelContext& context, const Part& part,
                            std::byte* scratch) const;

  const ProductSpec spec_;
  const Way way_;
  const int threads_;
  const DType x_dtype_, w_dtype_;
  bool w_known_ = false;
  std::vector<int32_t> column_sums_;  // of w, where x's zero point does not pass through primitives
  std::vector<Part> parts_;
  // Offsets in the scratch memory.
  int64_t x_ = 0, w_ = 0, zero_ = 0, offsets_ = 0, sums_ = 0, inner_ = 0, scratch_bytes_ = 0;
};

// Writes a node's outputs from the sums and what is to be added to each column's, which is null
// where that is nothing, and always where w is no matrix.
using FinishFn =
    std::function<void(KernelContext& context, const int32_t* sums, const int32_t* offsets)>;
// A kernel that writes the sums into output 0, an int32, or hands them to `finish`. Null where
// IntegerProduct::Create() is.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareProduct(const PrepareContext& context,
                                                       const ProductSpec& spec,
                                                       FinishFn finish = nullptr);

}  // namespace nomograph::quant

#endif  // NOMOGRAPH_OPS_QUANT_INTEGER_PRODUCT_H_

#include "nomograph/inspect/random_tensor.h"

#include <type_traits>

#include "nomograph/core/numeric/philox.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/status.h"

namespace nomograph {
namespace {

template <typename T>
T FromBits(uint32_t bits) {
  if constexpr (std::is_same_v<T, bool>) {
    return (bits >> 31) != 0;
  } else if constexpr (std::is_same_v<T, uint8_t>) {
    return static_cast<uint8_t>(bits >> 24);
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(uint64_t{10} * bits >> 32);
  } else {
    // Rounding to 16 bits may reach 1.
    return static_cast<T>(UniformFloat(bits));
  }
}

}  // namespace

absl::StatusOr<Tensor> RandomTensor(DType dtype, const Shape& shape, uint64_t seed,
                                    absl::string_view name) {
  if ((kFloat8s | kInt4s).Contains(dtype)) {
    const DType wide = kInt4s.Contains(dtype) ? DType::kInt8 : DType::kFloat32;
    NOMO_ASSIGN_OR_RETURN(const Tensor tensor, RandomTensor(wide, shape, seed, name));
    // By way of float, from which integers are clamped: 9 does not fit int4.
    NOMO_ASSIGN_OR_RETURN(const Tensor floats, TryCast(tensor, DType::kFloat32));
    return TryCast(floats, dtype);
  }
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Create(dtype, shape));
  const PhiloxStream stream(seed, StableHash(name), /*step=*/0);
  Dispatch(AllTypes{}, dtype, [&]<typename T>() {
    const absl::Span<T> elements = tensor.mutable_data<T>();
    for (size_t i = 0; i < elements.size(); ++i) elements[i] = FromBits<T>(stream.At(i));
  });
  return tensor;
}

}  // namespace nomograph

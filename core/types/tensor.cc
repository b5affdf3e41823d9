#include "nomograph/core/types/tensor.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "nomograph/core/types/float16.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/storage_types.h"

namespace nomograph {
namespace {

constexpr size_t kAlignment = 64;

constexpr size_t RoundUp(size_t n, size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

constexpr size_t kHugePage = size_t{1} << 21;

size_t PageSize() {
  static const auto size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

// From the system, at a multiple of kHugePage and filled with zeros; null where there is no more.
std::byte* MapZeros(size_t size) {
  void* const memory =
      mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::byte*>(memory);
  const size_t ahead =
      RoundUp(reinterpret_cast<uintptr_t>(begin), kHugePage) - reinterpret_cast<uintptr_t>(begin);
  if (ahead > 0) munmap(begin, ahead);
  if (ahead < kHugePage) munmap(begin + ahead + size, kHugePage - ahead);
  return begin + ahead;
}

void WishForHugePages([[maybe_unused]] std::byte* begin, [[maybe_unused]] size_t size) {
#ifdef MADV_HUGEPAGE
  madvise(begin, size, MADV_HUGEPAGE);
#endif
}

// Memory of the system's that tensors share, side by side, so that huge pages are filled.
// Thread-safe.
class PagePool {
 public:
  struct Range {
    std::byte* begin = nullptr;
    size_t size = 0;
    bool is_zero = false;
  };

  // Never destroyed: tensors may be freed while the process ends.
  static PagePool& Get() {
    static PagePool& pool = *new PagePool;
    return pool;
  }

  // No memory where the system has none. REQUIRES: a multiple of kAlignment.
  Range Take(size_t size) {
    const std::lock_guard lock(mutex_);
    auto fit = by_size_.lower_bound({size, nullptr});
    if (fit == by_size_.end()) {
      if (!AddPiece()) return {};
      fit = by_size_.lower_bound({size, nullptr});
    }
    const auto piece = PieceOf(fit->second);
    Range range = Remove(free_.find(fit->second));
    if (range.size > size) {
      AddFree(piece, {range.begin + size, range.size - size, range.is_zero});
    }
    piece->second.taken += size;
    range.size = size;
    return range;
  }

  void Give(std::byte* begin, size_t size) {
    const std::lock_guard lock(mutex_);
    const auto piece = PieceOf(begin);
    const Ranges::iterator range = AddFree(piece, {begin, size, false});
    piece->second.taken -= size;
    if (piece->second.taken == 0) {
      Unmap(piece);
    } else {
      DropPages(piece, range);
    }
  }

 private:
  static constexpr size_t kPiece = 16 * kHugePage;

  // What the system has given for tensors to share.
  struct Piece {
    size_t size = 0, taken = 0;
  };
  using Pieces = std::map<std::byte*, Piece>;
  using Ranges = std::map<std::byte*, Range>;

  bool AddPiece() {
    std::byte* const begin = MapZeros(kPiece);
    if (begin == nullptr) return false;
    WishForHugePages(begin, kPiece);
    AddFree(pieces_.emplace(begin, Piece{kPiece, 0}).first, {begin, kPiece, true});
    return true;
  }

  // REQUIRES: none of it is taken.
  void Unmap(Pieces::iterator piece) {
    const auto [begin, size] = std::pair(piece->first, piece->second.size);
    for (auto range = free_.lower_bound(begin);
         range != free_.end() && range->first < begin + size;) {
      Remove(range++);
    }
    pieces_.erase(piece);
    munmap(begin, size);
  }

  // Gives the system the huge pages back of which all is free.
  void DropPages(Pieces::iterator piece, Ranges::iterator free) {
    const auto [begin, size, is_zero] = free->second;
    const size_t at = static_cast<size_t>(begin - piece->first);
    const size_t first = RoundUp(at, kHugePage), end = (at + size) / kHugePage * kHugePage;
    if (first >= end) return;
    std::byte* const pages = piece->first + first;
    if (madvise(pages, end - first, MADV_DONTNEED) != 0) return;
    Remove(free);
    if (first > at) AddFree(piece, {begin, first - at, false});
    AddFree(piece, {pages, end - first, true});
    if (at + size > end) AddFree(piece, {piece->first + end, at + size - end, false});
  }

  Pieces::iterator PieceOf(std::byte* address) { return std::prev(pieces_.upper_bound(address)); }

  // Joined with the free ranges around it, as long as they are as it is.
  Ranges::iterator AddFree(Pieces::iterator piece, Range range) {
    const auto join = [&](Ranges::iterator other) {
      if (other->second.is_zero != range.is_zero || PieceOf(other->first) != piece) return;
      const Range removed = Remove(other);
      range.begin = std::min(range.begin, removed.begin);
      range.size += removed.size;
    };
    const auto behind = free_.lower_bound(range.begin);
    const auto ahead = behind == free_.begin() ? free_.end() : std::prev(behind);
    if (behind != free_.end() && behind->first == range.begin + range.size) join(behind);
    if (ahead != free_.end() && ahead->first + ahead->second.size == range.begin) join(ahead);
    by_size_.emplace(range.size, range.begin);
    return free_.emplace(range.begin, range).first;
  }

  Range Remove(Ranges::iterator range) {
    const Range removed = range->second;
    by_size_.erase({removed.size, removed.begin});
    free_.erase(range);
    return removed;
  }

  std::mutex mutex_;
  Pieces pieces_;
  Ranges free_;                                      // of all pieces
  std::set<std::pair<size_t, std::byte*>> by_size_;  // of free_
};

// Huge pages are faster to get than the 512 others in the place of each, and to find again. Large
// tensors have their own, those of middling size share some, as long as there are so many that what
// is left over in the last one does not count.
enum class Source { kMalloc, kMiddling, kPool, kSystem };
constexpr size_t kMiddling = size_t{1} << 17, kLarge = 2 * kHugePage, kMany = 8 * kHugePage;
std::atomic<size_t> middling_bytes{0};  // of malloc's

Source SourceFor(size_t size) {
  if (size >= kLarge) return Source::kSystem;
#ifndef __SANITIZE_ADDRESS__  // which is to find faults in the use of tensors
  if (size >= kMiddling) return middling_bytes < kMany ? Source::kMiddling : Source::kPool;
#endif
  return Source::kMalloc;
}

// None where there is no more. REQUIRES: `size` is a multiple of kAlignment.
PagePool::Range TakeFrom(Source source, size_t size) {
  if (source == Source::kPool) return PagePool::Get().Take(size);
  if (source == Source::kSystem) {
    const size_t pages = RoundUp(size, PageSize());
    std::byte* const begin = MapZeros(pages);
    if (begin != nullptr) WishForHugePages(begin, pages);
    return {begin, size, true};
  }
  auto* const begin = static_cast<std::byte*>(std::aligned_alloc(kAlignment, size));
  if (source == Source::kMiddling && begin != nullptr) middling_bytes += size;
  return {begin, size, false};
}

void GiveTo(Source source, std::byte* begin, size_t size) {
  if (source == Source::kPool) return PagePool::Get().Give(begin, size);
  if (source == Source::kSystem) return static_cast<void>(munmap(begin, RoundUp(size, PageSize())));
  if (source == Source::kMiddling) middling_bytes -= size;
  std::free(begin);
}

// Zeros that count against the current account until they are freed.
absl::StatusOr<std::shared_ptr<std::byte>> Allocate(int64_t bytes) {
  const std::shared_ptr<MemoryAccount>& account = CurrentMemoryAccount();
  NOMO_RETURN_IF_ERROR(account->Take(bytes));
  // An empty tensor still has an address.
  const size_t size = RoundUp(static_cast<size_t>(std::max<int64_t>(bytes, 1)), kAlignment);
  const Source source = SourceFor(size);
  const PagePool::Range memory = TakeFrom(source, size);
  if (memory.begin == nullptr) {
    account->Give(bytes);
    return internal::MemoryRanOut();
  }
  if (!memory.is_zero) std::memset(memory.begin, 0, size);
  return std::shared_ptr<std::byte>(memory.begin, [account, bytes, source, size](std::byte* data) {
    GiveTo(source, data, size);
    account->Give(bytes);
  });
}

// For functions that have no status to return.
Tensor ValueOrThrow(absl::StatusOr<Tensor> tensor) {
  if (!tensor.ok()) throw OutOfMemory(tensor.status());
  return *std::move(tensor);
}

// Between the types that C++ computes with.
template <typename To, typename From>
To ConvertNumber(From value) {
  using Wide = ComputeType<From>;
  const Wide wide = static_cast<Wide>(value);
  if constexpr (std::is_integral_v<To> && !std::is_same_v<To, bool> &&
                std::is_floating_point_v<Wide>) {
    if (std::isnan(wide)) return To{0};
    // The first value past the maximum is a power of two, which is exact in any floating-point
    // type.
    const double past_maximum = std::ldexp(1.0, std::numeric_limits<To>::digits);
    if (static_cast<double>(wide) >= past_maximum) return std::numeric_limits<To>::max();
    if (static_cast<double>(wide) <= static_cast<double>(std::numeric_limits<To>::min())) {
      return std::numeric_limits<To>::min();
    }
  }
  return static_cast<To>(wide);
}

template <typename To, typename From>
To ConvertElement(From value) {
  if constexpr (kIsFloat8<From>) {
    return ConvertElement<To, float>(value);
  } else if constexpr (kIsInt4<From>) {
    return ConvertElement<To, typename From::Wide>(value);
  } else if constexpr (kIsFloat8<To>) {
    return To(ConvertNumber<float>(value));
  } else if constexpr (kIsInt4<To> && std::is_integral_v<From>) {
    return To(static_cast<int64_t>(value));
  } else if constexpr (kIsInt4<To>) {
    const double wide = ConvertNumber<double>(value);
    return To(
        static_cast<int64_t>(std::isnan(wide) ? 0 : std::clamp<double>(wide, To::kMin, To::kMax)));
  } else {
    return ConvertNumber<To>(value);
  }
}

}  // namespace

std::string TensorType::ToString() const {
  if (dtype == DType::kInvalid) return "?";
  return absl::StrCat(DTypeName(dtype), shape.ToString());
}

absl::StatusOr<Tensor> Tensor::Create(DType dtype, const Shape& shape) {
  if (DTypeSize(dtype) == 0) return InvalidArgument("a tensor needs a dtype");
  NOMO_ASSIGN_OR_RETURN(int64_t count, shape.CheckedNumElements());
  if (count > (int64_t{1} << 62) / DTypeSize(dtype)) {
    return InvalidArgument("a tensor ", DTypeName(dtype), shape.ToString(), " passes 2^62 bytes");
  }
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.shape_ = shape;
  auto data = Allocate(count * DTypeSize(dtype));
  if (!data.ok()) {
    return Annotate(data.status(), absl::StrCat("a tensor ", DTypeName(dtype), shape.ToString()));
  }
  tensor.data_ = *std::move(data);
  return tensor;
}

Tensor::Tensor(DType dtype, const Shape& shape) {
  NOMO_CHECK(DTypeSize(dtype) > 0);
  *this = ValueOrThrow(Create(dtype, shape));
}

Tensor Tensor::FromBuffer(DType dtype, const Shape& shape, const void* data,
                          std::shared_ptr<const void> owner) {
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.shape_ = shape;
  tensor.writable_ = false;
  tensor.data_ = std::shared_ptr<std::byte>(std::const_pointer_cast<void>(std::move(owner)),
                                            static_cast<std::byte*>(const_cast<void*>(data)));
  return tensor;
}

Tensor Tensor::FromMemory(DType dtype, const Shape& shape, std::shared_ptr<std::byte> memory) {
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.shape_ = shape;
  tensor.data_ = std::move(memory);
  return tensor;
}

Tensor Tensor::Full(DType dtype, const Shape& shape, double value) {
  Tensor tensor(dtype, shape);
  Dispatch(StoredTypes{}, dtype, [&]<typename T>() {
    auto data = tensor.mutable_data<T>();
    std::fill(data.begin(), data.end(), ConvertElement<T>(value));
  });
  return tensor;
}

int64_t Tensor::OffsetOf(std::initializer_list<int64_t> index) const {
  NOMO_CHECK(static_cast<int>(index.size()) == shape_.rank());
  int64_t offset = 0;
  int axis = 0;
  for (const int64_t i : index) {
    NOMO_CHECK(i >= 0 && i < shape_[axis]);
    offset = offset * shape_[axis++] + i;
  }
  return offset;
}

double Tensor::AsDouble(int64_t index) const {
  double value = 0;
  Dispatch(StoredTypes{}, dtype_,
           [&]<typename T>() { value = ConvertElement<double>(data<T>()[index]); });
  return value;
}

std::vector<int64_t> Tensor::ToInts() const {
  std::vector<int64_t> values;
  Dispatch(StoredTypes{}, dtype_, [&]<typename T>() {
    if constexpr (std::is_integral_v<T> || kIsInt4<T>) {
      values.assign(data<T>().begin(), data<T>().end());
    }
  });
  return values;
}

Tensor Tensor::Clone() const { return ValueOrThrow(TryClone(*this)); }

Tensor Tensor::Reshaped(const Shape& shape) const {
  NOMO_CHECK(shape.num_elements() == num_elements());
  Tensor view = *this;
  view.shape_ = shape;
  return view;
}

Tensor Tensor::Cast(DType dtype) const { return ValueOrThrow(TryCast(*this, dtype)); }

Tensor Tensor::Rows(int64_t begin, int64_t end) const {
  NOMO_CHECK(shape_.rank() > 0 && 0 <= begin && begin <= end && end <= shape_[0]);
  const int64_t row_bytes = shape_[0] == 0 ? 0 : num_bytes() / shape_[0];
  Tensor view = *this;
  view.shape_[0] = end - begin;
  view.data_ = std::shared_ptr<std::byte>(data_, data_.get() + begin * row_bytes);
  return view;
}

std::string Tensor::ToString(int64_t limit) const {
  if (!valid()) return "no tensor";
  std::string text = absl::StrCat(type().ToString(), " [");
  const int64_t count = num_elements();
  for (int64_t i = 0; i < std::min(count, limit); ++i) {
    if (i > 0) text += ", ";
    if (dtype_ == DType::kBool) {
      text += AsDouble(i) != 0 ? "true" : "false";
    } else if (kInt4s.Contains(dtype_)) {
      absl::StrAppend(&text, static_cast<int>(AsDouble(i)));
    } else if (kInts.Contains(dtype_)) {
      Dispatch(IntTypes{}, dtype_, [&]<typename T>() { absl::StrAppend(&text, +data<T>()[i]); });
    } else {
      absl::StrAppendFormat(&text, "%g", AsDouble(i));
    }
  }
  return text + (count > limit ? ", ...]" : "]");
}

bool Tensor::operator==(const Tensor& other) const {
  if (!valid() || !other.valid()) return valid() == other.valid();
  return dtype_ == other.dtype_ && shape_ == other.shape_ &&
         std::memcmp(data_.get(), other.data_.get(), num_bytes()) == 0;
}

void ConvertElements(DType from, const std::byte* source, DType to, std::byte* target,
                     int64_t count) {
  Dispatch(StoredTypes{}, from, [&]<typename From>() {
    Dispatch(StoredTypes{}, to, [&]<typename To>() {
      const From* in = reinterpret_cast<const From*>(source);
      To* out = reinterpret_cast<To*>(target);
      if constexpr (requires { ConvertFloats(in, out, count); }) {
        ConvertFloats(in, out, count);
      } else if constexpr (std::is_same_v<From, bool>) {
        // As the bytes 0 and 1 that they are, which the compiler vectorises.
        const auto* bytes = reinterpret_cast<const uint8_t*>(source);
#pragma omp simd
        for (int64_t i = 0; i < count; ++i) out[i] = ConvertElement<To, uint8_t>(bytes[i]);
      } else {
#pragma omp simd
        for (int64_t i = 0; i < count; ++i) out[i] = ConvertElement<To, From>(in[i]);
      }
    });
  });
}

absl::StatusOr<Tensor> ConcatRows(absl::Span<const Tensor> parts) {
  if (parts.empty()) return InvalidArgument("there is nothing to concatenate");
  Shape shape = parts[0].shape();
  if (shape.rank() == 0) return InvalidArgument("scalars have no axis to concatenate along");
  shape[0] = 0;
  for (const Tensor& part : parts) {
    Shape same = part.shape();
    if (part.dtype() != parts[0].dtype() || same.rank() != shape.rank() ||
        same.dims().subspan(1) != shape.dims().subspan(1)) {
      return InvalidArgument("tensors ", parts[0].type().ToString(), " and ",
                             part.type().ToString(), " cannot be concatenated along axis 0");
    }
    shape[0] += same[0];
  }
  NOMO_ASSIGN_OR_RETURN(Tensor result, Tensor::Create(parts[0].dtype(), shape));
  std::byte* out = result.mutable_raw_data();
  for (const Tensor& part : parts) out = std::copy_n(part.raw_data(), part.num_bytes(), out);
  return result;
}

absl::Status AllClose(const Tensor& actual, const Tensor& expected, double rtol, double atol) {
  if (actual.dtype() != expected.dtype() || actual.shape() != expected.shape()) {
    return InvalidArgument("expected a tensor ", expected.type().ToString(), ", found ",
                           actual.type().ToString());
  }
  int64_t failures = 0;
  int64_t worst = -1;
  double worst_excess = 0;
  for (int64_t i = 0; i < actual.num_elements(); ++i) {
    const double a = actual.AsDouble(i);
    const double e = expected.AsDouble(i);
    if (a == e || (std::isnan(a) && std::isnan(e))) continue;
    const double excess = std::abs(a - e) - (atol + rtol * std::abs(e));
    if (std::isfinite(a) && std::isfinite(e) && excess <= 0) continue;
    ++failures;
    const double rank = std::isnan(excess) ? std::numeric_limits<double>::infinity() : excess;
    if (worst < 0 || rank > worst_excess) {
      worst = i;
      worst_excess = rank;
    }
  }
  if (failures == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("%d of %d elements differ by more than %g + %g * |expected|; the worst is "
                      "element %d: expected %.9g, found %.9g",
                      failures, actual.num_elements(), atol, rtol, worst, expected.AsDouble(worst),
                      actual.AsDouble(worst)));
}

}  // namespace nomograph

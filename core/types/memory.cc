#include "nomograph/core/types/memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace nomograph {
namespace {

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();
// More than a process can address; sums of a few such numbers do not overflow.
constexpr int64_t kAddressSpace = int64_t{1} << 48;
// The machine is asked when so much has been taken since the last time.
constexpr int64_t kAskEvery = int64_t{64} << 20;

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The number behind `key` and blanks at the beginning of a line. Empty where there is none.
std::optional<int64_t> NumberBehind(absl::string_view text, absl::string_view key) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::ConsumePrefix(&line, key)) continue;
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    int64_t number = 0;
    if (!words.empty() && absl::SimpleAtoi(words[0], &number)) return number;
  }
  return std::nullopt;
}

int64_t SystemMemory() {
  const auto kilobytes = NumberBehind(ReadText("/proc/meminfo"), "MemAvailable:");
  if (kilobytes) return *kilobytes * 1024;
  const int64_t pages = sysconf(_SC_AVPHYS_PAGES);
  return pages < 0 ? kUnlimited : pages * sysconf(_SC_PAGESIZE);
}

int64_t AddressSpaceLeft() {
  rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kUnlimited;
  const auto pages = NumberBehind(ReadText("/proc/self/statm"), "");
  const int64_t used = pages ? *pages * sysconf(_SC_PAGESIZE) : 0;
  return std::min<rlim_t>(limit.rlim_cur, kAddressSpace) - used;
}

// The names that the two versions of control groups have for the same.
struct GroupFiles {
  const char *limit, *usage, *cache;
};
constexpr GroupFiles kVersion1 = {"memory.limit_in_bytes", "memory.usage_in_bytes",
                                  "total_inactive_file "};
constexpr GroupFiles kVersion2 = {"memory.max", "memory.current", "inactive_file "};

int64_t GroupMemory(const std::string& folder, const GroupFiles& files) {
  const auto number = [&](const char* file) {
    return NumberBehind(ReadText(absl::StrCat(folder, "/", file)), "");
  };
  const std::optional<int64_t> limit = number(files.limit), usage = number(files.usage);
  if (!limit || !usage) return kUnlimited;  // not there, or "max"
  // The cache of files goes before a process does.
  const int64_t cache =
      NumberBehind(ReadText(absl::StrCat(folder, "/memory.stat")), files.cache).value_or(0);
  return *limit - std::max<int64_t>(*usage - cache, 0);
}

// Of a group and all that it is in, down to the mount itself: inside of a container the path may
// name folders that only the outside has.
int64_t GroupsMemory(const std::string& mount, std::string path, const GroupFiles& files) {
  int64_t least = GroupMemory(mount, files);
  while (!path.empty() && path != "/") {
    least = std::min(least, GroupMemory(mount + path, files));
    path.resize(path.find_last_of('/'));
  }
  return least;
}

thread_local const std::shared_ptr<MemoryAccount>* current_account = nullptr;

absl::Status Exhausted(int64_t needed, absl::string_view left) {
  return absl::ResourceExhaustedError(
      absl::StrCat(ReadableBytes(needed), " of memory are needed, ", left));
}

absl::Status BeyondMachine(int64_t needed, int64_t left) {
  return Exhausted(needed, absl::StrCat("this machine has ", ReadableBytes(left), " left"));
}

absl::Status BeyondLimit(int64_t needed, int64_t taken, int64_t limit) {
  if (limit >= kAddressSpace) return BeyondMachine(needed, AvailableMemory());
  return Exhausted(needed,
                   absl::StrCat("the limit is ", ReadableBytes(limit), ", of which ",
                                ReadableBytes(std::max<int64_t>(limit - taken, 0)), " are left"));
}

// All memory that lies idle, whoever keeps it: where memory is short, it goes first.
class IdleMemory {
 public:
  // Frees what counts against an account, or all where that is null; false where there is none.
  using DropFn = std::function<bool(const MemoryAccount* account)>;

  static IdleMemory& Get() {
    static IdleMemory& idle = *new IdleMemory;
    return idle;
  }
  void Add(const void* keeper, DropFn drop) {
    const std::lock_guard lock(mutex_);
    keepers_.emplace(keeper, std::move(drop));
  }
  void Remove(const void* keeper) {
    const std::lock_guard lock(mutex_);
    keepers_.erase(keeper);
  }
  bool Drop(const MemoryAccount* account) {
    const std::lock_guard lock(mutex_);
    bool any = false;
    for (const auto& [keeper, drop] : keepers_) any |= drop(account);
    return any;
  }

 private:
  std::mutex mutex_;
  std::map<const void*, DropFn> keepers_;
};

}  // namespace

int64_t AvailableMemory() {
  const int64_t groups =
      internal::ControlGroupMemory(ReadText("/proc/self/cgroup"), "/sys/fs/cgroup");
  const int64_t least = std::min({SystemMemory(), groups, AddressSpaceLeft()});
  return std::max<int64_t>(least - least / 16, 0);
}

std::string ReadableBytes(int64_t bytes) {
  static constexpr const char* kUnits[] = {"KB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double size = static_cast<double>(bytes) / 1024;
  int unit = 0;
  for (; size >= 1024 && unit < 5; ++unit) size /= 1024;
  return absl::StrFormat("%.1f %s", size, kUnits[unit]);
}

namespace {

// AvailableMemory(), once what lies idle is gone if that is less than `bytes`.
int64_t AvailableToTake(int64_t bytes) {
  const int64_t left = AvailableMemory();
  return bytes > left && IdleMemory::Get().Drop(nullptr) ? AvailableMemory() : left;
}

}  // namespace

MemoryAccount::MemoryAccount(int64_t limit_bytes)
    : limit_(limit_bytes == 0 ? kAddressSpace : std::min(limit_bytes, kAddressSpace)) {
  NOMO_CHECK(limit_bytes >= 0);
}

absl::Status MemoryAccount::Take(int64_t bytes) {
  if (bytes > limit_) return BeyondLimit(bytes, taken_, limit_);
  for (bool dropped = false;; dropped = true) {
    const int64_t before = taken_.fetch_add(bytes);
    if (before + bytes <= limit_) break;
    taken_ -= bytes;
    if (dropped || !IdleMemory::Get().Drop(this)) return BeyondLimit(bytes, before, limit_);
  }
  if (unasked_.fetch_add(bytes) + bytes < kAskEvery) return absl::OkStatus();
  unasked_ = 0;
  const int64_t left = AvailableToTake(bytes);
  if (bytes <= left) return absl::OkStatus();
  taken_ -= bytes;
  return BeyondMachine(bytes, left);
}

absl::Status MemoryAccount::Check(int64_t bytes) const {
  if (bytes > limit_ - taken_ && bytes <= limit_) IdleMemory::Get().Drop(this);
  const int64_t taken = taken_;
  if (bytes > limit_ - taken) return BeyondLimit(bytes, taken, limit_);
  if (bytes < kAskEvery) return absl::OkStatus();
  const int64_t left = AvailableToTake(bytes);
  return bytes <= left ? absl::OkStatus() : BeyondMachine(bytes, left);
}

MemoryScope::MemoryScope(std::shared_ptr<MemoryAccount> account)
    : account_(std::move(account)), previous_(std::exchange(current_account, &account_)) {}
MemoryScope::~MemoryScope() { current_account = previous_; }

const std::shared_ptr<MemoryAccount>& CurrentMemoryAccount() {
  static const auto& process = *new std::shared_ptr<MemoryAccount>(new MemoryAccount);
  return current_account != nullptr ? *current_account : process;
}

absl::StatusOr<HeldMemory> HeldMemory::Take(int64_t bytes) {
  HeldMemory held;
  NOMO_RETURN_IF_ERROR(CurrentMemoryAccount()->Take(bytes));
  held.account_ = CurrentMemoryAccount();
  held.bytes_ = bytes;
  return held;
}

HeldMemory::~HeldMemory() {
  if (account_ != nullptr) account_->Give(bytes_);
}

HeldMemory& HeldMemory::operator=(HeldMemory&& other) noexcept {
  std::swap(account_, other.account_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

// What lies idle, by size, until memory is short, whoever needs it.
struct TensorPool::Shelf {
  struct Block {
    Tensor memory;
    std::shared_ptr<MemoryAccount> account;  // that it counts against
    uint64_t used_in = 0;
  };

  Shelf() {
    IdleMemory::Get().Add(this, [this](const MemoryAccount* account) { return Drop(account); });
  }
  ~Shelf() { IdleMemory::Get().Remove(this); }
  Shelf(const Shelf&) = delete;
  Shelf& operator=(const Shelf&) = delete;

  // A little one of malloc's is as good.
  static constexpr int64_t kLittle = 1 << 14;

  // A size of which there are eight between each power of two and the next: outputs whose sizes
  // differ a little between runs use the same memory.
  static int64_t SizeFor(int64_t bytes) {
    const int64_t step = std::bit_floor(static_cast<uint64_t>(bytes)) / 8;
    return (bytes + step - 1) / step * step;
  }

  // Without memory where there is none of the size.
  Block Find(int64_t size) {
    const std::lock_guard lock(mutex);
    const auto found = idle.find(size);
    if (found == idle.end()) return {};
    Block block = std::move(found->second);
    idle.erase(found);
    return block;
  }
  void Put(Block block) {
    const std::lock_guard lock(mutex);
    const int64_t size = block.memory.num_bytes();
    block.used_in = turn;
    try {
      idle.emplace(size, std::move(block));
    } catch (const std::bad_alloc&) {
      // Then it is freed: this is called where nothing may be thrown.
    }
  }
  // All but those of this turn.
  void Trim() {
    const std::lock_guard lock(mutex);
    std::erase_if(idle, [&](const auto& entry) { return entry.second.used_in != turn; });
    ++turn;
  }
  bool Drop(const MemoryAccount* account) {
    const std::lock_guard lock(mutex);
    return std::erase_if(idle, [&](const auto& entry) {
             return account == nullptr || entry.second.account.get() == account;
           }) > 0;
  }

  mutable std::mutex mutex;
  std::multimap<int64_t, Block> idle;
  uint64_t turn = 0;
};

TensorPool::TensorPool() : shelf_(std::make_shared<Shelf>()) {}
TensorPool::~TensorPool() = default;

absl::StatusOr<Tensor> TensorPool::Create(DType dtype, const Shape& shape) {
  const absl::StatusOr<int64_t> count = shape.CheckedNumElements();
  const int64_t most = std::numeric_limits<int64_t>::max() / 32;
  if (DTypeSize(dtype) == 0 || !count.ok() || *count > most ||
      *count * DTypeSize(dtype) < Shelf::kLittle) {
    return Tensor::Create(dtype, shape);
  }
  const int64_t size = Shelf::SizeFor(*count * DTypeSize(dtype));
  Shelf::Block block = shelf_->Find(size);
  auto held = std::make_shared<HeldMemory>();
  if (block.memory.valid() && block.account != CurrentMemoryAccount()) {
    // An earlier run paid for it; this one needs it as well.
    absl::StatusOr<HeldMemory> taken = HeldMemory::Take(size);
    if (taken.ok()) {
      *held = *std::move(taken);
    } else {
      block = {};
    }
  }
  if (!block.memory.valid()) {
    absl::StatusOr<Tensor> made = Tensor::Create(DType::kUInt8, {size});
    // A tensor of its own is not rounded up.
    if (!made.ok()) return Tensor::Create(dtype, shape);
    block = {*std::move(made), CurrentMemoryAccount()};
  }
  std::byte* const data = block.memory.mutable_raw_data();
  std::shared_ptr<std::byte> lease(data, [block = std::move(block), held = std::move(held),
                                          shelf = std::weak_ptr(shelf_)](std::byte*) mutable {
    held.reset();
    if (const std::shared_ptr<Shelf> open = shelf.lock()) open->Put(std::move(block));
  });
  return Tensor::FromMemory(dtype, shape, std::move(lease));
}

void TensorPool::Trim() { shelf_->Trim(); }

int64_t TensorPool::num_bytes() const {
  const std::lock_guard lock(shelf_->mutex);
  int64_t bytes = 0;
  for (const auto& [size, block] : shelf_->idle) bytes += size;
  return bytes;
}

absl::StatusOr<Tensor> TryFull(DType dtype, const Shape& shape, double value) {
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Create(dtype, shape));
  const Tensor one = Tensor::Full(dtype, {}, value);
  const int64_t bytes = one.num_bytes();
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    std::memcpy(tensor.mutable_raw_data() + i * bytes, one.raw_data(), bytes);
  }
  return tensor;
}

absl::StatusOr<Tensor> TryCast(const Tensor& tensor, DType dtype) {
  NOMO_ASSIGN_OR_RETURN(Tensor result, Tensor::Create(dtype, tensor.shape()));
  ConvertElements(tensor.dtype(), tensor.raw_data(), dtype, result.mutable_raw_data(),
                  tensor.num_elements());
  return result;
}

absl::StatusOr<Tensor> TryClone(const Tensor& tensor) {
  if (!tensor.valid()) return tensor;
  NOMO_ASSIGN_OR_RETURN(Tensor copy, Tensor::Create(tensor.dtype(), tensor.shape()));
  std::memcpy(copy.mutable_raw_data(), tensor.raw_data(), tensor.num_bytes());
  return copy;
}

namespace internal {

absl::Status MemoryRanOut() {
  return absl::ResourceExhaustedError(
      absl::StrCat("memory ran out; this machine has ", ReadableBytes(AvailableMemory()), " left"));
}

int64_t ControlGroupMemory(absl::string_view proc_text, const std::string& mount) {
  int64_t least = kUnlimited;
  // A line is "number:controllers:path"; version 2 has no controllers.
  for (const absl::string_view line : absl::StrSplit(proc_text, '\n')) {
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3 || !absl::StartsWith(fields[2], "/")) continue;
    const std::vector<absl::string_view> controllers = absl::StrSplit(fields[1], ',');
    if (fields[1].empty()) {
      least = std::min(least, GroupsMemory(mount, fields[2], kVersion2));
    } else if (std::find(controllers.begin(), controllers.end(), "memory") != controllers.end()) {
      least = std::min(least, GroupsMemory(mount + "/memory", fields[2], kVersion1));
    }
  }
  return least;
}

}  // namespace internal
}  // namespace nomograph

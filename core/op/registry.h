// OpRegistry: the ops that a process knows, by name and version.
#ifndef NOMOGRAPH_CORE_OP_REGISTRY_H_
#define NOMOGRAPH_CORE_OP_REGISTRY_H_

#include <functional>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "nomograph/core/op/op.h"

namespace nomograph {

struct Node;

// Rewrites a node of an op's version N into version N + 1 (its version field is set by the caller).
using UpgradeFn = std::function<absl::Status(Node&)>;

// Where a call stands in the source. (std::source_location is missing where clang uses GCC's
// library.)
struct SourcePlace {
  const char* file;
  int line;
  // As a default argument: the place of the call that leaves the argument out.
  static constexpr SourcePlace Here(const char* file = __builtin_FILE(),
                                    int line = __builtin_LINE()) {
    return {file, line};
  }
};

// The provider of the standard set of ops, which every program has: a file that names one of them
// needs no signature, body or provider.
inline constexpr absl::string_view kStandardProvider = "nomograph";

// An op by a name that another format has for it, and how that format writes it.
struct KnownOp {
  const OpDef* op = nullptr;  // null: there is none
  const KnownName* name = nullptr;
};

// Thread-safe. What is registered stays where it is, so that pointers to it hold for good.
class OpRegistry {
 public:
  // The registry that NOMO_REGISTER_OP fills.
  static OpRegistry& Default();

  // `provider` says which library registers the op; it is saved with nodes as a hint for those who
  // lack the library. AlreadyExists names both places when the name and version are taken, or where
  // another op has the same known name in the same version of a format; InvalidArgument when the op
  // is not valid.
  absl::Status Register(OpDef op, std::string provider, SourcePlace where = SourcePlace::Here());
  absl::Status RegisterUpgrader(absl::string_view op, int from_version, UpgradeFn upgrade,
                                SourcePlace where = SourcePlace::Here());

  // Keeps a fault of registering for whoever asks: LoadLibrary() while one is being loaded by this
  // thread, else Faults().
  void Report(const absl::Status& status);
  // What could not be registered at start-up, e.g. two ops of one name and version, with both
  // places. No model is compiled while there is such a fault.
  absl::Status Faults() const;

  // Null when there is none. Version 0 means the newest.
  const OpDef* Find(absl::string_view name, int version = 0) const;
  const UpgradeFn* FindUpgrader(absl::string_view op, int from_version) const;
  const std::string& ProviderOf(const OpDef& op) const;
  bool IsStandard(const OpDef& op) const { return ProviderOf(op) == kStandardProvider; }
  // The op that a format knows by that name in that version: of several forms the newest that the
  // version has, else the oldest. AllKnown: every form, by name and version.
  KnownOp FindKnown(absl::string_view as, absl::string_view name, int version) const;
  std::vector<KnownOp> AllKnown(absl::string_view as) const;
  // The newest version of every op, by name.
  std::vector<const OpDef*> All() const;
  std::vector<std::string> Names() const;
  // "no op acme.Foo is registered (version 1 is needed; did you mean acme.Fob?)"
  absl::Status NotFound(absl::string_view name, int version) const;

  // Loads an op library, a shared object that registers ops when it is loaded. Only files that a
  // user names explicitly are ever given here: loading one runs its code. All faults of
  // registration come back as one status.
  absl::Status LoadLibrary(const std::string& path);

 private:
  struct Entry {
    std::unique_ptr<OpDef> op;
    std::string provider, where;
  };
  struct Upgrader {
    UpgradeFn upgrade;
    std::string where;
  };
  mutable std::shared_mutex mutex_;
  ErrorList faults_;
  std::map<std::string, std::map<int, Entry>, std::less<>> ops_;
  std::map<std::string, std::map<int, Upgrader>, std::less<>> upgraders_;
  // By format, name and version; of the newest version of an op.
  std::map<std::string, std::map<std::string, std::map<int, KnownOp>, std::less<>>, std::less<>>
      known_;
};

namespace internal {

// Registers at start-up, or while a library is loaded: see OpRegistry::Report().
struct OpRegistrar {
  OpRegistrar(OpDef&& op, const char* provider, SourcePlace where = SourcePlace::Here());
  // Of a temporary, too: what OpDef's functions return.
  OpRegistrar(OpDef& op, const char* provider, SourcePlace where = SourcePlace::Here())
      : OpRegistrar(std::move(op), provider, where) {}
};
struct UpgradeRegistrar {
  UpgradeRegistrar(absl::string_view op, int from_version, UpgradeFn upgrade,
                   SourcePlace where = SourcePlace::Here());
};

}  // namespace internal

// The library that is named as the provider of the ops of a translation unit. The build sets it for
// each library.
#ifndef NOMO_OP_PROVIDER
#define NOMO_OP_PROVIDER ""
#endif

// NOMO_REGISTER_OP(expression): at namespace scope; the expression is an OpDef, which is moved.
#define NOMO_REGISTER_OP(...)                                                    \
  [[maybe_unused]] static const ::nomograph::internal::OpRegistrar NOMO_CONCAT_( \
      nomo_op_registrar_, __COUNTER__)(__VA_ARGS__, NOMO_OP_PROVIDER)
// NOMO_REGISTER_UPGRADE(op name, from version, function)
#define NOMO_REGISTER_UPGRADE(op, from_version, ...)                                  \
  [[maybe_unused]] static const ::nomograph::internal::UpgradeRegistrar NOMO_CONCAT_( \
      nomo_op_registrar_, __COUNTER__)(op, from_version, __VA_ARGS__)

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_OP_REGISTRY_H_

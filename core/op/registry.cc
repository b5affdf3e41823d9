#include "nomograph/core/op/registry.h"

#include <dlfcn.h>

#include <mutex>
#include <utility>

#include "nomograph/core/types/escape.h"

namespace nomograph {
namespace {

// Where this thread's registrars put their faults while it loads a library; null otherwise.
thread_local ErrorList* loading_errors = nullptr;

std::string PlaceOf(const SourcePlace& where) { return absl::StrCat(where.file, ":", where.line); }

}  // namespace

OpRegistry& OpRegistry::Default() {
  static OpRegistry* registry =
      new OpRegistry;  // never destroyed: op libraries may outlive static destruction
  return *registry;
}

absl::Status OpRegistry::Register(OpDef op, std::string provider, SourcePlace where) {
  NOMO_RETURN_IF_ERROR(Annotate(op.Validate(), PlaceOf(where)));
  const std::unique_lock lock(mutex_);
  if (const auto known = ops_.find(op.name); known != ops_.end()) {
    if (const auto taken = known->second.find(op.version); taken != known->second.end()) {
      return absl::AlreadyExistsError(absl::StrCat("op ", op.ToString(),
                                                   " is registered twice: at ", taken->second.where,
                                                   " and at ", PlaceOf(where)));
    }
  }
  for (const KnownName& name : op.known) {
    const auto& forms = known_[name.as][name.name];
    const auto taken = forms.find(name.since);
    if (taken == forms.end() || taken->second.op->name == op.name) continue;
    return absl::AlreadyExistsError(absl::StrCat(
        PlaceOf(where), ": op ", op.name, " and op ", taken->second.op->name, " are both known as ",
        name.name, " to ", name.as, " since version ", name.since));
  }
  auto& versions = ops_[op.name];
  const int version = op.version;
  const bool newest = versions.empty() || versions.rbegin()->first < version;
  const OpDef& registered = *versions
                                 .emplace(version, Entry{std::make_unique<OpDef>(std::move(op)),
                                                         std::move(provider), PlaceOf(where)})
                                 .first->second.op;
  for (const KnownName& name : registered.known) {
    KnownOp& form = known_[name.as][name.name][name.since];
    if (newest || form.op == nullptr) form = {&registered, &name};
  }
  return absl::OkStatus();
}

absl::Status OpRegistry::RegisterUpgrader(absl::string_view op, int from_version, UpgradeFn upgrade,
                                          SourcePlace where) {
  const std::unique_lock lock(mutex_);
  auto [it, inserted] = upgraders_[std::string(op)].emplace(
      from_version, Upgrader{std::move(upgrade), PlaceOf(where)});
  if (inserted) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat("the upgrade of ", op, " from version ",
                                               from_version, " is registered twice: at ",
                                               it->second.where, " and at ", PlaceOf(where)));
}

const OpDef* OpRegistry::Find(absl::string_view name, int version) const {
  const std::shared_lock lock(mutex_);
  auto versions = ops_.find(name);
  if (versions == ops_.end()) return nullptr;
  if (version == 0) return versions->second.rbegin()->second.op.get();
  auto entry = versions->second.find(version);
  return entry == versions->second.end() ? nullptr : entry->second.op.get();
}

const UpgradeFn* OpRegistry::FindUpgrader(absl::string_view op, int from_version) const {
  const std::shared_lock lock(mutex_);
  auto versions = upgraders_.find(op);
  if (versions == upgraders_.end()) return nullptr;
  auto entry = versions->second.find(from_version);
  return entry == versions->second.end() ? nullptr : &entry->second.upgrade;
}

const std::string& OpRegistry::ProviderOf(const OpDef& op) const {
  const std::shared_lock lock(mutex_);
  return ops_.find(op.name)->second.at(op.version).provider;
}

KnownOp OpRegistry::FindKnown(absl::string_view as, absl::string_view name, int version) const {
  const std::shared_lock lock(mutex_);
  const auto names = known_.find(as);
  if (names == known_.end()) return {};
  const auto forms = names->second.find(name);
  if (forms == names->second.end() || forms->second.empty()) return {};
  const auto after = forms->second.upper_bound(version);
  return (after == forms->second.begin() ? after : std::prev(after))->second;
}

std::vector<KnownOp> OpRegistry::AllKnown(absl::string_view as) const {
  const std::shared_lock lock(mutex_);
  std::vector<KnownOp> all;
  const auto names = known_.find(as);
  if (names == known_.end()) return all;
  for (const auto& [name, forms] : names->second) {
    for (const auto& [since, form] : forms) all.push_back(form);
  }
  return all;
}

std::vector<const OpDef*> OpRegistry::All() const {
  const std::shared_lock lock(mutex_);
  std::vector<const OpDef*> ops;
  for (const auto& [name, versions] : ops_) ops.push_back(versions.rbegin()->second.op.get());
  return ops;
}

std::vector<std::string> OpRegistry::Names() const {
  const std::shared_lock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, versions] : ops_) names.push_back(name);
  return names;
}

absl::Status OpRegistry::NotFound(absl::string_view name, int version) const {
  const std::vector<std::string> names = Names();
  const std::shared_lock lock(mutex_);
  const auto versions = ops_.find(name);
  if (versions == ops_.end()) {
    std::string why = DidYouMean(name, names);
    if (version != 0) {
      const std::string needed = absl::StrCat("version ", version, " is needed");
      why = why.empty() ? absl::StrCat(" (", needed, ")")
                        : absl::StrCat(" (", needed, "; ", why.substr(2));
    }
    return absl::NotFoundError(absl::StrCat("no op ", Shown(name), " is registered", why));
  }
  return absl::NotFoundError(absl::StrCat("op ", Shown(name), " has no version ", version,
                                          " here; the newest is ",
                                          versions->second.rbegin()->first));
}

absl::Status OpRegistry::LoadLibrary(const std::string& path) {
  // A bare file name would be searched for in the system's folders; the user named a file.
  const std::string file = path.find('/') == std::string::npos ? absl::StrCat("./", path) : path;
  ErrorList errors;
  ErrorList* const outer = std::exchange(loading_errors, &errors);
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  loading_errors = outer;
  if (handle == nullptr)
    return InvalidArgument("op library ", path, " cannot be loaded: ", dlerror());
  return Annotate(errors.ToStatus("ops cannot be registered"), absl::StrCat("op library ", path));
}

void OpRegistry::Report(const absl::Status& status) {
  if (status.ok()) return;
  if (loading_errors != nullptr) {
    loading_errors->Add(status);
    return;
  }
  const std::unique_lock lock(mutex_);
  faults_.Add(status);
}

absl::Status OpRegistry::Faults() const {
  const std::shared_lock lock(mutex_);
  return faults_.ToStatus("ops cannot be registered");
}

namespace internal {

OpRegistrar::OpRegistrar(OpDef&& op, const char* provider, SourcePlace where) {
  OpRegistry& registry = OpRegistry::Default();
  registry.Report(registry.Register(std::move(op), provider, where));
}

UpgradeRegistrar::UpgradeRegistrar(absl::string_view op, int from_version, UpgradeFn upgrade,
                                   SourcePlace where) {
  OpRegistry& registry = OpRegistry::Default();
  registry.Report(registry.RegisterUpgrader(op, from_version, std::move(upgrade), where));
}

}  // namespace internal
}  // namespace nomograph

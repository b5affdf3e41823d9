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
  auto& versions = ops_[op.name];
  if (auto taken = versions.find(op.version); taken != versions.end()) {
    return absl::AlreadyExistsError(absl::StrCat("op ", op.ToString(), " is registered twice: at ",
                                                 taken->second.where, " and at ", PlaceOf(where)));
  }
  const int version = op.version;
  versions.emplace(
      version, Entry{std::make_unique<OpDef>(std::move(op)), std::move(provider), PlaceOf(where)});
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

OpRegistrar::OpRegistrar(OpDef op, const char* provider, SourcePlace where) {
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

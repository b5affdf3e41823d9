// What makes the tool one for MPI jobs.
#include "nomograph/mpi/world.h"
#include "nomograph/tools/run/shared_work.h"

namespace nomograph::mpi {
namespace {

class MpiWork : public SharedWork {
 public:
  explicit MpiWork(World& world) : world_(world) {}
  int rank() const override { return world_.rank(); }
  int size() const override { return world_.size(); }
  absl::StatusOr<std::vector<std::string>> Gather(absl::string_view bytes) override {
    return world_.Gather(bytes);
  }
  [[noreturn]] void Abort(const absl::Status& status) override { world_.Abort(status); }

 private:
  World& world_;
};

// Joins the job where the tool first asks. One process alone needs none.
SharedWork* Join() {
  static SharedWork* const work = []() -> SharedWork* {
    const auto world = World::Join();
    if (!world.ok() || (*world)->size() == 1) return nullptr;
    return new MpiWork(**world);  // for as long as the process runs
  }();
  return work;
}

[[maybe_unused]] const bool kIsSet = (SetSharedWork(Join), true);

}  // namespace
}  // namespace nomograph::mpi

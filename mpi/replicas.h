// The processes of an MPI job as replicas of a trainer.
//
//   int main(int argc, char** argv) {
//     return mpi::RunJob([&](const mpi::MpiReplicas& replicas) -> absl::Status {
//       NOMO_ASSIGN_OR_RETURN(const Model model, Load(argv[1]));
//       NOMO_ASSIGN_OR_RETURN(const auto trainer,
//                             Trainer::Create(model, goals, {.replicas = &replicas}));
//       return trainer->Fit(data).status();
//     });
//   }
//
//   mpirun -n 4 program model.nomo
#ifndef NOMOGRAPH_MPI_REPLICAS_H_
#define NOMOGRAPH_MPI_REPLICAS_H_

#include <functional>
#include <vector>

#include "nomograph/mpi/data_parallel.h"
#include "nomograph/mpi/world.h"
#include "nomograph/train/replicas.h"

namespace nomograph::mpi {

class MpiReplicas : public Replicas {
 public:
  explicit MpiReplicas(World& world, const MeanOptions& options = {})
      : world_(world), options_(options) {}
  int rank() const override { return world_.rank(); }
  int size() const override { return world_.size(); }
  std::vector<Value> Mean(const std::vector<Value>& values) const override {
    return MeanOverProcesses(values, options_);
  }
  absl::StatusOr<Tensor> Sum(Tensor tensor) const override { return world_.Sum(std::move(tensor)); }
  World& world() const { return world_; }

 private:
  World& world_;
  const MeanOptions options_;
};

// The body of main(): joins the world and does the work. Where it fails in one process, all end,
// with an error that names the process: the others would wait for it in vain. Yields what main()
// returns.
int RunJob(const std::function<absl::Status(const MpiReplicas& replicas)>& work,
           const MeanOptions& options = {});

}  // namespace nomograph::mpi

#endif  // NOMOGRAPH_MPI_REPLICAS_H_

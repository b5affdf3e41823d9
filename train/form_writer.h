// FormWriter: a model's values in the form that training or evaluation has: weights that may change
// are variables, and in training some nodes are something else. Internal to the trainer.
#ifndef NOMOGRAPH_TRAIN_FORM_WRITER_H_
#define NOMOGRAPH_TRAIN_FORM_WRITER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "nomograph/core/build/expr.h"
#include "nomograph/core/build/reopen.h"
#include "nomograph/train/training_graph.h"

namespace nomograph::train_internal {

// What a form of the model is for.
enum class FormUse {
  kTraining,    // nodes act as in training
  kValidation,  // as in inference, with weights that training changes
  kEvaluation,  // as in inference, and nothing changes: weights are constants
};

class FormWriter {
 public:
  FormWriter(const Model& model, const TrainingGoals& goals, FormUse use,
             const Replicas* replicas = nullptr)
      : model_(model), goals_(goals), use_(use), replicas_(replicas) {
    for (const Weight& weight : model.graph.weights) weight_ids_.insert(weight.value);
  }

  absl::Status Write();

  std::vector<Value> inputs, outputs;
  std::vector<Value> masks;  // of the outputs: which samples count; absent where all do
  std::vector<Value> added_losses;
  // Of float weights: whether they are trained, their value, and their variable where something
  // changes them.
  struct WeightRead {
    std::string name;
    bool trained;
    Value value;
    std::shared_ptr<const VariableSpec> variable;
  };
  std::vector<WeightRead> weights;
  std::vector<Value> state_updates;

 private:
  // Weights are variables where something may change them.
  void AddLeaves();
  void AddWeight(const Weight& weight, bool moved);
  bool IsFrozen(const Node& node) const;
  absl::Status Rewrite(const Node& node, const std::vector<Value>& original,
                       std::vector<Value>& values);
  absl::Status WriteTrainingForm(const Node& node, const OpDef& op, const std::vector<Value>& in,
                                 std::vector<Value>& values);

  const Model& model_;
  const TrainingGoals& goals_;
  const FormUse use_;
  const Replicas* const replicas_;
  absl::flat_hash_set<ValueId> weight_ids_;
  ReopenLeaves leaves_;
  absl::flat_hash_map<const Expr*, std::shared_ptr<const VariableSpec>> read_;
  ErrorList errors_;
};

}  // namespace nomograph::train_internal

#endif  // NOMOGRAPH_TRAIN_FORM_WRITER_H_

// UpdateWriter: the optimizer's part of a step of training. Internal to the trainer.
#ifndef NOMOGRAPH_TRAIN_UPDATE_WRITER_H_
#define NOMOGRAPH_TRAIN_UPDATE_WRITER_H_

#include <string>
#include <vector>

#include "nomograph/core/types/names.h"
#include "nomograph/train/form_writer.h"
#include "nomograph/train/training_graph.h"

namespace nomograph::train_internal {

// What a step is given beside a batch.
struct StepInputs {
  Value learning_rate, iteration, apply;
};

class UpdateWriter {
 public:
  UpdateWriter(const Model& model, const TrainingGoals& goals, const StepInputs& inputs,
               const Replicas* replicas, TrainingGraphs& result);

  // The loss, once the variables have changed.
  absl::StatusOr<Value> Write(FormWriter& form, const Value& loss);
  // The variables that only the attributes of nodes name.
  std::vector<Variable>& slots() { return slots_; }

 private:
  // The selector of goals.recompute that selects the node's layer; "" where none does.
  std::string PartOf(const Node& node) const;
  // A variable of the optimizer for a weight.
  std::string SlotName(const std::string& weight, absl::string_view slot);
  void Accumulate(absl::Span<const FormWriter::WeightRead* const> weights,
                  std::vector<Value>& gradients);
  void Clip(std::vector<Value>& gradients);
  void AddUpdate(const FormWriter::WeightRead& weight, const Value& gradient);
  // Muon: whether the weight is a matrix, or matrices; and the direction of its step.
  bool IsMatrix(const FormWriter::WeightRead& weight) const;
  Value Orthogonal(const FormWriter::WeightRead& weight, const Value& gradient);
  void AddSlots(const FormWriter::WeightRead& weight, Attributes& attrs);
  // Moves the mean; the weight's next value, which is the mean where it is time.
  Value Average(const FormWriter::WeightRead& weight, const Value& next, bool& assigned);

  const Optimizer& optimizer_;
  const TrainingGoals& goals_;
  const StepInputs inputs_;
  const Replicas* const replicas_;
  TrainingGraphs& result_;
  UniqueNames names_;
  std::vector<Value> waits_;
  std::vector<Variable> slots_;
};

}  // namespace nomograph::train_internal

#endif  // NOMOGRAPH_TRAIN_UPDATE_WRITER_H_

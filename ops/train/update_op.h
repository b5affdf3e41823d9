// What the ops have in common that change a weight by its gradient.
#ifndef NOMOGRAPH_OPS_TRAIN_UPDATE_OP_H_
#define NOMOGRAPH_OPS_TRAIN_UPDATE_OP_H_

#include <string>
#include <vector>

#include "nomograph/core/op/op.h"
#include "nomograph/ops/train/update.h"

namespace nomograph::train {

// One step of one node: what RunUpdate() is to do, and the attributes that name the variables which
// are its slots.
struct UpdatePlan {
  UpdateRule rule;
  std::vector<absl::string_view> slots;
  std::array<double, 6> c = {};
};

// Of the attributes, the learning rate, and the step's number, which counts from 1.
using PlanFn = absl::StatusOr<UpdatePlan> (*)(const KernelContext& context, double learning_rate,
                                              double step);

// One step of one node that needs all elements of the weight together.
struct WholeUpdate {
  const KernelContext& context;
  double learning_rate, step;  // the step's number counts from 1
  Tensor weight;               // to be written to; it has decayed
  Tensor gradient;             // of the same type
};
using WholeFn = absl::Status (*)(const WholeUpdate& update);

// The variable that the attribute names, to be written to; of that type.
absl::StatusOr<Tensor> EditSlot(const KernelContext& context, absl::string_view attr,
                                const TensorType& type);

// An op with the inputs and outputs that all of them have, and the attributes `variable` and
// `weight_decay`. What the slots are called is added behind it.
OpDef UpdateOp(std::string name, PlanFn plan);
OpDef UpdateOp(std::string name, WholeFn function);

// Its example: variables "w", and those that `slots` name, before the step and after it.
struct UpdateExample {
  std::string name;
  Attributes attrs;
  double learning_rate = 0.1;
  int64_t iteration = 0;
  struct Variable {
    std::string name;
    std::vector<double> before, after;
    Shape shape = {};  // where it is no vector, and no scalar, which one element is
  };
  std::vector<Variable> variables;  // the weight first
  std::vector<double> gradient = {0.5, -1, 0, 0.125, -3};
};
std::vector<Example> UpdateExamples(const std::vector<UpdateExample>& examples);

}  // namespace nomograph::train

#endif  // NOMOGRAPH_OPS_TRAIN_UPDATE_OP_H_

#include "nomograph/ops/train/update_op.h"

#include <algorithm>
#include <utility>

#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"

namespace nomograph::train {
namespace {

enum Inputs { kWeight, kGradient, kLearningRate, kIteration, kApply };

absl::StatusOr<std::vector<TensorType>> Infer(const InferContext& context) {
  const auto merged = Merge(context.shape(kWeight), context.shape(kGradient));
  if (!merged.ok()) {
    return InvalidArgument("the gradient: expected the weight's shape, ",
                           context.shape(kWeight).ToString(), ", found ",
                           context.shape(kGradient).ToString());
  }
  for (const int scalar : {kLearningRate, kIteration, kApply}) {
    if (context.has_input(scalar) && !Compatible(context.shape(scalar), PartialShape(Shape{}))) {
      return InvalidArgument("input ", scalar, ": expected a scalar, found shape ",
                             context.shape(scalar).ToString());
    }
  }
  return std::vector<TensorType>{{DType::kBool, Shape{}}, {context.dtype(kWeight), *merged}};
}

template <typename T>
absl::Status Change(const KernelContext& context, const UpdatePlan& plan, double learning_rate,
                    Tensor weight) {
  const TensorType type = weight.type();
  Update<T> update{.rule = plan.rule, .gradient = context.input<T>(kGradient).data(), .c = plan.c};
  update.weight = weight.mutable_data<T>().data();
  update.count = weight.num_elements();
  update.keep = 1 - context.attrs().Float("weight_decay") * learning_rate;
  std::vector<Tensor> slots;
  for (size_t i = 0; i < plan.slots.size(); ++i) {
    NOMO_ASSIGN_OR_RETURN(Tensor slot, EditSlot(context, plan.slots[i], type));
    update.slots[i] = slot.mutable_data<T>().data();
    slots.push_back(std::move(slot));
  }
  constexpr int64_t kBlock = 16384;  // elements: less is not worth a thread
  const int64_t blocks = (update.count + kBlock - 1) / kBlock;
  ParallelFor(DefaultThreads(), blocks, [&](int64_t block) {
    RunUpdate(update, block * kBlock, std::min(update.count, (block + 1) * kBlock));
  });
  return absl::OkStatus();
}

// What `change` does to the weight, if the step is to be made.
template <typename ChangeFn>
absl::Status Compute(KernelContext& context, const ChangeFn& change) {
  NOMO_RETURN_IF_ERROR(context.variables().status());
  const TensorType type = {context.input_dtype(kWeight), context.input_shape(kWeight)};
  NOMO_ASSIGN_OR_RETURN(const Tensor weight, EditSlot(context, "variable", type));
  if (!context.has_input(kApply) || context.input<bool>(kApply)[0]) {
    const double learning_rate = context.input<double>(kLearningRate)[0];
    const double step = static_cast<double>(context.input<int64_t>(kIteration)[0]) + 1;
    NOMO_RETURN_IF_ERROR(change(weight, learning_rate, step));
  }
  context.output<bool>(0)[0] = true;
  return context.num_outputs() > 1 ? context.SetOutput(1, weight) : absl::OkStatus();
}

template <typename T>
void Decay(Tensor& weight, double keep) {
  if (keep == 1) return;
  for (T& element : weight.mutable_data<T>()) element *= static_cast<T>(keep);
}

OpDef UpdateSchema(std::string name) {
  return OpDef(std::move(name))
      .TypeVar("T", {DType::kFloat32, DType::kFloat64})
      .Input("weight", "T", "the variable's value, which so is read ahead of the change")
      .Input("gradient", "T", "the shape of weight")
      .Input("learning_rate", "float64", "a scalar")
      .Input("iteration", "int64", "a scalar: how many steps there were before this one")
      .OptionalInput("apply", "bool", "a scalar; false: nothing is changed. Absent: true")
      .Output("done", "bool", "true, a scalar, once the variables have changed: for core.After")
      .OptionalOutput("y", "T", "what the weight is now")
      .RequiredAttr("variable", AttrType::kString, "the name of the variable that is the weight")
      .Attr("weight_decay", 0.0,
            "ahead of all else the weight is multiplied with 1 - weight_decay * learning_rate "
            "(I. Loshchilov and F. Hutter, 2019)")
      .Min(0)
      .WithEffects(Effects::kStateful)
      .InPlace()  // `weight` may be the variable itself
      .Infer(Infer)
      .NoGradient("an optimizer's step changes variables, through which nothing is differentiated");
}

Tensor VectorOf(const std::vector<double>& values, DType dtype) {
  return Tensor::Of<double>({static_cast<int64_t>(values.size())}, values).Cast(dtype);
}

}  // namespace

absl::StatusOr<Tensor> EditSlot(const KernelContext& context, absl::string_view attr,
                                const TensorType& type) {
  const std::string& name = context.attrs().String(attr);
  NOMO_ASSIGN_OR_RETURN(Tensor tensor, context.run().variables->Edit(name));
  if (tensor.type() == type) return tensor;
  return InvalidArgument("variable ", Quoted(name), ": expected ", type.ToString(), ", found ",
                         tensor.type().ToString());
}

OpDef UpdateOp(std::string name, PlanFn make_plan) {
  return UpdateSchema(std::move(name)).Reference([make_plan](KernelContext& context) {
    return Compute(
        context, [&](const Tensor& weight, double learning_rate, double step) -> absl::Status {
          NOMO_ASSIGN_OR_RETURN(const UpdatePlan plan, make_plan(context, learning_rate, step));
          return weight.dtype() == DType::kFloat32
                     ? Change<float>(context, plan, learning_rate, weight)
                     : Change<double>(context, plan, learning_rate, weight);
        });
  });
}

OpDef UpdateOp(std::string name, WholeFn function) {
  return UpdateSchema(std::move(name)).Reference([function](KernelContext& context) {
    return Compute(context, [&](Tensor weight, double learning_rate, double step) -> absl::Status {
      const double keep = 1 - context.attrs().Float("weight_decay") * learning_rate;
      Tensor gradient = context.BorrowInput(kGradient);
      // It may be the variable itself, as the weight may.
      if (keep != 1 && gradient.raw_data() == weight.raw_data()) {
        NOMO_ASSIGN_OR_RETURN(gradient, TryClone(gradient));
      }
      weight.dtype() == DType::kFloat32 ? Decay<float>(weight, keep) : Decay<double>(weight, keep);
      return function({context, learning_rate, step, weight, std::move(gradient)});
    });
  });
}

std::vector<Example> UpdateExamples(const std::vector<UpdateExample>& examples) {
  std::vector<Example> result;
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    for (const UpdateExample& given : examples) {
      Example example{.name = absl::StrCat(given.name, ", ", DTypeName(dtype)),
                      .attrs = given.attrs};
      example.attrs.Set("variable", given.variables[0].name);
      for (const auto& variable : given.variables) {
        const DType type = variable.before.size() == 1 ? DType::kFloat64 : dtype;
        Tensor before = VectorOf(variable.before, type), after = VectorOf(variable.after, type);
        if (variable.before.size() == 1) {
          before = before.Reshaped({});
          after = after.Reshaped({});
        } else if (variable.shape.rank() > 0) {
          before = before.Reshaped(variable.shape);
          after = after.Reshaped(variable.shape);
        }
        example.variables.emplace_back(variable.name, before);
        example.variables_after.emplace_back(variable.name, after);
      }
      example.inputs = {
          example.variables[0].second,
          VectorOf(given.gradient, dtype).Reshaped(example.variables[0].second.shape()),
          Tensor::Scalar<double>(given.learning_rate), Tensor::Scalar<int64_t>(given.iteration)};
      example.outputs = {Tensor::Scalar<bool>(true), example.variables_after[0].second};
      result.push_back(std::move(example));
    }
  }
  Example idle = result[0];
  idle.name = "apply is false";
  idle.inputs.push_back(Tensor::Scalar<bool>(false));
  idle.variables_after = idle.variables;
  idle.outputs[1] = idle.variables[0].second;
  result.push_back(std::move(idle));
  return result;
}

}  // namespace nomograph::train

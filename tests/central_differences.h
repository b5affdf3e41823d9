// For tests of gradients: a scalar function of an op's inputs, its gradient as Gradients() has it,
// and what central differences say.
#ifndef NOMOGRAPH_TESTS_CENTRAL_DIFFERENCES_H_
#define NOMOGRAPH_TESTS_CENTRAL_DIFFERENCES_H_

#include <memory>
#include <string>
#include <vector>

#include "nomograph/core/build/value.h"
#include "nomograph/core/op/op.h"
#include "nomograph/core/run/session.h"

namespace nomograph {

// A function of the example's floating-point inputs: the sum of all floating-point outputs, each
// element weighted with a number of its own, so that no two elements' faults cancel. Of order 2 it
// is the like sum of that function's gradients. Rows of a table of numbers that have infinities or
// NaN are left out.
class Scalar {
 public:
  Scalar(const OpDef& op, const Example& example, int order = 1);

  // The inputs as they are declared where the model is written; those of the example where there
  // are none.
  void set_input_shapes(std::vector<PartialShape> shapes) { shapes_ = std::move(shapes); }

  // Where the op takes float64 for all its floating-point inputs, the function is computed in it,
  // unless it is to stay in the dtypes of the example.
  void keep_dtypes() { keeps_dtypes_ = true; }
  absl::Status Build();

  // Where nothing floats in or out, there is nothing to test.
  bool HasGradient() const { return !floats_.empty() && some_output_; }

  absl::StatusOr<double> At(const std::vector<Tensor>& inputs);
  // By input; invalid where nothing flows back.
  absl::StatusOr<std::vector<Tensor>> Gradient(const std::vector<Tensor>& inputs);

  const std::vector<Tensor>& inputs() const { return inputs_; }
  const std::vector<int>& floats() const { return floats_; }
  bool wide() const { return wide_; }
  // OK, or what Gradients() says.
  const absl::Status& gradient_status() const { return gradient_status_; }

 private:
  absl::Status BuildWith();
  Value AddInput(const Tensor& given);
  absl::StatusOr<std::unique_ptr<Session>> SessionFor(const std::vector<Value>& inputs,
                                                      const std::vector<Value>& outputs);
  absl::StatusOr<std::vector<Tensor>> Run(Session& session, const std::vector<Tensor>& inputs);

  const OpDef& op_;
  const Example example_;
  const int order_;
  std::vector<PartialShape> shapes_;
  bool keeps_dtypes_ = false, wide_ = true, some_output_ = false;
  std::vector<Tensor> inputs_;
  std::vector<int> floats_, places_;
  std::unique_ptr<Session> value_session_, gradient_session_;
  absl::Status gradient_status_;
};

// Compares the function's gradient with central differences, where it is computed in float64:
// at most some `elements` of each input. Elsewhere only its types are looked at. REQUIRES: the
// function is built, and its gradient_status() is OK.
void ExpectCentralDifferences(Scalar& function, int elements);

// "math_Add" for math.Add.
std::string TestNameOf(const OpDef& op);

}  // namespace nomograph

#endif  // NOMOGRAPH_TESTS_CENTRAL_DIFFERENCES_H_

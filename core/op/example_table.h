// Examples of elementwise ops as tables of numbers.
#ifndef NOMOGRAPH_CORE_OP_EXAMPLE_TABLE_H_
#define NOMOGRAPH_CORE_OP_EXAMPLE_TABLE_H_

#include <limits>
#include <vector>

#include "nomograph/core/op/op.h"

namespace nomograph {

// For the rows of tables.
inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// For OpDef::Examples:
//
//   .Examples(ExampleTable()
//                 .Rows(kFloats, {{-1, -0.6321205588285577}, {2, 2}})
//                 .Rows(kFloats, {{-1, -1.2642411176571153}}, {{"alpha", 2.0}}))
//
// Each row has an element of every input, then the element of the output. The rows become one
// example for each dtype, which is compared with that dtype's accuracy, so that expected values are
// to be given with 16 digits.
class ExampleTable {
 public:
  // A row is left out for the dtypes that cannot hold its operands exactly, or an integer type its
  // result. Outputs have the dtype of the inputs unless `output` names another.
  ExampleTable& Rows(DTypeSet types, std::vector<std::vector<double>> rows, Attributes attrs = {},
                     DType output = DType::kInvalid);
  // A predicate's table: the result is 0 or 1.
  ExampleTable& BoolRows(DTypeSet types, std::vector<std::vector<double>> rows,
                         Attributes attrs = {}) {
    return Rows(types, std::move(rows), std::move(attrs), DType::kBool);
  }
  // An example of another form, e.g. for broadcasting.
  ExampleTable& Add(Example example);
  // The same for each dtype: the tensors of `example` are float64 and are converted.
  ExampleTable& AddForEach(DTypeSet types, const Example& example);

  std::vector<Example> operator()() const;

 private:
  struct Table {
    DTypeSet types;
    std::vector<std::vector<double>> rows;
    Attributes attrs;
    DType output;
  };
  // To be converted to each of some dtypes, or, where there are none, as it is. Ops are registered
  // at each start of a program, few of which ask for examples: so that is done when they do.
  struct Case {
    DTypeSet types;
    Example example;
  };
  std::vector<Table> tables_;
  std::vector<Case> cases_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_OP_EXAMPLE_TABLE_H_

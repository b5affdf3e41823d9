// The examples that every reduction has.
#ifndef NOMOGRAPH_OPS_MATH_REDUCE_EXAMPLES_H_
#define NOMOGRAPH_OPS_MATH_REDUCE_EXAMPLES_H_

#include <vector>

#include "nomograph/core/op/example_table.h"

namespace nomograph::math {

// x has the shape [2,3]. The results, each for all of `types`:
struct ReduceCases {
  DTypeSet types;
  std::vector<double> x;
  double all;                   // over both axes
  std::vector<double> rows;     // over the last axis: 2
  std::vector<double> columns;  // over the first axis: 3
  std::vector<double> each;     // over no axis: 6
  double empty;                 // over an axis of size 0
};
ExampleTable ReduceExamples(const ReduceCases& cases);

}  // namespace nomograph::math

#endif  // NOMOGRAPH_OPS_MATH_REDUCE_EXAMPLES_H_

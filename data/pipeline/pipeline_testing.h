// What the tests of pipelines have in common: elements as text, and iterations from everywhere.
#ifndef NOMOGRAPH_DATA_PIPELINE_PIPELINE_TESTING_H_
#define NOMOGRAPH_DATA_PIPELINE_PIPELINE_TESTING_H_

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "nomograph/data/pipeline/dataset.h"

namespace nomograph {

// [0], [0 1], [0 1 2], …
inline absl::StatusOr<Element> UpTo(Element x) {
  std::vector<int64_t> values;
  for (int64_t i = 0; i <= x[0].at<int64_t>(); ++i) values.push_back(i);
  return Element{Tensor::Of<int64_t>({static_cast<int64_t>(values.size())}, values)};
}
inline MapOptions Ragged() { return {.types = {{DType::kInt64, PartialShape::OfRank(1)}}}; }

// 0, 1, 4, …
inline GeneratorFn Squares(int64_t count) {
  return [i = int64_t{0}, count]() mutable -> absl::StatusOr<std::optional<Element>> {
    if (i == count) return std::nullopt;
    const int64_t value = i * i;
    ++i;
    return Element{Tensor::Scalar(value)};
  };
}

inline const std::vector<TensorType>& IntType() {
  static const auto* const types = new std::vector<TensorType>{{DType::kInt64, Shape{}}};
  return *types;
}

// "[0 1 2]", "7"; several components with "; " between them.
inline std::string ElementText(const Element& element) {
  return absl::StrJoin(element, "; ", [](std::string* out, const Tensor& tensor) {
    std::vector<double> values;
    for (int64_t i = 0; i < tensor.num_elements(); ++i) values.push_back(tensor.AsDouble(i));
    const bool scalar = tensor.shape().rank() == 0;
    absl::StrAppend(out, scalar ? "" : "[", absl::StrJoin(values, " "), scalar ? "" : "]");
  });
}

// What is left of an iteration.
inline absl::StatusOr<std::vector<std::string>> Rest(DatasetIterator& iterator,
                                                     int64_t most = 10'000) {
  std::vector<std::string> texts;
  while (static_cast<int64_t>(texts.size()) < most) {
    auto element = iterator.Next();
    if (!element.ok()) return element.status();
    if (!*element) break;
    texts.push_back(ElementText(**element));
  }
  return texts;
}

inline absl::StatusOr<std::vector<std::string>> Elements(const Dataset& dataset,
                                                         const IterateOptions& options = {},
                                                         int64_t most = 10'000) {
  auto iterator = dataset.Iterate(options);
  if (!iterator.ok()) return iterator.status();
  return Rest(**iterator, most);
}

// All elements in a line; the error's message where there is one.
inline std::string Line(const Dataset& dataset, const IterateOptions& options = {},
                        int64_t most = 10'000) {
  const auto elements = Elements(dataset, options, most);
  return elements.ok() ? absl::StrJoin(*elements, ", ") : std::string(elements.status().message());
}

// From every place of the iteration, what follows a saved position is what follows a restored one.
inline void CheckPositions(const Dataset& dataset, const IterateOptions& options = {},
                           int64_t most = 10'000) {
  const auto all = Elements(dataset, options, most);
  ASSERT_TRUE(all.ok()) << all.status();
  auto iterator = dataset.Iterate(options);
  ASSERT_TRUE(iterator.ok()) << iterator.status();
  for (size_t i = 0; i <= all->size(); ++i) {
    const std::string position = (*iterator)->SavePosition();
    auto other = dataset.Iterate({.epoch = 77, .seed = 88});
    ASSERT_TRUE(other.ok()) << other.status();
    ASSERT_TRUE((*other)->Next().ok());
    const absl::Status restored = (*other)->RestorePosition(position);
    ASSERT_TRUE(restored.ok()) << restored << " at " << i;
    EXPECT_EQ((*other)->SavePosition(), position);
    const auto rest = Rest(**other, static_cast<int64_t>(all->size() - i));
    ASSERT_TRUE(rest.ok()) << rest.status() << " at " << i;
    EXPECT_EQ(*rest,
              std::vector<std::string>(all->begin() + static_cast<std::ptrdiff_t>(i), all->end()))
        << dataset.ToString() << " at " << i;
    ASSERT_TRUE((*iterator)->Next().ok());
  }
}

}  // namespace nomograph

#endif  // NOMOGRAPH_DATA_PIPELINE_PIPELINE_TESTING_H_

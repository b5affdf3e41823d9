// A text classifier: sentences of different lengths are padded to batches by the input pipeline, an
// Embedding masks the padding, and an LSTM reads what is left.
#include <iostream>
#include <string>
#include <vector>

#include "nomograph/data/pipeline/dataset.h"
#include "nomograph/nomograph.h"
#include "nomograph/train/train.h"

using namespace nomograph;

// Words by their numbers; 0 is padding. "not" turns the next word's meaning round.
const std::vector<std::string> kWords = {"",     "not",  "good", "fine", "lovely", "bad",
                                         "dull", "poor", "it",   "was",  "film",   "the"};

// Sentence i, and whether it praises.
Element Sentence(int64_t i) {
  uint32_t random = static_cast<uint32_t>(i) * 2654435761u + 12345;
  const auto draw = [&](uint32_t count) {
    random = random * 1664525u + 1013904223u;
    return (random >> 16) % count;
  };
  std::vector<int64_t> words;
  for (uint32_t n = draw(4); n > 0; --n) words.push_back(8 + draw(4));
  const bool negated = draw(2) == 1, praise = draw(2) == 1;
  if (negated) words.push_back(1);
  words.push_back((praise ? 2 : 5) + draw(3));
  for (uint32_t n = draw(4); n > 0; --n) words.push_back(8 + draw(4));
  const auto length = static_cast<int64_t>(words.size());
  return {Tensor::Of<int64_t>({length}, words),
          Tensor::Vector<float>({praise != negated ? 1.f : 0.f})};
}

Dataset Sentences(int64_t begin, int64_t end) {
  const std::vector<TensorType> types = {{DType::kInt64, PartialShape::OfRank(1)},
                                         {DType::kFloat32, Shape{1}}};
  return Dataset::Range(begin, end)
      .Map(
          [](const Element& number, const MapContext&) -> absl::StatusOr<Element> {
            return Sentence(static_cast<int64_t>(number[0].AsDouble(0)));
          },
          {.types = types});
}

int main() {
  const auto vocabulary = static_cast<int64_t>(kWords.size());
  const auto model = Sequential({Input({Dim()}, {.dtype = DType::kInt64, .name = "words"}),
                                 Embedding(vocabulary, 8, {.mask_zero = true}), LSTM(16),
                                 Dense(1, {.activation = "sigmoid", .name = "praise"})},
                                "text")
                         .Build();
  if (!model.ok()) return std::cerr << model.status() << "\n", 1;
  const auto trainer =
      Trainer::Create(*model, {.optimizer = optimizers::Adam({.learning_rate = 0.01}),
                               .loss = losses::BinaryCrossentropy(),
                               .metrics = {metrics::Accuracy()}});
  if (!trainer.ok()) return std::cerr << trainer.status() << "\n", 1;
  const auto history =
      (*trainer)->Fit(Sentences(0, 2000).Shuffle(500).PaddedBatch(32),
                      {.epochs = 6, .validation_data = Sentences(2000, 2400).PaddedBatch(100)});
  if (!history.ok()) return std::cerr << history.status() << "\n", 1;
  const double accuracy = history->metrics.at("val_accuracy").back();
  std::cout << "accuracy " << accuracy << " on sentences that it has not seen\n";
  const auto saved = Save((*trainer)->model(), "text.nomo");
  return saved.ok() && accuracy > 0.95 ? 0 : 1;
}

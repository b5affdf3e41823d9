// A classifier of sentences of different lengths: batches are padded by the input pipeline, the
// Embedding masks the padding, and an LSTM reads the rest. Good or bad is what the last word of
// feeling says, and "not" ahead of it turns it round.
#include <iostream>
#include <random>

#include "nomograph/nomograph.h"
#include "nomograph/train/train.h"

namespace nomograph {
namespace {

constexpr const char* kWords[] = {"",    "the",   "film", "was",    "and",  "very", "long",
                                  "not", "great", "fine", "lovely", "dull", "bad",  "awful"};
constexpr int64_t kNot = 7, kGood = 8, kBad = 11, kEnd = 14;

struct Sentence {
  std::vector<int64_t> words;  // indices from 1 on: 0 is padding
  int64_t good = 0;
};
Sentence MakeSentence(std::mt19937& random) {
  Sentence sentence;
  const auto filler = [&](uint32_t most) {
    for (uint32_t n = random() % (most + 1); n > 0; --n)
      sentence.words.push_back(1 + random() % (kNot - 1));
  };
  for (uint32_t phrases = 1 + random() % 2; phrases > 0; --phrases) {
    filler(4);
    const bool negated = random() % 2, good = random() % 2;
    if (negated) sentence.words.push_back(kNot);
    sentence.words.push_back(good ? kGood + random() % 3 : kBad + random() % 3);
    sentence.good = good != negated;
  }
  filler(2);
  return sentence;
}

// {int64[words], int64[1]} an element, as many words as the sentence has.
Dataset Sentences(int64_t count, uint32_t seed) {
  const TensorType words{DType::kInt64, {Dim()}}, label{DType::kInt64, {1}};
  return Dataset::FromGenerator(
      {words, label},
      [count, seed]() -> GeneratorFn {
        return [left = count,
                random = std::mt19937(seed)]() mutable -> absl::StatusOr<std::optional<Element>> {
          if (left-- == 0) return std::nullopt;
          const Sentence sentence = MakeSentence(random);
          Tensor words(DType::kInt64, {static_cast<int64_t>(sentence.words.size())});
          std::copy(sentence.words.begin(), sentence.words.end(),
                    words.mutable_data<int64_t>().begin());
          return Element{words, Tensor::Vector<int64_t>({sentence.good})};
        };
      },
      {.cardinality = count});
}

absl::Status Run() {
  // The number of words is that of the longest sentence of a batch.
  const Input words({Dim::Symbol("words")}, {.dtype = DType::kInt64, .name = "words"});
  const Value good = Dense(1, {.activation = "sigmoid", .name = "good"})(
      LSTM(24)(Embedding(kEnd, 8, {.mask_zero = true})(words)));
  NOMO_ASSIGN_OR_RETURN(const Model model, BuildModel({words}, {good}));
  NOMO_ASSIGN_OR_RETURN(
      const auto trainer,
      Trainer::Create(model, {.optimizer = optimizers::Adam({.learning_rate = 0.01}),
                              .loss = losses::BinaryCrossentropy(),
                              .metrics = {metrics::Accuracy()}}));
  NOMO_RETURN_IF_ERROR(
      trainer->Fit(Sentences(1024, 1).Shuffle(1024).PaddedBatch(32), {.epochs = 12}).status());
  NOMO_ASSIGN_OR_RETURN(const Logs logs, trainer->Evaluate(Sentences(512, 2).PaddedBatch(64)));
  std::cout << "accuracy on new sentences " << logs.at("accuracy") << "\n";

  std::mt19937 random(3);
  for (int i = 0; i < 4; ++i) {
    const Sentence sentence = MakeSentence(random);
    Tensor row(DType::kInt64, {1, static_cast<int64_t>(sentence.words.size())});
    std::copy(sentence.words.begin(), sentence.words.end(), row.mutable_data<int64_t>().begin());
    NOMO_ASSIGN_OR_RETURN(const Tensor answer, trainer->Predict(row));
    std::cout << (answer.data<float>()[0] > 0.5 ? "good:" : "bad: ");
    for (int64_t word : sentence.words) std::cout << " " << kWords[word];
    std::cout << "\n";
  }
  return logs.at("accuracy") > 0.9 ? absl::OkStatus() : absl::InternalError("it has not learned");
}

}  // namespace
}  // namespace nomograph

int main() {
  const absl::Status status = nomograph::Run();
  if (!status.ok()) std::cerr << "sentences: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}

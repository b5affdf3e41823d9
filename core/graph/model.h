// Model: everything that a file holds.
#ifndef NOMOGRAPH_CORE_GRAPH_MODEL_H_
#define NOMOGRAPH_CORE_GRAPH_MODEL_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "nomograph/core/graph/graph.h"

namespace nomograph {

class Session;

// State that runs may change; a session starts with `initial`.
struct Variable {
  std::string name;
  Tensor initial;
  std::string doc;
  std::string unknown_fields;
};

// A layer as its author wrote it, for the summary. Its nodes name it.
struct LayerInfo {
  std::string name;
  std::string class_name;        // "Dense"
  std::vector<ValueId> outputs;  // of its first call, in the main graph
  std::string unknown_fields;
};

// An output's expected value in a golden vector: |actual - expected| <= atol + rtol * |expected|.
struct GoldenOutput {
  Tensor expected = {};
  double rtol = 1e-5, atol = 1e-6;
};

// Inputs with their expected outputs, saved with a model so that it can prove itself on another
// machine.
struct GoldenVector {
  std::string name = {};
  NamedTensors inputs = {};
  std::map<std::string, GoldenOutput, std::less<>> outputs = {};
  bool training = false;
  uint64_t seed = 0, step = 0;
  std::string unknown_fields = {};
};

struct PredictOptions {
  int64_t batch_size = 32;
  // Called after each batch with the rows that are done and all rows.
  std::function<void(int64_t done, int64_t total)> progress = {};
};

// What a model keeps of its last Predict(): the session, and what the model was then. Copies of a
// model begin without.
class PredictCache {
 public:
  PredictCache() = default;
  PredictCache(const PredictCache&) {}
  PredictCache& operator=(const PredictCache&) { return *this; }

 private:
  friend struct Model;
  std::mutex mutex_;
  std::string key_;
  std::shared_ptr<Session> session_;
};

struct Model {
  std::string name;
  std::string doc;
  std::string producer;  // the program that wrote the file
  Graph graph;
  std::map<std::string, Function, std::less<>> functions;
  std::vector<Variable> variables;
  std::vector<LayerInfo> layers;
  std::vector<GoldenVector> golden_vectors;
  std::map<std::string, std::string, std::less<>> metadata;
  std::string unknown_fields;

  // A copy of the weight of that name ("dense/kernel"), which may be written to and is the caller's
  // own; `graph.weights` has the weights themselves. NotFound lists the nearest names.
  absl::StatusOr<Tensor> GetWeight(absl::string_view weight) const;
  // Copies the tensor's elements. InvalidArgument unless dtype and shape are those of the weight
  // there.
  absl::Status SetWeight(absl::string_view weight, const Tensor& tensor);

  // A table of layers (or nodes, where the model was not made of layers): output shape, parameters,
  // what a Lambda names, and the totals of trainable and other parameters. Keras: Model.summary().
  std::string Summary() const;
  // The same in lines of at most so many columns (60 at least): what is longer is cut in the
  // middle.
  std::string Summary(int line_length) const;

  // Session::Predict() in a session that the model keeps until it is changed: each call reads all
  // weights to see whether it was, which a Session of the caller's own saves. A model with state
  // variables begins each call with their initial values. Keras: Model.predict().
  absl::StatusOr<NamedTensors> Predict(const NamedTensors& inputs,
                                       const PredictOptions& options = {}) const;
  // For a model with one input and one output.
  absl::StatusOr<Tensor> Predict(const Tensor& input, const PredictOptions& options = {}) const;

  mutable PredictCache predict_cache;

 private:
  absl::StatusOr<std::shared_ptr<Session>> SessionForPredict() const;
};

// VerifyGraph() for the graph and every function, and what only the whole model shows: functions
// that are named exist and do not call themselves, variables are declared once, golden vectors name
// inputs and outputs of their types, hold no NaN, and have tolerances that are finite and not
// negative.
absl::Status VerifyModel(const Model& model);

// The number of elements of the graph's weights.
struct ParameterCount {
  int64_t trainable = 0, other = 0;
  int64_t total() const { return trainable + other; }
};
ParameterCount CountParameters(const Graph& graph);
// Of the main graph and of all functions, as Summary() counts them.
ParameterCount CountParameters(const Model& model);

// A hash of what the model computes: independent of names of values and nodes (except where they
// key random numbers), of the order of nodes, documentation, metadata and storage. 32 hexadecimal
// digits.
std::string SemanticHash(const Model& model);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_GRAPH_MODEL_H_

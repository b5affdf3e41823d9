// nn.CTCLoss, nn.CTCOccupancy: the loss of a sequence of labels whose times are not known (A.
// Graves et al., "Connectionist Temporal Classification", ICML 2006), and how probable each class
// is at each step where the sequence is given, which is the loss' derivative.
#include <algorithm>
#include <cmath>
#include <limits>

#include "nomograph/core/gradient/gradient.h"
#include "nomograph/core/numeric/exact_math.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/op/registry.h"

namespace nomograph::nn {
namespace {

enum Input { kLogProbs, kLabels, kLabelLengths, kSteps };

absl::Status CheckInputs(const InferContext& context) {
  const PartialShape shapes[] = {
      context.shape(kLogProbs), context.shape(kLabels), context.shape(kLabelLengths),
      context.has_input(kSteps) ? context.shape(kSteps) : PartialShape()};
  constexpr struct {
    const char *name, *expected;
    int rank;
  } kExpected[] = {{"log_probs", "[batch, steps, classes]", 3},
                   {"labels", "[batch, labels]", 2},
                   {"label_lengths", "[batch]", 1},
                   {"steps", "[batch]", 1}};
  Dim batch;
  for (int i = 0; i < 4; ++i) {
    const PartialShape& shape = shapes[i];
    if (!shape.has_rank()) continue;
    const bool fits = shape.rank() == kExpected[i].rank &&
                      (!batch.known() || !shape[0].known() || shape[0] == batch);
    if (!fits) {
      return InvalidArgument("input ", kExpected[i].name, ": expected ", kExpected[i].expected,
                             batch.known() ? absl::StrCat(" of the batch ", batch.size()) : "",
                             ", found ", shape.ToString());
    }
    if (shape[0].known()) batch = shape[0];
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> InferLoss(const InferContext& context) {
  NOMO_RETURN_IF_ERROR(CheckInputs(context));
  const PartialShape& x = context.shape(kLogProbs);
  return std::vector<TensorType>{
      {context.dtype(kLogProbs), PartialShape(std::vector<Dim>{x.has_rank() ? x[0] : Dim()})}};
}

absl::StatusOr<std::vector<TensorType>> InferOccupancy(const InferContext& context) {
  NOMO_RETURN_IF_ERROR(CheckInputs(context));
  return std::vector<TensorType>{context.input(kLogProbs)};
}

constexpr double kNever = -std::numeric_limits<double>::infinity();

// Sums of numbers that are given by their logarithms: log(e^a + e^b). With the same bits
// everywhere, or fast.
struct ExactLogs {
  static double Exp(double x) { return exact::Exp(x); }
  static double Add(double a, double b) {
    if (a < b) std::swap(a, b);
    return b == kNever ? a : a + exact::Log1p(exact::Exp(b - a));
  }
  static double Add(double a, double b, double c) { return Add(Add(a, b), c); }
};
struct FastLogs {
  static double Exp(double x) { return std::exp(x); }
  static double Add(double a, double b) {
    if (a < b) std::swap(a, b);
    return b == kNever ? a : a + std::log1p(std::exp(b - a));
  }
  static double Add(double a, double b, double c) {
    const double most = std::max({a, b, c});
    if (most == kNever || std::isnan(a + b + c)) return Add(Add(a, b), c);
    return most + std::log(std::exp(a - most) + std::exp(b - most) + std::exp(c - most));
  }
};

// One sequence: its labels with a blank ahead of, between and behind them are the places that a
// path goes through, one place a step: it stays, goes to the next place, or from a label to another
// one past the blank between them.
template <typename T, typename Logs>
class Lattice {
 public:
  Lattice(const T* log_probs, int64_t steps, int64_t classes, std::vector<int64_t> places)
      : log_probs_(log_probs), steps_(steps), classes_(classes), places_(std::move(places)) {}

  // The logarithm of the probability of all paths.
  double LogProbability() {
    Row row(places_.size(), kNever);
    for (int64_t t = 0; t < steps_; ++t) row = Forward(row, t);
    return Ending(row);
  }

  // Adds each place's share of the paths at each step: `occupancy` is [steps, classes], of zeros.
  void AddOccupancy(T* occupancy) {
    std::vector<Row> forward;
    Row row(places_.size(), kNever);
    for (int64_t t = 0; t < steps_; ++t) forward.push_back(row = Forward(row, t));
    const double total = Ending(row);
    if (total == kNever) return;  // no path is there
    // Of the steps behind this one.
    Row backward(places_.size(), kNever);
    for (size_t s = places_.size(); s-- > 0 && s + 2 >= places_.size();) backward[s] = 0;
    std::vector<double> sums(classes_);
    for (int64_t t = steps_ - 1; t >= 0; --t) {
      std::fill(sums.begin(), sums.end(), 0);
      for (size_t s = 0; s < places_.size(); ++s)
        sums[places_[s]] += Logs::Exp(forward[t][s] + backward[s] - total);
      for (int64_t k = 0; k < classes_; ++k) occupancy[t * classes_ + k] = static_cast<T>(sums[k]);
      backward = Backward(backward, t);
    }
  }

 private:
  using Row = std::vector<double>;  // by place, logarithms of sums over paths

  double At(int64_t t, size_t place) const {
    return static_cast<double>(log_probs_[t * classes_ + places_[place]]);
  }
  // Whether a path may go from the place two before.
  bool Skips(size_t place) const {
    return place >= 2 && place % 2 == 1 && places_[place] != places_[place - 2];
  }

  // Of the paths that are at a place at step t, that step included.
  Row Forward(const Row& before, int64_t t) const {
    Row row(places_.size(), kNever);
    for (size_t s = 0; s < places_.size(); ++s) {
      double sum = t == 0 ? (s < 2 ? 0 : kNever) : before[s];
      if (t > 0 && Skips(s)) {
        sum = Logs::Add(sum, before[s - 1], before[s - 2]);
      } else if (t > 0 && s >= 1) {
        sum = Logs::Add(sum, before[s - 1]);
      }
      row[s] = sum + At(t, s);
    }
    return row;
  }

  // Of the steps from t on, for a path that is at a place at step t - 1.
  Row Backward(const Row& behind, int64_t t) const {
    Row row(places_.size(), kNever);
    for (size_t s = 0; s < places_.size(); ++s) {
      double sum = behind[s] + At(t, s);
      if (s + 2 < places_.size() && Skips(s + 2)) {
        sum = Logs::Add(sum, behind[s + 1] + At(t, s + 1), behind[s + 2] + At(t, s + 2));
      } else if (s + 1 < places_.size()) {
        sum = Logs::Add(sum, behind[s + 1] + At(t, s + 1));
      }
      row[s] = sum;
    }
    return row;
  }

  // Paths end in the last label or in the blank behind it; without a step there is the empty one.
  double Ending(const Row& row) const {
    if (steps_ == 0) return places_.size() == 1 ? 0 : kNever;
    const size_t last = row.size() - 1;
    return last == 0 ? row[0] : Logs::Add(row[last], row[last - 1]);
  }

  const T* const log_probs_;
  const int64_t steps_, classes_;
  const std::vector<int64_t> places_;
};

// The sequence's places. InvalidArgument where its labels or lengths cannot be.
template <typename I>
absl::StatusOr<std::vector<int64_t>> PlacesOf(const KernelContext& context, int64_t b,
                                              int64_t steps) {
  const Shape &shape = context.input_shape(kLogProbs), &labels = context.input_shape(kLabels);
  const int64_t length = context.input<I>(kLabelLengths)[b];
  if (length < 0 || length > labels[1] || steps < 0 || steps > shape[1]) {
    return InvalidArgument("sequence ", b, ": expected at most ", labels[1], " labels and ",
                           shape[1], " steps, found ", length, " and ", steps);
  }
  std::vector<int64_t> places(2 * length + 1, context.attrs().Int("blank"));
  for (int64_t i = 0; i < length; ++i) {
    const int64_t label = context.input<I>(kLabels)[b * labels[1] + i];
    if (label < 0 || label >= shape[2]) {
      return InvalidArgument("sequence ", b, ": label ", i, " is ", label, ", outside of [0, ",
                             shape[2], ")");
    }
    places[2 * i + 1] = label;
  }
  return places;
}

template <typename Logs, typename T, typename I>
absl::Status ComputeFor(KernelContext& context, bool occupancy, int threads) {
  const Shape& shape = context.input_shape(kLogProbs);
  const int64_t batch = shape[0], classes = shape[2], blank = context.attrs().Int("blank");
  if (blank >= classes) {
    return InvalidArgument("blank: expected a class, of which there are ", classes, ", found ",
                           blank);
  }
  const auto y = context.output<T>(0);
  const auto log_probs = context.input<T>(kLogProbs);
  if (occupancy) std::fill(y.begin(), y.end(), T{});
  std::vector<absl::Status> statuses(batch);
  ParallelFor(threads, batch, [&](int64_t b) {
    const int64_t steps = context.has_input(kSteps) ? context.input<I>(kSteps)[b] : shape[1];
    auto places = PlacesOf<I>(context, b, steps);
    statuses[b] = places.status();
    if (!places.ok()) return;
    const int64_t first = b * shape[1] * classes;
    Lattice<T, Logs> lattice(log_probs.data() + first, steps, classes, *std::move(places));
    if (occupancy) {
      lattice.AddOccupancy(y.data() + first);
    } else {
      y[b] = static_cast<T>(-lattice.LogProbability());
    }
  });
  for (const absl::Status& status : statuses) NOMO_RETURN_IF_ERROR(status);
  return absl::OkStatus();
}

template <typename Logs>
absl::Status ComputeWith(KernelContext& context, bool occupancy, int threads) {
  absl::Status status;
  Dispatch(TypeList<float, double>{}, context.input_dtype(kLogProbs), [&]<typename T>() {
    Dispatch(TypeList<int32_t, int64_t>{}, context.input_dtype(kLabels),
             [&]<typename I>() { status = ComputeFor<Logs, T, I>(context, occupancy, threads); });
  });
  return status;
}

template <bool occupancy>
absl::Status Compute(KernelContext& context) {
  return ComputeWith<ExactLogs>(context, occupancy, 1);
}

template <bool occupancy>
absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const PrepareContext& context) {
  constexpr int64_t kWorthThreads = 1 << 12;  // of a step and a place
  const Shape &x = context.inputs[kLogProbs].shape, &labels = context.inputs[kLabels].shape;
  const bool worth = SaturatingMultiply(x[0] * x[1], 2 * labels[1] + 1) >= kWorthThreads;
  return MakeComputeKernel(
      [threads = worth ? context.threads : 1](KernelContext& kernel) {
        return ComputeWith<FastLogs>(kernel, occupancy, threads);
      },
      "paths, sequence by sequence");
}

// Each sequence's steps, each as many times as there are places.
int64_t Work(const InferContext& context, const WorkSizes& sizes) {
  const PartialShape &x = context.shape(kLogProbs), &labels = context.shape(kLabels);
  const bool known = x.has_rank() && x.rank() == 3 && labels.has_rank() && labels.rank() == 2 &&
                     x[0].known() && x[1].known() && labels[1].known();
  if (!known) return sizes.inputs;
  return SaturatingMultiply(SaturatingMultiply(x[0].size(), x[1].size()),
                            SaturatingMultiply(2, SaturatingAdd(labels[1].size(), 1)));
}

absl::StatusOr<std::vector<Value>> Gradient(const GradientContext& g) {
  std::vector<Value> result(4);
  std::vector<Value> inputs;
  for (int i = 0; i < g.num_inputs(); ++i) inputs.push_back(g.input(i));
  const Value wide =
      Call("array.Unsqueeze", {g.gradient(0)}, {{"axes", std::vector<int64_t>{1, 2}}});
  result[kLogProbs] = -wide * Call("nn.CTCOccupancy", std::move(inputs), g.attrs());
  return result;
}

// Of testdata/make_ctc.py.
const std::vector<double> kExampleLogProbs = {
    -1.458020087947034,  -0.9580200879470336, -0.9580200879470336, -0.7586236756795135,
    -2.758623675679513,  -0.7586236756795135, -2.758623675679513,  -0.7586236756795135,
    -0.7586236756795135, -0.5279757438553099, -1.27797574385531,   -2.02797574385531,
    -1.206009781307275,  -0.4560097813072754, -2.706009781307276,  -1.464368784107945,
    -1.964368784107945,  -0.4643687841079449, -1.680269670641735,  -1.180269670641735,
    -0.6802696706417346, -0.7586236756795135, -2.758623675679513,  -0.7586236756795135,
    -0.9390699311119192, -1.189069931111919,  -1.189069931111919,  -1.531623006850325,
    -3.531623006850325,  -0.281623006850325,  -1.206009781307275,  -2.706009781307276,
    -0.4560097813072754, -0.7586236756795135, -2.758623675679513,  -0.7586236756795135};

struct Sequences {
  const char* name;
  int64_t blank;
  std::vector<int64_t> labels, lengths, steps;
  std::vector<double> loss, occupancy;
};
const std::vector<Sequences>& ExampleSequences() {
  static const auto& all =
      *new std::vector<Sequences>{{"all steps",
                                   0,
                                   {1, 1, 2, 0, 1, 2},
                                   {2, 1, 2},
                                   {},
                                   {2.564863339032178, 1.774924661565598, 1.447597048752555},
                                   {0.00338507287471871,
                                    0.9966149271252811,
                                    0,
                                    0.9910338854738623,
                                    0.008966114526137476,
                                    0,
                                    0.05020474437893931,
                                    0.9497952556210607,
                                    0,
                                    0.6450807061956718,
                                    0.3549192938043281,
                                    0,
                                    0.8529189457315774,
                                    0,
                                    0.1470810542684225,
                                    0.2373371107961981,
                                    0,
                                    0.7626628892038019,
                                    0.1620788579578512,
                                    0,
                                    0.837921142042149,
                                    0.5454015877634656,
                                    0,
                                    0.4545984122365345,
                                    0.0484699746705629,
                                    0.9515300253294372,
                                    0,
                                    0.2166959553487728,
                                    0.06621376677393728,
                                    0.71709027787729,
                                    0.188392530793019,
                                    0.01395348756993131,
                                    0.7976539816370497,
                                    0.5358331569104646,
                                    0,
                                    0.4641668430895355}},
                                  {"lengths of their own, and no label",
                                   0,
                                   {1, 1, 2, 0, 1, 2},
                                   {1, 0, 2},
                                   {2, 3, 2},
                                   {1.51990966670693, 4.350648236056955, 1.470692937962244},
                                   {0.06742535823245298,
                                    0.932574641767547,
                                    0,
                                    0.8214090194651259,
                                    0.1785909805348742,
                                    0,
                                    0,
                                    0,
                                    0,
                                    0,
                                    0,
                                    0,
                                    1,
                                    0,
                                    0,
                                    1,
                                    0,
                                    0,
                                    1,
                                    0,
                                    0,
                                    0,
                                    0,
                                    0,
                                    0,
                                    1,
                                    0,
                                    0,
                                    0,
                                    1,
                                    0,
                                    0,
                                    0,
                                    0,
                                    0,
                                    0}},
                                  {"the last class is the blank",
                                   2,
                                   {1, 0, 0, 1, 0, 0},
                                   {1, 2, 1},
                                   {4, 4, 4},
                                   {2.508767281524249, 2.636153105599038, 1.18094655200854},
                                   {0,
                                    0.2119081429580893,
                                    0.7880918570419108,
                                    0,
                                    0.1516463711488892,
                                    0.8483536288511108,
                                    0,
                                    0.5389889930709287,
                                    0.4610110069290713,
                                    0,
                                    0.6541617002256789,
                                    0.345838299774321,
                                    0.9483924050298159,
                                    0,
                                    0.05160759497018401,
                                    0.2449551280051175,
                                    0.2347557305372264,
                                    0.520289141457656,
                                    0.02087948458704836,
                                    0.7178347930938365,
                                    0.2612857223191152,
                                    0,
                                    0.228710616915612,
                                    0.771289383084388,
                                    0.4441884687525153,
                                    0,
                                    0.5558115312474847,
                                    0.2827150790671374,
                                    0,
                                    0.7172849209328627,
                                    0.3472175381399048,
                                    0,
                                    0.6527824618600954,
                                    0.3957637911961772,
                                    0,
                                    0.6042362088038229}}};
  return all;
}

std::vector<Example> ExamplesOf(bool occupancy) {
  std::vector<Example> examples;
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    for (const Sequences& s : ExampleSequences()) {
      const DType index = dtype == DType::kFloat32 ? DType::kInt64 : DType::kInt32;
      const Tensor log_probs = Tensor::Of<double>({3, 4, 3}, kExampleLogProbs).Cast(dtype);
      Example example{.name = absl::StrCat(s.name, ", ", DTypeName(dtype)),
                      .attrs = {{"blank", s.blank}},
                      .inputs = {log_probs, Tensor::Of<int64_t>({3, 2}, s.labels).Cast(index),
                                 Tensor::Of<int64_t>({3}, s.lengths).Cast(index)}};
      if (!s.steps.empty()) example.inputs.push_back(Tensor::Of<int64_t>({3}, s.steps).Cast(index));
      example.outputs = {
          (occupancy ? Tensor::Of<double>({3, 4, 3}, s.occupancy) : Tensor::Of<double>({3}, s.loss))
              .Cast(dtype)};
      examples.push_back(std::move(example));
    }
  }
  return examples;
}
std::vector<Example> LossExamples() { return ExamplesOf(false); }
std::vector<Example> OccupancyExamples() { return ExamplesOf(true); }

OpDef Schema(OpDef op) {
  return op.TypeVar("T", {DType::kFloat32, DType::kFloat64})
      .TypeVar("I", {DType::kInt32, DType::kInt64})
      .Input("log_probs", "T",
             "[batch, steps, classes]: logarithms of probabilities, e.g. of nn.LogSoftmax")
      .Input("labels", "I", "[batch, labels]: classes in their order, without blanks")
      .Input("label_lengths", "I", "[batch]: how many of the labels count")
      .OptionalInput("steps", "I", "[batch]: how many of the steps count; absent: all")
      .Attr("blank", 0, "the class that is no label")
      .Min(0)
      .Work(Work);
}

NOMO_REGISTER_OP(
    Schema(OpDef("nn.CTCLoss")
               .Doc("The negative logarithm of the probability that the steps spell the labels: "
                    "the sum, over all ways to choose a class at each step that yield the labels "
                    "once equal neighbours are one and blanks are left out, of the products of "
                    "the classes' probabilities. Infinite where there is no such way, as where "
                    "the steps are too few.")
               .Source("torch.nn.CTCLoss(reduction='none'), with the batch first; Keras CTC"))
        .Output("loss", "T", "[batch]")
        .Infer(InferLoss)
        .Reference(Compute<false>)
        .Fast(Prepare<false>)
        .Gradient(Gradient)
        .Examples(LossExamples));

NOMO_REGISTER_OP(
    Schema(OpDef("nn.CTCOccupancy")
               .Doc("How probable each class is at each step, given that the steps spell the "
                    "labels (nn.CTCLoss). Zeros behind the steps that count, and where no choice "
                    "of classes yields the labels.")
               .Source("torch.nn.CTCLoss: the negative derivative by log_probs"))
        .Output("occupancy", "T", "as log_probs")
        .Infer(InferOccupancy)
        .Reference(Compute<true>)
        .Fast(Prepare<true>)
        .NoGradient("the CTC loss has a first derivative only")
        .Examples(OccupancyExamples));

}  // namespace
}  // namespace nomograph::nn

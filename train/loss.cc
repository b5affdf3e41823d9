#include "nomograph/train/loss.h"

#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/names.h"
#include "nomograph/train/value_math.h"

namespace nomograph {

using namespace train_internal;

absl::StatusOr<TensorType> Loss::TargetType(const TensorType& prediction) const {
  if (!kFloats.Contains(prediction.dtype)) {
    return InvalidArgument("loss ", name, ": expected predictions that are floating-point, found ",
                           prediction.ToString());
  }
  TensorType target = prediction;
  if (target.dtype != DType::kFloat64) target.dtype = DType::kFloat32;
  if (targets == Targets::kLikePredictions) return target;
  if (targets == Targets::kSequences) {
    if (!prediction.shape.has_rank() || prediction.shape.rank() != 3) {
      return InvalidArgument("loss ", name,
                             ": expected predictions [batch, steps, classes], found ",
                             prediction.ToString());
    }
    return TensorType{DType::kInt64, PartialShape(std::vector<Dim>{prediction.shape[0], Dim()})};
  }
  if (!prediction.shape.has_rank() || prediction.shape.rank() < 2) {
    return InvalidArgument("loss ", name, ": expected predictions [batch, ..., classes], found ",
                           prediction.ToString());
  }
  std::vector<Dim> dims = prediction.shape.dims();
  dims.pop_back();
  return TensorType{DType::kInt64, PartialShape(std::move(dims))};
}

namespace {

// Of a mask of more axes whether any place behind `rank` axes counts: a sequence that has one loss
// counts where one of its steps does.
Value AnyBehind(const Value& mask, int rank) {
  if (!mask.status().ok() || !mask.shape().has_rank() || mask.shape().rank() <= rank) return mask;
  std::vector<int64_t> axes;
  for (int axis = rank; axis < mask.shape().rank(); ++axis) axes.push_back(axis);
  return Call("math.ReduceMax", {Cast(mask, DType::kInt32)}, {{"axes", axes}, {"keepdims", false}});
}

}  // namespace

LossParts SumLoss(const Loss& loss, const Value& y_true, const Value& y_pred,
                  const Value& sample_weight, const Value& given_mask) {
  // 16-bit floats hold too few digits for a sum.
  const bool narrow = y_pred.status().ok() && y_pred.dtype() != DType::kFloat64;
  Value values = loss.function(y_true, narrow ? Cast(y_pred, DType::kFloat32) : y_pred);
  if (!values.status().ok()) return {values, values};
  const int rank = values.shape().has_rank() ? values.shape().rank() : 0;
  const auto like_values = [&](const Value& x) { return WithRank(Cast(x, values.dtype()), rank); };
  const auto number_of = [&](const Value& x) {
    return Cast(Call("array.Size", {x}), values.dtype());
  };
  Value mask = given_mask.valid() ? like_values(AnyBehind(given_mask, rank)) : Value();
  if (loss.mask) {
    const Value own = like_values(loss.mask(y_true));
    mask = mask.valid() ? mask * own : own;
  }
  Value weight = sample_weight.valid() ? like_values(sample_weight) : Value();
  if (mask.valid()) weight = weight.valid() ? weight * mask : mask;
  if (weight.valid()) values = values * weight;
  const Value sum = Sum(values);
  if (loss.reduction == Reduction::kSum) return {sum, ConstantLike(1, sum)};
  if (loss.reduction == Reduction::kMeanWithSampleWeight && weight.valid())
    return {sum, Sum(Call("array.Expand", {weight, Call("array.Shape", {values})}))};
  const Value number = number_of(values);
  // Where only some samples count, so many of them.
  return {sum, mask.valid() ? Sum(mask) * (number / number_of(mask)) : number};
}

Value ReduceLoss(const LossParts& parts) {
  // 0 / 0 is 0 here.
  return parts.sum /
         Call("array.Where", {parts.count == 0.0, ConstantLike(1, parts.count), parts.count});
}

Value ReduceLoss(const Loss& loss, const Value& y_true, const Value& y_pred,
                 const Value& sample_weight, const Value& mask) {
  return ReduceLoss(SumLoss(loss, y_true, y_pred, sample_weight, mask));
}

namespace losses {
namespace {

Value Smooth(const Value& y_true, double smoothing, double towards) {
  if (smoothing == 0) return y_true;
  return y_true * (1 - smoothing) + smoothing * towards;
}

absl::StatusOr<double> NumClasses(const Value& y, int64_t axis) {
  const PartialShape& shape = y.shape();
  const int at = static_cast<int>(axis < 0 ? axis + (shape.has_rank() ? shape.rank() : 0) : axis);
  if (!shape.has_rank() || at < 0 || at >= shape.rank() || !shape[at].known())
    return InvalidArgument("label smoothing: the number of classes must be known");
  return static_cast<double>(shape[at].size());
}

Value SmoothClasses(const Value& y_true, double smoothing, const Value& y_pred, int64_t axis) {
  if (smoothing == 0) return y_true;
  const auto classes = NumClasses(y_pred, axis);
  if (!classes.ok()) return ErrorValue(classes.status(), {y_true});
  return Smooth(y_true, smoothing, 1 / *classes);
}

Value Softmax(const Value& x, int64_t axis) { return Call("nn.Softmax", {x}, {{"axis", axis}}); }
Value LogSoftmax(const Value& x, int64_t axis) {
  return Call("nn.LogSoftmax", {x}, {{"axis", axis}});
}

// Probabilities that sum to 1, away from 0 and 1.
Value Normalized(const Value& p, int64_t axis) {
  return Clip(p / Sum(p, axis, /*keep=*/true), kEpsilon, 1 - kEpsilon);
}

// Of targets t and logits x, or probabilities.
Value BinaryOfLogits(const Value& t, const Value& x) {
  return Call("nn.Relu", {x}) - x * t + Call("math.Log1p", {Call("math.Exp", {-Abs(x)})});
}
Value BinaryOf(const Value& t, const Value& probability) {
  const Value p = Clip(probability, kEpsilon, 1 - kEpsilon);
  return -(t * Log(p) + (1 - t) * Log(1 - p));
}

// 0 and 1 stand for -1 and 1, where there is nothing else.
Value Signs(const Value& y_true) {
  const Value binary = (y_true == 0.0) || (y_true == 1.0);
  const Value all = Call("math.ReduceMin", {Cast(binary, y_true.dtype())}, {{"keepdims", false}});
  return y_true * (1 + all) - all;
}

Value HingeOf(const Value& t, const Value& p) { return Call("nn.Relu", {1 - Signs(t) * p}); }

Value UnitVector(const Value& x, int64_t axis) {
  return x / Call("math.Sqrt", {Maximum(Sum(Square(x), axis, /*keep=*/true), 1e-12)});
}

}  // namespace

Loss BinaryCrossentropy(const BinaryCrossentropyOptions& o) {
  return {.name = "binary_crossentropy", .function = [o](const Value& y_true, const Value& p) {
            const Value t = Smooth(y_true, o.label_smoothing, 0.5);
            return Mean(o.from_logits ? BinaryOfLogits(t, p) : BinaryOf(t, p), o.axis);
          }};
}

Loss BinaryFocalCrossentropy(const BinaryFocalOptions& o) {
  return {
      .name = "binary_focal_crossentropy",
      .function = [o](const Value& y_true, const Value& y_pred) {
        const Value t = Smooth(y_true, o.label_smoothing, 0.5);
        const Value p = o.from_logits ? Call("nn.Sigmoid", {y_pred}) : y_pred;
        const Value right = t * p + (1 - t) * (1 - p);
        Value loss = Call("math.Pow", {1 - right, ConstantLike(o.gamma, right)}) * BinaryOf(t, p);
        if (o.apply_class_balancing) loss = loss * (t * o.alpha + (1 - t) * (1 - o.alpha));
        return Mean(loss, o.axis);
      }};
}

Loss CategoricalCrossentropy(const CategoricalCrossentropyOptions& o) {
  return {.name = "categorical_crossentropy", .function = [o](const Value& y_true, const Value& p) {
            const Value t = SmoothClasses(y_true, o.label_smoothing, p, o.axis);
            const Value log = o.from_logits ? LogSoftmax(p, o.axis) : Log(Normalized(p, o.axis));
            return -Sum(t * log, o.axis);
          }};
}

Loss CategoricalFocalCrossentropy(const CategoricalFocalOptions& o) {
  return {.name = "categorical_focal_crossentropy",
          .function = [o](const Value& y_true, const Value& y_pred) {
            const Value t = SmoothClasses(y_true, o.label_smoothing, y_pred, o.axis);
            const Value p = Normalized(o.from_logits ? Softmax(y_pred, o.axis) : y_pred, o.axis);
            const Value focus = Call("math.Pow", {1 - p, ConstantLike(o.gamma, p)});
            return -Sum(o.alpha * focus * t * Log(p), o.axis);
          }};
}

Loss SparseCategoricalCrossentropy(const SparseCategoricalCrossentropyOptions& o) {
  Loss loss{
      .name = "sparse_categorical_crossentropy",
      .function =
          [o](const Value& y_true, const Value& p) {
            Attributes attrs = {{"axis", -1}, {"reduction", "none"}};
            if (o.ignore_class) attrs.Set("ignore_index", *o.ignore_class);
            if (o.from_logits) return Call("nn.SoftmaxCrossEntropyLoss", {p, y_true}, attrs);
            return Call("nn.NegativeLogLikelihoodLoss", {Log(Normalized(p, -1)), y_true}, attrs);
          },
      .targets = Targets::kClasses};
  if (o.ignore_class)
    loss.mask = [ignored = *o.ignore_class](const Value& y_true) { return y_true != ignored; };
  return loss;
}

Loss MeanSquaredError() {
  return {.name = "mean_squared_error",
          .function = [](const Value& t, const Value& p) { return Mean(Square(p - t), -1); }};
}

Loss MeanAbsoluteError() {
  return {.name = "mean_absolute_error",
          .function = [](const Value& t, const Value& p) { return Mean(Abs(p - t), -1); }};
}

Loss MeanAbsolutePercentageError() {
  return {.name = "mean_absolute_percentage_error", .function = [](const Value& t, const Value& p) {
            return 100.0 * Mean(Abs(t - p) / Maximum(Abs(t), kEpsilon), -1);
          }};
}

Loss MeanSquaredLogarithmicError() {
  return {.name = "mean_squared_logarithmic_error", .function = [](const Value& t, const Value& p) {
            return Mean(Square(Log(Maximum(p, kEpsilon) + 1) - Log(Maximum(t, kEpsilon) + 1)), -1);
          }};
}

Loss Huber(double delta) {
  return {.name = "huber", .function = [delta](const Value& t, const Value& p) {
            const Value size = Abs(p - t);
            return Mean(Call("array.Where", {size <= delta, 0.5 * Square(size),
                                             delta * size - 0.5 * delta * delta}),
                        -1);
          }};
}

Loss LogCosh() {
  return {.name = "log_cosh", .function = [](const Value& t, const Value& p) {
            constexpr double kLog2 = 0.693147180559945309;
            const Value error = p - t;
            return Mean(error + Call("nn.Softplus", {-2.0 * error}) - kLog2, -1);
          }};
}

Loss Hinge() {
  return {.name = "hinge",
          .function = [](const Value& t, const Value& p) { return Mean(HingeOf(t, p), -1); }};
}

Loss SquaredHinge() {
  return {.name = "squared_hinge", .function = [](const Value& t, const Value& p) {
            return Mean(Square(HingeOf(t, p)), -1);
          }};
}

Loss CategoricalHinge() {
  return {.name = "categorical_hinge", .function = [](const Value& t, const Value& p) {
            return Call("nn.Relu", {MaxOf((1 - t) * p, -1) - Sum(t * p, -1) + 1});
          }};
}

Loss KLDivergence() {
  return {.name = "kl_divergence", .function = [](const Value& y_true, const Value& y_pred) {
            const Value t = Clip(y_true, kEpsilon, 1), p = Clip(y_pred, kEpsilon, 1);
            return Sum(t * Log(t / p), -1);
          }};
}

Loss Poisson() {
  return {.name = "poisson", .function = [](const Value& t, const Value& p) {
            return Mean(p - t * Log(p + kEpsilon), -1);
          }};
}

Loss CosineSimilarity(int64_t axis) {
  return {.name = "cosine_similarity", .function = [axis](const Value& t, const Value& p) {
            return -Sum(UnitVector(t, axis) * UnitVector(p, axis), axis);
          }};
}

namespace {

// Along the axes, or of all where there are none.
Value SumAlong(const Value& x, const std::vector<int64_t>& axes) {
  Attributes attrs = {{"keepdims", false}};
  if (!axes.empty()) attrs.Set("axes", axes);
  return Call("math.ReduceSum", {x}, attrs);
}

}  // namespace

Loss Dice(std::vector<int64_t> axes) {
  return {.name = "dice", .function = [axes = std::move(axes)](const Value& t, const Value& p) {
            return 1 -
                   2.0 * SumAlong(t * p, axes) / (SumAlong(t, axes) + SumAlong(p, axes) + kEpsilon);
          }};
}

Loss Tversky(const TverskyOptions& o) {
  return {.name = "tversky", .function = [o](const Value& t, const Value& p) {
            const auto sum = [&](const Value& x) { return SumAlong(x, o.axes); };
            const Value both = sum(t * p);
            const Value missed = sum((1 - p) * t), wrong = sum(p * (1 - t));
            return 1 - both / (both + missed * o.alpha + wrong * o.beta + kEpsilon);
          }};
}

Loss CategoricalGeneralizedCrossEntropy(double q) {
  return {.name = "categorical_generalized_cross_entropy",
          .function =
              [q](const Value& y_true, const Value& y_pred) {
                if (!(q > 0 && q < 1)) {
                  return ErrorValue(
                      InvalidArgument("q: expected a number between 0 and 1, found ", q), {y_true});
                }
                const auto classes = NumClasses(y_pred, -1);
                if (!classes.ok()) return ErrorValue(classes.status(), {y_true});
                const Value rows =
                    Call("array.OneHot", {y_true},
                         {{"depth", static_cast<int64_t>(*classes)}, {"dtype", y_pred.dtype()}});
                const Value p = Sum(rows * y_pred, -1);
                return (1 - Call("math.Pow", {p, ConstantLike(q, p)})) / q;
              },
          .targets = Targets::kClasses};
}

namespace {

// Of the samples of a batch and each other one, whether they are of one class, bool[batch, batch];
// and of two.
struct Pairs {
  Value same, different;
};
Pairs PairsOf(const Value& classes, bool remove_diagonal) {
  const auto along = [&](int64_t axis) {
    return Call("array.Unsqueeze", {classes}, {{"axes", std::vector<int64_t>{axis}}});
  };
  const Value equal = along(1) == along(0), different = along(1) != along(0);
  if (!remove_diagonal) return {equal, different};
  const Value count = Call("array.Size", {classes});
  const Value places = Call("array.Range", {Constant(Tensor::Scalar<int64_t>(0)), count,
                                            Constant(Tensor::Scalar<int64_t>(1))});
  const auto place = [&](int64_t axis) {
    return Call("array.Unsqueeze", {places}, {{"axes", std::vector<int64_t>{axis}}});
  };
  return {equal && (place(1) != place(0)), different};
}

}  // namespace

Loss Circle(const CircleOptions& o) {
  return {
      .name = "circle",
      .function =
          [o](const Value& y_true, const Value& y_pred) {
            const Pairs pairs = PairsOf(y_true, o.remove_diagonal);
            const Value distance = 1 - Call("math.Gemm", {y_pred, y_pred}, {{"transpose_b", true}});
            // Far less than what occurs: e^x is 0.
            const auto log_sum = [&](const Value& among, const Value& x) {
              return Call("math.ReduceLogSumExp",
                          {Call("array.Where", {among, x, ConstantLike(-1e30, x)})},
                          {{"axes", std::vector<int64_t>{1}}, {"keepdims", false}});
            };
            const Value close = Call("nn.Relu", {distance + o.margin});
            const Value far = Call("nn.Relu", {(1 + o.margin) - distance});
            return Call("nn.Softplus",
                        {log_sum(pairs.same, o.gamma * close * (distance - o.margin)) +
                         log_sum(pairs.different, o.gamma * far * ((1 - o.margin) - distance))});
          },
      .targets = Targets::kClasses,
      .mask =
          [o](const Value& y_true) {
            const Pairs pairs = PairsOf(y_true, o.remove_diagonal);
            const auto any = [](const Value& x) {
              return Sum(Cast(x, DType::kInt64), 1) > int64_t{0};
            };
            return any(pairs.same) && any(pairs.different);
          }};
}

Loss CTC() {
  return {.name = "ctc",
          .function =
              [](const Value& y_true, const Value& y_pred) {
                const Value lengths = Sum(Cast(y_true != int64_t{0}, DType::kInt64), 1);
                return Call("nn.CTCLoss", {LogSoftmax(y_pred, -1), y_true, lengths});
              },
          .targets = Targets::kSequences};
}

}  // namespace losses

namespace {

using namespace losses;

struct NamedLoss {
  const char* name;
  const char* alias;  // Keras' short name
  Loss (*make)(bool from_logits);
  bool takes_logits = false;
};

const NamedLoss kLosses[] = {
    {"binary_crossentropy", "bce",
     [](bool logits) { return BinaryCrossentropy({.from_logits = logits}); }, true},
    {"binary_focal_crossentropy", "",
     [](bool logits) { return BinaryFocalCrossentropy({.from_logits = logits}); }, true},
    {"categorical_crossentropy", "cce",
     [](bool logits) { return CategoricalCrossentropy({.from_logits = logits}); }, true},
    {"categorical_focal_crossentropy", "",
     [](bool logits) { return CategoricalFocalCrossentropy({.from_logits = logits}); }, true},
    {"sparse_categorical_crossentropy", "",
     [](bool logits) { return SparseCategoricalCrossentropy({.from_logits = logits}); }, true},
    {"mean_squared_error", "mse", [](bool) { return MeanSquaredError(); }},
    {"mean_absolute_error", "mae", [](bool) { return MeanAbsoluteError(); }},
    {"mean_absolute_percentage_error", "mape", [](bool) { return MeanAbsolutePercentageError(); }},
    {"mean_squared_logarithmic_error", "msle", [](bool) { return MeanSquaredLogarithmicError(); }},
    {"huber", "", [](bool) { return Huber(); }},
    {"log_cosh", "logcosh", [](bool) { return LogCosh(); }},
    {"hinge", "", [](bool) { return Hinge(); }},
    {"squared_hinge", "", [](bool) { return SquaredHinge(); }},
    {"categorical_hinge", "", [](bool) { return CategoricalHinge(); }},
    {"kl_divergence", "kld", [](bool) { return KLDivergence(); }},
    {"poisson", "", [](bool) { return Poisson(); }},
    {"cosine_similarity", "", [](bool) { return losses::CosineSimilarity(); }},
    {"dice", "", [](bool) { return Dice(); }},
    {"tversky", "", [](bool) { return Tversky(); }},
    {"categorical_generalized_cross_entropy", "",
     [](bool) { return CategoricalGeneralizedCrossEntropy(); }},
    {"circle", "", [](bool) { return Circle(); }},
    {"ctc", "", [](bool) { return CTC(); }},
};

}  // namespace

std::vector<std::string> LossNames() {
  std::vector<std::string> names;
  for (const NamedLoss& loss : kLosses) names.emplace_back(loss.name);
  return names;
}

absl::StatusOr<Loss> LossFromText(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  const std::string wanted = SnakeCase(parts.first);
  for (const NamedLoss& loss : kLosses) {
    if (wanted != loss.name && (parts.first.empty() || parts.first != loss.alias)) continue;
    if (parts.second.empty()) return loss.make(false);
    if (parts.second == "from_logits" && loss.takes_logits) return loss.make(true);
    return InvalidArgument("loss ", loss.name, ": there is no option ", Quoted(parts.second),
                           loss.takes_logits ? "; there is from_logits" : "");
  }
  return InvalidArgument("there is no loss ", Quoted(parts.first),
                         NamesThatThereAre(parts.first, LossNames()));
}

}  // namespace nomograph

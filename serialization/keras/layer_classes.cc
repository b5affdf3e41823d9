// Keras' classes by name: which are other names of those here, and which are none.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nomograph/serialization/keras/layer_forms.h"

namespace nomograph::keras {
namespace {

struct Renamed {
  absl::string_view from, to;
};

// Names that classes had in Keras 1, have as aliases, or have beside the one here.
constexpr Renamed kClasses[] = {
    {"AddLoss", "Identity"},  // tf.keras: a loss or metric that is taken in passing
    {"AddMetric", "Identity"},
    {"AugMix", "Identity"},  // as all that change images in training alone
    {"AtrousConvolution1D", "Conv1D"},
    {"AtrousConvolution2D", "Conv2D"},
    {"AvgPool1D", "AveragePooling1D"},
    {"AvgPool2D", "AveragePooling2D"},
    {"AvgPool3D", "AveragePooling3D"},
    {"BatchNormalizationV1", "BatchNormalization"},
    {"BatchNormalizationV2", "BatchNormalization"},
    {"Convolution1D", "Conv1D"},
    {"Convolution1DTranspose", "Conv1DTranspose"},
    {"Convolution2D", "Conv2D"},
    {"Convolution2DTranspose", "Conv2DTranspose"},
    {"Convolution3D", "Conv3D"},
    {"Convolution3DTranspose", "Conv3DTranspose"},
    {"CuDNNGRU", "GRU"},
    {"CuDNNLSTM", "LSTM"},
    {"CutMix", "Identity"},
    {"Deconvolution2D", "Conv2DTranspose"},
    {"Deconvolution3D", "Conv3DTranspose"},
    {"FixedDropout", "Dropout"},  // of EfficientNet's first port to Keras
    {"GRUV1", "GRU"},
    {"GRUV2", "GRU"},
    {"GlobalAvgPool1D", "GlobalAveragePooling1D"},
    {"GlobalAvgPool2D", "GlobalAveragePooling2D"},
    {"GlobalAvgPool3D", "GlobalAveragePooling3D"},
    {"GlobalMaxPool1D", "GlobalMaxPooling1D"},
    {"GlobalMaxPool2D", "GlobalMaxPooling2D"},
    {"GlobalMaxPool3D", "GlobalMaxPooling3D"},
    {"GroupedQueryAttention", "GroupQueryAttention"},
    {"LSTMV1", "LSTM"},
    {"LSTMV2", "LSTM"},
    {"MaxPool1D", "MaxPooling1D"},
    {"MaxPool2D", "MaxPooling2D"},
    {"MaxPool3D", "MaxPooling3D"},
    {"MixUp", "Identity"},
    {"RandAugment", "Identity"},
    {"RandomApply", "Identity"},
    {"RandomChoice", "Identity"},
    {"RandomColorDegeneration", "Identity"},
    {"RandomColorJitter", "Identity"},
    {"RandomElasticTransform", "Identity"},
    {"RandomErasing", "Identity"},
    {"RandomGaussianBlur", "Identity"},
    {"RandomGrayscale", "Identity"},
    {"RandomHeight", "Identity"},
    {"RandomHue", "Identity"},
    {"RandomInvert", "Identity"},
    {"RandomPerspective", "Identity"},
    {"RandomPosterization", "Identity"},
    {"RandomSaturation", "Identity"},
    {"RandomSharpness", "Identity"},
    {"RandomShear", "Identity"},
    {"RandomWidth", "Identity"},
    {"ReversibleEmbedding", "Embedding"},
    {"SeparableConvolution1D", "SeparableConv1D"},
    {"SeparableConvolution2D", "SeparableConv2D"},
    {"Solarization", "Identity"},
    {"SyncBatchNormalization", "BatchNormalization"},
    {"TimeDistributedDense", "Dense"},
    {"UnifiedGRU", "GRU"},  // of TensorFlow 1.13 and 2's first releases
    {"UnifiedLSTM", "LSTM"},
};

// Keras' classes without a layer here: their functions are other programs' or not stored, work on
// texts or hashes of them, or have no op that does the like.
constexpr absl::string_view kNotHere[] = {
    "CLAHE",
    "DenseFeatures",
    "Equalization",
    "FlaxLayer",
    "HashedCrossing",
    "Hashing",
    "JaxLayer",
    "MaxNumBoundingBoxes",
    "RandomResizedCrop",
    "RandomFourierFeatures",
    "StackedRNNCells",
    "StringLookup",
    "TFSMLayer",
    "TextVectorization",
    "TorchModuleWrapper",
};

}  // namespace

std::string ClassHere(absl::string_view class_name) {
  const size_t package = class_name.rfind('>');
  if (package != class_name.npos) class_name.remove_prefix(package + 1);
  for (const Renamed& row : kClasses) {
    if (row.from == class_name) return std::string(row.to);
  }
  return std::string(class_name);
}

bool IsUsersClass(const LayerEntry& entry) {
  if (absl::StrContains(entry.class_name, '>')) return true;
  if (absl::StrContains(entry.registered_name, '>')) return true;
  if (entry.module.empty()) return false;
  for (const char* known : {"keras", "tensorflow.keras", "tensorflow.python.keras", "tf_keras",
                            "tensorflow.python.layers", "builtins"}) {
    if (entry.module == known || absl::StartsWith(entry.module, absl::StrCat(known, ".")))
      return false;
  }
  return true;
}

bool IsKerasClass(const LayerEntry& entry) {
  const std::string class_name = ClassHere(entry.class_name);
  return !IsUsersClass(entry) &&
         (absl::StartsWith(entry.module, "keras.layers") || class_name == "RNN" ||
          std::find(std::begin(kNotHere), std::end(kNotHere), class_name) != std::end(kNotHere));
}

bool IsOperation(const LayerEntry& entry) {
  return absl::StrContains(entry.module, ".ops.") || absl::EndsWith(entry.module, ".ops") ||
         entry.class_name == "TFOpLambda" || entry.class_name == "SlicingOpLambda" ||
         entry.class_name == "TensorFlowOpLayer";
}

std::vector<std::string> ClassesNotHere() { return {std::begin(kNotHere), std::end(kNotHere)}; }

std::vector<std::pair<std::string, std::string>> RenamedClasses() {
  std::vector<std::pair<std::string, std::string>> classes;
  for (const Renamed& row : kClasses) classes.emplace_back(row.from, row.to);
  return classes;
}

}  // namespace nomograph::keras

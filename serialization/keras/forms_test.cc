// The ways in which Keras has stored weights (testdata/make_forms.py), and Lambdas that are up to
// something.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/run/session.h"
#include "nomograph/data/npz.h"
#include "nomograph/serialization/keras/import.h"
#include "nomograph/serialization/keras/json.h"
#include "nomograph/serialization/keras/layer_forms.h"

namespace nomograph::keras {
namespace {

std::string FormPath(absl::string_view file) {
  return absl::StrCat("serialization/keras/testdata/forms/", file);
}

TEST(WeightForms, ComputeWhatTheyDidBeforeTheyWereStored) {
  for (const char* file :
       {"activations3.h5",     "arrays.keras",    "attention.keras",  "beside.json",
        "cudnn_gru.h5",        "cudnn_lstm.h5",   "keras1_conv1d.h5", "keras1_gru.h5",
        "keras1_lstm.h5",      "keras1_th.h5",    "masks.h5",         "nested.h5",
        "normalization.h5",    "places213.keras", "places3.keras",    "slashes.h5",
        "spectral.keras",      "stacked.keras",   "theano.h5",        "theano_conv_lstm.h5",
        "theano_separable.h5", "windows.keras"}) {
    SCOPED_TRACE(file);
    const std::string name(file, absl::string_view(file).find('.'));
    const auto expected = ReadNpz(FormPath(name + ".npz"));
    ASSERT_TRUE(expected.ok()) << expected.status();
    const auto imported = Import(FormPath(file));
    ASSERT_TRUE(imported.ok()) << imported.status();
    EXPECT_TRUE(imported->report.warnings.empty())
        << absl::StrJoin(imported->report.warnings, "\n");
    const Graph& graph = imported->model.graph;
    ASSERT_EQ(graph.inputs.size(), 1u);
    const DType dtype = graph.value(graph.inputs[0]).type.dtype;
    const auto output = imported->model.Predict(expected->at("x").Cast(dtype));
    ASSERT_TRUE(output.ok()) << output.status();
    const absl::Status close = AllClose(*output, expected->at("y"), 1e-5, 1e-5);
    EXPECT_TRUE(close.ok()) << close;
  }
}

TEST(FromMemory, IsWhatTheFileIs) {
  for (const char* file : {"keras1_gru.h5", "places3.keras", "arrays.keras", "system.json"}) {
    SCOPED_TRACE(file);
    const auto bytes = ReadFile(FormPath(file));
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    const auto owner = std::make_shared<const std::string>(*bytes);
    const auto from_file = Import(FormPath(file)), imported = ImportBytes(*owner, owner);
    ASSERT_TRUE(imported.ok()) << imported.status();
    EXPECT_EQ(SemanticHash(imported->model), SemanticHash(from_file->model));
  }
  // Weights for a configuration, from a file.
  const auto json = ReadFile("serialization/keras/testdata/forms/beside.json");
  ASSERT_TRUE(json.ok()) << json.status();
  const auto owner = std::make_shared<const std::string>(*json);
  const auto imported = ImportBytes(*owner, owner, {.weights = FormPath("beside.weights.h5")});
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->report.weights_loaded, 2);
  EXPECT_EQ(imported->report.warnings, std::vector<std::string>());
  // Those of TensorFlow.js lie beside a file.
  const auto tfjs = ReadFile("serialization/keras/testdata/models/abalone/model.json");
  ASSERT_TRUE(tfjs.ok()) << tfjs.status();
  const absl::Status status = ImportBytes(*tfjs, nullptr).status();
  EXPECT_TRUE(absl::StrContains(status.message(), "open model.json itself")) << status;
}

TEST(Lambdas, NothingRuns) {
  const auto imported = Import(FormPath("system.json"));
  ASSERT_TRUE(imported.ok()) << imported.status();
  ASSERT_EQ(imported->report.lambdas.size(), 1u);
  const LambdaOutcome& lambda = imported->report.lambdas[0];
  EXPECT_EQ(lambda.how, LambdaOutcome::How::kMissing);
  EXPECT_TRUE(absl::StrContains(lambda.source, "touch escaped")) << lambda.source;
  EXPECT_FALSE(lambda.obstacles.empty());
  EXPECT_FALSE(InputFile::Open("escaped").ok());
}

// Nobody knows the shape behind a function that the file does not have: what does not fit what is
// taken for it stays in the model, under its name and with its weights.
TEST(Lambdas, WhatIsBehindAnUnknownOneIsKept) {
  const auto imported = Import(FormPath("guessed.h5"));
  ASSERT_TRUE(imported.ok()) << imported.status();
  ASSERT_EQ(imported->report.lambdas.size(), 2u);
  EXPECT_EQ(imported->report.lambdas[0].op, "custom.pool");
  EXPECT_TRUE(absl::StrContains(imported->report.lambdas[0].skeleton, "custom.pool"));
  EXPECT_EQ(imported->report.lambdas[1].layer, "out");
  EXPECT_EQ(imported->report.lambdas[1].op, "keras.Dense");
  EXPECT_EQ(CountParameters(imported->model).total(), 8);
}

// A layer that cannot be called with what comes ahead of it is kept under its name.
TEST(Lambdas, FaultsWithinLayersAreReported) {
  for (const char* layer :
       {R"("class_name": "STFTSpectrogram", "config": {"name": "l", "frame_length": 6,
           "batch_input_shape": [null, 3, 1]})",
        R"("class_name": "STFTSpectrogram", "config": {"name": "l", "mode": "stft",
           "frame_length": 6, "batch_input_shape": [null, 20, 0.5]})",
        R"("class_name": "AdaptiveMaxPooling1D", "config": {"name": "l", "output_size": 3,
           "batch_input_shape": [null, null, 1]})",
        R"("class_name": "EinsumDense", "config": {"name": "l", "equation": "ab,bc->ac",
           "output_shape": 3, "batch_input_shape": [null, 20, 5]})",
        R"("class_name": "LocallyConnected1D", "config": {"name": "l", "filters": 2,
           "kernel_size": 9, "batch_input_shape": [null, 4, 1]})"}) {
    SCOPED_TRACE(layer);
    const auto file = ReadKerasJson(absl::StrCat(
        R"({"class_name": "Sequential", "config": {"name": "s", "layers": [{)", layer, "}]}}"));
    ASSERT_TRUE(file.ok()) << file.status();
    const auto imported = ImportFile(*file);
    ASSERT_TRUE(imported.ok()) << imported.status();
    ASSERT_EQ(imported->report.lambdas.size(), 1u);
    EXPECT_FALSE(imported->report.lambdas[0].obstacles.empty());
  }
}

// So is one whose call has a tensor that the layer here does not know.
TEST(Lambdas, UnknownArgumentsAreReported) {
  const auto input = [](const char* name) {
    return absl::StrCat(R"({"class_name": "InputLayer", "name": ")", name,
                        R"(", "inbound_nodes": [], "config": {"name": ")", name,
                        R"(", "batch_shape": [null, 3, 4]}})");
  };
  for (const char* layer : {R"("Attention", "config": {"name": "l")",
                            R"("MultiHeadAttention", "config": {"num_heads": 2, "key_dim": 3)"}) {
    SCOPED_TRACE(layer);
    const auto file = ReadKerasJson(absl::StrCat(
        R"({"class_name": "Functional", "config": {"name": "m", "layers": [)", input("a"), ", ",
        input("b"), R"(, {"name": "l", "class_name": )", layer,
        R"(}, "inbound_nodes": [[["a", 0, 0, {"value": ["b", 0, 0], "bias": ["b", 0, 0]}]]]}],
            "input_layers": [["a", 0, 0], ["b", 0, 0]], "output_layers": [["l", 0, 0]]}})"));
    ASSERT_TRUE(file.ok()) << file.status();
    const auto imported = ImportFile(*file);
    ASSERT_TRUE(imported.ok()) << imported.status();
    ASSERT_EQ(imported->report.lambdas.size(), 1u);
    EXPECT_TRUE(
        absl::StrContains(absl::StrJoin(imported->report.lambdas[0].obstacles, "\n"), "bias"))
        << ReportText(imported->report);
  }
}

// Operations stay, too, under their names.
TEST(Lambdas, OperationsThatAreNotKnownAreKept) {
  const auto imported = Import(FormPath("operations.json"));
  ASSERT_TRUE(imported.ok()) << imported.status();
  std::vector<std::string> kept;
  for (const LambdaOutcome& lambda : imported->report.lambdas) {
    EXPECT_EQ(lambda.how, LambdaOutcome::How::kMissing);
    EXPECT_FALSE(lambda.obstacles.empty());
    kept.push_back(lambda.op);
  }
  EXPECT_EQ(absl::StrJoin(kept, " "), "tf.bytes tf.Foo tf.__operators___getitem tf.my_call");
}

// A class that is named as one of Keras' and has other weights is its author's own: it stays under
// its name with its weights, in models, too, and the rest is read.
TEST(Lambdas, AClassOfTheSameNameIsKept) {
  const auto imported = Import(FormPath("same_name.h5"));
  ASSERT_TRUE(imported.ok()) << imported.status();
  std::vector<std::string> kept;
  for (const LambdaOutcome& lambda : imported->report.lambdas) {
    EXPECT_EQ(lambda.how, LambdaOutcome::How::kMissing);
    kept.push_back(absl::StrCat(lambda.layer, ": ", lambda.op));
  }
  EXPECT_EQ(absl::StrJoin(kept, ", "),
            "inner/own: keras.LayerNormalization, group: keras.GroupNormalization, "
            "pool: keras.Attention");
  EXPECT_EQ(CountParameters(imported->model).total(), 12 + 15 + 9 + 6 + 8);
}

TEST(Lambdas, TheUsersWordComesFirst) {
  const auto named = ParseNamedOp("math.Clip,min=-1,max=0.5");
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_EQ(named->op, "math.Clip");
  EXPECT_EQ(named->attrs.ToString(), "max=0.5, min=-1");
  KerasImportOptions options;
  options.lambdas["evil"] = {"nn.Relu", {}};
  const auto imported = Import(FormPath("system.json"), options);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->report.lambdas[0].how, LambdaOutcome::How::kNamed);
  const auto output = imported->model.Predict(Tensor::Of<float>({1, 3}, {-1, 0, 2}));
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(*output, Tensor::Of<float>({1, 3}, {0, 0, 2}));
  for (const char* wrong : {"", "Relu", "nn.", "nn.Relu,", "nn.Relu,=3", "nn.Relu,x"})
    EXPECT_FALSE(ParseNamedOp(wrong).ok()) << wrong;
}

struct Json {
  const char* text;
  const char* value;  // as ConfigValue shows it, or a part of the error
  bool ok = true;
};
TEST(Json, IsPythons) {
  const Json kTexts[] = {
      {"{\"a\": [1, -2.5, 1e3, true, null]}", "{\"a\": [1, -2.5, 1000, true, null]}"},
      {"\"\\u00e4\\ud83d\\ude00\\n\"", "\"ä😀\\n\""},
      {"\"\\ud800x\"", "\"\xef\xbf\xbdx\""},
      {"12345678901234567890", "1.2345678901234567e+19"},
      {"[]", "[]"},
      {"{}", "{}"},
      {"[1,]", "expected a value", false},
      {"[1", "expected ',' or ']'", false},
      {"{\"a\" 1}", "expected ':'", false},
      {"\"\\q\"", "expected an escape", false},
      {"\"\\u12g4\"", "four hexadecimal digits", false},
      {"\"x", "expected '\"'", false},
      {"+1", "expected a value", false},
      {"1 2", "expected the end", false},
      {"", "expected a value", false},
  };
  for (const Json& json : kTexts) {
    const auto value = ParseJson(json.text);
    EXPECT_EQ(value.ok(), json.ok) << json.text << value.status();
    const std::string found =
        value.ok() ? value->ToString() : std::string(value.status().message());
    EXPECT_TRUE(absl::StrContains(found, json.value)) << json.text << ": " << found;
  }
  for (const char* number : {"NaN", "Infinity", "-Infinity"}) {
    const auto value = ParseJson(number);
    ASSERT_TRUE(value.ok()) << value.status();
    EXPECT_NE(value->As<double>(), nullptr);
  }
  EXPECT_FALSE(ParseJson("[[[]]]", {.max_depth = 1}).ok());
  EXPECT_FALSE(ParseJson("[1, 2, 3]", {.max_values = 3}).ok());
}

// Old configurations: class, options, and what they are here.
struct OldForm {
  const char* era;  // the file's version of Keras
  const char* entry;
  const char* class_name;
  const char* config;
};
TEST(LayerForms, OldConfigurationsBecomeOurs) {
  const OldForm kForms[] = {
      {"1.2.2",
       R"({"class_name": "Convolution2D", "config": {"nb_filter": 4, "nb_row": 5, "nb_col": 3,
           "border_mode": "same", "subsample": [2, 2], "dim_ordering": "th", "init": "he_normal",
           "bias": true, "W_regularizer": null}})",
       "Conv2D",
       R"({"filters": 4, "padding": "same", "strides": [2, 2], "data_format": "channels_first",
           "kernel_initializer": "he_normal", "use_bias": true, "kernel_size": [5, 3]})"},
      {"1.0.8",
       R"({"class_name": "LSTM", "config": {"output_dim": 3, "inner_activation": "hard_sigmoid",
           "inner_init": "orthogonal", "dropout_W": 0.5, "consume_less": "gpu"}})",
       "LSTM",
       R"({"units": 3, "recurrent_activation": "hard_sigmoid_0_2",
           "recurrent_initializer": "orthogonal", "dropout": 0.5})"},
      {"2.1.0", R"({"class_name": "GRU", "config": {"units": 3}})", "GRU",
       R"({"units": 3, "reset_after": false})"},
      {"3.0.0",
       R"({"class_name": "GRU", "config": {"units": 3, "recurrent_activation": "hard_sigmoid"}})",
       "GRU", R"({"units": 3, "recurrent_activation": "hard_sigmoid"})"},
      {"2.2.4", R"({"class_name": "CuDNNGRU", "config": {"units": 3}})", "GRU",
       R"({"units": 3, "recurrent_activation": "sigmoid", "reset_after": true})"},
      {"2.4.0",
       R"({"class_name": "BatchNormalizationV1", "config": {"axis": {"class_name": "__tuple__",
           "items": [3]}, "renorm": false, "epsilon": 0.001}})",
       "BatchNormalization", R"({"axis": 3, "epsilon": 0.001})"},
      {"2.2.4",
       R"({"class_name": "LeakyReLU", "config": {"alpha": {"type": "ndarray", "value": 0.1}}})",
       "LeakyReLU", R"({"negative_slope": 0.1})"},
      {"2.3.0", R"({"class_name": "Activation", "config": {"activation": "softmax_v2"}})",
       "Activation", R"({"activation": "softmax"})"},
      {"1.1.0", R"({"class_name": "SpatialDropout2D", "config": {"p": 0.5, "dim_ordering": "tf"}})",
       "SpatialDropout2D", R"({"rate": 0.5, "data_format": "channels_last"})"},
  };
  for (const OldForm& form : kForms) {
    SCOPED_TRACE(form.entry);
    const auto json = ParseJson(form.entry);
    ASSERT_TRUE(json.ok()) << json.status();
    const auto entry = ReadLayerEntry(*json);
    ASSERT_TRUE(entry.ok()) << entry.status();
    const auto found = FormOf(*entry, EraOf(form.era, /*is_archive=*/false));
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->class_name, form.class_name);
    EXPECT_EQ(ConfigValue(found->config), *ParseJson(form.config)) << found->config.ToString();
    EXPECT_TRUE(found->notes.empty());
  }
}

}  // namespace
}  // namespace nomograph::keras

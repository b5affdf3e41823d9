#include "nomograph/serialization/keras/layer_forms.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nomograph/core/layers/layer_registry.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"

namespace nomograph::keras {
namespace {

using List = ConfigValue::List;

struct RenamedField {
  absl::string_view classes;  // as they are here, separated by spaces
  absl::string_view from, to;
};

constexpr absl::string_view kRecurrent = "LSTM GRU SimpleRNN ConvLSTM1D ConvLSTM2D ConvLSTM3D";
constexpr absl::string_view kConvolutions =
    "Conv1D Conv2D Conv3D Conv2DTranspose Conv3DTranspose SeparableConv1D SeparableConv2D "
    "LocallyConnected1D LocallyConnected2D ConvLSTM2D";
constexpr absl::string_view kWindows =
    "Conv1D Conv2D Conv3D Conv2DTranspose Conv3DTranspose SeparableConv1D SeparableConv2D "
    "LocallyConnected1D LocallyConnected2D ConvLSTM2D MaxPooling1D MaxPooling2D MaxPooling3D "
    "AveragePooling1D "
    "AveragePooling2D AveragePooling3D";
constexpr absl::string_view kMerging = "Add Subtract Multiply Average Maximum Minimum Concatenate";
constexpr absl::string_view kDropouts =
    "Dropout GaussianDropout AlphaDropout SpatialDropout1D SpatialDropout2D SpatialDropout3D";

constexpr RenamedField kFields[] = {
    // Keras 1
    {"Dense LSTM GRU SimpleRNN Highway MaxoutDense", "output_dim", "units"},
    {kRecurrent, "inner_activation", "recurrent_activation"},
    {kRecurrent, "inner_init", "recurrent_initializer"},
    {kRecurrent, "dropout_W", "dropout"},
    {kRecurrent, "dropout_U", "recurrent_dropout"},
    {"Dense LSTM GRU SimpleRNN Highway MaxoutDense", "init", "kernel_initializer"},
    {kConvolutions, "init", "kernel_initializer"},
    {"Embedding", "init", "embeddings_initializer"},
    {"PReLU", "init", "alpha_initializer"},
    {"BatchNormalization", "beta_init", "beta_initializer"},
    {"BatchNormalization", "gamma_init", "gamma_initializer"},
    {kConvolutions, "nb_filter", "filters"},
    {kConvolutions, "filter_length", "kernel_size"},
    {kConvolutions, "subsample_length", "strides"},
    {kConvolutions, "subsample", "strides"},
    {kConvolutions, "atrous_rate", "dilation_rate"},
    {kWindows, "border_mode", "padding"},
    {"MaxPooling1D AveragePooling1D", "pool_length", "pool_size"},
    {"MaxPooling1D AveragePooling1D", "stride", "strides"},
    {"UpSampling1D", "length", "size"},
    {kDropouts, "p", "rate"},
    {"GaussianNoise", "sigma", "stddev"},
    {"Dense Highway MaxoutDense", "bias", "use_bias"},
    {kConvolutions, "bias", "use_bias"},
    // Keras 2 names of what Keras 3 calls otherwise
    {"Attention AdditiveAttention", "causal", "use_causal_mask"},
    {"LeakyReLU", "alpha", "negative_slope"},
    {"Conv1DTranspose Conv2DTranspose Conv3DTranspose", "out_padding", "output_padding"},
    {"CategoryEncoding", "max_tokens", "num_tokens"},
    {"Discretization", "bins", "bin_boundaries"},
};

struct Written {
  absl::string_view field, from, to;
};
// Values of text fields. The field's name is that after renaming.
constexpr Written kValues[] = {
    {"data_format", "default", "channels_last"},
    {"data_format", "tf", "channels_last"},
    {"data_format", "th", "channels_first"},
    {"padding", "VALID", "valid"},
    {"padding", "SAME", "same"},
};

// What a field means where the file does not have it, when that differs from the default here.
struct OldDefault {
  absl::string_view classes, field;
  bool value;
};
constexpr OldDefault kOldDefaults[] = {
    {"GRU", "reset_after", false},  // before TensorFlow 2
};

// Fields that say nothing of what a layer computes from its inputs.
constexpr absl::string_view kSilent[] = {
    "W_learning_rate_multiplier",
    "autocast",
    "b_learning_rate_multiplier",
    "batch_input_shape",
    "batch_shape",
    "batch_size",
    "build_input_shape",
    "consume_less",
    "dtype",
    "dynamic",
    "encoding",
    "flash_attention",
    "forget_bias_init",
    "fused",
    "go_backwards_",
    "implementation",
    "input_dim",
    "input_dtype",
    "input_length",
    "input_shape",
    "kernel_dim1",
    "kernel_dim2",
    "kernel_dim3",
    "key_shape",
    "lora_alpha",
    "lora_rank",
    "nb_col",
    "nb_row",
    "noise_shape",
    "output_shape",  // of Keras 1's Deconvolution2D: see registered_layer.cc
    "quantization_config",
    "quantization_mode",
    "query_shape",
    "ragged",
    "renorm",  // of batches in training
    "renorm_clipping",
    "renorm_momentum",
    "return_runtime",
    "shared_object_id",
    "sparse",
    "synchronized",
    "tie_weights",
    "transform_bias",
    "unit_forget_bias",
    "unroll",
    "use_cudnn",
    "value_shape",
    "virtual_batch_size",
    "vocabulary_dtype",
    "vocabulary_size",
    "weights",
};

bool Contains(absl::string_view names, absl::string_view name) {
  const std::vector<absl::string_view> list = absl::StrSplit(names, ' ');
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool IsSilent(absl::string_view field) {
  return std::find(std::begin(kSilent), std::end(kSilent), field) != std::end(kSilent) ||
         absl::EndsWith(field, "_regularizer") || absl::EndsWith(field, "_constraint") ||
         absl::EndsWith(field, "_initializer") || absl::EndsWith(field, "_init") ||
         absl::StartsWith(field, "_");
}

// Nothing, or what is the case anyway.
bool IsNeutral(const ConfigValue& value) {
  if (const List* list = value.As<List>())
    return std::all_of(list->begin(), list->end(), IsNeutral);
  return value.is_null() || value == ConfigValue(false) || value == ConfigValue(0) ||
         value == ConfigValue(1) || value == ConfigValue(0.0) || value == ConfigValue(1.0) ||
         value == ConfigValue("") || value == ConfigValue(LayerConfig());
}

std::string RenamedFieldOf(absl::string_view class_name, absl::string_view field) {
  for (const RenamedField& row : kFields) {
    if (row.from == field && Contains(row.classes, class_name)) return std::string(row.to);
  }
  return std::string(field == "dim_ordering" ? "data_format" : field);
}

ConfigValue RewrittenValue(absl::string_view field, ConfigValue value) {
  if (const std::string* text = value.As<std::string>()) {
    for (const Written& row : kValues) {
      if (row.field == field && row.from == *text) return ConfigValue(std::string(row.to));
    }
  }
  return value;
}

// Keras 1 has a field for each axis of a window.
void JoinWindow(LayerConfig& config) {
  for (const auto& names :
       {std::vector<const char*>{"nb_row", "nb_col"},
        std::vector<const char*>{"kernel_dim1", "kernel_dim2", "kernel_dim3"}}) {
    List sizes;
    for (const char* name : names) {
      if (const ConfigValue* size = config.Find(name)) sizes.push_back(*size);
    }
    if (sizes.size() == names.size()) config.Set("kernel_size", std::move(sizes));
  }
}

// Keras 1's ways to write the edges of one and two axes: an object, or a list of all.
ConfigValue JoinedEdges(absl::string_view class_name, absl::string_view field, ConfigValue value) {
  const bool two = absl::EndsWith(class_name, "2D");
  if (field != "padding" || !absl::StartsWith(class_name, "ZeroPadding")) return value;
  List sizes;
  if (const LayerConfig* object = value.As<LayerConfig>()) {
    static constexpr const char* kSides[] = {"top_pad", "bottom_pad", "left_pad", "right_pad"};
    for (int side = two ? 0 : 2; side < 4; ++side) {
      const ConfigValue* size = object->Find(kSides[side]);
      sizes.push_back(size == nullptr ? ConfigValue(0) : *size);
    }
  } else if (const List* list = value.As<List>(); list != nullptr && list->size() == 4 && two) {
    sizes = *list;
  } else {
    return value;
  }
  if (sizes.size() == 2) return ConfigValue(List{ConfigValue(std::move(sizes))});
  return ConfigValue(
      List{ConfigValue(List{sizes[0], sizes[1]}), ConfigValue(List{sizes[2], sizes[3]})});
}

// Options that change what a layer computes, where the layer here knows but one value.
struct OnlyValue {
  absl::string_view class_name, field;
  ConfigValue value;
};
const std::vector<OnlyValue>& OnlyValues() {
  static const auto& rows = *new std::vector<OnlyValue>{
      // Keras 1: 1 normalises each example, 2 by the batch at hand.
      {"BatchNormalization", "mode", ConfigValue(0)},
      {"LayerNormalization", "rms_scaling", ConfigValue(false)},
      {"LocallyConnected1D", "implementation", ConfigValue(1)},
      {"LocallyConnected2D", "implementation", ConfigValue(1)},
  };
  return rows;
}

// A value as an option of that type takes it; nothing where the option keeps its default.
std::optional<ConfigValue> Coerced(const LayerOption& option, ConfigValue value) {
  const bool nullable = absl::StrContains(option.type, "null") || option.type == "activation";
  if (value.is_null()) return nullable ? std::optional(value) : std::nullopt;
  const bool scalar = option.type == "int" || option.type == "float" ||
                      option.type == "int or null" || option.type == "float or null" ||
                      option.type == "bool";
  const List* list = value.As<List>();
  const auto is_null = [](const ConfigValue& element) { return element.is_null(); };
  if (list != nullptr && !list->empty() && std::all_of(list->begin(), list->end(), is_null))
    return std::nullopt;
  if (scalar && list != nullptr && list->size() == 1)
    return Coerced(option, ConfigValue(list->front()));
  if (absl::StrContains(option.type, "int") && value.As<double>() != nullptr) {
    const double number = *value.As<double>();
    if (number == std::floor(number) && std::abs(number) < 1e15)
      return ConfigValue(static_cast<int64_t>(number));
  }
  if (option.type == "bool" && value.As<int64_t>() != nullptr)
    return ConfigValue(*value.As<int64_t>() != 0);
  // An initializer with fields of its author's, such as a dtype. What stays unknown is replaced by
  // the default: stored weights take its place.
  if (option.type == "initializer") {
    if (const LayerConfig* object = value.As<LayerConfig>()) {
      LayerConfig plain;
      plain.Set("class_name", TextField(*object, "class_name"));
      LayerConfig fields;
      if (const LayerConfig* config = FieldOf<LayerConfig>(*object, "config")) {
        for (const auto& [name, field] : *config) {
          if (name != "dtype") fields.Set(name, field);
        }
      }
      plain.Set("config", std::move(fields));
      value = ConfigValue(std::move(plain));
    }
    if (!Initializer::FromConfig(value).ok()) return std::nullopt;
  }
  return value;
}

class Former {
 public:
  Former(const LayerEntry& entry, const Era& era) : entry_(entry), era_(era) {
    form_.class_name = ClassHere(entry.class_name);
  }

  absl::StatusOr<LayerForm> Form() {
    LayerConfig config = *Unwrapped(ConfigValue(entry_.config)).As<LayerConfig>();
    JoinWindow(config);
    if (form_.class_name == "SimpleRNN" || form_.class_name == "LSTM" || form_.class_name == "GRU")
      NOMO_RETURN_IF_ERROR(TakeRecurrent(config));
    options_ = LayerRegistry::Default().Find(form_.class_name)->options();
    for (const auto& [name, value] : config) {
      const std::string field = RenamedFieldOf(form_.class_name, name);
      NOMO_RETURN_IF_ERROR(Annotate(Take(field, RewrittenValue(field, value)), name));
    }
    for (const OldDefault& row : kOldDefaults) {
      if (era_.major < 3 && Contains(row.classes, form_.class_name) &&
          form_.config.Find(row.field) == nullptr) {
        form_.config.Set(row.field, ConfigValue(row.value));
      }
    }
    if (Contains(kMerging, form_.class_name) && MaskRule() != "any")
      form_.config.Set("mask_rule", MaskRule());
    NOMO_RETURN_IF_ERROR(CheckRescaling());
    // From TensorFlow 1.13 on, which calls its Keras 2.2.4.
    if (form_.class_name == "Bidirectional" &&
        !(era_.tensorflows && (era_.major >= 3 || era_.minor >= 2))) {
      form_.config.Set("zero_output_for_mask", false);
    }
    return std::move(form_);
  }

 private:
  // Keras 3 lost the masks of lists of inputs at first.
  std::string MaskRule() const { return era_.major < 3 ? "all" : era_.minor < 4 ? "none" : "any"; }

  // Of channels that are the first axis, Keras 3 takes the factors along that axis and adds the
  // offsets along the last one.
  absl::Status CheckRescaling() const {
    const ConfigValue* scale = form_.config.Find("scale");
    if (form_.class_name != "Rescaling" || era_.major < 3 || !era_.channels_first ||
        scale == nullptr || scale->As<List>() == nullptr) {
      return absl::OkStatus();
    }
    return absl::UnimplementedError("a scale of each channel, where channels are the first axis");
  }

  absl::Status TakeRecurrent(LayerConfig& config) {
    const bool* time_major = FieldOf<bool>(config, "time_major");
    form_.time_major = time_major != nullptr && *time_major;
    config.Set("time_major", false);
    // What NVIDIA's kernels do, of which these classes are.
    if (absl::StartsWith(entry_.class_name, "CuDNN")) {
      config.Set("recurrent_activation", "sigmoid");
      if (entry_.class_name == "CuDNNGRU") config.Set("reset_after", true);
    }
    return absl::OkStatus();
  }

  absl::Status Take(const std::string& field, ConfigValue value) {
    if (field == "name" || field == "trainable") {
      if (!value.is_null()) form_.config.Set(field, std::move(value));
      return absl::OkStatus();
    }
    for (const OnlyValue& row : OnlyValues()) {
      if (row.class_name != form_.class_name || row.field != field || row.value == value) continue;
      return absl::UnimplementedError(
          absl::StrCat("expected ", row.value.ToString(), ", found ", Escape(value.ToString())));
    }
    value = JoinedEdges(form_.class_name, field, std::move(value));
    const auto option = std::find_if(options_.begin(), options_.end(),
                                     [&](const LayerOption& known) { return known.name == field; });
    if (option == options_.end()) {
      // Of bins the epsilon concerns finding them in data.
      const bool is_silent = IsSilent(field) || form_.class_name == "Identity" ||
                             (form_.class_name == "Discretization" && field == "epsilon");
      if (!is_silent && !IsNeutral(value)) {
        form_.notes.push_back(absl::StrCat("option ", Shown(field), " = ", Escape(value.ToString()),
                                           " is not one that the layer has here"));
      }
      return absl::OkStatus();
    }
    if (option->type == "activation" || field == "activation" || field == "recurrent_activation")
      return TakeActivation(field, std::move(value));
    if (IsRuleType(option->type)) return absl::OkStatus();  // AddWeightRules() reads them
    if (option->fixed) return TakeFixed(*option, value);
    if (auto coerced = Coerced(*option, std::move(value)))
      form_.config.Set(field, *std::move(coerced));
    return absl::OkStatus();
  }

  absl::Status TakeActivation(const std::string& field, ConfigValue value) {
    if (const auto known = ActivationHere(value, era_)) {
      form_.config.Set(field, *known);
      return absl::OkStatus();
    }
    if (field != "activation" || Contains(kRecurrent, form_.class_name)) {
      return absl::UnimplementedError(
          absl::StrCat("there is no activation ", Quoted(value.ToString())));
    }
    form_.activation = std::move(value);
    form_.config.Set(field, "linear");
    return absl::OkStatus();
  }

  // Of these options one value is known here.
  absl::Status TakeFixed(const LayerOption& option, const ConfigValue& value) {
    if (value.ToString() == option.default_value || IsSilent(option.name) || value.is_null())
      return absl::OkStatus();
    // The steps of sequences: what null stands for.
    if (option.name == "attention_axes" && value == ConfigValue(List{ConfigValue(1)}))
      return absl::OkStatus();
    if (option.name == "stateful") {
      form_.notes.push_back(
          "it keeps its state between batches in Keras; here every batch begins anew");
      return absl::OkStatus();
    }
    if (option.name == "antialias") {
      form_.notes.push_back("images that shrink are smoothed in Keras, and not here");
      return absl::OkStatus();
    }
    return absl::UnimplementedError(
        absl::StrCat("expected ", option.default_value, ", found ", Escape(value.ToString())));
  }

  const LayerEntry& entry_;
  const Era& era_;
  LayerForm form_;
  std::vector<LayerOption> options_;
};

}  // namespace

Era EraOf(absl::string_view keras_version, bool is_archive) {
  const std::vector<absl::string_view> parts = absl::StrSplit(keras_version, '.');
  int major = 0, minor = 0;
  if (!absl::SimpleAtoi(parts[0], &major)) return {.major = is_archive ? 3 : 2};
  const bool has_minor = parts.size() > 1 && absl::SimpleAtoi(parts[1], &minor);
  Era era{.major = major >= 3 ? 3 : 2};
  if (has_minor && major >= 2 && major <= 3) era.minor = minor;
  if (major < 2) era.minor = 0;
  // From 2.4 on there is but one Keras 2.
  era.tensorflows = major >= 3 || era.minor >= 4 || absl::EndsWith(keras_version, "-tf");
  return era;
}

absl::StatusOr<LayerForm> FormOf(const LayerEntry& entry, const Era& era) {
  return Former(entry, era).Form();
}

std::optional<std::string> ActivationHere(const ConfigValue& value, const Era& era) {
  if (value.is_null()) return "linear";
  std::string name;
  if (const std::string* text = value.As<std::string>()) {
    name = *text;
  } else if (const LayerConfig* object = value.As<LayerConfig>()) {
    if (TextField(*object, "class_name") != "function") return std::nullopt;
    const std::string module = TextField(*object, "module");
    if (absl::StrContains(TextField(*object, "config"), '>')) return std::nullopt;
    name = TextField(*object, "config");
    // A function of the user's may have any name.
    if (module == "builtins" && FieldOf<std::string>(*object, "registered_name") != nullptr &&
        TextField(*object, "registered_name") != "function" &&
        TextField(*object, "registered_name") != name) {
      return std::nullopt;
    }
  }
  // TensorFlow's functions carry their versions.
  for (const char* suffix : {"_v2", "_v1"}) name = std::string(absl::StripSuffix(name, suffix));
  if (name == "hard_sigmoid" && era.major < 3) return "hard_sigmoid_0_2";
  if (name == "identity") return "linear";
  return FromConfig("Activation", {{"activation", name}}).ok() ? std::optional(name) : std::nullopt;
}

}  // namespace nomograph::keras

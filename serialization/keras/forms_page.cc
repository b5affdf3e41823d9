#include "nomograph/serialization/keras/forms_page.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/layers/layer_registry.h"
#include "nomograph/serialization/keras/layer_forms.h"
#include "nomograph/serialization/keras/python/function.h"

namespace nomograph::keras {
namespace {

constexpr char kFiles[] =
    "## Files\n\n"
    "| container | of | weights |\n"
    "|---|---|---|\n"
    "| HDF5 | Keras 1, 2 and 3, tf.keras | in it |\n"
    "| `.keras` | Keras 2.13 to 3 | HDF5 or plain arrays (NPZ) in it |\n"
    "| JSON | `model.to_json()` of any of them | a file of the same name with .h5, .hdf5, .keras, "
    ".npz or .weights.h5 beside it, or `--weights-file` |\n"
    "| TensorFlow.js | layers format, `model.json` | float32, int32, bool; quantised to float16, "
    "uint8, uint16 |\n\n"
    "What a file is its first bytes tell, not its name. Configurations are taken without the "
    "options "
    "that concern training alone.\n";

// By a call's name, the modules in which it is known.
std::map<std::string, std::vector<std::string>> CallsByName() {
  std::map<std::string, std::vector<std::string>> calls;
  for (const std::string& name : KnownCallNames()) {
    const size_t dot = name.rfind('.');
    if (dot != name.npos) calls[name.substr(dot + 1)].push_back(name.substr(0, dot));
  }
  return calls;
}

}  // namespace

std::string FormsPage() {
  std::string page = kFiles;
  std::map<std::string, std::vector<std::string>> others;
  for (const auto& [from, to] : RenamedClasses()) others[to].push_back(from);
  absl::StrAppend(&page, "\n## Layers\n\n| class | also under the names |\n|---|---|\n");
  for (const std::string& name : LayerRegistry::Default().Names()) {
    absl::StrAppend(&page, "| ", name, " | ", absl::StrJoin(others[name], ", "), " |\n");
  }
  absl::StrAppend(&page,
                  "\nBeside them Sequential, Model and Functional, Graph and Merge of Keras 1, "
                  "Pipeline, InputLayer, Lambda, RNN of LSTMCell, GRUCell or SimpleRNNCell (one, "
                  "or several in StackedRNNCells), SpectralNormalization, which at inference is "
                  "the layer in it, TFOpLambda, SlicingOpLambda, TensorFlowOpLayer and the "
                  "operations of keras.ops. What changes its input in training alone (RandAugment, "
                  "MixUp, …) is Identity.\n\n"
                  "Any other class becomes a node that names an op, with its configuration as "
                  "attributes and its weights as inputs; so does a layer whose options mean what "
                  "the layer here does not do. Of Keras' own: ",
                  absl::StrJoin(ClassesNotHere(), ", "), ".\n");
  absl::StrAppend(&page, "\n## Calls\n\n",
                  "What Lambdas and operations may call. Lambdas are read as Python 2.7 and 3.3 to "
                  "3.14 store them.\n\n| call | in |\n|---|---|\n");
  for (const auto& [name, modules] : CallsByName())
    absl::StrAppend(&page, "| ", name, " | ", absl::StrJoin(modules, ", "), " |\n");
  return page;
}

}  // namespace nomograph::keras

// Layers without weights that a Lambda makes and calls: keras.layers.Flatten()(x). Making one is a
// call that keeps its arguments; what is made is a method of them, "layer.Flatten".
#include <algorithm>

#include "absl/strings/ascii.h"
#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

RuleResult Make(CallContext& call) {
  std::vector<PyValue> arguments;
  for (int i = 0; i < call.size(); ++i) arguments.push_back(call.Get(i));
  PyArena& arena = call.interpreter().arena();
  const std::string name = call.name().substr(call.name().rfind('.') + 1);
  return arena.Make(Kind::kMethod, {arena.Tuple(std::move(arguments))}, "layer." + name);
}

// The layer's class, and an argument that it was made with.
std::string ClassOf(const CallContext& call) { return call.name().substr(6); }
const PyValue& Made(const CallContext& call, int i) { return call.Get("self").heap->items[i]; }

RuleResult Apply(CallContext& call, const std::string& function, std::vector<PyValue> more) {
  more.insert(more.begin(), call.Get("x"));
  return call.interpreter().CallKnown(function, {std::move(more), {}});
}

// Training alone has an effect.
RuleResult Nothing(CallContext& call) { return call.Get("x"); }

RuleResult Flatten(CallContext& call) { return Apply(call, "keras.backend.batch_flatten", {}); }

RuleResult Activation(CallContext& call) {
  const PyValue& activation = Made(call, 0);
  if (!activation.is(Kind::kText)) {
    return call.interpreter().Call(activation, {{call.Get("x")}, {}});
  }
  return Apply(call, absl::StrCat("keras.activations.", activation.heap->text), {});
}

// Layers that are a function with the same arguments.
RuleResult Function(CallContext& call) {
  const std::string name = absl::AsciiStrToLower(ClassOf(call));
  if (name == "relu") {
    return Apply(call, "keras.backend.relu", {Made(call, 1), Made(call, 0), Made(call, 2)});
  }
  if (name == "repeatvector") return Apply(call, "keras.backend.repeat", {Made(call, 0)});
  return Apply(call,
               name == "leakyrelu" ? "keras.activations.leaky_relu" : "keras.activations." + name,
               {Made(call, 0)});
}

// Sizes or axes behind the batch's.
RuleResult Shaped(CallContext& call) {
  const bool reshape = ClassOf(call) == "Reshape";
  NOMO_ASSIGN_OR_RETURN(std::vector<PyValue> sizes, call.interpreter().Elements(Made(call, 0)));
  sizes.insert(sizes.begin(), PyValue::Int(reshape ? -1 : 0));
  const bool free = reshape && std::any_of(sizes.begin() + 1, sizes.end(), [](const PyValue& size) {
                      return size.is_integer() && size.number == -1;
                    });
  if (free) {
    NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
    NOMO_ASSIGN_OR_RETURN(const PyValue shape, call.interpreter().ShapeOf(x));
    sizes[0] = shape.heap->items[0];
  }
  return Apply(call, reshape ? "keras.backend.reshape" : "keras.backend.permute_dimensions",
               {call.interpreter().arena().Tuple(std::move(sizes))});
}

RuleResult UpSampling(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(Ints sizes, call.interpreter().ToInts(Made(call, 0)));
  if (sizes.size() == 1) sizes.push_back(sizes[0]);
  if (sizes.size() != 2) return InvalidArgument("size: expected two numbers");
  return Apply(call, "keras.backend.resize_images",
               {PyValue::Int(sizes[0]), PyValue::Int(sizes[1]), Made(call, 1), Made(call, 2)});
}

RuleResult Padding(CallContext& call) {
  return Apply(call,
               ClassOf(call) == "ZeroPadding1D" ? "keras.backend.temporal_padding"
                                                : "keras.backend.spatial_2d_padding",
               {Made(call, 0), Made(call, 1)});
}

RuleResult Pooling(CallContext& call) {
  const bool max = absl::StartsWith(ClassOf(call), "Max");
  const PyValue& strides = Made(call, 1);
  return Apply(call, "keras.backend.pool2d",
               {Made(call, 0), strides.is(Kind::kNone) ? Made(call, 0) : strides, Made(call, 2),
                Made(call, 3), call.interpreter().arena().Text(max ? "max" : "avg")});
}

// Over all axes between batch and channels.
RuleResult GlobalPooling(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const Value x, call.Tensor("x"));
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  const PyValue& format = Made(call, 0);
  const bool first = format.is(Kind::kText) ? format.heap->text == "channels_first"
                                            : call.interpreter().options().channels_first;
  std::vector<PyValue> axes;
  for (int i = 1; i + 1 < rank; ++i) axes.push_back(PyValue::Int(first ? i + 1 : i));
  const bool max = absl::StrContains(ClassOf(call), "Max");
  return Apply(call, max ? "keras.backend.max" : "keras.backend.mean",
               {call.interpreter().arena().List(std::move(axes)), Made(call, 1)});
}

// Of a list of tensors: the function of the same name in small letters.
RuleResult Merging(CallContext& call) {
  std::vector<PyValue> more;
  if (!call.Get("self").heap->items.empty()) more = call.Get("self").heap->items;
  return Apply(call, absl::StrCat("keras.layers.", absl::AsciiStrToLower(ClassOf(call))),
               std::move(more));
}

RuleResult LambdaObject(CallContext& call) {
  return call.interpreter().Call(Made(call, 0), {{call.Get("x")}, {}});
}

const CallRegistrar kRules[] = {
    {"keras.layers.{Flatten,GaussianNoise,GaussianDropout,AlphaDropout}(a=None,b=None)", Make},
    {"keras.layers.{Dropout,SpatialDropout1D,SpatialDropout2D,SpatialDropout3D}(rate=None,"
     "noise_shape|data_format=None,seed=None)",
     Make},
    {"keras.layers.Activation(activation)", Make},
    {"keras.layers.ReLU(max_value=None,negative_slope=0,threshold=0)", Make},
    {"keras.layers.LeakyReLU(alpha|negative_slope=0.3)", Make},
    {"keras.layers.ELU(alpha=1)", Make},
    {"keras.layers.Softmax(axis=-1)", Make},
    {"keras.layers.Reshape(target_shape)", Make},
    {"keras.layers.Permute(dims)", Make},
    {"keras.layers.RepeatVector(n)", Make},
    {"keras.layers.UpSampling2D(size=2,data_format=None,interpolation=nearest)", Make},
    {"keras.layers.{ZeroPadding1D,ZeroPadding2D}(padding=1,data_format=None)", Make},
    {"keras.layers.{MaxPooling2D,MaxPool2D,AveragePooling2D,AvgPool2D}(pool_size=2,strides=None,"
     "padding=valid,data_format=None)",
     Make},
    {"keras.layers.{GlobalAveragePooling1D,GlobalAveragePooling2D,GlobalAveragePooling3D,"
     "GlobalMaxPooling1D,GlobalMaxPooling2D,GlobalMaxPooling3D}(data_format=None,keepdims=False)",
     Make},
    {"keras.layers.Concatenate(axis=-1)", Make},
    {"keras.layers.{Add,Subtract,Multiply,Average,Maximum,Minimum}()", Make},
    {"keras.layers.Dot(axes,normalize=False)", Make},
    {"keras.layers.Lambda(function,output_shape=None)", Make},
    {"layer.{Dropout,SpatialDropout1D,SpatialDropout2D,SpatialDropout3D,GaussianNoise,"
     "GaussianDropout,AlphaDropout}(self,x|inputs,training=None)",
     Nothing},
    {"layer.Flatten(self,x|inputs)", Flatten},
    {"layer.Activation(self,x|inputs)", Activation},
    {"layer.{ReLU,LeakyReLU,ELU,Softmax,RepeatVector}(self,x|inputs)", Function},
    {"layer.{Reshape,Permute}(self,x|inputs)", Shaped},
    {"layer.UpSampling2D(self,x|inputs)", UpSampling},
    {"layer.{ZeroPadding1D,ZeroPadding2D}(self,x|inputs)", Padding},
    {"layer.{MaxPooling2D,MaxPool2D,AveragePooling2D,AvgPool2D}(self,x|inputs)", Pooling},
    {"layer.{GlobalAveragePooling1D,GlobalAveragePooling2D,GlobalAveragePooling3D,"
     "GlobalMaxPooling1D,GlobalMaxPooling2D,GlobalMaxPooling3D}(self,x|inputs)",
     GlobalPooling},
    {"layer.{Concatenate,Add,Subtract,Multiply,Average,Maximum,Minimum,Dot}(self,x|inputs)",
     Merging},
    {"layer.Lambda(self,x|inputs)", LambdaObject},
};

}  // namespace
}  // namespace nomograph::keras

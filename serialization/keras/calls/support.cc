#include "nomograph/serialization/keras/calls/support.h"

#include <algorithm>

namespace nomograph::keras {

absl::StatusOr<int> RankOf(const Value& x) {
  NOMO_RETURN_IF_ERROR(x.status());
  if (x.shape().has_rank()) return x.shape().rank();
  return absl::UnimplementedError(
      absl::StrCat("the number of axes of ", x.type().ToString(), " is not known"));
}

absl::StatusOr<Ints> NormalAxes(const Value& x, Ints axes) {
  NOMO_ASSIGN_OR_RETURN(const int rank, RankOf(x));
  for (int64_t& axis : axes) {
    NOMO_ASSIGN_OR_RETURN(axis, NormalizeAxis(axis, rank));
  }
  return axes;
}

absl::StatusOr<bool> ChannelsFirst(const CallContext& call, absl::string_view parameter) {
  if (!call.Has(parameter)) {
    return const_cast<CallContext&>(call).interpreter().options().channels_first;
  }
  NOMO_ASSIGN_OR_RETURN(const std::string text, call.Text(parameter));
  if (text == "default") {  // Keras 1
    return const_cast<CallContext&>(call).interpreter().options().channels_first;
  }
  for (const char* first : {"channels_first", "NCHW", "NCW", "NCDHW", "th"}) {
    if (text == first) return true;
  }
  for (const char* last : {"channels_last", "NHWC", "NWC", "NDHWC", "tf"}) {
    if (text == last) return false;
  }
  return InvalidArgument(parameter, ": expected channels_first or channels_last");
}

absl::StatusOr<Value> FloatTensor(CallContext& call, absl::string_view parameter) {
  auto tensors = call.interpreter().Promote({call.Get(parameter)}, kFloats);
  if (!tensors.ok()) return Annotate(tensors.status(), parameter);
  return (*tensors)[0];
}

absl::StatusOr<std::vector<Value>> Together(CallContext& call,
                                            std::initializer_list<absl::string_view> parameters,
                                            DTypeSet allowed) {
  std::vector<PyValue> values;
  for (const absl::string_view parameter : parameters) values.push_back(call.Get(parameter));
  return call.interpreter().Promote(values, allowed);
}

absl::Status SetShape(Interpreter& interpreter, const std::vector<PyValue>& sizes,
                      absl::string_view attr, std::vector<Value>& inputs, Attributes& attrs) {
  const bool known = std::all_of(sizes.begin(), sizes.end(),
                                 [](const PyValue& size) { return size.is_integer(); });
  if (known) {
    Ints ints;
    for (const PyValue& size : sizes) ints.push_back(size.number);
    attrs.Set(attr, std::move(ints));
    return absl::OkStatus();
  }
  NOMO_ASSIGN_OR_RETURN(const PyValue shape, interpreter.MakeShape(sizes));
  inputs.push_back(shape.heap->tensor);
  return absl::OkStatus();
}

absl::StatusOr<Value> ReshapeTo(Interpreter& interpreter, const Value& x,
                                const std::vector<PyValue>& sizes) {
  const auto same_place = [&](size_t i) {
    const PyValue& size = sizes[i];
    return size.is(Kind::kTensor) && size.heap->size_axis == static_cast<int>(i) &&
           size.heap->size_of.valid() && size.heap->size_of.expr() == x.expr() &&
           size.heap->size_of.output() == x.output();
  };
  // 0 is the input's own size, -1 what the others leave.
  Ints ints;
  int left = 0, zeros = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const bool number = sizes[i].is_integer();
    if (number && sizes[i].number < -1) return InvalidArgument("a size of ", sizes[i].number);
    const int64_t size = number ? sizes[i].number : same_place(i) ? 0 : -1;
    left += size == -1;
    zeros += number && size == 0;
    ints.push_back(size);
  }
  // An empty tensor's sizes say nothing of one another.
  Attributes attrs;
  std::vector<Value> inputs = {x};
  if (left <= 1 && zeros == 0) {
    attrs.Set("shape", std::move(ints));
  } else {
    NOMO_RETURN_IF_ERROR(SetShape(interpreter, sizes, "shape", inputs, attrs));
    attrs.Set("allowzero", true);
  }
  // What is known of the result where its shape is computed.
  CallOptions options;
  if (inputs.size() > 1) {
    std::vector<Dim> dims;
    for (const PyValue& size : sizes) {
      const bool symbol = size.is(Kind::kTensor) && size.heap->size_of.valid();
      dims.push_back(size.is_integer() && size.number >= 0 ? Dim(size.number)
                     : symbol ? size.heap->size_of.shape()[size.heap->size_axis]
                              : Dim());
    }
    options.output_types = {{x.dtype(), PartialShape(std::move(dims))}};
  }
  const Value reshaped = Call("array.Reshape", inputs, attrs, options);
  NOMO_RETURN_IF_ERROR(reshaped.status());
  return reshaped;
}

absl::StatusOr<Value> Filled(Interpreter& interpreter, const std::vector<PyValue>& sizes,
                             const Tensor& value) {
  std::vector<Value> inputs;
  Attributes attrs = {{"value", value}};
  NOMO_RETURN_IF_ERROR(SetShape(interpreter, sizes, "shape", inputs, attrs));
  const Value filled = Call("array.ConstantOfShape", inputs, attrs);
  NOMO_RETURN_IF_ERROR(filled.status());
  return filled;
}

}  // namespace nomograph::keras

// Elementwise ops from a function on scalars: the shortest way to an op.
//
//   NOMO_REGISTER_OP(ElementwiseOp("acme.SoftCap", FloatTypes{}, [](const Attributes& attrs) {
//                      const double cap = attrs.Float("cap");
//                      return [cap](auto x) { return decltype(x)(cap * exact::Tanh(x / cap)); };
//                    })
//                        .Doc("y = cap * tanh(x / cap): limits x smoothly to (-cap, cap).")
//                        .Attr("cap", 30.0, "the limit, in the units of x").Min(0));
#ifndef NOMOGRAPH_CORE_ELEMENTWISE_H_
#define NOMOGRAPH_CORE_ELEMENTWISE_H_

#include <array>
#include <tuple>
#include <utility>

#include "nomograph/core/op.h"

namespace nomograph {
namespace internal {

// Calls `row(inputs, strides, output, count)` over rows that together cover the output; a stride is 1 where the input runs
// along with the output and 0 where it stays. Both are in elements.
using RowFn = std::function<void(const std::byte* const* inputs, const int64_t* strides, std::byte* output, int64_t count)>;
void ForEachRow(KernelContext& context, const RowFn& row);

// The types and ports of an elementwise op of `arity` inputs; `result` is "T", or "bool" for predicates.
OpDef ElementwiseSchema(std::string name, int version, int arity, DTypeSet types, absl::string_view result);

template <typename F, typename T, int kArity>
constexpr bool TakesArguments() {
  return []<size_t... I>(std::index_sequence<I...>) {
    return std::is_invocable_v<F, decltype((void)I, std::declval<T>())...>;
  }(std::make_index_sequence<kArity>{});
}

// How many scalars F takes.
template <typename F, typename T>
constexpr int Arity() {
  if constexpr (TakesArguments<F, T, 1>()) return 1;
  else if constexpr (TakesArguments<F, T, 2>()) return 2;
  else if constexpr (TakesArguments<F, T, 3>()) return 3;
  else if constexpr (TakesArguments<F, T, 4>()) return 4;
  else return 0;
}

template <typename T, typename F, size_t... I>
void ComputeRow(const F& f, const std::byte* const* inputs, const int64_t* strides, std::byte* output, int64_t count,
                std::index_sequence<I...>) {
  using C = ComputeType<T>;
  using Result = std::decay_t<decltype(f((void(I), C{})...))>;
  using Out = std::conditional_t<std::is_same_v<Result, bool>, bool, T>;
  const std::array<const T*, sizeof...(I)> in = {reinterpret_cast<const T*>(inputs[I])...};
  auto* out = reinterpret_cast<Out*>(output);
  if (((strides[I] == 1) && ...)) {  // the common case in a form that the compiler vectorises
    for (int64_t i = 0; i < count; ++i) out[i] = static_cast<Out>(f(static_cast<C>(in[I][i])...));
    return;
  }
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<Out>(f(static_cast<C>(in[I][i * strides[I]])...));
}

// The lambda itself, or what it yields for the node's attributes.
template <typename F>
auto Bind(const F& f, const Attributes& attrs) {
  if constexpr (std::is_invocable_v<F, const Attributes&>) {
    return f(attrs);
  } else {
    return f;
  }
}

}  // namespace internal

// A kernel that applies `f` to every element, with NumPy broadcasting of its 1 to 4 inputs of one dtype. `f` takes
// scalars (float for the 16-bit types) and yields one, or bool for a predicate; or it takes the node's Attributes and
// yields such a function.
template <typename... Ts, typename F>
ComputeFn ElementwiseKernel(TypeList<Ts...> types, F f) {
  return [types, f](KernelContext& context) -> absl::Status {
    const auto bound = internal::Bind(f, context.attrs());
    Dispatch(types, context.input_dtype(0), [&]<typename T>() {
      constexpr int kArity = internal::Arity<decltype(bound), ComputeType<T>>();
      static_assert(kArity > 0, "the function must take 1 to 4 scalars");
      internal::ForEachRow(context, [&](const std::byte* const* inputs, const int64_t* strides, std::byte* output,
                                        int64_t count) {
        internal::ComputeRow<T>(bound, inputs, strides, output, count, std::make_index_sequence<kArity>{});
      });
    });
    return absl::OkStatus();
  };
}

// The whole op: inputs named x, or a and b, or a, b and c; dtypes from `types`; shapes broadcast; in place where it can.
// Left to add: Doc, Attr, Examples.
template <typename... Ts, typename F>
OpDef ElementwiseOp(std::string name, TypeList<Ts...> types, F f, int version = 1) {
  using First = ComputeType<std::tuple_element_t<0, std::tuple<Ts...>>>;
  using Bound = decltype(internal::Bind(f, std::declval<const Attributes&>()));
  constexpr int kArity = internal::Arity<Bound, First>();
  static_assert(kArity > 0, "the function must take 1 to 4 scalars");
  constexpr bool kPredicate = []<size_t... I>(std::index_sequence<I...>) {
    return std::is_same_v<std::invoke_result_t<Bound, decltype((void)I, First{})...>, bool> && !std::is_same_v<First, bool>;
  }(std::make_index_sequence<kArity>{});
  OpDef op = internal::ElementwiseSchema(std::move(name), version, kArity, DTypesOf(types), kPredicate ? "bool" : "T");
  op.Reference(ElementwiseKernel(types, std::move(f)));
  return op;
}

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_ELEMENTWISE_H_

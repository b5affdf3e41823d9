// Elementwise ops from a function on scalars: the shortest way to an op.
//
//   NOMO_REGISTER_OP(ElementwiseOp("acme.SoftCap", FloatTypes{}, [](const Attributes& attrs) {
//                      const double cap = attrs.Float("cap");
//                      return [cap](auto x) { return cap * exact::Tanh(x / cap); };
//                    })
//                        .Doc("y = cap * tanh(x / cap): limits x smoothly to (-cap, cap).")
//                        .Attr("cap", 30.0, "the limit, in the units of x").Min(0)
//                        .Examples(ExampleTable().Rows(kFloats, {{0, 0}, {1e9, 30}})));
#ifndef NOMOGRAPH_CORE_OP_ELEMENTWISE_H_
#define NOMOGRAPH_CORE_OP_ELEMENTWISE_H_

#include <array>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "absl/functional/function_ref.h"
#include "nomograph/core/op/example_table.h"
#include "nomograph/core/op/op.h"

namespace nomograph {

// Calls `row(inputs, output, count)` for runs of elements that together cover output 0. `inputs`
// has an array of `count` elements for each of the node's inputs, which broadcast to the output's
// shape: where an input stays put along the run, its element has been repeated. With several
// threads it is called by all of them at once.
using RowFn =
    absl::FunctionRef<void(const std::byte* const* inputs, std::byte* output, int64_t count)>;
void ForEachRow(KernelContext& context, RowFn row, int threads = 1);

namespace internal {

// The types and ports of an elementwise op of `arity` inputs; `result` is "T", or "bool" for
// predicates.
OpDef ElementwiseSchema(std::string name, int version, int arity, DTypeSet types,
                        absl::string_view result);

template <typename F, typename T, int kArity>
constexpr bool TakesArguments() {
  return []<size_t... I>(std::index_sequence<I...>) {
    return std::is_invocable_v<F, decltype((void)I, std::declval<T>())...>;
  }
  (std::make_index_sequence<kArity>{});
}

// How many scalars F takes.
template <typename F, typename T>
constexpr int Arity() {
  if constexpr (TakesArguments<F, T, 1>())
    return 1;
  else if constexpr (TakesArguments<F, T, 2>())
    return 2;
  else if constexpr (TakesArguments<F, T, 3>())
    return 3;
  else if constexpr (TakesArguments<F, T, 4>())
    return 4;
  else
    return 0;
}

template <typename T, typename F, size_t... I>
void ComputeRow(const F& f, const std::byte* const* inputs, std::byte* output, int64_t count,
                std::index_sequence<I...>) {
  using C = ComputeType<T>;
  using Result = std::decay_t<decltype(f((void(I), C{})...))>;
  using Out = std::conditional_t<std::is_same_v<Result, bool>, bool, T>;
  const std::array<const T*, sizeof...(I)> in = {reinterpret_cast<const T*>(inputs[I])...};
  auto* out = reinterpret_cast<Out*>(output);
  // An input's memory may be the output's, but then element i lies in the same place.
#ifdef _OPENMP  // a user's code may be compiled without
#pragma omp simd
#endif
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<Out>(f(static_cast<C>(in[I][i])...));
}

// Whether F yields the scalar function for a node's attributes. The operator of a lambda with
// `auto` parameters is a template, which has no address: it is the scalar function itself.
template <typename F>
concept TakesAttributes = requires {
  &F::operator();
}
&&std::is_invocable_v<F, const Attributes&>;

// The scalar function for a node's attributes.
template <typename F>
auto Bind(const F& f, const Attributes& attrs) {
  if constexpr (TakesAttributes<F>) {
    return f(attrs);
  } else {
    return f;
  }
}

}  // namespace internal

// A kernel that applies `f` to every element, with NumPy broadcasting of its 1 to 4 inputs of one
// dtype. `f` takes scalars (float for the 16-bit types) and yields one, or bool for a predicate; or
// it takes the node's Attributes and yields such a function.
template <typename... Ts, typename F>
ComputeFn ElementwiseKernel(TypeList<Ts...> types, F f, int threads = 1) {
  return [types, f, threads](KernelContext& context) -> absl::Status {
    const auto bound = internal::Bind(f, context.attrs());
    Dispatch(types, context.input_dtype(0), [&]<typename T>() {
      constexpr int kArity = internal::Arity<decltype(bound), ComputeType<T>>();
      static_assert(kArity > 0, "the function must take 1 to 4 scalars");
      ForEachRow(
          context,
          [&](const std::byte* const* inputs, std::byte* output, int64_t count) {
            internal::ComputeRow<T>(bound, inputs, output, count,
                                    std::make_index_sequence<kArity>{});
          },
          threads);
    });
    return absl::OkStatus();
  };
}

// For OpDef::Fast: the same with a function that is faster than the reference kernel's, for the
// dtypes of `types`.
template <typename... Ts, typename F>
PrepareFn FastElementwise(TypeList<Ts...> types, F f) {
  return [types, f](const PrepareContext& context) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    if (!DTypesOf(types).Contains(context.inputs[0].dtype)) return nullptr;
    return MakeComputeKernel(
        ElementwiseKernel(types, internal::Bind(f, context.attrs), context.threads), "loop");
  };
}

// The whole op: inputs named x, or a and b, or a, b and c; dtypes from `types`; shapes broadcast;
// in place where it can. Left to add: Doc, Attr, Examples.
template <typename... Ts, typename F>
OpDef ElementwiseOp(std::string name, TypeList<Ts...> types, F f, int version = 1) {
  using First = ComputeType<std::tuple_element_t<0, std::tuple<Ts...>>>;
  using Bound = decltype(internal::Bind(f, std::declval<const Attributes&>()));
  constexpr int kArity = internal::Arity<Bound, First>();
  static_assert(kArity > 0, "the function must take 1 to 4 scalars");
  constexpr bool kPredicate = []<size_t... I>(std::index_sequence<I...>) {
    return std::is_same_v<std::invoke_result_t<Bound, decltype((void)I, First{})...>, bool> &&
           !std::is_same_v<First, bool>;
  }
  (std::make_index_sequence<kArity>{});
  OpDef op = internal::ElementwiseSchema(std::move(name), version, kArity, DTypesOf(types),
                                         kPredicate ? "bool" : "T");
  op.Reference(ElementwiseKernel(types, std::move(f)));
  return op;
}

// An op of one floating-point input that a function of one number defines: `exact`
// (core/numeric/exact_math.h) is the specification; `fast` (<cmath>), where given, is used for
// float32 and the 16-bit types.
OpDef FloatFunctionOp(std::string name, double (*exact)(double), float (*fast)(float) = nullptr);

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_OP_ELEMENTWISE_H_

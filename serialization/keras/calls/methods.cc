// Methods of values. Those of tensors that are functions of modules, too, are rules of these.
#include <algorithm>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "nomograph/serialization/keras/calls/support.h"

namespace nomograph::keras {
namespace {

RuleResult Self(CallContext& call) { return call.Get("self"); }

RuleResult TensorShape(CallContext& call) {
  return call.interpreter().Attribute(call.Get("self"), "shape");
}

// x.reshape(2, 3) and x.reshape((2, 3)).
RuleResult TensorReshape(CallContext& call) {
  const std::vector<PyValue>& sizes = call.Get("shape").heap->items;
  const bool one = sizes.size() == 1 && !sizes[0].is_number();
  return call.interpreter().CallKnown("np.reshape",
                                      {{call.Get("self"), one ? sizes[0] : call.Get("shape")}, {}});
}

RuleResult TensorTranspose(CallContext& call) {
  const std::vector<PyValue>& axes = call.Get("axes").heap->items;
  const bool one = axes.size() == 1 && !axes[0].is_number();
  PyArguments arguments{{call.Get("self")}, {}};
  if (!axes.empty()) arguments.positional.push_back(one ? axes[0] : call.Get("axes"));
  return call.interpreter().CallKnown("np.transpose", std::move(arguments));
}

RuleResult AsList(CallContext& call) {
  return call.interpreter().arena().List(call.Get("self").heap->items);
}

RuleResult Append(CallContext& call) {
  NOMO_RETURN_IF_ERROR(call.interpreter().SpendElements(1));
  call.Get("self").heap->items.push_back(call.Get("x"));
  return PyValue::None();
}

RuleResult Extend(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> more,
                        call.interpreter().Elements(call.Get("x")));
  std::vector<PyValue>& items = call.Get("self").heap->items;
  items.insert(items.end(), more.begin(), more.end());
  return PyValue::None();
}

RuleResult Insert(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(int64_t index, call.Int("index"));
  std::vector<PyValue>& items = call.Get("self").heap->items;
  const int64_t size = static_cast<int64_t>(items.size());
  NOMO_RETURN_IF_ERROR(call.interpreter().SpendElements(size / 16 + 1));
  if (index < 0) index += size;
  items.insert(items.begin() + std::clamp<int64_t>(index, 0, size), call.Get("x"));
  return PyValue::None();
}

RuleResult PopItem(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(int64_t index, call.Int("index"));
  std::vector<PyValue>& items = call.Get("self").heap->items;
  const int64_t size = static_cast<int64_t>(items.size());
  if (index < 0) index += size;
  if (index < 0 || index >= size) return InvalidArgument("element ", index, " of ", size);
  NOMO_RETURN_IF_ERROR(call.interpreter().SpendElements(size / 16 + 1));
  const PyValue item = items[index];
  items.erase(items.begin() + index);
  return item;
}

RuleResult IndexOfItem(CallContext& call) {
  const std::vector<PyValue>& items = call.Get("self").heap->items;
  for (size_t i = 0; i < items.size(); ++i) {
    NOMO_ASSIGN_OR_RETURN(const bool equal, call.interpreter().Equal(items[i], call.Get("x")));
    if (equal) return PyValue::Int(static_cast<int64_t>(i));
  }
  return InvalidArgument(Describe(call.Get("x")), " is not in the list");
}

RuleResult Product(CallContext& call) {
  PyValue product = PyValue::Int(1);
  for (const PyValue& size : call.Get("self").heap->items) {
    NOMO_ASSIGN_OR_RETURN(product,
                          call.interpreter().Binary(BinaryOperator::kMultiply, product, size));
  }
  return product;
}

RuleResult DictGet(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const PyValue has, call.interpreter().Compare(
                                               Comparison::kIn, call.Get("key"), call.Get("self")));
  if (has.number == 0) return call.Get("absent");
  return call.interpreter().Subscript(call.Get("self"), call.Get("key"));
}

RuleResult DictList(CallContext& call) {
  PyArena& arena = call.interpreter().arena();
  const std::vector<PyValue>& items = call.Get("self").heap->items;
  NOMO_RETURN_IF_ERROR(call.interpreter().SpendElements(items.size()));
  std::vector<PyValue> list;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    list.push_back(absl::EndsWith(call.name(), "keys")     ? items[i]
                   : absl::EndsWith(call.name(), "values") ? items[i + 1]
                                                           : arena.Tuple({items[i], items[i + 1]}));
  }
  return arena.List(std::move(list));
}

RuleResult Case(CallContext& call) {
  std::string text = call.Get("self").heap->text;
  const bool upper = absl::EndsWith(call.name(), "upper");
  std::transform(text.begin(), text.end(), text.begin(),
                 [upper](char c) { return upper ? std::toupper(c) : std::tolower(c); });
  return call.interpreter().arena().Text(std::move(text));
}

// What is made of values names things or is printed.
RuleResult Format(CallContext& call) { return call.interpreter().arena().Text("..."); }

RuleResult CountItem(CallContext& call) {
  int64_t count = 0;
  for (const PyValue& item : call.Get("self").heap->items) {
    NOMO_ASSIGN_OR_RETURN(const bool equal, call.interpreter().Equal(item, call.Get("x")));
    count += equal;
  }
  return PyValue::Int(count);
}

RuleResult ReverseItems(CallContext& call) {
  std::vector<PyValue>& items = call.Get("self").heap->items;
  NOMO_RETURN_IF_ERROR(call.interpreter().SpendElements(items.size()));
  std::reverse(items.begin(), items.end());
  return PyValue::None();
}

RuleResult SortItems(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(
      const PyValue sorted,
      call.interpreter().CallKnown("builtins.sorted",
                                   {{call.Get("self"), call.Get("key"), call.Get("reverse")}, {}}));
  call.Get("self").heap->items = sorted.heap->items;
  return PyValue::None();
}

RuleResult UpdateDict(CallContext& call) {
  const PyValue& more = call.Get("more");
  const std::vector<PyValue> pairs =
      more.is(Kind::kDict) ? more.heap->items : std::vector<PyValue>();
  std::vector<PyValue> all = pairs;
  const std::vector<PyValue>& keywords = call.Get("keywords").heap->items;
  all.insert(all.end(), keywords.begin(), keywords.end());
  if (call.Has("more") && !more.is(Kind::kDict)) return absl::UnimplementedError("of pairs");
  for (size_t i = 0; i + 1 < all.size(); i += 2) {
    NOMO_RETURN_IF_ERROR(call.interpreter().StoreSubscript(call.Get("self"), all[i], all[i + 1]));
  }
  return PyValue::None();
}

// A list of the parts of a text between separators.
RuleResult SplitText(CallContext& call) {
  const std::string& text = call.Get("self").heap->text;
  NOMO_ASSIGN_OR_RETURN(const std::string separator, call.Text("separator", ""));
  NOMO_RETURN_IF_ERROR(call.interpreter().SpendElements(text.size()));
  std::vector<PyValue> parts;
  const std::vector<std::string> split =
      separator.empty() ? std::vector<std::string>(
                              absl::StrSplit(text, absl::ByAnyChar(" \t\n\r"), absl::SkipEmpty()))
                        : std::vector<std::string>(absl::StrSplit(text, separator));
  for (const std::string& part : split) parts.push_back(call.interpreter().arena().Text(part));
  return call.interpreter().arena().List(std::move(parts));
}

RuleResult ReplaceText(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::string from, call.Text("old"));
  NOMO_ASSIGN_OR_RETURN(const std::string to, call.Text("new"));
  const std::string& text = call.Get("self").heap->text;
  const int64_t size = static_cast<int64_t>(text.size() + 1);
  NOMO_RETURN_IF_ERROR(call.interpreter().SpendElements(
      SaturatingMultiply(size, static_cast<int64_t>(to.size() + 1))));
  if (from.empty()) return absl::UnimplementedError("of nothing");
  return call.interpreter().arena().Text(absl::StrReplaceAll(text, {{from, to}}));
}

RuleResult StartsWith(CallContext& call) {
  NOMO_ASSIGN_OR_RETURN(const std::string prefix, call.Text("prefix"));
  const std::string& text = call.Get("self").heap->text;
  return PyValue::Bool(absl::EndsWith(call.name(), "startswith") ? absl::StartsWith(text, prefix)
                                                                 : absl::EndsWith(text, prefix));
}

RuleResult Item(CallContext& call) {
  return call.interpreter().Subscript(call.Get("self"), call.Get("index"));
}

const CallRegistrar kRules[] = {
    {"{tensor,list,dict}.__getitem__(self,index)", Item},
    {"tensor.get_shape(self)", TensorShape},
    {"tensor.{numpy,copy,value,read_value,eval},list.{get_shape}(self)", Self},
    {"tensor.reshape(self,*shape)", TensorReshape},
    {"tensor.transpose(self,*axes)", TensorTranspose},
    {"list.{as_list,copy}(self)", AsList},
    {"list.append(self,x)", Append},
    {"list.extend(self,x)", Extend},
    {"list.insert(self,index,x)", Insert},
    {"list.pop(self,index=-1)", PopItem},
    {"list.index(self,x)", IndexOfItem},
    {"list.num_elements(self)", Product},
    {"dict.get(self,key,absent=None)", DictGet},
    {"dict.{keys,values,items}(self)", DictList},
    {"text.{lower,upper}(self)", Case},
    {"text.{format,join}(self,*values)", Format},
    {"text.{startswith,endswith}(self,prefix)", StartsWith},
    {"text.split(self,separator=None)", SplitText},
    {"text.replace(self,old,new)", ReplaceText},
    {"list.count(self,x)", CountItem},
    {"list.reverse(self)", ReverseItems},
    {"list.sort(self,key=None,reverse=False)", SortItems},
    {"dict.update(self,more=None,**keywords)", UpdateDict},
};

}  // namespace
}  // namespace nomograph::keras

#include "nomograph/serialization/keras/python/decompiler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/serialization/keras/python/decompiler_walk.h"
#include "nomograph/serialization/keras/python/opcodes.h"

namespace nomograph::keras {
namespace internal {
namespace {

constexpr int kMaxSteps = 20000, kMaxDepth = 40;

}  // namespace

Decompiler::Way Decompiler::Walk(int at, Stack stack, int head, int depth) {
  Way way;
  if (depth > kMaxDepth) failed_ = true;
  while (!failed_) {
    if (++steps_ > kMaxSteps || at >= static_cast<int>(code_.instructions.size())) {
      failed_ = true;
      break;
    }
    const Instruction& instruction = code_.instructions[at];
    switch (instruction.act) {
      case Act::kReturn:
      case Act::kReturnConstant:
        way.returns = true;
        way.result = instruction.act == Act::kReturn ? Pop(stack) : Constant(instruction.arg);
        way.stack = std::move(stack);
        return way;
      case Act::kJump:
        if (instruction.arg == head) {
          way.stack = std::move(stack);
          return way;
        }
        if (instruction.arg <= at) failed_ = true;
        at = instruction.arg;
        continue;
      case Act::kFor:
        at = Loop(instruction, at, stack, way, depth);
        if (at < 0) failed_ = true;
        continue;
      case Act::kJumpIfFalse:
      case Act::kJumpIfTrue:
      case Act::kJumpIfFalseOrPop:
      case Act::kJumpIfTrueOrPop:
      case Act::kJumpIfNone:
      case Act::kJumpIfNotNone:
        Choose(instruction, at, stack, way, head, depth);
        return way;
      case Act::kYield: {
        // In a generator expression: what the loop yields.
        if (stack.empty()) {
          failed_ = true;
          break;
        }
        for (Text& text : stack) {
          if (text.text == "<generator>") text.item = stack.back().text;
        }
        break;
      }
      default:
        Step(instruction, stack, way);
    }
    ++at;
  }
  return way;
}

void Decompiler::AppendIf(const std::string& condition, const std::vector<std::string>& then,
                          const std::vector<std::string>& other, Way& way) {
  way.lines.push_back(absl::StrCat("if ", condition, ":"));
  if (then.empty()) way.lines.push_back(absl::StrCat(kIndent, "pass"));
  for (const std::string& line : then) way.lines.push_back(absl::StrCat(kIndent, line));
  if (!other.empty()) way.lines.push_back("else:");
  for (const std::string& line : other) way.lines.push_back(absl::StrCat(kIndent, line));
}

// Both ways are walked to their ends, which says the same as the source, if not in its words.
void Decompiler::Choose(const Instruction& instruction, int at, Stack& stack, Way& way, int head,
                        int depth) {
  const Act act = instruction.act;
  const bool keep = act == Act::kJumpIfFalseOrPop || act == Act::kJumpIfTrueOrPop;
  const bool on_true = act == Act::kJumpIfTrue || act == Act::kJumpIfTrueOrPop;
  Text condition = Pop(stack);
  const Text tested = condition;
  if (act == Act::kJumpIfNone || act == Act::kJumpIfNotNone) {
    condition.text =
        absl::StrCat(In(condition, kBitOr), act == Act::kJumpIfNone ? " is not None" : " is None");
    condition.binding = kCompare;
  }
  Stack jumped = stack;
  // "and" and "or" of Python 3.12 on copy what they test.
  const bool copied = !keep && !stack.empty() && stack.back().spare && tested.spare &&
                      stack.back().text == tested.text;
  if (keep) jumped.push_back(tested);
  const auto leads_to_head = [&](int to) {
    while (to < static_cast<int>(code_.instructions.size()) - 1 &&
           code_.instructions[to].act == Act::kNop) {
      ++to;
    }
    return to == head ||
           (code_.instructions[to].act == Act::kJump && code_.instructions[to].arg == head);
  };
  const bool jump_skips = leads_to_head(instruction.arg);
  if (head >= 0 && !keep && (jump_skips || leads_to_head(at + 1))) {
    // A filter of a comprehension, or the rest of a loop's body.
    Way rest = Walk(jump_skips ? at + 1 : instruction.arg, std::move(stack), head, depth + 1);
    const std::string text =
        on_true == jump_skips ? absl::StrCat("not ", In(condition, kNot)) : condition.text;
    for (Text& item : rest.stack) {
      if (!item.item.empty()) item.clauses = absl::StrCat(" if ", text, item.clauses);
    }
    if (!rest.lines.empty()) {
      way.lines.push_back(absl::StrCat("if ", text, ":"));
      for (const std::string& line : rest.lines) way.lines.push_back(absl::StrCat(kIndent, line));
    }
    way.stack = std::move(rest.stack);
    if (rest.returns) failed_ = true;
    return;
  }
  Way then = Walk(at + 1, std::move(stack), head, depth + 1);
  Way other = Walk(instruction.arg, std::move(jumped), head, depth + 1);
  if (failed_) return;
  if (!then.returns && !other.returns && head >= 0) {
    // Within a loop the ways go on at its head.
    if (on_true && !keep) std::swap(then, other);
    AppendIf(condition.text, then.lines, other.lines, way);
    way.stack = std::move(then.stack);
    return;
  }
  if (!then.returns || !other.returns) {
    failed_ = true;
    return;
  }
  const bool lines = !then.lines.empty() || !other.lines.empty();
  const bool short_way = keep || (copied && !lines && other.result.text == tested.text);
  if (on_true && !short_way) std::swap(then, other);
  way.returns = true;
  if (!lines) {
    if (short_way && other.result.text == tested.text) {
      const Binding binding = on_true ? kOr : kAnd;
      way.result.text = absl::StrCat(In(tested, binding), on_true ? " or " : " and ",
                                     In(then.result, static_cast<Binding>(binding + 1)));
      way.result.binding = binding;
      return;
    }
    if (on_true && short_way) std::swap(then, other);
    way.result.text = absl::StrCat(In(then.result, kOr), " if ", In(condition, kOr), " else ",
                                   In(other.result, kChoice));
    way.result.binding = kChoice;
    return;
  }
  then.lines.push_back(absl::StrCat("return ", then.result.text));
  AppendIf(condition.text, then.lines, {}, way);
  for (std::string& line : other.lines) way.lines.push_back(std::move(line));
  way.result = other.result;
}

// The variables that take a loop's elements.
std::string Decompiler::Target(int& at, int count) {
  std::vector<std::string> names;
  const int size = static_cast<int>(code_.instructions.size());
  while (count > 0 && at < size) {
    const Instruction& instruction = code_.instructions[at++];
    if (instruction.act == Act::kUnpack) {
      std::string inner = Target(at, instruction.arg);
      names.push_back(depth_ >= 0 && count > 1 ? absl::StrCat("(", inner, ")") : inner);
    } else if (instruction.act == Act::kStore) {
      names.push_back(Shown(code_.variables[instruction.arg]));
    } else {
      failed_ = true;
      break;
    }
    if (steps_ += 1; steps_ > kMaxSteps) failed_ = true;
    --count;
  }
  return absl::StrJoin(names, ", ");
}

int Decompiler::Loop(const Instruction& instruction, int at, Stack& stack, Way& way, int depth) {
  if (stack.empty()) return -1;
  const std::string iterated = In(stack.back(), kChoice);
  int next = at + 1;
  const std::string clause = absl::StrCat(" for ", Target(next, 1), " in ", iterated);
  if (failed_) return -1;
  ++loops_;
  Way body = Walk(next, stack, at, depth + 1);
  --loops_;
  if (failed_ || body.returns || body.stack.size() < stack.size()) return -1;
  bool comprehension = false;
  for (size_t i = 0; i < stack.size(); ++i) {
    if (body.stack[i].item.empty() ||
        (body.stack[i].item == stack[i].item && body.stack[i].clauses == stack[i].clauses)) {
      continue;
    }
    comprehension = true;
    Text& list = stack[i];
    list.item = body.stack[i].item;
    list.clauses = absl::StrCat(clause, body.stack[i].clauses);
    const char open = body.stack[i].text.empty() ? '[' : body.stack[i].text[0];
    list.text = open == '<' ? "<generator>"
                            : absl::StrCat(open == '{' ? "{" : "[", list.item, list.clauses,
                                           open == '{' ? "}" : "]");
    if (static_cast<int64_t>(list.text.size()) > limit_) failed_ = true;
  }
  if (!comprehension) {
    way.lines.push_back(absl::StrCat(clause.substr(1), ":"));
    if (body.lines.empty()) body.lines.push_back("pass");
    for (const std::string& line : body.lines) way.lines.push_back(absl::StrCat(kIndent, line));
  }
  if (code_.versions[0]->end_for_pops == 0) {
    stack.pop_back();
  } else {
    Push(stack, "");
    stack.back().null = true;
  }
  return instruction.arg;
}

}  // namespace internal

std::optional<BodySource> Decompile(const Code& code, int64_t limit, int depth,
                                    const std::string& first_argument) {
  using internal::Decompiler;
  using internal::Stack;
  using internal::Text;
  if (depth > 8) return std::nullopt;
  Decompiler decompiler(code, limit, depth, first_argument);
  Stack stack;
  const bool generator = (code.flags & Code::kGenerator) != 0;
  if (generator) {
    Text text;
    text.text = "<generator>";
    stack.push_back(std::move(text));
  }
  Decompiler::Way way = decompiler.Walk(0, std::move(stack), -1, 0);
  if (decompiler.failed() || !way.returns) return std::nullopt;
  BodySource source{std::move(way.lines), In(way.result, internal::kLambda)};
  if (generator) {
    if (way.stack.empty() || way.stack[0].item.empty()) return std::nullopt;
    source.result = absl::StrCat("(", way.stack[0].item, way.stack[0].clauses, ")");
  }
  return source;
}

}  // namespace nomograph::keras

// Decompiler: the walk of decompiler.cc, a step of which is in decompile_step.cc, with what it
// knows of the stack.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_DECOMPILER_WALK_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_DECOMPILER_WALK_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "nomograph/serialization/keras/python/code.h"
#include "nomograph/serialization/keras/python/opcodes.h"

namespace nomograph::keras::internal {

inline constexpr absl::string_view kIndent = "    ";  // of a level of statements

// How tightly an expression holds together, from a lambda to an atom.
enum Binding {
  kTuple,
  kLambda,
  kChoice,
  kOr,
  kAnd,
  kNot,
  kCompare,
  kBitOr,
  kBitXor,
  kBitAnd,
  kShift,
  kSum,
  kProduct,
  kSign,
  kPower,
  kAtom
};

struct Text {
  std::string text;
  Binding binding = kAtom;
  bool null = false;           // the mark beside a callable
  bool spare = false;          // an iterator or a copy: dropping it says nothing
  bool saved = false;          // a variable put aside for a comprehension
  std::string module;          // of an import: what follows "import" or "from"
  std::string member;          // imported from it
  bool whole = false;          // "import a.b as c", which then takes b from a
  const Code* code = nullptr;  // of a function that is made, or its code
  bool is_function = false;
  std::vector<std::string> items;  // of a tuple, list or dict of literals: its elements
  // Of a list that a loop fills: what is added, and the loops.
  std::string item, clauses;
};

using Stack = std::vector<Text>;

// In parentheses where it holds together less tightly than its place demands.
inline std::string In(const Text& text, Binding place) {
  return text.binding < place ? absl::StrCat("(", text.text, ")") : text.text;
}

class Decompiler {
 public:
  Decompiler(const Code& code, int64_t limit, int depth, std::string first_argument)
      : code_(code), limit_(limit), depth_(depth), first_argument_(std::move(first_argument)) {}

  // What a way through the code comes to.
  struct Way {
    std::vector<std::string> lines;
    bool returns = false;
    Text result;
    Stack stack;  // where it ends at a loop's head
  };

  Way Walk(int at, Stack stack, int head, int depth);
  bool failed() const { return failed_; }

 private:
  Text Fail() {
    failed_ = true;
    return {};
  }
  Text Pop(Stack& stack) {
    if (stack.empty()) return Fail();
    Text text = std::move(stack.back());
    stack.pop_back();
    return text;
  }
  std::vector<Text> PopMany(Stack& stack, int count) {
    if (count < 0 || count > static_cast<int>(stack.size())) {
      failed_ = true;
      return std::vector<Text>(3);
    }
    std::vector<Text> texts(stack.end() - count, stack.end());
    stack.resize(stack.size() - count);
    return texts;
  }
  Text* Peek(Stack& stack, int place) {
    if (place >= 1 && place <= static_cast<int>(stack.size())) return &stack[stack.size() - place];
    failed_ = true;
    return nullptr;
  }
  void Push(Stack& stack, std::string text, Binding binding = kAtom) {
    if (static_cast<int64_t>(text.size()) > limit_) failed_ = true;
    Text made;
    made.text = std::move(text);
    made.binding = binding;
    stack.push_back(std::move(made));
  }

  void Step(const Instruction& instruction, Stack& stack, Way& way);
  void StepValue(const Instruction& instruction, Stack& stack, Way& way);
  void StepBuild(const Instruction& instruction, Stack& stack);
  void StepCall(const Instruction& instruction, Stack& stack);
  void Store(const std::string& name, const Text& value, Way& way);
  void Call(Stack& stack, std::vector<std::string> arguments, bool null);
  void MakeFunction(const Instruction& instruction, Stack& stack);
  void Choose(const Instruction& instruction, int at, Stack& stack, Way& way, int head, int depth);
  void AppendIf(const std::string& condition, const std::vector<std::string>& then,
                const std::vector<std::string>& other, Way& way);
  // Walks a loop's body; yields where to go on, or -1.
  int Loop(const Instruction& instruction, int at, Stack& stack, Way& way, int depth);
  std::string Target(int& at, int count);
  std::vector<std::string> Named(std::vector<Text> values, const std::vector<std::string>& names);
  Text Constant(int index);

  const Code& code_;
  const int64_t limit_;
  const int depth_;
  const std::string first_argument_;
  std::vector<std::string> keyword_names_;
  int steps_ = 0, loops_ = 0;  // loops_: those around
  bool failed_ = false;
};

}  // namespace nomograph::keras::internal

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_DECOMPILER_WALK_H_

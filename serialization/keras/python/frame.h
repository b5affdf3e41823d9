// Frame: one call of a function at work.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_FRAME_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_FRAME_H_

#include <vector>

#include "absl/status/statusor.h"
#include "nomograph/serialization/keras/python/interpreter.h"

namespace nomograph::keras {

class Frame {
 public:
  // `variables`: those of the code, as PyValue::Kind::kCell.
  Frame(Interpreter& interpreter, const Code& code, std::vector<PyValue> variables)
      : interpreter_(interpreter), code_(code), variables_(std::move(variables)) {}

  // Runs to the return. A status names the function and the line.
  absl::StatusOr<PyValue> Run();

 private:
  // One instruction. Sets next_.
  absl::Status Step(const Instruction& instruction);
  absl::Status StepStack(const Instruction& instruction);
  absl::Status StepVariable(const Instruction& instruction);
  absl::Status StepOperator(const Instruction& instruction);
  absl::Status StepBuild(const Instruction& instruction);
  absl::Status StepAdd(const Instruction& instruction);
  absl::Status StepCall(const Instruction& instruction);
  absl::Status StepJump(const Instruction& instruction);
  absl::Status JumpIf(const Instruction& instruction, bool wanted, bool keep);
  absl::Status Unpack(int before, int after, bool rest);
  absl::Status MakeFunction(const Instruction& instruction);
  absl::Status CallOld(int arg);
  absl::Status AddMore(const PyValue& more, const PyValue& keywords, PyArguments& arguments);
  absl::Status CallWith(PyArguments arguments, bool null);
  absl::StatusOr<PyArguments> PopArguments(int count, const std::vector<std::string>& names);
  absl::StatusOr<std::vector<std::string>> NamesOf(const PyValue& tuple) const;

  void Push(PyValue value) { stack_.push_back(value); }
  absl::StatusOr<PyValue> Pop();
  absl::StatusOr<std::vector<PyValue>> PopMany(int count);
  // The value `place` from the top, 1 being the top.
  absl::StatusOr<PyValue*> Peek(int place);
  absl::Status Unsupported(const Instruction& instruction) const;

  struct Block {
    int end;
    bool is_loop;
    size_t depth;  // of the stack
  };

  Interpreter& interpreter_;
  const Code& code_;
  std::vector<PyValue> variables_, stack_, yielded_;
  std::vector<Block> blocks_;
  std::vector<std::string> keyword_names_;  // for the next call
  int next_ = 0;
  bool done_ = false;
};

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_PYTHON_FRAME_H_

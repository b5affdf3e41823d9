// Frame: the way of control. Jumps, loops, blocks and returns.
#include <algorithm>
#include <climits>
#include <utility>

#include "nomograph/core/types/status.h"
#include "nomograph/serialization/keras/python/frame.h"

namespace nomograph::keras {
namespace {

using Kind = PyValue::Kind;

}  // namespace

absl::Status Frame::StepJump(const Instruction& instruction) {
  switch (instruction.act) {
    case Act::kJump:
      next_ = instruction.arg;
      return absl::OkStatus();
    case Act::kJumpIfFalse:
      return JumpIf(instruction, false, false);
    case Act::kJumpIfTrue:
      return JumpIf(instruction, true, false);
    case Act::kJumpIfFalseOrPop:
      return JumpIf(instruction, false, true);
    case Act::kJumpIfTrueOrPop:
      return JumpIf(instruction, true, true);
    case Act::kJumpIfNone:
    case Act::kJumpIfNotNone: {
      NOMO_ASSIGN_OR_RETURN(const PyValue value, Pop());
      if (value.is(Kind::kNone) == (instruction.act == Act::kJumpIfNone)) next_ = instruction.arg;
      return absl::OkStatus();
    }
    case Act::kIterate: {
      NOMO_ASSIGN_OR_RETURN(const PyValue value, Pop());
      if (value.is(Kind::kIterator)) {
        Push(value);
        return absl::OkStatus();
      }
      NOMO_ASSIGN_OR_RETURN(std::vector<PyValue> elements, interpreter_.Elements(value));
      Push(interpreter_.arena().Make(Kind::kIterator, std::move(elements)));
      return absl::OkStatus();
    }
    case Act::kFor: {
      NOMO_ASSIGN_OR_RETURN(PyValue * iterator, Peek(1));
      if (!iterator->is(Kind::kIterator)) return InvalidArgument("a loop over no iterator");
      PyHeap& heap = *iterator->heap;
      if (heap.position < heap.items.size()) {
        Push(heap.items[heap.position++]);
        return absl::OkStatus();
      }
      next_ = instruction.arg;
      // Where the loop's end pops by itself, it finds what the end of the iteration would be.
      if (code_.versions[0]->end_for_pops > 0) {
        Push(PyValue::Null());
        return absl::OkStatus();
      }
      return Pop().status();
    }
    case Act::kLoop:
    case Act::kTry:
      blocks_.push_back({instruction.arg, instruction.act == Act::kLoop, stack_.size()});
      return absl::OkStatus();
    case Act::kWith: {
      // What a manager does (names and devices) makes no difference.
      NOMO_ASSIGN_OR_RETURN(const PyValue manager, Pop());
      Push(interpreter_.arena().Name("builtins.__exit__"));
      if (code_.versions[0]->has_blocks) {
        blocks_.push_back({instruction.arg, false, stack_.size()});
      }
      Push(manager);
      return absl::OkStatus();
    }
    case Act::kSpecial: {
      NOMO_ASSIGN_OR_RETURN(const PyValue manager, Pop());
      if (instruction.arg > 1) return Unsupported(instruction);
      Push(interpreter_.arena().Name(instruction.arg == 0 ? "builtins.__enter__"
                                                          : "builtins.__exit__"));
      Push(manager);
      return absl::OkStatus();
    }
    case Act::kWithEnd: {
      NOMO_ASSIGN_OR_RETURN(const std::vector<PyValue> values, PopMany(2));
      Push(values[1]);
      return absl::OkStatus();
    }
    case Act::kEndBlock:
      if (!blocks_.empty()) blocks_.pop_back();
      return absl::OkStatus();
    case Act::kCallFinally:
      Push(PyValue::Int(next_));
      next_ = instruction.arg;
      return absl::OkStatus();
    case Act::kEndFinally: {
      NOMO_ASSIGN_OR_RETURN(const PyValue place, Pop());
      if (place.is(Kind::kInt))
        next_ = static_cast<int>(std::clamp<int64_t>(place.number, -1, INT_MAX));
      return absl::OkStatus();
    }
    case Act::kPopFinally: {
      NOMO_ASSIGN_OR_RETURN(const PyValue top, Pop());
      if (instruction.arg == 0) return absl::OkStatus();
      NOMO_RETURN_IF_ERROR(Pop().status());
      Push(top);
      return absl::OkStatus();
    }
    case Act::kBreak:
      while (!blocks_.empty() && !blocks_.back().is_loop) blocks_.pop_back();
      if (blocks_.empty()) return InvalidArgument("a break outside of a loop");
      next_ = blocks_.back().end;
      stack_.resize(std::min(stack_.size(), blocks_.back().depth));
      blocks_.pop_back();
      return absl::OkStatus();
    case Act::kReturnConstant:
      Push(interpreter_.Constant(*code_.constants[instruction.arg]));
      done_ = true;
      return absl::OkStatus();
    case Act::kReturn:
      done_ = true;
      return absl::OkStatus();
    case Act::kYield: {
      NOMO_RETURN_IF_ERROR(interpreter_.SpendElements(1));
      NOMO_ASSIGN_OR_RETURN(PyValue * value, Peek(1));
      yielded_.push_back(*value);
      *value = PyValue::None();
      return absl::OkStatus();
    }
    default:
      return Unsupported(instruction);
  }
}

absl::Status Frame::JumpIf(const Instruction& instruction, bool wanted, bool keep) {
  NOMO_ASSIGN_OR_RETURN(const PyValue value, Pop());
  NOMO_ASSIGN_OR_RETURN(const bool truth, interpreter_.Truth(value));
  if (truth == wanted) next_ = instruction.arg;
  if (keep && truth == wanted) Push(value);
  return absl::OkStatus();
}

}  // namespace nomograph::keras

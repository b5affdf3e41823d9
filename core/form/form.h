// Forms: the ways in which the fast kernels of an op can run a node, e.g. a convolution by
// Winograd's algorithm, as products of a packed matrix, or by a loop of oneDNN's. Each kernel
// reckons whether its form is the fastest for a node; a wish, e.g. what has been measured
// (core/compile/tuning.h), overrules that.
#ifndef NOMOGRAPH_CORE_FORM_FORM_H_
#define NOMOGRAPH_CORE_FORM_FORM_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace nomograph {

// Whether the kernel that asks serves the node that this thread prepares or asks a hook about.
// `estimate`: whether it is reckoned to be faster than those that are asked after it, which is the
// answer where nothing else is wished. Names are lower case but for proper names, and one thing's
// in all ops. REQUIRES: the kernel can serve the node.
bool TakesForm(absl::string_view form, bool estimate);

// While it lives, TakesForm() answers as is wished, on this thread. Scopes do not add up: the
// innermost one holds.
class FormScope {
 public:
  enum class Wish {
    kEstimate,
    kForm,  // that one; and where its kernel declines after all, as estimated
    kNone,  // no form, so that offered() comes to have all that the node has
  };
  explicit FormScope(Wish wish, absl::string_view form = "");
  ~FormScope();
  FormScope(const FormScope&) = delete;
  FormScope& operator=(const FormScope&) = delete;

  // The last form that was answered with true; "" where there was none, so that a form that is
  // wished but not there leaves it empty.
  const std::string& taken() const { return taken_; }
  // What was asked for, each once, in that order.
  const std::vector<std::string>& offered() const { return offered_; }

 private:
  friend bool TakesForm(absl::string_view form, bool estimate);
  bool Answer(absl::string_view form, bool estimate) const;

  const Wish wish_;
  const std::string form_;
  std::string taken_;
  std::vector<std::string> offered_;
  FormScope* const previous_;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_CORE_FORM_FORM_H_

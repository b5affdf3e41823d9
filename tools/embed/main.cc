// embed_model: writes a model as C++ source, with a class that runs it. nomo_model() in
// //:nomograph.bzl calls it.
#include <cctype>
#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/names.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/open.h"
#include "nomograph/serialization/model_io.h"

namespace nomograph {
namespace {

// What a compiler still takes as one literal in reasonable time and memory.
constexpr int64_t kMaxBytes = int64_t{64} << 20;

struct Arguments {
  std::string model, target, class_name, name_space, include, header, source;
};

bool IsIdentifier(absl::string_view text) {
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0]))) return false;
  for (const char c : text) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') return false;
  }
  return true;
}

// C++ takes these for other things ([lex.key], [lex.digraph]).
bool IsKeyword(absl::string_view text) {
  constexpr absl::string_view kKeywords =
      " alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t "
      "char16_t char32_t class compl concept const consteval constexpr constinit const_cast "
      "continue co_await co_return co_yield decltype default delete do double dynamic_cast else "
      "enum explicit export extern false float for friend goto if inline int long mutable "
      "namespace new noexcept not not_eq nullptr operator or or_eq private protected public "
      "register reinterpret_cast requires return short signed sizeof static static_assert "
      "static_cast struct switch template this thread_local throw true try typedef typeid typename "
      "union unsigned using virtual void volatile wchar_t while xor xor_eq ";
  return kKeywords.find(absl::StrCat(" ", text, " ")) != absl::string_view::npos;
}

// Names of values as members of a struct: "input:0" is input_0, "class" is class_.
std::vector<std::string> MemberNames(const Graph& graph, const std::vector<ValueId>& values) {
  UniqueNames taken;
  std::vector<std::string> names;
  for (const ValueId id : values) {
    std::string name;
    for (const char c : graph.value(id).name) {
      const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0;
      // No two underscores one after the other: such names are the compiler's.
      if (plain) {
        name += c;
      } else if (!name.empty() && name.back() != '_') {
        name += '_';
      }
    }
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) name = "v" + name;
    if (IsKeyword(name)) name += '_';
    names.push_back(taken.Take(name));
  }
  return names;
}

std::string Members(const Graph& graph, const std::vector<ValueId>& values) {
  std::string text;
  const std::vector<std::string> names = MemberNames(graph, values);
  for (size_t i = 0; i < names.size(); ++i) {
    const ValueInfo& value = graph.value(values[i]);
    absl::StrAppend(&text, "    nomograph::Tensor ", names[i], ";  // ", value.type.ToString(),
                    ", ", Quoted(value.name), "\n");
  }
  return text;
}

std::string OpenNamespace(const std::string& name) {
  return name.empty() ? "" : absl::StrCat("namespace ", name, " {\n\n");
}
std::string CloseNamespace(const std::string& name) {
  return name.empty() ? "" : absl::StrCat("\n}  // namespace ", name, "\n");
}

std::string Header(const Arguments& arguments, const Model& model) {
  std::string guard = "NOMO_MODEL_";
  for (const char c : arguments.include) {
    guard += std::isalnum(static_cast<unsigned char>(c))
                 ? static_cast<char>(std::toupper(static_cast<unsigned char>(c)))
                 : '_';
  }
  return absl::StrReplaceAll(
      absl::StrCat(R"(// Written by nomo_model() for $TARGET: a model that is a part of the program.
#ifndef $GUARD_
#define $GUARD_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "nomograph/nomograph.h"

$OPENclass $CLASS {
 public:
  struct Inputs {
$INPUTS  };
  struct Outputs {
$OUTPUTS  };

  // The model, loaded at the first call. An error only where the program was damaged.
  static const absl::StatusOr<nomograph::Model>& Model();

  // Ready to run. Errors as nomograph::Session::Create().
  static absl::StatusOr<$CLASS> Create(nomograph::SessionOptions options = {});

  // Thread-safe. Errors as nomograph::Session::Run(); `options.outputs` does not count.
  absl::StatusOr<Outputs> Run(const Inputs& inputs, const nomograph::RunOptions& options = {}) const;

  nomograph::Session& session() const { return *session_; }

 private:
  explicit $CLASS(std::shared_ptr<nomograph::Session> session) : session_(std::move(session)) {}
  std::shared_ptr<nomograph::Session> session_;
};
$CLOSE
#endif  // $GUARD_
)"),
      {{"$TARGET", arguments.target},
       {"$GUARD", guard},
       {"$OPEN", OpenNamespace(arguments.name_space)},
       {"$CLOSE", CloseNamespace(arguments.name_space)},
       {"$CLASS", arguments.class_name},
       {"$INPUTS", Members(model.graph, model.graph.inputs)},
       {"$OUTPUTS", Members(model.graph, model.graph.outputs)}});
}

// Lines of a string literal. Octal escapes end after three digits, whatever follows them.
std::string Literal(const std::string& bytes) {
  std::string text;
  text.reserve(bytes.size() * 3);
  constexpr size_t kLine = 64;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i % kLine == 0) text += "    \"";
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\' && byte != '?') {
      text += static_cast<char>(byte);
    } else {
      absl::StrAppendFormat(&text, "\\%03o", byte);
    }
    if (i % kLine == kLine - 1 || i + 1 == bytes.size()) text += "\"\n";
  }
  if (!text.empty()) text.pop_back();
  return text;
}

std::string Source(const Arguments& arguments, const Model& model, const std::string& bytes) {
  std::string outputs;
  const std::vector<std::string> names = MemberNames(model.graph, model.graph.outputs);
  for (size_t i = 0; i < names.size(); ++i) {
    absl::StrAppend(&outputs, "  result.", names[i], " = std::move(outputs[", i, "]);\n");
  }
  std::vector<std::string> inputs = MemberNames(model.graph, model.graph.inputs);
  for (std::string& name : inputs) name = absl::StrCat("inputs.", name);
  return absl::StrReplaceAll(
      R"(// Written by nomo_model() for $TARGET.
#include "$INCLUDE"

#include <utility>
#include <vector>

$OPENnamespace {

// The file. Aligned as files are, so that weights are used where they lie.
alignas(64) constexpr char kModel[] =
$BYTES;

}  // namespace

const absl::StatusOr<nomograph::Model>& $CLASS::Model() {
  static const auto* model = new absl::StatusOr<nomograph::Model>(
      nomograph::LoadFromBytes({kModel, sizeof(kModel) - 1}, nullptr));
  return *model;
}

absl::StatusOr<$CLASS> $CLASS::Create(nomograph::SessionOptions options) {
  if (!Model().ok()) return Model().status();
  auto session = nomograph::Session::Create(*Model(), std::move(options));
  if (!session.ok()) return session.status();
  return $CLASS(*std::move(session));
}

absl::StatusOr<$CLASS::Outputs> $CLASS::Run(const Inputs& inputs,
                                           const nomograph::RunOptions& options) const {
  nomograph::RunOptions all = options;
  all.outputs.clear();
  const std::vector<nomograph::Tensor> given = {$INPUTS};
  auto run = session_->Run(given, all);
  if (!run.ok()) return run.status();
  std::vector<nomograph::Tensor>& outputs = *run;
  Outputs result;
$OUTPUTS  return result;
}
$CLOSE)",
      {{"$TARGET", arguments.target},
       {"$INCLUDE", arguments.include},
       {"$OPEN", OpenNamespace(arguments.name_space)},
       {"$CLOSE", CloseNamespace(arguments.name_space)},
       {"$CLASS", arguments.class_name},
       {"$BYTES", Literal(bytes)},
       {"$INPUTS", absl::StrJoin(inputs, ", ")},
       {"$OUTPUTS", outputs}});
}

absl::Status CheckArguments(const Arguments& arguments) {
  if (!IsIdentifier(arguments.class_name) || IsKeyword(arguments.class_name)) {
    return InvalidArgument("class_name ", Quoted(arguments.class_name), " is no name of C++");
  }
  if (arguments.name_space.empty()) return absl::OkStatus();
  for (const absl::string_view part : absl::StrSplit(arguments.name_space, "::")) {
    if (!IsIdentifier(part) || IsKeyword(part)) {
      return InvalidArgument("namespace ", Quoted(arguments.name_space), " is no name of C++");
    }
  }
  return absl::OkStatus();
}

absl::Status Embed(const Arguments& arguments) {
  NOMO_RETURN_IF_ERROR(CheckArguments(arguments));
  NOMO_ASSIGN_OR_RETURN(const ModelFile file, OpenFile(arguments.model, {.upgrade = false}));
  NOMO_ASSIGN_OR_RETURN(const std::string bytes, file.form == ModelForm::kBinary
                                                     ? ReadFile(arguments.model, kMaxBytes)
                                                     : SaveToString(file.model));
  if (static_cast<int64_t>(bytes.size()) > kMaxBytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "it has ", ReadableBytes(static_cast<int64_t>(bytes.size())), ", and a program takes ",
        ReadableBytes(kMaxBytes), " at most: load it from a file"));
  }
  NOMO_RETURN_IF_ERROR(WriteFileAtomically(arguments.header, Header(arguments, file.model)));
  return WriteFileAtomically(arguments.source, Source(arguments, file.model, bytes));
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Writes a model as C++ source.", "embed_model");
  app.add_option("MODEL", arguments.model)->required();
  app.add_option("--target", arguments.target, "The label, for messages")->required();
  app.add_option("--class", arguments.class_name)->required();
  app.add_option("--namespace", arguments.name_space);
  app.add_option("--include", arguments.include, "How the header is included")->required();
  app.add_option("--header", arguments.header)->required();
  app.add_option("--source", arguments.source)->required();
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = Embed(arguments);
  if (status.ok()) return 0;
  std::fprintf(stderr, "nomo_model %s: %s: %s\n", Escape(arguments.target).c_str(),
               Escape(arguments.model).c_str(),
               EscapeMessage(std::string(status.message())).c_str());
  return 1;
}

}  // namespace
}  // namespace nomograph

int main(int argc, char** argv) { return nomograph::Main(argc, argv); }

#include "nomograph/inspect/tuning_file.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nomograph/core/io/file.h"
#include "nomograph/core/numeric/threads.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/serialization/format.h"

namespace nomograph {
namespace {

constexpr absl::string_view kFirstLine = "nomograph tuning 1";
constexpr absl::string_view kAnyVersion = "nomograph tuning ";
constexpr absl::string_view kAsEstimated = "-";
constexpr int kMaxThreads = 1 << 16;

// Those on which the choice of a kernel depends, oneDNN's among them.
std::string InstructionSets() {
  std::vector<absl::string_view> sets;
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
#define NOMO_ADD_IF_THERE(name) \
  if (__builtin_cpu_supports(name)) sets.push_back(name)
  NOMO_ADD_IF_THERE("sse4.1");
  NOMO_ADD_IF_THERE("avx");
  NOMO_ADD_IF_THERE("avx2");
  NOMO_ADD_IF_THERE("fma");
  NOMO_ADD_IF_THERE("avx512f");
  NOMO_ADD_IF_THERE("avx512bw");
  NOMO_ADD_IF_THERE("avx512vl");
  NOMO_ADD_IF_THERE("avx512vnni");
  NOMO_ADD_IF_THERE("avx512bf16");
#undef NOMO_ADD_IF_THERE
#elif defined(__aarch64__)
  sets.push_back("neon");
#endif
  return sets.empty() ? "none" : absl::StrJoin(sets, " ");
}

// Reads a text line by line.
class Lines {
 public:
  explicit Lines(absl::string_view text) : rest_(text) {}
  bool done() const { return rest_.empty(); }
  absl::string_view Next() {
    const size_t end = rest_.find('\n');
    const absl::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == absl::string_view::npos ? rest_.size() : end + 1);
    ++number_;
    return line;
  }
  absl::Status Error(absl::string_view expected, absl::string_view found) const {
    return InvalidArgument("line ", number_, ": expected ", expected, ", found ", Quoted(found));
  }

 private:
  absl::string_view rest_;
  int64_t number_ = 0;
};

// What stands behind `name` and a space on the next line.
absl::StatusOr<std::string> ReadField(Lines& lines, absl::string_view name) {
  absl::string_view line = lines.Next();
  absl::string_view value = line;
  if (!absl::ConsumePrefix(&value, absl::StrCat(name, " ")) || value.empty()) {
    return lines.Error(absl::StrCat("`", name, " ...`"), line);
  }
  return std::string(value);
}

absl::StatusOr<int> ReadThreads(const Lines& lines, absl::string_view text, int least) {
  int threads = 0;
  if (!absl::SimpleAtoi(text, &threads) || threads < least || threads > kMaxThreads) {
    return lines.Error(absl::StrCat("a number of threads from ", least, " to ", kMaxThreads), text);
  }
  return threads;
}

absl::StatusOr<double> ReadMicroseconds(const Lines& lines, absl::string_view text) {
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || !std::isfinite(value) || value < 0) {
    return lines.Error("microseconds", text);
  }
  return value * 1e-6;
}

absl::Status ReadForm(const Lines& lines, absl::string_view line, TuningFile& file) {
  const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits('\t', 5));
  if (parts.size() != 5) {
    return lines.Error("a node, its form, threads and two times with tabs between them", line);
  }
  if (parts[0].empty() || parts[0].size() > kMaxFormKeyBytes) {
    return lines.Error(absl::StrCat("a node in 1 to ", kMaxFormKeyBytes, " bytes"), parts[0]);
  }
  if (parts[1].empty()) return lines.Error("a form, or `-`", parts[1]);
  MeasuredForm form;
  if (parts[1] != kAsEstimated) form.form.name = std::string(parts[1]);
  NOMO_ASSIGN_OR_RETURN(form.form.threads, ReadThreads(lines, parts[2], 0));
  NOMO_ASSIGN_OR_RETURN(form.seconds, ReadMicroseconds(lines, parts[3]));
  NOMO_ASSIGN_OR_RETURN(form.estimated_seconds, ReadMicroseconds(lines, parts[4]));
  if (!file.forms.emplace(parts[0], std::move(form)).second) {
    return lines.Error("each node once", parts[0]);
  }
  return absl::OkStatus();
}

}  // namespace

TuningKey TuningKeyOf(const Model& model, int threads) {
  return {.library = kLibraryVersion,
          .model = SemanticHash(model),
          .cpu = InstructionSets(),
          .threads = threads > 0 ? threads : DefaultThreads()};
}

std::shared_ptr<const Tuning> TuningFile::ToTuning() const {
  auto tuning = std::make_shared<Tuning>();
  for (const auto& [node, measured] : forms) {
    tuning->forms.emplace_hint(tuning->forms.end(), node, measured.form);
  }
  return tuning;
}

std::string TuningPath(absl::string_view model_path) { return absl::StrCat(model_path, ".tuning"); }

bool LooksLikeTuning(absl::string_view contents) { return absl::StartsWith(contents, kAnyVersion); }

std::string TuningText(const TuningFile& file) {
  std::string text =
      absl::StrCat(kFirstLine, "\nlibrary ", file.key.library, "\nmodel ", file.key.model, "\ncpu ",
                   file.key.cpu, "\nthreads ", file.key.threads, "\n");
  for (const auto& [node, measured] : file.forms) {
    const NodeForm& form = measured.form;
    absl::StrAppendFormat(&text, "%s\t%s\t%d\t%.3f\t%.3f\n", node,
                          form.name.empty() ? kAsEstimated : form.name, form.threads,
                          1e6 * measured.seconds, 1e6 * measured.estimated_seconds);
  }
  return text;
}

absl::StatusOr<TuningFile> ParseTuning(absl::string_view text, const TuningLimits& limits) {
  if (static_cast<int64_t>(text.size()) > limits.max_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat("a tuning file has at most ", limits.max_bytes,
                                                     " bytes, found ", text.size()));
  }
  Lines lines(text);
  const absl::string_view first = lines.Next();
  if (first != kFirstLine) return lines.Error(absl::StrCat("`", kFirstLine, "`"), first);
  TuningFile file;
  NOMO_ASSIGN_OR_RETURN(file.key.library, ReadField(lines, "library"));
  NOMO_ASSIGN_OR_RETURN(file.key.model, ReadField(lines, "model"));
  NOMO_ASSIGN_OR_RETURN(file.key.cpu, ReadField(lines, "cpu"));
  NOMO_ASSIGN_OR_RETURN(const std::string threads, ReadField(lines, "threads"));
  NOMO_ASSIGN_OR_RETURN(file.key.threads, ReadThreads(lines, threads, 1));
  while (!lines.done()) {
    if (static_cast<int64_t>(file.forms.size()) >= limits.max_forms) {
      return absl::ResourceExhaustedError(
          absl::StrCat("a tuning file has at most ", limits.max_forms, " nodes"));
    }
    NOMO_RETURN_IF_ERROR(ReadForm(lines, lines.Next(), file));
  }
  return file;
}

absl::StatusOr<TuningFile> ReadTuning(const std::string& path, const TuningLimits& limits) {
  NOMO_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, limits.max_bytes));
  auto file = ParseTuning(text, limits);
  if (!file.ok()) return Annotate(file.status(), QuotedPath(path));
  return file;
}

absl::Status WriteTuning(const std::string& path, const TuningFile& file) {
  return WriteFileAtomically(path, TuningText(file));
}

std::string WhyIgnored(const TuningKey& file, const TuningKey& key) {
  const auto differ = [](absl::string_view what, absl::string_view found,
                         absl::string_view expected) {
    return absl::StrCat("it was measured ", what, " ", Escape(found), ", and here is ", expected);
  };
  if (file.model != key.model)
    return "it was measured for another model, or an earlier state of it";
  if (file.library != key.library) return differ("with version", file.library, key.library);
  if (file.cpu != key.cpu) return differ("with a processor that has", file.cpu, key.cpu);
  if (file.threads != key.threads) {
    return absl::StrCat("it was measured with ", file.threads,
                        file.threads == 1 ? " thread" : " threads", ", and here are ", key.threads);
  }
  return "";
}

}  // namespace nomograph

#include "nomograph/tools/run/write_outputs.h"

#include <cstdio>
#include <filesystem>
#include <set>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/memory.h"
#include "nomograph/core/types/status.h"
#include "nomograph/core/types/storage_types.h"
#include "nomograph/data/csv.h"
#include "nomograph/data/npy.h"
#include "nomograph/data/npz.h"
#include "nomograph/data/safetensors.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/tools/exit_code.h"

namespace nomograph {
namespace {

bool IsTensorFile(absl::string_view path) {
  return absl::EndsWith(path, ".npy") || absl::EndsWith(path, ".csv");
}

absl::Status Usage(absl::Status status) {
  return WithExitCode(ExitCode::kUsage, std::move(status));
}

bool IsFolder(const std::string& path) {
  std::error_code error;
  return absl::EndsWith(path, "/") || std::filesystem::is_directory(path, error);
}

// A value that is no output: there is a command for these.
absl::Status NoSuchOutput(const Graph& graph, const std::string& name) {
  const absl::Status status = NoSuchValue(graph, graph.outputs, "output", name);
  if (graph.FindValue(name) == kNoValue) return Usage(status);
  return Usage(absl::Status(status.code(),
                            absl::StrCat(status.message(), "; nomo dump writes values inside")));
}

absl::Status PlanNamed(const Graph& graph, const NamedArgument& named,
                       std::vector<OutputFile>& files) {
  const auto& [value, name, path] = named;
  if (value == kNoValue) return NoSuchOutput(graph, name);
  if (path != "-" && !IsTensorFile(path)) {
    return Usage(InvalidArgument("--output ", ShellWord(absl::StrCat(name, "=", path)),
                                 ": expected a .npy or .csv file"));
  }
  files.push_back({path, name});
  return absl::OkStatus();
}

absl::Status PlanUnnamed(const Graph& graph, const std::string& path,
                         std::vector<OutputFile>& files) {
  // "/layer1/Relu_output_0=x.npy": no path, though it has the '/' of one.
  const size_t equals = path.rfind('=');
  if (equals != std::string::npos && graph.FindValue(path.substr(0, equals)) != kNoValue) {
    return NoSuchOutput(graph, path.substr(0, equals));
  }
  if (absl::EndsWith(path, ".npz")) {
    files.push_back({path, ""});
  } else if (IsFolder(path)) {
    const absl::string_view folder = absl::StripSuffix(path, "/");
    for (const ValueId id : graph.outputs) {
      const std::string& name = graph.value(id).name;
      files.push_back({absl::StrCat(folder, "/", FileNameFor(name), ".npy"), name, true});
    }
  } else if (path != "-" && !IsTensorFile(path)) {
    return Usage(InvalidArgument("--output ", ShellWord(path),
                                 ": outputs are written as .npy, .npz or .csv; end it with / for a "
                                 "folder, - is standard output"));
  } else if (graph.outputs.size() == 1) {
    files.push_back({path, graph.value(graph.outputs[0]).name});
  } else {
    return Usage(InvalidArgument("--output ", ShellWord(path), ": the model has ",
                                 graph.outputs.size(),
                                 " outputs; write --output NAME=", ShellWord(path)));
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensor> ForNumPy(const Tensor& tensor) {
  const DType dtype = tensor.dtype();
  const DType wide = dtype == DType::kBFloat16 ? DType::kFloat32 : WideType(dtype);
  if (wide == dtype) return tensor;
  return TryCast(tensor, wide);
}

absl::Status MakeFolder(const std::filesystem::path& folder, bool named, bool parents) {
  std::error_code error;
  if (folder.empty() || std::filesystem::is_directory(folder, error)) return absl::OkStatus();
  error.clear();
  if (parents) {
    std::filesystem::create_directories(folder, error);
  } else if (named) {
    std::filesystem::create_directory(folder, error);
  } else {
    return absl::NotFoundError(
        absl::StrCat("there is no folder ", QuotedPath(folder.string()), " (--parents makes it)"));
  }
  if (!error) return absl::OkStatus();
  return InvalidArgument("cannot create folder ", QuotedPath(folder.string()), ": ",
                         error.message());
}

absl::Status Write(const OutputFile& file, const NamedTensors& outputs, bool parents) {
  if (file.path != "-") {
    NOMO_RETURN_IF_ERROR(
        MakeFolder(std::filesystem::path(file.path).parent_path(), file.in_folder, parents));
  }
  if (file.output.empty()) {
    NamedTensors arrays;
    for (const auto& [name, tensor] : outputs) {
      NOMO_ASSIGN_OR_RETURN(arrays[name], ForNumPy(tensor));
    }
    return WriteNpz(file.path, arrays);
  }
  const Tensor& tensor = outputs.at(file.output);
  if (absl::EndsWith(file.path, ".csv")) return WriteCsv(file.path, tensor);
  NOMO_ASSIGN_OR_RETURN(const Tensor array, ForNumPy(tensor));
  if (file.path != "-") return WriteNpy(file.path, array);
  // Behind what is there already; whether it could be written is asked when the command is done.
  NOMO_ASSIGN_OR_RETURN(const std::string bytes, FormatNpy(array));
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<OutputFile>> PlanOutputs(const Graph& graph,
                                                    const std::vector<std::string>& arguments) {
  std::vector<OutputFile> files;
  const NamedValues outputs(graph, graph.outputs);
  for (const std::string& argument : arguments) {
    const NamedArgument named = outputs.Split(argument);
    if (named.name.empty()) {
      NOMO_RETURN_IF_ERROR(PlanUnnamed(graph, named.rest, files));
    } else {
      NOMO_RETURN_IF_ERROR(PlanNamed(graph, named, files));
    }
  }
  std::set<std::string> paths;
  for (const OutputFile& file : files) {
    if (!paths.insert(file.path).second) {
      return Usage(InvalidArgument("two outputs would be written to ", Quoted(file.path)));
    }
  }
  return files;
}

absl::Status WriteOutput(const OutputFile& file, const NamedTensors& outputs, bool parents) {
  return WithExitCode(ExitCode::kUnwritable, Write(file, outputs, parents));
}

std::string FileNameFor(absl::string_view value) {
  std::string name(value);
  for (char& c : name) {
    if (!absl::ascii_isalnum(c) && c != '.' && c != '-' && c != '_') c = '_';
  }
  if (name.empty() || name[0] == '.') name.insert(name.begin(), '_');
  return name;
}

absl::Status CheckNotThere(const std::string& path, bool force) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (force ||
      (!std::filesystem::is_regular_file(status) && !std::filesystem::is_directory(status))) {
    return absl::OkStatus();
  }
  return Usage(absl::AlreadyExistsError(
      absl::StrCat(QuotedPath(path), std::filesystem::is_directory(status)
                                         ? " is a folder"
                                         : " is there already: --force writes over it")));
}

absl::Status WriteTensorsTo(const std::string& path, const NamedTensors& tensors, bool force) {
  const bool archive = absl::EndsWith(path, ".npz");
  const bool safetensors = absl::EndsWith(path, ".safetensors");
  if (!archive && !safetensors && !absl::EndsWith(path, ".npy")) {
    return Usage(InvalidArgument("--output ", ShellWord(path),
                                 ": expected a .npy, .npz or .safetensors file"));
  }
  if (!archive && !safetensors && tensors.size() != 1) {
    return Usage(InvalidArgument("--output ", ShellWord(path),
                                 ": a .npy file holds one tensor, not ", tensors.size(),
                                 "; write a .npz or .safetensors file"));
  }
  NOMO_RETURN_IF_ERROR(CheckNotThere(path, force));
  if (safetensors) {
    return WithExitCode(ExitCode::kUnwritable, WriteSafetensors(path, tensors));
  }
  NamedTensors arrays;
  for (const auto& [name, tensor] : tensors) {
    NOMO_ASSIGN_OR_RETURN(arrays[name], ForNumPy(tensor));
  }
  return WithExitCode(ExitCode::kUnwritable,
                      archive ? WriteNpz(path, arrays) : WriteNpy(path, arrays.begin()->second));
}

}  // namespace nomograph

#include "nomograph/inspect/page/page.h"

#include <zlib.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "nomograph/core/types/escape.h"
#include "nomograph/core/types/status.h"
#include "nomograph/inspect/page/page_columns.h"
#include "nomograph/inspect/page/page_template.h"

namespace nomograph {
namespace {

// Where the built page wants the model.
constexpr absl::string_view kPlace = "@@NOMO_DATA@@";

PageJson NumbersJson(const std::vector<PageNumbers>& numbers, const Graph& graph) {
  PageJson list = PageJson::array();
  for (const PageNumbers& column : numbers) {
    PageJson nodes = PageJson::array(), values = PageJson::array();
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      const auto found = column.of_node.find(graph.nodes[n].name);
      if (found == column.of_node.end()) continue;
      nodes.push_back(n);
      values.push_back(found->second);
    }
    list.push_back({{"title", Escape(column.title)},
                    {"unit", Escape(column.unit)},
                    {"greatest", column.greatest},
                    {"node", std::move(nodes)},
                    {"value", std::move(values)}});
  }
  return list;
}

absl::StatusOr<std::string> Write(const PageJson& data, const PageOptions& options) {
  const std::string json =
      data.dump(-1, ' ', /*ensure_ascii=*/false, PageJson::error_handler_t::replace);
  if (static_cast<int64_t>(json.size()) > options.max_data_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat("the page would hold ", json.size(),
                                                     " bytes of data; the limit is ",
                                                     options.max_data_bytes));
  }
  const absl::string_view page = PageTemplate();
  const size_t place = page.find(kPlace);
  NOMO_CHECK(place != absl::string_view::npos);
  return absl::StrCat(page.substr(0, place), Base64(Gzip(json)),
                      page.substr(place + kPlace.size()));
}

PageJson Data(const std::vector<const ModelFile*>& files, const OpRegistry& registry,
              const PageOptions& options) {
  PageJson data = {{"version", 1}};
  std::vector<const Model*> models;
  for (const ModelFile* file : files) {
    PageJson model = ModelColumns(*file, registry, options);
    model["weight"] = WeightColumns(*file, options);
    data["models"].push_back(std::move(model));
    models.push_back(&file->model);
  }
  data["ops"] = OpColumns(models, registry);
  data["numbers"] = NumbersJson(options.numbers, models.back()->graph);
  if (options.program != nullptr) data["program"] = ProgramColumns(*options.program);
  return data;
}

}  // namespace

absl::StatusOr<std::string> PageHtml(const ModelFile& file, const OpRegistry& registry,
                                     const PageOptions& options) {
  return Write(Data({&file}, registry, options), options);
}

absl::StatusOr<std::string> PageDiffHtml(const ModelFile& a, const ModelFile& b,
                                         const OpRegistry& registry, const PageOptions& options) {
  PageJson data = Data({&a, &b}, registry, options);
  DiffOptions diff_options;
  diff_options.progress = options.progress;
  data["diff"] =
      DiffColumns(DiffModels(a.model, b.model, registry, diff_options), a.model, b.model);
  return Write(data, options);
}

std::string Base64(absl::string_view bytes) { return absl::Base64Escape(bytes); }

std::string Gzip(absl::string_view bytes) {
  z_stream stream = {};
  // 16: with gzip's header, whose time stays 0.
  NOMO_CHECK(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed;
  std::string buffer(size_t{1} << 16, '\0');
  int status = Z_OK;
  do {
    // zlib counts in 32 bits.
    const size_t piece = std::min(bytes.size(), size_t{1} << 30);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(piece);
    bytes.remove_prefix(piece);
    const int flush = bytes.empty() ? Z_FINISH : Z_NO_FLUSH;
    do {
      stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream.avail_out = static_cast<uInt>(buffer.size());
      status = deflate(&stream, flush);
      packed.append(buffer, 0, buffer.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  } while (status != Z_STREAM_END);
  deflateEnd(&stream);
  return packed;
}

PageJson OpColumns(const std::vector<const Model*>& models, const OpRegistry& registry) {
  PageJson ops = PageJson::object();
  const auto add = [&](const Graph& graph) {
    for (const Node& node : graph.nodes) {
      if (ops.contains(node.op)) continue;
      const OpDef* op = registry.Find(node.op, node.version);
      if (op == nullptr) continue;
      PageJson json = {{"doc", op->doc}, {"source", op->source}};
      for (const Port& port : op->inputs) json["in"].push_back({port.name, port.doc});
      for (const Port& port : op->outputs) json["out"].push_back({port.name, port.doc});
      for (const AttrDef& attr : op->attrs) {
        json["attrs"][attr.name] = {
            attr.default_value ? Escape(attr.default_value->ToString()) : "", attr.doc};
      }
      ops[node.op] = std::move(json);
    }
  };
  for (const Model* model : models) {
    add(model->graph);
    for (const auto& [name, function] : model->functions) add(function.graph);
  }
  return ops;
}

PageJson ProgramColumns(const Program& program) {
  PageJson json = {{"arena", program.arena_bytes()}, {"peak", program.peak_bytes()}};
  for (const Program::Step& step : program.steps()) {
    const LoweredNode& node = program.graph().nodes[step.node];
    PageJson fused = PageJson::array();
    for (const std::string& name : node.fused) fused.push_back(Escape(name));
    json["steps"].push_back(
        {Escape(node.name),
         step.kernel ? Escape(step.kernel->Describe()) : "chosen when shapes are known",
         std::move(fused)});
  }
  return json;
}

}  // namespace nomograph

// A model's run beside the sum of its raw oneDNN primitives: each convolution and matrix product of
// it alone, in the fastest of the algorithms and layouts that oneDNN has for it, on memory that the
// caches hold. What stands between the two is the price of everything else: other nodes, moves
// between layouts, memory that is colder.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nomograph/core/onednn/onednn_kernel.h"
#include "nomograph/core/run/session.h"
#include "nomograph/inspect/concrete_types.h"
#include "nomograph/inspect/costs.h"
#include "nomograph/inspect/open.h"
#include "nomograph/ops/nn/window.h"

namespace nomograph {
namespace {

using dnnl::memory;
using onednn::Desc;
using Tag = memory::format_tag;

constexpr auto kFloat = memory::data_type::f32;

[[noreturn]] void Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

// The least milliseconds of a call.
template <typename F>
double Measure(F call, std::chrono::milliseconds duration) {
  using Clock = std::chrono::steady_clock;
  call();
  double best = 1e18;
  const Clock::time_point end = Clock::now() + duration;
  int calls = 0;
  while (calls++ < 5 || Clock::now() < end) {
    const Clock::time_point begin = Clock::now();
    call();
    best = std::min(best, std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  return best;
}

template <typename Primitive>
double Time(const typename Primitive::primitive_desc& description) {
  const Primitive primitive(description);
  memory src(description.src_desc(), onednn::Engine());
  memory weights(description.weights_desc(), onednn::Engine());
  memory dst(description.dst_desc(), onednn::Engine());
  for (const memory& m : {src, weights}) {
    std::fill_n(static_cast<float*>(m.get_data_handle()), m.get_desc().get_size() / sizeof(float),
                0.01f);
  }
  return Measure(
      [&] {
        primitive.execute(onednn::Stream(),
                          {{DNNL_ARG_SRC, src}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, dst}});
        onednn::Stream().wait();
      },
      std::chrono::milliseconds(30));
}

// Of the ways that there are.
struct Best {
  double milliseconds = 1e18;
  std::string name;

  template <typename Primitive>
  void Try(const std::string& way, const typename Primitive::primitive_desc& description) {
    // The reference implementations take a hundred times as long.
    if (!description || std::string_view(description.impl_info_str()).starts_with("ref")) return;
    const double time = Time<Primitive>(description);
    if (time < milliseconds) *this = {time, way};
  }
};

Best BestConvolution(const Shape& x, const Shape& kernel, const Shape& y, const Attributes& attrs) {
  const int spatial = x.rank() - 2;
  std::vector<Dim> sizes, window_sizes;
  for (int i = 0; i < spatial; ++i) {
    sizes.emplace_back(x[i + 2]);
    window_sizes.emplace_back(kernel[i + 2]);
  }
  const auto window = nn::GetWindow(attrs, sizes, window_sizes);
  if (!window.ok()) Fail(window.status());
  memory::dims strides, dilations, begin, end;
  for (const nn::WindowAxis& axis : *window) {
    strides.push_back(axis.stride);
    dilations.push_back(axis.dilation - 1);
    begin.push_back(axis.pad_begin);
    end.push_back(axis.pad_end);
  }
  const int64_t groups = attrs.Int("groups");
  memory::dims weights(kernel.dims().begin(), kernel.dims().end());
  if (groups > 1) {
    weights[0] /= groups;
    weights.insert(weights.begin(), groups);
  }
  const memory::dims src(x.dims().begin(), x.dims().end()), dst(y.dims().begin(), y.dims().end());
  const Tag plain[] = {Tag::ncw, Tag::nchw, Tag::ncdhw}, last[] = {Tag::nwc, Tag::nhwc, Tag::ndhwc},
            by8[] = {Tag::nCw8c, Tag::nChw8c, Tag::nCdhw8c},
            by16[] = {Tag::nCw16c, Tag::nChw16c, Tag::nCdhw16c};
  const struct {
    const char* name;
    Tag tag;
  } layouts[] = {{"any", Tag::any},
                 {"channels first", plain[spatial - 1]},
                 {"channels last", last[spatial - 1]},
                 {"blocks of 8", by8[spatial - 1]},
                 {"blocks of 16", by16[spatial - 1]}};
  const struct {
    const char* name;
    dnnl::algorithm algorithm;
  } algorithms[] = {{"direct", dnnl::algorithm::convolution_direct},
                    {"Winograd", dnnl::algorithm::convolution_winograd}};
  Best best;
  for (const auto& [algorithm_name, algorithm] : algorithms) {
    for (const auto& [from_name, from] : layouts) {
      for (const auto& [to_name, to] : layouts) {
        // The first layer reads what the caller has.
        if (from != to && from != plain[spatial - 1]) continue;
        best.Try<dnnl::convolution_forward>(
            std::string(algorithm_name) + ", " + from_name + " to " + to_name,
            onednn::DescribeIfServed<dnnl::convolution_forward>(
                dnnl::primitive_attr(), dnnl::prop_kind::forward_inference, algorithm,
                Desc(src, kFloat, from), Desc(weights, kFloat, Tag::any), Desc(dst, kFloat, to),
                strides, dilations, begin, end));
      }
    }
  }
  return best;
}

Best BestProduct(const Shape& a, const Shape& b, bool constant) {
  memory::dims left(a.dims().begin(), a.dims().end()), right(b.dims().begin(), b.dims().end());
  if (right.size() == 2 && left.size() > 2) {  // all rows by one matrix
    left = {a.num_elements() / a[a.rank() - 1], a[a.rank() - 1]};
  }
  while (right.size() < left.size()) right.insert(right.begin(), 1);
  while (left.size() < right.size()) left.insert(left.begin(), 1);
  memory::dims product = left;
  for (size_t i = 0; i + 2 < product.size(); ++i) product[i] = std::max(left[i], right[i]);
  product.back() = right.back();
  const auto rows = [](const memory::dims& dims) {
    return onednn::RowMajor(DType::kFloat32, dims);
  };
  Best best;
  best.Try<dnnl::matmul>("rows",
                         onednn::DescribeIfServed<dnnl::matmul>(dnnl::primitive_attr(), rows(left),
                                                                rows(right), rows(product)));
  if (constant) {
    best.Try<dnnl::matmul>("packed", onednn::DescribeIfServed<dnnl::matmul>(
                                         dnnl::primitive_attr(), rows(left),
                                         Desc(right, kFloat, Tag::any), rows(product)));
  }
  return best;
}

// What oneDNN is asked for.
struct Task {
  std::string key;
  int count = 0;
  Best best;
};

void Compare(const std::string& path, int threads, bool details) {
  absl::StatusOr<Model> model = Open(path);
  if (!model.ok()) Fail(model.status());
  const auto inputs = ConcreteInputs(model->graph, {}, /*batch=*/1);
  if (!inputs.ok()) Fail(inputs.status());
  const auto costs = ComputeCosts(*model, *inputs);
  if (!costs.ok()) Fail(costs.status());

  std::map<std::string, Task> tasks;
  const onednn::PrimitiveThreadsScope scope(threads);
  for (const Node& node : model->graph.nodes) {
    const bool conv = node.op == "nn.Conv", gemm = node.op == "math.Gemm";
    if (!conv && !gemm && node.op != "math.MatMul") continue;
    const OpDef* op = OpRegistry::Default().Find(node.op, node.version);
    const auto attrs = ResolveAttributes(op->attrs, node.attrs);
    if (!attrs.ok()) Fail(attrs.status());
    const auto shape = [&](ValueId id) { return costs->types[id].shape; };
    const PartialShape open_a = shape(node.inputs[0]), open_b = shape(node.inputs[1]),
                       open_y = shape(node.outputs[0]);
    if (!open_a.fully_known() || !open_b.fully_known() || !open_y.fully_known()) {
      Fail(absl::UnimplementedError(node.name + ": shapes that depend on data"));
    }
    Shape a = open_a.ToShape(), b = open_b.ToShape();
    const Shape y = open_y.ToShape();
    if (conv && (attrs->String("kernel_layout") != "OIHW" || nn::IsChannelsLast(*attrs))) {
      Fail(absl::UnimplementedError(node.name + ": channels last; give a model from ONNX"));
    }
    if (gemm && attrs->Bool("transpose_a")) a = Shape{a[1], a[0]};
    if (gemm && attrs->Bool("transpose_b")) b = Shape{b[1], b[0]};
    std::string key = node.op + " " + a.ToString() + " by " + b.ToString();
    if (conv) key += " to " + y.ToString() + " in " + std::to_string(attrs->Int("groups"));
    Task& task = tasks[key];
    if (task.count++ > 0) continue;
    task.key = key;
    task.best = conv ? BestConvolution(a, b, y, *attrs)
                     : BestProduct(a, b, model->graph.FindWeight(node.inputs[1]) != nullptr);
  }
  double sum = 0;
  for (const auto& [key, task] : tasks) {
    sum += task.best.milliseconds * task.count;
    if (details) {
      std::printf("%9.3f ms x %d  %s: %s\n", task.best.milliseconds, task.count, key.c_str(),
                  task.best.name.c_str());
    }
  }

  auto session = Session::Create(*std::move(model), {.threads = threads});
  if (!session.ok()) Fail(session.status());
  std::vector<Shape> shapes;
  for (const TensorType& type : *inputs) shapes.push_back(type.shape.ToShape());
  auto bound = (*session)->Bind(shapes);
  if (!bound.ok()) Fail(bound.status());
  const double run = Measure(
      [&] {
        if (const absl::Status status = (*bound)->Run(); !status.ok()) Fail(status);
      },
      std::chrono::seconds(2));
  std::printf("| %s | %.2f | %.2f | %.2f |\n", path.substr(path.rfind('/') + 1).c_str(), run, sum,
              run / sum);
  std::fflush(stdout);
}

}  // namespace
}  // namespace nomograph

int main(int argc, char** argv) {
  int threads = 1;
  bool details = false;
  std::vector<std::string> models;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--threads" && i + 1 < argc) {
      threads = std::atoi(argv[++i]);
    } else if (argument == "--details") {
      details = true;
    } else {
      models.push_back(argument);
    }
  }
  if (models.empty() || threads < 1) {
    return std::fprintf(stderr, "Usage: primitive_sum [--threads N] [--details] MODEL...\n"), 2;
  }
  std::printf("| model | ms | primitives, ms | ratio |\n|---|---:|---:|---:|\n");
  for (const std::string& model : models) nomograph::Compare(model, threads, details);
}

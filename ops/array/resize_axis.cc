#include "nomograph/ops/array/resize_axis.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

namespace nomograph {
namespace {

// Where output element `index` lies on the input's axis, whose elements are at 0, 1, ….
double SourceCoordinate(const std::string& mode, const ResizeAxis& axis, int64_t index) {
  const double i = static_cast<double>(index), input = static_cast<double>(axis.input);
  const double last = input - 1, length = axis.length;
  if (mode == "asymmetric") return i * input / length;
  if (mode == "tf_half_pixel_for_nn") return (i + 0.5) * input / length;
  if (mode == "align_corners") return length == 1 ? 0 : i * last / (length - 1);
  if (mode == "tf_crop_and_resize") {
    if (length == 1) return 0.5 * (axis.roi_start + axis.roi_end) * last;
    return axis.roi_start * last + i * (axis.roi_end - axis.roi_start) * last / (length - 1);
  }
  if (mode == "pytorch_half_pixel" && axis.output == 1) return 0;
  if (mode == "half_pixel_symmetric") {  // the middles of input and output lie on each other
    return ((2 * i + 1 - static_cast<double>(axis.output)) * input / length + last) / 2;
  }
  return (i + 0.5) * input / length - 0.5;
}

// A scale is a float32, which may lie beside the number that was meant, such as 0.7: coordinates
// that differ from an element or the middle of two by no more than that lie there.
double Snapped(const ResizeAxis& axis, double coordinate) {
  if (axis.length == static_cast<double>(axis.output)) return coordinate;
  const double half = std::round(2 * coordinate) / 2;
  return std::abs(coordinate - half) <= 0x1p-24 * (half + 1) ? half : coordinate;
}

double NearestIndex(const std::string& mode, double coordinate) {
  if (mode == "floor") return std::floor(coordinate);
  if (mode == "ceil") return std::ceil(coordinate);
  if (mode == "round_prefer_ceil") return std::floor(coordinate + 0.5);
  return std::ceil(coordinate - 0.5);
}

// The weight of an element at a distance. `a` is Keys' parameter of the cubic.
double Cubic(double distance, double a) {
  const double x = std::abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

// Its derivative.
double CubicSlope(double distance, double a) {
  const double x = std::abs(distance), sign = distance < 0 ? -1 : 1;
  if (x <= 1) return sign * (3 * (a + 2) * x - 2 * (a + 3)) * x;
  if (x < 2) return sign * ((3 * a * x - 10 * a) * x + 8 * a);
  return 0;
}

double Linear(double distance) { return std::max(1 - std::abs(distance), 0.0); }

double LinearSlope(double distance) {
  if (std::abs(distance) >= 1) return 0;
  return distance < 0 ? 1 : -1;
}

// One element of the output. The slopes are the derivatives of the weights by the coordinate.
struct Sample {
  int64_t first;
  std::vector<double> weights, slopes;
};

void Normalize(Sample& sample) {
  double sum = 0, slope = 0;
  for (const double weight : sample.weights) sum += weight;
  for (const double part : sample.slopes) slope += part;
  if (sum == 0) return;
  for (size_t i = 0; i < sample.weights.size(); ++i) {
    sample.weights[i] /= sum;
    sample.slopes[i] = (sample.slopes[i] - sample.weights[i] * slope) / sum;
  }
}

// The weighted neighbours of a coordinate. Those outside of the axis count as its ends, or not at
// all with exclude_outside.
Sample Interpolate(const Attributes& attrs, const ResizeAxis& axis, double coordinate) {
  const bool cubic = attrs.String("mode") == "cubic";
  const bool exclude = attrs.Bool("exclude_outside");
  const double a = attrs.Float("cubic_coeff_a");
  // With antialias the filter is as wide as an element of the output.
  const double scale =
      attrs.Bool("antialias") ? std::min(axis.length / static_cast<double>(axis.input), 1.0) : 1.0;
  const double reach = (cubic ? 2 : 1) / scale;
  const int64_t begin = static_cast<int64_t>(std::floor(coordinate - reach)) + 1;
  const int64_t end = static_cast<int64_t>(std::ceil(coordinate + reach));
  const int64_t last = axis.input - 1;
  Sample sample{std::clamp<int64_t>(begin, 0, last), {}, {}};
  sample.weights.resize(std::clamp<int64_t>(end - 1, 0, last) - sample.first + 1);
  sample.slopes.resize(sample.weights.size());
  for (int64_t i = begin; i < end; ++i) {
    const int64_t inside = std::clamp<int64_t>(i, 0, last);
    if (exclude && inside != i) continue;
    const double distance = (static_cast<double>(i) - coordinate) * scale;
    sample.weights[inside - sample.first] += cubic ? Cubic(distance, a) : Linear(distance);
    sample.slopes[inside - sample.first] -=
        scale * (cubic ? CubicSlope(distance, a) : LinearSlope(distance));
  }
  if (exclude || scale < 1) Normalize(sample);
  return sample;
}

// Nothing where the element is extrapolated.
std::optional<Sample> SampleAt(const Attributes& attrs, const ResizeAxis& axis, int64_t index) {
  const std::string& transformation = attrs.String("coordinate_transformation_mode");
  const double last = static_cast<double>(axis.input - 1);
  const double coordinate = SourceCoordinate(transformation, axis, index);
  const bool inside = coordinate >= 0 && coordinate <= last;
  if (transformation == "tf_crop_and_resize" && !inside) return std::nullopt;
  if (attrs.String("mode") != "nearest") return Interpolate(attrs, axis, coordinate);
  const double nearest = NearestIndex(attrs.String("nearest_mode"), Snapped(axis, coordinate));
  return Sample{static_cast<int64_t>(std::clamp(nearest, 0.0, last)), {1.0}, {0.0}};
}

// Whether the axis stays as it is, whatever the coordinates.
bool IsWhole(const ResizeAxis& axis) {
  return axis.input == axis.output && axis.length == static_cast<double>(axis.output) &&
         axis.roi_start == 0 && axis.roi_end == 1;
}

}  // namespace

bool ResizeTaps::copies() const {
  return count == 1 &&
         std::all_of(weights.begin(), weights.end(), [](double weight) { return weight == 1; }) &&
         std::find(extrapolated.begin(), extrapolated.end(), true) == extrapolated.end();
}

bool ResizeTaps::identity() const {
  if (axis.input != axis.output || !copies()) return false;
  for (int64_t i = 0; i < axis.output; ++i) {
    if (first[i] != i) return false;
  }
  return true;
}

ResizeTaps MakeResizeTaps(const Attributes& attrs, const ResizeAxis& axis) {
  ResizeTaps taps{axis, 1, {}, {}, {}, std::vector<bool>(axis.output)};
  if (IsWhole(axis)) {
    for (int64_t i = 0; i < axis.output; ++i) taps.first.push_back(i);
    taps.weights.assign(axis.output, 1.0);
    taps.slopes.assign(axis.output, 0.0);
    return taps;
  }
  for (int64_t i = 0; i < axis.output; ++i) {
    const auto sample = SampleAt(attrs, axis, i);
    taps.extrapolated[i] = !sample;
    if (sample) taps.count = std::max<int64_t>(taps.count, sample->weights.size());
  }
  taps.first.resize(axis.output);
  taps.weights.resize(axis.output * taps.count);
  taps.slopes.resize(axis.output * taps.count);
  for (int64_t i = 0; i < axis.output; ++i) {
    const auto sample = SampleAt(attrs, axis, i);
    if (!sample) continue;
    // The taps that are added to the longest ones' number must be elements of the input, too.
    taps.first[i] = std::min(sample->first, axis.input - taps.count);
    const int64_t place = i * taps.count + (sample->first - taps.first[i]);
    std::copy(sample->weights.begin(), sample->weights.end(), taps.weights.begin() + place);
    std::copy(sample->slopes.begin(), sample->slopes.end(), taps.slopes.begin() + place);
  }
  return taps;
}

RoiSlopes GetRoiSlopes(const ResizeAxis& axis, int64_t index) {
  const double last = static_cast<double>(axis.input - 1);
  if (axis.length == 1) return {0.5 * last, 0.5 * last};
  const double end = static_cast<double>(index) * last / (axis.length - 1);
  return {last - end, end};
}

}  // namespace nomograph

// What stands between the networks and the text: boxes of a map, their order, batches of lines, and
// characters. Every expectation is computed by hand.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nomograph/examples/ocr/batches.h"
#include "nomograph/examples/ocr/ctc.h"
#include "nomograph/examples/ocr/reading_order.h"
#include "nomograph/examples/ocr/text_boxes.h"

namespace nomograph::ocr {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A map of tenths: '.' is 0, '9' is 0.9.
class Drawing {
 public:
  explicit Drawing(std::vector<std::string> rows)
      : height_(static_cast<int64_t>(rows.size())), width_(static_cast<int64_t>(rows[0].size())) {
    for (const std::string& row : rows) {
      for (const char c : row) values_.push_back(c == '.' ? 0 : static_cast<float>(c - '0') / 10);
    }
  }
  ProbabilityMap map() const { return {values_, height_, width_}; }

 private:
  std::vector<float> values_;
  int64_t height_, width_;
};

TEST(FindRegions, JoinsWhatTouches) {
  const Drawing drawing({
      "55...5",  //
      "..5...",  //
      "...555",  //
      "2.....",  // not above the threshold
      "....44",
  });
  const auto regions = FindRegions(drawing.map(), 0.3);
  ASSERT_EQ(regions.size(), 3);
  EXPECT_THAT(ConvexHull(regions[0]),
              ElementsAre(Point{0, 0}, Point{1, 0}, Point{5, 2}, Point{3, 2}));
  EXPECT_THAT(ConvexHull(regions[1]), ElementsAre(Point{5, 0}));
  EXPECT_THAT(ConvexHull(regions[2]), ElementsAre(Point{4, 4}, Point{5, 4}));
}

TEST(BoxScore, IsTheMeanOfThePixelsInTheBox) {
  const Drawing drawing({"1234", "5678"});
  struct Case {
    Box box;
    double score;
  };
  const Case cases[] = {
      {{{1.5, 0.5}, 1, 1, 0}, (0.2 + 0.3 + 0.6 + 0.7) / 4},
      {{{0, 0}, 9, 9, 0}, 0.45},                            // reaches out of the map
      {{{0.5, 0.5}, 0.8, 0.8, 0}, 0},                       // between the pixels
      {{{-5, 0}, 2, 2, 0}, 0},                              // outside
      {{{1.5, 0.5}, 1.5, 0.2, 0.785398}, (0.2 + 0.7) / 2},  // two on a diagonal
  };
  for (const Case& c : cases) EXPECT_NEAR(BoxScore(drawing.map(), c.box), c.score, 1e-6);
}

// A map with one value in a rectangle whose corner pixels these are.
std::vector<float> RectangleMap(float value, int left, int top, int right, int bottom) {
  std::vector<float> values(100 * 60);
  for (int y = top; y <= bottom; ++y) {
    for (int x = left; x <= right; ++x) values[y * 100 + x] = value;
  }
  return values;
}

TEST(TextBoxes, GrowByTheirAreaOverTheirPerimeter) {
  // 40 x 10 between the middles of its pixels: 1.5 * 400 / 100 = 6 on every side.
  const auto boxes = TextBoxes({RectangleMap(0.8F, 10, 20, 50, 30), 60, 100});
  ASSERT_EQ(boxes.size(), 1);
  EXPECT_NEAR(boxes[0].center.x, 30, 1e-9);
  EXPECT_NEAR(boxes[0].center.y, 25, 1e-9);
  EXPECT_NEAR(boxes[0].width, 52, 1e-9);
  EXPECT_NEAR(boxes[0].height, 22, 1e-9);
  EXPECT_NEAR(boxes[0].angle, 0, 1e-9);
}

TEST(TextBoxes, LeaveOutWhatIsThinOrUnsure) {
  EXPECT_THAT(TextBoxes({RectangleMap(0.9F, 10, 20, 50, 22), 60, 100}), IsEmpty());
  EXPECT_THAT(TextBoxes({RectangleMap(0.55F, 10, 20, 50, 30), 60, 100}), IsEmpty());
  EXPECT_EQ(TextBoxes({RectangleMap(0.55F, 10, 20, 50, 30), 60, 100}, {.min_score = 0.5}).size(),
            1);
  EXPECT_THAT(TextBoxes({std::vector<float>(6000), 60, 100}), IsEmpty());
}

TEST(InReadingOrder, GoesByRows) {
  const auto at = [](double x, double y) { return Box{{x, y}, 50, 20, 0}; };
  struct Case {
    const char* name;
    std::vector<Box> boxes;
    std::vector<Point> order;
  };
  const Case cases[] = {
      {"nothing", {}, {}},
      {"top to bottom", {at(0, 90), at(5, 30), at(9, 60)}, {{5, 30}, {9, 60}, {0, 90}}},
      {"left to right in a row that is a little askew",
       {at(200, 36), at(100, 40), at(0, 44)},
       {{0, 44}, {100, 40}, {200, 36}}},
      {"two rows",
       {at(9, 60), at(100, 35), at(100, 62), at(0, 40)},
       {{0, 40}, {100, 35}, {9, 60}, {100, 62}}},
      {"half a line lower is the next row", {at(0, 50), at(100, 40)}, {{100, 40}, {0, 50}}},
  };
  for (const Case& c : cases) {
    std::vector<Point> order;
    for (const Box& box : InReadingOrder(c.boxes)) order.push_back(box.center);
    EXPECT_EQ(order, c.order) << c.name;
  }
}

TEST(PlanBatches, PutsLikeWidthsTogether) {
  struct Case {
    std::vector<int64_t> widths;
    std::vector<int64_t> batch_widths;
    std::vector<std::vector<int64_t>> members;
  };
  const Case cases[] = {
      {{}, {}, {}},
      {{100}, {128}, {{0}}},
      {{128, 97}, {128}, {{1, 0}}},
      {{300, 100, 290, 400, 120}, {128, 416}, {{1, 4}, {2, 0, 3}}},
      {{300, 100, 290, 401, 120}, {128, 320, 416}, {{1, 4}, {2, 0}, {3}}},
      {{50, 50, 50, 50}, {64, 64}, {{0, 1, 2}, {3}}},
  };
  for (size_t i = 0; i < std::size(cases); ++i) {
    std::vector<int64_t> widths;
    std::vector<std::vector<int64_t>> members;
    // 290 is at least 0.725 of 400, and less of 401.
    for (const Batch& batch :
         PlanBatches(cases[i].widths, {.max_members = 3, .min_share = 0.725})) {
      widths.push_back(batch.width);
      members.push_back(batch.members);
    }
    EXPECT_EQ(widths, cases[i].batch_widths) << "case " << i;
    EXPECT_EQ(members, cases[i].members) << "case " << i;
  }
}

TEST(ParseCharacters, AddsNoneAndSpace) {
  EXPECT_THAT(ParseCharacters("a\n\u00e9\n"), ElementsAre("", "a", "\u00e9", " "));
  EXPECT_THAT(ParseCharacters("a\r\n\u3000"), ElementsAre("", "a", "\u3000", " "));
  EXPECT_THAT(ReadCharacters("/nowhere").status().message(), testing::HasSubstr("/nowhere"));
}

TEST(DecodeCtc, JoinsRepetitionsAndDropsNone) {
  const std::vector<std::string> characters = ParseCharacters("a\nb");
  struct Case {
    const char* name;
    std::vector<std::pair<int, float>> steps;  // the likeliest class and its probability
    std::string text;
    double confidence;
  };
  const Case cases[] = {
      {"nothing", {}, "", 0},
      {"none only", {{0, 0.9F}, {0, 0.8F}}, "", 0},
      {"a letter", {{0, 0.9F}, {1, 0.7F}, {0, 0.8F}}, "a", 0.7},
      {"the first step of a repetition counts", {{1, 0.6F}, {1, 0.9F}, {2, 0.8F}}, "ab", 0.7},
      {"none stands between equal letters", {{1, 0.6F}, {0, 0.9F}, {1, 0.8F}}, "aa", 0.7},
      {"a space", {{2, 0.9F}, {3, 0.6F}, {1, 0.9F}}, "b a", 0.8},
  };
  for (const Case& c : cases) {
    std::vector<float> probabilities;
    for (const auto& [best, probability] : c.steps) {
      for (int i = 0; i < 4; ++i) {
        probabilities.push_back(i == best ? probability : (1 - probability) / 3);
      }
    }
    const Text text = DecodeCtc(probabilities, characters);
    EXPECT_EQ(text.text, c.text) << c.name;
    EXPECT_NEAR(text.confidence, c.confidence, 1e-6) << c.name;
  }
}

}  // namespace
}  // namespace nomograph::ocr

#include <chrono>
#include <iostream>

#include "gtest/gtest.h"
#include "nomograph/core/run/step_observer.h"
#include "nomograph/data/npz.h"
#include "nomograph/inspect/open.h"
#include "nomograph/train/trainer.h"
namespace nomograph {
struct Times : StepObserver {
  std::map<std::string, std::pair<double, int>> by;
  std::chrono::steady_clock::time_point t;
  void BeforeStep(const LoweredNode&) override { t = std::chrono::steady_clock::now(); }
  void AfterStep(const Step& s) override {
    auto& e = by[s.node.op->name + " " + s.kernel.Describe()];
    e.first += std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count();
    ++e.second;
  }
};
TEST(ZZ, Profile) {
  auto file = OpenFile(std::getenv("ZZ_MODEL"));
  ASSERT_TRUE(file.ok());
  auto tr = Trainer::Create(file->model,
                            {.optimizer = optimizers::SGD({.learning_rate = 0.001}),
                             .loss = losses::SparseCategoricalCrossentropy({.from_logits = true})});
  ASSERT_TRUE(tr.ok()) << tr.status();
  auto data = ReadNpz("/tmp/w/t.scratch/img1.npz");
  Times times;
  {
    (*tr)->TrainOnBatch({data->at("x"), data->at("y")}).IgnoreError();
    StepObserverScope scope(&times);
    auto l = (*tr)->TrainOnBatch({data->at("x"), data->at("y")});
    std::cout << l.status() << "\n";
  }
  std::vector<std::pair<double, std::string>> v;
  double sum = 0;
  for (auto& [k, x] : times.by) {
    v.push_back({x.first, absl::StrCat(k, " x", x.second)});
    sum += x.first;
  }
  std::sort(v.rbegin(), v.rend());
  std::cout << "sum " << sum << "\n";
  for (size_t i = 0; i < 22 && i < v.size(); ++i)
    std::cout << v[i].first << "  " << v[i].second << "\n";
}
}  // namespace nomograph

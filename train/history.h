// Logs and History: the numbers that training yields.
#ifndef NOMOGRAPH_TRAIN_HISTORY_H_
#define NOMOGRAPH_TRAIN_HISTORY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace nomograph {

// "loss", "accuracy", "val_loss", ...
using Logs = std::map<std::string, double, std::less<>>;

struct History {
  std::vector<int64_t> epoch;  // from 0
  // By name, a number for each epoch in which it was there.
  std::map<std::string, std::vector<double>, std::less<>> metrics;
};

}  // namespace nomograph

#endif  // NOMOGRAPH_TRAIN_HISTORY_H_

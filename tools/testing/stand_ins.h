// Small models and inputs under the names that the documentation uses.
#ifndef NOMOGRAPH_TOOLS_TESTING_STAND_INS_H_
#define NOMOGRAPH_TOOLS_TESTING_STAND_INS_H_

#include <string>

namespace nomograph {

// Writes into `folder`, which must be there:
//   resnet50.onnx    residual blocks in scopes as those of ResNet-50, of a few channels:
//                    input float32[batch,3,32,32] -> output float32[batch,10]
//   model.onnx       the same
//   finetuned.onnx   the same with another fc, and /relu/Relu under another name
//   vad.onnx         two branches of an If, chosen by sr (int64[]); input float32[batch,512],
//                    state float32[2,1,128] -> output, stateN
//   bert.onnx        input_ids, token_type_ids int64[batch,time] -> float32[batch,time,8]
//   mnist.nomo       layers: image uint8[batch,28,28,1] -> scores float32[batch,10]; one golden
//                    vector
//   acme.nomo        acme.Tenfold with a body: x float32[batch,2] -> 10 x
//   missing.nomo     acme.Missing, which is not registered and has no body
//   damaged.nomo     mnist.nomo with a byte of its weights changed
//   cut.nomo         the first half of mnist.nomo
//   cat.png 24x24 RGB, digit.png 28x28 grey, x.npy for resnet50.onnx, and y.npy, its class
//   labels.txt
void SaveStandIns(const std::string& folder);

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_TESTING_STAND_INS_H_

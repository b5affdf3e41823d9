// Models for tests of the command line.
#ifndef NOMOGRAPH_TOOLS_TESTING_MODELS_H_
#define NOMOGRAPH_TOOLS_TESTING_MODELS_H_

namespace nomograph {

// Saves into the folder of TempPath(), once:
//   classifier.nomo  image uint8[batch,16,16,1] -> scores [batch,3], which depend on pixel (0,0)
//   alone: for p in [0, 1]
//                    they are as 1 : 2^p : 5^p. 3 labels in the metadata; a golden vector; a
//                    payload.
//   affine.nomo      x float32[batch,3] -> 2x + 1, a traced lambda. No golden vector.
//   pair.nomo        a, b float32[batch,2] -> sum, product
//   broken.nomo      classifier.nomo with a golden vector that does not hold
//   random.nomo      x float32[batch,100] -> Dropout(0.5)
//   missing.nomo     acme.Missing and nn.Sofplus, of which neither is registered
//   tenfold.nomo     acme.Tenfold with a body: 10 x
//   twofold.nomo     acme.Twofold with a body: 2 x
//   ring.nomo        acme.Ring, whose effect is io
//   wide.nomo        acme.Tenfold declared to yield another shape
void SaveTestModels();

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_TESTING_MODELS_H_

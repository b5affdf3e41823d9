"""Resizing and sampling, of the opsets from 18 on."""
import numpy as np

from table import Const, const_numbers, numbers

F32 = "float32"


def add(cases):
    add_resize_modes(cases)
    add_resize_sizes(cases)
    add_affine_grid(cases)
    add_grid_sample(cases)
    add_regions(cases)


def scales(*values):
    return Const(list(values), F32)


def add_resize_modes(cases):
    x = numbers("x", (1, 2, 6, 7))
    for mode in ("linear", "cubic"):
        cases.add("Resize", f"antialias {mode} down", [x, None, scales(1, 1, 0.5, 0.6)], opset=18, mode=mode,
                  antialias=1)
        cases.add("Resize", f"antialias {mode} up", [x, None, scales(1, 1, 1.5, 2)], opset=18, mode=mode, antialias=1)
        cases.add("Resize", f"antialias {mode} sizes", [x, None, None, Const([1, 2, 3, 9])], opset=18, mode=mode,
                  antialias=1)
        cases.add("Resize", f"antialias {mode} excludes", [x, None, scales(1, 1, 0.5, 0.6)], opset=18, mode=mode,
                  antialias=1, exclude_outside=1)
        # align_corners with scales that do not divide: ONNX's own suite has another result than ONNX Runtime, which
        # rounds the output's length first.
        cases.add("Resize", f"{mode} align_corners", [x, None, None, Const([1, 2, 4, 11])], opset=18, mode=mode,
                  coordinate_transformation_mode="align_corners")
        for way in ("asymmetric", "pytorch_half_pixel", "half_pixel_symmetric"):
            opset = 19 if way == "half_pixel_symmetric" else 18
            cases.add("Resize", f"{mode} {way}", [x, None, scales(1, 1, 0.7, 1.6)], opset=opset, mode=mode,
                      coordinate_transformation_mode=way)
    cases.add("Resize", "antialias cubic asymmetric", [x, None, scales(1, 1, 0.5, 0.6)], opset=18, mode="cubic",
              antialias=1, coordinate_transformation_mode="asymmetric", cubic_coeff_a=-0.5)
    cases.add("Resize", "antialias linear aligned", [x, None, None, Const([1, 2, 3, 4])], opset=18, mode="linear",
              antialias=1, coordinate_transformation_mode="align_corners")
    for nearest in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        cases.add("Resize", f"nearest {nearest}", [x, None, scales(1, 1, 0.7, 1.6)], opset=18, nearest_mode=nearest)
    for mode in ("nearest", "linear", "cubic"):
        cases.add("Resize", f"crop {mode}", [x, scales(0, 0, 0.2, -0.1, 1, 1, 0.7, 0.8), None, Const([1, 2, 4, 5])],
                  opset=18, mode=mode, coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=7.0)
    cases.add("Resize", "uint8", [numbers("x", (1, 1, 4, 4), 0, 255, "uint8"), None, None, Const([1, 1, 8, 8])],
              opset=18, mode="nearest")


def add_resize_sizes(cases):
    x = numbers("x", (1, 2, 6, 7))
    for policy in ("not_larger", "not_smaller", "stretch"):
        cases.add("Resize", f"{policy} axes", [x, None, None, Const([9, 5])], opset=18, mode="linear", axes=[2, 3],
                  keep_aspect_ratio_policy=policy)
        cases.add("Resize", f"{policy} axes nearest", [x, None, None, Const([4, 13])], opset=18, axes=[2, 3],
                  keep_aspect_ratio_policy=policy)
        cases.add("Resize", f"{policy} cubic", [x, None, None, Const([5, 4])], opset=18, mode="cubic", axes=[2, 3],
                  keep_aspect_ratio_policy=policy)
    cases.add("Resize", "axes scales", [x, None, scales(2, 0.5)], opset=18, mode="linear", axes=[3, 2])
    cases.add("Resize", "axes negative", [x, None, None, Const([5, 3])], opset=18, mode="linear", axes=[-1, -2])
    cases.add("Resize", "axes antialias", [x, None, None, Const([3, 4])], opset=18, mode="linear", axes=[2, 3],
              antialias=1)
    cases.add("Resize", "axes crop", [x, scales(0.1, 0.2, 0.9, 0.7), None, Const([4, 5])], opset=18, mode="linear",
              axes=[2, 3], coordinate_transformation_mode="tf_crop_and_resize")
    cases.add("Resize", "computed sizes", [x, None, None, np.array([1, 2, 9, 4])], opset=18, mode="linear")
    cases.add("Resize", "symbolic", [x, None, scales(1, 1, 2, 2)], opset=18, mode="linear", free={0: (0, 2, 3)})
    cases.add("Resize", "three axes", [numbers("x", (1, 1, 3, 4, 3)), None, scales(1, 1, 2, 1.5, 2)], opset=18,
              mode="linear")


def add_affine_grid(cases):
    flat, deep = numbers("theta", (2, 2, 3), -1, 1), numbers("theta", (2, 3, 4), -1, 1)
    for aligned in (0, 1):
        cases.add("AffineGrid", f"plane aligned {aligned}", [flat, Const([2, 3, 4, 5])], opset=20,
                  align_corners=aligned)
        cases.add("AffineGrid", f"space aligned {aligned}", [deep, Const([2, 1, 2, 3, 4])], opset=20,
                  align_corners=aligned)
    cases.add("AffineGrid", "computed", [flat, np.array([2, 3, 2, 6])], opset=20)


def add_grid_sample(cases):
    x, grid = numbers("x", (2, 2, 4, 5)), numbers("grid", (2, 3, 4, 2), -1.3, 1.3)
    deep, places = numbers("x", (1, 2, 3, 4, 3)), numbers("grid", (1, 2, 3, 4, 3), -1.3, 1.3)
    for mode in ("linear", "nearest", "cubic"):
        for padding in ("zeros", "border", "reflection"):
            for aligned in (0, 1):
                attrs = {"mode": mode, "padding_mode": padding, "align_corners": aligned, "opset": 20}
                label = f"{mode} {padding} {aligned}"
                cases.add("GridSample", label, [x, grid], **attrs)
                if mode != "cubic":
                    cases.add("GridSample", "space " + label, [deep, places], **attrs)
    cases.add("GridSample", "bicubic opset 16", [x, grid], opset=16, mode="bicubic")
    cases.add("GridSample", "symbolic", [x, grid], opset=20, free={0: (0, 2), 1: (0, 1)})


def add_regions(cases):
    corners, middles = numbers("boxes", (2, 6, 4), 0, 1), numbers("middles", (2, 6, 4), 0.1, 0.6)
    scores, limits = numbers("scores", (2, 3, 6), 0, 1), [Const([2]), Const([0.3], F32), Const([0.2], F32)]
    for label, boxes, kind in (("corners", corners, 0), ("middles", middles, 1)):
        cases.add("NonMaxSuppression", label, [boxes, scores, *limits], outputs=["int64"], center_point_box=kind)
    cases.add("NonMaxSuppression", "no limits", [corners, scores], outputs=["int64"])
    x, rois = numbers("x", (2, 2, 8, 8)), const_numbers("rois", (3, 4), 0, 3.5)
    rois.array[:, 2:] += 3.6
    batch = Const([0, 1, 1])
    for opset in (10, 16):
        cases.add("RoiAlign", f"opset {opset}", [x, rois, batch], opset=opset, output_height=2, output_width=3,
                  sampling_ratio=2, spatial_scale=0.8)
    cases.add("RoiAlign", "max", [x, rois, batch], opset=16, mode="max", output_height=2, output_width=2,
              sampling_ratio=1)
    cases.add("RoiAlign", "output half pixel", [x, rois, batch], opset=16, output_height=2, output_width=2,
              coordinate_transformation_mode="output_half_pixel")

"""Run the package `mtcnn` on arrays: `python bench/mtcnn_reference_script.py IN.npz OUT.npz`.

The Python must have `mtcnn` and TensorFlow; nothing of this project is imported.
Input: photos as `photo.NAME` (height, width, 3), and inputs of the networks as `pnet`, `rnet` and `onet`
(n, height, width, 3), all uint8 RGB.
Output: `photo.NAME` (n, 16) as returned by `detect_faces` with default settings: image, x0, y0, x1, y1, score, five x
and five y of the landmarks; and the outputs of the networks as `pnet.boxes`, `pnet.classes` and so on.
"""

import sys

import numpy as np
from mtcnn import MTCNN

NETWORKS = {"pnet": ("boxes", "classes"), "rnet": ("boxes", "classes"), "onet": ("boxes", "landmarks", "classes")}


def main(source: str, target: str) -> None:
    detector = MTCNN()
    inputs, outputs = np.load(source), {}
    for name in inputs:
        if name.startswith("photo."):
            faces = detector.detect_faces(inputs[name], output_type="numpy", box_format="xyxy", fit_to_image=False)
            outputs[name] = np.reshape(faces, (-1, 16))
    stages = dict(zip(NETWORKS, detector.stages, strict=True))
    for name in NETWORKS.keys() & set(inputs):
        values = stages[name].model((inputs[name].astype(np.float32) - 127.5) / 128)
        outputs |= {f"{name}.{output}": np.asarray(value) for output, value in zip(NETWORKS[name], values, strict=True)}
    np.savez(target, **outputs)


if __name__ == "__main__":
    main(*sys.argv[1:])

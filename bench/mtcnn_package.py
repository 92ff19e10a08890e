"""What the package `mtcnn` itself sees: run by a Python that has it and TensorFlow, on arrays in one file.

`python bench/mtcnn_package.py IN.npz OUT.npz`. In: photos as `photo.NAME` (height, width, 3), and inputs of the
networks as `pnet`, `rnet` and `onet` (n, height, width, 3), all uint8 RGB. Out: `photo.NAME` (n, 16) as the package's
`detect_faces` gives it, by default settings: image, x0, y0, x1, y1, score, x of five landmarks, y of five landmarks;
and the outputs of the networks as `pnet.boxes`, `pnet.classes` ... Nothing of this project is imported.
"""

import sys

import numpy as np
from mtcnn import MTCNN

NETWORKS = {"pnet": ("boxes", "classes"), "rnet": ("boxes", "classes"), "onet": ("boxes", "landmarks", "classes")}


def main(source: str, target: str) -> None:
    detector = MTCNN()
    given, seen = np.load(source), {}
    for name in given:
        if name.startswith("photo."):
            faces = detector.detect_faces(given[name], output_type="numpy", box_format="xyxy", fit_to_image=False)
            seen[name] = np.reshape(faces, (-1, 16))
    stages = dict(zip(NETWORKS, detector.stages, strict=True))
    for name in NETWORKS.keys() & set(given):
        values = stages[name].model((given[name].astype(np.float32) - 127.5) / 128)
        seen |= {f"{name}.{output}": np.asarray(value) for output, value in zip(NETWORKS[name], values, strict=True)}
    np.savez(target, **seen)


if __name__ == "__main__":
    main(*sys.argv[1:])

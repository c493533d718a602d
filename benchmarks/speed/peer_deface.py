"""One peer, in its own environment: ``deface`` over a folder, by its own command line and with its own defaults.

Usage: python peer_deface.py ARGUMENT...; prints one JSON object as its last line: the boxes that it covered, by path.
Its threads are set to one, because one core is all that it has: ten photos took 7.4 s of processor time so, and 9.0 s
with the threads that it starts by itself. The files it writes are its own.
"""

import json
import sys

import cv2
import numpy as np
import onnxruntime

cv2.setNumThreads(1)
session = onnxruntime.InferenceSession


def on_one_thread(model: bytes, **options: object) -> onnxruntime.InferenceSession:
    """A network as deface opens it, on one thread."""
    one = onnxruntime.SessionOptions()
    one.intra_op_num_threads = one.inter_op_num_threads = 1
    return session(model, sess_options=one, **options)


onnxruntime.InferenceSession = on_one_thread

from deface import deface  # noqa: E402 - it must find one thread

covered: dict[str, list[list[float]]] = {}
now = [""]
read, cover = deface.image_detect, deface.anonymize_frame


def noting_path(ipath: str, **options: object) -> None:
    """One photo, its path noted."""
    now[0] = ipath
    read(ipath=ipath, **options)


def noting_boxes(dets: np.ndarray, *arguments: object, **options: object) -> None:
    """What is covered in it, noted: left, top, width, height of each face."""
    covered[now[0]] = [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2, _ in dets.tolist()]
    cover(dets, *arguments, **options)


def main() -> None:
    """Run it."""
    deface.image_detect, deface.anonymize_frame = noting_path, noting_boxes
    sys.argv[0] = "deface"
    deface.main()
    sys.stdout.write("\n" + json.dumps(covered))


if __name__ == "__main__":
    main()

"""One peer, in its own environment: ``deepface`` with the YuNet detector and the Dlib model.

Usage: python peer_deepface.py PHOTO... ; prints one JSON object as its last line. The weights must lie where deepface
looks for them (``$DEEPFACE_HOME/.deepface/weights``); the caller puts them there.
"""

import json
import sys
import time

from deepface import DeepFace


def main() -> None:
    """Detection and embeddings of every photo, timed after one warm-up photo."""
    paths = sys.argv[1:]
    options = {"model_name": "Dlib", "detector_backend": "yunet", "enforce_detection": False}
    DeepFace.represent(paths[0], **options)
    found = {}
    started = time.perf_counter()
    for path in paths:
        faces = DeepFace.represent(path, **options)
        areas = [face["facial_area"] for face in faces if face.get("face_confidence", 0) > 0]
        found[path] = [[area["x"], area["y"], area["w"], area["h"]] for area in areas]
    sys.stdout.write("\n" + json.dumps({"seconds": time.perf_counter() - started, "boxes": found, "upright": True}))


if __name__ == "__main__":
    main()

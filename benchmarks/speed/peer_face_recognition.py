"""One peer, in its own environment: ``face_recognition`` with its defaults (model "hog", one upsampling).

Usage: python peer_face_recognition.py PHOTO... ; prints one JSON object.
"""

import json
import sys
import time

import face_recognition


def main() -> None:
    """Detection and encodings of every photo, timed after one warm-up photo."""
    paths = sys.argv[1:]
    face_recognition.face_encodings(face_recognition.load_image_file(paths[0]))
    found = {}
    started = time.perf_counter()
    for path in paths:
        pixels = face_recognition.load_image_file(path)
        places = face_recognition.face_locations(pixels)
        face_recognition.face_encodings(pixels, places)
        found[path] = [[left, top, right - left, bottom - top] for top, right, bottom, left in places]
    json.dump({"seconds": time.perf_counter() - started, "boxes": found, "upright": False}, sys.stdout)


if __name__ == "__main__":
    main()
